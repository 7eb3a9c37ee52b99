import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CALENDAR, type CalendarInput, circleOf } from '../../../lib/data/series/calendar.ts'
import { expectClose } from '../../support/close.ts'

test.each([
  ['minute', '2024-05-17T10:15:00Z', 15 / 60],
  ['hour', '2024-05-17T06:30:00Z', 6.5 / 24],
  ['hour', '1969-12-31T18:00:00Z', 18 / 24],
  // A Monday, and the Friday after.
  ['weekday', '2024-05-13T00:00:00Z', 0],
  ['weekday', '2024-05-17T12:00:00Z', 4.5 / 7],
  ['dayOfMonth', '2024-02-15T00:00:00Z', 14 / 29],
  ['dayOfYear', '2024-12-31T00:00:00Z', 365 / 366],
  ['dayOfYear', '2023-07-02T12:00:00Z', 0.5],
] as const)('%s of %s', (name, time, phase) => {
  expect(CALENDAR[name](Date.parse(time))).toBeCloseTo(phase, 12)
  expectClose(circleOf(name, Date.parse(time)), [Math.sin(2 * Math.PI * phase), Math.cos(2 * Math.PI * phase)])
})

test('a phase is from 0 to less than 1 at any time (property)', () => {
  const times = fc.date({ noInvalidDate: true, min: new Date('1900'), max: new Date('2100') })
  fc.assert(
    fc.property(times, fc.constantFrom(...(Object.keys(CALENDAR) as CalendarInput[])), (time, name) => {
      const phase = CALENDAR[name](time.getTime())
      expect(phase).toBeGreaterThanOrEqual(0)
      expect(phase).toBeLessThan(1)
    }),
  )
})
