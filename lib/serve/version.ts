import { torchError } from '../errors.ts'
import type { Batcher } from './batcher.ts'
import type { Engine } from './engine.ts'
import type { Signature } from './input.ts'
import type { Stepper } from './stepper.ts'
import type { Units } from './units.ts'

/** Weights that are packed for the native engine. */
export interface SharedWeights {
  readonly bytes: number
  /** The file that they are mapped from, whose pages all processes of this user share, or null: private memory. */
  readonly file: string | null
  /** Why they are in private memory, or null. */
  readonly reason: string | null
}

/** One version of a model, with all that computes it. */
export interface Version {
  /** Given when it is added. */
  name: string
  /** The name of the model's class. */
  readonly model: string
  readonly engine: Engine
  /** What computes it, and if it is not the native engine, why. */
  readonly kind: 'native' | 'tensor'
  readonly reason: string | null
  /** The packed weights of the native engine, or null. */
  readonly weights: SharedWeights | null
  readonly signature: Signature
  readonly units: Units | undefined
  readonly batcher: Batcher
  readonly stepper: Stepper
  /** What must be the same in another model that goes on from a state of this one; null if there are no states. */
  readonly stateKind: string | null
  /** Its share of the requests, relative to the others'. */
  weight: number
  /** How many requests it got. */
  requests: number
  /** Of a version that gets no more: where each of its sessions goes on. */
  successor: ((id: string) => Version) | undefined
  /** Waits for what runs, and frees the model. */
  close(): Promise<void>
}

/** What a version takes and gives, in words. */
function shapesOf({ signature: { inputSize, numEmbeddings, outputShape, perStep } }: Version): string {
  const input = numEmbeddings === null ? `(steps, ${inputSize})` : `${numEmbeddings} tokens`
  return `${input} -> (${[...(perStep ? ['steps'] : []), ...outputShape].join(', ')})`
}

/**
 * @param sessions how many there are, and what becomes of those whose state does not fit
 * @throws {TorchError} unless a version can take the place of the present one.
 */
export function requireSame(
  version: Version,
  present: Version,
  sessions: { readonly count: number; readonly become: 'keep' | 'reset' },
): void {
  const op = 'reload'
  const { stateKind, model } = version
  const [was, is] = [shapesOf(present), shapesOf(version)]
  if (was !== is) {
    throw torchError('ERR_TORCH_SHAPE', `reload: the server computes ${was}, but this ${model} ${is}`, { op })
  }
  if (stateKind === present.stateKind || sessions.count === 0) return
  const wanted = `${sessions.count} sessions have states of another kind, ${present.stateKind}`
  if (stateKind === null) {
    throw torchError('ERR_TORCH_VALUE', `reload: ${wanted}, but this ${model} cannot be stepped`, { op })
  }
  if (sessions.become === 'reset') return
  throw torchError(
    'ERR_TORCH_VALUE',
    `reload: ${wanted}, from which this ${model}, ${stateKind}, cannot go on: with { sessions: 'reset' } they begin anew`,
    { op },
  )
}
