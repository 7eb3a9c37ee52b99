import { beforeEach, describe, expect, test, vi } from 'vitest'
import { DataLoader, TensorDataset } from '../../lib/data/index.ts'
import { torchError } from '../../lib/errors.ts'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel } from '../../lib/models/index.ts'
import { type FindBatchSizeOptions, Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectRejection } from '../support/error.ts'
import { stateOf } from '../support/training-state.ts'

const x = torch.arange(1200, { dtype: 'float32' }).reshape([100, 6, 2]).mul(0.05).sin()
const data = [x, x.sum(2, true)] as const

// What the steps take does not depend on the machine.
let now = 0
beforeEach(() => {
  const mock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  return () => mock.mockRestore()
})

/** A model that cannot hold more than some samples, and whose forward takes a time that depends on their number. */
class Limited extends nn.Module {
  readonly linear = new nn.Linear(2, 1)
  readonly sizes: number[] = []
  readonly #most: number
  readonly #ms: (size: number) => number

  constructor(most = Number.POSITIVE_INFINITY, ms: (size: number) => number = () => 0) {
    super()
    this.#most = most
    this.#ms = ms
  }

  override forward(input: Tensor): Tensor {
    const size = input.size(0)
    if (this.sizes.at(-1) !== size) this.sizes.push(size)
    if (size > this.#most) throw torchError('ERR_TORCH_OUT_OF_MEMORY', 'CUDA out of memory')
    now += this.#ms(size)
    return this.linear.forward(input)
  }
}

function trainer(model: nn.Module & { forward(input: Tensor): Tensor }, options: TrainerOptions = {}): Trainer {
  return new Trainer(model, { progress: false, ...options })
}

const sizesOf = ({ trials }: { trials: readonly { batchSize: number }[] }) => trials.map(({ batchSize }) => batchSize)

describe('ends', () => {
  const search = (model: Limited, options: FindBatchSizeOptions = {}) =>
    trainer(model).findBatchSize(data, { steps: 1, ...options })

  // Steps of constant time: the larger the batch, the faster a sample.
  const constant = (): number => 4

  test('where the memory of the device does', async () => {
    const result = await search(new Limited(20, constant))
    expect([sizesOf(result), result.end, result.suggestion]).toEqual([[1, 2, 4, 8, 16], 'memory', 16])
    for (const [i, { secondsPerSample }] of result.trials.entries()) {
      expect(secondsPerSample).toBeCloseTo(0.004 / 2 ** i, 12)
    }
    await expectRejection(search(new Limited(3), { min: 4 }), 'ERR_TORCH_OUT_OF_MEMORY', 'CUDA out of memory')
  })

  test('at max, and with the data', async () => {
    const result = await search(new Limited(1000, constant), { min: 3, max: 13 })
    expect([sizesOf(result), result.end, result.suggestion]).toEqual([[3, 6, 12], 'max', 12])
    const all = await search(new Limited(1000, constant))
    expect([sizesOf(all), all.end, all.suggestion]).toEqual([[1, 2, 4, 8, 16, 32, 64], 'data', 64])
  })

  test('where larger batches are not faster', async () => {
    // 8 samples take as long as one; more take longer in proportion.
    const result = await search(new Limited(1000, (size) => Math.max(8, size)), { steps: 3 })
    expect([sizesOf(result), result.end, result.suggestion]).toEqual([[1, 2, 4, 8, 16, 32], 'speed', 8])
  })

  test('before it would exceed the bytes that it may use', async () => {
    const wide = trainer(new GRUModel(512, 512, 1, { batchFirst: true }), { seed: 0 })
    const samples = torch.ones([64, 200, 512])
    const targets = torch.ones([64, 200, 1])
    const { trials, end } = await wide.findBatchSize([samples, targets], { steps: 1, min: 4, maxBytes: 50e6 })
    expect(end).toBe('memory')
    const last = trials.at(-1)?.bytes as number
    expect(2 * last).toBeGreaterThan(50e6)
    // The inputs and the gates of 4 sequences, and the gradients of the gates.
    expect(last).toBeGreaterThan(4 * 200 * (512 + 2 * 3 * 512))
    expect(trials.length).toBeLessThan(5)
    for (const [i, { bytes }] of trials.entries()) expect(bytes).toBeGreaterThanOrEqual(trials[i - 1]?.bytes ?? 0)
  })
})

test('the sizes are those of the batches', async () => {
  const model = new Limited(1000, () => 1)
  await trainer(model, { accumulateGradBatches: 2 }).findBatchSize(data, { steps: 1, max: 8 })
  expect(model.sizes).toEqual([1, 2, 4, 8])
})

test('everything is given back', async () => {
  const model = new GRUModel(2, 6, 1, { numLayers: 2, dropout: 0.3, batchFirst: true })
  const found = trainer(model, { seed: 1, epochs: 1, metrics: ['mae'] })
  for (let i = 0; i < 2; i++) {
    const before = stateOf(found)
    await found.findBatchSize(data, { max: 16, steps: 1 })
    expect(stateOf(found)).toEqual(before)
    await found.fit(data)
  }
  const failing = trainer(new Limited(0), { seed: 1 })
  const before = stateOf(failing)
  await expectRejection(failing.findBatchSize(data), 'ERR_TORCH_OUT_OF_MEMORY', '')
  expect(stateOf(failing)).toEqual(before)
})

test('what cannot be used is refused', async () => {
  const found = trainer(new Limited())
  const refuses = async (options: object, code: 'TYPE' | 'VALUE' | 'OPTION', message: string): Promise<void> =>
    void (await expectRejection(found.findBatchSize(data, options), `ERR_TORCH_${code}`, message))
  await refuses({ size: 1 }, 'OPTION', "unknown option 'size'")
  await refuses({ min: 0 }, 'VALUE', 'min must be a positive integer')
  await refuses({ min: 5, max: 4 }, 'VALUE', 'max must be an integer of at least 5')
  await refuses({ steps: '3' }, 'TYPE', 'steps must be a positive integer')
  await refuses({ maxBytes: -1 }, 'VALUE', 'maxBytes must be a positive number')
  await refuses({ min: 101 }, 'VALUE', 'the data has 100 samples, fewer than min, 101')
  await refuses({ signal: 1 }, 'TYPE', 'signal must be an AbortSignal')
  await expect(found.findBatchSize(data, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
  const sentence = 'the batches of a DataLoader or an iterable have their size already'
  const loader = new DataLoader(new TensorDataset(...data), { batchSize: 2 })
  await expectRejection(found.findBatchSize(loader), 'ERR_TORCH_VALUE', sentence)
  await expectRejection(found.findBatchSize([[...data]]), 'ERR_TORCH_VALUE', sentence)
})
