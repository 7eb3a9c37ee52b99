import { describe, expect, test } from 'vitest'
import { collate, DataLoader, type NamedBatch, type Sample } from '../../lib/data/index.ts'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectError } from '../support/error.ts'

const ragged: Sample[] = [
  [[[1], [2], [3]], 0],
  [[[4]], 1],
  [torch.tensor([[5], [6]]), 0],
]

describe('collate', () => {
  test('stacks parts of equal shapes', () => {
    const batch = collate([
      [[1, 2], 3],
      [[4, 5], 6],
    ])
    expect(Array.isArray(batch)).toBe(true)
    const [input, target] = batch as [Tensor, Tensor]
    expect(input.toArray()).toEqual([
      [1, 2],
      [4, 5],
    ])
    expect(target.toArray()).toEqual([3, 6])
  })

  test('pads sequences at their ends, and tells their lengths', () => {
    const batch = collate(ragged) as NamedBatch
    expect(batch.input.toArray()).toEqual([
      [[1], [2], [3]],
      [[4], [0], [0]],
      [[5], [6], [0]],
    ])
    expect(batch.lengths?.toArray()).toEqual([3, 1, 2])
    expect(batch.lengths?.dtype).toBe('int64')
    const first = collate(ragged, { batchFirst: false, paddingValue: -1 }) as NamedBatch
    expect(first.input.shape).toEqual([3, 3, 1])
    expect(first.input.select(1, 1).toArray()).toEqual([[4], [-1], [-1]])
  })

  test('masks and weights for each step are laid out as the target', () => {
    const sample = { input: [[1], [2]], target: [[1], [2]], mask: [true, false], weight: [1, 3] }
    const { mask, weight, target } = collate([sample, sample, sample], { batchFirst: false }) as NamedBatch
    expect(target.shape).toEqual([2, 3, 1])
    expect(mask?.toArray()).toEqual([Array(3).fill(true), Array(3).fill(false)])
    expect(weight?.toArray()).toEqual([
      [1, 1, 1],
      [3, 3, 3],
    ])
    const classes = { ...sample, target: [1, 2] }
    expect((collate([classes, classes, classes], { batchFirst: false }) as NamedBatch).mask?.shape).toEqual([3, 2])
  })

  test('keeps named parts, and pads inputs and targets alike', () => {
    const { input, target, lengths, weight } = collate([
      { input: [1, 2, 3], target: [1, 0, 1], weight: 2 },
      { input: [4], target: [0], weight: 0.5 },
    ]) as NamedBatch
    expect([input, target, lengths, weight].map((part) => part?.toArray())).toEqual([
      [
        [1, 2, 3],
        [4, 0, 0],
      ],
      [
        [1, 0, 1],
        [0, 0, 0],
      ],
      [3, 1],
      [2, 0.5],
    ])
  })

  test.each([
    [[[[1, 2], 0], { input: [1], target: 0, mask: [1] }], 'ERR_TORCH_VALUE', /sample 1 has input, target, mask/],
    [
      [
        [[[1, 2]], 0],
        [[[1, 2, 3]], 0],
      ],
      'ERR_TORCH_SHAPE',
      /input has shapes \(1, 2\) and \(1, 3\)/,
    ],
    [
      [
        [[1, 2], [1]],
        [[1], [1, 2]],
      ],
      'ERR_TORCH_SHAPE',
      /in sample 0, input has 2 steps and target has 1: give a collate function/,
    ],
    [[], 'ERR_TORCH_TYPE', /samples must be a non-empty array/],
    [[5], 'ERR_TORCH_TYPE', /sample 0 is 5/],
  ] as const)('refuses %j', (samples, code, message) => {
    expectError(() => collate(samples as never), code, message)
  })
})

describe('DataLoader over samples', () => {
  test('of an array, and of a source that is asked one by one', async () => {
    const batches = [...new DataLoader(ragged, { batchSize: 2 })] as NamedBatch[]
    expect(batches.map(({ lengths }) => lengths?.toArray())).toEqual([[3, 1], undefined])
    const asked: number[] = []
    const source = {
      length: 3,
      async get(index: number): Promise<Sample> {
        asked.push(index)
        return ragged[index] as Sample
      },
    }
    const shapes: unknown[] = []
    for await (const batch of new DataLoader(source, { batchSize: 2 })) {
      shapes.push(Array.isArray(batch) ? batch[0].shape : batch.input.shape)
    }
    expect(shapes).toEqual([
      [2, 3, 1],
      [1, 2, 1],
    ])
    expect(asked).toEqual([0, 1, 2])
    expectError(() => [...new DataLoader(source)], 'ERR_TORCH_TYPE', /is async: iterate with 'for await/)
  })

  test('with a collate function of one’s own', () => {
    const loader = new DataLoader(ragged, {
      batchSize: 3,
      collate: (samples, { batchFirst }) => [torch.tensor([samples.length]), torch.tensor([batchFirst ? 1 : 0])],
    })
    expect([...loader].map((batch) => batch.map((tensor) => tensor.toArray()))).toEqual([[[3], [1]]])
    const own = { length: 1, batch: () => [torch.ones([1]), torch.ones([1])] as [Tensor, Tensor] }
    expectError(() => new DataLoader(own, { collate }), 'ERR_TORCH_OPTION', /collate has no effect/)
    expectError(() => new DataLoader(ragged, { collate: 3 as never }), 'ERR_TORCH_TYPE', /collate must be a function/)
  })

  test('trains a model on each step within the lengths', async () => {
    const samples: Sample[] = [
      { input: [[0.1], [0.2], [0.3]], target: [[1], [2], [3]] },
      { input: [[0.4]], target: [[4]] },
    ]
    class Masked extends nn.Module {
      readonly batchFirst = true
      readonly linear = new nn.Linear(1, 1)
      override forward(input: Tensor): Tensor {
        return this.linear.forward(input)
      }
    }
    const model = new Masked()
    const trainer = new Trainer(model, { progress: false })
    const loss = (await trainer.evaluate(new DataLoader(samples, { batchSize: 2 }))).loss
    const outputs = model.forward(torch.tensor([[0.1], [0.2], [0.3], [0.4]])).toArray() as number[][]
    const expected = [1, 2, 3, 4].map((y, i) => (y - (outputs[i]?.[0] as number)) ** 2)
    expect(loss).toBeCloseTo(expected.reduce((a, b) => a + b) / 4, 5)
  })
})
