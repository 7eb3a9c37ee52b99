import { describe, expect, test, vi } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { type Encoded, expectTensor } from '../support/encoded.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

const { inits } = readFixture<{ inits: Record<string, number[]> }>('nn')
const filled = readFixture<{ inits: Record<string, Encoded> }>('layers').inits
const { init } = nn

test.each(Object.entries(inits))("init.%s draws PyTorch's numbers", (name, values) => {
  const calls: Record<string, (w: ReturnType<typeof torch.empty>) => unknown> = {
    uniform_: (w) => init.uniform_(w, -1, 2),
    normal_: (w) => init.normal_(w, 1, 2),
    xavierUniform_: (w) => init.xavierUniform_(w, 2),
    xavierNormal_: (w) => init.xavierNormal_(w),
    kaimingUniform_: (w) => init.kaimingUniform_(w, { nonlinearity: 'relu' }),
    kaimingNormal_: (w) => init.kaimingNormal_(w, { mode: 'fanOut', a: 0.2 }),
    orthogonal_: (w) => init.orthogonal_(w, 2),
  }
  torch.manualSeed(5)
  const weight = torch.empty([3, 4])
  calls[name]?.(weight)
  expectClose(Array.from(weight.toTypedArray() as Float32Array), values, { rtol: 1e-5, atol: 1e-6 })
})

test('init checks its arguments', () => {
  expectClose(init.ones_(torch.empty([2])), [1, 1])
  expectError(() => init.xavierUniform_(torch.empty([2])), 'ERR_TORCH_VALUE', /fewer than 2 dimensions/)
  expectError(() => init.orthogonal_(torch.empty([2])), 'ERR_TORCH_VALUE', /2 or more dimensions/)
  expectError(
    () => init.kaimingUniform_(torch.empty([2, 2]), { mode: 'fan' as never }),
    'ERR_TORCH_VALUE',
    /Mode 'fan' not supported/,
  )
  expectError(() => init.calculateGain('sine' as never), 'ERR_TORCH_VALUE', /Unsupported nonlinearity 'sine'/)
})

test.each(Object.entries(filled))("%s draws PyTorch's numbers", (name, expected) => {
  const calls: Record<string, (w: Tensor) => Tensor> = {
    truncNormal_: (w) => init.truncNormal_(w),
    'truncNormal_ narrow': (w) => init.truncNormal_(w, 1, 2, 0.5, 1),
    'truncNormal_ shifted': (w) => init.truncNormal_(w, 0.5, 0.25, 0, 1),
    eye_: (w) => init.eye_(w),
    dirac_: (w) => init.dirac_(w),
    'dirac_ groups': (w) => init.dirac_(w, 2),
    'dirac_ 2-D': (w) => init.dirac_(w),
    sparse_: (w) => init.sparse_(w, 0.3),
    uniform_: (w) => init.uniform_(w, -1, 2),
    normal_: (w) => init.normal_(w, 1, 2),
    'orthogonal_ tall': (w) => init.orthogonal_(w),
    'orthogonal_ 3-D': (w) => init.orthogonal_(w, 0.5),
    'xavierUniform_ 3-D': (w) => init.xavierUniform_(w),
    'kaimingNormal_ relu': (w) => init.kaimingNormal_(w, { nonlinearity: 'relu' }),
  }
  torch.manualSeed(5)
  const weight = new nn.Parameter(torch.empty(expected.shape, { dtype: expected.dtype }))
  const result = (calls[name] ?? expect.fail(`no call for ${name}`))(weight)
  expect(result).toBe(weight)
  expect(weight.requiresGrad && weight.isLeaf).toBe(true)
  expectTensor(weight, expected)
})

test('truncNormal_ stays within its bounds, also where they are far out', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  for (const [mean, std, a, b] of [
    [0, 1, -2, 2],
    [0, 1, 5, 6],
    [3, 0.1, -1, 1],
    [0, 10, -0.5, 0.25],
  ] as const) {
    const w = init.truncNormal_(torch.empty([2000]), mean, std, a, b)
    expect(w.min().item()).toBeGreaterThanOrEqual(a)
    expect(w.max().item()).toBeLessThanOrEqual(b)
  }
  expect(warn).toHaveBeenCalledTimes(2)
  warn.mockRestore()
  // The normal distribution between -1 and 1 has the deviation 0.5396.
  torch.manualSeed(0)
  const w = init.truncNormal_(torch.empty([20000]), 0, 1, -1, 1)
  expect(w.std().item()).toBeCloseTo(0.5396, 2)
})

test('initialization within offload gives the same numbers', async () => {
  const fill = (): Tensor[] => {
    torch.manualSeed(4)
    return [
      init.truncNormal_(torch.empty([30])),
      init.orthogonal_(torch.empty([3, 4])),
      init.sparse_(torch.empty([4, 3]), 0.5),
      init.eye_(torch.empty([2, 3])),
      init.dirac_(torch.empty([2, 2, 3])),
    ]
  }
  const [direct, queued] = [fill(), await torch.offload(fill)]
  for (const [i, tensor] of direct.entries()) expect(tensor.equal(queued[i] as Tensor)).toBe(true)
})

test('zero-element tensors are left alone, with a warning', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  expect(
    new nn.Linear(0, 3)
      .forward(torch.ones([2, 0]))
      .abs()
      .sum()
      .item(),
  ).toBe(0)
  expect(init.kaimingNormal_(torch.empty([0, 2])).shape).toEqual([0, 2])
  expect(warn).toHaveBeenCalledWith('Initializing zero-element tensors is a no-op')
  warn.mockRestore()
})

describe('forgetBias_', () => {
  test('sets the sum of both biases in all layers and directions, and nothing else', () => {
    const lstm = new nn.LSTM(2, 3, { numLayers: 2, bidirectional: true })
    const before = Object.fromEntries([...lstm.namedParameters()].map(([name, value]) => [name, value.clone()]))
    expect(init.forgetBias_(lstm, 1.5)).toBe(lstm)
    for (const [name, value] of lstm.namedParameters()) {
      expect(value.requiresGrad && value.isLeaf).toBe(true)
      const old = before[name] as Tensor
      if (name.startsWith('weight')) expect(value.equal(old)).toBe(true)
      else {
        const forget = torch.slice(3, 6)
        expect(value.index(forget).toArray()).toEqual(name.startsWith('bias_ih') ? [1.5, 1.5, 1.5] : [0, 0, 0])
        expect(value.index(torch.slice(0, 3)).equal(old.index(torch.slice(0, 3)))).toBe(true)
        expect(value.index(torch.slice(6)).equal(old.index(torch.slice(6)))).toBe(true)
      }
    }
  })

  test('opens the forget gate: with weights of zero, the cell keeps σ(1) of itself', () => {
    const lstm = new nn.LSTM(1, 2)
    for (const parameter of lstm.parameters()) init.zeros_(parameter)
    init.forgetBias_(lstm)
    const [, [, c]] = lstm.forward(torch.zeros([1, 1, 1]), [torch.zeros([1, 1, 2]), torch.ones([1, 1, 2])])
    const kept = 1 / (1 + Math.exp(-1))
    expectClose(c, [[[kept, kept]]])
  })

  test('knows the cell, too', () => {
    const cell = init.forgetBias_(new nn.LSTMCell(1, 2), 3)
    expect(cell.bias_ih?.index(torch.slice(2, 4)).toArray()).toEqual([3, 3])
    expect(cell.bias_hh?.index(torch.slice(2, 4)).toArray()).toEqual([0, 0])
    expectError(() => init.forgetBias_(new nn.GRUCell(1, 2)), 'ERR_TORCH_VALUE', /no LSTM with biases in GRUCell/)
  })

  test('finds LSTMs in models, and says where there is none', () => {
    class Model extends nn.Module {
      parts = new nn.ModuleList([new nn.LSTM(1, 2), new nn.GRU(1, 2)])
      override forward(): void {}
    }
    const model = init.forgetBias_(new Model(), 2)
    const [lstm, gru] = [...model.parts] as [nn.LSTM, nn.GRU]
    expect(lstm.stateDict().bias_ih_l0?.index(torch.slice(2, 4)).toArray()).toEqual([2, 2])
    expect(gru.stateDict().bias_ih_l0?.eq(2).any().item()).toBe(false)
    expectError(() => init.forgetBias_(gru), 'ERR_TORCH_VALUE', /no LSTM with biases in GRU/)
    expectError(() => init.forgetBias_(new nn.LSTM(1, 2, { bias: false })), 'ERR_TORCH_VALUE', /no LSTM with biases/)
  })
})

test('the newer ones check their arguments, too', () => {
  expectError(() => init.truncNormal_(torch.empty([2]), 0, 0), 'ERR_TORCH_VALUE', /std must be greater than 0/)
  expectError(
    () => init.truncNormal_(torch.empty([2]), 0, 1, 2, 1),
    'ERR_TORCH_VALUE',
    /a less than b, got .*a = 2, b = 1/,
  )
  expectError(
    () => init.sparse_(torch.empty([2, 2]), 1.5),
    'ERR_TORCH_VALUE',
    /sparsity must be a number from 0 to 1, got 1.5/,
  )
  expectError(() => init.dirac_(torch.empty([2, 2, 2]), 0), 'ERR_TORCH_VALUE', /groups must be a positive integer/)
})
