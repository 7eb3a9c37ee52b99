import type { TorchError } from '../errors.ts'

/**
 * One sequence of a batch: (steps, inputSize) values row after row, or (steps) tokens. Not changed until `run` has been
 * called (it copies).
 */
export interface Sequence {
  readonly data: Float32Array | Int32Array
  readonly steps: number
}

/** Computes batches of one version of a model, off the event loop. */
export interface Engine {
  /** Features per step; 1 with tokens. */
  readonly inputSize: number
  /** Not null: the input is tokens. */
  readonly numEmbeddings: number | null
  /** Numbers per row of an output: the model's output size, times its horizon. */
  readonly outputSize: number
  /** Of one row of an output: [outputSize], or [horizon, outputSize]. */
  readonly outputShape: readonly number[]
  /** Whether a sequence has a row of outputs for each step; else it has one. */
  readonly perStep: boolean
  /** Numbers of a session's state; null if the model cannot be stepped. */
  readonly stateSize: number | null
  /**
   * Computes the sequences in one batch with their lengths, no padding. Copies inputs before it returns. Row i of the
   * result is the output (rows * outputSize), or the error of that row alone (not finite with rejectNonFinite; token out
   * of range). Rejects if the batch failed.
   */
  run(batch: readonly Sequence[]): Promise<readonly (Float32Array | TorchError)[]>
  /** Opens a slot for the state of a session: zeros, or a copy of `state`. */
  openSlot(state?: Float32Array): number
  closeSlot(slot: number): void
  readSlot(slot: number): Float32Array
  /**
   * Steps `slots` (distinct, none in flight) together: x (slots, inputSize) or tokens (slots); y (slots, outputSize).
   * `failed`: indices whose sample was not finite or no token; their state is unchanged.
   */
  step(slots: Int32Array, x: Float32Array | Int32Array): Promise<{ y: Float32Array; failed: readonly number[] }>
  /** Waits for what runs, and frees the rest. */
  close(): Promise<void>
}
