import { attribute } from '../../../inspect/index.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import { torch } from '../../../torch.ts'
import { barChart } from '../charts/bars.ts'
import { shareChart } from '../charts/inside.ts'
import type { ForecastRun } from '../forecast-run.ts'
import { html } from '../html.ts'
import type { Section } from '../section.ts'
import { table } from '../table.ts'
import { counted, percent } from './head.ts'

/** How many windows are explained, evenly spread: more change little. */
const MOST_WINDOWS = 128
const MOST_BARS = 20

/** Which inputs, and which steps of the past, make the forecasts what they are. */
export async function attributionsSection(run: ForecastRun): Promise<Section> {
  const { held, parts, model, series, settings, result } = run
  const windows = held ?? parts.train
  const count = Math.min(MOST_WINDOWS, windows.length)
  const indices = Array.from({ length: count }, (_, i) => Math.floor((i * windows.length) / count))
  const { input, target, mask } = windows.batch(indices, true)
  try {
    const found = await attribute(model, input, { target: firstTarget })
    const { attributions, completenessError, output, baselineOutput } = found
    const [byInput, byStep, error, change] = torch.tidy(() => {
      const sizes = attributions.abs().double()
      const rows = (tensor: Tensor): number[] => tensor.toArray() as number[]
      return [
        rows(sizes.sum(1).mean(0)),
        rows(sizes.sum(2).mean(0)),
        Number(completenessError.abs().mean().item()),
        Number(output.sub(baselineOutput).abs().mean().item()),
      ] as const
    })
    for (const tensor of [attributions, completenessError, output, baselineOutput]) tensor.dispose()
    const inputs = sharesOf(series.inputNames, byInput)
    const total = byStep.reduce((sum, value) => sum + value, 0)
    const steps = byStep.map((value) => value / total)
    const half = reachOf(steps)
    const [first] = inputs
    return {
      id: 'attributions',
      title: 'What the forecasts rest on',
      parts: [
        html`<p>Integrated gradients (Sundararajan, Taly and Yan, 2017) say how much each input at each step adds to the forecast of ${series.targets[0]}, compared with ${settings.scaler === 'standard' && settings.scalers === undefined ? 'an average input' : 'an input of zeros, scaled'}: here as shares of all contributions, whatever their sign, over ${counted(count, 'forecast')} of the ${held === undefined ? 'training' : result.part} part. They add up to what they explain but for ${error / change < 0.0001 ? 'less than 0.01 %' : percent(error / change, 2)}.</p>`,
        {
          chart: barChart(
            inputs.slice(0, MOST_BARS).map(({ label, share }) => ({ label, value: share })),
            {
              name: 'inputs',
              title: 'By input',
              quantity: 'Share of contributions',
              format: '.0%',
              summary: inputs.map(({ label, share }) => `${label}: ${percent(share)}.`).join(' '),
            },
          ),
          caption: html`<p>${first === undefined ? '' : `${first.label} has the largest share, ${percent(first.share, 0)}.`}${inputs.length > MOST_BARS && ` The first ${MOST_BARS} of ${inputs.length}.`} A small share tells that the network makes little use of an input, not that the input knows nothing.</p>`,
          table: table(
            ['Input', 'Share'],
            inputs.map(({ label, share }) => [label, percent(share)]),
            { caption: 'Shares of the inputs' },
          ),
        },
        {
          chart: shareChart(steps, {
            name: 'lags',
            title: 'By steps before the forecast',
            quantity: 'Share of contributions',
            summary: `Half of all contributions come from the last ${counted(half, 'step')} of ${steps.length}.`,
          }),
          caption: html`<p>Half of all contributions come from the last ${counted(half, 'step')}: ${half * 4 <= steps.length ? 'a shorter past may do as well.' : 'the network looks far back.'}</p>`,
          table: table(
            ['Step', 'Share'],
            steps.map((share, i) => [i + 1 - steps.length, percent(share)]),
            { caption: 'Shares of the steps' },
          ),
        },
      ],
    }
  } finally {
    for (const tensor of [input, target, mask]) tensor?.dispose()
  }
}

/** What is explained: the mean over the horizon of the first target, (N, H, O) or (N, O). */
const firstTarget = (output: Tensor): Tensor => {
  const first = output.select(-1, 0)
  return first.ndim === 1 ? first : first.mean(1)
}

/** The shares of the inputs, the largest first: the sine and the cosine of a cycle are one. */
export function sharesOf(names: readonly string[], sizes: readonly number[]): { label: string; share: number }[] {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const shares = new Map<string, number>()
  for (const [i, name] of names.entries()) {
    const label = name.replace(/ (?:sin|cos)$/, '')
    shares.set(label, (shares.get(label) ?? 0) + (sizes[i] as number) / total)
  }
  return [...shares].map(([label, share]) => ({ label, share })).sort((a, b) => b.share - a.share)
}

/** The number of last steps whose shares are a half together. */
export function reachOf(shares: readonly number[]): number {
  let sum = 0
  for (let back = 1; back <= shares.length; back++) {
    sum += shares[shares.length - back] as number
    if (sum >= 0.5) return back
  }
  return shares.length
}
