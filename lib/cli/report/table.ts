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
  // Words of one part, such as a day or a flag, are not broken.
  const kind = (i: number, content?: Content): string =>
    i >= words ? 'number' : typeof content === 'string' && /^\S{1,24}$/.test(content) ? 'token' : ''
  const cell = (content: Content, i: number): Html =>
    named && i === 0
      ? html`<th scope="row" class="${kind(i, content)}">${content}</th>`
      : html`<td class="${kind(i, content)}">${content}</td>`
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${heading.map((content, i) => html`<th scope="col" class="${kind(i)}">${content}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>\n`)}</tbody>
</table></div>`
}
