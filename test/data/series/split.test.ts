import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ScalerChoice,
  Series,
  type SeriesScalerConfig,
  type SplitOptions,
  scalerFrom,
} from '../../../lib/data/index.ts'
import { torch } from '../../../lib/torch.ts'
import { expectClose } from '../../support/close.ts'
import { expectError, expectRejection } from '../../support/error.ts'

const DAY = 86_400_000
const dates = (length: number) => Array.from({ length }, (_, i) => Date.UTC(2014, 0, 1 + i))
const counting = (length: number, options: object = {}) =>
  Series.from(
    { date: dates(length), temp: dates(length).map((_, i) => i), wind: dates(length).map((_, i) => 100 + i) },
    { time: 'date', targets: 'temp', ...options },
  )
const all = (part: { length: number }) => Array.from({ length: part.length }, (_, i) => i)

describe('split', () => {
  test('gives what splitSync gives, and the event loop turns meanwhile', async () => {
    const length = 400_000
    const values = Float64Array.from({ length }, (_, i) => Math.sin(i) * 10 + (i % 7))
    const series = await Series.from(
      { time: Float64Array.from({ length }, (_, i) => i * 1000), a: values, b: values.toReversed() },
      { time: 'time', targets: ['a'], inputs: ['b'], calendar: ['hour', 'dayOfYear'] },
    )
    for (const scaler of ['standard', 'robust'] as const) {
      const options = { past: 4, horizon: 2, validation: 0.1, scaler } as const
      let turns = 0
      let done = false
      const turn = (): void => {
        turns++
        if (!done) setImmediate(turn)
      }
      setImmediate(turn)
      const { train, validation } = await series.split(options)
      done = true
      expect(turns).toBeGreaterThan(5)
      const wanted = series.splitSync(options)
      expect(train.scaler.config).toEqual(wanted.train.scaler.config)
      for (const [part, other] of [
        [train, wanted.train],
        [validation, wanted.validation],
      ] as const) {
        expect(part.length).toBe(other.length)
        const indices = [0, 1, part.length >> 1, part.length - 1]
        const [own, same] = [part.batch(indices, true), other.batch(indices, true)]
        expect([own.input.equal(same.input), own.target.equal(same.target)]).toEqual([true, true])
      }
    }
  })

  test('rejects with an error that shows the caller, and frees what it made', async () => {
    const series = await counting(8)
    const before = torch.memory().tensors
    await expectRejection(series.split({ past: 9 }), 'ERR_TORCH_VALUE', 'the train part has no window')
    const negative = await Series.from({ date: dates(4), temp: [1, 2, -5, 3] }, { time: 'date', targets: 'temp' })
    await expectRejection(
      negative.split({ past: 1, scaler: 'log', test: 0.5 }),
      'ERR_TORCH_VALUE',
      'too small for the logarithm',
    )
    await expectRejection(series.split({ past: 1, stride: 0 }), 'ERR_TORCH_VALUE', 'stride')
    expect(torch.memory().tensors).toBeLessThanOrEqual(before)
  })
})

describe('windows', () => {
  test('are past steps of inputs, and the targets that follow', async () => {
    const series = await counting(8, { inputs: 'wind' })
    const { train } = series.splitSync({ past: 3, horizon: 2, stride: 2, scaler: 'none' })
    expect([train.length, train.inputSize, train.outputSize]).toEqual([2, 2, 1])
    const { input, target, mask } = train.batch([1, 0], true)
    expect(input.toArray()).toEqual([
      [
        [2, 102],
        [3, 103],
        [4, 104],
      ],
      [
        [0, 100],
        [1, 101],
        [2, 102],
      ],
    ])
    expect(target.toArray()).toEqual([
      [[5], [6]],
      [[3], [4]],
    ])
    expect(input.dtype).toBe('float32')
    expect(mask).toBeUndefined()
    expect(train.times(1)).toEqual([new Date('2014-01-06'), new Date('2014-01-07')])
    const second = train.batch([1, 0], false)
    expect(second.input.equal(input.transpose(0, 1))).toBe(true)
    expect(second.target.equal(target.transpose(0, 1))).toBe(true)
  })

  test('leave no other tensors behind', async () => {
    const { train } = (await counting(8)).splitSync({ past: 3 })
    const before = torch.memory().tensors
    const { input, target } = train.batch([0, 1], false)
    expect(torch.memory().tensors - before).toBe(2)
    for (const tensor of [input, target]) tensor.dispose()
  })

  test('with a calendar, and without the past of the targets', async () => {
    const series = await counting(400, { calendar: ['weekday', 'dayOfYear'], autoregressive: false })
    const { train } = series.splitSync({ past: 2, scaler: 'none' })
    // 2014-03-01 and 2014-03-02, a Saturday and a Sunday, days 59 and 60.
    const angles = [5 / 7, 59 / 365, 6 / 7, 60 / 365].map((phase) => 2 * Math.PI * phase)
    const [a = 0, b = 0, c = 0, d = 0] = angles
    const { sin, cos } = Math
    expectClose(train.batch([59], true).input, [
      [
        [sin(a), cos(a), sin(b), cos(b)],
        [sin(c), cos(c), sin(d), cos(d)],
      ],
    ])
  })

  test('of masked values: 0 after scaling, an input that says so, and a mask of the targets', async () => {
    const _ = Number.NaN
    const source = { date: dates(6), temp: [1, _, 3, _, _, 5], wind: [_, 20, 40, 30, 30, 30] }
    const series = await Series.from(source, { time: 'date', targets: 'temp', inputs: 'wind', missing: 'mask' })
    const { train } = series.splitSync({ past: 2, horizon: 2 })
    // Means 3 and 30; deviations sqrt(8 / 3) and sqrt(40).
    const [s, w] = [Math.sqrt(8 / 3), Math.sqrt(40)]
    // A window whose targets are all missing teaches nothing: that from the second row on is left out.
    expect(train.length).toBe(2)
    const { input, target, mask } = train.batch([0, 1], true)
    expectClose(input, [
      [
        [-2 / s, 0, 1, 0],
        [0, -10 / w, 0, 1],
      ],
      [
        [0, 10 / w, 1, 1],
        [0, 0, 0, 1],
      ],
    ])
    expectClose(target, [
      [[0], [0]],
      [[0], [2 / s]],
    ])
    expect(mask?.dtype).toBe('bool')
    expect(mask?.toArray()).toEqual([
      [[true], [false]],
      [[false], [true]],
    ])
  })

  test('many rows are the same as few', async () => {
    const length = 150_000
    const columns = { date: dates(length).map((_, i) => i), temp: dates(length).map((_, i) => i) }
    const { train } = (await Series.from(columns, { time: 'date', targets: 'temp' })).splitSync({
      past: 2,
      scaler: 'none',
    })
    expect(train.batch([65_534, 131_071, length - 3], true).input.toArray()).toEqual(
      [65_534, 131_071, length - 3].map((i) => [[i], [i + 1]]),
    )
  })
})

describe('parts', () => {
  test('are cut by time; the past may be that of the part before, targets are not', async () => {
    const series = await counting(20)
    const { train, validation, test } = series.splitSync({
      validation: '2014-01-11',
      test: new Date('2014-01-16'),
      past: 3,
      horizon: 2,
      scaler: 'none',
    })
    const targets = (part: typeof train) => part.batch(all(part), true).target.flatten(1).toArray()
    expect(targets(train)).toEqual([3, 4, 5, 6, 7, 8].map((i) => [i, i + 1]))
    expect(targets(validation)).toEqual([10, 11, 12, 13].map((i) => [i, i + 1]))
    expect(targets(test)).toEqual([15, 16, 17, 18].map((i) => [i, i + 1]))
    expect(validation.batch([0], true).input.flatten().toArray()).toEqual([7, 8, 9])
  })

  test('are cut by a share of the rows', async () => {
    const series = await counting(20)
    const { train, validation, test } = series.splitSync({ validation: 0.2, test: 0.1, past: 1 })
    expect([train.times(0), validation.times(0), test.times(0)].flat()).toEqual(
      ['2014-01-02', '2014-01-15', '2014-01-19'].map((day) => new Date(day)),
    )
    expect([train.length, validation.length, test.length]).toEqual([13, 4, 2])
    const mixed = series.splitSync({ validation: 0.2, test: '2014-01-19', past: 1 })
    expect(mixed.validation.times(0)).toEqual([new Date('2014-01-15')])
  })

  test('are only those that were asked for', async () => {
    const series = await counting(20)
    expect(Object.keys(series.splitSync({ past: 2 }))).toEqual(['train'])
    const { train, test } = series.splitSync({ test: 0.5, past: 2 })
    expect([train.length, test.length]).toEqual([8, 10])
    // @ts-expect-error There is no such part.
    expect(series.splitSync({ test: 0.5, past: 2 }).validation).toBeUndefined()
  })

  test('no value at or after the start of a part is seen by the parts before (property)', async () => {
    const size = fc.integer({ min: 1, max: 4 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 20, maxLength: 40 }),
        size,
        size,
        size,
        fc.constantFrom<ScalerChoice>('standard', 'minMax', 'robust'),
        async (temp, past, horizon, stride, scaler) => {
          const cut = temp.length - 9
          const options = { validation: new Date(cut * DAY), past, horizon, stride, scaler }
          const make = async (values: number[]) =>
            (
              await Series.from(
                { date: values.map((_, i) => i * DAY), temp: values },
                { time: 'date', targets: 'temp' },
              )
            ).splitSync(options)
          const { train, validation } = await make(temp)
          const other = await make(temp.map((value, i) => (i < cut ? value : 1e6 + i)))
          expect(other.train.scaler.config).toEqual(train.scaler.config)
          torch.tidy(() => {
            const [a, b] = [train, other.train].map((part) => part.batch(all(part), true))
            expect(a?.input.equal(b?.input as never)).toBe(true)
            expect(a?.target.equal(b?.target as never)).toBe(true)
          })
          for (const i of all(train)) for (const time of train.times(i)) expect(time.getTime()).toBeLessThan(cut * DAY)
          expect(validation.times(0)[0]).toEqual(new Date(cut * DAY))
        },
      ),
      { numRuns: 30 },
    )
  })

  test.each([
    [
      { validation: '2013', past: 2 },
      'ERR_TORCH_VALUE',
      "^Series.split: column 'temp', before 2013-01-01, has no values",
    ],
    [
      { validation: '2015', past: 2 },
      'ERR_TORCH_VALUE',
      'the validation part has no window of 2 past and 1 future steps. The series goes from 2014-01-01 to 2014-01-20',
    ],
    [
      { past: 20 },
      'ERR_TORCH_VALUE',
      'the train part has no window of 20 past and 1 future steps.*the longest run of steps is 20',
    ],
    [{ validation: '2014-01-10', test: '2014-01-10', past: 2 }, 'ERR_TORCH_VALUE', 'validation must start before test'],
    [
      { validation: 0.001, test: 0.001, past: 2 },
      'ERR_TORCH_VALUE',
      'rows are too few for three parts: validation: 0.001 and test: 0.001 both start at',
    ],
    [{ validation: 0.6, test: 0.5, past: 2 }, 'ERR_TORCH_VALUE', 'with validation: 0.6 no rows are left to train on'],
    [{ validation: 1.5, past: 2 }, 'ERR_TORCH_VALUE', "validation must be a time such as '2014'"],
    [{ test: 'soon', past: 2 }, 'ERR_TORCH_VALUE', "test must be a time such as '2014'.*got 'soon'"],
    [{ test: true, past: 2 }, 'ERR_TORCH_TYPE', 'test must be a time'],
    [{}, 'ERR_TORCH_TYPE', 'past must be a positive integer, got undefined'],
    [{ past: 2, horizon: 0 }, 'ERR_TORCH_VALUE', 'horizon must be a positive integer'],
    [{ past: 2, stride: 0.5 }, 'ERR_TORCH_VALUE', 'stride must be a positive integer'],
    [{ past: 2, scaler: 'z' }, 'ERR_TORCH_VALUE', "scaler must be 'standard', 'minMax', 'robust' or 'log', got 'z'"],
    [{ past: 2, scaler: { type: 'log', base: 10 } }, 'ERR_TORCH_OPTION', "unknown option 'base'"],
    [
      { past: 2, scaler: { type: 'log', offset: 0 } },
      'ERR_TORCH_VALUE',
      "column 'temp', before its end, has values of 0 or less",
    ],
    [{ past: 2, scalers: { wind: 'log' } }, 'ERR_TORCH_VALUE', "scalers names 'wind', but columns are temp"],
    [{ past: 2, scalers: { temp: 'z' } }, 'ERR_TORCH_VALUE', 'scalers.temp must be'],
    [{ past: 2, scalers: [] }, 'ERR_TORCH_TYPE', 'scalers must be an object'],
    [{ past: 2, scalePerGroup: 1 }, 'ERR_TORCH_TYPE', 'scalePerGroup must be a boolean'],
    [{ past: 2, window: 3 }, 'ERR_TORCH_OPTION', "unknown option 'window'"],
  ] as const)('%j is refused', async (options, code, message) => {
    const series = await counting(20)
    expectError(() => series.splitSync(options as unknown as SplitOptions), code, new RegExp(message))
  })

  test('indices out of range are refused', async () => {
    const { train } = (await counting(8)).splitSync({ past: 3 })
    expectError(() => train.batch([5], true), 'ERR_TORCH_INDEX', 'index 5 is out of range for 5 windows')
    expectError(() => train.times(-1), 'ERR_TORCH_INDEX', 'index -1 is out of range')
    expectError(() => train.batch('0' as never, true), 'ERR_TORCH_TYPE', 'indices must be an array of integers')
    expectError(() => train.batch([0], 1 as never), 'ERR_TORCH_TYPE', 'batchFirst must be a boolean')
    expectError(() => JSON.stringify(train), 'ERR_TORCH_TYPE', 'use scaler.config')
  })
})

describe('scales', () => {
  /** Of the training part, 2014-01-01 to 06: temp 0 to 5, wind 100 to 105. */
  const options = { validation: '2014-01-07', past: 1 } as const

  test('come from the training part, and are inverted on outputs', async () => {
    const { train, validation } = (await counting(10, { inputs: 'wind' })).splitSync(options)
    const std = Math.sqrt(35 / 12)
    const { input, target } = validation.batch([0], true)
    expectClose(input, [[[2.5 / std, 2.5 / std]]])
    expectClose(target, [[[3.5 / std]]])
    expectClose(validation.inverseTransform(target, [0]), [[[6]]])
    expectClose(train.scaler.inverseTransform(torch.zeros([2, 1])), [[2.5], [2.5]])
  })

  test('differ by column on request', async () => {
    const { validation } = (await counting(10, { inputs: 'wind' })).splitSync({
      ...options,
      scaler: { type: 'minMax', featureRange: [0, 10] },
      scalers: { temp: 'log' },
    })
    const { input, target } = validation.batch([1], true)
    expectClose(input.select(-1, 1), [[12]])
    expectClose(validation.inverseTransform(target, [1]), [[[7]]])
    const logs = [0, 1, 2, 3, 4, 5].map(Math.log1p)
    const mean = logs.reduce((a, b) => a + b) / 6
    const std = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / 6)
    expectClose(target, [[[(Math.log(8) - mean) / std]]])
  })

  test('a value that has no logarithm is named', async () => {
    const source = { date: dates(4), temp: [1, 2, 3, -5] }
    const series = await Series.from(source, { time: 'date', targets: 'temp' })
    expectError(
      () => series.splitSync({ past: 1, test: '2014-01-04', scaler: 'log' }),
      'ERR_TORCH_VALUE',
      "column 'temp' at 2014-01-04: -5 is too small for the logarithm of x + 1",
    )
  })

  /** Group a: 0, 2, 0, 2, …; group b: 100, 140, …; both on the same days. */
  const grouped = async () => {
    const index = Array.from({ length: 10 }, (_, i) => i)
    return Series.from(
      {
        date: [...dates(10), ...dates(10)],
        site: [...index.map(() => 'a'), ...index.map(() => 'b')],
        temp: [...index.map((i) => 2 * (i % 2)), ...index.map((i) => 100 + 40 * (i % 2))],
      },
      { time: 'date', targets: 'temp', groups: 'site' },
    )
  }

  test('are those of each group', async () => {
    const { validation } = (await grouped()).splitSync(options)
    const indices = all(validation)
    expect(validation.groups(indices)).toEqual([...'aaaabbbb'])
    const { target } = validation.batch(indices, true)
    expectClose(target.flatten(), [-1, 1, -1, 1, -1, 1, -1, 1])
    const values = [0, 2, 0, 2, 100, 140, 100, 140]
    expectClose(validation.inverseTransform(target, indices).flatten(), values)
    expectClose(validation.inverseTransform(target.transpose(0, 1), indices, false).flatten(), values)
    expectClose(
      validation.inverseTransform(target.squeeze(1), indices),
      values.map((value) => [value]),
    )
    const { scaler } = validation
    expect(scaler.groups).toEqual(['a', 'b'])
    expectClose(scaler.inverseTransform(torch.ones([2, 3, 1]), { groups: ['b', 'a'] }).select(1, 0), [[140], [2]])
    expectError(() => scaler.inverseTransform(target), 'ERR_TORCH_VALUE', 'give the group of each sample')
    expectError(() => scaler.inverseTransform(target, { groups: ['a'] }), 'ERR_TORCH_SHAPE', 'does not fit an output')
    const unknown = torch.ones([1, 1])
    expectError(() => scaler.inverseTransform(unknown, { groups: ['c'] }), 'ERR_TORCH_VALUE', "not fitted on group 'c'")
    expectError(() => scaler.inverseTransform(unknown, { groups: 'a' as never }), 'ERR_TORCH_TYPE', 'groups must be')
    expectError(
      () => scaler.inverseTransform(torch.ones([2, 2])),
      'ERR_TORCH_SHAPE',
      'shape (…, 1), for the target temp',
    )
    expectError(() => scaler.inverseTransform(unknown, { group: 'a' } as never), 'ERR_TORCH_OPTION', 'unknown option')
  })

  test('are the same for all groups on request', async () => {
    const { train } = (await grouped()).splitSync({ ...options, scalePerGroup: false })
    // 0, 2, 100 and 140: mean 60.5.
    expect(train.scaler.groups).toBeUndefined()
    expectClose(train.scaler.inverseTransform(torch.zeros([1, 1])), [[60.5]])
    expectClose(train.inverseTransform(train.batch([0], true).target, [0]).flatten(), [2])
  })

  test('are saved as plain JSON, and used for other data', async () => {
    for (const scalePerGroup of [true, false]) {
      const series = await grouped()
      const { train } = series.splitSync({ ...options, scalePerGroup, scaler: 'robust' })
      const config = JSON.parse(JSON.stringify(train.scaler.config)) as SeriesScalerConfig
      const again = scalerFrom(config)
      expect(again.config).toEqual(train.scaler.config)
      const other = series.splitSync({ past: 1, scaler: again }).train
      expect(other.batch([0], true).input.equal(train.batch([0], true).input)).toBe(true)
    }
  })

  test('must fit the series', async () => {
    const { scaler } = (await grouped()).splitSync(options).train
    const series = await counting(8)
    expectError(() => series.splitSync({ past: 1, scaler }), 'ERR_TORCH_VALUE', 'not fitted on a series without groups')
    const wide = await counting(8, { inputs: 'wind' })
    expectError(
      () => wide.splitSync({ past: 1, scaler }),
      'ERR_TORCH_VALUE',
      'targets temp and inputs (none), but the series',
    )
    expectError(() => series.splitSync({ past: 1, scaler, scalers: {} }), 'ERR_TORCH_OPTION', 'the scaler is fitted')
  })

  test('a config is checked', async () => {
    const { config } = (await grouped()).splitSync(options).train.scaler
    const bad = (change: object) => () => scalerFrom({ ...config, ...change } as SeriesScalerConfig)
    const [[cell] = []] = config.scalers
    expectError(bad({ targets: 'temp' }), 'ERR_TORCH_TYPE', 'config.targets must be an array of strings')
    expectError(bad({ groups: ['a'] }), 'ERR_TORCH_TYPE', 'config.scalers must be 1 array of scalers')
    expectError(bad({ scalers: [[cell], []] }), 'ERR_TORCH_TYPE', 'config.scalers[1][0] must be an object')
    expectError(
      bad({ scalers: [[cell], [null]] }),
      'ERR_TORCH_VALUE',
      "config.scalers differ in type for column 'temp'",
    )
    expectError(
      bad({ scalers: [[cell], [{ ...cell, center: [1, 2], scale: [1, 2] }]] }),
      'ERR_TORCH_VALUE',
      'one center',
    )
    expectError(bad({ version: 2 }), 'ERR_TORCH_OPTION', "unknown option 'version'")
  })
})

test('shares are of the rows of all groups, by time', async () => {
  const source = {
    date: [...dates(10), ...dates(5)],
    temp: dates(15),
    site: dates(15).map((_, i) => (i < 10 ? 'long' : 'short')),
  }
  const series = await Series.from(source, { time: 'date', targets: 'temp', groups: 'site' })
  // Of 15 rows, 5 are after day 5.
  const { test: part } = series.splitSync({ test: 1 / 3, past: 1 })
  expect(part.groups(all(part))).toEqual(Array.from({ length: 5 }, () => 'long'))
  expect(part.times(0)).toEqual([new Date('2014-01-06')])
})
