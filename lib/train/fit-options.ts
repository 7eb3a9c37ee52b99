import { checkOptions, invalid, requireChoice, requireSignal, requireString } from '../check.ts'
import type { TrainingData } from './source.ts'

export interface FitOptions {
  /** Held-out data; its loss is computed after each epoch. */
  validation?: TrainingData
  /** Stops between two steps. */
  signal?: AbortSignal
  /**
   * What an aborted signal means: `'reject'`: `fit` rejects with its reason. `'resolve'`: the epoch ends after the
   * current step, and `fit` resolves with its history. Default `'reject'`.
   */
  onAbort?: 'reject' | 'resolve'
  /**
   * Continue a `fit` from a checkpoint: a file, or a folder with checkpoints, of which the newest is taken; if the
   * folder has none yet, the `fit` starts from the beginning. On the CPU, the weights are then bit for bit those of a
   * `fit` that was never interrupted. The settings must be those that it was written with. A folder that does not exist
   * is an error, unless a callback of this trainer writes checkpoints there.
   */
  resume?: string
}

/** The options of a `fit`, with defaults. @throws {TorchError} for an unknown option or an invalid value. */
export function readFitOptions(options: FitOptions): FitOptions & Required<Pick<FitOptions, 'onAbort'>> {
  checkOptions('fit', options, ['validation', 'signal', 'onAbort', 'resume'])
  const { signal, onAbort = 'reject', resume } = options
  requireSignal('fit', signal)
  requireChoice('fit', 'onAbort', onAbort, ['reject', 'resolve'])
  if (resume !== undefined) requireString('fit', 'resume', resume)
  if (resume === '') throw invalid('fit', 'resume', 'the path of a file or folder', resume, 'ERR_TORCH_VALUE')
  return { ...options, onAbort }
}
