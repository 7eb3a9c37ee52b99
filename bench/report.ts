/** The results as a table, as JSON and as a picture. */
import { writeFileSync } from 'node:fs'
import * as vega from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { Case, Rival } from './cases.ts'

/** One side of a case at one number of threads. Seconds per call. */
export interface Side {
  readonly by: Rival | 'here'
  readonly threads: number
  readonly calls: number
  readonly median: number
  readonly mean: number
  readonly p99: number
}

export interface Result {
  readonly case: Case
  /** Each side at its best number of threads, this library first. */
  readonly sides: readonly [Side, ...Side[]]
  readonly all: readonly Side[]
  /** How much of what the machine can do at most is reached. */
  readonly ofRoof?: number
  /** Why a rival is not compared with. */
  readonly skipped: Partial<Record<Rival, string>>
}

export const RIVALS: Record<Rival, string> = {
  python: 'PyTorch',
  cell: 'PyTorch cell',
  onnx: 'onnxruntime',
  tfjs: 'TensorFlow.js',
}
const NAMES = Object.keys(RIVALS) as Rival[]
const COLORS = {
  [RIVALS.python]: '#e4632d',
  [RIVALS.cell]: '#f2a54a',
  [RIVALS.onnx]: '#2a78b5',
  [RIVALS.tfjs]: '#2f9e6e',
}

export function show(seconds: number): string {
  if (seconds < 1e-3) return `${(seconds * 1e6).toFixed(seconds < 1e-4 ? 2 : 1)} µs`
  return `${(seconds * 1e3).toFixed(2)} ms`
}

/** How many times as fast as the rival. */
export function ratio({ sides }: Result, rival: Rival): number | undefined {
  const other = sides.find(({ by }) => by === rival)
  return other && other.median / sides[0].median
}

export const HEADER = row('case', ['here', 'threads', 'p99', ...NAMES.map((name) => RIVALS[name]), 'of roof'])

function row(name: string, cells: readonly string[]): string {
  return name.padEnd(40) + cells.map((cell, i) => cell.padStart(i < 3 ? 10 : 17)).join('')
}

/** A row of the table: a rival's time, the ratio to it, and the ratio to reach where it is not reached. */
export function line(result: Result): string {
  const { case: one, sides, ofRoof } = result
  const [here] = sides
  const rivals = NAMES.map((name) => {
    const other = sides.find(({ by }) => by === name)
    const times = ratio(result, name)
    if (other === undefined || times === undefined) return ''
    const goal = one.goals?.[name]
    const text = times < 10 ? times.toFixed(2) : times.toFixed(1)
    return `${text}x${goal === undefined ? '' : times >= goal ? ' ✓' : ` < ${goal}`}`
  })
  const roof = ofRoof === undefined ? '' : `${(100 * ofRoof).toFixed(0)} %`
  return row(one.name, [show(here.median), String(here.threads), show(here.p99), ...rivals, roof])
}

/** A bar of a picture. */
export interface Bar {
  readonly case: string
  readonly series: string
  /** How many times as fast as what it is held against. */
  readonly times: number
}

export interface PictureOptions {
  readonly title: string
  readonly subtitle: readonly string[]
  /** What the numbers are. */
  readonly axis: string
  /** The color of each series, in the order in which they are drawn. */
  readonly colors: Readonly<Record<string, string>>
}

/** Bars to both sides of 1, for each case one of each series, as SVG. */
export async function picture(
  bars: readonly Bar[],
  { title, subtitle, axis, colors }: PictureOptions,
): Promise<string> {
  const data = bars.map((bar) => ({ ...bar, label: `${bar.times.toPrecision(2)}×` }))
  const shown = Object.keys(colors).filter((name) => data.some(({ series }) => series === name))
  const x = {
    field: 'times',
    type: 'quantitative',
    title: axis,
    scale: { type: 'log', nice: false },
    axis: { grid: true, tickCount: 6, format: '~g' },
  } as const
  const y = {
    field: 'case',
    type: 'nominal',
    title: null,
    sort: [...new Set(bars.map((bar) => bar.case))],
    scale: { paddingInner: 0.35 },
    axis: { domain: false, ticks: false, labelLimit: 0, labelPadding: 8 },
  } as const
  const yOffset = { field: 'series', type: 'nominal', sort: shown } as const
  const color = {
    field: 'series',
    type: 'nominal',
    title: null,
    scale: { domain: shown, range: shown.map((name) => colors[name] as string) },
    legend: { orient: 'top', symbolType: 'square' },
  } as const
  const spec: TopLevelSpec = {
    title: { text: title, subtitle: [...subtitle] },
    width: 620,
    height: { step: 11 },
    data: { values: data },
    layer: [
      // To the right of 1 where this library is the faster one.
      { mark: { type: 'bar', opacity: 0.9 }, encoding: { x, x2: { datum: 1 }, y, yOffset, color } },
      { mark: { type: 'rule', color: '#444' }, encoding: { x: { datum: 1 } } },
      {
        transform: [{ filter: 'datum.times >= 1' }],
        mark: { type: 'text', align: 'left', dx: 4, fontSize: 9, color: '#444' },
        encoding: { x, y, yOffset, text: { field: 'label' } },
      },
      {
        transform: [{ filter: 'datum.times < 1' }],
        mark: { type: 'text', align: 'right', dx: -4, fontSize: 9, color: '#444' },
        encoding: { x, y, yOffset, text: { field: 'label' } },
      },
    ],
    config: {
      font: 'Helvetica, Arial, sans-serif',
      background: '#ffffff',
      title: {
        anchor: 'start',
        fontSize: 17,
        fontWeight: 600,
        subtitleFontSize: 12,
        subtitleColor: '#666',
        offset: 14,
      },
      axis: { gridColor: '#eee', domainColor: '#bbb', tickColor: '#bbb', labelColor: '#444', titleFontWeight: 400 },
      view: { stroke: null },
    },
  }
  return new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' }).toSVG()
}

/** What was compared, and where. */
export interface Setting {
  readonly machine: string
  readonly here: string
  readonly rivals: Partial<Record<Rival, string>>
  readonly roof: object
}

/** Writes results.json and results.svg into `folder`. */
export async function write(folder: string, setting: Setting, results: readonly Result[]): Promise<void> {
  const rounded = JSON.stringify(
    { ...setting, results },
    (_, value: unknown) =>
      typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value,
    2,
  )
  writeFileSync(`${folder}results.json`, `${rounded}\n`)
  if (results.every(({ sides }) => sides.length < 2)) return
  const subtitle = [
    `${setting.here}, beside`,
    ...Object.values(setting.rivals),
    `Medians at each side's best number of threads; ${setting.machine}.`,
  ]
  const bars = results.flatMap((result) =>
    NAMES.flatMap((name) => {
      const times = ratio(result, name)
      return times === undefined ? [] : [{ case: result.case.name, series: RIVALS[name], times }]
    }),
  )
  const axis = 'times as fast as the rival at its best'
  const title = 'libtorch-rnn beside its rivals'
  writeFileSync(`${folder}results.svg`, await picture(bars, { title, subtitle, axis, colors: COLORS }))
}
