/** A cycle in time by which errors may differ, such as the months of a year. */
export interface Cycle {
  readonly name: string
  readonly labels: readonly string[]
  /** The place of a time among the labels. */
  place(time: number): number
}

const HOUR = 3_600_000
const DAY = 24 * HOUR

const HOURS: Cycle = {
  name: 'hour of the day',
  labels: Array.from({ length: 24 }, (_, i) => String(i)),
  place: (time) => new Date(time).getUTCHours(),
}
const WEEKDAYS: Cycle = {
  name: 'day of the week',
  labels: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'],
  place: (time) => (new Date(time).getUTCDay() + 6) % 7,
}
const MONTHS: Cycle = {
  name: 'month',
  labels: ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'],
  place: (time) => new Date(time).getUTCMonth(),
}

/** The cycles, in UTC, that steps of `step` milliseconds pass through at least once in `span` milliseconds. */
export function cyclesFor(step: number, span: number): Cycle[] {
  return [
    ...(step <= 12 * HOUR && span >= DAY ? [HOURS] : []),
    ...(step <= DAY * 1.5 && span >= 7 * DAY ? [WEEKDAYS] : []),
    ...(step > HOUR && step < 200 * DAY && span >= 300 * DAY ? [MONTHS] : []),
  ]
}
