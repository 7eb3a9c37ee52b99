// Labelled sequences from a file: a row for each step, or a row for each sequence.
import { placeOf } from '../../data/series/collect.ts'
import { type QuerySource, readFile, readQuery, typesIn } from '../../data/series/duckdb.ts'
import { MEMORY } from '../../data/series/storage.ts'
import type { FileNames, RawTable } from '../../data/series/table.ts'
import { torchError } from '../../errors.ts'
import type { Output } from '../output.ts'
import type { Settings } from '../settings.ts'
import { sourceOf } from '../source.ts'
import { type Features, repaired } from './missing.ts'

/** How sequences are read from a file: it is saved with a model. */
export interface SequenceColumns {
  /** The columns that tell the sequences apart; undefined if each row is one, whose inputs are its steps. */
  readonly sequence?: readonly string[]
  readonly label: string
  /** The order of steps; undefined: that of the rows. */
  readonly time?: string
  readonly timeFormat?: string
  readonly inputs: readonly string[]
  readonly missing: Settings['missing']
}

/** Sequences one behind the other, in the order of their names. */
export interface Sequences extends Features {
  /** The file, for messages. */
  readonly title: string
  readonly names: readonly string[]
  /** The label of each; undefined if the file has none. */
  readonly labels: readonly string[] | undefined
  /** The number of the first row of each in the file, from 1. */
  readonly rows: readonly number[]
}

/** The number of steps of a sequence. */
export const lengthOf = ({ offsets }: Features, index: number): number =>
  (offsets[index + 1] as number) - (offsets[index] as number)

/** Where a sequence begins in its file: `data.csv, line 7`. */
export const placeOfSequence = ({ title, rows }: Sequences, index: number): string =>
  placeOf(title, rows[index] as number)

const NUMERIC = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL.*|BOOLEAN)$/

/** The columns of a file that settings stand for: without inputs, all columns of numbers. */
export async function columnsFor(
  data: string,
  { sequence, label, time, timeFormat, input, missing }: Settings & { label: string },
  output: Output,
): Promise<SequenceColumns> {
  const named = [...(sequence ?? []), label, time ?? []].flat()
  return {
    ...(sequence === undefined ? {} : { sequence }),
    label,
    ...(time === undefined ? {} : { time }),
    ...(timeFormat === undefined ? {} : { timeFormat }),
    inputs: input ?? (await numbersIn(data, named, output)),
    missing,
  }
}

async function numbersIn(data: string, named: readonly string[], output: Output): Promise<string[]> {
  const others = [...(await typesIn(await sourceOf(data), MEMORY))].filter(([name]) => !named.includes(name))
  const texts = others.filter(([, type]) => !NUMERIC.test(type)).map(([name]) => name)
  if (texts.length > 0) {
    const [what, are] = texts.length === 1 ? ['column', 'is'] : ['columns', 'are']
    output.warn(`${data}: ${what} ${texts.join(', ')} ${are} not read: name all columns to read with --input`)
  }
  const numbers = others.filter(([, type]) => NUMERIC.test(type)).map(([name]) => name)
  if (numbers.length > 0) return numbers
  throw torchError('ERR_TORCH_VALUE', `${data} has no columns of numbers but those that are named otherwise`)
}

/**
 * Reads sequences, with their labels unless `isLabelled` is false.
 * @throws {TorchError} that names file, line and column of a cell that cannot be read, is empty, or is a second label
 *   of its sequence.
 */
export async function readSequences(data: string, columns: SequenceColumns, isLabelled = true): Promise<Sequences> {
  const { sequence, label, time, timeFormat, inputs } = columns
  const names: FileNames = {
    time,
    values: inputs,
    groups: [...(sequence ?? []), ...(isLabelled ? [label] : [])],
    timeFormat,
    order: 'any',
    numbered: true,
  }
  const source: string | QuerySource = await sourceOf(data)
  const raw =
    typeof source === 'string' ? await readFile(source, names, MEMORY) : await readQuery(source, names, MEMORY)
  if (raw.times.length === 0) throw torchError('ERR_TORCH_VALUE', `${data} has no rows`)
  return sequence === undefined ? inRows(data, columns, raw) : byStep(data, columns, raw, isLabelled)
}

/** Whether a file has a column. */
export async function hasColumn(data: string, name: string): Promise<boolean> {
  return (await typesIn(await sourceOf(data), MEMORY)).has(name)
}

/** A row for each step. The table is sorted by sequence, label and time. */
function byStep(title: string, columns: SequenceColumns, raw: RawTable, isLabelled: boolean): Sequences {
  const { times, groupIndices: ids = new Float64Array(), names: groups } = raw
  const rowNumbers = raw.rows as Float64Array
  const found: { name: string; label: string | undefined; start: number }[] = []
  for (let row = 0; row < times.length; row++) {
    if (row > 0 && ids[row] === ids[row - 1]) {
      if (columns.time !== undefined && times[row] === times[row - 1]) {
        const rows = Array.from(rowNumbers.subarray(row - 1, row + 1))
        throw twoAtOnce(title, columns.time, found.at(-1)?.name as string, rows)
      }
      continue
    }
    found.push({ ...keyOf(groups[ids[row] as number] as string, isLabelled), start: row })
  }
  const offsets = [...found.map(({ start }) => start), times.length]
  const rows = found.map((_, i) => leastOf(rowNumbers, offsets[i] as number, offsets[i + 1] as number))
  requireOneLabel(title, columns.label, found, rows)
  const features = columns.inputs.map((name) => raw.columns.get(name) as Float64Array)
  const sequences = { names: columns.inputs, features, offsets, numbers: rowNumbers }
  const { offsets: kept, ...rest } = repaired(title, sequences, columns.missing)
  const labels = isLabelled ? found.map(({ label }) => label as string) : undefined
  return { title, ...rest, offsets: kept, names: found.map(({ name }) => name), labels, rows }
}

/** The name of a sequence, and its label, from that of a group. */
function keyOf(group: string, isLabelled: boolean): { name: string; label: string | undefined } {
  if (!isLabelled) return { name: group, label: undefined }
  const cells = JSON.parse(group) as string[]
  const name = cells.slice(0, -1)
  return { name: name.length === 1 ? (name[0] as string) : JSON.stringify(name), label: cells.at(-1) }
}

function leastOf(numbers: Float64Array, start: number, end: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let row = start; row < end; row++) least = Math.min(least, numbers[row] as number)
  return least
}

function twoAtOnce(title: string, time: string, name: string, rows: readonly number[]): Error {
  return torchError(
    'ERR_TORCH_VALUE',
    `${placeOf(title, Math.max(...rows))}, column '${time}': sequence '${name}' has another row at this time: name all columns that tell sequences apart, --sequence`,
  )
}

/** @throws {TorchError} for the first row whose label is not that of its sequence before. */
function requireOneLabel(
  title: string,
  column: string,
  found: readonly { name: string; label: string | undefined }[],
  rows: readonly number[],
): void {
  const changed = found.findIndex(({ name }, i) => i > 0 && name === found[i - 1]?.name)
  if (changed < 0) return
  const { name } = found[changed] as { name: string }
  const labels = found.flatMap((one, i) => (one.name === name ? [{ ...one, row: rows[i] as number }] : []))
  const [first, second] = labels.sort((a, b) => a.row - b.row)
  throw torchError(
    'ERR_TORCH_VALUE',
    `${placeOf(title, second?.row as number)}, column '${column}': '${second?.label}' is another label than '${first?.label}', that of sequence '${name}' before: a sequence has one`,
  )
}

/** A row for each sequence: its inputs are steps, and what is empty at its end is none. */
function inRows(title: string, columns: SequenceColumns, raw: RawTable): Sequences {
  const { times, groupIndices: ids, names: groups } = raw
  const numbers = raw.rows as Float64Array
  const cells = columns.inputs.map((name) => raw.columns.get(name) as Float64Array)
  const lengths = Array.from(times, (_, row) => cells.findLastIndex((column) => !Number.isNaN(column[row])) + 1)
  const empty = lengths.indexOf(0)
  if (empty >= 0) {
    throw torchError('ERR_TORCH_VALUE', `${placeOf(title, numbers[empty] as number)}: the sequence has no steps`)
  }
  const offsets = [0]
  for (const length of lengths) offsets.push((offsets.at(-1) as number) + length)
  const values = new Float64Array(offsets.at(-1) as number)
  const places = new Float64Array(values.length)
  for (const [row, length] of lengths.entries()) {
    for (let step = 0; step < length; step++) {
      values[(offsets[row] as number) + step] = cells[step]?.[row] as number
      places[(offsets[row] as number) + step] = numbers[row] as number
    }
  }
  const sequences = { names: columns.inputs, features: [values], offsets, numbers: places }
  return {
    title,
    ...repaired(title, sequences, columns.missing),
    names: Array.from(numbers, String),
    labels: ids === undefined ? undefined : Array.from(ids, (id) => groups[id] as string),
    rows: Array.from(numbers),
  }
}
