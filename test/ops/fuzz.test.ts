import { afterAll, expect, test } from 'vitest'
import { TABLE } from '../../lib/ops/table.ts'
import { torch } from '../../lib/torch.ts'
import { expectNoCrash } from '../support/arbitrary.ts'

type Callables = Record<string, (...args: unknown[]) => unknown>

afterAll(() => expect(torch.zeros([1]).item()).toBe(0))

test.each(TABLE.map((row) => [row.name, row] as const))('%s gives a value or a TorchError', (_, { name, on }) => {
  const [last = '', namespace] = name.split('.').reverse()
  const functions = (namespace === undefined ? torch : torch[namespace as 'linalg']) as unknown as Callables
  const method = torch.Tensor.prototype[last as 'add'] as (...args: unknown[]) => unknown
  expectNoCrash((args) =>
    on === 'method' ? Reflect.apply(method, args[0], args.slice(1)) : functions[last]?.(...args),
  )
})

const inTable = new Set(TABLE.map(({ name }) => name))
const others = Object.entries(torch).filter(
  ([name, value]) =>
    typeof value === 'function' && !inTable.has(name) && !['Tensor', 'setNumThreads', 'setPrintOptions'].includes(name),
)

test.each(others)('torch.%s gives a value or a TorchError', (_, fn) => {
  expectNoCrash((args) => {
    const result = (fn as (...args: unknown[]) => unknown)(...args)
    // What is asynchronous rejects instead.
    if (result instanceof Promise) result.catch(() => {})
  })
})

const prototype = Object.getOwnPropertyDescriptors(torch.Tensor.prototype) as Record<string, PropertyDescriptor>
const members = Object.entries(prototype).filter(([name]) => !inTable.has(name) && name !== 'constructor')

test.each(members)('Tensor.%s gives a value or a TorchError', (_, { value, get }) => {
  expectNoCrash(([self, ...args]) => {
    const result: unknown = Reflect.apply(value ?? get, self, args)
    if (result instanceof Promise) result.catch(() => {})
  })
})

test.each(members)('Tensor.%s of an object that is no tensor throws', (_, { value, get }) => {
  for (const self of [{}, null, undefined, 1, Object.create(torch.Tensor.prototype), new Proxy(torch.ones([1]), {})]) {
    let result: unknown
    try {
      result = Reflect.apply(value ?? get, self, [0])
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_TORCH_TYPE' })
      continue
    }
    // A Promise form rejects.
    expect(result).toBeInstanceOf(Promise)
    ;(result as Promise<unknown>).catch(() => {})
  }
})
