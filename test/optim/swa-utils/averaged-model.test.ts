import { describe, expect, test } from 'vitest'
import { LSTMModel } from '../../../lib/models/index.ts'
import * as nn from '../../../lib/nn/index.ts'
import * as optim from '../../../lib/optim/index.ts'
import type { Tensor } from '../../../lib/tensor/tensor.ts'
import { torch } from '../../../lib/torch.ts'
import { expectClose } from '../../support/close.ts'
import { expectError } from '../../support/error.ts'
import { readFixture } from '../../support/fixture.ts'

const { AveragedModel, getEmaAvgFn, getEmaMultiAvgFn, getSwaAvgFn, getSwaMultiAvgFn, updateBn, updateBnSync } =
  optim.swaUtils

interface Case {
  useBuffers?: boolean
  avgFn?: 'ema' | 'swa'
  multiAvgFn?: 'ema' | 'swa'
  decay?: number
  dtype: 'float32' | 'float64'
  values: Record<string, number[]>
  statistics: Record<string, number[]>
}

function model(dtype: 'float32' | 'float64' = 'float32') {
  torch.manualSeed(0)
  return new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4), new nn.Tanh(), new nn.Linear(4, 2)).to(dtype)
}

const inputs = (dtype: 'float32' | 'float64'): Tensor[] =>
  Array.from({ length: 5 }, () => torch.randn([6, 3], { dtype }))

function optionsOf({ useBuffers, avgFn, multiAvgFn, decay }: Case): optim.swaUtils.AveragedModelOptions {
  return {
    ...(useBuffers === undefined ? {} : { useBuffers }),
    ...(avgFn === undefined ? {} : { avgFn: avgFn === 'ema' ? getEmaAvgFn(decay) : getSwaAvgFn() }),
    ...(multiAvgFn === undefined
      ? {}
      : { multiAvgFn: multiAvgFn === 'ema' ? getEmaMultiAvgFn(decay) : getSwaMultiAvgFn() }),
  }
}

function step(source: nn.Module & { forward(x: Tensor): Tensor }, optimizer: optim.SGD, x: Tensor): void {
  optimizer.zeroGrad()
  source.forward(x).square().sum(1).mean().backward()
  optimizer.step()
}

function expectValues(averaged: nn.Module, values: Record<string, number[]>, { dtype, multiAvgFn }: Case): void {
  const state = averaged.stateDict()
  // PyTorch computes the weight 1 / (n + 1) of this function in float32.
  const exact = dtype === 'float64' && multiAvgFn !== 'swa'
  const tolerance = exact ? { rtol: 1e-11, atol: 1e-12 } : { rtol: 1e-5, atol: 1e-6 }
  for (const [name, value] of Object.entries(values)) expectClose((state[name] as Tensor).flatten(), value, tolerance)
}

const nameOf = ({ values: _, statistics: __, ...one }: Case): string => JSON.stringify(one)

describe.each(readFixture<Case[]>('swa-utils').map((one) => [nameOf(one), one] as const))('%s', (_, one) => {
  test.each([false, true])('averages as PyTorch does; queued: %s', async (queued) => {
    const source = model(one.dtype)
    const averaged = new AveragedModel(source, optionsOf(one))
    const optimizer = new optim.SGD(source.parameters(), { lr: 0.5 })
    for (const x of inputs(one.dtype)) {
      const all = (): void => {
        step(source, optimizer, x)
        averaged.updateParameters(source)
      }
      // The number of updates is known from the first one, which reads it.
      if (queued && averaged.n_averaged.item() !== 0) await torch.offload(all)
      else all()
    }
    expect(Object.keys(averaged.stateDict())).toEqual(Object.keys(one.values))
    expectValues(averaged, one.values, one)
    const batches = inputs(one.dtype).map((x) => [x, null] as const)
    if (queued) await updateBn(batches, averaged)
    else updateBnSync(batches, averaged)
    expectValues(averaged, one.statistics, one)
  })
})

test('is a copy: of its own memory, and where its options say', () => {
  const source = model()
  const averaged = new AveragedModel(source, { device: 'cpu' })
  averaged.updateParameters(source)
  const before = averaged.module.getParameter('0.weight').toArray()
  torch.noGrad(() => source.getParameter('0.weight').fill_(7))
  expect(averaged.module.getParameter('0.weight').toArray()).toEqual(before)
  const x = torch.ones([2, 3])
  averaged.eval()
  expectClose(averaged.forward(x), averaged.module.forward(x))
  expect(averaged.module.training).toBe(false)
  expect(source.training).toBe(true)
})

test('averages a recurrent model, and is copied with its number of updates', () => {
  const source = new LSTMModel(2, 3, 1)
  const averaged = new AveragedModel(source)
  averaged.updateParameters(source)
  const before = Object.values(source.stateDict()).map((tensor) => tensor.clone())
  torch.noGrad(() => [...source.parameters()].forEach((parameter) => void parameter.add_(2)))
  const copy = averaged.clone()
  copy.updateParameters(source)
  const x = torch.randn([4, 1, 2])
  expect(copy.forward(x).equal(averaged.forward(x))).toBe(false)
  const own = Object.values(copy.module.stateDict())
  before.forEach((tensor, i) => {
    expectClose(own[i] as Tensor, tensor.add(1))
  })
  expect([copy.n_averaged.item(), averaged.n_averaged.item()]).toEqual([2, 1])
})

test('the first update copies, whatever the function', () => {
  const source = model()
  const averaged = new AveragedModel(source, {
    avgFn: () => {
      throw new Error('not called')
    },
  })
  torch.noGrad(() => source.getParameter('0.bias').fill_(3))
  averaged.updateParameters(source)
  expect(averaged.module.getParameter('0.bias').toArray()).toEqual([3, 3, 3, 3])
  expect(averaged.n_averaged.item()).toBe(1)
})

test('goes on from a loaded state, with the number in it', async () => {
  const source = new nn.Linear(1, 1, { bias: false })
  const set = (value: number): void => void torch.noGrad(() => source.weight.fill_(value))
  const averaged = new AveragedModel(source)
  for (const value of [1, 2, 6]) {
    set(value)
    averaged.updateParameters(source)
  }
  const other = new AveragedModel(new nn.Linear(1, 1, { bias: false }))
  other.updateParameters(source)
  other.loadStateDict(averaged.stateDict())
  set(7)
  other.updateParameters(source)
  expectClose(other.module.weight, [[4]])
  set(9)
  await torch.offload(() => other.updateParameters(source))
  expectClose(other.module.weight, [[5]])
  expect(other.n_averaged.item()).toBe(5)
})

test('buffers are copied, or averaged', () => {
  const source = new nn.BatchNorm1d(1)
  const set = (value: number): void => void source.running_mean?.fill_(value)
  const [copied, averaged] = [new AveragedModel(source), new AveragedModel(source, { useBuffers: true })]
  for (const value of [1, 2]) {
    set(value)
    copied.updateParameters(source)
    averaged.updateParameters(source)
  }
  expect(copied.module.running_mean?.toArray()).toEqual([2])
  expect(averaged.module.running_mean?.toArray()).toEqual([1.5])
})

test('a function of one’s own gets the averages, the values and their number', () => {
  const source = new nn.Linear(1, 1, { bias: false })
  const seen: number[] = []
  const averaged = new AveragedModel(source, {
    avgFn: (average, current, count) => {
      seen.push(count)
      return average.maximum(current)
    },
  })
  for (const value of [3, 1, 5, 2]) {
    torch.noGrad(() => source.weight.fill_(value))
    averaged.updateParameters(source)
  }
  expect([averaged.module.weight.item(), seen]).toEqual([5, [1, 2, 3]])
})

test('keeps no tensors', () => {
  const source = model()
  const averaged = new AveragedModel(source, { multiAvgFn: getEmaMultiAvgFn(), useBuffers: true })
  averaged.updateParameters(source)
  averaged.updateParameters(source)
  const before = torch.memory().tensors
  for (let i = 0; i < 10; i++) averaged.updateParameters(source)
  expect(torch.memory().tensors).toBeLessThanOrEqual(before)
})

describe('updateBn', () => {
  const batches = () => [torch.tensor([[1], [3]]), [torch.tensor([[5], [7]]), 'target'] as const]

  test.each(['updateBn', 'updateBnSync'] as const)(
    '%s computes means over all batches, and sets momenta and modes back',
    async (name) => {
      const norm = new nn.BatchNorm1d(1, { momentum: 0.3 })
      const network = new nn.Sequential(norm, new nn.Dropout(0.5)).eval()
      norm.train()
      await optim.swaUtils[name](batches(), network)
      expectClose(norm.running_mean as Tensor, [4])
      expectClose(norm.running_var as Tensor, [2])
      expect([norm.num_batches_tracked?.item(), norm.momentum]).toEqual([2, 0.3])
      expect([...network.modules()].map(({ training }) => training)).toEqual([false, true, false])
    },
  )

  test('takes batches that come later', async () => {
    async function* later() {
      for (const batch of batches()) yield await Promise.resolve(batch)
    }
    const norm = new nn.BatchNorm1d(1)
    await updateBn(later(), norm, { device: 'cpu' })
    expectClose(norm.running_mean as Tensor, [4])
  })

  test('does not run a model without batch norm', async () => {
    class Counting extends nn.Module {
      calls = 0
      override forward(): void {
        this.calls++
      }
    }
    const counting = new Counting()
    await updateBn(batches(), counting)
    expect(counting.calls).toBe(0)
  })

  test('sets momenta and modes back after a failure', async () => {
    const norm = new nn.BatchNorm1d(1, { momentum: 0.3 }).eval()
    await expect(updateBn([torch.ones([2, 5])], norm)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_TORCH_/),
    })
    expect([norm.momentum, norm.training]).toEqual([0.3, false])
  })

  test.each<[string, () => unknown, Parameters<typeof expectError>[1], RegExp | string]>([
    [
      'a tensor',
      () => updateBnSync(torch.ones([2]) as never, new nn.BatchNorm1d(1)),
      'ERR_TORCH_TYPE',
      'loader must be an iterable of batches, got Tensor',
    ],
    [
      'nothing',
      () => updateBnSync(null as never, new nn.BatchNorm1d(1)),
      'ERR_TORCH_TYPE',
      'loader must be an iterable of batches',
    ],
    [
      'batches that come later',
      () => updateBnSync((async function* () {})() as never, new nn.BatchNorm1d(1)),
      'ERR_TORCH_TYPE',
      'an iterable that is not async',
    ],
    [
      'a batch',
      () => updateBnSync([3] as never, new nn.BatchNorm1d(1)),
      'ERR_TORCH_TYPE',
      'a batch must be an input, or an array that begins with one, got 3',
    ],
    ['no model', () => updateBnSync([], {} as never), 'ERR_TORCH_TYPE', 'model must be a Module'],
    [
      'an unknown option',
      () => updateBnSync([], model(), { devise: 'cpu' } as never),
      'ERR_TORCH_OPTION',
      "did you mean 'device'",
    ],
    ['a device', () => updateBnSync([], model(), { device: 'tpu' } as never), 'ERR_TORCH_DEVICE', 'device must be'],
  ])('refuses %s', (_, fn, code, message) => void expectError(fn, code, message))
})

test.each<[string, () => unknown, Parameters<typeof expectError>[1], RegExp | string]>([
  ['no model', () => new AveragedModel({} as never), 'ERR_TORCH_TYPE', 'AveragedModel: model must be a Module'],
  [
    'an unknown option',
    () => new AveragedModel(model(), { avgfn: 1 } as never),
    'ERR_TORCH_OPTION',
    "did you mean 'avgFn'",
  ],
  [
    'two functions',
    () => new AveragedModel(model(), { avgFn: getSwaAvgFn(), multiAvgFn: getSwaMultiAvgFn() }),
    'ERR_TORCH_OPTION',
    'Only one of avgFn and multiAvgFn should be provided',
  ],
  [
    'no function',
    () => new AveragedModel(model(), { avgFn: 0.9 } as never),
    'ERR_TORCH_TYPE',
    'avgFn must be a function',
  ],
  [
    'useBuffers',
    () => new AveragedModel(model(), { useBuffers: 1 } as never),
    'ERR_TORCH_TYPE',
    'useBuffers must be a boolean',
  ],
  ['a device', () => new AveragedModel(model(), { device: 'tpu' } as never), 'ERR_TORCH_DEVICE', 'device must be'],
  ['a decay', () => getEmaMultiAvgFn(1.5), 'ERR_TORCH_VALUE', 'getEmaMultiAvgFn: decay must be a number from 0 to 1'],
  [
    'a decay for one',
    () => getEmaAvgFn('x' as never),
    'ERR_TORCH_TYPE',
    'getEmaAvgFn: decay must be a number from 0 to 1',
  ],
  [
    'another model',
    () => new AveragedModel(model()).updateParameters(new nn.Linear(3, 4)),
    'ERR_TORCH_SHAPE',
    'must have the parameters and buffers',
  ],
  [
    'an update by nothing',
    () => new AveragedModel(model()).updateParameters(null as never),
    'ERR_TORCH_TYPE',
    'model must be a Module',
  ],
  [
    'a function without a result',
    () => {
      const averaged = new AveragedModel(model(), { avgFn: () => null as never })
      averaged.updateParameters(model())
      averaged.updateParameters(model())
    },
    'ERR_TORCH_TYPE',
    'the result of avgFn must be a Tensor',
  ],
])('refuses %s', (_, fn, code, message) => void expectError(fn, code, message))
