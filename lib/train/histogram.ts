import { noGrad, offload, tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Histogram } from './event-file.ts'

/** TensorBoard's limits of buckets: 1e-12 · 1.1^k up to 1e20, of both signs, and 0. */
export const LIMITS: Float64Array = (() => {
  const positive: number[] = []
  for (let limit = 1e-12; limit < 1e20; limit *= 1.1) positive.push(limit)
  return Float64Array.from([...positive.map((limit) => -limit).reverse(), 0, ...positive])
})()

/**
 * The histograms of tensors of any shape, dtype and device, in TensorBoard's buckets, computed off the main thread. NaN and
 * infinite values are left out, and so are tensors with nothing else.
 */
export async function histogramsOf(tensors: Readonly<Record<string, Tensor>>): Promise<Record<string, Histogram>> {
  const names = Object.keys(tensors).filter((name) => tensors[name]?.numel !== 0)
  if (names.length === 0) return {}
  const rows = await tidy(async () => {
    const found = await offload(() =>
      noGrad(() => tidy(() => functions.stack(names.map((name) => measured(tensors[name] as Tensor).to('cpu'))))),
    )
    return found.toArray() as number[][]
  })
  const entries = rows.flatMap((row, i) => {
    const histogram = histogramIn(row)
    return histogram === undefined ? [] : [[names[i] as string, histogram] as const]
  })
  return Object.fromEntries(entries)
}

/** Minimum, maximum, number, sum, sum of squares, and the number of values in each bucket. */
function measured(values: Tensor): Tensor {
  const flat = values.detach().flatten().double()
  const finite = flat.isfinite()
  const known = flat.where(finite, 0)
  const limits = tensor(LIMITS, { device: values.device })
  // Bucket i is from limit i - 1 up to, not including, limit i; what is beyond the last one belongs to it.
  const bucket = functions.bucketize(known, limits, { right: true }).clamp(1, LIMITS.length - 1)
  const counts = functions.bincount(bucket, { weights: finite.double(), minlength: LIMITS.length })
  const numbers = [
    flat.where(finite, Number.POSITIVE_INFINITY).min(),
    flat.where(finite, Number.NEGATIVE_INFINITY).max(),
    finite.sum().double(),
    known.sum(),
    known.square().sum(),
  ]
  return functions.cat([functions.stack(numbers), counts])
}

/** Without empty buckets at both ends, but one at the start: only upper limits are saved. */
function histogramIn(row: readonly number[]): Histogram | undefined {
  const [min, max, num, sum, sumSquares, ...counts] = row as [number, number, number, number, number, ...number[]]
  if (num === 0) return undefined
  const first = counts.findIndex((count) => count > 0) - 1
  const end = counts.findLastIndex((count) => count > 0) + 1
  return {
    min,
    max,
    num,
    sum,
    sumSquares,
    limits: Array.from(LIMITS.subarray(first, end)),
    counts: counts.slice(first, end),
  }
}
