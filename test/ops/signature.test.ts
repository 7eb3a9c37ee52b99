// What PyTorch's functions and methods take, those of the table take, too: each way to call them that PyTorch's stubs
// know is tried here. What the arguments are worth does not matter, only whether an overload takes them.
import { expect, test } from 'vitest'
import { TorchError } from '../../lib/errors.ts'
import { native } from '../../lib/native/addon.ts'
import { camelCase, parseSchema } from '../../lib/ops/schema.ts'
import { qualified, type Row, TABLE } from '../../lib/ops/table.ts'
import { torch } from '../../lib/torch.ts'
import { readFixture } from '../support/fixture.ts'

interface Argument {
  name: string
  types: string[]
  optional: boolean
  keyword: boolean
}
type Form = 'function' | 'method'
type Callable = (...args: unknown[]) => unknown

const signatures = readFixture<Record<string, Partial<Record<Form, Argument[][]>>>>('signatures')

const VALUES: Record<string, () => unknown> = {
  Tensor: () => torch.ones([1]),
  Scalar: () => 0.5,
  int: () => 1,
  float: () => 0.5,
  bool: () => true,
  str: () => 'none',
  ScalarType: () => 'float64',
  Device: () => 'cpu',
  MemoryFormat: () => 'contiguous',
  Generator: () => new torch.Generator(),
  None: () => null,
}

function sampleOf(type: string): unknown {
  if (type.endsWith('[]')) return [sampleOf(type.slice(0, -2))]
  return (VALUES[type] ?? expect.fail(`a type without a value: ${type}`))()
}

/** An argument with one of its types. */
interface Given extends Argument {
  type: string
}

/** One way to call: with arguments by position, then others by name. */
interface Call {
  positional: Given[]
  named: Given[]
}

/** Each argument with its first type, then each other type of each argument with the first ones of the others. */
function typings(args: readonly Argument[]): Given[][] {
  const first = args.map((argument) => ({ ...argument, type: argument.types[0] as string }))
  const others = args.flatMap((argument, index) =>
    argument.types.slice(1).map((type) => first.with(index, { ...argument, type })),
  )
  return [first, ...others]
}

/** With nothing that can be left out, with each of it by name, with more and more of it by position, and with all. */
function calls(args: readonly Argument[]): Call[] {
  return typings(args).flatMap((given) => {
    const required = given.filter(({ optional, keyword }) => !optional && !keyword)
    // `upper` of solve_triangular has no place and no default.
    const named = given.filter(({ optional, keyword }) => !optional && keyword)
    const optional = given.filter((one) => one.optional)
    const positions = optional.filter(({ keyword }) => !keyword)
    return [
      { positional: required, named },
      ...optional.map((one) => ({ positional: required, named: [...named, one] })),
      ...positions.map((_, index) => ({ positional: [...required, ...positions.slice(0, index + 1)], named })),
      { positional: required, named: [...named, ...optional] },
    ]
  })
}

function textOf({ positional, named }: Call): string {
  const texts = positional.map(({ type }) => type)
  if (named.length > 0) texts.push(`{ ${named.map(({ name, type }) => `${camelCase(name)}: ${type}`).join(', ')} }`)
  return `(${texts.join(', ')})`
}

const REFUSED =
  /no form takes these arguments|: \w+ must be (a Tensor|a number|an integer|a boolean|a string|a dtype|a torch.Generator|an array of|the name|').*, got |is missing: it must be|by position, but|is an array: \[|unknown option|is given twice/

/** Whether the arguments are of types that are taken; their values may not be. */
function takes(call: Callable, { positional, named }: Call): boolean {
  const args = positional.map(({ type }) => sampleOf(type))
  const options = Object.fromEntries(named.map(({ name, type }) => [camelCase(name), sampleOf(type)]))
  try {
    call(...args, ...(named.length === 0 ? [] : [options]))
  } catch (error) {
    if (error instanceof TorchError) return !REFUSED.test(error.message)
    throw error
  }
  return true
}

function callable({ name }: Row, form: Form): Callable {
  const [last = '', namespace] = name.split('.').reverse()
  const functions = (namespace === undefined ? torch : torch[namespace as 'linalg']) as unknown as Record<
    string,
    Callable
  >
  if (form === 'function') return functions[last] as Callable
  return (self, ...args) => (self as Record<string, Callable>)[last]?.(...args)
}

/** Documentation has no types: they are those of the argument here of the name, or of the place. */
function typed(row: Row, args: readonly Argument[]): Argument[] {
  const schemas = [...row.overloads, ...row.functionOverloads].map((overload) =>
    parseSchema(native.schema(...qualified(overload)) as string),
  )
  return args.map((argument, index) => {
    if (!argument.types.includes('any')) return argument
    const named = schemas.flatMap(({ args }) => args).find(({ name }) => name === camelCase(argument.name))
    const { type } = named ?? schemas[0]?.args[index] ?? expect.fail(`${row.name}: ${argument.name} has no type`)
    return {
      ...argument,
      types: [
        type
          .replace('SymInt', 'int')
          .replace('?', '')
          .replace(/\[\d+\]/, '[]'),
      ],
    }
  })
}

/** What Python takes and this does not, and why. */
const DEVIATIONS: [calls: RegExp, why: string][] = [
  [/^(Tensor\.)?(add|sub)_?\(.*alpha: None/, 'the stubs err: Python refuses it, too'],
  [/^Tensor\.contiguous\(Tensor, MemoryFormat\)/, 'the stubs err: Python takes it by name only'],
  [/^t(ril|riu)Indices\(.*requiresGrad/, 'integers have no gradient'],
  [/^normal\(.*requiresGrad/, 'requiresGrad_() sets it'],
  [/^(addmm|baddbmm|bmm|mm)\(.*, ScalarType/, 'for CUDA only: torch.ops.aten.mm.dtype'],
  [/^einsum\(Tensor\[\]\)/, 'Python takes any number of arguments: here the equation, and an array of tensors'],
  [/^(Tensor\.)?nonzero\(.*asTuple/, 'one function has one kind of result: nonzero().unbind(1)'],
  [/^meshgrid\(.*indexing: None/, 'an option is left out, or undefined'],
]

const deviations = TABLE.flatMap((row) =>
  Object.entries(signatures[row.name] ?? {}).flatMap(([form, found]) => {
    const call = callable(row, form as Form)
    return found
      .flatMap((args) => calls(typed(row, args)))
      .filter((one) => !takes(call, one))
      .map((one) => `${form === 'method' ? 'Tensor.' : ''}${row.name}${textOf(one)}`)
  }),
)

test('every row has a fixture', () => {
  expect(Object.keys(signatures)).toEqual(TABLE.map(({ name }) => name))
})

test('what Python takes, this takes, but for what has a reason', () => {
  expect(deviations.filter((text) => !DEVIATIONS.some(([calls]) => calls.test(text)))).toEqual([])
  expect(DEVIATIONS.filter(([calls]) => !deviations.some((text) => calls.test(text)))).toEqual([])
})

test('an argument that nobody takes is found to be refused', () => {
  const tensor = { name: 'input', types: ['Tensor'], optional: false, keyword: false, type: 'Tensor' }
  const relu = (...args: unknown[]): unknown => torch.relu(...(args as [never]))
  expect(takes(relu, { positional: [tensor], named: [] })).toBe(true)
  expect(takes(relu, { positional: [], named: [] })).toBe(false)
  expect(takes(relu, { positional: [tensor, tensor], named: [] })).toBe(false)
  expect(takes(relu, { positional: [tensor], named: [{ ...tensor, name: 'in_place' }] })).toBe(false)
  expect(takes(relu, { positional: [{ ...tensor, type: 'Scalar' }], named: [] })).toBe(false)
})
