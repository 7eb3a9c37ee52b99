import { describe, expect, test } from 'vitest'
import { inferStep, parseFrequency, timeBetween, timeOf, timeText } from '../../../lib/data/series/time.ts'
import { expectError } from '../../support/error.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

test.each([
  ['2014', Date.UTC(2014, 0)],
  ['2014-03', Date.UTC(2014, 2)],
  ['2014-03-04', Date.UTC(2014, 2, 4)],
  ['2014-03-04T05:06', Date.UTC(2014, 2, 4, 5, 6)],
  ['2014-03-04 05:06:07', Date.UTC(2014, 2, 4, 5, 6, 7)],
  ['2014-03-04T05:06:07.089Z', Date.UTC(2014, 2, 4, 5, 6, 7, 89)],
  ['2014-03-04T05:06+02:00', Date.UTC(2014, 2, 4, 3, 6)],
  ['2014-03-04T05:06-0130', Date.UTC(2014, 2, 4, 6, 36)],
  ['2014-03-04 05:06 +02', Date.UTC(2014, 2, 4, 3, 6)],
  [' 2016-02-29 ', Date.UTC(2016, 1, 29)],
  [new Date(17), 17],
  [17, 17],
  [17n, 17],
])('timeOf(%s) is in UTC', (value, time) => {
  expect(timeOf(value)).toBe(time)
})

test.each([
  '',
  'soon',
  '2014-02-29',
  '2014-02-30T00:00Z',
  '2014-13-01',
  '2014-1-1',
  '01/02/2014',
  '2014-03-04T25:00',
  null,
  undefined,
  {},
  new Date(Number.NaN),
])('timeOf(%s) is NaN', (value) => {
  expect(timeOf(value)).toBeNaN()
})

test('times are told as short as they are', () => {
  expect([0, 1000, 1, Number.NaN].map(timeText)).toEqual([
    '1970-01-01',
    '1970-01-01T00:00:01Z',
    '1970-01-01T00:00:00.001Z',
    'NaN',
  ])
})

describe('frequencies', () => {
  test.each([
    ['hour', 'hour', HOUR],
    ['15 minutes', '15 minutes', HOUR / 4],
    ['1 day', 'day', DAY],
    [60_000, 'minute', 60_000],
    [7 * DAY, 'week', 7 * DAY],
    [1500, 1500, 1500],
  ])('%j', (given, frequency, ms) => {
    expect(parseFrequency('f', given)).toMatchObject({ frequency, ms, months: 0 })
  })

  test('months and years differ in length', () => {
    expect(parseFrequency('f', 'month').months).toBe(1)
    expect(parseFrequency('f', '2 years').months).toBe(24)
  })

  test('are inferred from the median distance', () => {
    const step = (...days: number[]) => inferStep(Float64Array.from(days, (n) => n * DAY))?.frequency
    expect(step(1, 1, 1, 3, 1)).toBe('day')
    expect(step(31, 28, 31, 30)).toBe('month')
    expect(step(365, 365, 366)).toBe('year')
    expect(step(1 / 24, 1 / 24, 5)).toBe('hour')
    expect(step(1.5 / DAY)).toBe(1.5)
    expect(inferStep(new Float64Array(0))).toBeUndefined()
  })

  test('steps in between: months by the calendar, all others evenly', () => {
    const month = parseFrequency('f', 'month')
    const between = (k: number) => timeText(timeBetween(month, Date.UTC(2015, 11, 31), Date.UTC(2016, 2, 31), k, 3))
    expect([1, 2].map(between)).toEqual(['2016-01-31', '2016-02-29'])
    expect(timeBetween(parseFrequency('f', 'day'), 0, 4 * DAY, 3, 4)).toBe(3 * DAY)
  })

  test('are checked', () => {
    for (const wrong of ['fortnight', '0 days', 'constructor', '', 0, -5, Number.NaN]) {
      expectError(
        () => parseFrequency('f', wrong),
        'ERR_TORCH_VALUE',
        'f: frequency must be a positive number of millis',
      )
    }
    expectError(() => parseFrequency('f', {}), 'ERR_TORCH_TYPE', 'got an object')
  })
})
