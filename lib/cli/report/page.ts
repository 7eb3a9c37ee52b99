import { type Chart, type Drawn, draw } from './chart.ts'
import { Html, html, scriptJSON, scriptText } from './html.ts'
import { SCRIPT } from './script.ts'
import { type Figure, isFigure, type Section } from './section.ts'
import { STYLE } from './style.ts'
import type { Vegas } from './vega.ts'

/** A report, before it is written. */
export interface Report {
  readonly title: string
  /** What stands under the title: the answer, before its evidence. */
  readonly head: Html
  readonly sections: readonly Section[]
  /** By what it was made. */
  readonly foot: Html
}

/** A report as it is written. */
export interface Page {
  /** One file, which needs no other. */
  readonly html: string
  /** The charts as SVG, by name. */
  readonly pictures: ReadonlyMap<string, string>
}

/** Draws the charts of a report, and writes its page. */
export async function pageOf({ title, head, sections, foot }: Report, vegas: Vegas): Promise<Page> {
  const drawn = new Map<string, Drawn>()
  for (const part of sections.flatMap(({ parts }) => parts)) {
    if (isFigure(part)) drawn.set(part.chart.name, await draw(part.chart, vegas))
  }
  const specs = Object.fromEntries([...drawn].map(([name, { compiled }]) => [name, compiled]))
  const svgOf = ({ name }: Chart): Html => trusted(drawn.get(name)?.svg ?? '')
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
<a class="skip" href="#content">To the content</a>
<header>
<h1>${title}</h1>
${head}
</header>
<nav aria-label="Contents"><ol>${sections.map((one) => html`<li><a href="#${one.id}">${one.title}</a></li>`)}</ol></nav>
<main id="content">
${sections.map((section) => sectionHtml(section, svgOf))}
</main>
<footer>${foot}</footer>
<div id="tip" hidden></div>
<script type="application/json" id="charts">${scriptJSON(specs)}</script>
<script>
/* Charts are drawn by Vega, https://vega.github.io:
${scriptText(vegas.license.replaceAll('*/', ''))} */
${scriptText(vegas.program)}
</script>
<script>${scriptText(SCRIPT)}</script>
</body>
</html>
`
  return { html: page.text, pictures: new Map([...drawn].map(([name, { file }]) => [name, file])) }
}

const trusted = (text: string): Html => new Html(text)

function sectionHtml({ id, title, parts }: Section, svgOf: (chart: Chart) => Html): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${parts.map((part) => (isFigure(part) ? figureHtml(part, svgOf) : part))}
</section>
`
}

function figureHtml({ chart, caption, table }: Figure, svgOf: (chart: Chart) => Html): Html {
  const { name, title, summary, zooms = false } = chart
  return html`<figure data-chart="${name}">
<figcaption><h3>${title}</h3>${caption}</figcaption>
<div class="chart" role="img" aria-label="${title}. ${summary}">${svgOf(chart)}</div>
${zooms && tools(title)}
${table !== undefined && html`<details><summary>The values of this chart</summary>${table}</details>`}
</figure>
`
}

/** Buttons for what the mouse does by dragging and by the wheel. */
function tools(title: string): Html {
  const button = (sign: string, label: string, zoom: number, move = 0): Html =>
    html`<button type="button" aria-label="${label}: ${title}" title="${label}" data-zoom="${zoom}" data-move="${move}">${sign}</button>`
  return html`<div class="tools" hidden>${[
    button('+', 'Zoom in', 0.5),
    button('−', 'Zoom out', 2),
    button('←', 'Earlier', 1, -0.5),
    button('→', 'Later', 1, 0.5),
    button('Reset', 'Show all', 0),
  ]}</div>`
}
