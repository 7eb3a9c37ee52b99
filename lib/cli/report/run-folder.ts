import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, torchError } from '../../errors.ts'
import { type Config, readConfig } from '../config.ts'
import { FILES } from '../plan.ts'
import type { Result } from '../train.ts'

/** What a run has left in its folder, beside its model. */
export interface RunFolder {
  readonly folder: string
  readonly config: Config
  /** The text of its settings, as they are in the file. */
  readonly configText: string
  readonly result: RunResult
  readonly history: readonly HistoryRow[]
}

/** What `train` printed. */
export interface RunResult extends Result {
  /** Of a model of classes: their scores, and how often each (the rows) was taken for each (the columns). */
  readonly classes?: readonly ClassResult[]
  readonly confusion?: readonly (readonly number[])[]
}

/** The scores of a class. */
export interface ClassResult {
  readonly label: string
  readonly precision: number
  readonly recall: number
  readonly f1: number
  readonly sequences: number
}

/** The results of an epoch, by name. */
export type HistoryRow = Readonly<Record<string, number>>

/** The file of the results of epochs, as a logger of the training writes it. */
export const HISTORY = 'history.csv'

function readIn(folder: string, name: string): string {
  try {
    return readFileSync(join(folder, name), 'utf8')
  } catch (cause) {
    throw torchError('ERR_TORCH_FILE', `${join(folder, name)} cannot be read: ${messageOf(cause)}`, { cause })
  }
}

/** Reads the files of a run. @throws {TorchError} if one is missing, or is not what `train` writes. */
export function readRun(folder: string): RunFolder {
  const configText = readIn(folder, FILES.config)
  const text = readIn(folder, FILES.result)
  let result: RunResult
  try {
    result = JSON.parse(text) as RunResult
  } catch (cause) {
    throw torchError('ERR_TORCH_FORMAT', `${join(folder, FILES.result)} is not valid JSON: ${messageOf(cause)}`, {
      cause,
    })
  }
  if (!Number.isSafeInteger(result.epochs) || typeof result.naive !== 'object') {
    throw torchError('ERR_TORCH_FORMAT', `${join(folder, FILES.result)} is not the result of a training`)
  }
  return {
    folder,
    config: readConfig(join(folder, FILES.config)),
    configText,
    result,
    history: historyIn(readIn(folder, HISTORY)),
  }
}

/** The rows of a file of results: cells without a value are left out. */
export function historyIn(csv: string): HistoryRow[] {
  const [header = '', ...lines] = csv.trimEnd().split(/\r?\n/)
  const names = header.split(',')
  return lines.map((line) => {
    const cells = line.split(',')
    return Object.fromEntries(
      names.flatMap((name, i) => (cells[i] === undefined || cells[i] === '' ? [] : [[name, Number(cells[i])]])),
    )
  })
}
