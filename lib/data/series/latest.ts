import { checkOptions, invalid, requireBoolean, requireInteger } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { runSync } from '../../io/coroutine.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { SeriesScaler } from '../scaler/series-scaler.ts'
import { concat } from './concat.ts'
import type { Contents } from './contents.ts'
import { frameOf } from './frame.ts'
import { requireFitting } from './split.ts'
import { MEMORY } from './storage.ts'
import { inGroup, type Table } from './table.ts'
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
  const starts = groups.map((group, index) => {
    const last = contents.segments.findLast((segment) => segment.group === index)
    const length = last === undefined ? 0 : last.end - last.start
    if (last !== undefined && length >= past) return last.end - past
    throw torchError(
      'ERR_TORCH_VALUE',
      `${OWNER}: past is ${past}, but there are ${length} steps since the last gap${inGroup(group)}`,
      {
        op: OWNER,
      },
    )
  })
  const table = rowsFrom(contents.table, starts, past)
  const frame = runSync(frameOf(OWNER, { ...contents, table, storage: MEMORY }, scaler))
  const input = gather(
    frame.inputs,
    starts.map((_, i) => i * past),
    0,
    past,
    batchFirst,
  )
  for (const made of [frame.inputs, frame.targets, frame.observed]) made?.dispose()
  return {
    input,
    groups: groups[0]?.name === undefined ? undefined : groups.map(({ name }) => name as string),
    times: starts.map((start) => new Date(times[start + past - 1] as number)),
  }
}

/** The `past` rows from each start on, one of each group. */
function rowsFrom({ times, columns, groups }: Table, starts: readonly number[], past: number): Table {
  const cut = (column: Float64Array): Float64Array =>
    concat(starts.map((start) => column.subarray(start, start + past)))
  return {
    times: cut(times),
    columns: new Map([...columns].map(([name, column]) => [name, cut(column)])),
    groups: groups.map(({ name }, i) => ({ name, start: i * past, end: (i + 1) * past })),
  }
}
