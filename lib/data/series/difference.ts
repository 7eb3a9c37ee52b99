// Targets as differences: what a value adds to the one some steps before takes a trend, or a season, out of a series.
import { torchError } from '../../errors.ts'
import { tidy } from '../../tensor/context.ts'
import { tensor } from '../../tensor/creation.ts'
import { functions } from '../../tensor/methods.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Scaler } from '../scaler/scaler.ts'
import { COLUMNS_OF, INVERSE, type SeriesScaler } from '../scaler/series-scaler.ts'
import type { Contents, Segment } from './contents.ts'
import type { Rows } from './table.ts'

/**
 * The row with the value that the one of `row` is compared with: `steps` before, or as many times more as it takes to
 * find an observed one from row `start` on; -1 if there is none.
 */
export function rowBefore(column: Float64Array, row: number, steps: number, start: number): number {
  let at = row - steps
  while (at >= start && Number.isNaN(column[at])) at -= steps
  return at >= start ? at : -1
}

/** What differences are taken of: the values, or their logarithms. */
export function levelOf(scaler: Scaler | undefined): (value: number) => number {
  const offset = scaler?.offset
  return offset === undefined ? (value) => value : (value) => Math.log(value + offset)
}

/** Differences of neighbours within segments, of the rows of a range. */
export function differencesIn(
  column: Float64Array,
  segments: readonly Rows[],
  { start, end }: Rows,
  { steps, scaler }: { steps: number; scaler: Scaler | undefined },
): Float64Array {
  const level = levelOf(scaler)
  const found: number[] = []
  for (const segment of segments) {
    const last = Math.min(end, segment.end)
    for (let row = Math.max(start, segment.start) + steps; row < last; row++) {
      const difference = level(column[row] as number) - level(column[row - steps] as number)
      if (!Number.isNaN(difference)) found.push(difference)
    }
  }
  return Float64Array.from(found)
}

/** Where the rows of a segment are, for a walk through all rows. */
export function segmentAt(segments: readonly Segment[], row: number): Segment | undefined {
  let [low, high] = [0, segments.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((segments[middle] as Segment).start <= row) low = middle
    else high = middle - 1
  }
  const found = segments[low]
  return found !== undefined && row >= found.start && row < found.end ? found : undefined
}

/** Center and scale of differences. */
export function scaleOf(scaler: Scaler | undefined): readonly [center: number, scale: number] {
  if (scaler === undefined) return [0, 1]
  return [scaler.scales.center[0] as number, scaler.scales.scale[0] as number]
}

/**
 * The scaled difference at a row: what the level adds to that of {@link rowBefore}, less the mean of such steps. NaN if
 * either is missing.
 */
export function differenceAt(
  column: Float64Array,
  row: number,
  start: number,
  { steps, scaler }: { steps: number; scaler: Scaler | undefined },
): number {
  const before = rowBefore(column, row, steps, start)
  if (before < 0) return Number.NaN
  const level = levelOf(scaler)
  const [center, scale] = scaleOf(scaler)
  const difference = level(column[row] as number) - level(column[before] as number)
  return (difference - (center * (row - before)) / steps) / scale
}

/**
 * Sums differences of `steps` to what a value adds to the last one before the horizon: (N, H, …) along `dim`. Missing
 * differences must be 0.
 */
export function accumulated(differences: Tensor, dim: number, steps: number): Tensor {
  const length = differences.size(dim)
  if (length <= steps) return differences
  if (steps === 1) return differences.cumsum(dim)
  const parts = [differences.narrow(dim, 0, steps)]
  for (let start = steps; start < length; start += steps) {
    const size = Math.min(steps, length - start)
    parts.push(differences.narrow(dim, start, size).add((parts.at(-1) as Tensor).narrow(dim, 0, size)))
  }
  return functions.cat(parts, dim)
}

/** The inverse of {@link accumulated}. */
export function separated(sums: Tensor, dim: number, steps: number): Tensor {
  const length = sums.size(dim)
  if (length <= steps) return sums
  const [first, later] = [sums.narrow(dim, 0, steps), sums.narrow(dim, steps, length - steps)]
  return functions.cat([first, later.sub(sums.narrow(dim, 0, length - steps))], dim)
}

/** The last row of what is known, and the first row of its segment. */
export interface Origin {
  readonly group: string | undefined
  readonly start: number
  readonly last: number
}

/**
 * What forecasts that are 0 stand for: the levels from which the differences at the `horizon` steps after each origin
 * start, and the mean steps from there on. (N, horizon, O) in a row; NaN if no value is known.
 */
export function startsOf(
  owner: string,
  { table, targets }: Pick<Contents, 'table' | 'targets'>,
  scaler: SeriesScaler,
  origins: readonly Origin[],
  horizon: number,
): Float64Array {
  const steps = scaler.difference as number
  const found = new Float64Array(origins.length * horizon * targets.length)
  for (const [n, { group, start, last }] of origins.entries()) {
    const scalers = scaler[COLUMNS_OF](owner, group)
    for (const [k, name] of targets.entries()) {
      const column = table.columns.get(name) as Float64Array
      const [level, [center]] = [levelOf(scalers[k]), scaleOf(scalers[k])]
      for (let h = 1; h <= horizon; h++) {
        const row = last + h
        // The first one that is not itself to forecast.
        const known = row - steps * Math.ceil(h / steps)
        const at = Number.isNaN(column[known]) || known < start ? rowBefore(column, known, steps, start) : known
        const value = at < 0 ? Number.NaN : level(column[at] as number) + (center * (row - at)) / steps
        found[(n * horizon + h - 1) * targets.length + k] = value
      }
    }
  }
  return found
}

/**
 * Outputs, or targets, that are sums of differences in the units of the targets: (N, horizon, …, O), (horizon, N, …, O)
 * without `batchFirst`, or (N, O) if the horizon is 1.
 * @throws {TorchError} if the output has other dimensions.
 */
export function inverseOf(
  owner: string,
  output: Tensor,
  {
    contents,
    scaler,
    origins,
    horizon,
    batchFirst,
  }: {
    contents: Pick<Contents, 'table' | 'targets'>
    scaler: SeriesScaler
    origins: readonly Origin[]
    horizon: number
    batchFirst: boolean
  },
): Tensor {
  const [samples, size] = [origins.length, contents.targets.length]
  const isSingle = output.ndim === 2
  const wanted = isSingle ? [samples] : batchFirst ? [samples, horizon] : [horizon, samples]
  if ((isSingle && horizon !== 1) || output.shape.slice(0, wanted.length).join() !== wanted.join()) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: the targets are differences, so the output must be (${(batchFirst ? [samples, horizon] : [horizon, samples]).join(', ')}, …, ${size}), got (${output.shape.join(', ')})`,
      { op: owner, shapes: [output.shape] },
    )
  }
  const groups = scaler.groups === undefined ? undefined : origins.map(({ group }) => group)
  return tidy(() => {
    const found = tensor(startsOf(owner, contents, scaler, origins, horizon), { shape: [samples, horizon, size] })
    const laidOut = batchFirst || isSingle ? found : found.transpose(0, 1)
    const between = Array<number>(Math.max(0, output.ndim - 3)).fill(1)
    const starts = laidOut.reshape([...wanted, ...between, size])
    return scaler[INVERSE](output, { groups, batchFirst, starts })
  })
}
