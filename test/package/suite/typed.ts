// The test file of runners that compile TypeScript to CommonJS.
import * as lib from 'libtorch-rnn'
import * as models from 'libtorch-rnn/models'
import * as train from 'libtorch-rnn/train'

declare const test: (name: string, fn: () => Promise<void>) => void
declare const expect: unknown
const register: (...args: unknown[]) => void = require('./register.cjs')
register(test, lib, train, models, expect)

test('types are those of the package', async () => {
  const tensor: lib.Tensor = lib.torch.ones([2])
  const sum: number = tensor.sum().item<number>()
  if (sum !== 2) throw new Error(`the sum is ${sum}`)
})
