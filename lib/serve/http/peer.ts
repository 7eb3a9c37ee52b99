import { messageOf, torchError } from '../../errors.ts'

/** What needs an optional package. */
export type PeerOption = 'websocket' | 'metrics' | 'openapi' | 'tracing'

/** An optional package. */
export interface Peer {
  readonly name: string
  readonly load: () => Promise<unknown>
  /** That which needs it; without one it is always needed. */
  readonly option?: PeerOption
}

export const FASTIFY: Peer = { name: 'fastify', load: () => import('fastify') }

const PEERS: readonly (Peer & { readonly option: PeerOption })[] = [
  { name: '@fastify/websocket', option: 'websocket', load: () => import('@fastify/websocket') },
  { name: 'prom-client', option: 'metrics', load: () => import('prom-client') },
  { name: '@fastify/swagger', option: 'openapi', load: () => import('@fastify/swagger') },
  { name: '@fastify/swagger-ui', option: 'openapi', load: () => import('@fastify/swagger-ui') },
  { name: '@opentelemetry/api', option: 'tracing', load: () => import('@opentelemetry/api') },
]

/** The packages of those that are true. */
export const peersOf = (needs: Readonly<Record<PeerOption, boolean>>): Peer[] =>
  PEERS.filter(({ option }) => needs[option])

/**
 * Loads packages, so that importing them afterwards does not fail.
 *
 * @param owner what needs them
 * @param without how an option is left out, in words
 * @throws {TorchError} (rejects) `ERR_TORCH_RUNTIME` if some cannot be loaded: names all of these, and the one command
 *   that installs them.
 */
export async function requirePeers(
  owner: string,
  peers: readonly Peer[],
  without = (option: PeerOption): string => `{ ${option}: false }`,
): Promise<void> {
  const loaded = await Promise.allSettled(peers.map(({ load }) => load()))
  const failed = loaded.flatMap((result, i) =>
    result.status === 'rejected' ? [{ peer: peers[i] as Peer, reason: result.reason as unknown }] : [],
  )
  const [first] = failed
  if (first === undefined) return
  const reasons = failed.map(({ reason }) => reason)
  const names = failed.map(({ peer }) => peer.name)
  const options = new Set(failed.flatMap(({ peer }) => peer.option ?? []))
  const broken = failed.find(({ peer, reason }) => !isMissing(peer.name, reason))
  throw torchError(
    'ERR_TORCH_RUNTIME',
    [
      `${owner}: ${names.length === 1 ? 'a package is' : 'packages are'} missing: npm install ${names.join(' ')}`,
      options.size === 0 ? '' : `; or do without: ${[...options].map(without).join(', ')}`,
      broken === undefined ? '' : ` (${broken.peer.name}: ${messageOf(broken.reason).split('\n')[0]})`,
    ].join(''),
    { cause: reasons.length === 1 ? first.reason : new AggregateError(reasons) },
  )
}

/** Whether the reason is that there is no such package, and not a fault in it. */
function isMissing(name: string, reason: unknown): boolean {
  const { code } = (reason ?? {}) as NodeJS.ErrnoException
  return (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && messageOf(reason).includes(`'${name}'`)
}

/** A package in CommonJS has its exports under `default` for an import of an ES module. */
export function defaultOf<T>(module: { readonly default: T } | T): T {
  return typeof module === 'object' && module !== null && 'default' in module ? module.default : (module as T)
}
