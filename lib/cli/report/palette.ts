/** A colour on a light and on a dark page. */
interface Tone {
  readonly light: string
  readonly dark: string
}

/**
 * The colours of page and charts. Texts have a contrast of at least 4.5 to the page, lines of 3; those of lines differ
 * for people who do not tell red from green.
 */
export const TONES = {
  page: { light: '#ffffff', dark: '#14171a' },
  panel: { light: '#f5f6f8', dark: '#1e2226' },
  ink: { light: '#1c2126', dark: '#e8eaed' },
  soft: { light: '#56606b', dark: '#a9b2bc' },
  line: { light: '#d9dde2', dark: '#383e45' },
  grid: { light: '#e9ecef', dark: '#2a2f35' },
  link: { light: '#1560a8', dark: '#7db8f0' },
  good: { light: '#1d7a4c', dark: '#5cc48f' },
  bad: { light: '#b3401b', dark: '#f29c76' },
  truth: { light: '#33393f', dark: '#d5dae0' },
  model: { light: '#1f77b4', dark: '#63b3ed' },
  naive: { light: '#b8551b', dark: '#f0a15f' },
  first: { light: '#1f77b4', dark: '#63b3ed' },
  second: { light: '#c2571a', dark: '#f0a15f' },
  third: { light: '#1a8a63', dark: '#4fc79b' },
  fourth: { light: '#9b4f96', dark: '#d59ad1' },
  fifth: { light: '#8a6d00', dark: '#dcbf4a' },
  sixth: { light: '#5a6b7b', dark: '#9fb3c6' },
  seventh: { light: '#c23b5e', dark: '#f08ba5' },
} as const satisfies Readonly<Record<string, Tone>>

export type ToneName = keyof typeof TONES

/** The colours of several networks, or of other lines, in this order; those of naive forecasts are others. */
const SERIES: readonly ToneName[] = ['first', 'third', 'fourth', 'fifth', 'seventh', 'second']
const NAIVE: readonly ToneName[] = ['second', 'sixth', 'fifth', 'seventh']

/** A colour in charts: that of the page, light or dark. */
export const tone = (name: ToneName): string => `var(--${name}, ${TONES[name].light})`

/** The colour of the i-th of several lines. */
export const seriesTone = (i: number): string => tone(SERIES[i % SERIES.length] as ToneName)

/** The colours of lines: networks have the same in all charts in which they have the same order. */
export function lineTones(lines: readonly { readonly isNaive?: boolean }[]): string[] {
  let [networks, naive] = [0, 0]
  return lines.map(({ isNaive = false }) =>
    isNaive ? tone(NAIVE[naive++ % NAIVE.length] as ToneName) : seriesTone(networks++),
  )
}

/** A chart with its colours as they are on a light page, for a file that is on its own. */
export const onLight = (svg: string): string => svg.replaceAll(/var\(--\w+, (#\w+)\)/g, '$1')

const declared = (shade: keyof Tone): string =>
  Object.entries(TONES)
    .map(([name, { [shade]: color }]) => `--${name}: ${color};`)
    .join(' ')

/** The colours as style sheets have them; paper is light. */
export const COLORS = `:root { color-scheme: light dark; ${declared('light')} }
@media screen and (prefers-color-scheme: dark) { :root { ${declared('dark')} } }`
