import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CHECKOUT } from '../support/checkout.ts'
import { runProgram } from '../support/cuda.ts'

const exported = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')).exports as Record<string, string>
const entries = Object.values(exported).filter((path) => path.startsWith('./dist/'))

describe('each entry point gives tensors all of their methods', () => {
  test.each(entries)('%s', (entry) => {
    const source = readFileSync(join(CHECKOUT, entry.replace('dist', 'lib').replace('.js', '.ts')), 'utf8')
    expect(source).toMatch(/^import '(\.{1,2}\/)+tensor\/extensions\.ts'$/m)
  })

  test('which a program sees that imports nothing else', () => {
    const { stdout } = runProgram(`
      import { Linear } from 'libtorch-rnn/nn'
      const { weight } = new Linear(2, 1)
      console.log(weight.T.shape, weight.index(0).shape, weight.add(1).to('float64').dtype, weight.retainsGrad)
      console.log(String(weight.detach().fill_(1)), [...weight].length)
    `)
    expect(stdout.trim().split('\n')).toEqual(['[ 2, 1 ] [ 2 ] float64 false', 'tensor([[1., 1.]]) 1'])
  })
})

test('the list of what extends tensors is whole', () => {
  const folder = join(CHECKOUT, 'lib/tensor')
  const list = readFileSync(join(folder, 'extensions.ts'), 'utf8')
  const extending = readdirSync(folder).filter((file) => /^extend\(/m.test(readFileSync(join(folder, file), 'utf8')))
  expect(extending.length).toBeGreaterThan(3)
  for (const file of extending) expect(list).toContain(`import './${file}'`)
})
