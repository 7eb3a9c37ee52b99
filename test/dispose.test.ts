import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dispose } from '../lib/dispose.ts'
import { torch } from '../lib/index.ts'
import { CHECKOUT } from './support/checkout.ts'

test('the library asks no realm for Symbol.dispose: on Node 20 and 22 those of test runners have none', () => {
  const lib = join(CHECKOUT, 'lib')
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  expect(files.length).toBeGreaterThan(100)
  const needy = files.filter((name) => {
    const code = readFileSync(join(lib, name), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    return name !== 'dispose.ts' && /\bSymbol\.(asyncD|d)ispose\b|^\s*(await )?using \w/m.test(code)
  })
  expect(needy).toEqual([])
})

test('`using` finds the method', () => {
  expect(dispose).toBe(Symbol.dispose)
  const tensor = torch.ones([1])
  {
    using held = tensor
    expect(held.disposed).toBe(false)
  }
  expect(tensor.disposed).toBe(true)
})
