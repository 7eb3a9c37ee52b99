import { isArrayOf } from '../array.ts'
import { checkOptions, invalid, requireFunction } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { requireQuantiles } from '../nn/quantiles.ts'
import { tensor } from '../tensor/creation.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

/** Takes the output of a model, (N, H, K), apart: means and variances, (N, H, O) each, of the scaled targets. */
export type Gaussian = (output: Tensor) => readonly [mean: Tensor, variance: Tensor]

/**
 * What the output of a model is, at each step, for O targets:
 * - `'point'`: their values, K = O
 * - `{ quantiles }`: so many quantiles of each, those of the first target first, K = O · Q; ascending, as the model's
 *   `nn.QuantileLoss` has them
 * - `{ gaussian }`: what such a function takes apart, of a model trained with `nn.GaussianNLLLoss`
 */
export type Head = 'point' | { quantiles: readonly number[] } | { gaussian: Gaussian }

/** How to read the outputs of a model, (N, H, K). All values are scaled. */
export interface Reading {
  /** Whether outputs are the values themselves. */
  readonly isPoint: boolean
  /** The quantiles, if the outputs are such. */
  readonly quantiles?: readonly number[]
  /** The levels of the intervals that it has, if these are few. */
  readonly levels: readonly number[] | undefined
  /** The values to forecast, (N, H, O): medians of quantiles, means of a normal distribution. */
  point(output: Tensor): Tensor
  /** The bounds of the central interval of a level, (N, H, O) each; undefined if the outputs are points. */
  readonly bounds: ((output: Tensor, level: number) => readonly [lower: Tensor, upper: Tensor]) | undefined
}

/** Quantiles such as (1 - 0.8) / 2 are not exact. */
const isSame = (a: number, b: number): boolean => Math.abs(a - b) < 1e-9

/** @throws {TorchError} unless `head` is a {@link Head}. */
export function readHead(owner: string, head: unknown, targets: number): Reading {
  if (head === 'point') {
    return {
      isPoint: true,
      levels: [],
      bounds: undefined,
      point: (output) => ofWidth(owner, output, targets, 'values'),
    }
  }
  if (typeof head !== 'object' || head === null) {
    throw invalid(owner, 'head', "'point', { quantiles } or { gaussian }", head)
  }
  checkOptions(`${owner}: head`, head, 'gaussian' in head ? ['gaussian'] : ['quantiles'])
  return 'gaussian' in head ? gaussianHead(owner, head.gaussian, targets) : quantileHead(owner, head, targets)
}

/** @throws {TorchError} unless the output has the width that the targets need. */
function ofWidth(owner: string, output: Tensor, width: number, what: string): Tensor {
  if (output.size(-1) === width) return output
  const hint = what === 'values' ? '. For quantiles or a normal distribution say so in head' : ''
  throw torchError(
    'ERR_TORCH_SHAPE',
    `${owner}: the model has ${output.size(-1)} outputs for each step, but the targets need ${width} ${what}${hint}`,
    { op: owner, shapes: [output.shape] },
  )
}

function quantileHead(owner: string, { quantiles }: { quantiles?: unknown }, targets: number): Reading {
  requireQuantiles(`${owner}: head`, quantiles)
  if (quantiles.some((q, i) => i > 0 && q <= (quantiles[i - 1] as number))) {
    throw invalid(`${owner}: head`, 'quantiles', 'in ascending order', quantiles, 'ERR_TORCH_VALUE')
  }
  const find = (quantile: number): number => quantiles.findIndex((q) => isSame(q, quantile))
  // Sorted, since a network's quantiles may cross.
  const of = (output: Tensor, quantile: number): Tensor => {
    const [sorted] = ofWidth(owner, output, targets * quantiles.length, 'quantiles')
      .unflatten(-1, [targets, -1])
      .sort(-1)
    return sorted.select(-1, find(quantile))
  }
  if (find(0.5) < 0) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${owner}: head: 0.5, the median, must be among the quantiles: it is the forecast`,
    )
  }
  const levels = quantiles.flatMap((q) => (q < 0.5 && find(1 - q) >= 0 ? [1 - 2 * q] : []))
  return {
    isPoint: false,
    quantiles,
    levels,
    point: (output) => of(output, 0.5),
    bounds: (output, level) => [of(output, (1 - level) / 2), of(output, (1 + level) / 2)],
  }
}

function gaussianHead(owner: string, gaussian: unknown, targets: number): Reading {
  requireFunction(`${owner}: head`, 'gaussian', gaussian)
  const of = (output: Tensor): readonly [Tensor, Tensor] => {
    const found: unknown = (gaussian as Gaussian)(output)
    const wanted = [...output.shape.slice(0, -1), targets].join(', ')
    if (isArrayOf(found, isTensor) && found.length === 2 && found.every(({ shape }) => shape.join(', ') === wanted)) {
      return found as unknown as [Tensor, Tensor]
    }
    const got = isArrayOf(found, isTensor)
      ? found.map(({ shape }) => `(${shape.join(', ')})`).join(' and ')
      : describe(found)
    throw torchError(
      isArrayOf(found, isTensor) ? 'ERR_TORCH_SHAPE' : 'ERR_TORCH_TYPE',
      `${owner}: head: gaussian must return [mean, variance], each (${wanted}), but it returned ${got}`,
      { op: owner },
    )
  }
  return {
    isPoint: false,
    levels: undefined,
    point: (output) => of(output)[0],
    bounds: (output, level) => {
      const [mean, variance] = of(output)
      // The quantile (1 + level) / 2 of the standard normal distribution; no value is read, which a queue could not.
      const z = tensor(level, { dtype: 'float64' }).erfinv().mul(Math.SQRT2)
      const half = variance.sqrt().mul(z)
      return [mean.sub(half), mean.add(half)]
    },
  }
}

/** @throws {TorchError} unless `levels` is an array of probabilities between 0 and 1. */
export function requireLevels(owner: string, levels: unknown): asserts levels is readonly number[] {
  if (isArrayOf(levels, (level) => typeof level === 'number' && level > 0 && level < 1)) return
  throw invalid(owner, 'levels', 'an array of numbers between 0 and 1, such as [0.8]', levels, 'ERR_TORCH_VALUE')
}

/**
 * The levels of the intervals of a head.
 * @throws {TorchError} if it does not have one of the wanted; if quantiles give none, and none were refused.
 */
export function levelsOf(
  owner: string,
  { levels, bounds, quantiles = [] }: Reading,
  wanted: readonly number[] | undefined,
): number[] {
  if (wanted === undefined && levels?.length === 0 && quantiles.length > 1) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${owner}: the quantiles ${quantiles.join(', ')} give no interval: it needs a pair around the median, such as 0.1 and 0.9; or say levels: [] for none`,
      { op: owner },
    )
  }
  if (wanted === undefined) return [...(levels ?? [0.8, 0.95])]
  const missing = levels && wanted.find((level) => !levels.some((own) => isSame(own, level)))
  if (missing === undefined) return [...wanted]
  const reason =
    bounds === undefined
      ? 'a point has no interval: give a calibration, see calibrate, or train a head of quantiles'
      : `the quantiles give the levels ${levels?.map((level) => Number(level.toFixed(9))).join(', ') || '(none)'}`
  throw torchError('ERR_TORCH_VALUE', `${owner}: there is no interval of level ${missing}: ${reason}`, { op: owner })
}
