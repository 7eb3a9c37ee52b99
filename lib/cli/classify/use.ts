// The commands that use a model of classes: evaluate and predict.
import { nearestName } from '../../check.ts'
import type { SeriesScaler } from '../../data/index.ts'
import { Subset } from '../../data/index.ts'
import { torchError } from '../../errors.ts'
import type { MetricName } from '../../metrics/index.ts'
import type { RecurrentModel } from '../../models/index.ts'
import { torch } from '../../torch.ts'
import { Trainer } from '../../train/index.ts'
import { sha256Of } from '../checksum.ts'
import type { EvaluateOptions } from '../evaluate.ts'
import { errorTable, verdict } from '../measure.ts'
import type { ClassMetadata } from '../metadata.ts'
import type { Output } from '../output.ts'
import type { PredictCommandOptions } from '../predict.ts'
import { UsageError } from '../problem.ts'
import { type Columns, type Row, rounded, writeRows } from '../rows.ts'
import { scalerOf } from '../series.ts'
import { flagOf, METRICS, type Settings } from '../settings.ts'
import { type Located, withData } from '../source.ts'
import { lossFor } from '../tasks/classify.ts'
import { datasetsOf, type LabelledSequences } from './dataset.ts'
import { ofMostFrequent, scoresOf, scoresText } from './scores.ts'
import { hasColumn, placeOfSequence, readSequences, type Sequences } from './sequences.ts'
import { splitSequences } from './split.ts'

type Found = Located & { readonly data: string }

function requireNone(options: object, keys: readonly string[]): void {
  const idle = keys.find((key) => (options as Record<string, unknown>)[key] !== undefined)
  if (idle !== undefined) throw new UsageError(`${flagOf(idle)} has no effect on a model of classes`)
}

/** Prints how well a model tells the classes of sequences: of the test part of the run, or of other data. */
export async function evaluateClasses(
  model: RecurrentModel,
  metadata: ClassMetadata,
  { model: path, data, isOwn }: Found,
  options: EvaluateOptions,
  output: Output,
): Promise<void> {
  requireNone(options, ['from', 'season'])
  const { columns, labels, counts, weights, training } = metadata
  const metrics = options.metrics ?? metadata.metrics
  const other = metrics.find((name) => !(METRICS.classify as readonly string[]).includes(name))
  if (other !== undefined) {
    throw new UsageError(
      `--metrics ${other} is not for a model of classes: choose among ${METRICS.classify.join(', ')}`,
    )
  }
  await withData(data, options.inputFormat ?? 'csv', async (file) => {
    const isSame = data !== '-' && (await sha256Of(file)) === training.about.dataSha256
    if (isOwn && !isSame) output.warn(`${data} has changed since the training, which may have seen what is measured`)
    if (!isOwn && isSame) output.warn(`${data} has the data of the training: without it, the test part is measured`)
    const sequences = await readSequences(file, columns)
    const classes = classesOf(sequences, columns.label, labels)
    const indices = isOwn ? heldOut(sequences, classes, training.settings as Settings) : [...classes.keys()]
    const dataset = datasetOf(model, path, sequences, metadata)(classes, indices)
    const trainer = new Trainer(model, {
      loss: lossFor(weights),
      metrics: metrics as readonly MetricName[],
      progress: false,
    })
    const errors = await trainer.evaluate(dataset)
    const naive = { mostFrequent: await ofMostFrequent(dataset, counts, metrics) }
    const scores = await scoresOf(trainer, dataset, labels)
    output.result({ model: path, data, sequences: dataset.length, errors, naive, ...scores }, () =>
      [
        `${dataset.length} sequences of ${data}`,
        '',
        errorTable('model', errors, naive),
        ...verdict(errors, naive),
        '',
        scoresText(scores),
      ].join('\n'),
    )
  })
}

/** The sequences that the training of a run did not see. */
function heldOut(sequences: Sequences, classes: readonly number[], settings: Settings): readonly number[] {
  const { test, validation } = splitSequences(sequences, classes, settings)
  const part = [test, validation].find((indices) => indices.length > 0)
  return part ?? [...classes.keys()]
}

/** The numbers of the classes of sequences. @throws {TorchError} for a label that the model does not know. */
function classesOf(sequences: Sequences, column: string, labels: readonly string[]): number[] {
  const numbers = new Map(labels.map((label, k) => [label, k]))
  return (sequences.labels as readonly string[]).map((label, i) => {
    const number = numbers.get(label)
    if (number !== undefined) return number
    const nearest = nearestName(label, labels)
    const meant = nearest === undefined ? '' : `; did you mean '${nearest}'?`
    throw torchError(
      'ERR_TORCH_VALUE',
      `${placeOfSequence(sequences, i)}, column '${column}': '${label}' is none of the classes of the model, ${labels.join(', ')}${meant}`,
    )
  })
}

function datasetOf(
  model: RecurrentModel,
  path: string,
  sequences: Sequences,
  { columns }: ClassMetadata,
): (classes: readonly number[], indices: readonly number[]) => LabelledSequences {
  const scaler: SeriesScaler = scalerOf(model, path)
  return datasetsOf(sequences, scaler, columns.missing === 'mask')
}

/** How many sequences are computed and written at a time. */
const PART = 1024

/** Writes a row for each sequence: the class that the model takes it for, and the probability of each. */
export async function predictClasses(
  model: RecurrentModel,
  metadata: ClassMetadata,
  { model: path, data }: Found,
  options: PredictCommandOptions,
  output: Output,
): Promise<void> {
  requireNone(options, ['from'])
  const { columns } = metadata
  await withData(data, options.inputFormat ?? 'csv', async (file) => {
    const isLabelled = await hasColumn(file, columns.label)
    const sequences = await readSequences(file, columns, isLabelled)
    const none = sequences.names.map(() => 0)
    const dataset = datasetOf(model, path, sequences, metadata)(none, [...none.keys()])
    await writeRows(rowColumns(metadata, isLabelled), rowsOf(model, dataset, sequences, metadata), options)
    output.detail(`${dataset.length} sequences`)
  })
}

/** The name of the column that says which sequence a row is about. */
const nameColumn = ({ columns: { sequence } }: ClassMetadata): string =>
  sequence === undefined ? 'row' : sequence.length === 1 ? (sequence[0] as string) : 'sequence'

function rowColumns(metadata: ClassMetadata, isLabelled: boolean): Columns {
  const { label } = metadata.columns
  return Object.fromEntries([
    [nameColumn(metadata), 'VARCHAR'],
    [label, 'VARCHAR'],
    ...(isLabelled ? [[`${label}_actual`, 'VARCHAR']] : []),
    ...metadata.labels.map((name) => [`probability_${name}`, 'DOUBLE']),
  ]) as Columns
}

async function* rowsOf(
  model: RecurrentModel,
  dataset: LabelledSequences,
  sequences: Sequences,
  metadata: ClassMetadata,
): AsyncGenerator<Row[]> {
  const { labels, columns } = metadata
  const trainer = new Trainer(model, { progress: false })
  for (let start = 0; start < dataset.length; start += PART) {
    const indices = Array.from({ length: Math.min(PART, dataset.length - start) }, (_, i) => start + i)
    const scores = await trainer.predict(new Subset(dataset, indices))
    const probabilities = torch.tidy(() => scores.softmax(-1).toArray() as number[][])
    scores.dispose()
    yield indices.map((index, n) => {
      const row = probabilities[n] as number[]
      const best = row.indexOf(Math.max(...row))
      return Object.fromEntries([
        [nameColumn(metadata), sequences.names[index]],
        [columns.label, labels[best]],
        ...(sequences.labels === undefined ? [] : [[`${columns.label}_actual`, sequences.labels[index]]]),
        ...labels.map((name, k) => [`probability_${name}`, rounded(row[k])]),
      ]) as Row
    })
  }
}
