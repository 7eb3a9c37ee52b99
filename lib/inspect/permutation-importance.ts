import { isArrayOf } from '../array.ts'
import { checkOptions, invalid, isPlain, requireInteger, requireSignal } from '../check.ts'
import { namedBatch } from '../data/batch.ts'
import type { Sample } from '../data/collate.ts'
import { datasetOf, type SampleSource } from '../data/collated.ts'
import { type Dataset, TensorDataset } from '../data/dataset.ts'
import { DataLoader } from '../data/loader.ts'
import { StackDataset, type StackedTensors } from '../data/stack-dataset.ts'
import { torchError } from '../errors.ts'
import type { Metric } from '../metrics/metric.ts'
import { type MetricName, metricOf } from '../metrics/metric-of.ts'
import { Module } from '../nn/module.ts'
import { Parameter } from '../nn/parameter.ts'
import { SGD } from '../optim/index.ts'
import { tidy } from '../tensor/context.ts'
import { randperm, zeros } from '../tensor/creation.ts'
import { Generator } from '../tensor/generator.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { type TrainableModel, Trainer } from '../train/index.ts'
import { Permuted } from './permuted.ts'

/** Data whose samples are known by number. */
export type NumberedData =
  | Dataset
  | SampleSource
  | readonly Sample[]
  | readonly [inputs: Tensor, targets: Tensor]
  | StackedTensors

export interface PermutationImportanceOptions {
  /** What is measured: a name, such as `'mae'`, or an instance whose result is a number. */
  metric: MetricName | Metric
  /** How often each feature is permuted. Default 5. */
  repeats?: number
  /** The seed of the permutations, up to 2^32 - 1. Default 0. */
  seed?: number
  /**
   * What is permuted: numbers of features, and arrays of those that are permuted together, as the sine and the cosine of
   * one calendar feature should be. Default: each feature by itself.
   */
  features?: readonly (number | readonly number[])[]
  /** How many samples are computed at once. Default 256. */
  batchSize?: number
  /** Aborting it ends the work: the promise rejects with the signal's reason. */
  signal?: AbortSignal
}

/** What {@link permutationImportance} finds; the lists are in the order of `features`. */
export interface PermutationImportance {
  /** The name of the metric. */
  metric: string
  /** Its value for the data as they are; of windows of a series, in the units of the data. */
  score: number
  /** What was permuted together. */
  features: number[][]
  /** How much worse the metric was, in each repeat: of an error how much it grew, of an accuracy how much it fell. */
  importances: number[][]
  importancesMean: number[]
  /** The standard deviations over the repeats, those of a population, as numpy's. */
  importancesStd: number[]
}

const OPTIONS = ['metric', 'repeats', 'seed', 'features', 'batchSize', 'signal'] as const

/**
 * How much a model relies on each feature of its input: how much worse a metric gets when the feature of each sample is
 * that of another one, drawn at random. Sequences exchange a feature whole, with all its steps; of sequences of
 * different lengths, a shorter one is repeated. The model is not trained, and runs in evaluation mode off the main
 * thread.
 *
 * It tells what the model uses, not what the data know: of two features that say the same, each may look unimportant.
 * Use data that the model has not been trained on.
 *
 * @param data samples by number: a dataset, such as the windows of a series, tensors of inputs (N, …, I) and targets,
 *   tensors of samples by name, or an array of samples
 * @throws {TorchError} (rejects) if the input is of tokens, which have no features; if the metric does not fit the output,
 *   or has no value for the data; for an unknown option.
 * @example
 * const { importancesMean, importancesStd } = await permutationImportance(model, test, { metric: 'mae' })
 * @see Breiman, "Random forests", Machine Learning 45, 2001; scikit-learn's `permutation_importance`
 */
export async function permutationImportance(
  model: TrainableModel,
  data: NumberedData,
  options: PermutationImportanceOptions,
  ...none: undefined[]
): Promise<PermutationImportance> {
  const owner = 'permutationImportance'
  checkOptions(owner, options, OPTIONS, none)
  if (!(model instanceof Module)) throw invalid(owner, 'model', 'a Module', model)
  const { repeats = 5, seed = 0, batchSize = 256, signal } = options
  requireInteger(owner, 'repeats', repeats, 1)
  requireInteger(owner, 'seed', seed, 0, 2 ** 32 - 1)
  requireInteger(owner, 'batchSize', batchSize, 1)
  requireSignal(owner, signal)
  const metric = metricOf(owner, options.metric)
  if (!metric.isScalar) throw invalid(owner, 'metric', 'one whose result is a number', options.metric)
  const dataset = numbered(owner, data)
  if (dataset.length < 2) throw invalid(owner, 'data', 'at least two samples to exchange', data, 'ERR_TORCH_VALUE')
  const features = readFeatures(owner, options.features, await featuresOf(owner, dataset))

  // Nothing is trained: a model without parameters has an importance, too.
  const optimizer = (): SGD => new SGD([new Parameter(zeros([1]))], { lr: 0 })
  const metrics = [metric as Metric]
  const trainer = new Trainer(model, { batchSize, loss: nothing, metrics, optimizer, progress: false })
  const measure = async (dataset: Dataset): Promise<number> => {
    const values = await trainer.evaluate(dataset, signal === undefined ? {} : { signal })
    return values[metric.name] as number
  }
  const score = await measure(dataset)
  if (!Number.isFinite(score)) {
    throw torchError('ERR_TORCH_VALUE', `${owner}: ${metric.name} of the data as they are is ${score}`, { op: owner })
  }
  const generator = new Generator().manualSeed(seed)
  const importances: number[][] = []
  for (const own of features) {
    const list: number[] = []
    for (let i = 0; i < repeats; i++) {
      const donors = tidy(() => randperm(dataset.length, { generator, dtype: 'int32' }).toArray() as number[])
      const permuted = await measure(new Permuted(dataset, donors, own))
      list.push(metric.higherIsBetter ? score - permuted : permuted - score)
    }
    importances.push(list)
  }
  return {
    metric: metric.name,
    score,
    features,
    importances,
    importancesMean: importances.map(mean),
    importancesStd: importances.map((list) => Math.sqrt(mean(list.map((value) => (value - mean(list)) ** 2)))),
  }
}

function mean(list: readonly number[]): number {
  return list.reduce((sum, value) => sum + value, 0) / list.length
}

/** The trainer's loss does not matter; it takes the batch, so that masks are allowed. */
function nothing({ device }: Tensor, _target: Tensor, _batch: object): Tensor {
  return zeros([], { device })
}

function numbered(owner: string, data: unknown): Dataset {
  if (isArrayOf(data, isTensor) && data.length === 2) return new TensorDataset(data[0] as Tensor, data[1] as Tensor)
  if (isPlain(data) && 'input' in data) return new StackDataset(data as StackedTensors)
  // Its batches may be drawn at random.
  if (data instanceof DataLoader) throw invalid(owner, 'data', "the loader's dataset", data)
  return datasetOf(`${owner}: data`, data)
}

/** The number of features of a dataset. */
async function featuresOf(owner: string, dataset: Dataset): Promise<number> {
  return await tidy(async () => {
    const { input } = namedBatch(await dataset.batch([0], true))
    if (input.isFloatingPoint() && input.ndim > 1) return input.size(-1)
    const found = `${input.dtype} of shape (${input.shape.join(', ')})`
    throw torchError(
      'ERR_TORCH_VALUE',
      `${owner}: inputs must have features, floating-point numbers in the last dimension; one sample is ${found}`,
      { op: owner },
    )
  })
}

function readFeatures(owner: string, given: unknown, count: number): number[][] {
  if (given === undefined) return Array.from({ length: count }, (_, i) => [i])
  const isFeature = (one: unknown): boolean =>
    Number.isSafeInteger(one) && (one as number) >= 0 && (one as number) < count
  const isGroup = (one: unknown): boolean => isFeature(one) || (isArrayOf(one, isFeature) && one.length > 0)
  if (isArrayOf(given, isGroup) && given.length > 0) return given.map((one) => [one as number | number[]].flat())
  throw invalid(owner, 'features', `an array of numbers below ${count}, or arrays of them`, given, 'ERR_TORCH_VALUE')
}
