// Weight norm, spectral norm, orthogonal weights and weight drop against PyTorch: state, text, outputs, gradients, training, and removal.
import { describe, expect, test } from 'vitest'
import { LSTMModel } from '../../lib/models/index.ts'
import * as nn from '../../lib/nn/index.ts'
import { SGD } from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { decode, type Encoded, expectNumbers, expectTensor, weightedSum } from '../support/encoded.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

const { orthogonal, weightNorm, weightDrop, spectralNorm } = nn.utils.parametrizations
const { removeParametrizations, isParametrized } = nn.utils.parametrize

interface Case {
  kind: string
  args: unknown[]
  options: object
  parametrized: [keyof typeof nn.utils.parametrizations, name: string, options: object][]
  train: boolean
  repr: string
  input: Encoded
  initial: Record<string, number[]>
  outputs: Encoded[]
  grads: Record<string, number[]>
  state: Record<string, number[]>
  removed: Record<string, number[]>
}

type Applied = nn.Module & { forward(input: Tensor): Tensor | [Tensor, unknown] }

function make({ kind, args, options, parametrized, train }: Case): Applied {
  torch.manualSeed(7)
  const Kind = (nn as unknown as Record<string, new (...args: unknown[]) => Applied>)[kind] as new (
    ...args: unknown[]
  ) => Applied
  const module = new Kind(...args, options).train(train)
  for (const [fn, name, settings] of parametrized) nn.utils.parametrizations[fn](module, name, settings)
  return module
}

function expectAll(tensors: Iterable<[string, Tensor]>, expected: Record<string, number[]>, factor = 10): void {
  const found = Object.fromEntries(tensors)
  expect(Object.keys(found)).toEqual(Object.keys(expected))
  for (const [name, tensor] of Object.entries(found)) expectNumbers(tensor, expected[name] as number[], factor)
}

function outputOf(module: Applied, x: Tensor): Tensor {
  const output = module.forward(x)
  return Array.isArray(output) ? output[0] : output
}

const title = ({ kind, parametrized, train }: Case): string =>
  `${parametrized.map(([fn, name, options]) => `${fn} ${name} ${JSON.stringify(options)}`)} of ${kind}${train ? '' : ' in evaluation'}`

test.each(readFixture<Case[]>('parametrizations').map((one) => [title(one), one] as const))(
  '%s is as in PyTorch',
  async (_, one) => {
    for (const queue of [<T>(run: () => T) => run(), torch.offload]) {
      const module = make(one)
      expect(String(module)).toBe(one.repr)
      expectAll(Object.entries(module.stateDict()), one.initial)
      const optimizer = new SGD(module.parameters(), { lr: 0.01 })
      const x = decode(one.input)
      torch.manualSeed(3)
      for (const [step, expected] of one.outputs.entries()) {
        const output = await queue(() => {
          optimizer.zeroGrad()
          const output = outputOf(module, x)
          weightedSum(output, expected.data.length).backward()
          return output
        })
        expectTensor(output, expected)
        const grads = [...module.namedParameters()].map(([name, { grad }]): [string, Tensor] => [name, grad as Tensor])
        if (step === 0) expectAll(grads, one.grads)
        await queue(() => optimizer.step())
      }
      expectAll(Object.entries(module.stateDict()), one.state)
      const before = outputOf(module.eval(), x)
      for (const [, name] of one.parametrized) if (isParametrized(module, name)) removeParametrizations(module, name)
      expectAll(Object.entries(module.stateDict()), one.removed)
      expectClose(outputOf(module, x), before)
      expect(module.constructor.name).toBe(one.kind)
    }
  },
)

describe('recurrent networks', () => {
  const x = torch.randn([5, 2, 3])

  test('see a weight that has changed, in the fused kernels', () => {
    const lstm = weightNorm(new nn.LSTM(3, 16), 'weight_hh_l0')
    expect(lstm.explainBackend(x).backend).toBe('fused')
    const twin = new nn.LSTM(3, 16, { backend: 'libtorch' })
    for (const scale of [1, 2]) {
      torch.noGrad(() => lstm.getParameter('parametrizations.weight_hh_l0.original0').mul_(scale))
      const { weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 } = lstm as nn.LSTM
      twin.loadStateDict({ weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 } as nn.StateDict)
      expectClose(lstm.forward(x)[0], twin.forward(x)[0])
    }
  })

  test('have the same dropped weights at all steps, and others at the next forward', () => {
    const gru = weightDrop(new nn.GRU(3, 8), 'weight_hh_l0', { p: 0.5 })
    const weights = gru.parametrizations.get('weight_hh_l0').original as Tensor
    torch.manualSeed(2)
    const mask = torch.empty(weights.shape).bernoulli_(0.5).mul(2)
    const twin = new nn.GRU(3, 8)
    const { weight_ih_l0, bias_ih_l0, bias_hh_l0 } = gru as nn.GRU
    twin.loadStateDict({ weight_ih_l0, weight_hh_l0: weights.mul(mask), bias_ih_l0, bias_hh_l0 } as nn.StateDict)
    torch.manualSeed(2)
    const [first] = gru.forward(x)
    expectClose(first, twin.forward(x)[0])
    expect(first.allclose(gru.forward(x)[0])).toBe(false)
    gru.eval()
    expectClose(gru.forward(x)[0], gru.forward(x)[0])
    expectClose(gru.weight_hh_l0 as Tensor, weights)
  })

  test('stream the weights of evaluation', () => {
    const lstm = weightDrop(new nn.LSTM(3, 8), 'weight_hh_l0').eval()
    const stream = lstm.stream()
    const [output] = lstm.forward(x.narrow(1, 0, 1))
    for (const [t, step] of [...x.select(1, 0)].entries()) {
      expectClose(Array.from(stream.step(step.toTypedArray() as Float32Array)), output.index(t, 0))
    }
  })

  test('are moved, and cells work, too', () => {
    const lstm = weightNorm(new nn.LSTM(3, 4, { numLayers: 2 }), 'weight_hh_l1').double()
    expect(lstm.weight_hh_l1?.dtype).toBe('float64')
    torch.manualSeed(0)
    const before = torch.getRngState().toArray()
    weightDrop(lstm, 'weight_hh_l0')
    lstm.flattenParameters()
    expect(torch.getRngState().toArray()).toEqual(before)
    const cell = weightNorm(new nn.GRUCell(3, 4), 'weight_hh')
    const plain = new nn.GRUCell(3, 4)
    plain.loadStateDict(removeParametrizations(weightNorm(cell, 'weight_ih'), 'weight_ih').stateDict(), {
      strict: false,
    })
    torch.noGrad(() => plain.weight_hh.copy_(cell.weight_hh))
    expectClose(cell.forward(x.index(0)), plain.forward(x.index(0)))
  })

  test.each(['weightNorm', 'weightDrop'] as const)('learn in a Trainer with %s', async (fn) => {
    torch.manualSeed(4)
    const model = new LSTMModel(1, 8, 1)
    nn.utils.parametrizations[fn](model.lstm, 'weight_hh_l0')
    weightNorm(model.linear)
    const series = torch.randn([32, 6, 1])
    const names = [...model.namedParameters()].map(([name]) => name)
    const before = model.stateDict()
    const start = Object.fromEntries(Object.entries(before).map(([name, value]) => [name, value.clone()]))
    const trainer = new Trainer(model, { epochs: 30, batchSize: 8, seed: 0, lr: 0.02 })
    const { trainLosses } = await trainer.fit([series, series.cumsum(1)])
    expect(trainLosses.at(-1)).toBeLessThan((trainLosses[0] as number) / 2)
    const { tensors } = torch.memory()
    await trainer.fit([series, series.cumsum(1)])
    expect(torch.memory().tensors - tensors).toBeLessThan(5)
    for (const name of names) expect(before[name]?.equal(start[name] as Tensor), name).toBe(false)
  })
})

test('weight norm reads the names of its older form', () => {
  const old = { weight_g: torch.full([3, 1, 1], 2), weight_v: torch.ones([3, 2, 2]), bias: torch.zeros([3]) }
  const conv = weightNorm(new nn.Conv1d(2, 3, 2))
  expect(conv.loadStateDict(old)).toEqual({ missingKeys: [], unexpectedKeys: [] })
  expectClose(conv.weight, torch.ones([3, 2, 2]))
  const model = new nn.Sequential(new nn.Identity(), weightNorm(new nn.Conv1d(2, 3, 2)))
  model.loadStateDict(Object.fromEntries(Object.entries(old).map(([name, value]) => [`1.${name}`, value])))
  expect(model.getParameter('1.parametrizations.weight.original0').toArray()).toEqual([[[2]], [[2]], [[2]]])
  expect(Object.keys(old)).toEqual(['weight_g', 'weight_v', 'bias'])
  expectError(
    () => conv.loadStateDict({ weight_g: old.weight_g, bias: old.bias }),
    'ERR_TORCH_VALUE',
    /Missing key.*original0/,
  )
})

test('weight norm can be assigned', () => {
  const linear = weightNorm(new nn.Linear(2, 2))
  linear.weight = torch.tensor([
    [3, 4],
    [0, 1],
  ]) as nn.Parameter
  expectClose(linear.weight, [
    [3, 4],
    [0, 1],
  ])
  expectClose(linear.parametrizations.get('weight').original0 as Tensor, [[5], [1]])
})

test('weight drop draws once per reading, and not at registration', () => {
  torch.manualSeed(0)
  const before = torch.getRngState().toArray()
  const linear = weightDrop(new nn.Linear(2, 2).requiresGrad_(false))
  torch.manualSeed(0)
  expect(torch.getRngState().toArray()).toEqual(before)
  const kept = Array.from({ length: 500 }, () => torch.tidy(() => linear.weight.countNonzero().item() as number))
  expect(kept.reduce((sum, count) => sum + count, 0) / 2000).toBeCloseTo(0.5, 1)
  weightDrop(linear, 'bias', { p: 1 })
  expect((linear.bias as Tensor).abs().toArray()).toEqual([0, 0])
  expect(removeParametrizations(linear, 'bias', { leaveParametrized: false }).bias).toBeInstanceOf(nn.Parameter)
})

test('what does not fit is refused', () => {
  const linear = new nn.Linear(2, 3)
  const before = String(linear)
  expectError(
    () => weightNorm(linear, 'weight', { dim: 2 }),
    'ERR_TORCH_VALUE',
    'weightNorm: dim must be at most 1, got 2',
  )
  expectError(() => weightNorm(linear, 'weight', { dim: -1 }), 'ERR_TORCH_VALUE', 'dim must be a non-negative integer')
  expectError(() => weightNorm(linear, 'w'), 'ERR_TORCH_VALUE', "weightNorm: Linear has no parameter or buffer 'w'")
  expectError(() => weightNorm(linear, 'weight', { axis: 0 } as never), 'ERR_TORCH_OPTION', "unknown option 'axis'")
  expectError(() => weightNorm({} as never), 'ERR_TORCH_TYPE', 'weightNorm: module must be a Module')
  expectError(() => weightDrop(linear, 'weight', { p: 2 }), 'ERR_TORCH_VALUE', 'p must be a number from 0 to 1, got 2')
  expectError(() => weightDrop(linear, 3 as never), 'ERR_TORCH_TYPE', 'name must be a string, got 3')
  expectError(() => weightDrop(linear, 'w', { q: 2 } as never), 'ERR_TORCH_OPTION', "unknown option 'q'")
  expectError(
    () => spectralNorm(linear, 'weight', { nPowerIterations: 0 }),
    'ERR_TORCH_VALUE',
    'must be a positive integer',
  )
  expectError(() => spectralNorm(linear, 'weight', { eps: -1 }), 'ERR_TORCH_VALUE', 'eps must be a non-negative number')
  expectError(() => spectralNorm(linear, 'weight', { dim: 2 }), 'ERR_TORCH_VALUE', 'dim must be at most 1, got 2')
  expectError(() => spectralNorm(linear, 'nothing'), 'ERR_TORCH_VALUE', "no parameter or buffer 'nothing'")
  expectError(
    () => spectralNorm(new nn.ParameterList([torch.ones([2])]) as never, '0'),
    'ERR_TORCH_VALUE',
    'the elements of a ParameterList cannot be parametrized',
  )
  expectError(
    () => orthogonal(linear, 'bias'),
    'ERR_TORCH_SHAPE',
    'orthogonal: bias must be a matrix or a batch of matrices',
  )
  expectError(() => orthogonal(linear, 'weight', { orthogonalMap: 'qr' as never }), 'ERR_TORCH_VALUE', "got 'qr'")
  expectError(
    () => orthogonal(linear, 'weight', { useTrivialization: 1 as never }),
    'ERR_TORCH_TYPE',
    'must be a boolean',
  )
  expectError(() => orthogonal(linear, 'weight', { map: 'qr' } as never), 'ERR_TORCH_OPTION', "unknown option 'map'")
  expectError(() => orthogonal(new nn.Linear(2, 2).bfloat16()), 'ERR_TORCH_TYPE', 'weight must be float32 or float64')
  expect(String(linear)).toBe(before)
  weightDrop(linear)
  expectError(() => weightNorm(linear), 'ERR_TORCH_VALUE', "weightNorm: 'weight' is parametrized already")
})

test('orthogonal weights stay so, and can be assigned', () => {
  const identity = torch.eye(3, { dtype: 'float64' })
  const EXACT = { rtol: 0, atol: 1e-12 }
  for (const [rows, columns] of [
    [3, 3],
    [5, 3],
    [3, 5],
  ] as const) {
    for (const orthogonalMap of ['matrixExp', 'cayley', 'householder'] as const) {
      const linear = orthogonal(new nn.Linear(columns, rows, { dtype: 'float64' }), 'weight', { orthogonalMap })
      const optimizer = new SGD(linear.parameters(), { lr: 0.5 })
      linear
        .forward(torch.randn([4, columns], { dtype: 'float64' }))
        .pow(3)
        .sum()
        .backward()
      optimizer.step()
      const gram = (q: Tensor): Tensor => (rows < columns ? q.matmul(q.mT) : q.mT.matmul(q))
      expectClose(gram(linear.weight), identity, EXACT)
      const [value] = torch.linalg.qr(torch.randn([Math.max(rows, columns), 3], { dtype: 'float64' }))
      const given = rows < columns ? value.mT : value
      linear.weight = given as nn.Parameter
      expectClose(linear.weight, given, EXACT)
    }
  }
  const free = orthogonal(new nn.Linear(3, 3), 'weight', { useTrivialization: false })
  const assign = (): void => void Object.assign(free, { weight: torch.eye(3) })
  expectError(assign, 'ERR_TORCH_NOT_IMPLEMENTED', 'parametrization _Orthogonal does not implement rightInverse')
})
