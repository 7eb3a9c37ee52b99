const DAY = 86_400_000

/** The length of the axis that is to be seen, in milliseconds: also after it was enlarged. */
const SPAN = "(domain('x')[1] - domain('x')[0])"

/** Whether a label has the year, too: the first one, and the first of each further year. */
const FIRST_OF_YEAR = `(datum.value - utc(utcyear(datum.value), 0, 1)) * max(2, floor(width / 90)) < ${SPAN}`
const BEGINS = `datum.index === 0 || (utcyear(datum.value) > utcyear(domain('x')[0]) && ${FIRST_OF_YEAR})`

/**
 * The label of a time: as fine as the part that is to be seen asks for, with the year at the first label and where a
 * year begins, or the day where a day begins.
 */
const LABEL = [
  `${SPAN} > ${4 * 365 * DAY} ? utcFormat(datum.value, '%Y')`,
  `${SPAN} > ${200 * DAY} ? [utcFormat(datum.value, '%b'), ${BEGINS} ? utcFormat(datum.value, '%Y') : '']`,
  `${SPAN} > ${4 * DAY} ? [utcFormat(datum.value, '%-d %b'), ${BEGINS} ? utcFormat(datum.value, '%Y') : '']`,
  `[utcFormat(datum.value, '%H:%M'), datum.index === 0 || utcFormat(datum.value, '%H:%M') === '00:00' ? utcFormat(datum.value, '%-d %b %Y') : '']`,
].join(' : ')

/** The encoding of times, milliseconds in the field `t`, in UTC. */
export const timeX = {
  field: 't',
  type: 'temporal',
  scale: { type: 'utc' },
  axis: {
    title: null,
    labelExpr: LABEL,
    tickCount: { expr: 'max(2, floor(width / 90))' },
    labelFlush: true,
    labelSeparation: 14,
  },
} as const

/** How many steps a number axis has room for. */
export const countAxis = (title: string): object => ({
  title,
  tickMinStep: 1,
  format: 'd',
  tickCount: { expr: 'max(2, floor(width / 60))' },
})

/** The encoding of a value on the y axis. */
export const valueY = (title: string, { zero = false }: { zero?: boolean } = {}): object => ({
  type: 'quantitative',
  scale: { zero, nice: true },
  axis: { title },
})

/** Where a logarithmic axis has labels: at 1, 2 and 5 times the powers of ten, or only at these if it is long. */
export function logTicks(low: number, high: number): number[] {
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))]
  const powers = Array.from({ length: to - from + 1 }, (_, i) => from + i)
  const steps = powers.length > 8 ? Math.ceil(powers.length / 8) : 1
  const fine = powers.length > 4 ? [1] : powers.length > 2 ? [1, 3] : [1, 1.5, 2, 3, 5, 7]
  return powers
    .filter((power) => (power - from) % steps === 0)
    .flatMap((power) => fine.map((digit) => Number(`${digit}e${power}`)))
    .filter((tick) => tick >= low && tick <= high)
}

/** The y axis of positive values: logarithmic if they differ by more than a factor of 3. */
export function positiveY(title: string, values: readonly number[]): object {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value))
  const [low, high] = [minOf(positive) / 1.05, maxOf(positive) * 1.05]
  const ticks = logTicks(low, high)
  if (positive.length === 0 || high / low < 3.5 || ticks.length < 3) return valueY(title)
  return {
    type: 'quantitative',
    scale: { type: 'log', domain: [low, high], nice: false, clamp: true },
    // Each line of the grid has its label.
    axis: { title, values: ticks, labelOverlap: false, format: '~g' },
  }
}

export const minOf = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity)
export const maxOf = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity)

/** The opacity of the name of a span of time: it is left out where it has no room. */
export const fits = {
  expr: "scale('x', datum.to) - scale('x', datum.from) > 7.5 * length(datum.name) + 8 ? 1 : 0",
} as const

/** Colours of lines by their names, in the order of the legend. */
export const legend = (
  names: readonly string[],
  colors: readonly string[],
  options: { symbolType?: string } = {},
): object => ({
  scale: { domain: names, range: colors },
  legend: {
    symbolType: 'stroke',
    symbolOpacity: 1,
    columns: { expr: 'width < 460 ? 2 : width < 640 ? 3 : 6' },
    ...options,
  },
})
