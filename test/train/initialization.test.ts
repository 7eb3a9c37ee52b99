import { describe, expect, test } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, RNNModel, SequenceModel } from '../../lib/models/index.ts'
import { type InitOptions, Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

function initialized<M extends nn.Module>(model: M, init: InitOptions, options: TrainerOptions = {}): M {
  new Trainer(model as never, { progress: false, seed: 1, init, ...options })
  return model
}

/** The matrices of a parameter's gates. */
const gatesOf = (parameter: Tensor | undefined, gates: number): Tensor[] => (parameter as Tensor).detach().chunk(gates)

/** The one value of all elements. */
function onlyValue(parameter: Tensor | null | undefined): number {
  const values = new Set((parameter as Tensor).flatten().toArray() as number[])
  expect(values.size).toBe(1)
  return [...values][0] as number
}

test('orthogonal: the recurrent matrix of each gate is', () => {
  for (const [model, gates, matrices] of [
    [new LSTMModel(3, 6, 1, { numLayers: 2, bidirectional: true }), 4, 4],
    [new GRUModel(3, 6, 1), 3, 1],
    [new RNNModel(3, 6, 1), 1, 1],
  ] as const) {
    const before = model.stateDict()
    const copies = Object.fromEntries(Object.entries(before).map(([name, value]) => [name, value.clone()]))
    initialized(model, { recurrent: 'orthogonal' })
    let found = 0
    for (const [name, parameter] of model.namedParameters()) {
      if (!name.includes('weight_hh')) {
        expect(parameter.equal(copies[name] as Tensor), name).toBe(true)
        continue
      }
      found++
      for (const gate of gatesOf(parameter, gates)) {
        expectClose(gate.matmul(gate.t()), torch.eye(6).toArray() as number[][], { atol: 1e-5 })
      }
    }
    expect(found).toBe(matrices)
  }
})

test('names are those of nn.init, for the size of a gate', () => {
  const model = initialized(new LSTMModel(40, 60, 50), { input: 'xavierUniform', linear: 'kaimingNormal' })
  const gates = gatesOf(model.lstm.weight_ih_l0, 4)
  const bound = Math.sqrt(6 / (40 + 60))
  for (const gate of gates) {
    const most = gate.abs().max().item<number>()
    expect(most).toBeLessThanOrEqual(bound)
    expect(most).toBeGreaterThan(0.98 * bound)
  }
  // Gain √2 over the 60 inputs of the head.
  expect(model.linear.weight.std().item<number>()).toBeCloseTo(Math.sqrt(2 / 60), 2)
})

test('a network of rectifiers begins as an identity (Le et al., 2015)', () => {
  const model = new RNNModel(1, 4, 1, { nonlinearity: 'relu', bias: false })
  initialized(model, { recurrent: 'eye', input: (weight: Tensor) => nn.init.constant_(weight, 0.5) })
  const [output] = model.rnn.forward(torch.tensor([[[2]], [[0]], [[4]]]))
  expect(output.index(-1).toArray()).toEqual([[3, 3, 3, 3]])
})

test('biases, of gates and of layers', () => {
  const model = initialized(new LSTMModel(2, 3, 2), { bias: 0.25, forgetBias: 1 })
  expect(model.linear.bias?.toArray()).toEqual([0.25, 0.25])
  const [i, f, g, o] = gatesOf(model.lstm.bias_ih_l0, 4)
  for (const gate of [i, g, o]) expect(gate?.toArray()).toEqual([0.25, 0.25, 0.25])
  expect(f?.toArray()).toEqual([1, 1, 1])
  expect(gatesOf(model.lstm.bias_hh_l0, 4)[1]?.toArray()).toEqual([0, 0, 0])
})

test('embeddings, with the vector for padding left at zero, and a head that shares the table', () => {
  const model = new GRUModel(4, 4, 6, { embedding: { numEmbeddings: 6, paddingIdx: 2 }, tieWeights: true })
  initialized(model, { embedding: 3 })
  const rows = model.linear.weight.toArray() as number[][]
  expect(rows.map(([first]) => first)).toEqual([3, 3, 0, 3, 3, 3])
  expectError(() => initialized(model, { linear: 1 }), 'ERR_TORCH_OPTION', 'init.linear has no effect')
})

test('other networks, cells, and modules that contain them', () => {
  const peephole = new nn.PeepholeLSTM(2, 3, { layerNorm: true })
  const gains = peephole.weight_ln_ih_l0?.toArray()
  initialized(new SequenceModel(peephole, 1), { input: 1, recurrent: 2, bias: 3 })
  expect(onlyValue(peephole.weight_ih_l0)).toBe(1)
  expect(onlyValue(peephole.weight_hh_l0)).toBe(2)
  expect(onlyValue(peephole.bias_l0)).toBe(3)
  expect(peephole.weight_ln_ih_l0?.toArray()).toEqual(gains)

  class Cells extends nn.Module {
    cell = new nn.GRUCell(2, 3)
    override forward(input: Tensor): Tensor {
      return this.cell.forward(input)
    }
  }
  const { cell } = initialized(new Cells(), { recurrent: 'orthogonal', bias: 0 })
  for (const gate of gatesOf(cell.weight_hh, 3)) {
    expectClose(gate.t().matmul(gate), torch.eye(3).toArray() as number[][], { atol: 1e-5 })
  }
  expect(onlyValue(cell.bias_ih)).toBe(0)
})

describe('random values', () => {
  const draw = (options: TrainerOptions) =>
    initialized(new GRUModel(2, 3, 1), { input: 'xavierNormal' }, options).gru.weight_ih_l0?.toArray()

  test('are those of the seed', () => {
    expect(draw({ seed: 3 })).toEqual(draw({ seed: 3 }))
    expect(draw({ seed: 3 })).not.toEqual(draw({ seed: 4 }))
  })

  test('without a seed are those of torch, which a seed leaves alone', () => {
    const model = new GRUModel(2, 3, 1)
    const init = { recurrent: 'xavierNormal' } as const
    const next = (options: TrainerOptions): number => {
      torch.manualSeed(0)
      new Trainer(model, { progress: false, init, ...options })
      return torch.rand([]).item<number>()
    }
    torch.manualSeed(0)
    const first = torch.rand([]).item()
    expect(next({ seed: 1 })).toBe(first)
    expect(next({})).not.toBe(first)
  })
})

test('changes what is learned', async () => {
  const x = torch.linspace(-1, 1, 60).reshape([20, 3, 1])
  const lossOf = async (init: InitOptions) => {
    const model = new LSTMModel(1, 4, 1, { batchFirst: true })
    const { trainLosses } = await new Trainer(model, { progress: false, epochs: 1, seed: 0, init }).fit([x, x])
    return trainLosses[0] as number
  }
  const all = { input: 0, recurrent: 0, linear: 0, bias: 0 }
  // The model says 0 first, and hardly more after a step.
  expect(await lossOf(all)).toBeCloseTo(x.square().mean().item<number>(), 4)
  expect(await lossOf({ ...all, linear: 100, bias: 1 })).toBeGreaterThan(100)
})

test.each([
  [{ recurrent: 'orthonormal' }, 'ERR_TORCH_VALUE', /init: recurrent must be xavierUniform, .* got 'orthonormal'/],
  [{ recurrent: true }, 'ERR_TORCH_TYPE', /init: recurrent must be a function, got true/],
  [{ bias: 'orthogonal' }, 'ERR_TORCH_TYPE', /init: bias must be a number or a function, got 'orthogonal'/],
  [{ forgetBias: '1' }, 'ERR_TORCH_TYPE', /init: forgetBias must be a number/],
  [{ weights: 1 }, 'ERR_TORCH_OPTION', /init: unknown option 'weights'/],
  ['orthogonal', 'ERR_TORCH_TYPE', /init: options must be an object/],
  [{ embedding: 1 }, 'ERR_TORCH_OPTION', /init.embedding has no effect: RNNModel has no parameter of this kind/],
  [{ forgetBias: 1 }, 'ERR_TORCH_VALUE', /there is no LSTM with biases in RNNModel/],
  [
    { linear: () => Promise.reject(new Error('late')) },
    'ERR_TORCH_TYPE',
    /init.linear: linear.weight: the function must fill the tensor at once, but it returned a promise/,
  ],
  [
    { bias: (bias: Tensor) => nn.init.orthogonal_(bias) },
    'ERR_TORCH_VALUE',
    /init.bias: rnn.bias_ih_l0: Only tensors with 2 or more dimensions are supported/,
  ],
] as const)('refuses %j', (init, code, message) => {
  expectError(() => initialized(new RNNModel(1, 2, 1), init as never), code, message)
})
