import { invalid, isPlain } from '../../check.ts'
import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'
import { camelCase } from '../../ops/schema.ts'

/** Numbers, strings, booleans, `null`, and arrays and objects of them: what JSON can hold. */
export type PlainData = number | string | boolean | null | readonly PlainData[] | { readonly [name: string]: PlainData }

/** The key of the method that checks a state, and returns what loads it. */
export const PREPARE = Symbol('PREPARE')

/** A schedule within the state of another. */
interface Nested {
  stateDict(): PlainData
  [PREPARE](stateDict: unknown): () => void
}

const isNested = (value: unknown): value is Nested =>
  typeof (value as Partial<Nested> | null | undefined)?.[PREPARE] === 'function'

/** A key of PyTorch's as it is spelled here: `_last_lr` is `lastLr`, `T_max` is `tMax`. */
export function spelled(key: string): string {
  const name = camelCase(key.replace(/^_+/, ''))
  return name.replace(/^[A-Z]/, (letter) => letter.toLowerCase())
}

const DEEPEST = 100

/** A copy of a schedule's state for JSON: functions become `null`, schedules their own state. */
export function plain(value: unknown, owner: string, depth = 0): PlainData {
  if (depth > DEEPEST) throw torchError('ERR_TORCH_VALUE', `${owner}: nested too deeply`, { op: owner })
  if (typeof value === 'function' || value === null) return null
  if (isNested(value)) return value.stateDict()
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value
  if (Array.isArray(value)) return Array.from(value, (element) => plain(element, owner, depth + 1))
  if (isPlain(value))
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one, owner, depth + 1)]))
  throw torchError(
    'ERR_TORCH_TYPE',
    `${owner}: the state of a schedule consists of numbers, strings, booleans, arrays and objects, got ${describe(value)}`,
    { op: owner },
  )
}

/**
 * A copy of a loaded value, for a place with the value `own`. Functions stay, since no file has them. What loads the
 * state of schedules is added to `commits`.
 */
export function copied(where: string, own: unknown, value: unknown, commits: (() => void)[]): unknown {
  if (isNested(own)) {
    commits.push(own[PREPARE](value))
    return own
  }
  if (typeof own === 'function') {
    if (value === null) return own
    throw torchError('ERR_TORCH_TYPE', `${where}: a function cannot be loaded, got ${describe(value)}`)
  }
  if (Array.isArray(own) && own.some((one) => typeof one === 'function' || isNested(one))) {
    if (!Array.isArray(value) || value.length !== own.length) {
      throw invalid(where, 'it', `an array of ${own.length}`, value, 'ERR_TORCH_VALUE')
    }
    return own.map((one, index) => copied(`${where}[${index}]`, one, value[index], commits))
  }
  return plain(value, where)
}
