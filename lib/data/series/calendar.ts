/** Where in the cycle `unit` a time is, from 0 to 1, in UTC. */
type Phase = (time: number) => number

const HOUR = 3_600_000
const DAY = 24 * HOUR
const WEEK = 7 * DAY
// 1970 began on a Thursday.
const MONDAY = 4 * DAY

const cycle =
  (length: number, start = 0): Phase =>
  (time) => {
    const rest = (time - start) % length
    return (rest < 0 ? rest + length : rest) / length
  }

/** Phases of periods that differ in length. Neighbouring times are mostly in the same one, whose bounds are kept. */
function period(startOf: (year: number, month: number, next: 0 | 1) => number): Phase {
  let [start, end] = [0, 0]
  return (time) => {
    if (time < start || time >= end) {
      const date = new Date(time)
      const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
      start = startOf(year, month, 0)
      end = startOf(year, month, 1)
    }
    return (time - start) / (end - start)
  }
}

/**
 * A place in a cycle of the calendar: `'minute'` in the hour, `'hour'` in the day, `'weekday'` in the week (from
 * Monday on), `'dayOfMonth'` in the month, `'dayOfYear'` in the year; all in UTC. It moves on with each time, not only
 * with each whole hour or day. As a point on a circle, (sin 2πp, cos 2πp) with p from 0 to 1, December is next to
 * January.
 */
export type CalendarInput = 'minute' | 'hour' | 'weekday' | 'dayOfMonth' | 'dayOfYear'

export const CALENDAR: Readonly<Record<CalendarInput, Phase>> = {
  minute: cycle(HOUR),
  hour: cycle(DAY),
  weekday: cycle(WEEK, MONDAY),
  dayOfMonth: period((year, month, next) => Date.UTC(year, month + next)),
  dayOfYear: period((year, _, next) => Date.UTC(year + next, 0)),
}

/** The two inputs of a time. */
export function circleOf(name: CalendarInput, time: number): [sin: number, cos: number] {
  const angle = 2 * Math.PI * CALENDAR[name](time)
  return [Math.sin(angle), Math.cos(angle)]
}
