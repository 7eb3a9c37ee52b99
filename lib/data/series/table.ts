import { torchError } from '../../errors.ts'
import { timeText } from './time.ts'

export const OWNER = 'Series.from'

/** The columns to read. */
export interface Names {
  readonly time: string
  /** Columns of numbers. */
  readonly values: readonly string[]
  readonly groups: readonly string[]
}

/** The columns of a source: rows by group, and by time within each. A missing value is NaN. */
export interface Table {
  readonly times: Float64Array
  /** By name. */
  readonly columns: ReadonlyMap<string, Float64Array>
  readonly groups: readonly Group[]
}

/** Consecutive rows, from `start` to before `end`. */
export interface Rows {
  readonly start: number
  readonly end: number
}

export interface Group extends Rows {
  /** Undefined if there are no groups. */
  readonly name: string | undefined
}

/** Columns of names and numbers as they were read. */
export interface RawTable {
  readonly times: Float64Array
  readonly columns: ReadonlyMap<string, Float64Array>
  /** The index of each row's group in `names`; undefined without groups. */
  readonly groupIndices: Float64Array | undefined
  readonly names: readonly string[]
}

/** The latest time of a Date. */
const LATEST = 8.64e15

/** ` in group 'a'`, or nothing. */
export const inGroup = ({ name }: { name: string | undefined }): string =>
  name === undefined ? '' : ` in group '${name}'`

/** The name of a group: its value, or those of several columns as JSON, which keeps them apart. */
export function groupName(values: readonly string[]): string {
  return values.length === 1 ? (values[0] as string) : JSON.stringify(values)
}

/**
 * Sorts rows unless they are sorted: by group, in the order in which these come, and by time.
 * @throws {TorchError} if there are no rows, two at one time, or a time that Date does not have.
 */
export function tableOf(raw: RawTable): Table {
  const { groupIndices: indices, names } = raw
  const { length } = raw.times
  if (length === 0) throw torchError('ERR_TORCH_VALUE', `${OWNER}: the source has no rows`, { op: OWNER })
  const wrong = raw.times.find((time) => Math.abs(time) > LATEST)
  if (wrong !== undefined) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${OWNER}: the time ${wrong} is no number of milliseconds since 1970: it is beyond those of Date`,
      {
        op: OWNER,
      },
    )
  }
  const order = orderOf(raw)
  const sorted = (column: Float64Array): Float64Array =>
    order === undefined ? column : column.map((_, i) => column[order[i] as number] as number)
  const times = sorted(raw.times)
  const ids = indices && sorted(indices)
  const groups: Group[] = []
  for (let start = 0, row = 1; row <= length; row++) {
    const id = ids?.[start]
    const ends = row === length || ids?.[row] !== id
    if (ends) {
      groups.push({ name: id === undefined ? undefined : names[id], start, end: row })
      start = row
    } else if (times[row] === times[row - 1]) {
      const group = { name: id === undefined ? undefined : names[id] }
      throw torchError(
        'ERR_TORCH_VALUE',
        `${OWNER}: two rows have the time ${timeText(times[row] as number)}${inGroup(group)}: name the columns that tell their series apart in groups, or aggregate the rows in SQL`,
        { op: OWNER },
      )
    }
  }
  return { times, columns: new Map([...raw.columns].map(([name, column]) => [name, sorted(column)])), groups }
}

/** The rows in their order, or undefined if they are in order. */
function orderOf({ times, groupIndices: ids }: RawTable): Uint32Array | undefined {
  const compare = (a: number, b: number): number =>
    (ids === undefined ? 0 : (ids[a] as number) - (ids[b] as number)) || (times[a] as number) - (times[b] as number)
  let row = 1
  while (row < times.length && compare(row - 1, row) <= 0) row++
  return row >= times.length ? undefined : Uint32Array.from(times, (_, i) => i).sort(compare)
}

/** The chunks as one array. They are emptied: a chunk is freed as soon as it is copied. */
export function concat(chunks: Float64Array[]): Float64Array {
  const all = new Float64Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let position = 0
  for (const [i, chunk] of chunks.entries()) {
    all.set(chunk, position)
    position += chunk.length
    chunks[i] = new Float64Array(0)
  }
  return all
}

/** Gives each name the number under which it came first. */
export class GroupNumbers {
  readonly #numbers = new Map<string, number>()

  numberOf(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    this.#numbers.set(name, this.#numbers.size)
    return this.#numbers.size - 1
  }

  get names(): string[] {
    return [...this.#numbers.keys()]
  }
}
