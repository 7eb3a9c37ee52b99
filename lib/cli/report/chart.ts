import { escaped } from './html.ts'
import { onLight, tone } from './palette.ts'
import type { Spec, Vegas } from './vega.ts'

/** A picture in a report. */
export interface Chart {
  /** Its name in the page, and that of its file. */
  readonly name: string
  readonly title: string
  /** What is to be seen, in a sentence or two: for those who do not see it. */
  readonly summary: string
  /** A single view or layers, whose width is that of the page. */
  readonly spec: Spec
  readonly height?: number
  /** Whether the x axis can be enlarged and moved. */
  readonly zooms?: boolean
}

/** A chart that is drawn. */
export interface Drawn {
  /** As it stands in a page before, or without, its program. */
  readonly svg: string
  /** On its own, for a light background. */
  readonly file: string
  /** What the program of a page draws. */
  readonly compiled: object
}

/** The width of charts that are not drawn by the program of a page, which fits them to its own. */
const WIDTH = 720
const HEIGHT = 240
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif'

/** The name of the selection that is the part of the x axis to be seen. */
export const ZOOM = 'zoom'

const CONFIG = {
  font: FONT,
  background: null,
  padding: 4,
  // The page says in words what a chart shows: hundreds of marks would be read out one by one.
  aria: false,
  axis: {
    gridColor: tone('grid'),
    domainColor: tone('line'),
    tickColor: tone('line'),
    labelColor: tone('soft'),
    titleColor: tone('soft'),
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 400,
    titlePadding: 8,
    labelPadding: 5,
  },
  axisX: { grid: false },
  axisY: { domain: false, ticks: false, tickCount: 5 },
  legend: {
    orient: 'top',
    direction: 'horizontal',
    labelColor: tone('ink'),
    labelFontSize: 12,
    labelLimit: 260,
    symbolStrokeWidth: 2.5,
    symbolSize: 120,
    title: null,
    offset: 10,
    columnPadding: 18,
    rowPadding: 4,
  },
  text: { font: FONT, fontSize: 12 },
  view: { stroke: null },
} as const

/** The selection of the x axis: by the wheel only with Ctrl, because a page is scrolled by it, and by the mouse. */
const SELECTION = {
  name: ZOOM,
  select: {
    type: 'interval',
    encodings: ['x'],
    zoom: 'wheel![event.ctrlKey || event.metaKey]',
    translate: "[pointerdown[event.pointerType === 'mouse'], window:pointerup] > window:pointermove!",
  },
  bind: 'scales',
} as const

function whole({ spec, height = HEIGHT, zooms = false }: Chart): Spec {
  const { layer } = spec as { layer?: readonly { params?: readonly object[] }[] }
  // The selection belongs to one layer, and moves the scales of all.
  const layers = layer?.map((one, i) =>
    zooms && i === 0 ? { ...one, params: [...(one.params ?? []), SELECTION] } : one,
  )
  return {
    ...spec,
    ...(layers === undefined ? (zooms ? { params: [SELECTION] } : {}) : { layer: layers }),
    width: WIDTH,
    height,
    autosize: { type: 'fit-x', contains: 'padding' },
    config: CONFIG,
  }
}

/** Draws a chart. */
export async function draw(chart: Chart, vegas: Vegas): Promise<Drawn> {
  const compiled = vegas.compile(whole(chart))
  // Names of clip paths are those of the document, which has several charts.
  const svg = (await vegas.svg(compiled)).replaceAll(/\b(id="|url\(#)(?=(?:clip|gradient))/g, `$1${chart.name}-`)
  const label = escaped(`${chart.title}. ${chart.summary}`)
  const ground = '<rect width="100%" height="100%" fill="#ffffff"/>'
  const file = onLight(svg).replace(/^<svg ([^>]*)>/, (_, attributes: string) => {
    return `<svg role="img" aria-label="${label}" ${attributes}>${ground}`
  })
  return { svg, compiled, file }
}
