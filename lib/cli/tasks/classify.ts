import { type SeriesScaler, scalerFrom } from '../../data/index.ts'
import { scalerOf } from '../../data/scaler/index.ts'
import type { ScalerConfig } from '../../data/scaler/scaler.ts'
import { concat } from '../../data/series/concat.ts'
import { torchError } from '../../errors.ts'
import type { MetricName } from '../../metrics/index.ts'
import * as nn from '../../nn/index.ts'
import { torch } from '../../torch.ts'
import { Trainer } from '../../train/index.ts'
import { datasetsOf } from '../classify/dataset.ts'
import { ofMostFrequent, scoresOf, scoresText } from '../classify/scores.ts'
import {
  columnsFor,
  lengthOf,
  placeOfSequence,
  readSequences,
  type SequenceColumns,
  type Sequences,
} from '../classify/sequences.ts'
import { type Split, splitSequences } from '../classify/split.ts'
import { requireSettings } from '../config.ts'
import { toJSON } from '../metadata.ts'
import { modelOf } from '../network.ts'
import type { Output } from '../output.ts'
import { UsageError } from '../problem.ts'
import type { Settings } from '../settings.ts'
import { trainingOptions } from '../training.ts'
import type { Job } from './job.ts'

/** A model that tells the classes of the sequences of a file. */
export async function classifyJob(data: string, settings: Settings, output: Output): Promise<Job> {
  requireSettings(settings, ['label'])
  const { seed, metrics, output: mode, missing } = settings
  const columns = await columnsFor(data, settings, output)
  const sequences = await readSequences(data, columns)
  const labels = labelsOf(sequences, columns, output)
  const classes = (sequences.labels as readonly string[]).map((label) => labels.indexOf(label))
  const parts = splitSequences(sequences, classes, settings)
  requireParts(parts, settings, data)
  const counts = countsOf(classes, parts.train, labels.length)
  const scaler = scalerFor(sequences, columns, parts, settings)
  const make = datasetsOf(sequences, scaler, missing === 'mask')
  const train = make(classes, parts.train)
  const partOf = (indices: readonly number[]) => (indices.length === 0 ? undefined : make(classes, indices))
  const held = { validation: partOf(parts.validation), test: partOf(parts.test) }
  torch.manualSeed(seed)
  const model = modelOf(settings, { inputSize: train.inputSize, outputSize: labels.length, output: mode })
  const weights = settings.classWeights === 'balanced' ? balanced(counts) : null
  const options = { ...trainingOptions(settings, metrics as readonly MetricName[]), loss: lossFor(weights) }
  const lengths = classes.map((_, i) => lengthOf(sequences, i)).sort((a, b) => a - b)
  const steps = lengths[0] === lengths.at(-1) ? `${lengths[0]}` : `${lengths[0]} to ${lengths.at(-1)}`
  const { train: trained, validation, test } = parts
  return {
    model,
    train,
    ...held,
    options,
    size: `${trained.length} sequences of ${labels.length} classes to train on, ${validation.length} to validate, ${test.length} to test, of ${steps} steps`,
    compare: async (part) => {
      const data = held[part]
      return data === undefined ? {} : { mostFrequent: await ofMostFrequent(data, counts, metrics) }
    },
    detail: async (part) => {
      const data = held[part]
      if (data === undefined) return undefined
      const scores = await scoresOf(new Trainer(model, { progress: false }), data, labels)
      return { result: scores, text: scoresText(scores) }
    },
    save: (path, training) =>
      model.save(path, {
        scaler,
        metadata: toJSON({ task: 'classify', columns, labels, counts, weights, metrics, training }),
      }),
  }
}

/** The loss, with a weight for each class. */
export function lossFor(weights: readonly number[] | null): nn.CrossEntropyLoss {
  return new nn.CrossEntropyLoss(weights === null ? {} : { weight: torch.tensor([...weights]) })
}

/** All labels in their order, numbers as such. @throws {TorchError} if there is only one. */
function labelsOf(sequences: Sequences, { label: column, sequence }: SequenceColumns, output: Output): string[] {
  const all = sequences.labels as readonly string[]
  const first = new Map<string, number>()
  const single = new Set<string>()
  for (const [i, label] of all.entries()) {
    if (first.has(label)) single.delete(label)
    else single.add(label)
    if (!first.has(label)) first.set(label, i)
  }
  const labels = [...first.keys()].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  if (labels.length < 2) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${sequences.title}: column '${column}' is '${labels[0]}' in all ${all.length} sequences: there is nothing to tell apart`,
    )
  }
  if (single.size === all.length) {
    const hint =
      sequence === undefined ? ': if a row is a step, say which column tells sequences apart, --sequence' : ''
    throw torchError(
      'ERR_TORCH_VALUE',
      `${sequences.title}: each of the ${all.length} sequences has another label in column '${column}'${hint}`,
    )
  }
  for (const label of [...single].slice(0, MOST_WARNINGS)) {
    const place = placeOfSequence(sequences, first.get(label) as number)
    output.warn(
      `${place}, class '${label}' has this sequence only, which is trained on: nothing tells how well it is found`,
    )
  }
  if (single.size > MOST_WARNINGS) output.warn(`so have ${single.size - MOST_WARNINGS} more classes`)
  return labels
}

const MOST_WARNINGS = 3

function requireParts({ train, validation, test }: Split, settings: Settings, data: string): void {
  for (const [name, indices] of Object.entries({ validation, test })) {
    const share = settings[name as 'validation' | 'test']
    if (share === 'none' || indices.length > 0) continue
    throw torchError(
      'ERR_TORCH_VALUE',
      `${data}: ${share} of the ${train.length + validation.length + test.length} sequences is none for the ${name} part: give it more, --${name} 0.3, or none`,
    )
  }
}

function countsOf(classes: readonly number[], indices: readonly number[], size: number): number[] {
  const counts = new Array<number>(size).fill(0)
  for (const index of indices) (counts[classes[index] as number] as number)++
  return counts
}

/** Weights with which all classes count the same: n / (C · nₖ), as scikit-learn's `class_weight='balanced'`. */
function balanced(counts: readonly number[]): number[] {
  const all = counts.reduce((sum, count) => sum + count, 0)
  return counts.map((count) => all / (counts.length * count))
}

/** The scales of the features, from the training part. */
function scalerFor(
  sequences: Sequences,
  { inputs, sequence }: SequenceColumns,
  { train }: Split,
  settings: Settings,
): SeriesScaler {
  const { features, offsets } = sequences
  // In a row for each sequence, all columns are one feature.
  const names = sequence === undefined ? [STEP] : inputs
  const { scaler, scalers = {} } = settings
  const unknown = Object.keys(scalers).find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new UsageError(`--scalers names '${unknown}', but the features are ${names.join(', ')}`)
  }
  const configs = names.map((name, k): ScalerConfig | null => {
    const choice = scalers[name] ?? scaler
    if (choice === 'none') return null
    const column = features[k] as Float64Array
    const parts = train.map((index) => column.subarray(offsets[index], offsets[index + 1]))
    const values = concat(parts)
    if (values.every(Number.isNaN)) {
      throw torchError('ERR_TORCH_VALUE', `${sequences.title}: column '${name}' has no values in the training part`)
    }
    return torch.tidy(
      () => scalerOf('train', 'scaler', choice).fit(torch.tensor(values, { shape: [values.length, 1] })).config,
    )
  })
  return scalerFrom({ type: 'series', targets: [], inputs: names, groups: null, scalers: [configs] })
}

/** The feature of sequences that are a row each. */
const STEP = 'value'
