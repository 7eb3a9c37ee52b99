import { type GateTrace, gradientFlow, traceGates } from '../../../inspect/index.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import { torch } from '../../../torch.ts'
import { flowChart, type GateLine, gateChart } from '../charts/inside.ts'
import type { ForecastRun } from '../forecast-run.ts'
import { html } from '../html.ts'
import type { Part, Section } from '../section.ts'

/** The words for gates and states, and whether they are gates, between 0 and 1. */
const WORDS: Readonly<Record<string, Readonly<Record<string, readonly [words: string, isGate: boolean]>>>> = {
  LSTM: {
    i: ['input gate', true],
    f: ['forget gate', true],
    o: ['output gate', true],
    c: ['cell', false],
    h: ['state', false],
  },
  GRU: { r: ['reset gate', true], z: ['update gate', true], h: ['state', false] },
  MinGRU: { z: ['update gate', true], h: ['state', false] },
  RNN: { h: ['state', false] },
}

/** What the network does with one example: its gates over time, and how far back its error reaches. */
export async function insideSection(run: ForecastRun): Promise<Section> {
  const { held, parts: split, evidence, model, timeText, own } = run
  const windows = held ?? split.train
  const index = usualOf(run)
  const example = timeText(windows.times(index)[0] as Date)
  const group = windows.groups([index])?.[0]
  const { input, target } = windows.batch([index], true)
  try {
    const traces = await traceGates(model, input)
    const lines = torch.tidy(() => linesOf(traces))
    for (const trace of traces) for (const value of Object.values(trace)) if (isDisposable(value)) value.dispose()
    const flows = await gradientFlow(model, input, (output: Tensor) => output.sub(target).pow(2).mean())
    const layer = flows.at(-1)?.layer ?? 0
    const deep = layer > 0 ? `, layer ${layer + 1}` : ''
    const gates = lines.filter(({ isGate }) => isGate)
    const states = lines.filter(({ isGate }) => !isGate)
    const place = (one: { layer: number; direction: string }): string =>
      `${layer > 0 ? `layer ${one.layer + 1}` : ''}${one.direction === 'reverse' ? ', backwards' : ''}`.replace(
        /^, /,
        '',
      )
    const flowLines = flows.flatMap((flow) => [
      { name: ['state', place(flow)].filter(Boolean).join(', '), norms: flow.hidden },
      ...(flow.cell === undefined
        ? []
        : [{ name: ['cell', place(flow)].filter(Boolean).join(', '), norms: flow.cell }]),
    ])
    const reach = flows.at(-1)?.hidden ?? []
    const ratio = (reach[0] ?? 0) / (reach.at(-1) ?? Number.NaN)
    return {
      id: 'inside',
      title: 'Inside the network',
      parts: [
        html`<p>One example with a usual error: the forecast ${group !== undefined && `of ${group} `}from ${example}${evidence.length === 0 && ', of the training part'}. Lines are the mean of all units, areas go from the lower to the upper quartile.</p>`,
        ...(gates.length === 0
          ? []
          : [
              {
                chart: gateChart(gates, { name: 'gates', title: `Gates over time${deep}`, quantity: 'Opening' }),
                caption: html`<p>${GATES[traces[0]?.kind ?? ''] ?? ''}</p>`,
              } satisfies Part,
            ]),
        {
          chart: gateChart(states, { name: 'states', title: `State over time${deep}`, quantity: 'Value' }),
          caption: html`<p>What the ${own} carries from step to step, before its head turns it into a forecast.</p>`,
        },
        {
          chart: flowChart(flowLines, { name: 'gradients', title: 'Gradient flow' }),
          caption: html`<p>How much the error of the forecast depends on the state at each step: what is far below the last step teaches the network little. ${Number.isFinite(ratio) && `At the first step it is ${ratio === 0 ? '0' : ratio.toPrecision(2)} of what it is at the last.`}</p>`,
        },
      ],
    }
  } finally {
    input.dispose()
    target.dispose()
  }
}

const GATES: Readonly<Record<string, string>> = {
  LSTM: 'An open input gate (1) lets new values into the cell, an open forget gate keeps the old ones, an open output gate shows them.',
  GRU: 'The update gate blends the old state with a new one, and the reset gate says how much of the old state the new one sees.',
  MinGRU: 'The update gate blends the old state with a new one.',
}

const isDisposable = (value: unknown): value is Tensor =>
  typeof value === 'object' && value !== null && 'dispose' in value

/** The window whose error is the median. */
function usualOf({ held, evidence }: ForecastRun): number {
  const errors = evidence[0]?.byWindow
  if (held === undefined || errors === undefined) return 0
  const known = Array.from(errors, (error, index) => ({ error, index })).filter(({ error }) => !Number.isNaN(error))
  return known.sort((a, b) => a.error - b.error)[Math.floor(known.length / 2)]?.index ?? 0
}

/** Mean and quartiles over the units, of the last layer that reads forwards: (1, L, H) of each trace. */
function linesOf(traces: readonly GateTrace[]): (GateLine & { readonly isGate: boolean })[] {
  const trace = traces.findLast(({ direction }) => direction === 'forward') ?? traces[0]
  if (trace === undefined) return []
  const words = WORDS[trace.kind] ?? {}
  return Object.entries(words).flatMap(([name, [title, isGate]]) => {
    const values = (trace as unknown as Record<string, Tensor | undefined>)[name]
    if (values === undefined) return []
    const units = values.squeeze(0).double()
    const rows = (tensor: Tensor): number[] =>
      (tensor.toArray() as number[]).map((value) => Number(value.toPrecision(5)))
    return [
      {
        name: title,
        isGate,
        mean: rows(units.mean(-1)),
        lower: rows(units.quantile(0.25, -1)),
        upper: rows(units.quantile(0.75, -1)),
      },
    ]
  })
}
