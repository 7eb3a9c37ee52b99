import { describe, expect, test } from 'vitest'
import { native } from '../../lib/native/addon.ts'
import { camelCase, parseSchema } from '../../lib/ops/schema.ts'
import { qualified, type Row, TABLE } from '../../lib/ops/table.ts'
import type { DType } from '../../lib/tensor/dtype.ts'
import { isTensor, type Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { readFixture } from '../support/fixture.ts'

type Element = number | boolean | string
interface Encoded {
  dtype: DType | 'complex64'
  shape: number[]
  data: Element[]
}
type Value = Element | null | Encoded | Value[]
interface Case {
  overload: string
  args: Value[]
  options?: Record<string, Value>
  result: Value
  signless?: boolean
}

const fixture = readFixture<Record<string, Case[]>>('ops')
type Callable = (...args: unknown[]) => unknown
type Callables = Record<string, Callable>

function isEncoded(value: Value): value is Encoded {
  return typeof value === 'object' && value !== null && 'dtype' in value
}

function plain(value: Element): number | boolean {
  return typeof value === 'string' ? Number(value.replace('inf', 'Infinity')) : value
}

/** Numbers that JSON has no word for are strings there. */
function decode(value: Value): unknown {
  if (Array.isArray(value)) return value.map(decode)
  if (value === 'inf' || value === '-inf' || value === 'nan') return plain(value)
  if (!isEncoded(value)) return value
  const data = value.data.map(plain) as number[]
  if (value.dtype !== 'complex64') return torch.tensor(data, { dtype: value.dtype }).reshape(value.shape).clone()
  return torch.viewAsComplex(torch.tensor(data).reshape([...value.shape, 2]))
}

function expectValue(actual: unknown, expected: Value, signless = false): void {
  if (Array.isArray(expected)) {
    expect(actual).toHaveLength(expected.length)
    for (const [i, value] of expected.entries()) expectValue((actual as unknown[])[i], value, signless)
  } else if (isEncoded(expected)) {
    expect(isTensor(actual)).toBe(true)
    const tensor = actual as Tensor
    expect({ dtype: tensor.dtype, shape: tensor.shape }).toEqual({ dtype: expected.dtype, shape: expected.shape })
    const real = expected.dtype === 'complex64' ? torch.viewAsReal(tensor.mul(1)) : tensor
    const sign = (value: number | boolean) => (signless ? Math.abs(value as number) : value)
    const values = (real.ravel().toArray() as (number | boolean)[]).map(sign)
    const tolerance = expected.dtype === 'float64' ? { rtol: 1e-10, atol: 1e-12 } : { rtol: 1e-5, atol: 2e-6 }
    expectClose(
      values,
      expected.data.map((value) => sign(plain(value))),
      tolerance,
    )
  } else if (typeof expected === 'number' || typeof expected === 'string') {
    expectClose([actual as number], [plain(expected) as number])
  } else {
    expect(actual).toBe(expected)
  }
}

/** The row as its users call it: as a function, as a method, or both. */
function callables({ name, on }: Row): [form: string, call: Callable][] {
  const [last = '', namespace] = name.split('.').reverse()
  const functions = (namespace === undefined ? torch : torch[namespace as 'linalg']) as unknown as Callables
  const asFunction: Callable = (...args) => (functions[last] as Callable)(...args)
  const asMethod: Callable = (self, ...args) => ((self as Callables)[last] as Callable).apply(self, args)
  return [
    ...(on === 'method' ? [] : [['function', asFunction] as [string, Callable]]),
    ...(on === 'function' ? [] : [['method', asMethod] as [string, Callable]]),
  ]
}

test('at least 200 operations, each once, each with a fixture for each overload', () => {
  expect(TABLE.length).toBeGreaterThanOrEqual(200)
  const named = (names: readonly string[]) => [...new Set(names)].sort()
  expect(named(TABLE.map(({ name }) => name))).toHaveLength(TABLE.length)
  expect(named(Object.keys(fixture))).toEqual(named(TABLE.map(({ name }) => name)))
  for (const { name, overloads, functionOverloads } of TABLE) {
    const all = [...overloads, ...functionOverloads]
    expect(named((fixture[name] as Case[]).map(({ overload }) => overload)), name).toEqual(named(all))
  }
})

function casesOf({ name, functionOverloads }: Row, form: string): Case[] {
  return (fixture[name] as Case[]).filter(
    ({ overload }) => form === 'function' || !functionOverloads.includes(overload),
  )
}

describe.each(
  TABLE.flatMap((row) => callables(row).map(([form, call]) => [row.name, form, call, casesOf(row, form)] as const)),
)('%s as a %s', (name, _form, call, cases) => {
  test.each(cases.map((one) => [one.overload, one] as const))('%s', (_overload, one) => {
    torch.manualSeed(1)
    const args = one.args.map(decode)
    const options = one.options && Object.fromEntries(Object.entries(one.options).map(([key, v]) => [key, decode(v)]))
    const result = call(...args, ...(options ? [options] : []))
    expectValue(result, one.result, one.signless)
    if (name.endsWith('_')) expect(result).toBe(args[0])
  })
})

describe('what offload tells of results before they are computed is so', () => {
  const busy = torch.randn([250, 250])
  const tensorsIn = (value: unknown): Tensor[] =>
    isTensor(value) ? [value] : Array.isArray(value) ? value.flatMap(tensorsIn) : []
  const told = (tensor: Tensor): unknown[] => [tensor.shape, tensor.dtype, tensor.device]
  const rows = TABLE.flatMap((row) =>
    callables(row).flatMap(([form, call]) =>
      casesOf(row, form).map((one) => [row.name, form, one.overload, call, one] as const),
    ),
  )

  test.each(rows)('%s as a %s: %s', async (_name, _form, _overload, call, one) => {
    const reads = (error: { code?: string }): undefined => {
      if (error.code !== 'ERR_TORCH_PENDING') throw error
    }
    const results = await torch
      .offload(() => {
        busy.matmul(busy).matmul(busy).dispose()
        const args = one.args.map(decode)
        const options =
          one.options && Object.fromEntries(Object.entries(one.options).map(([key, v]) => [key, decode(v)]))
        return tensorsIn(call(...args, ...(options ? [options] : []))).map((tensor) => ({ tensor, told: told(tensor) }))
      })
      .catch(reads)
    for (const result of results ?? []) expect(result.told).toEqual(told(result.tensor))
  })
})

test('every row is documented, and its overloads exist in this LibTorch', () => {
  for (const { doc, overloads, functionOverloads } of TABLE) {
    expect(doc.length).toBeGreaterThan(0)
    for (const overload of [...overloads, ...functionOverloads]) {
      const schema = parseSchema(native.schema(...qualified(overload)) as string)
      for (const { name, torchName } of schema.args) expect(name).toBe(camelCase(torchName))
    }
  }
})
