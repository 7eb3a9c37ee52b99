import type { TopLevelSpec } from 'vega-lite'
import { COLORS, render } from '../support/chart.ts'
import type { Run } from './clipping.ts'
import type { Curve, Panel } from './flows.ts'

/** The range of the plots, in powers of ten. */
const [LOWEST, HIGHEST] = [-24, 12] as const
const GRID = Array.from({ length: 7 }, (_, i) => LOWEST + 6 * i)

/** 10⁻⁶ */
function power(exponent: number): string {
  if (exponent === 0) return '1'
  const digits = [...String(Math.abs(exponent))].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]).join('')
  return `10${exponent < 0 ? '⁻' : ''}${digits}`
}

/** Shades of a color, from light through the color itself to dark. */
function shades(color: string, count: number): string[] {
  const channels = [1, 3, 5].map((i) => Number.parseInt(color.slice(i, i + 2), 16))
  return Array.from({ length: count }, (_, i) => {
    const place = count === 1 ? 0 : (2 * i) / (count - 1) - 1
    const [towards, by] = place < 0 ? [255, -0.6 * place] : [0, 0.5 * place]
    return `rgb(${channels.map((channel) => Math.round(channel + (towards - channel) * by)).join(',')})`
  })
}

interface Place {
  curve: string
  back: number
  power: number
}

/** The positions of the curves' names: at the end of each curve, or where it leaves the plot, without overlap. */
function places(curves: readonly Curve[]): Place[] {
  const gap = 2
  const ends = curves.map(({ label, norms }): Place => {
    const powers = norms.map((norm) => Math.log10(norm))
    const leaves = powers.findIndex((power) => !(power > LOWEST + 1 && power < HIGHEST - 1))
    const back = leaves < 0 ? norms.length - 1 : Math.max(leaves - 1, 0)
    return { curve: label, back, power: powers[back] as number }
  })
  const last = Math.max(...ends.map(({ back }) => back))
  let below = Number.NEGATIVE_INFINITY
  for (const end of ends.filter(({ back }) => back === last).sort((a, b) => a.power - b.power)) {
    end.power = Math.max(end.power, below + gap)
    below = end.power
  }
  return ends
}

/** A list in the free corner, for curves that are too close for names at their ends. */
function list(curves: readonly Curve[]): Place[] {
  return curves.map(({ label, norms }, i) => ({ curve: label, back: norms.length * 0.8, power: HIGHEST - 3 - 2.4 * i }))
}

/** A logarithmic axis for the field `power`, labelled at `exponents`. */
function powersOfTen(domain: [number, number], exponents: readonly number[]): object {
  const labels = exponents.map((exponent) => `'${exponent}': '${power(exponent)}'`)
  return {
    field: 'power',
    type: 'quantitative',
    title: null,
    scale: { domain, nice: false },
    axis: { values: exponents, labelExpr: `{${labels.join(', ')}}[datum.value]` },
  }
}

function panel({ title, note, kind, curves }: Panel): object {
  const labels = curves.map(({ label }) => label)
  const range = kind === 'all' ? Object.values(COLORS) : shades(COLORS[kind], curves.length)
  const point = (curve: Curve, back: number): object => ({
    curve: curve.label,
    back,
    power: Math.log10(curve.norms[back] as number),
  })
  const steps = Math.max(...curves.map(({ norms }) => norms.length))
  const x = {
    field: 'back',
    type: 'quantitative',
    title: 'Steps back from the loss',
    scale: { domain: [0, Math.ceil(steps * 1.13)], nice: false },
    axis: { grid: false, tickCount: 5 },
  } as const
  const y = powersOfTen([LOWEST, HIGHEST], GRID)
  const color = { field: 'curve', type: 'nominal', scale: { domain: labels, range }, legend: null } as const
  return {
    title: { text: title, subtitle: note, frame: 'group', fontSize: 14, subtitleFontSize: 11.5, offset: 10 },
    width: 400,
    height: 230,
    layer: [
      { data: { values: [{ power: 0 }] }, mark: { type: 'rule', color: '#bbb' }, encoding: { y } },
      {
        data: { values: curves.flatMap((curve) => curve.norms.map((_, back) => point(curve, back))) },
        transform: [{ filter: `isFinite(datum.power) && datum.power > ${LOWEST} && datum.power < ${HIGHEST}` }],
        mark: { type: 'line', strokeWidth: 2, clip: true },
        encoding: { x, y, color },
      },
      // Lines that pass under a name leave it free.
      ...[{ stroke: '#fff', strokeWidth: 5, strokeJoin: 'round' }, {}].map((halo) => ({
        data: { values: kind === 'all' ? list(curves) : places(curves) },
        mark: { type: 'text', align: 'left', dx: 8, fontSize: 11.5, fontWeight: 600, ...halo },
        encoding: { x, y, ...('stroke' in halo ? {} : { color }), text: { field: 'curve' } },
      })),
    ],
  }
}

/** Plots how the gradient of a loss on the last output shrinks or grows on its way back to each step. */
export function plotFlows(panels: readonly Panel[], steps: number): Promise<string> {
  return render({
    title: {
      text: `What is left of a gradient after ${steps} steps`,
      subtitle: [
        'The norm of the loss gradient at the state of each step, as a multiple of that at the last step.',
        'Training hears of a step only through this number: at 10⁻⁶ nothing of it is learned, at 10⁶ nothing else.',
      ],
    },
    columns: 2,
    bounds: 'flush',
    spacing: { row: 100, column: 90 },
    resolve: { scale: { color: 'independent' } },
    concat: panels.map(panel),
  } as TopLevelSpec)
}

/** Plots loss and gradient norm of the same training, with and without clipping. */
export function plotClipping(runs: readonly Run[]): Promise<string> {
  const updates = Math.max(...runs.map(({ losses }) => losses.length))
  const [low, high] = [-6, 12]
  const powers = [-4, 0, 4, 8, 12]
  const curves = (field: 'losses' | 'norms'): object[][] =>
    runs.map((run) => {
      const finite = run[field].map(Math.log10)
      const end = finite.findIndex((power) => !(power < high))
      return finite.slice(0, end < 0 ? undefined : end).map((power, i) => ({ run: run.label, update: i + 1, power }))
    })
  const x = {
    field: 'update',
    type: 'quantitative',
    title: 'Update',
    scale: { domain: [1, updates], nice: false, zero: false },
    axis: { grid: false, tickCount: 5 },
  } as const
  const y = powersOfTen([low, high], powers)
  const color = {
    field: 'run',
    type: 'nominal',
    scale: { domain: runs.map(({ label }) => label), range: ['#8a8a8a', COLORS.RNN] },
    legend: null,
  } as const
  const part = (title: string, field: 'losses' | 'norms'): object => {
    const [whole = [], clipped = []] = curves(field)
    const name = (points: object[], mark: object): object => ({
      data: { values: points.slice(-1) },
      mark: { type: 'text', fontSize: 12, fontWeight: 600, ...mark },
      encoding: { x, y, color, text: { field: 'run' } },
    })
    return {
      title: { text: title, frame: 'group', fontSize: 14, offset: 10 },
      width: 400,
      height: 230,
      layer: [
        {
          data: { values: [...whole, ...clipped] },
          mark: { type: 'line', strokeWidth: 1.8 },
          encoding: { x, y, color },
        },
        name(whole, { align: 'left', dx: 8, dy: 4 }),
        name(clipped, { align: 'right', dy: 18 }),
      ],
    }
  }
  return render({
    title: {
      text: 'What clipping does about an explosion',
      subtitle: [
        'An RNN with recurrent weights of gain 1.5 learns to predict a wave. Its first gradients are longer than 10.',
        'Taken whole, they throw the weights far away, to where gradients are longer still.',
        'Scaled to length 1, the same gradients lead out. Clipping cures the explosion; it does nothing for vanishing.',
      ],
    },
    columns: 2,
    bounds: 'flush',
    spacing: { column: 90 },
    resolve: { scale: { color: 'independent' } },
    concat: [part('Mean squared error', 'losses'), part('Norm of all gradients, before clipping', 'norms')],
  } as TopLevelSpec)
}
