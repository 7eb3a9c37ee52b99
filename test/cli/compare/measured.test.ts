import { describe, expect, test } from 'vitest'
import {
  latencyOf,
  meanOf,
  methodsFor,
  shownOf,
  shownWindows,
  stepErrorsOf,
} from '../../../lib/cli/compare/measured.ts'
import { thinned } from '../../../lib/cli/compare/run.ts'
import { MOST_EPOCHS } from '../../../lib/cli/comparison.ts'
import { LinearModel } from '../../../lib/cli/networks/linear-model.ts'
import { Series } from '../../../lib/data/index.ts'
import type { Backtest } from '../../../lib/forecast/index.ts'

const DAY = 86_400_000

test('a mean and the standard deviation of a sample', () => {
  expect(meanOf([1, 2, 6])).toEqual({ mean: 3, spread: Math.sqrt(7) })
  expect(meanOf([4])).toEqual({ mean: 4, spread: 0 })
})

test('errors by step are means over runs', () => {
  const run = (mae: number[]): Backtest => ({ steps: { mae, rmse: mae } }) as unknown as Backtest
  expect(stepErrorsOf([run([1, 3]), run([2, 5])])).toEqual({ mae: [1.5, 4], rmse: [1.5, 4] })
})

test.each(['standard', 'log'] as const)(
  'of large values that change little the digits of their changes are written (%s)',
  async (scaler) => {
    const y = Array.from({ length: 40 }, (_, i) => 1e9 + 10 + 5 * Math.sin(i))
    const series = await Series.from({ day: y.map((_, i) => i * DAY), y }, { time: 'day', targets: 'y' })
    const { test: part } = await series.split({ test: 0.5, past: 4, horizon: 2, scaler })
    const [first] = shownOf(series, part, [0])
    const found = first?.actual.y as number[]
    expect(found).toHaveLength(2)
    for (const [h, value] of found.entries()) expect(value).toBeCloseTo(y[20 + h] as number, 2)
  },
)

describe('the windows that draw the test part', () => {
  test('do not overlap, and end with the data', async () => {
    const y = Array.from({ length: 40 }, (_, i) => i)
    const series = await Series.from({ day: y.map((i) => i * DAY), y }, { time: 'day', targets: 'y' })
    const { test: part } = await series.split({ test: 0.5, past: 4, horizon: 3 })
    const indices = shownWindows(part)
    const shown = shownOf(series, part, indices)
    expect(shown.at(-1)).toEqual({
      group: null,
      times: ['1970-02-07', '1970-02-08', '1970-02-09'],
      actual: { y: [37, 38, 39] },
    })
    const steps = shown.flatMap(({ actual }) => actual.y as number[])
    expect(new Set(steps).size).toBe(steps.length)
    expect(steps).toEqual(Array.from({ length: steps.length }, (_, i) => 40 - steps.length + i))
    expect(methodsFor(undefined, part)).toEqual(['persistence', 'drift', 'movingAverage'])
    expect(methodsFor(5, part)).not.toContain('seasonalNaive')
    expect(methodsFor(4, part)).toContain('seasonalNaive')
    const model = new LinearModel({ past: 4, inputSize: 1, horizon: 3, outputSize: 1 })
    expect(latencyOf(model, part, 'cpu')).toBeGreaterThan(0)
  })

  test('are of each group, and null where nothing was observed', async () => {
    const rows = Array.from({ length: 20 }, (_, i) => [
      { day: i * DAY, shop: 'a', y: i === 18 ? null : i },
      { day: i * DAY, shop: 'b', y: 100 + i },
    ]).flat()
    const series = await Series.from(rows, { time: 'day', targets: 'y', groups: 'shop', missing: 'mask' })
    const { test: part } = await series.split({ test: 0.3, past: 2, horizon: 2 })
    const shown = shownOf(series, part, shownWindows(part))
    expect(shown.filter(({ group }) => group === 'a').at(-1)?.actual).toEqual({ y: [null, 19] })
    expect(shown.filter(({ group }) => group === 'b').at(-1)?.actual).toEqual({ y: [118, 119] })
  })
})

test('of many epochs some are kept, with the best and the last', () => {
  const history = Array.from({ length: 5000 }, (_, i) => ({ epoch: i + 1, trainLoss: 1 }))
  const kept = thinned(history, 1237).map(({ epoch }) => epoch)
  expect(kept.length).toBeLessThanOrEqual(MOST_EPOCHS)
  expect(kept).toEqual([...kept].sort((a, b) => a - b))
  expect([kept[0], kept.at(-1), kept.includes(1237)]).toEqual([1, 5000, true])
  expect(thinned(history.slice(0, 3), 1)).toHaveLength(3)
})
