import { type Content, type Html, html } from './html.ts'

export interface TableOptions {
  /** What the table is about, for those who hear it. */
  readonly caption: string
  /** How many columns, from the left, are words; the others are numbers. Default 1. */
  readonly words?: number
  /** Whether the first column names the row. Default `true`. */
  readonly named?: boolean
}

/** A table with a heading, which scrolls by itself where the page is narrower. */
export function table(
  heading: readonly Content[],
  rows: readonly (readonly Content[])[],
  { caption, words = 1, named = true }: TableOptions,
): Html {
  const kind = (i: number): Html => html`${i < words ? '' : 'number'}`
  const cell = (content: Content, i: number): Html =>
    named && i === 0
      ? html`<th scope="row" class="${kind(i)}">${content}</th>`
      : html`<td class="${kind(i)}">${content}</td>`
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${heading.map((content, i) => html`<th scope="col" class="${kind(i)}">${content}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>\n`)}</tbody>
</table></div>`
}
