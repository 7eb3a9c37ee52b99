// The form of comparison.json: what `compare` found, whole, so that a report needs no other file.
import type { NaiveMethod } from '../forecast/index.ts'
import type { About } from './config.ts'
import type { Errors } from './measure.ts'
import type { Given } from './settings.ts'

/** The file of a comparison in its folder. */
export const COMPARISON = 'comparison.json'

/** The most epochs of a run in the file. */
export const MOST_EPOCHS = 500

/** What is averaged, and by what networks are told apart. */
export type ComparedError = 'mae' | 'rmse'

/** The settings that only a comparison has. */
export interface CompareSettings {
  readonly models: readonly string[]
  readonly hiddenSizes: readonly number[]
  /** How many seeds, from 0 on. */
  readonly seeds: number
  /** The learning rates that were tried for each network. */
  readonly lrs: readonly number[]
  /** The budget of each training: updates of the weights, seconds, or both. */
  readonly steps: number | null
  readonly seconds: number | null
  readonly by: ComparedError
}

/** Times are ISO 8601 texts, days without a time of day where the data have none. */
export interface Comparison {
  readonly kind: 'comparison'
  /** Of this form. */
  readonly version: 1
  readonly about: About
  /** When it ended. */
  readonly created: string
  readonly compare: CompareSettings
  /** The settings that all trainings share, those by default included. */
  readonly settings: Given
  readonly data: ComparedData
  /** From the least test error to the largest. */
  readonly models: readonly ComparedModel[]
  /** From the least test error to the largest. */
  readonly naive: readonly ComparedNaive[]
  readonly test: TestSpan
  /** The chosen network beside each other one and each naive forecast. */
  readonly differences: readonly Difference[]
  readonly recommendation: Recommendation
  /** Of all trainings together. */
  readonly seconds: number
  readonly warnings: readonly string[]
}

export interface ComparedData {
  /** From the folder of the comparison. */
  readonly path: string
  readonly rows: number
  /** The names of several series; empty if there is one. */
  readonly groups: readonly string[]
  readonly targets: readonly string[]
  readonly inputs: readonly string[]
  readonly frequency: string | null
  readonly from: string
  readonly to: string
  /** Where steps are absent: the last time before, the first time after; at most the first 100. */
  readonly gaps: readonly { readonly after: string; readonly before: string }[]
  /** The times that the windows of each part forecast. */
  readonly parts: readonly {
    readonly name: 'train' | 'validation' | 'test'
    readonly from: string
    readonly to: string
    readonly windows: number
  }[]
}

/** A mean over seeds, and the standard deviation of a sample; 0 for one seed. */
export interface Mean {
  readonly mean: number
  readonly spread: number
}

/** The errors at each step of the horizon, from the first, in the units of the data; a mean over seeds. */
export interface StepErrors {
  readonly mae: readonly number[]
  readonly rmse: readonly number[]
}

/** A network with a size, trained with several seeds. */
export interface ComparedModel {
  /** Its name in this file: `gru-64`, `linear`. */
  readonly name: string
  /** As `--model` has it. */
  readonly model: string
  /** `null` if it has none. */
  readonly hiddenSize: number | null
  readonly parameters: number
  /** The learning rate with the least validation loss, of those that were tried with the first seed. */
  readonly lr: number
  /** All trainings: those with the first seed and other learning rates do not count. */
  readonly runs: readonly ComparedRun[]
  /** By metric, on the test part. */
  readonly errors: Readonly<Record<string, Mean>>
  /** The error by which networks are compared, on the validation part. */
  readonly validation: Mean
  readonly seconds: Mean
  /** The median time of one forecast, alone, in milliseconds. */
  readonly latencyMs: number
  readonly byStep: StepErrors
  /** Of the run with the first seed, for each of `test.shown`. */
  readonly forecasts: readonly TargetValues[]
  /** The bounds around these forecasts that are to hold a value with the probability `level`, if there are some. */
  readonly interval?: {
    readonly level: number
    readonly lower: readonly TargetValues[]
    readonly upper: readonly TargetValues[]
  }
}

/** One training. */
export interface ComparedRun {
  /** Its folder in that of the comparison, as `train` writes it. */
  readonly folder: string
  readonly seed: number
  readonly lr: number
  /** Whether it counts: it has the chosen learning rate, and has not diverged. */
  readonly isCounted: boolean
  /** Whether its loss was not finite: then it has no errors. */
  readonly hasDiverged: boolean
  readonly epochs: number
  readonly bestEpoch: number | null
  readonly stopReason: string | null
  readonly seconds: number
  /** The least validation loss, by which learning rates are chosen; `null` if there is none. */
  readonly validationLoss: number | null
  /** On the test part, by metric; `null` if it has diverged. */
  readonly errors: Errors | null
  /** The results of its epochs: at most 500, spread evenly, the best one among them. */
  readonly history: readonly RunEpoch[]
}

/** `epoch`, `trainLoss`, `validationLoss`, `lr`, `seconds` and metrics such as `validationMae`. */
export interface RunEpoch {
  readonly epoch: number
  readonly trainLoss: number
  readonly [result: string]: number
}

export interface ComparedNaive {
  readonly name: NaiveMethod
  readonly errors: Errors
  /** The error by which networks are compared, on the validation part. */
  readonly validation: number
  readonly byStep: StepErrors
  readonly forecasts: readonly TargetValues[]
}

/** The values of one forecast, by target. */
export type TargetValues = Readonly<Record<string, readonly (number | null)[]>>

/** Rolling origins: each window of the test part is a forecast from where its past ends. */
export interface TestSpan {
  readonly windows: number
  /** The number of different times from which was forecast: with groups fewer than windows. */
  readonly origins: number
  /** Windows that do not overlap, so that they draw the test part; the last ones, with at most 2000 steps together. */
  readonly shown: readonly {
    readonly group: string | null
    readonly times: readonly string[]
    readonly actual: TargetValues
  }[]
}

/** How far the mean losses of two are apart on the same origins. */
export interface Difference {
  /** The chosen network. */
  readonly a: string
  /** Another network, or a naive forecast. */
  readonly b: string
  /** The mean of a's losses less b's: below 0, a is better. Absolute errors for `mae`, squared ones for `rmse`. */
  readonly difference: number
  /** The same as a part of b's mean loss. */
  readonly relative: number
  /**
   * The test of Diebold and Mariano with the correction of Harvey, Leybourne and Newbold; `adjusted` is p by Holm for all
   * of these differences together. `null` if its variance cannot be estimated.
   */
  readonly dieboldMariano: {
    readonly statistic: number
    readonly pValue: number
    readonly adjusted: number
    /** How autocovariances are weighted: `bartlett` where the variance by the article's own weights is not positive. */
    readonly weights: 'uniform' | 'bartlett'
  } | null
  /** An interval of the difference, by a bootstrap of blocks of origins and of seeds. */
  readonly bootstrap: {
    readonly level: number
    readonly lower: number
    readonly upper: number
    readonly blockLength: number
    readonly samples: number
  }
  /** Whether both tell the two apart: `adjusted` is below 0.05, and 0 is not in the interval. */
  readonly isClear: boolean
}

export interface Recommendation {
  /** Whose forecasts to take: a network or a naive forecast. */
  readonly choice: string
  readonly kind: 'model' | 'naive'
  /** The run of `bestModel` whose model is in the folder of the comparison: that with the least validation error. */
  readonly run: string
  /** The network with the least validation error, and the naive forecast with the least test error. */
  readonly bestModel: string
  readonly bestNaive: NaiveMethod
  /** The networks that cannot be told from the best one. */
  readonly alike: readonly string[]
  /** In words, with its evidence. */
  readonly sentences: readonly string[]
}
