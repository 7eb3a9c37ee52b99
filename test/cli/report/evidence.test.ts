// What a report measures is what a Trainer and evaluateNaive measure, taken apart.
import { describe, expect, it } from 'vitest'
import { measure } from '../../../lib/cli/report/evidence.ts'
import { neighbours } from '../../../lib/cli/report/sections/residuals.ts'
import { Series } from '../../../lib/data/index.ts'
import { calibrate, evaluateNaive } from '../../../lib/forecast/index.ts'
import { GRUModel } from '../../../lib/models/index.ts'
import { torch } from '../../../lib/torch.ts'
import { Trainer } from '../../../lib/train/index.ts'
import { collectGarbage } from '../../support/garbage.ts'

const DAY = 86_400_000

async function weather(groups: readonly string[] = []) {
  const rows = (groups.length === 0 ? [''] : groups).flatMap((place, g) =>
    Array.from({ length: 400 }, (_, i) => ({
      day: Date.UTC(2023, 0, 1 + i + (i >= 350 ? 9 : 0)),
      temp: 10 + 5 * Math.sin(i / 9 + g) + ((i * 37) % 11) / 5,
      rain: (i * 7) % 5,
      ...(groups.length === 0 ? {} : { place }),
    })),
  )
  const series = await Series.from(rows, {
    time: 'day',
    targets: ['temp', 'rain'],
    ...(groups.length === 0 ? {} : { groups: 'place' }),
  })
  return await series.split({ past: 10, horizon: 3, validation: 0.2, test: 0.3 })
}

const model = (): GRUModel => {
  torch.manualSeed(3)
  return new GRUModel(2, 4, 2, { output: 'last', horizon: 3, batchFirst: true })
}

describe('measure', () => {
  it('takes apart what trainers and evaluateNaive measure', async () => {
    const { test, validation } = await weather()
    const gru = model()
    const calibration = await calibrate(gru, validation, { levels: [0.5, 0.9] })
    const evidence = await measure(gru, test, {
      methods: ['persistence', 'seasonalNaive', 'drift', 'movingAverage'],
      season: 7,
      calibration,
    })
    expect(evidence.map(({ target }) => target)).toEqual(['temp', 'rain'])
    const { mae } = await new Trainer(gru, { metrics: ['mae'], progress: false }).evaluate(test)
    const naive = await evaluateNaive(test, { season: 7, metrics: ['mae'] })
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
    const both = (who: 'model' | 'drift' | 'seasonalNaive'): number =>
      mean(evidence.map(({ errors }) => errors.get(who)?.all ?? Number.NaN))
    expect(both('model')).toBeCloseTo(mae as number, 5)
    expect(both('drift')).toBeCloseTo(naive.drift?.mae as number, 5)
    expect(both('seasonalNaive')).toBeCloseTo(naive.seasonalNaive?.mae as number, 5)
    for (const { errors, cycles, byWindow, residuals, bestNaive, coverage } of evidence) {
      const own = errors.get('model')
      expect(mean(own?.bySteps ?? [])).toBeCloseTo(own?.all as number, 8)
      expect(mean([...byWindow])).toBeCloseTo(own?.all as number, 5)
      expect(mean([...residuals.first].map(Math.abs))).toBeCloseTo(own?.bySteps[0] as number, 5)
      expect(mean([...residuals.last].map(Math.abs))).toBeCloseTo(own?.bySteps[2] as number, 5)
      for (const [, { all }] of [...errors].slice(1)) expect(errors.get(bestNaive)?.all).toBeLessThanOrEqual(all)
      const [weekdays] = cycles
      expect(weekdays?.name).toBe('day of the week')
      const counts = (weekdays?.places ?? []).map(({ count }) => count)
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3 * test.length)
      const weighted = (weekdays?.places ?? []).reduce(
        (sum, place) => sum + place.count * (place.errors.get('model') as number),
        0,
      )
      expect(weighted / (3 * test.length)).toBeCloseTo(own?.all as number, 5)
      const [half, most] = coverage.map(({ share }) => share) as [number, number]
      expect(half).toBeLessThan(most)
      expect(most).toBeGreaterThan(0.5)
    }
  })

  it('leaves no tensor behind', async () => {
    const { test } = await weather()
    const gru = model()
    // What tests before this one have left could be collected meanwhile.
    await collectGarbage()
    const before = torch.memory().tensors
    await measure(gru, test, { methods: ['persistence'], season: undefined, calibration: undefined })
    expect(torch.memory().tensors).toBeLessThanOrEqual(before)
  })
})

describe('neighbours', () => {
  it('ends a run at gaps, and where another series begins', async () => {
    const { test } = await weather(['north', 'south'])
    const runs = neighbours(test)
    expect(runs).toHaveLength(4)
    expect(runs.flat()).toEqual(Array.from({ length: test.length }, (_, i) => i))
    for (const run of runs) {
      expect(new Set(test.groups(run)).size).toBe(1)
      const times = run.map((index) => (test.times(index)[0] as Date).getTime())
      for (const [i, time] of times.entries()) if (i > 0) expect(time - (times[i - 1] as number)).toBe(DAY)
    }
  })
})
