import { types } from 'node:util'
import { describe } from './describe.ts'
import { type ErrorCode, type TorchError, torchError } from './errors.ts'

/** The number of letters to insert, delete or change to turn one word into the other. */
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

/** Options with different names in other parts of this library, in Python, or in other libraries. */
const SYNONYMS = [
  ['lr', 'learningRate', 'learning_rate'],
  ['device', 'mapLocation', 'map_location'],
]

function meantBy(key: string, known: readonly string[]): string | undefined {
  const synonym = SYNONYMS.find((names) => names.includes(key))?.find((name) => known.includes(name))
  return synonym ?? nearestName(key, known)
}

/** The name that is only a few letters away from `key`, if there is one. */
export function nearestName(key: string, known: readonly string[]): string | undefined {
  const nearest = [...known].sort((a, b) => distance(a, key) - distance(b, key))[0]
  // If a name is short, every other name is only a few letters away.
  const most = Math.min(3, Math.ceil(key.length / 2))
  return nearest !== undefined && distance(nearest, key) <= most ? nearest : undefined
}

/** The message for an option that is not in `known`: the name that was probably meant, and all known names. */
export function unknownOption(key: string, known: readonly string[]): string {
  const found = meantBy(key, known)
  const meant = found === undefined ? '' : `; did you mean '${found}'?`
  const list =
    known.length > 0 ? `${meant === '' ? ';' : ''} Options are ${known.join(', ')}` : '; there are no options'
  return `unknown option '${key}'${meant}${list}`
}

/** The error for a value that cannot be used: `LSTM: hiddenSize must be a positive integer, got 0`. */
export function invalid(
  owner: string,
  name: string,
  wanted: string,
  value: unknown,
  code: ErrorCode = 'ERR_TORCH_TYPE',
): TorchError {
  return torchError(code, `${owner}: ${name} must be ${wanted}, got ${describe(value)}`, { op: owner })
}

/** A number that is out of range still has the right type. */
const codeOf = (value: unknown): ErrorCode => (typeof value === 'number' ? 'ERR_TORCH_VALUE' : 'ERR_TORCH_TYPE')

/** @throws {TorchError} unless `value`, the argument or option `name` of `owner`, is a boolean: `'no'` is truthy. */
export function requireBoolean(owner: string, name: string, value: unknown): asserts value is boolean {
  if (typeof value !== 'boolean') throw invalid(owner, name, 'a boolean', value)
}

/** @throws {TorchError} unless `value` is a string. */
export function requireString(owner: string, name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw invalid(owner, name, 'a string', value)
}

/** @throws {TorchError} unless `value` is a function. */
export function requireFunction(owner: string, name: string, value: unknown): void {
  if (typeof value !== 'function') throw invalid(owner, name, 'a function', value)
}

/** @throws {TorchError} unless `value` is an integer from `least` to `most`. */
export function requireInteger(
  owner: string,
  name: string,
  value: unknown,
  least = Number.NEGATIVE_INFINITY,
  most = Number.POSITIVE_INFINITY,
): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return
  const tooLarge = Number.isInteger(value) && (value as number) > most
  const wanted = tooLarge ? `at most ${most}` : integers(least, most)
  // 2 ** 60 is an integer, but 2 ** 60 + 1 is the same number.
  const isInexact = Number.isInteger(value) && !Number.isSafeInteger(value) && !tooLarge
  throw invalid(
    owner,
    name,
    isInexact ? 'a safe integer, from -(2 ** 53 - 1) to 2 ** 53 - 1' : wanted,
    value,
    codeOf(value),
  )
}

function integers(least: number, most: number): string {
  if (least < 0 && most < Number.POSITIVE_INFINITY && least > Number.NEGATIVE_INFINITY) {
    return `an integer from ${least} to ${most}`
  }
  if (least === Number.NEGATIVE_INFINITY) return 'an integer'
  if (least === 0) return 'a non-negative integer'
  return least === 1 ? 'a positive integer' : `an integer of at least ${least}`
}

/** @throws {TorchError} unless `value` is a number. NaN and ±infinity are numbers. */
export function requireNumber(owner: string, name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number') throw invalid(owner, name, 'a number', value)
}

/** @throws {TorchError} unless `value` is a number of at least 0. Infinity is allowed. */
export function requireNonNegative(owner: string, name: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && value >= 0) return
  throw invalid(owner, name, 'a non-negative number', value, codeOf(value))
}

/** The longest delay of a timer, in ms: of more, Node makes 1 ms. */
export const LONGEST_DELAY = 2 ** 31 - 1

/** @throws {TorchError} unless `value` is a delay in ms that a timer can have. */
export function requireDelay(owner: string, name: string, value: unknown): asserts value is number {
  requireNonNegative(owner, name, value)
  if (value > LONGEST_DELAY) throw invalid(owner, name, `at most ${LONGEST_DELAY} ms`, value, 'ERR_TORCH_VALUE')
}

/** @throws {TorchError} unless `value` is a number above 0. Infinity is allowed. */
export function requirePositive(owner: string, name: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && value > 0) return
  throw invalid(owner, name, 'a positive number', value, codeOf(value))
}

/** @throws {TorchError} unless `value` is a number from 0 to 1. */
export function requireProbability(owner: string, name: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return
  throw invalid(owner, name, 'a number from 0 to 1', value, codeOf(value))
}

/** @throws {TorchError} unless `value` is one of `choices`. */
export function requireChoice<T extends string>(
  owner: string,
  name: string,
  value: unknown,
  choices: readonly T[],
): asserts value is T {
  if ((choices as readonly unknown[]).includes(value)) return
  const quoted = choices.map((choice) => `'${choice}'`)
  const wanted = quoted.length > 1 ? `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}` : `${quoted[0]}`
  throw invalid(owner, name, wanted, value, typeof value === 'string' ? 'ERR_TORCH_VALUE' : 'ERR_TORCH_TYPE')
}

/** @throws {TorchError} unless `value` is an AbortSignal, from any realm, or undefined. */
export function requireSignal(owner: string, value: unknown): asserts value is AbortSignal | undefined {
  if (value === undefined) return
  if (typeof value === 'object' && value !== null && 'aborted' in value && 'throwIfAborted' in value) {
    if ('addEventListener' in value) return
  }
  throw invalid(owner, 'signal', 'an AbortSignal', value)
}

/**
 * Rejects more arguments than a function takes: JavaScript would ignore them. The last parameter of such a function is
 * `...none: undefined[]`.
 */
export function requireNone(owner: string, none: readonly unknown[]): void {
  if (none.length === 0 || none.every((value) => value === undefined)) return
  throw torchError('ERR_TORCH_TYPE', `${owner}: got more arguments than it takes: ${none.map(describe).join(', ')}`, {
    op: owner,
  })
}

/**
 * `example` is a class that extends `Base`; `methods` are what a subclass has to bring.
 *
 * @throws {TorchError} if an abstract class is constructed itself, or a subclass that lacks a method.
 */
export function requireSubclass(
  target: { readonly name: string; readonly prototype: object },
  Base: { readonly name: string },
  example: string,
  methods: readonly string[] = [],
): void {
  const { name } = target
  if (target === Base) {
    const cure = `extend it, or use a class such as ${example}`
    throw torchError('ERR_TORCH_TYPE', `new ${name}(): ${name} is abstract: ${cure}`)
  }
  for (const method of methods) {
    if (typeof (target.prototype as Record<string, unknown>)[method] === 'function') continue
    const owed = `${name} has no method ${method}, which a subclass of ${Base.name} must have`
    throw torchError('ERR_TORCH_NOT_IMPLEMENTED', `new ${name}(): ${owed}`, { op: name })
  }
}

/** An object literal, also of another realm: no array, tensor or other instance of a class. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * Rejects options that `name` does not have: a misspelled option would be silently ignored. `none` are the arguments
 * after the options, see {@link requireNone}.
 *
 * @throws {TorchError} `ERR_TORCH_OPTION` with the name that was probably meant.
 */
export function checkOptions(
  name: string,
  options: unknown,
  known: readonly string[],
  none: readonly unknown[] = [],
): void {
  if (!isPlain(options)) {
    // Python also accepts sizes as separate arguments.
    const isSize = typeof options === 'number' && /^(zeros|ones|empty|rand|randn)$/.test(name)
    // In Python, the first option is often the next positional argument.
    const isValue = known.length > 0 && /^(number|boolean|string)$/.test(typeof options)
    const hint = isSize
      ? `: the size is one array, as in ${name}([2, 3])`
      : isValue
        ? `: pass it by its name, as in { ${known[0]}: ${describe(options)} }`
        : ''
    throw torchError('ERR_TORCH_TYPE', `${name}: options must be an object, got ${describe(options)}${hint}`, {
      op: name,
    })
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key))
      throw torchError('ERR_TORCH_OPTION', `${name}: ${unknownOption(key, known)}`, { op: name })
  }
  requireNone(name, none)
}

/**
 * Returns `value` as an object of names and values, such as a state dict.
 *
 * @throws {TorchError} if it is anything else. For a promise, a map or a module, which are common mistakes, the error
 *   says what to do.
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
