import { isPlain, unknownOption } from '../check.ts'
import { otherCopy } from '../copy.ts'
import { describe } from '../describe.ts'
import { type ErrorCode, torchError } from '../errors.ts'
import { native as addon } from '../native/addon.ts'
import { type Argument, parseSchema, type Schema } from '../ops/schema.ts'
import { enter } from './context.ts'
import { scalarTypeOf } from './dtype.ts'
import { failure } from './failure.ts'
import { handleOf, isGenerator } from './generator.ts'
import type { Scope } from './scope.ts'
import { idOf, isTensor, type Tensor, wrap } from './tensor.ts'

/** A callable LibTorch operator: all overloads of one name, or one of them. */
export type Packet = (...args: readonly unknown[]) => unknown

/** Converts an argument to the form that native code reads. Returns {@link WRONG} if it has the wrong type. */
type Reader = (value: unknown) => unknown
const WRONG = Symbol('wrong')

/** The reason that the arguments do not fit an overload. */
class Mismatch {
  readonly message: string
  readonly code: ErrorCode
  constructor(message: string, code: ErrorCode = 'ERR_TORCH_TYPE') {
    this.message = message
    this.code = code
  }
}

const MEMORY_FORMATS: Record<string, number> = { contiguous: 0, preserve: 1, channelsLast: 2 }

const isInt = (value: unknown): boolean => Number.isSafeInteger(value) || typeof value === 'bigint'
const isScalar = (value: unknown): boolean =>
  typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint'

const READERS: Record<string, Reader> = {
  Tensor: (value) => (isTensor(value) ? idOf(value) : WRONG),
  Scalar: (value) => (isScalar(value) ? value : WRONG),
  int: (value) => (isInt(value) ? value : WRONG),
  float: (value) => (typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : WRONG),
  bool: (value) => (typeof value === 'boolean' ? value : WRONG),
  str: (value) => (typeof value === 'string' ? value : WRONG),
  Generator: (value) => (isGenerator(value) ? handleOf(value) : WRONG),
  Device: (value) => (typeof value === 'string' ? value : WRONG),
  ScalarType: scalarTypeOf,
  MemoryFormat: (value) => (typeof value === 'string' ? (MEMORY_FORMATS[value] ?? WRONG) : WRONG),
  Layout: (value) => (value === 'strided' ? 0 : WRONG),
}
READERS.SymInt = READERS.int as Reader

/** A number passed for a tensor is wrapped in an array: a bare number would be read as a tensor's id. */
const readTensorOrNumber: Reader = (value) => (isTensor(value) ? idOf(value) : isScalar(value) ? [value] : WRONG)

/** The types of arguments in TypeScript's terms, in the singular and the plural. */
const TYPE_NAMES: Record<string, readonly [one: string, several: string]> = {
  Tensor: ['a Tensor', 'Tensors'],
  Scalar: ['a number', 'numbers'],
  int: ['an integer', 'integers'],
  SymInt: ['an integer', 'integers'],
  float: ['a number', 'numbers'],
  bool: ['a boolean', 'booleans'],
  str: ['a string', 'strings'],
  ScalarType: ['a dtype', 'dtypes'],
  Device: ['the name of a device', 'names of devices'],
  Generator: ['a torch.Generator', 'torch.Generators'],
  MemoryFormat: ["'contiguous', 'preserve' or 'channelsLast'", 'memory formats'],
  Layout: ["'strided'", 'layouts'],
}

function nameOf(type: string, takesNumber = false): string {
  const plain = type.replace(/\?$/, '')
  const element = plain.match(/^(\w+)\??\[\d*\]$/)?.[1]
  if (element !== undefined) return `an array of ${TYPE_NAMES[element]?.[1] ?? `${element}s`}`
  const name = TYPE_NAMES[plain]?.[0] ?? plain
  return takesNumber ? `${name} or a number` : name
}

/** PyTorch calls the first tensor of a function `input`. */
const shown = (name: string): string => (name === 'self' ? 'input' : name)

function readerOf(type: string): Reader {
  if (type.endsWith('?')) {
    const inner = readerOf(type.slice(0, -1))
    return (value) => (value === null ? null : inner(value))
  }
  const list = type.match(/^(.*)\[(\d*)\]$/)
  if (list === null) return READERS[type] ?? (() => WRONG)
  const element = readerOf(list[1] as string)
  const expands = list[2] !== ''
  return (value) => {
    if (!Array.isArray(value)) return expands ? element(value) : WRONG
    // `map` would keep the holes of a sparse array.
    const values = Array.from(value, element)
    return values.includes(WRONG) ? WRONG : values
  }
}

interface Parameter extends Argument {
  readonly read: Reader
  readonly required: boolean
}

class Overload {
  readonly schema: Schema
  readonly id: number
  readonly #parameters: readonly Parameter[]
  readonly #positional: number
  readonly #aliases: readonly number[]

  constructor(name: string, overload: string) {
    const text = addon.schema(name, overload)
    const id = addon.operator(name, overload)
    if (text === null || id === null) {
      throw torchError(
        'ERR_TORCH_NOT_IMPLEMENTED',
        `this LibTorch has no operator ${name}${overload && `.${overload}`}`,
      )
    }
    this.id = id
    this.schema = parseSchema(text)
    this.#parameters = this.schema.args.map((arg) => ({
      ...arg,
      read: arg.takesNumber ? readTensorOrNumber : readerOf(arg.type),
      required: !arg.hasDefault && !(arg.type.endsWith('?') && arg.keywordOnly),
    }))
    this.#positional = this.#parameters.filter((parameter) => !parameter.keywordOnly).length
    // A result can be an argument: `add_` returns its first argument, and `out` variants return the one they write to.
    const written = this.schema.args.flatMap((arg, index) => (arg.mutated ? [index] : []))
    let next = 0
    this.#aliases = this.schema.returns.map((result) => (result.alias?.includes('!') ? (written[next++] ?? -1) : -1))
  }

  /** The arguments in the form that native code reads, in the order of the schema. */
  bind(args: readonly unknown[]): unknown[] | Mismatch {
    let given = args.length
    let options: Record<string, unknown> | undefined
    if (given > 0 && isPlain(args[given - 1])) options = args[--given] as Record<string, unknown>
    if (given > this.#positional) return new Mismatch(this.#tooMany(args.slice(0, given)))
    const values: unknown[] = new Array(this.#parameters.length)
    for (let i = 0; i < values.length; i++) {
      const parameter = this.#parameters[i] as Parameter
      const value = i < given ? args[i] : options?.[parameter.name]
      if (value === undefined) {
        if (parameter.required)
          return new Mismatch(
            `${shown(parameter.name)} is missing: it must be ${nameOf(parameter.type, parameter.takesNumber)}`,
          )
        continue
      }
      const read = parameter.read(value)
      if (read === WRONG) {
        const wanted = nameOf(parameter.type, parameter.takesNumber)
        return new Mismatch(`${shown(parameter.name)} must be ${wanted}, got ${describe(value)}`)
      }
      values[i] = read
    }
    return options === undefined ? values : (this.#unknown(options, given) ?? values)
  }

  #tooMany(args: readonly unknown[]): string {
    const last = this.#parameters[this.#positional - 1]
    const row = args.slice(this.#positional - 1)
    // Python also accepts them as separate arguments: permute(1, 0).
    if (last !== undefined && /[iI]nt\[\]$/.test(last.type) && row.every(isInt)) {
      return `${last.name} is an array: [${row.join(', ')}]`
    }
    return `takes ${count(this.#positional)} by position, but ${args.length} were given`
  }

  #unknown(options: Record<string, unknown>, given: number): Mismatch | undefined {
    for (const name of Object.keys(options)) {
      const index = this.#parameters.findIndex((parameter) => parameter.name === name)
      if (index < 0) return new Mismatch(unknownOption(name, this.options), 'ERR_TORCH_OPTION')
      if (index < given) return new Mismatch(`${name} is given twice, by position and by name`)
    }
    return undefined
  }

  /** The name of the first disposed argument, unless it is the tensor on which a method is called. */
  disposedArgument(args: readonly unknown[]): string | undefined {
    const last = args.at(-1)
    const options = isPlain(last) ? (last as Record<string, unknown>) : {}
    const isOne = (value: unknown): boolean => isTensor(value) && value.disposed
    const isDisposed = (value: unknown): boolean => (Array.isArray(value) ? value.some(isOne) : isOne(value))
    const index = args.findIndex(isDisposed)
    const name =
      index < 0 ? Object.keys(options).find((key) => isDisposed(options[key])) : this.#parameters[index]?.name
    return name === 'self' ? undefined : name
  }

  /** The arguments that are usually passed by name. */
  get options(): string[] {
    return this.#parameters.filter((parameter) => !parameter.required).map((parameter) => parameter.name)
  }

  run(values: readonly unknown[], args: readonly unknown[], scope: Scope | undefined): unknown {
    const result = callNative(this.id, values)
    const { returns } = this.schema
    if (returns.length === 0) return undefined
    if (returns.length === 1) return this.#javascript(0, result, args, scope)
    return (result as unknown[]).map((element, index) => this.#javascript(index, element, args, scope))
  }

  #javascript(index: number, result: unknown, args: readonly unknown[], scope: Scope | undefined): unknown {
    const alias = this.#aliases[index] as number
    if (alias >= 0)
      return args[alias] ?? (args.at(-1) as Record<string, unknown>)[(this.#parameters[alias] as Parameter).name]
    switch (this.schema.returns[index]?.type) {
      case 'Tensor':
      case 'Tensor?':
        return result === null ? null : wrap(result as number, scope)
      case 'Tensor[]':
        return (result as number[]).map((id) => wrap(id, scope))
      default:
        return result
    }
  }

  toString(): string {
    const args = this.schema.args.map((arg) => `${shown(arg.name)}: ${nameOf(arg.type, arg.takesNumber)}`)
    const firstOption = this.schema.args.findIndex((arg) => arg.keywordOnly)
    const options = firstOption < 0 ? [] : args.splice(firstOption)
    if (options.length > 0) args.push(`{ ${options.join(', ')} }`)
    return `(${args.join(', ')})`
  }
}

/** V8 compiles a native call with a known number of arguments to code that costs half as much as a spread. */
function callNative(id: number, values: readonly unknown[]): unknown {
  switch (values.length) {
    case 1:
      return addon.call(id, values[0])
    case 2:
      return addon.call(id, values[0], values[1])
    case 3:
      return addon.call(id, values[0], values[1], values[2])
    default:
      return addon.call(id, ...values)
  }
}

/** Throws the error for arguments that fit no overload. */
function mismatch(
  name: string,
  overloads: readonly Overload[],
  reasons: readonly Mismatch[],
  args: readonly unknown[],
): never {
  const options = args.at(-1)
  const known = new Set(overloads.flatMap((overload) => overload.schema.args.map((arg) => arg.name)))
  const unknown = isPlain(options) ? Object.keys(options).find((key) => !known.has(key)) : undefined
  if (unknown !== undefined) {
    const all = [...new Set(overloads.flatMap((overload) => overload.options))]
    throw torchError('ERR_TORCH_OPTION', `${name}: ${unknownOption(unknown, all)}`, { op: name })
  }
  const foreign = [...args, ...Object.values(isPlain(options) ? options : {})]
    .flat()
    .find((arg) => otherCopy(arg) !== undefined)
  if (foreign !== undefined) {
    throw torchError('ERR_TORCH_TYPE', `${name}: got ${describe(foreign)}`, { op: name })
  }
  const only = reasons.length === 1 ? reasons[0] : undefined
  if (only !== undefined) throw torchError(only.code, `${name}: ${only.message}`, { op: name })
  const got = args.map(describe).join(', ')
  const expected = overloads.map(
    (overload, index) => ` * ${overload}\n      does not match: ${reasons[index]?.message}`,
  )
  throw torchError(
    'ERR_TORCH_TYPE',
    `${name}: no form takes these arguments, (${got}). There are:\n${expected.join('\n')}`,
    { op: name },
  )
}

function count(positional: number): string {
  return positional === 1 ? '1 argument' : `${positional} arguments`
}

function shapesOf(args: readonly unknown[]): number[][] {
  return args.flatMap((arg) => (isTensor(arg) && !arg.disposed && !arg.pending ? [arg.shape] : []))
}

/**
 * The operator called `name`. A call tries the `overloads` in order and uses the first whose types fit. The schemas are
 * looked up at the first call.
 *
 * @internal
 */
export function packet(name: string, overloads: readonly (readonly [name: string, overload: string])[]): Packet {
  let resolved: Overload[] | undefined
  return (...args) => {
    resolved ??= overloads.map(([name, overload]) => new Overload(name, overload))
    const scope = enter()
    let reasons: Mismatch[] | undefined
    for (const overload of resolved) {
      try {
        const values = overload.bind(args)
        if (values instanceof Mismatch) {
          reasons ??= []
          reasons.push(values)
          continue
        }
        return overload.run(values, args, scope)
      } catch (thrown) {
        throw failure(thrown, { op: name, shapes: shapesOf(args), argument: overload.disposedArgument(args) })
      }
    }
    return mismatch(name, resolved, reasons ?? [], args)
  }
}

const packets = new Map<string, Packet>()

/**
 * The operator with a qualified name, such as `aten::relu` or `aten::add.Tensor`.
 *
 * @internal
 */
export function op(qualified: string): Packet {
  let found = packets.get(qualified)
  if (found === undefined) {
    const [name = '', overload = ''] = qualified.split('.')
    found = packet(name.replace(/^(aten|libtorch_rnn)::/, ''), [[name, overload]])
    packets.set(qualified, found)
  }
  return found
}

/** An operator that is known to return a tensor. It is looked up at the first call. */
export function tensorOp(qualified: string): (...args: readonly unknown[]) => Tensor {
  let call: Packet | undefined
  return (...args) => {
    call ??= op(qualified)
    return call(...args) as Tensor
  }
}
