// How well classes are told apart: scores of each, and which were taken for which.
import { Subset } from '../../data/index.ts'
import { ConfusionMatrix, F1, Precision, Recall } from '../../metrics/index.ts'
import { type MetricName, metricOf } from '../../metrics/metric-of.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { torch } from '../../torch.ts'
import type { Trainer } from '../../train/index.ts'
import type { Errors } from '../measure.ts'
import { numberText, tableText } from '../output.ts'
import type { LabelledSequences } from './dataset.ts'

/** The scores of a class. */
export interface ClassScores {
  readonly label: string
  readonly precision: number
  readonly recall: number
  readonly f1: number
  /** How many sequences are of the class. */
  readonly sequences: number
}

/** How well classes are told apart, as `--json` prints it. */
export interface Scores {
  readonly classes: readonly ClassScores[]
  /** How often each class (the rows) was taken for each (the columns), in the order of `classes`. */
  readonly confusion: readonly (readonly number[])[]
}

/** How many sequences are computed at a time. */
const PART = 1024

/** Measures a model on all samples of a dataset. */
export async function scoresOf(trainer: Trainer, data: LabelledSequences, labels: readonly string[]): Promise<Scores> {
  const confusion = new ConfusionMatrix()
  const ofEach = [Precision, Recall, F1].map((Score) => new Score({ average: 'none' }))
  for (let start = 0; start < data.length; start += PART) {
    const indices = Array.from({ length: Math.min(PART, data.length - start) }, (_, i) => start + i)
    const output = await trainer.predict(new Subset(data, indices))
    torch.tidy(() => {
      const target = data.classesOf(indices)
      for (const metric of [confusion, ...ofEach]) metric.update(output, target)
    })
    output.dispose()
  }
  const read = async (metric: { compute(): Promise<Tensor> }): Promise<unknown> => {
    const found = await metric.compute()
    try {
      return found.toArray()
    } finally {
      found.dispose()
    }
  }
  const matrix = (await read(confusion)) as number[][]
  const [precision, recall, f1] = (await Promise.all(ofEach.map(read))) as [number[], number[], number[]]
  return {
    confusion: matrix,
    classes: labels.map((label, k) => ({
      label,
      precision: precision[k] as number,
      recall: recall[k] as number,
      f1: f1[k] as number,
      sequences: (matrix[k] as number[]).reduce((sum, count) => sum + count, 0),
    })),
  }
}

/** What the metrics are of an answer that is always the most frequent class of the training part. */
export async function ofMostFrequent(
  data: LabelledSequences,
  counts: readonly number[],
  metrics: readonly string[],
): Promise<Errors> {
  const most = counts.indexOf(Math.max(...counts))
  const all = Array.from({ length: data.length }, (_, i) => i)
  const found = metrics.map(async (name) => {
    const metric = metricOf('evaluate', name as MetricName)
    torch.tidy(() => {
      const output = torch.zeros([data.length, counts.length])
      output.narrow(1, most, 1).fill_(1)
      metric.update(output, data.classesOf(all))
    })
    return [name, (await metric.compute()) as number] as const
  })
  return Object.fromEntries(await Promise.all(found))
}

/** More classes than these are too many for a table on a terminal. */
const MOST_COLUMNS = 12

/** The rows of a table of classes, of more those that are told worst. */
const MOST_ROWS = 30

/** Tables of the scores of classes, and of what was taken for what. */
export function scoresText({ classes, confusion }: Scores): string {
  const share = (value: number): string => value.toFixed(3)
  const worst = classes.length > MOST_ROWS ? classes.toSorted((a, b) => a.f1 - b.f1).slice(0, MOST_ROWS) : classes
  const scores = tableText([
    ['class', 'precision', 'recall', 'f1', 'sequences'],
    ...worst.map(({ label, precision, recall, f1, sequences }) => [
      label,
      ...[precision, recall, f1].map(share),
      numberText(sequences),
    ]),
  ])
  if (classes.length > MOST_ROWS)
    return `${scores}\n${MOST_ROWS} of ${classes.length} classes, those that are told worst`
  if (classes.length > MOST_COLUMNS) return scores
  const matrix = tableText([
    ['is, taken for', ...classes.map(({ label }) => label)],
    ...classes.map(({ label }, k) => [label, ...(confusion[k] as number[]).map(numberText)]),
  ])
  return `${scores}\n\n${matrix}`
}
