// Each chart: Vega-Lite takes it without a warning, what it draws is finite, and names of columns stay text.
import { describe, expect, it } from 'vitest'
import { type Chart, draw } from '../../../lib/cli/report/chart.ts'
import { logTicks } from '../../../lib/cli/report/charts/axes.ts'
import { barChart, binsOf, histogramChart, lagChart } from '../../../lib/cli/report/charts/bars.ts'
import { bySeasonChart } from '../../../lib/cli/report/charts/by-season.ts'
import { byStepChart } from '../../../lib/cli/report/charts/by-step.ts'
import { confusionChart } from '../../../lib/cli/report/charts/confusion.ts'
import { flowChart, gateChart, shareChart } from '../../../lib/cli/report/charts/inside.ts'
import { learningChart } from '../../../lib/cli/report/charts/learning.ts'
import { bucketsOf, MOST_POINTS, seriesChart } from '../../../lib/cli/report/charts/series.ts'
import { spansChart } from '../../../lib/cli/report/charts/spans.ts'
import { rangeChart, stripChart } from '../../../lib/cli/report/charts/strip.ts'
import { timelineChart } from '../../../lib/cli/report/charts/timeline.ts'
import { loadVega } from '../../../lib/cli/report/vega.ts'
import { TorchError } from '../../../lib/errors.ts'

const vegas = loadVega()
const DAY = 86_400_000
const START = Date.UTC(2024, 10, 3)
const HOSTILE = `a"]['<script>x</script>\\.{{b}}`
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

const epochs = upTo(14).map((i) => ({ epoch: i + 1, train: 2 * 0.7 ** i, validation: 1.5 * 0.8 ** i + 0.1 }))
const stretches = (horizon: number) =>
  upTo(5).map((o) => ({
    times: upTo(horizon).map((h) => START + (o * horizon + h) * DAY),
    actual: upTo(horizon).map((h) => (h === 1 ? null : Math.sin(o + h))),
    values: { [HOSTILE]: upTo(horizon).map((h) => Math.cos(o + h)), persistence: upTo(horizon).map(() => 0.5) },
    lower: upTo(horizon).map(() => -1),
    upper: upTo(horizon).map(() => 1),
  }))
const spans = [
  { name: 'training', from: START, to: START + 300 * DAY },
  { name: 'test', from: START + 300 * DAY, to: START + 400 * DAY },
]
const base = { title: HOSTILE, quantity: HOSTILE, summary: HOSTILE }
const timeline = (horizon: number): Chart =>
  timelineChart(stretches(horizon), {
    ...base,
    name: 'timeline',
    lines: [{ name: HOSTILE }, { name: 'persistence', isNaive: true }],
    band: '80 %',
    before: { times: [START - DAY], values: [1] },
  })

const CHARTS: Readonly<Record<string, () => Chart>> = {
  'learning of one': () => learningChart('learning', HOSTILE, [{ name: HOSTILE, best: 5, epochs }]),
  'learning without validation': () =>
    learningChart('learning', 'x', [
      { name: 'a', best: 2, epochs: epochs.map(({ epoch, train }) => ({ epoch, train })) },
    ]),
  'learning of several': () =>
    learningChart(
      'learning',
      'x',
      ['a', 'b', HOSTILE].map((name) => ({ name, best: 5, epochs })),
    ),
  timeline: () => timeline(7),
  'timeline of single steps': () => timeline(1),
  'by step': () =>
    byStepChart(
      [
        { name: HOSTILE, errors: [1, 2, 3], isNaive: false },
        { name: 'drift', errors: [2, 3, Number.NaN], isNaive: true },
      ],
      { ...base, name: 'steps' },
    ),
  'by season': () =>
    bySeasonChart(
      ['Jan', 'Feb'].map((label, i) => ({ label, own: i + 1, naive: 2, count: 3 })),
      { ...base, name: 'season', own: HOSTILE, naive: 'drift' },
    ),
  series: () =>
    seriesChart(
      bucketsOf(
        upTo(1500).map((i) => START + i * DAY),
        upTo(1500).map((i) => Math.sin(i)),
      ),
      { ...base, name: 'series', parts: spans, gaps: [{ name: '3 steps', from: START, to: START + 4 * DAY }] },
    ),
  spans: () => spansChart(spans, [], { ...base, name: 'spans' }),
  lags: () => lagChart([0.5, -0.2, 0.01], { name: 'lags', title: 'x', bound: 0.1 }),
  histogram: () => histogramChart(binsOf([1, 2, 3, 4, 5]), { ...base, name: 'histogram' }),
  bars: () => barChart([{ label: HOSTILE, value: 1 }], { ...base, name: 'bars', format: '.0%' }),
  gates: () =>
    gateChart([{ name: HOSTILE, mean: [0.1, 0.5], lower: [0, 0.3], upper: [0.2, 0.9] }], { ...base, name: 'g' }),
  flow: () => flowChart([{ name: 'state', norms: [0, 1e-6, 1e-3, 1] }], { ...base, name: 'flow' }),
  shares: () => shareChart([0.1, 0.2, 0.7], { ...base, name: 'shares' }),
  confusion: () =>
    confusionChart(
      [HOSTILE, 'b'],
      [
        [3, 1],
        [0, 0],
      ],
    ),
  strip: () =>
    stripChart(
      [
        { name: HOSTILE, mean: 1, seeds: [0.9, 1.1], isNaive: false },
        { name: 'drift', mean: 2, seeds: [], isNaive: true },
      ],
      { ...base, name: 'strip' },
    ),
  ranges: () =>
    rangeChart([{ name: HOSTILE, value: -1, lower: -2, upper: 0.5, isClear: false }], { ...base, name: 'r' }),
}

describe('charts', () => {
  it.each(Object.entries(CHARTS))('%s: is drawn, finite, and with names as text', async (_, make) => {
    const { svg, file, compiled } = await draw(make(), vegas)
    expect(svg).toMatch(/^<svg [\s\S]*<\/svg>$/)
    expect(svg.match(/<path |<line /g)?.length).toBeGreaterThan(5)
    for (const text of [svg, file]) {
      expect(text).not.toMatch(/NaN|undefined|Infinity/)
      expect(text).not.toMatch(/<script/i)
    }
    // On its own it has no page to take colours from, and says what it shows.
    expect(file).not.toContain('var(--')
    expect(file).toMatch(/^<svg role="img" aria-label="[^"<]+"/)
    expect(JSON.stringify(compiled)).not.toContain('https://raw')
  })

  it('a loss begins at epoch 1, and each line of its grid has a label', async () => {
    const { svg } = await draw(CHARTS['learning of one']?.() as Chart, vegas)
    const labels = [...svg.matchAll(/role-axis-label"[\s\S]*?<\/g>/g)].map(([group]) =>
      [...group.matchAll(/opacity="1">([^<]+)</g)].map(([, text]) => text),
    )
    const grids = [...svg.matchAll(/role-axis-grid"[\s\S]*?<\/g>/g)].map(([group]) => group.match(/<line /g)?.length)
    expect(labels[0]?.[0]).toBe('1')
    expect(labels[0]).not.toContain('0')
    expect(grids).toEqual([labels[1]?.length])
  })

  it('times have their year', async () => {
    const { svg } = await draw(timeline(7), vegas)
    expect(svg).toContain('>2024<')
  })

  it('a chosen epoch is a ring of each training', async () => {
    const { svg } = await draw(CHARTS['learning of several']?.() as Chart, vegas)
    const rings = svg
      .match(/<path [^>]*stroke-width="2\.5"[^>]*>/g)
      ?.filter((mark) => /A/.test(mark) && !/ fill="/.test(mark))
    expect(rings).toHaveLength(3)
  })

  it('names of clip paths differ from chart to chart', async () => {
    const { svg } = await draw(timeline(7), vegas)
    expect(svg).toContain('url(#timeline-clip')
    expect(svg).not.toMatch(/(id="|#)clip\d/)
  })
})

describe('logTicks', () => {
  it('are round numbers within the values', () => {
    expect(logTicks(0.2, 0.7)).toEqual([0.2, 0.3, 0.5, 0.7])
    expect(logTicks(0.002, 0.9)).toEqual([0.003, 0.01, 0.03, 0.1, 0.3])
    expect(logTicks(1e-6, 1)).toEqual([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1])
    expect(logTicks(1e-30, 1).length).toBeLessThan(10)
  })
})

describe('bucketsOf', () => {
  it('keeps the extremes, and leaves out what is missing', () => {
    const count = MOST_POINTS * 10
    const values = upTo(count).map((i) => (i === 5000 ? 99 : i % 100 === 0 ? Number.NaN : i % 3))
    const buckets = bucketsOf(upTo(count), values)
    expect(buckets).toHaveLength(MOST_POINTS)
    expect(Math.max(...buckets.map(({ high }) => high))).toBe(99)
    expect(Math.min(...buckets.map(({ low }) => low))).toBe(0)
    expect(bucketsOf([1, 2], [Number.NaN, 4])).toEqual([{ t: 2, low: 4, mean: 4, high: 4 }])
  })
})

describe('binsOf', () => {
  it('holds each value once, in ranges with round edges', () => {
    const values = upTo(500).map((i) => 3.7 * Math.sin(i * i))
    const bins = binsOf(values)
    expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(500)
    for (const { from, to, count } of bins) {
      expect(values.filter((value) => value >= from && value < to)).toHaveLength(count)
    }
    expect(binsOf([])).toEqual([])
    expect(binsOf([2, 2])).toEqual([{ from: 2, to: 2, count: 2 }])
  })
})

describe('loadVega', () => {
  it('says how to install what is missing', () => {
    const missing = (): string => {
      throw new Error("Cannot find module 'vega'\nRequire stack:")
    }
    expect(() => loadVega(missing)).toThrow(TorchError)
    expect(() => loadVega(missing)).toThrow(
      "a report draws its charts by Vega: npm install vega vega-lite (Cannot find module 'vega')",
    )
  })

  it('takes what Vega-Lite warns of as a fault', () => {
    expect(() => vegas.compile({ mark: 'bar', encoding: { nowhere: { field: 'a' } } })).toThrow(/^Vega-Lite warns/)
  })
})
