/** The results as tables in Markdown, as JSON and as a picture. */
import { writeFileSync } from 'node:fs'
import { type Bar, picture, show } from '../report.ts'
import type { CudaCase, Goal, Side } from './cases.ts'
import type { Timing } from './here.ts'

export interface Result {
  readonly case: CudaCase
  /** Medians over all turns: seconds per step. */
  readonly sides: Partial<Record<Side, Timing>>
}

export interface Setting {
  readonly machine: string
  readonly here: string
  readonly python: string
  readonly rounds: number
}

export const SIDES: Record<Side, string> = {
  here: 'here',
  hereGraph: 'here, graph',
  python: 'PyTorch',
  pythonGraph: 'PyTorch, graph',
}
const NAMES = Object.keys(SIDES) as Side[]
const RATIOS: readonly (readonly [side: Side, rival: Side])[] = [
  ['here', 'python'],
  ['hereGraph', 'python'],
  ['hereGraph', 'pythonGraph'],
]
const COLORS = { [SIDES.here]: '#2a78b5', [SIDES.hereGraph]: '#2f9e6e', [SIDES.pythonGraph]: '#f2a54a' }

export type Clock = keyof Timing

/** How many times as fast one side is as another. */
export function ratio({ sides }: Result, side: Side, rival: Side, clock: Clock): number | undefined {
  const [own, other] = [sides[side]?.[clock], sides[rival]?.[clock]]
  return own === undefined || other === undefined ? undefined : other / own
}

function describeRatio(result: Result, side: Side, rival: Side, clock: Clock): string {
  const times = ratio(result, side, rival, clock)
  if (times === undefined) return ''
  const goal = result.case.goals.find((one: Goal) => one.side === side && one.rival === rival)
  const mark = goal === undefined ? '' : times >= goal.times ? ' ✓' : ` < ${goal.times}`
  return `${times.toFixed(2)}${mark}`
}

const HEADER = ['case', ...NAMES.map((name) => SIDES[name]), ...RATIOS.map(([a, b]) => `${SIDES[b]} / ${SIDES[a]}`)]

function cells(result: Result, clock: Clock): string[] {
  const seconds = NAMES.map((name) => {
    const time = result.sides[name]?.[clock]
    return time === undefined ? '' : show(time)
  })
  return [result.case.name, ...seconds, ...RATIOS.map(([side, rival]) => describeRatio(result, side, rival, clock))]
}

/** Rows of equal width, as Markdown has them. */
export function table(results: readonly Result[], clock: Clock): string {
  const rows = [HEADER, ...results.map((result) => cells(result, clock))]
  const widths = HEADER.map((_, i) => Math.max(...rows.map((row) => (row[i] as string).length)))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] as number)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(HEADER), rule, ...rows.slice(1).map(line)].join('\n')
}

function columns([name = '', ...rest]: readonly string[]): string {
  return name.padEnd(36) + rest.map((cell, i) => cell.padStart((HEADER[i + 1] as string).length + 3)).join('')
}

export function header(): string {
  return columns(HEADER)
}

/** A row, to be shown while the benchmark runs. */
export function line(result: Result, clock: Clock): string {
  return columns(cells(result, clock))
}

/** Writes cuda.md, cuda.json and cuda.svg into `folder`. */
export async function write(folder: string, setting: Setting, results: readonly Result[], clock: Clock): Promise<void> {
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value
  writeFileSync(`${folder}cuda.json`, `${JSON.stringify({ ...setting, results }, rounded, 2)}\n`)
  const { machine, here, python, rounds } = setting
  const about = `A training step: forward, MSE, backward, Adam (fused). ${here} beside ${python}; ${machine}. Medians of ${rounds} turns.`
  const parts = [
    ...(clock === 'device' ? [`By events of the device:\n\n${table(results, 'device')}`] : []),
    `By the clock:\n\n${table(results, 'wall')}`,
  ]
  writeFileSync(`${folder}cuda.md`, `${[about, ...parts].join('\n\n')}\n`)
  const bars = results.flatMap((result) =>
    (['here', 'hereGraph', 'pythonGraph'] as const).flatMap((side): Bar[] => {
      const times = ratio(result, side, 'python', clock)
      return times === undefined ? [] : [{ case: result.case.name, series: SIDES[side], times }]
    }),
  )
  const subtitle = [here, `beside ${python}`, `Medians; ${machine}.`]
  const options = { title: 'A training step on the GPU', subtitle, axis: 'times as fast as PyTorch', colors: COLORS }
  writeFileSync(`${folder}cuda.svg`, await picture(bars, options))
}
