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
