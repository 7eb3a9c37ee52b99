// How errors grow with the steps of the horizon.
import { Subset, type WindowDataset } from '../data/index.ts'
import { type NaiveMethod, naiveForecast } from '../forecast/index.ts'
import type { Metric } from '../metrics/index.ts'
import { metricOf } from '../metrics/metric-of.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { torch } from '../torch.ts'
import type { Trainer } from '../train/index.ts'
import { type Errors, type Measures, metricsFor, TITLES } from './measure.ts'
import { numberText, tableText } from './output.ts'

/** The errors at a step of the horizon, of the model and of naive forecasts. */
export interface StepErrors {
  /** From 1. */
  readonly step: number
  readonly errors: Errors
  readonly naive: Readonly<Record<string, Errors>>
}

/** How many windows are computed at a time. */
const PART = 1024

/** Measures the errors at each step of windows, in the units of the data. */
export async function errorsByStep(
  trainer: Trainer,
  windows: WindowDataset,
  { metrics, season, maseScale }: Measures,
  methods: readonly string[],
): Promise<StepErrors[]> {
  const measured = metrics.filter((name) => name !== 'mase' || maseScale !== undefined)
  const make = (): Metric<unknown>[] =>
    metricsFor({ metrics: measured, season, maseScale }).map((metric) => metricOf('evaluate', metric))
  const steps = Array.from({ length: windows.horizon }, () => ({
    model: make(),
    naive: new Map(methods.map((method) => [method, make()])),
  }))
  for (let start = 0; start < windows.length; start += PART) {
    const indices = Array.from({ length: Math.min(PART, windows.length - start) }, (_, i) => start + i)
    const output = await trainer.predict(new Subset(windows, indices))
    torch.tidy(() => {
      const { target, mask } = windows.batch(indices, true)
      const wanted = windows.inverseTransform(target.double(), indices)
      const update = (forecast: Tensor, of: (step: (typeof steps)[number]) => readonly Metric<unknown>[]): void => {
        const known = forecast.isfinite()
        const counts = mask === undefined ? known : mask.logicalAnd(known)
        for (const [h, step] of steps.entries()) {
          for (const metric of of(step)) {
            const at = (values: Tensor): Tensor => values.narrow(1, h, 1)
            metric.update(at(forecast.nanToNum(0)), at(wanted), { mask: at(counts) })
          }
        }
      }
      update(windows.inverseTransform(output.double(), indices), ({ model }) => model)
      for (const method of methods) {
        const options = season === undefined || season > windows.past ? {} : { season }
        const forecast = naiveForecast(windows, indices, method as NaiveMethod, options)
        update(forecast, ({ naive }) => naive.get(method) as Metric<unknown>[])
      }
    })
    output.dispose()
  }
  const valuesOf = async (all: readonly Metric<unknown>[]): Promise<Errors> => {
    const found: Record<string, number> = {}
    for (const metric of all) {
      found[metric.name] = (await metric.compute()) as number
      metric.dispose()
    }
    return found
  }
  const results: StepErrors[] = []
  for (const [h, { model, naive }] of steps.entries()) {
    const others: Record<string, Errors> = {}
    for (const [method, metrics] of naive) others[method] = await valuesOf(metrics)
    results.push({ step: h + 1, errors: await valuesOf(model), naive: others })
  }
  return results
}

/** More steps than these are too many for a terminal: then some are left out. */
const MOST_ROWS = 24

/** A table of the first metric by step; nothing for one step. */
export function stepsText(all: readonly StepErrors[]): string[] {
  const [first] = all
  const [name] = Object.keys(first?.errors ?? {})
  if (all.length < 2 || first === undefined || name === undefined) return []
  const every = Math.ceil(all.length / MOST_ROWS)
  const shown = all.filter(({ step }) => step === 1 || step === all.length || step % every === 0)
  const methods = Object.keys(first.naive)
  const cell = (errors: Errors | undefined): string => numberText(errors?.[name] ?? Number.NaN)
  return [
    '',
    `The ${name} by step of the horizon:`,
    tableText([
      ['step', 'model', ...methods.map((method) => TITLES[method] ?? method)],
      ...shown.map(({ step, errors, naive }) => [
        String(step),
        cell(errors),
        ...methods.map((method) => cell(naive[method])),
      ]),
    ]),
  ]
}
