import { checkOptions, invalid, requireInteger } from '../../check.ts'
import type { Contents } from './contents.ts'
import { contentsOf, type Series } from './series.ts'
import { inGroup } from './table.ts'
import { timeHint, timeText } from './time.ts'

/**
 * Something in a series that training will not mend:
 * - `'leak'`: an input is a target of later steps, which a forecast will not have
 * - `'constant'`: a column has one value only, in all of the series or in a group
 * - `'time'`: all times are within hours of 1970, as if years, or dates as 20240131, had been read as milliseconds
 */
export interface Finding {
  readonly kind: 'leak' | 'constant' | 'time'
  /** The column that it is about. */
  readonly column: string
  /** The series, if it is in one of several. */
  readonly group?: string
  /** A sentence for people. */
  readonly message: string
}

export interface ExamineOptions {
  /** How many steps ahead a target may be that an input has. Default 1. */
  horizon?: number
}

const OWNER = 'examine'
/** Rows that are compared, at most: more would not change what is found. */
const MOST_ROWS = 20_000
const MOST_SHIFTS = 400
const SECOND = 1000

/**
 * Looks for what is wrong with a series before time goes into training on it.
 *
 * An input leaks a target if a straight line of it gives the target some steps later, with an error of less than a
 * twentieth of what the target changes from step to step.
 *
 * @example for (const { message } of examine(series, { horizon: 7 })) console.warn(message)
 * @throws {TorchError} unless `series` is a `Series`, and `horizon` a positive integer.
 */
export function examine(series: Series, options: ExamineOptions = {}, ...none: undefined[]): Finding[] {
  const contents = contentsOf(series)
  if (contents === undefined) throw invalid(OWNER, 'series', 'a Series', series)
  checkOptions(OWNER, options, ['horizon'], none)
  const { horizon = 1 } = options
  requireInteger(OWNER, 'horizon', horizon, 1)
  const constants = constantsIn(contents)
  const still = new Set(constants.filter(({ group }) => group === undefined).map(({ column }) => column))
  return [...timesIn(contents), ...constants, ...leaksIn(contents, Math.min(horizon, MOST_SHIFTS), still)]
}

function timesIn({ table: { times, groups }, time }: Contents): Finding[] {
  const bounds = groups.flatMap(({ start, end }) => [times[start] as number, times[end - 1] as number])
  if (times.length < 2) return []
  const hint = timeHint(times)
  if (hint?.includes('%Y%m%d') === true) {
    const message = `column '${time}': numbers are milliseconds since 1970; ${hint}`
    return [{ kind: 'time', column: time, message }]
  }
  if (!bounds.every((value) => Math.abs(value) < 10 * SECOND)) return []
  const message = `column '${time}': all times are within seconds of ${timeText(0)}: numbers are milliseconds since 1970; for years, timeFormat: '%Y'`
  return [{ kind: 'time', column: time, message }]
}

function constantsIn({ table: { columns, groups } }: Contents): Finding[] {
  return [...columns].flatMap(([column, values]) => {
    const still = groups.filter(({ start, end }) => isConstant(values, start, end))
    const [first] = still
    if (first === undefined) return []
    const shown = String(values.subarray(first.start, first.end).find((value) => !Number.isNaN(value)))
    if (isConstant(values, 0, values.length)) {
      return [{ kind: 'constant', column, message: `column '${column}' is ${shown} in all ${values.length} rows` }]
    }
    const more = still.length > 1 ? `, and in ${still.length - 1} more` : ''
    const group = first.name === undefined ? {} : { group: first.name }
    const message = `column '${column}' is ${shown} in all ${first.end - first.start} rows${inGroup(first)}${more}`
    return [{ kind: 'constant', column, ...group, message } as const]
  })
}

function isConstant(values: Float64Array, start: number, end: number): boolean {
  let first = Number.NaN
  for (let row = start; row < end; row++) {
    const value = values[row] as number
    if (Number.isNaN(value)) continue
    if (Number.isNaN(first)) first = value
    else if (value !== first) return false
  }
  return !Number.isNaN(first)
}

function leaksIn({ table, segments, targets, inputs }: Contents, shifts: number, still: Set<string>): Finding[] {
  const findings: Finding[] = []
  const rows = limited(segments)
  for (const input of inputs) {
    for (const target of targets) {
      if (still.has(input) || still.has(target)) continue
      const [x, y] = [table.columns.get(input), table.columns.get(target)] as [Float64Array, Float64Array]
      const change = Math.sqrt(variances(y, y, rows, 1).change)
      for (let shift = 1; shift <= shifts; shift++) {
        if (Math.sqrt(variances(x, y, rows, shift).rest) > change / 20) continue
        const steps = shift === 1 ? 'step' : 'steps'
        const message = `column '${input}' is the target '${target}' of ${shift} ${steps} later: the forecast would be known, and will not be when it is needed`
        findings.push({ kind: 'leak', column: input, message })
        break
      }
    }
  }
  return findings
}

interface Span {
  readonly start: number
  readonly end: number
}

/** The first rows of the segments, so many in all. */
function limited(segments: readonly Span[]): Span[] {
  const spans: Span[] = []
  let left = MOST_ROWS
  for (const { start, end } of segments) {
    if (left <= 0) break
    const length = Math.min(left, end - start)
    spans.push({ start, end: start + length })
    left -= length
  }
  return spans
}

/**
 * Of y, `shift` rows later, against x: the variance that a straight line leaves, and the mean square of y - x. Infinite
 * if there are not enough pairs to tell.
 */
function variances(
  x: Float64Array,
  y: Float64Array,
  spans: readonly Span[],
  shift: number,
): { rest: number; change: number } {
  let [n, meanX, meanY, xx, yy, xy, squares] = [0, 0, 0, 0, 0, 0, 0]
  for (const { start, end } of spans) {
    for (let row = start; row + shift < end; row++) {
      const [a, b] = [x[row] as number, y[row + shift] as number]
      if (Number.isNaN(a) || Number.isNaN(b)) continue
      n++
      const [dx, dy] = [a - meanX, b - meanY]
      meanX += dx / n
      meanY += dy / n
      xx += dx * (a - meanX)
      yy += dy * (b - meanY)
      xy += dx * (b - meanY)
      squares += (b - a) ** 2
    }
  }
  if (n < 10 || xx === 0) return { rest: Number.POSITIVE_INFINITY, change: n === 0 ? 0 : squares / n }
  return { rest: Math.max(0, yy - xy ** 2 / xx) / n, change: squares / n }
}
