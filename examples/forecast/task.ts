import { type Tensor, torch } from 'libtorch-rnn'
import type { Series } from './series.ts'

/** Values ahead of each origin: [origin][step ahead - 1]. */
export type Forecasts = number[][]

/**
 * Turns a series into the inputs and targets of a network at each step. All scales come from the training part, and the
 * inputs of a step contain nothing later than that step.
 */
export class Task {
  readonly series: Series
  readonly inputSize: number
  readonly #start: number
  readonly #validation: number
  readonly #test: number
  readonly #inputs: number[][]
  readonly #scale: Scale

  constructor(series: Series) {
    this.series = series
    const at = (date: Date): number => series.dates.findIndex((other) => other >= date)
    this.#validation = at(series.validationStart)
    this.#test = at(series.testStart)
    this.#start = series.inputs.findIndex((row) => row.every(Number.isFinite))
    this.inputSize = series.inputs[0]?.length ?? 0
    const scales = Array.from({ length: this.inputSize }, (_, k) =>
      scaleOf(series.inputs.slice(this.#start, this.#validation).map((row) => row[k] as number)),
    )
    this.#inputs = series.inputs.map((row) => row.map((value, k) => standardize(value, scales[k] as Scale)))
    this.#scale = scaleOf(this.#steps(this.#start, this.#validation).flatMap((t) => this.#corrections(t)))
  }

  /**
   * The baseline that the networks correct: for a series with a trend, the strongest naive forecast, because a network
   * cannot know levels that it never saw; else zero.
   */
  #base(t: number, h: number): number {
    return this.series.trend ? this.#withDrift(t, h) : 0
  }

  #withDrift(t: number, h: number): number {
    const { values, season } = this.series
    return (values[t + h - season] as number) + (values[t] as number) - (values[t - season] as number)
  }

  #corrections(t: number): number[] {
    return this.#ahead((h) => (this.series.values[t + h] as number) - this.#base(t, h))
  }

  #ahead(value: (h: number) => number): number[] {
    return Array.from({ length: this.series.horizon }, (_, i) => value(i + 1))
  }

  /** The steps from `from` on whose whole target lies before `to`. */
  #steps(from: number, to: number): number[] {
    return Array.from({ length: to - this.series.horizon - from }, (_, i) => from + i)
  }

  #part(from: number, to: number): [inputs: Tensor, targets: Tensor] {
    const steps = this.#steps(from, to)
    const targets = steps.map((t) => this.#corrections(t).map((value) => standardize(value, this.#scale)))
    return [torch.tensor(steps.map((t) => this.#inputs[t] as number[])), torch.tensor(targets)]
  }

  /** (T, inputs) and (T, horizon): the values ahead of each step. */
  get training(): [Tensor, Tensor] {
    return this.#part(this.#start, this.#validation)
  }

  get validation(): [Tensor, Tensor] {
    return this.#part(this.#validation, this.#test)
  }

  /** The steps in the held-out part (or just before it) from which a whole horizon can be checked. */
  get origins(): number[] {
    const { horizon, values } = this.series
    return Array.from({ length: values.length - horizon - this.#test + 1 }, (_, i) => this.#test - 1 + i)
  }

  /** The context of each origin: (origins, context, inputs). */
  get contexts(): Tensor {
    const { context } = this.series
    return torch.tensor(this.origins.map((t) => this.#inputs.slice(t - context + 1, t + 1)))
  }

  /** The observed values. */
  get actual(): Forecasts {
    return this.#each((t, h) => this.series.values[t + h] as number)
  }

  /** The last value, repeated. */
  get persistence(): Forecasts {
    return this.#each((t) => this.series.values[t] as number)
  }

  /** The values of a year before. */
  get seasonalNaive(): Forecasts {
    const { values, season } = this.series
    return this.#each((t, h) => values[t + h - season] as number)
  }

  /**
   * The values of a year before, plus the change over the year up to the origin: the baseline to beat if there is a
   * trend.
   */
  get seasonalNaiveWithDrift(): Forecasts {
    return this.#each((t, h) => this.#withDrift(t, h))
  }

  #each(value: (origin: number, ahead: number) => number): Forecasts {
    return this.origins.map((t) => this.#ahead((h) => value(t, h)))
  }

  /**
   * The forecasts from a network's output for {@link contexts}: (origins, context, horizon), of which only the last
   * step is used.
   */
  forecasts(output: Tensor): Forecasts {
    const { mean, std } = this.#scale
    const last = output.index(torch.slice(), -1).toArray() as number[][]
    const rows = new Map(this.origins.map((t, i) => [t, last[i] as number[]]))
    return this.#each((t, h) => this.#base(t, h) + mean + std * (rows.get(t)?.[h - 1] as number))
  }
}

interface Scale {
  mean: number
  std: number
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function scaleOf(values: readonly number[]): Scale {
  const mean = meanOf(values)
  return { mean, std: Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2))) }
}

function standardize(value: number, { mean, std }: Scale): number {
  return (value - mean) / std
}

/** Mean absolute and root mean squared error over all origins and steps ahead. */
export function errorsOf(forecasts: Forecasts, actual: Forecasts): { mae: number; rmse: number } {
  const errors = forecasts.flatMap((row, i) => row.map((value, h) => value - (actual[i]?.[h] as number)))
  return { mae: meanOf(errors.map(Math.abs)), rmse: Math.sqrt(meanOf(errors.map((error) => error ** 2))) }
}
