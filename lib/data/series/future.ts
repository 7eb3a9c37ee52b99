import { isArrayOf } from '../../array.ts'
import { invalid, requireDict } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { runSync } from '../../io/coroutine.ts'
import { tidy } from '../../tensor/context.ts'
import { isTypedArray } from '../../tensor/data.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { SeriesScaler } from '../scaler/series-scaler.ts'
import { concat } from './concat.ts'
import type { Contents } from './contents.ts'
import { frameOf } from './frame.ts'
import { MEMORY } from './storage.ts'

import { type Step, timeAfter } from './time.ts'

/** The values of inputs at the steps after the data, by name. */
export type FutureColumns = Readonly<Record<string, ArrayLike<number>>>

/** Months that tell whether a series has the last day of each. */
const YEAR = 12

/** The times of the `steps` steps after each group's last row, one group after the other. */
export function futureTimes({ table: { times, groups } }: Contents, step: Step, steps: number): Float64Array {
  const all = groups.map(({ start, end }) => {
    const last = times[end - 1] as number
    const days = Array.from(times.subarray(Math.max(start, end - YEAR), end), (time) => new Date(time).getUTCDate())
    return Float64Array.from({ length: steps }, (_, k) => timeAfter(step, last, k + 1, Math.max(...days)))
  })
  return concat(all)
}

/** A check of the inputs at steps after the data: for each group, in its order, columns by name. */
export function readFuture(owner: string, { table, inputs, masked }: Contents, given: unknown): FutureColumns[] {
  const isGrouped = table.groups[0]?.name !== undefined
  const dict = requireDict(owner, 'futureInputs', given)
  if (isGrouped) requireNames(owner, 'group', dict, groupNames(table))
  const parts = isGrouped ? groupNames(table).map((name): [string, unknown] => [`.${name}`, dict[name]]) : [['', dict]]
  return (parts as [string, unknown][]).map(([path, part]) => {
    const columns = requireDict(owner, `futureInputs${path}`, part)
    requireNames(owner, 'input', columns, inputs)
    for (const name of inputs) {
      const column = columns[name]
      const isValue = (value: unknown): boolean => Number.isFinite(value) || (masked && Number.isNaN(value))
      if (isTypedArray(column) ? Array.from(column as Float64Array).every(isValue) : isArrayOf(column, isValue))
        continue
      throw invalid(owner, `futureInputs${path}.${name}`, 'an array of finite numbers', column)
    }
    return columns as FutureColumns
  })
}

const groupNames = (table: Contents['table']): string[] => table.groups.map(({ name }) => name as string)

/** @throws {TorchError} unless `dict` has these names, and no others. */
function requireNames(owner: string, what: string, dict: object, names: readonly string[]): void {
  const missing = names.filter((name) => !Object.hasOwn(dict, name))
  const unknown = Object.keys(dict).filter((name) => !names.includes(name))
  if (missing.length + unknown.length === 0) return
  const problem =
    missing.length > 0 ? `futureInputs lacks the ${what} '${missing[0]}'` : `there is no ${what} '${unknown[0]}'`
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: ${problem}: the ${what}s of the series are ${names.join(', ') || '(none)'}`,
    { op: owner },
  )
}

/**
 * The features of inputs at the first `steps` steps after the data: (G, steps, I). Those of targets are NaN, or masked:
 * a forecast takes their place.
 *
 * @param inputs of each group, for at least so many steps
 */
export function futureFeatures(
  owner: string,
  contents: Contents,
  scaler: SeriesScaler,
  { step, steps, inputs }: { step: Step; steps: number; inputs: readonly FutureColumns[] },
): Tensor {
  const { groups } = contents.table
  const joined = (of: (group: number) => Float64Array): Float64Array => concat(groups.map((_, i) => of(i)))
  const columns = new Map<string, Float64Array>()
  for (const name of contents.targets) columns.set(name, new Float64Array(groups.length * steps).fill(Number.NaN))
  for (const name of contents.inputs) {
    columns.set(
      name,
      joined((i) => {
        const column = inputs[i]?.[name] ?? []
        if (column.length >= steps) return Float64Array.from({ length: steps }, (_, k) => column[k] as number)
        throw torchError(
          'ERR_TORCH_VALUE',
          `${owner}: futureInputs has ${column.length} values of '${name}', but the model reads ${steps} steps after the data`,
          { op: owner },
        )
      }),
    )
  }
  const table = {
    times: futureTimes(contents, step, steps),
    columns,
    groups: groups.map(({ name }, i) => ({ name, start: i * steps, end: (i + 1) * steps })),
  }
  return tidy(() => {
    const segments = table.groups.map(({ start, end }, group) => ({ group, start, end }))
    const { inputs: rows } = runSync(frameOf(owner, { ...contents, table, segments, storage: MEMORY }, scaler))
    return rows.reshape([groups.length, steps, -1])
  })
}
