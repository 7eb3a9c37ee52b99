import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TextDataset, Vocabulary } from '../../lib/data/index.ts'
import * as nn from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

const tokens = (length: number) => torch.arange(length, { dtype: 'int64' })

test('rows go on from batch to batch, and targets are one token ahead', () => {
  const data = new TextDataset(tokens(12), { batchSize: 2, sequenceLength: 2 })
  expect([data.steps, data.length]).toEqual([5, 3])
  const batches = [...data].map(({ input, target, first }) => [input.toArray(), target.toArray(), first])
  expect(batches).toEqual([
    [
      [
        [0, 1],
        [5, 6],
      ],
      [
        [1, 2],
        [6, 7],
      ],
      true,
    ],
    [
      [
        [2, 3],
        [7, 8],
      ],
      [
        [3, 4],
        [8, 9],
      ],
      false,
    ],
    [[[4], [9]], [[5], [10]], false],
  ])
  // Another pass starts again.
  expect([...data].map(({ first }) => first)).toEqual([true, false, false])
  const last = new TextDataset(tokens(12), { batchSize: 2, sequenceLength: 2, batchFirst: false }).batch(1)
  expect(last.input.toArray()).toEqual([
    [2, 7],
    [3, 8],
  ])
})

test('every step comes once per pass (property)', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 60 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 9 }),
      (length, batchSize, sequenceLength) => {
        fc.pre(length > batchSize)
        torch.tidy(() => {
          const data = new TextDataset(tokens(length), { batchSize, sequenceLength })
          const batches = [...data]
          expect(batches).toHaveLength(data.length)
          const seen = batches.flatMap(({ input }) => (input.toArray() as number[][]).flat()).sort((a, b) => a - b)
          expect(seen).toEqual(Array.from({ length: batchSize * data.steps }, (_, i) => i))
          expect(length - 1 - seen.length).toBeLessThan(batchSize)
          for (const { input, target } of batches) expect(target.equal(input.add(1))).toBe(true)
        })
      },
    ),
    { numRuns: 60 },
  )
})

test('with the state carried, batches give the same output as the whole rows', () => {
  torch.manualSeed(0)
  const text = 'the quick brown fox jumps over the lazy dog, again and again'
  const vocabulary = Vocabulary.fromText(text, { level: 'character' })
  const data = new TextDataset(vocabulary.encode(text), { batchSize: 3, sequenceLength: 4 })
  const embedding = new nn.Embedding(vocabulary.size, 5)
  const gru = new nn.GRU(5, 6, { batchFirst: true })
  torch.noGrad(() => {
    let state: Tensor | undefined
    const outputs = [...data].map(({ input, first }) => {
      const [output, hN] = gru.forward(embedding.forward(input), first ? undefined : state)
      state = hN
      return output
    })
    const whole = new TextDataset(vocabulary.encode(text), { batchSize: 3, sequenceLength: data.steps })
    const [expected] = gru.forward(embedding.forward(whole.batch(0).input))
    expectClose(torch.cat(outputs, 1), expected)
  })
})

test('refuses what is no text', () => {
  const options = { batchSize: 2, sequenceLength: 2 }
  const make = (change: object) => () => new TextDataset(tokens(9), { ...options, ...change } as never)
  expectError(() => new TextDataset('text' as never, options), 'ERR_TORCH_TYPE', 'tokens must be a Tensor')
  expectError(() => new TextDataset(torch.ones([9]), options), 'ERR_TORCH_DTYPE', 'of dtype int64')
  expectError(() => new TextDataset(tokens(8).view([2, 4]), options), 'ERR_TORCH_SHAPE', 'must be 1-D')
  expectError(() => new TextDataset(tokens(2), options), 'ERR_TORCH_VALUE', '2 tokens are too few for 2 rows')
  expectError(make({ batchSize: 0 }), 'ERR_TORCH_VALUE', 'batchSize must be a positive integer')
  expectError(make({ sequenceLength: 1.5 }), 'ERR_TORCH_VALUE', 'sequenceLength must be a positive integer')
  expectError(make({ batchFirst: 1 }), 'ERR_TORCH_TYPE', 'batchFirst must be a boolean')
  expectError(make({ shuffle: true }), 'ERR_TORCH_OPTION', "unknown option 'shuffle'")
  const data = new TextDataset(tokens(9), options)
  expectError(() => data.batch(2), 'ERR_TORCH_VALUE', 'index must be at most 1')
  expectError(() => JSON.stringify(data), 'ERR_TORCH_TYPE', 'use its batches')
})
