import { checkOptions, invalid, requireInteger } from '../check.ts'
import { ahead, layout, type WindowBatch, WindowDataset } from '../data/series/windows.ts'
import { torchError } from '../errors.ts'
import { Module } from '../nn/module.ts'
import { inferenceMode, offload, tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { requireScales } from '../train/scales.ts'
import type { TrainableModel } from '../train/step.ts'
import type { Calibration } from './calibration.ts'
import { type Head, type Reading, readHead, requireLevels } from './head.ts'
import { roll } from './roll.ts'

export interface CalibrateOptions {
  /** The probabilities with which intervals are to cover the values. Default `[0.8, 0.95]`. */
  levels?: readonly number[]
  /** What the output of the model is. Default `'point'`. */
  head?: Head
  /** How many windows to compute at a time. Default 256. */
  batchSize?: number
}

const OWNER = 'calibrate'

/** How many windows to compute at a time, by default. */
export const MANY = 256

/** @throws {TorchError} unless `model` can be called. */
export function requireModel(owner: string, model: unknown): asserts model is TrainableModel {
  if (!(model instanceof Module)) throw invalid(owner, 'model', 'a Module', model)
}

/**
 * Measures the errors of a model on windows that it was not trained on, for the intervals of `forecast`. The radius of a
 * level p at a step is the ⌈(n + 1) p⌉-th smallest of the n absolute errors there, of scaled values: split conformal
 * prediction (Lei et al., 2018). If later errors are like those of the windows, an interval covers at least p of the
 * values at its step. Windows of one series overlap and times change, so take this as approximate.
 *
 * The steps are the `horizon` of the windows. A model that forecasts fewer at a time reads its own forecasts, as in
 * `forecast`, but the inputs that the windows have at those steps.
 *
 * @example
 * const calibration = await calibrate(model, validation, { levels: [0.9] })
 * await model.save('model.safetensors', { scaler: windows.scaler, calibration })
 * await forecast(await loadModel('model.safetensors'), series)
 * @throws {TorchError} (rejects) if there are too few windows for a level, or the model does not fit or was trained on windows
 *   with other scales.
 * @see https://arxiv.org/abs/1604.04173
 */
export async function calibrate(
  model: TrainableModel,
  windows: WindowDataset,
  options: CalibrateOptions = {},
  ...none: undefined[]
): Promise<Calibration> {
  requireModel(OWNER, model)
  if (!(windows instanceof WindowDataset)) throw invalid(OWNER, 'windows', 'a part of a split of a Series', windows)
  checkOptions(OWNER, options, ['levels', 'head', 'batchSize'], none)
  const { levels = [0.8, 0.95], head = 'point', batchSize = MANY } = options
  requireLevels(OWNER, levels)
  requireInteger(OWNER, 'batchSize', batchSize, 1)
  const { past, horizon, scaler } = windows
  const reading = readHead(OWNER, head, scaler.targets.length)
  requireScales(OWNER, model, scaler)
  return await tidy(async () => {
    const parts: Tensor[] = []
    for (let start = 0; start < windows.length; start += batchSize) {
      const indices = Array.from({ length: Math.min(batchSize, windows.length - start) }, (_, i) => start + i)
      parts.push(await tidy(() => errorsOf(model, windows, indices, reading)))
    }
    const [sorted, counts] = await offload(() =>
      inferenceMode(() =>
        tidy(() => {
          const [sorted] = functions.cat(parts, 0).sort(0)
          return [sorted, sorted.isnan().logicalNot().sum(0)] as const
        }),
      ),
    )
    const found = counts.toArray() as (number | bigint)[][]
    const radii = levels.map((level) => {
      const ranks = found.map((row) => row.map((count) => rankOf(level, Number(count)) - 1))
      return sorted
        .gather(0, tensor([ranks], { dtype: 'int64' }))
        .squeeze(0)
        .toArray() as number[][]
    })
    return {
      method: 'splitConformal',
      past,
      steps: horizon,
      targets: [...scaler.targets],
      windows: windows.length,
      levels: [...levels],
      radii,
    }
  })
}

/** The absolute errors of some windows, (N, H, O), on the CPU; NaN where a target is missing. */
async function errorsOf(
  model: TrainableModel,
  windows: WindowDataset,
  indices: readonly number[],
  reading: Reading,
): Promise<Tensor> {
  const { input, target, mask }: WindowBatch = windows.batch(indices, true)
  const continuation = {
    layout: windows[layout],
    difference: windows.scaler.difference,
    features: (steps: number) => windows[ahead](indices).narrow(1, 0, steps),
  }
  const output = await roll(OWNER, model, input, { steps: windows.horizon, reading, continuation })
  return await offload(() =>
    inferenceMode(() =>
      tidy(() => {
        const errors = reading.point(output).to({ device: 'cpu' }).sub(target).abs()
        return mask === undefined ? errors : errors.maskedFill(mask.logicalNot(), Number.NaN)
      }),
    ),
  )
}

/** Which of `count` sorted errors bounds the level. @throws {TorchError} if none does. */
function rankOf(level: number, count: number): number {
  // 0.7 times 10 is 7.000000000000001 in floating point.
  const rank = Math.ceil((count + 1) * level - 1e-9)
  if (rank <= count) return rank
  throw torchError(
    'ERR_TORCH_VALUE',
    `${OWNER}: an interval of level ${level} needs at least ${Math.ceil(level / (1 - level) - 1e-9)} windows with observed targets, got ${count}`,
    { op: OWNER },
  )
}
