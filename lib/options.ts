import { types } from 'node:util'
import { describe } from './describe.ts'
import { torchError } from './errors.ts'

/** How many letters to insert, delete or change to get from one word to the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, change))
    }
    row = next
  }
  return row[b.length] as number
}

/** Options that have other names elsewhere: in another part of this library, in Python, or in other libraries. */
const SYNONYMS = [
  ['lr', 'learningRate', 'learning_rate'],
  ['device', 'mapLocation', 'map_location'],
]

function meantBy(key: string, known: readonly string[]): string | undefined {
  const synonym = SYNONYMS.find((names) => names.includes(key))?.find((name) => known.includes(name))
  if (synonym !== undefined) return synonym
  const nearest = [...known].sort((a, b) => distance(a, key) - distance(b, key))[0]
  // Of a short name every other is a few letters away.
  const most = Math.min(3, Math.ceil(key.length / 2))
  return nearest !== undefined && distance(nearest, key) <= most ? nearest : undefined
}

/** What to say of an option that is not among `known`: the name that was probably meant, and the names there are. */
export function unknownOption(key: string, known: readonly string[]): string {
  const found = meantBy(key, known)
  const meant = found === undefined ? '' : `; did you mean '${found}'?`
  const list =
    known.length > 0 ? `${meant === '' ? ';' : ''} Options are ${known.join(', ')}` : '; there are no options'
  return `unknown option '${key}'${meant}${list}`
}

/** Refuses what is not a boolean: `'no'` would count as true. */
export function checkBoolean(name: string, option: string, value: unknown): void {
  if (typeof value === 'boolean') return
  throw torchError('ERR_TORCH_TYPE', `${name}(): argument '${option}' must be bool, not ${describe(value)}`, {
    op: name,
  })
}

/** Refuses what is not an AbortSignal, of whatever realm. */
export function checkSignal(name: string, value: unknown): asserts value is AbortSignal | undefined {
  if (value === undefined) return
  if (typeof value === 'object' && value !== null && 'aborted' in value && 'throwIfAborted' in value) return
  throw torchError('ERR_TORCH_TYPE', `${name}: signal must be an AbortSignal, got ${describe(value)}`)
}

/**
 * Refuses options that `name` does not have: a misspelled one would be ignored without a word.
 *
 * @throws {TorchError} `ERR_TORCH_OPTION` with the name that was probably meant.
 */
export function checkOptions(name: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    // In Python sizes may stand in a row.
    const isSize = typeof options === 'number' && /^(zeros|ones|empty|rand|randn)$/.test(name)
    const hint = isSize ? `: the size is one array, as in ${name}([2, 3])` : ''
    throw torchError('ERR_TORCH_TYPE', `${name}: options must be an object, got ${describe(options)}${hint}`, {
      op: name,
    })
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key))
      throw torchError('ERR_TORCH_OPTION', `${name}: ${unknownOption(key, known)}`, { op: name })
  }
}

/**
 * An object of names and values, such as a state dict.
 *
 * @throws {TorchError} that says what to do with what is often given instead: a promise, a map, a module.
 */
export function requireDict(name: string, what: string, value: unknown): Record<string, unknown> {
  const isObject = typeof value === 'object' && value !== null
  const given = isObject ? (value as { then?: unknown; stateDict?: unknown }) : {}
  const hint =
    typeof given.then === 'function'
      ? ': await it'
      : types.isMap(value)
        ? ': pass Object.fromEntries(map)'
        : typeof given.stateDict === 'function'
          ? ': pass its stateDict()'
          : ''
  if (isObject && hint === '' && !Array.isArray(value) && !ArrayBuffer.isView(value))
    return value as Record<string, unknown>
  throw torchError(
    'ERR_TORCH_TYPE',
    `${name}: ${what} must be an object of names and values, got ${describe(value)}${hint}`,
    { op: name },
  )
}
