import { types } from 'node:util'
import { invalid } from '../../check.ts'
import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'

const DAY = 86_400_000
const UNITS = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: DAY,
  week: 7 * DAY,
  // Means of the Gregorian calendar.
  month: 30.436875 * DAY,
  year: 365.2425 * DAY,
} as const

export type TimeUnit = keyof typeof UNITS

/** The distance of two steps: `'hour'`, `'15 minutes'`, or a number of milliseconds. */
export type Frequency = number | TimeUnit | `${number} ${TimeUnit}s`

const ISO = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d(?:\.\d+)?))?)?)?)? ?(Z|[+-]\d\d(?::?\d\d)?)?$/

/**
 * Milliseconds since 1970 in UTC of a Date, a number of milliseconds, or an ISO 8601 text, which is in UTC unless it
 * has an offset. NaN if it is none of them.
 */
export function timeOf(value: unknown): number {
  if (types.isDate(value)) return value.getTime()
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value)
  const parts = typeof value === 'string' ? ISO.exec(value.trim()) : null
  if (parts === null) return Number.NaN
  const [, year = '', month = '01', day = '01', clock = '00:00', seconds = '00', zone = 'Z'] = parts
  // Date.parse takes the 30th of February for the 2nd of March.
  if (Number(day) > daysInMonth(Number(year), Number(month) - 1)) return Number.NaN
  const digits = zone.replaceAll(/[Z:]/g, '').padEnd(5, '0')
  return Date.parse(
    `${year}-${month}-${day}T${clock}:${seconds}${zone === 'Z' ? 'Z' : `${digits.slice(0, 3)}:${digits.slice(3)}`}`,
  )
}

function daysInMonth(year: number, month: number): number {
  return new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
}

/** A time in the words of error messages: the shortest ISO form. */
export function timeText(time: number): string {
  const text = Number.isNaN(new Date(time).getTime()) ? String(time) : new Date(time).toISOString()
  return text.replace('T00:00:00.000Z', '').replace('.000Z', 'Z')
}

/** The distance of two neighbouring steps of a series. */
export interface Step {
  readonly frequency: Frequency
  /** Its mean length in milliseconds. */
  readonly ms: number
  /** Months, if it is a number of them: these differ in length. */
  readonly months: number
}

function stepOf(count: number, unit: TimeUnit): Step {
  const months = unit === 'month' ? count : unit === 'year' ? 12 * count : 0
  return { frequency: count === 1 ? unit : `${count} ${unit}s`, ms: count * UNITS[unit], months }
}

/** @throws {TorchError} if `frequency` is none. */
export function parseFrequency(owner: string, frequency: unknown): Step {
  if (typeof frequency === 'number' && frequency > 0 && Number.isFinite(frequency)) return ofLength(frequency)
  const [, digits = '1', unit = ''] =
    typeof frequency === 'string' ? (/^(?:(\d+) )?([a-z]+?)s?$/.exec(frequency) ?? []) : []
  if (Object.hasOwn(UNITS, unit) && Number(digits) > 0) return stepOf(Number(digits), unit as TimeUnit)
  throw invalid(
    owner,
    'frequency',
    `a positive number of milliseconds, ${Object.keys(UNITS).join(', ')}, or several as in '15 minutes'`,
    frequency,
    typeof frequency === 'object' ? 'ERR_TORCH_TYPE' : 'ERR_TORCH_VALUE',
  )
}

/** A length in its largest unit. Lengths from 28 to 31 days are a month, and those of 365 or 366 days a year. */
function ofLength(ms: number): Step {
  if (ms >= 28 * DAY && ms <= 31 * DAY) return stepOf(1, 'month')
  if (ms >= 365 * DAY && ms <= 366 * DAY) return stepOf(1, 'year')
  const unit = (['week', 'day', 'hour', 'minute', 'second'] as const).find((name) => ms % UNITS[name] === 0)
  return unit === undefined ? { frequency: ms, ms, months: 0 } : stepOf(ms / UNITS[unit], unit)
}

/** The step of a series whose neighbouring rows are this far apart: the median. Undefined if there are none. */
export function inferStep(intervals: Float64Array): Step | undefined {
  const middle = intervals.toSorted()[intervals.length >> 1]
  return middle === undefined ? undefined : ofLength(middle)
}

/** The number of steps from one time to a later one, rounded. */
export function stepsBetween(step: Step, from: number, to: number): number {
  return Math.round((to - from) / step.ms)
}

/** The time `k` of `n` steps after `from`, where the last is `to`. */
export function timeBetween(step: Step, from: number, to: number, k: number, n: number): number {
  return step.months === 0 ? from + ((to - from) * k) / n : timeAfter(step, from, k)
}

/**
 * The time `k` steps after `from`.
 *
 * @param day the day of the month, if steps are months: 31 for the last of each. Default: that of `from`.
 */
export function timeAfter(step: Step, from: number, k: number, day = new Date(from).getUTCDate()): number {
  if (step.months === 0) return from + k * step.ms
  const start = new Date(from)
  const months = start.getUTCMonth() + k * step.months
  const days = daysInMonth(start.getUTCFullYear(), months)
  return new Date(from).setUTCMonth(months, Math.min(day, days))
}

/** Where a part of a series starts: a time, or the part's share of the rows, from 0 to 1. */
export type SplitPoint = string | Date | number

/** @throws {TorchError} unless `value` is a time or a share. */
export function requireSplitPoint(owner: string, name: string, value: unknown): asserts value is SplitPoint {
  const isShare = typeof value === 'number' && value > 0 && value < 1
  const isTime = typeof value !== 'number' && typeof value !== 'bigint' && !Number.isNaN(timeOf(value))
  if (isShare || isTime) return
  throw torchError(
    typeof value === 'number' || typeof value === 'string' ? 'ERR_TORCH_VALUE' : 'ERR_TORCH_TYPE',
    `${owner}: ${name} must be a time such as '2014' or '2014-06-30T12:00', a Date, or a share of the rows between 0 and 1, got ${describe(value)}`,
    { op: owner },
  )
}

/** What to do about times that look like years, or like dates as 20240131, and not like milliseconds since 1970. */
export function timeHint(times: ArrayLike<number>): string | undefined {
  const all = Array.from({ length: Math.min(times.length, LOOKED_AT) }, (_, i) => times[i] as number)
  if (all.length < 2 || !all.every(Number.isInteger)) return undefined
  if (all.every((value) => value >= 1000 && value < 3000)) return "for years, timeFormat: '%Y'"
  const isDate = (value: number): boolean => {
    const [month, day] = [Math.floor(value / 100) % 100, value % 100]
    return value >= 1e7 && value < 3e7 && month >= 1 && month <= 12 && day >= 1 && day <= 31
  }
  return all.every(isDate) ? "for dates such as 20240131, timeFormat: '%Y%m%d'" : undefined
}

/** Times that are looked at: more would tell the same. */
const LOOKED_AT = 1000
