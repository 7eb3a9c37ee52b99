import { requireDict, requireNonNegative, requireString } from '../check.ts'
import { torchError } from '../errors.ts'
import { shareOf } from './state.ts'
import type { SharedWeights, Version } from './version.ts'

/** Shares of the requests by the names of versions. */
export type Routes = Readonly<Record<string, number>>

/** One version of a server, as it tells it. */
export interface VersionInfo {
  readonly name: string
  /** The name of the model's class. */
  readonly model: string
  /** What computes it: native code without tensors, or tensors. */
  readonly engine: 'native' | 'tensor'
  /** Why it is computed by tensors, or null. */
  readonly reason: string | null
  /** Its weights in the native engine, or null. */
  readonly weights: SharedWeights | null
  /** Its share of the requests, from 0 to 1. */
  readonly share: number
  /** How many requests it got. */
  readonly requests: number
}

/** Versions side by side, and which of them gets a request. One that nobody can get any more is handed to `retire`. */
export class Versions {
  readonly #all = new Map<string, Version>()
  /** Those that get requests, or could by their name. */
  #routes: Map<Version, number> = new Map()
  /** What {@link rollback} goes back to. */
  #previous: Map<Version, number> | undefined
  /** Smooth weighted round robin: the one with the most credit is next, and pays for it. */
  readonly #credit = new Map<Version, number>()
  #only: Version | undefined
  #made = 0
  readonly #retire: (version: Version) => void

  constructor(retire: (version: Version) => void) {
    this.#retire = retire
  }

  /** A name for the next version. */
  newName(): string {
    do this.#made += 1
    while (this.#all.has(`v${this.#made}`))
    return `v${this.#made}`
  }

  has(name: string): boolean {
    return this.#all.has(name)
  }

  /** The one that gets the most. */
  get main(): Version {
    let main: Version | undefined
    for (const [version, weight] of this.#routes) {
      if (main === undefined || weight > (this.#routes.get(main) as number)) main = version
    }
    return main as Version
  }

  [Symbol.iterator](): IterableIterator<Version> {
    return this.#all.values()
  }

  get(owner: string, name: string): Version {
    const found = this.#all.get(name)
    if (found !== undefined && found.successor === undefined) return found
    throw torchError(
      'ERR_TORCH_VALUE',
      `${owner}: there is no version '${name}', only ${[...this.#routes.keys()].map((version) => version.name).join(', ')}`,
      { op: owner },
    )
  }

  /** The version of the next request. */
  next(): Version {
    if (this.#only !== undefined) return this.#only
    let best: Version | undefined
    let most = Number.NEGATIVE_INFINITY
    for (const [version, weight] of this.#routes) {
      if (weight === 0) continue
      const credit = (this.#credit.get(version) ?? 0) + weight
      this.#credit.set(version, credit)
      if (credit > most) [best, most] = [version, credit]
    }
    this.#credit.set(best as Version, most - 1)
    return best as Version
  }

  /** The version of a session, the same for each id as long as the shares are. */
  ofSession(id: string): Version {
    let left = shareOf(id)
    for (const [version, weight] of this.#routes) {
      left -= weight
      if (weight > 0 && left < 0) return version
    }
    return this.main
  }

  /** Adds a version, which gets a share of all requests, and the others the rest. */
  add(version: Version, share: number): void {
    this.#all.set(version.name, version)
    const rest = share === 1 ? [] : [...this.#routes].map(([other, weight]) => [other, weight * (1 - share)] as const)
    this.#change(new Map([...rest, [version, this.#routes.size === 0 ? 1 : share]]))
  }

  /** @throws {TorchError} unless `routes` gives shares of 0 or more to versions that there are, and one more than 0. */
  route(routes: Routes): void {
    const weights = Object.entries(requireDict('route', 'routes', routes)).map(([name, weight]) => {
      requireNonNegative('route', `the share of ${name}`, weight)
      return [this.get('route', name), weight] as const
    })
    const sum = weights.reduce((all, [, weight]) => all + weight, 0)
    if (!(sum > 0 && sum < Number.POSITIVE_INFINITY)) {
      throw torchError('ERR_TORCH_VALUE', 'route: one version at least must get a share above 0', { op: 'route' })
    }
    this.#change(new Map(weights.map(([version, weight]) => [version, weight / sum])))
  }

  /** @throws {TorchError} if there is nothing to go back to. */
  rollback(): void {
    if (this.#previous === undefined) {
      throw torchError(
        'ERR_TORCH_VALUE',
        'rollback: there is nothing to go back to: only what was before the last reload or route is kept, once',
        { op: 'rollback' },
      )
    }
    this.#change(this.#previous, null)
  }

  /** @param previous what can be gone back to from then on */
  #change(routes: Map<Version, number>, previous: Map<Version, number> | null = this.#routes): void {
    this.#previous = previous?.size ? previous : undefined
    this.#routes = routes
    this.#credit.clear()
    const shares = [...routes].filter(([, weight]) => weight > 0)
    this.#only = shares.length === 1 ? shares[0]?.[0] : undefined
    for (const version of [...this.#all.values()]) {
      const isRouted = routes.has(version)
      version.weight = routes.get(version) ?? 0
      version.successor = isRouted ? undefined : (id) => this.ofSession(id)
      if (isRouted || this.#previous?.has(version)) continue
      this.#all.delete(version.name)
      this.#retire(version)
    }
  }

  /** All that can be routed, or rolled back to. */
  list(): VersionInfo[] {
    return [...this.#all.values()].map(({ name, model, kind, reason, weights, weight, requests }) => ({
      name,
      model,
      engine: kind,
      reason,
      weights,
      share: weight,
      requests,
    }))
  }
}

export function requireName(owner: string, versions: Versions, name: unknown): asserts name is string {
  requireString(owner, 'name', name)
  if (name === '' || versions.has(name)) {
    const problem = name === '' ? 'must not be empty' : `'${name}' is taken`
    throw torchError('ERR_TORCH_VALUE', `${owner}: the name of a version ${problem}`, { op: owner })
  }
}
