import { checkOptions, invalid, requireBoolean, requireInteger } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { runSync } from '../../io/coroutine.ts'
import { requireTensor, type Tensor } from '../../tensor/tensor.ts'
import { SeriesScaler } from '../scaler/series-scaler.ts'
import { concat } from './concat.ts'
import type { Contents } from './contents.ts'
import { inverseOf, type Origin } from './difference.ts'
import { frameOf } from './frame.ts'
import { requireFitting } from './split.ts'
import { MEMORY } from './storage.ts'
import { inGroup, type Rows, type Table } from './table.ts'
import { gather } from './windows.ts'

export interface LatestOptions {
  /** The steps of inputs. */
  past: number
  /** The scales with which the model was trained. */
  scaler: SeriesScaler
  /** `true`: (G, past, I), `false`: (past, G, I). Default `true`. */
  batchFirst?: boolean
}

export interface Latest {
  /** One sample for each of the G groups, or one if there are none: (G, past, I). */
  readonly input: Tensor
  /** The names of the groups, for `scaler.inverseTransform(output, { groups })`; undefined if there are none. */
  readonly groups: string[] | undefined
  /** The time of the last step of each. */
  readonly times: Date[]
  /** Turns a model's output for these inputs, (G, H, O) or (G, O), into the units of the targets. */
  inverseTransform(output: Tensor): Tensor
}

const OWNER = 'Series.latest'

export function latestOf(contents: Contents, options: LatestOptions): Latest {
  checkOptions(OWNER, options, ['past', 'scaler', 'batchFirst'])
  const { past, scaler, batchFirst = true } = options
  requireInteger(OWNER, 'past', past, 1, 2 ** 31 - 1)
  requireBoolean(OWNER, 'batchFirst', batchFirst)
  if (!(scaler instanceof SeriesScaler))
    throw invalid(OWNER, 'scaler', 'a SeriesScaler, as the parts of a split have it', scaler)
  requireFitting(OWNER, contents, scaler)
  const { groups, times } = contents.table
  const { difference = 0 } = scaler
  const tails = groups.map((group, index): Rows => {
    const last = contents.segments.findLast((segment) => segment.group === index)
    const length = last === undefined ? 0 : last.end - last.start
    if (last === undefined || length < past + difference) {
      const more = difference === 0 ? '' : `, and ${difference} to differ from`
      throw torchError(
        'ERR_TORCH_VALUE',
        `${OWNER}: past is ${past}${more}, but there are ${length} steps since the last gap${inGroup(group)}`,
        { op: OWNER },
      )
    }
    // What a value is compared with may be far before, if values are missing.
    const start = difference > 0 && contents.masked ? last.start : last.end - past - difference
    return { start, end: last.end }
  })
  const starts = tails.map(({ end }) => end - past)
  const table = rowsFrom(contents.table, tails)
  const segments = table.groups.map(({ start, end }, group) => ({ group, start, end }))
  const frame = runSync(frameOf(OWNER, { ...contents, table, segments, storage: MEMORY }, scaler))
  const input = gather(
    frame.inputs,
    segments.map(({ end }) => end - past),
    0,
    past,
    batchFirst,
  )
  const names = groups[0]?.name === undefined ? undefined : groups.map(({ name }) => name as string)
  for (const made of [frame.inputs, frame.targets, frame.observed]) made?.dispose()
  return {
    input,
    groups: names,
    times: starts.map((start) => new Date(times[start + past - 1] as number)),
    inverseTransform(output: Tensor): Tensor {
      requireTensor('Series.latest.inverseTransform', 'output', output)
      if (scaler.difference === undefined) {
        return scaler.inverseTransform(output, scaler.groups === undefined ? {} : { groups: names as string[] })
      }
      const origins = originsOf(contents)
      const horizon = output.ndim > 2 ? output.size(1) : 1
      return inverseOf('Series.latest.inverseTransform', output, {
        contents,
        scaler,
        origins,
        horizon,
        batchFirst: true,
      })
    },
  }
}

/** Where each group ends. */
export function originsOf({ table, segments }: Pick<Contents, 'table' | 'segments'>): Origin[] {
  return table.groups.map(({ name, start, end }) => {
    const segment = segments.findLast((one) => one.start >= start && one.end <= end)
    return { group: name, start: segment?.start ?? start, last: (segment?.end ?? end) - 1 }
  })
}

/** The rows of a range of each group. */
function rowsFrom({ times, columns, groups }: Table, ranges: readonly Rows[]): Table {
  const cut = (column: Float64Array): Float64Array =>
    concat(ranges.map(({ start, end }) => column.subarray(start, end)))
  let position = 0
  const newGroups = groups.map(({ name }, i) => {
    const { start, end } = ranges[i] as Rows
    position += end - start
    return { name, start: position - (end - start), end: position }
  })
  return {
    times: cut(times),
    columns: new Map([...columns].map(([name, column]) => [name, cut(column)])),
    groups: newGroups,
  }
}
