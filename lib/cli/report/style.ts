import { COLORS } from './palette.ts'

/** How a report looks: on a screen, on a phone, in the dark and on paper. */
export const STYLE = `${COLORS}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif;
}
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; padding: .5rem 1rem; background: var(--page); z-index: 2; }
header, nav, main, footer { max-width: 61rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 .5rem; }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .25rem; }
p, ul { margin: .5rem 0; max-width: 46rem; }
ul { padding-left: 1.25rem; }
a { color: var(--link); }
a:focus-visible, button:focus-visible, summary:focus-visible, .scroll:focus-visible {
  outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px;
}
.lead { font-size: 1.1rem; color: var(--soft); max-width: 46rem; overflow-wrap: anywhere; }
.verdict { font-size: 1.15rem; font-weight: 600; border-left: 4px solid var(--soft); padding: .15rem 0 .15rem .9rem; margin: 1.25rem 0; max-width: 46rem; }
.verdict.good { border-color: var(--good); }
.verdict.bad { border-color: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1.25rem 0; padding: 0; max-width: none; }
.cards div { background: var(--panel); border-radius: 8px; padding: .8rem 1rem; }
.cards dt { color: var(--soft); font-size: .88rem; }
.cards dd { margin: 0; font-size: 1.5rem; font-weight: 600; line-height: 1.25; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.cards dd small { display: block; font-size: .88rem; font-weight: 400; color: var(--soft); }
nav { margin-top: 1.5rem; }
nav ol { list-style: none; display: flex; flex-wrap: wrap; gap: .4rem 1.1rem; margin: 0; padding: .7rem 0; border-block: 1px solid var(--line); font-size: .95rem; }
main section { padding: 1.6rem 0 .6rem; }
main section + section { border-top: 1px solid var(--line); }
figure { margin: 1rem 0 1.5rem; }
figcaption { max-width: 46rem; margin-bottom: .5rem; }
figcaption p { color: var(--soft); margin: 0; }
figcaption h3 { margin-top: .5rem; }
.chart { overflow-x: auto; }
.chart svg { display: block; max-width: 100%; height: auto; }
.tools { display: flex; gap: .4rem; margin-top: .25rem; flex-wrap: wrap; align-items: center; color: var(--soft); font-size: .85rem; }
.tools button { font: inherit; min-width: 2.25rem; min-height: 2rem; padding: .1rem .6rem; color: var(--ink); background: var(--panel); border: 1px solid var(--line); border-radius: 6px; cursor: pointer; }
.tools button:hover { border-color: var(--soft); }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .93rem; font-variant-numeric: tabular-nums; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; font-weight: 400; }
thead th { color: var(--soft); font-size: .88rem; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
.token, th code { white-space: nowrap; }
tr.own th, tr.own td, strong { font-weight: 600; }
details { margin: .6rem 0; }
summary { cursor: pointer; color: var(--link); width: fit-content; }
pre { background: var(--panel); border-radius: 8px; padding: .8rem 1rem; overflow-x: auto; font-size: .86rem; line-height: 1.45; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .92em; }
p code, td code, li code { overflow-wrap: anywhere; }
.note { color: var(--soft); }
.warning { border-left: 4px solid var(--bad); padding-left: .9rem; }
footer { margin-top: 2rem; padding-block: 1rem 2.5rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .88rem; }
#tip { position: fixed; pointer-events: none; z-index: 3; background: var(--page); color: var(--ink); border: 1px solid var(--line); border-radius: 6px; padding: .4rem .6rem; font-size: .85rem; line-height: 1.4; box-shadow: 0 2px 10px rgb(0 0 0 / .18); max-width: 20rem; }
#tip table { font-size: inherit; }
#tip td { border: 0; padding: 0 .6rem 0 0; }
#tip td + td { text-align: right; padding-right: 0; }
[hidden] { display: none !important; }
@media (max-width: 40rem) {
  body { font-size: 15.5px; }
  header { padding-top: 1.5rem; }
  h1 { font-size: 1.5rem; }
  header, nav, main, footer { padding-inline: 1rem; }
  .cards { grid-template-columns: repeat(2, 1fr); gap: .5rem; }
  .cards div { padding: .6rem .75rem; }
  .cards dd { font-size: 1.2rem; }
}
@media print {
  body { font-size: 10.5pt; }
  nav, .tools, .skip, #tip { display: none; }
  header, main, footer { max-width: none; padding-inline: 0; }
  figure, tr, .cards div, .verdict { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  main section { padding: .8rem 0; }
  .scroll, pre { overflow: visible; }
  pre { white-space: pre-wrap; }
  a { color: inherit; text-decoration: none; }
}`
