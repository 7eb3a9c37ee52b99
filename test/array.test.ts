import { expect, test } from 'vitest'
import { isArrayOf } from '../lib/array.ts'
import { TensorDataset } from '../lib/data/index.ts'
import * as nn from '../lib/nn/index.ts'
import { torch } from '../lib/torch.ts'
import { expectError } from './support/error.ts'

test('a hole is an element that does not fit', () => {
  const isString = (value: unknown): value is string => typeof value === 'string'
  expect(isArrayOf(['a', 'b'], isString)).toBe(true)
  expect(isArrayOf([], isString)).toBe(true)
  expect(isArrayOf(new Array(2), isString)).toBe(false)
  expect(isArrayOf(['a', 3], isString)).toBe(false)
  expect(isArrayOf('a', isString)).toBe(false)
})

test('lists of all kinds refuse holes', () => {
  const x = torch.zeros([3, 2])
  expectError(() => new TensorDataset(x, x).batch(new Array(2), true), 'ERR_TORCH_TYPE', /array of integers/)
  expectError(() => x.index(new Array(2)), 'ERR_TORCH_INDEX', /integers or booleans/)
  expectError(
    () => nn.utils.rnn.packPaddedSequence(torch.zeros([3, 2, 1]), new Array(2)),
    'ERR_TORCH_TYPE',
    /an array of integers/,
  )
  expectError(() => nn.stepStreams(new Array(2), new Float32Array(2)), 'ERR_TORCH_TYPE', /got undefined among them/)
  expectError(() => new nn.ModuleList(new Array(2)), 'ERR_TORCH_TYPE', /Module/)
  expectError(() => torch.autograd.gradcheck(() => x, new Array(2)), 'ERR_TORCH_TYPE', /array of Tensors/)
})
