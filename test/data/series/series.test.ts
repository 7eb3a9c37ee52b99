import { describe, expect, test } from 'vitest'
import { Series } from '../../../lib/data/index.ts'
import { expectError, expectRejection } from '../../support/error.ts'

const COLUMNS = { date: [1000, 2000, 3000], temp: [1, 2, 3], wind: [4, 5, 6], rain: [7, 8, 9] }
const read = (options: object = {}) => Series.from(COLUMNS, { time: 'date', targets: 'temp', ...options })

test.each([
  [{}, ['temp']],
  [{ inputs: ['wind', 'rain'] }, ['temp', 'wind', 'rain']],
  [{ targets: ['rain', 'temp'], inputs: 'wind', autoregressive: false }, ['wind']],
  [{ inputs: 'wind', missing: 'mask' }, ['temp', 'wind', 'temp observed', 'wind observed']],
  [{ calendar: ['hour', 'dayOfYear'] }, ['temp', 'hour sin', 'hour cos', 'dayOfYear sin', 'dayOfYear cos']],
  [{ calendar: 'weekday', autoregressive: false }, ['weekday sin', 'weekday cos']],
] as const)('%j gives the inputs %j', async (options, names) => {
  const series = await read(options)
  expect(series.inputNames).toEqual(names)
  expect(series.inputSize).toBe(names.length)
  expect(series.outputSize).toBe(series.targets.length)
})

describe('options', () => {
  test.each([
    [{ time: undefined }, 'ERR_TORCH_TYPE', 'time must be a string, got undefined'],
    [{ targets: [] }, 'ERR_TORCH_VALUE', 'targets must be the name of a column, or several'],
    [{ targets: undefined }, 'ERR_TORCH_TYPE', 'targets must be the name of a column, or an array of names'],
    [{ inputs: ['wind', 3] }, 'ERR_TORCH_TYPE', 'inputs must be the name'],
    [{ inputs: 'temp' }, 'ERR_TORCH_VALUE', "'temp' is named twice"],
    [{ inputs: ['wind', 'wind'] }, 'ERR_TORCH_VALUE', "'wind' is named twice"],
    [{ groups: 'date' }, 'ERR_TORCH_VALUE', "'date' is named twice"],
    [
      { calendar: ['month'] },
      'ERR_TORCH_VALUE',
      "calendar must be 'minute', 'hour', 'weekday', 'dayOfMonth' or 'dayOfYear'",
    ],
    [{ missing: 'zero' }, 'ERR_TORCH_VALUE', "missing must be 'error', 'mask', 'forward', 'interpolate' or 'drop'"],
    [{ gaps: true }, 'ERR_TORCH_TYPE', "gaps must be 'break', 'fill', 'ignore' or 'error'"],
    [
      { gaps: 'fill', missing: 'drop' },
      'ERR_TORCH_OPTION',
      "gaps: 'fill' puts rows in that missing: 'drop' leaves out",
    ],
    [{ autoregressive: 1 }, 'ERR_TORCH_TYPE', 'autoregressive must be a boolean'],
    [{ autoregressive: false }, 'ERR_TORCH_VALUE', 'needs inputs or calendar'],
    [{ frequency: 'often' }, 'ERR_TORCH_VALUE', 'frequency must be'],
    [{ target: 'temp' }, 'ERR_TORCH_OPTION', "unknown option 'target'; did you mean 'targets'?"],
  ] as const)('%j is refused', async (options, code, message) => {
    const { message: text } = await expectRejection(read(options), code, '')
    expect(text).toContain(message)
  })

  test.each([3, null, undefined, new Map(), ''])('the source %s is refused', async (source) => {
    const options = { time: 'date', targets: 'temp' }
    await expectRejection(
      Series.from(source as never, options),
      'ERR_TORCH_TYPE',
      /^Series.from: (source|path) must be/,
    )
  })

  test('options must be there', async () => {
    await expectRejection(Series.from(COLUMNS, undefined as never), 'ERR_TORCH_TYPE', 'options must be an object')
  })
})

test('a series is made by Series.from only, and has no JSON', async () => {
  const Public = Series as unknown as new () => Series
  expectError(() => new Public(), 'ERR_TORCH_TYPE', 'use Series.from(source, options)')
  const series = await read()
  expectError(() => JSON.stringify(series), 'ERR_TORCH_TYPE', 'use column(name)')
  expectError(() => series.column('wind'), 'ERR_TORCH_VALUE', "there is no column 'wind': columns are temp")
  expectError(() => series.column(3 as never), 'ERR_TORCH_TYPE', 'name must be a string')
})
