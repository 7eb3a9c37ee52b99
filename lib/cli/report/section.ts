import type { Chart } from './chart.ts'
import type { Html } from './html.ts'

/** A part of a report, under a heading. */
export interface Section {
  /** Its name in addresses: `#learning`. */
  readonly id: string
  readonly title: string
  /** What there is to see and to read, in its order. */
  readonly parts: readonly Part[]
}

export type Part = Html | Figure

/** A chart, with what is said about it and its values as a table. */
export interface Figure {
  readonly chart: Chart
  /** What to see in it. */
  readonly caption: Html
  /** The values, if they are few enough to be read. */
  readonly table?: Html
}

/** Whether a part is a figure. */
export const isFigure = (part: Part): part is Figure => 'chart' in part
