import { describe, expect, test } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { type GradientFlow, gradientFlow, gradientFlowSync, traceGatesSync } from '../../lib/inspect/index.ts'
import { GRUModel, LSTMModel, RNNModel, SequenceModel } from '../../lib/models/index.ts'
import type { RecurrentOptions } from '../../lib/nn/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { collectGarbage } from '../support/garbage.ts'

const [I, H, L, N] = [2, 3, 6, 2] as const
const EXACT = { rtol: 1e-9, atol: 1e-14 }
const f64 = { dtype: 'float64' } as const

type Network = nn.RNN | nn.LSTM | nn.GRU | nn.PeepholeLSTM | nn.ChungGRU

const NETWORKS: Record<string, (inputSize: number, options?: RecurrentOptions) => Network> = {
  RNN: (size, options) => new nn.RNN(size, H, { ...f64, ...options }),
  'RNN with relu': (size, options) => new nn.RNN(size, H, { nonlinearity: 'relu', ...f64, ...options }),
  LSTM: (size, options) => new nn.LSTM(size, H, { ...f64, ...options }),
  'LSTM without bias': (size, options) => new nn.LSTM(size, H, { bias: false, ...f64, ...options }),
  GRU: (size, options) => new nn.GRU(size, H, { ...f64, ...options }),
  PeepholeLSTM: (size, options) => new nn.PeepholeLSTM(size, H, { peephole: 'full', ...f64, ...options }),
  ChungGRU: (size, options) => new nn.ChungGRU(size, H, { ...f64, ...options }),
}

function make(name: string, inputSize: number = I, options: RecurrentOptions = {}): Network {
  torch.manualSeed(4)
  return (NETWORKS[name] as (typeof NETWORKS)[string])(inputSize, options)
}

/** Output and states of a network, from given states. */
function forward(network: Network, x: Tensor, states: Tensor[]): [output: Tensor, ...states: Tensor[]] {
  if (network instanceof nn.LSTM || network instanceof nn.PeepholeLSTM) {
    const [output, [h, c]] = network.forward(x, states.length > 0 ? [states[0] as Tensor, states[1] as Tensor] : null)
    return [output, h, c]
  }
  return network.forward(x, states[0] ?? null)
}

const draw = (...shape: number[]): Tensor => torch.randn(shape, f64)
const lossOf = (output: Tensor): Tensor =>
  output
    .pow(2)
    .mul(torch.arange(1, L + 1, f64).view([-1, 1, 1]))
    .sum()

/** What a change of c(t) does to h(t): dh ↦ dc. */
function throughCell(network: Network, x: Tensor, dh: Tensor, t: number): Tensor {
  const [trace] = traceGatesSync(network as nn.LSTM, x)
  if (trace?.kind !== 'LSTM') throw new Error('only an LSTM has cells')
  const [o, tanh] = [trace.o.index(t), trace.c.index(t).tanh()]
  const direct = dh.mul(o).mul(tanh.square().neg().add(1))
  if (!(network instanceof nn.PeepholeLSTM)) return direct
  const seen = (network.weight_ch_l0 as Tensor).detach().narrow(0, 2 * H, H)
  return direct.add(dh.mul(tanh).mul(o).mul(o.neg().add(1)).matmul(seen))
}

/**
 * The same by definition: the sequence is cut after step t, the states there are made inputs of all that follows, and
 * that is differentiated. The networks run their own kernels, and no step knows of the others.
 */
function byDefinition(network: Network, x: Tensor, loss: (output: Tensor) => Tensor): number[][] {
  const rows = Array.from({ length: L }, (_, t) => {
    const [before, ...states] = forward(network, x.index(torch.slice(0, t + 1)), [])
    const cut = states.map((state) => state.detach().requiresGrad_())
    const own = cut[0]?.index(-1).unsqueeze(0) as Tensor
    const parts = [before.index(torch.slice(0, t)).detach(), own]
    if (t + 1 < L) parts.push(forward(network, x.index(torch.slice(t + 1)), cut)[0])
    const gradients = torch.autograd.grad(loss(torch.cat(parts)), cut, { allowUnused: true })
    const [dh, dc] = gradients.map((gradient, k) => (gradient ?? torch.zerosLike(cut[k] as Tensor)).squeeze(0))
    const norms = [dh?.norm().item<number>()]
    if (dc !== undefined)
      norms.push(
        dc
          .add(throughCell(network, x, dh as Tensor, t))
          .norm()
          .item<number>(),
      )
    return norms
  })
  return (rows[0] as number[]).map((_, k) => rows.map((row) => row[k] as number))
}

/** Output and state have the same types, for what is done with them here. */
const flowOf = (network: Network, ...rest: [Tensor, (output: [Tensor, Tensor]) => Tensor]) =>
  gradientFlow(network as nn.GRU, ...rest)

describe.each(Object.keys(NETWORKS))('%s', (name) => {
  test('gives the total derivative with respect to the state at each step', async () => {
    const network = make(name)
    const x = draw(L, N, I)
    const [hidden, cell] = byDefinition(network, x, lossOf)
    const flows = await flowOf(network, x, ([output]) => lossOf(output))
    expect(flows).toMatchObject([{ module: '', layer: 0, direction: 'forward' }])
    expectClose(flows[0]?.hidden as number[], hidden as number[], EXACT)
    expect(flows[0]?.cell === undefined).toBe(cell === undefined)
    if (cell !== undefined) expectClose(flows[0]?.cell as number[], cell, EXACT)
    expect(gradientFlowSync(network as nn.GRU, x, ([output]) => lossOf(output))).toEqual(flows)
  })

  test('of each layer: as of networks one after the other', async () => {
    const two = make(name, I, { numLayers: 2 })
    const [one, other] = [make(name), make(name, H)]
    for (const [layer, network] of [one, other].entries()) {
      for (const [key, weight] of network.namedParameters()) {
        const source = two[key.replace('_l0', `_l${layer}`) as 'weight_ih_l0'] as Tensor
        torch.noGrad(() => weight.copy_(source))
      }
    }
    class Stack extends nn.Module {
      first = one
      second = other
      override forward(x: Tensor): Tensor {
        return forward(this.second, forward(this.first, x, [])[0], [])[0]
      }
    }
    const x = draw(L, N, I)
    const [a, b] = await flowOf(two, x, ([output]) => lossOf(output))
    const [first, second] = await gradientFlow(new Stack(), x, lossOf)
    expect([first?.module, second?.module]).toEqual(['first', 'second'])
    expect([a?.layer, b?.layer]).toEqual([0, 1])
    for (const [layer, stacked] of [[a, first] as const, [b, second] as const]) {
      expectClose(layer?.hidden as number[], stacked?.hidden as number[], EXACT)
      expectClose(layer?.cell ?? [], stacked?.cell ?? [], EXACT)
    }
    expectClose(b?.hidden as number[], byDefinition(other, forward(one, x, [])[0], lossOf)[0] as number[], EXACT)
  })

  test('of the second direction: as of a network that reads the input from its end', async () => {
    const both = make(name, I, { bidirectional: true })
    const reverse = make(name)
    for (const [key, weight] of reverse.namedParameters()) {
      torch.noGrad(() => weight.copy_(both[`${key}_reverse` as 'weight_ih_l0'] as Tensor))
    }
    const x = draw(L, N, I)
    const flows = await flowOf(both, x, ([output]) => lossOf(output))
    expect(flows.map(({ direction }) => direction)).toEqual(['forward', 'reverse'])
    const [expected] = await flowOf(reverse, x.flip([0]), ([output]) => lossOf(output.flip([0])))
    expectClose(flows[1]?.hidden as number[], expected?.hidden.toReversed() as number[], EXACT)
  })
})

test.each([RNNModel, LSTMModel, GRUModel])('%o, and the layout of its input', async (Model) => {
  torch.manualSeed(3)
  const model = new Model(I, H, 1, { batchFirst: true, numLayers: 2, ...f64 })
  const x = draw(N, L, I)
  const loss = (output: Tensor): Tensor => output.pow(2).sum()
  const flows = await gradientFlow(model, x, loss)
  expect(flows.map(({ module, layer }) => [module, layer])).toEqual([
    [Model.name.replace('Model', '').toLowerCase(), 0],
    [Model.name.replace('Model', '').toLowerCase(), 1],
  ])
  // The batch is one vector.
  const alone: GradientFlow[][] = []
  for (let n = 0; n < N; n++) alone.push(await gradientFlow(model, x.index(n), loss))
  for (const [layer, { hidden }] of flows.entries()) {
    const expected = hidden.map((_, t) => Math.hypot(...alone.map((one) => one[layer]?.hidden[t] as number)))
    expectClose(hidden, expected, EXACT)
  }
})

test('takes a packed input: a sequence that has ended counts no more', async () => {
  class Packer extends nn.Module {
    gru = new nn.GRU(I, H, f64)
    override forward(x: Tensor): Tensor {
      const packed = nn.utils.rnn.packPaddedSequence(x, [3, L], { enforceSorted: false })
      return nn.utils.rnn.padPackedSequence(this.gru.forward(packed)[0])[0]
    }
  }
  torch.manualSeed(6)
  const model = new Packer()
  const x = draw(L, N, I)
  const [flow] = await gradientFlow(model, x, lossOf)
  const [short] = await gradientFlow(model.gru, x.index(torch.slice(0, 3), 0), ([output]) =>
    output
      .pow(2)
      .mul(torch.arange(1, 4, f64).view([-1, 1]))
      .sum(),
  )
  const [long] = await gradientFlow(model.gru, x.select(1, 1), ([output]) => lossOf(output.unsqueeze(1)))
  expectClose(
    flow?.hidden as number[],
    long?.hidden.map((norm, t) => Math.hypot(norm, short?.hidden[t] ?? 0)) as number[],
    EXACT,
  )
})

test('a state on which the loss does not depend has the gradient 0', async () => {
  const network = make('LSTM', I, { numLayers: 2 }) as nn.LSTM
  const flows = await gradientFlow(network, draw(L, N, I), ([output]) => output.index(1).sum())
  for (const { hidden, cell } of flows) {
    expect(hidden.map((norm) => norm > 0)).toEqual([true, true, false, false, false, false])
    expect(cell?.slice(2)).toEqual([0, 0, 0, 0])
  }
  const [first, second] = await gradientFlow(network, draw(L, N, I), ([, [h]]) => h.index(0).sum())
  expect(first?.hidden.every((norm) => norm > 0)).toBe(true)
  expect(second?.hidden).toEqual([0, 0, 0, 0, 0, 0])
})

test('leaves no tensor, no gradient, and all modes as they were', async () => {
  const model = new LSTMModel(I, H, 1)
  const x = torch.randn([L, N, I])
  await collectGarbage()
  const live = torch.memory().tensors
  await torch.noGrad(() => gradientFlow(model, x, (output) => output.sum()))
  gradientFlowSync(model, x, (output) => output.sum())
  expect(torch.memory().tensors).toBe(live)
  expect([...model.parameters()].every((parameter) => parameter.grad === null)).toBe(true)
  // What comes after runs as before, not by steps.
  expect(model.lstm.forward(x)[0].gradFn).toBe(new nn.LSTM(I, H).forward(x)[0].gradFn)
})

test('leaves the event loop free', { retry: 2 }, async () => {
  const network = new nn.GRU(8, 64, f64)
  const x = torch.randn([400, 8, 8], f64)
  const start = performance.now()
  const running = gradientFlow(network, x, ([output]) => output.pow(2).sum())
  const queued = performance.now() - start
  await running
  expect(queued).toBeLessThan((performance.now() - start) / 4)
})

describe('refuses', () => {
  const gru = new nn.GRU(I, H, f64)
  const x = torch.zeros([L, N, I], f64)
  test.each([
    [() => gradientFlowSync({} as never, x, () => x), 'ERR_TORCH_TYPE', /model must be a Module/],
    [
      () => gradientFlowSync(new nn.Linear(I, 1, f64), x, (y) => y.sum()),
      'ERR_TORCH_VALUE',
      /no recurrent network ran in Linear/,
    ],
    [() => gradientFlowSync(gru, [1] as never, () => x), 'ERR_TORCH_TYPE', /input must be a Tensor, got \[/],
    [() => gradientFlowSync(gru, x, 'mse' as never), 'ERR_TORCH_TYPE', /loss must be a function, got 'mse'/],
    [() => gradientFlowSync(gru, x, () => 1 as never), 'ERR_TORCH_TYPE', /loss must return a Tensor, got 1/],
    [() => gradientFlowSync(gru, x, ([output]) => output), 'ERR_TORCH_AUTOGRAD', /only for scalar outputs/],
    [() => gradientFlowSync(gru, x, () => torch.zeros([])), 'ERR_TORCH_AUTOGRAD', /does not require grad/],
    [
      () => gradientFlowSync(gru, torch.zeros([1, 1, 9], f64), ([y]) => y.sum()),
      'ERR_TORCH_SHAPE',
      /Expected 2, got 9/,
    ],
  ] as const)('%s', (call, code, message) => {
    expectError(call, code, message)
  })

  test('and rejects off the main thread', async () => {
    await expect(gradientFlow(gru, torch.zeros([1, 1, 9], f64), ([y]) => y.sum())).rejects.toThrow('Expected 2, got 9')
    await expect(gradientFlow(new nn.Linear(I, 1, f64), x, (y) => y.sum())).rejects.toThrow('no recurrent network ran')
  })
})

test('SequenceModel, where gradients vanish or explode as the recurrence has it', async () => {
  const rnn = new nn.RNN(1, H, f64)
  const model = new SequenceModel(rnn, 1)
  const x = torch.zeros([20, 1, 1], f64)
  for (const factor of [0.5, 1.5]) {
    // Linear around 0: each step back multiplies by the factor.
    torch.noGrad(() => {
      for (const parameter of rnn.parameters()) parameter.zero_()
      rnn.weight_hh_l0?.copy_(torch.eye(H, f64).mul(factor))
    })
    const [flow] = await gradientFlow(model, x, (output) => output.index(-1).sum())
    const last = model.linear.weight.norm().item<number>()
    expectClose(
      flow?.hidden as number[],
      Array.from({ length: 20 }, (_, t) => last * factor ** (19 - t)),
      EXACT,
    )
  }
})
