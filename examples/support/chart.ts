// Shared by the charts of all examples.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as vega from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'

/** Where examples write: examples/output, or the folder set in the environment. */
export const OUTPUT = process.env.EXAMPLES_OUTPUT ?? fileURLToPath(new URL('../output/', import.meta.url))

export const COLORS = { RNN: '#e4632d', LSTM: '#2a78b5', GRU: '#2f9e6e' } as const

const CONFIG = {
  font: 'Helvetica, Arial, sans-serif',
  background: '#ffffff',
  title: {
    anchor: 'start',
    fontSize: 17,
    fontWeight: 600,
    subtitleFontSize: 12,
    subtitleColor: '#666',
    offset: 14,
    subtitlePadding: 6,
  },
  axis: {
    gridColor: '#eee',
    domainColor: '#bbb',
    tickColor: '#bbb',
    labelColor: '#555',
    titleColor: '#555',
    titleFontWeight: 400,
  },
  header: { labelFontSize: 13, labelFontWeight: 600, labelAnchor: 'start', labelOrient: 'top' },
  legend: { labelColor: '#444', titleColor: '#444', titleFontWeight: 400, symbolStrokeWidth: 3 },
  view: { stroke: null },
} as const

interface TextMetrics {
  width(item: { fontSize?: number }, text: unknown): number
}

// Without a canvas to measure text, Vega overestimates its width, and pictures get empty margins.
const { textMetrics } = vega as unknown as { textMetrics: TextMetrics }
textMetrics.width = ({ fontSize = 11 }, text) => 0.56 * fontSize * String(text ?? '').length

/** Renders a chart as SVG. */
export async function render(spec: TopLevelSpec): Promise<string> {
  const view = new vega.View(vega.parse(compile({ config: CONFIG, ...spec } as TopLevelSpec).spec), {
    renderer: 'none',
  })
  return view.toSVG()
}

/** The colors of RNN, LSTM and GRU. */
export function modelColors(): { domain: string[]; range: string[] } {
  return { domain: Object.keys(COLORS), range: Object.values(COLORS) }
}

/** Writes a picture to {@link OUTPUT}, and prints its path. */
export function save(name: string, svg: string): void {
  mkdirSync(OUTPUT, { recursive: true })
  const file = join(OUTPUT, `${name}.svg`)
  writeFileSync(file, svg)
  console.log(`  ${relative(process.cwd(), file)}`)
}
