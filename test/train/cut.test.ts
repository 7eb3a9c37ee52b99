import { describe, expect, test, vi } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel } from '../../lib/models/index.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { collectGarbage, expectNoMoreTensors } from '../support/garbage.ts'

const options = { progress: false, batchSize: 4 } as const

/** The sizes of the batches that a model is given. */
function sizesOf(model: { forward(input: Tensor): Tensor }, dim: number): number[] {
  const sizes: number[] = []
  const { forward } = model
  vi.spyOn(model, 'forward').mockImplementation((input) => {
    sizes.push(input.size(dim))
    return forward.call(model, input)
  })
  return sizes
}

describe.each([true, false])('predict with batchFirst %s', (batchFirst) => {
  const dim = batchFirst ? 0 : 1
  const inputs = (n: number): Tensor => torch.randn(batchFirst ? [n, 5, 3] : [5, n, 3])

  test('computes so many samples at a time, with equal results', async () => {
    const model = new GRUModel(3, 8, 2, { batchFirst, numLayers: 2, dropout: 0.5 })
    const trainer = new Trainer(model, options)
    const x = inputs(23)
    const whole = await trainer.predict(x)
    const sizes = sizesOf(model, dim)
    const parts = await trainer.predict(x, { batchSize: 10 })
    expect(sizes).toEqual([10, 10, 3])
    expectClose(parts, whole)
    expect(parts.isInference()).toBe(whole.isInference())
    expectClose(trainer.predictSync(x, { batchSize: 7 }), whole)
    expect(sizes).toEqual([10, 10, 3, 7, 7, 7, 2])
    expect((await trainer.predict(x, { batchSize: 23 })).equal(whole)).toBe(true)
    expect(sizes.at(-1)).toBe(23)
  })

  test('cuts many samples by itself', async () => {
    const model = new LSTMModel(3, 4, 1, { batchFirst })
    const x = inputs(600)
    const expected = torch.inferenceMode(() => model.forward(x))
    const sizes = sizesOf(model, dim)
    expectClose(await new Trainer(model, options).predict(x), expected)
    expectClose(await new Trainer(model, { ...options, batchSize: 500 }).predict(x), expected)
    expectClose(new Trainer(model, options).predictSync(x), expected)
    expect(sizes).toEqual([256, 256, 88, 500, 100, 256, 256, 88])
  })

  test('joins outputs that have no steps', async () => {
    class Last extends nn.Module {
      readonly batchFirst = batchFirst
      readonly body = new LSTMModel(3, 4, 2, { batchFirst })
      override forward(input: Tensor): Tensor {
        return this.body.forward(input).select(1 - dim, -1)
      }
    }
    const trainer = new Trainer(new Last(), options)
    const x = inputs(23)
    const whole = await trainer.predict(x)
    expect(whole.shape).toEqual([23, 2])
    expectClose(await trainer.predict(x, { batchSize: 6 }), whole)
  })
})

test('predict takes one sequence, and inputs of a model that does not say where samples are, as they are', async () => {
  const model = new GRUModel(3, 4, 1, { batchFirst: true })
  const long = torch.randn([900, 3])
  expect((await new Trainer(model, options).predict(long)).equal(torch.inferenceMode(() => model.forward(long)))).toBe(
    true,
  )
  const linear = new nn.Sequential(new nn.Linear(3, 2), new nn.Tanh())
  const sizes = sizesOf(linear as never, 0)
  await new Trainer(linear as never, options).predict(long)
  await new Trainer(linear as never, options).predict(long, { batchSize: 500 })
  expect(sizes).toEqual([900, 500, 400])
})

test('predict says where samples cannot be told apart, or computes all at once', async () => {
  class Total extends nn.Module {
    readonly batchFirst = true
    readonly linear = new nn.Linear(3, 1)
    override forward(input: Tensor): Tensor {
      return this.linear.forward(input).sum(0)
    }
  }
  const model = new Total()
  const trainer = new Trainer(model, options)
  const x = torch.randn([300, 5, 3])
  expectClose(
    await trainer.predict(x),
    torch.inferenceMode(() => model.forward(x)),
    { atol: 1e-4 },
  )
  expectClose(
    trainer.predictSync(x),
    torch.inferenceMode(() => model.forward(x)),
    { atol: 1e-4 },
  )
  const sentence = 'for 100 samples the model returns an output of shape (5, 1), which has no dimension for the samples'
  await expectRejection(trainer.predict(x, { batchSize: 100 }), 'ERR_TORCH_SHAPE', sentence)
  expectError(() => trainer.predictSync(x, { batchSize: 100 }), 'ERR_TORCH_SHAPE', sentence)
})

test('predict leaves no tensors behind', async () => {
  const trainer = new Trainer(new GRUModel(3, 4, 1, { batchFirst: true }), options)
  const x = torch.randn([40, 5, 3])
  const once = async (): Promise<void> => {
    for (const output of [await trainer.predict(x, { batchSize: 8 }), trainer.predictSync(x, { batchSize: 8 })]) {
      output.dispose()
    }
  }
  await once()
  await collectGarbage()
  const before = torch.memory().tensors
  await once()
  await expectNoMoreTensors(before)
})

test.each([0, -1, 2.5, Number.NaN, '4', null])('predict refuses a batchSize of %j', async (batchSize) => {
  const trainer = new Trainer(new GRUModel(3, 4, 1), options)
  const call = { batchSize: batchSize as number }
  const code = typeof batchSize === 'number' ? 'ERR_TORCH_VALUE' : 'ERR_TORCH_TYPE'
  const x = torch.randn([5, 2, 3])
  await expectRejection(trainer.predict(x, call), code, 'batchSize must be a positive integer')
  expectError(() => trainer.predictSync(x, call), code, 'batchSize must be a positive integer')
  expectError(() => trainer.predictSync(3 as never), 'ERR_TORCH_TYPE', 'inputs must be a Tensor, got 3')
  expectError(() => trainer.predictSync(x, { cudaGraph: true } as never), 'ERR_TORCH_OPTION', 'cudaGraph')
})
