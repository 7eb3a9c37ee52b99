import { type Tensor, torch } from 'libtorch-rnn'
import type { Series } from './series.ts'

/** Values ahead of each origin: [origin][step ahead - 1]. */
export type Forecasts = number[][]

/** A forecast without a network. */
export interface Naive {
  name: string
  forecasts: Forecasts
}

/**
 * Turns a series into the inputs and targets of a network at each step. All scales come from the training part, and the
 * inputs of a step contain nothing later than that step.
 */
export class Task {
  readonly series: Series
  /** The inputs of the network at each step, scaled. */
  readonly inputs: readonly number[][]
  readonly inputSize: number
  /** The part by which the epoch is chosen, and the width of intervals. */
  readonly validationPart: HeldOut
  /** The part that the networks have no part in. */
  readonly testPart: HeldOut
  readonly #start: number
  readonly #validation: number
  readonly #test: number
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
    this.inputs = series.inputs.map((row) => row.map((value, k) => standardize(value, scales[k] as Scale)))
    this.#scale = scaleOf(this.#steps(this.#start, this.#validation).flatMap((t) => this.#corrections(t)))
    this.validationPart = new HeldOut(this, this.#validation, this.#test)
    this.testPart = new HeldOut(this, this.#test, series.values.length)
  }

  /**
   * The baseline that the networks correct: for a series with a trend, the strongest naive forecast, because a network
   * cannot know levels that it never saw; else zero.
   */
  #base(t: number, h: number): number {
    return this.series.trend ? this.withDrift(t, h) : 0
  }

  /** The value of a year before, plus the change over the year up to step `t`. */
  withDrift(t: number, h: number): number {
    const { values, season } = this.series
    return (values[t + h - season] as number) + (values[t] as number) - (values[t - season] as number)
  }

  /** A network's output for the step `t`, in the units of the series. */
  forecast(t: number, output: readonly number[]): number[] {
    const { mean, std } = this.#scale
    return output.map((value, i) => this.#base(t, i + 1) + mean + std * value)
  }

  #corrections(t: number): number[] {
    const { values, horizon } = this.series
    return Array.from({ length: horizon }, (_, i) => (values[t + i + 1] as number) - this.#base(t, i + 1))
  }

  /** The steps from `from` on whose whole target lies before `to`. */
  #steps(from: number, to: number): number[] {
    return Array.from({ length: to - this.series.horizon - from }, (_, i) => from + i)
  }

  #part(from: number, to: number): [inputs: Tensor, targets: Tensor] {
    const steps = this.#steps(from, to)
    const targets = steps.map((t) => this.#corrections(t).map((value) => standardize(value, this.#scale)))
    return [torch.tensor(steps.map((t) => this.inputs[t] as number[])), torch.tensor(targets)]
  }

  /** (T, inputs) and (T, horizon): the values ahead of each step. */
  get training(): [Tensor, Tensor] {
    return this.#part(this.#start, this.#validation)
  }

  get validation(): [Tensor, Tensor] {
    return this.#part(this.#validation, this.#test)
  }
}

/** A part of a series that a network is not trained on, with the forecasts to be made in it. */
export class HeldOut {
  /** The steps in the part (or just before it) from which a whole horizon lies in it. */
  readonly origins: readonly number[]
  readonly #task: Task

  constructor(task: Task, from: number, to: number) {
    this.#task = task
    this.origins = Array.from({ length: to - task.series.horizon - from + 1 }, (_, i) => from - 1 + i)
  }

  /** The context of each origin: (origins, context, inputs). */
  get contexts(): Tensor {
    const { series, inputs } = this.#task
    return torch.tensor(this.origins.map((t) => inputs.slice(t - series.context + 1, t + 1)))
  }

  /** The observed values. */
  get actual(): Forecasts {
    return this.#each((t, h) => this.#task.series.values[t + h] as number)
  }

  /** What a network has to beat. */
  get naive(): Naive[] {
    const { series } = this.#task
    const { values, season } = series
    return [
      { name: 'persistence', forecasts: this.#each((t) => values[t] as number) },
      { name: 'seasonal naive', forecasts: this.#each((t, h) => values[t + h - season] as number) },
      ...(series.trend ? [this.#withDrift] : []),
    ]
  }

  get #withDrift(): Naive {
    return { name: 'seasonal naive with drift', forecasts: this.#each((t, h) => this.#task.withDrift(t, h)) }
  }

  /** The naive forecast with the least error. */
  get strongest(): Naive {
    const { naive, actual } = this
    const error = ({ forecasts }: Naive): number => errorsOf(forecasts, actual).mae
    return naive.reduce((best, other) => (error(other) < error(best) ? other : best))
  }

  /**
   * The forecasts from a network's output for {@link contexts}: (origins, context, horizon), of which only the last
   * step is used.
   */
  forecasts(output: Tensor): Forecasts {
    const rows = output.index(torch.slice(), -1).toArray() as number[][]
    return this.origins.map((t, i) => this.#task.forecast(t, rows[i] as number[]))
  }

  #each(value: (origin: number, ahead: number) => number): Forecasts {
    const { horizon } = this.#task.series
    return this.origins.map((t) => Array.from({ length: horizon }, (_, i) => value(t, i + 1)))
  }
}

/** The range in which the errors of four fifths of the forecasts lie, for each step ahead. */
export function rangesOf(forecasts: Forecasts, actual: Forecasts): [low: number, high: number][] {
  return (forecasts[0] ?? []).map((_, h) => {
    const errors = forecasts.map((row, i) => (actual[i]?.[h] as number) - (row[h] as number)).sort((a, b) => a - b)
    const at = (part: number): number => errors[Math.round(part * (errors.length - 1))] as number
    return [at(0.1), at(0.9)]
  })
}

/** The part of the values that lie within the ranges around their forecasts. */
export function coverageOf(forecasts: Forecasts, ranges: readonly [number, number][], actual: Forecasts): number {
  const inside = forecasts.flatMap((row, i) =>
    row.map((value, h) => {
      const [low, high] = ranges[h] as [number, number]
      const error = (actual[i]?.[h] as number) - value
      return error >= low && error <= high ? 1 : 0
    }),
  )
  return meanOf(inside)
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
