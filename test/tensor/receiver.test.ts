import { expect, test } from 'vitest'
import { TABLE } from '../../lib/ops/table.ts'
import { torch } from '../../lib/torch.ts'

const inTable = new Set(TABLE.map(({ name }) => name))
const prototype = Object.getOwnPropertyDescriptors(torch.Tensor.prototype) as Record<string, PropertyDescriptor>
const members = Object.entries(prototype).filter(([name]) => !inTable.has(name) && name !== 'constructor')

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
