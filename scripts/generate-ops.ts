// Writes lib/ops/generated.ts: the types of the operations in lib/ops/table.ts, from LibTorch's own schemas.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { native } from '../lib/native/addon.ts'
import { type Argument, parseSchema, type Result, type Schema } from '../lib/ops/schema.ts'
import { qualified, type Row, TABLE } from '../lib/ops/table.ts'

const OUTPUT = fileURLToPath(new URL('../lib/ops/generated.ts', import.meta.url))

/** Arguments that Python's users do not pass either, or that have no counterpart in JavaScript. */
const OMITTED = new Set(['layout', 'pinMemory', 'out'])

const TYPES: Record<string, string> = {
  Tensor: 'Tensor',
  Scalar: 'Scalar',
  int: 'number',
  SymInt: 'number',
  float: 'number',
  bool: 'boolean',
  str: 'string',
  ScalarType: 'DType',
  Device: 'Device',
  Generator: 'Generator',
  MemoryFormat: "'contiguous' | 'preserve' | 'channelsLast'",
}

function typeOf(type: string): string {
  if (type.endsWith('?')) return `${typeOf(type.slice(0, -1))} | null`
  const list = type.match(/^(.*)\[(\d*)\]$/)
  if (list === null) return TYPES[type] ?? 'never'
  const element = typeOf(list[1] as string)
  const array = `readonly ${element.includes(' ') ? `(${element})` : element}[]`
  return list[2] === '' ? array : `${element} | ${array}`
}

function typeOfArgument({ type, takesNumber }: Argument): string {
  return takesNumber ? `${typeOf(type)} | Scalar` : typeOf(type)
}

function resultOf(schema: Schema): string {
  const { returns } = schema
  const one = ({ type, alias }: Result): string => {
    if (alias?.includes('!')) return 'this'
    return type === 'Scalar' ? 'number' : typeOf(type).replace(/^readonly /, '')
  }
  if (returns.length === 1) return one(returns[0] as Result)
  return returns.length === 0 ? 'void' : `[${returns.map(one).join(', ')}]`
}

const isIdentifier = (name: string): boolean => !['this', 'in', 'function', 'default', 'from', 'to'].includes(name)
const parameterName = (name: string): string => (isIdentifier(name) ? name : `${name}Value`)

/** All ways to call one overload: each defaulted argument by position or by name. */
function signatures(schema: Schema, skipSelf: boolean): string[] {
  const args = schema.args.slice(skipSelf ? 1 : 0).filter((arg) => !OMITTED.has(arg.name))
  const optional = (arg: Argument): boolean => arg.hasDefault || (arg.keywordOnly && arg.type.endsWith('?'))
  const positional = args.filter((arg) => !arg.keywordOnly)
  const required = positional.filter((arg) => !optional(arg)).length
  const forms: string[] = []
  for (let given = required; given <= positional.length; given++) {
    const named = [...positional.slice(given), ...args.filter((arg) => arg.keywordOnly)]
    const parameters = positional.slice(0, given).map((arg) => `${parameterName(arg.name)}: ${typeOfArgument(arg)}`)
    if (named.length > 0) {
      const fields = named.map((arg) => `${arg.name}${optional(arg) ? '?' : ''}: ${typeOfArgument(arg)}`)
      parameters.push(`options${named.every(optional) ? '?' : ''}: { ${fields.join('; ')} }`)
    }
    forms.push(`(${parameters.join(', ')}): ${resultOf(schema)}`)
  }
  return forms
}

function schemasOf(row: Row, asMethod: boolean): Schema[] {
  return [...row.overloads, ...(asMethod ? [] : row.functionOverloads)].map((overload) => {
    const text = native.schema(...qualified(overload))
    if (text === null) throw new Error(`${row.name}: there is no operator ${overload}`)
    return parseSchema(text)
  })
}

function declaration(row: Row, asMethod: boolean): string {
  const schemas = schemasOf(row, asMethod)
  const first = schemas[0] as Schema
  const name = row.name.split('.').at(-1)
  // Alias annotations promise the first argument; in a function, that is a tensor like any other.
  const forms = [...new Set(schemas.flatMap((schema) => signatures(schema, asMethod)))].map((form) =>
    asMethod ? form : form.replace(/\): this$/, '): Tensor'),
  )
  const page = asMethod && row.on === 'method' ? `torch.Tensor.${baseOf(first)}` : pageOf(row, first)
  const doc = `/**\n * ${row.doc.replaceAll('*/', '* /')}\n * @see https://docs.pytorch.org/docs/stable/generated/${page}.html\n */`
  return `${doc}\n${forms.map((form) => `${name}${form}`).join('\n')}`
}

const baseOf = (schema: Schema): string => schema.name.replace(/^.*::/, '')

function pageOf(row: Row, schema: Schema): string {
  const name = baseOf(schema)
  const namespace = row.name.includes('.') ? row.name.split('.')[0] : undefined
  return namespace === undefined ? `torch.${name}` : `torch.${namespace}.${name.replace(`${namespace}_`, '')}`
}

function functionsOf(namespace: string | undefined): string[] {
  return TABLE.filter((row) => row.on !== 'method')
    .filter((row) => (row.name.includes('.') ? row.name.split('.')[0] : undefined) === namespace)
    .map((row) => declaration(row, false))
}

const namespaces = [
  ...new Set(TABLE.flatMap((row) => (row.name.includes('.') ? [row.name.split('.')[0] as string] : []))),
]

writeFileSync(
  OUTPUT,
  [
    '// Generated from table.ts and the schemas of LibTorch by `npm run generate`: do not edit.',
    "import type { DType } from '../tensor/dtype.ts'",
    "import type { Generator } from '../tensor/generator.ts'",
    "import type { Device, Scalar, Tensor } from '../tensor/tensor.ts'",
    '',
    '/** The operations that tensors have as methods. */',
    'export interface TensorMethods {',
    ...TABLE.filter((row) => row.on !== 'function').map((row) => declaration(row, true)),
    '}',
    '',
    '/** The operations in `torch`. */',
    'export interface TorchFunctions {',
    ...functionsOf(undefined),
    ...namespaces.map((namespace) => `readonly ${namespace}: {\n${functionsOf(namespace).join('\n')}\n}`),
    '}',
    '',
  ].join('\n'),
)
execFileSync('npx', ['biome', 'format', '--write', OUTPUT], { stdio: 'inherit' })
