import { describe, expect, it } from 'vitest'
import { cyclesFor } from '../../../lib/cli/report/cycles.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const names = (step: number, span: number): string[] => cyclesFor(step, span).map(({ name }) => name)

describe('cyclesFor', () => {
  it('chooses those that the steps pass through', () => {
    expect(names(HOUR, 30 * DAY)).toEqual(['hour of the day', 'day of the week'])
    expect(names(DAY, 400 * DAY)).toEqual(['day of the week', 'month'])
    expect(names(DAY, 5 * DAY)).toEqual([])
    expect(names(7 * DAY, 800 * DAY)).toEqual(['month'])
    expect(names(31 * DAY, 800 * DAY)).toEqual(['month'])
    expect(names(365 * DAY, 20_000 * DAY)).toEqual([])
  })

  it('finds the place of a time, in UTC', () => {
    const [hour, weekday] = cyclesFor(HOUR, 30 * DAY)
    const sunday = Date.UTC(2024, 5, 30, 23, 30)
    expect(hour?.labels[hour.place(sunday)]).toBe('23')
    expect(weekday?.labels[weekday.place(sunday)]).toBe('Sun')
    const [month] = cyclesFor(31 * DAY, 800 * DAY)
    expect(month?.labels[month.place(Date.UTC(2024, 11, 31))]).toBe('Dec')
  })
})
