import { describe, expect, test } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { type GateTrace, traceGates, traceGatesSync } from '../../lib/inspect/index.ts'
import { GRUModel, LSTMModel, SequenceModel } from '../../lib/models/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { collectGarbage } from '../support/garbage.ts'

const [I, H, L, N] = [3, 4, 5, 2] as const
const EXACT = { rtol: 1e-10, atol: 1e-12 }
const f64 = { dtype: 'float64' } as const

const draw = (...shape: number[]): Tensor => torch.randn(shape, f64)
const values = (tensor: Tensor): number[][][] => tensor.toArray() as number[][][]

/** What a state was before each step. */
function before(states: Tensor, first: Tensor): Tensor {
  return torch.cat([first, states.index(torch.slice(0, -1))])
}

function traceOf<Kind extends GateTrace['kind']>(trace: GateTrace | undefined, kind: Kind) {
  if (trace?.kind !== kind) throw new Error(`expected the trace of a ${kind}, got ${trace?.kind}`)
  return trace as Extract<GateTrace, { kind: Kind }>
}

test('LSTM: the gates are those of its formulas, and lead to its output', async () => {
  torch.manualSeed(1)
  const lstm = new nn.LSTM(I, H, f64)
  const [x, h0, c0] = [draw(L, N, I), draw(1, N, H), draw(1, N, H)]
  const [output, [hN, cN]] = lstm.forward(x, [h0, c0])
  const traces = await traceGates(lstm, x, [h0, c0])
  expect(traces).toMatchObject([{ module: '', layer: 0, direction: 'forward', kind: 'LSTM' }])
  const { i, f, g, o, c, h } = traceOf(traces[0], 'LSTM')
  expectClose(h, values(output), EXACT)
  expectClose(h.index(-1), values(hN.index(0)), EXACT)
  expectClose(c.index(-1), values(cN.index(0)), EXACT)
  const [w, u] = [lstm.weight_ih_l0, lstm.weight_hh_l0] as [Tensor, Tensor]
  const bias = (lstm.bias_ih_l0 as Tensor).add(lstm.bias_hh_l0 as Tensor)
  const sums = x.matmul(w.t()).add(before(h, h0).matmul(u.t())).add(bias).chunk(4, 2)
  for (const [k, gate] of [i, f, g, o].entries()) {
    const sum = sums[k] as Tensor
    expectClose(gate, values(k === 2 ? sum.tanh() : sum.sigmoid()), EXACT)
  }
  expectClose(c, values(f.mul(before(c, c0)).add(i.mul(g))), EXACT)
  expectClose(h, values(o.mul(c.tanh())), EXACT)
})

test('GRU: the gates are those of its formulas, and lead to its output', async () => {
  torch.manualSeed(2)
  const gru = new nn.GRU(I, H, f64)
  const [x, h0] = [draw(L, N, I), draw(1, N, H)]
  const [output, hN] = gru.forward(x, h0)
  const { r, z, n, h } = traceOf((await traceGates(gru, x, h0))[0], 'GRU')
  expectClose(h, values(output), EXACT)
  expectClose(h.index(-1), values(hN.index(0)), EXACT)
  const last = before(h, h0)
  const [w, u] = [gru.weight_ih_l0, gru.weight_hh_l0] as [Tensor, Tensor]
  const [xr, xz, xn] = x
    .matmul(w.t())
    .add(gru.bias_ih_l0 as Tensor)
    .chunk(3, 2) as [Tensor, Tensor, Tensor]
  const [hr, hz, hn] = last
    .matmul(u.t())
    .add(gru.bias_hh_l0 as Tensor)
    .chunk(3, 2) as [Tensor, Tensor, Tensor]
  expectClose(r, values(xr.add(hr).sigmoid()), EXACT)
  expectClose(z, values(xz.add(hz).sigmoid()), EXACT)
  expectClose(n, values(xn.add(r.mul(hn)).tanh()), EXACT)
  expectClose(h, values(z.mul(last).add(z.neg().add(1).mul(n))), EXACT)
})

describe.each(['LSTM', 'GRU', 'RNN'] as const)(
  '%s: the last layer makes the output, layer by layer and direction by direction',
  (kind) => {
    test.each([
      { numLayers: 2, bidirectional: true },
      { numLayers: 3, batchFirst: true },
      { bidirectional: true, batchFirst: true, bias: false },
      ...(kind === 'LSTM' ? [{ projSize: 2, bidirectional: true, numLayers: 2 }] : []),
      ...(kind === 'RNN' ? [{ nonlinearity: 'relu', numLayers: 2 } as const] : []),
    ])('%o', async (options) => {
      torch.manualSeed(3)
      // All take and give the same, for what is done with them here.
      const network = new nn[kind](I, H, { ...options, ...f64 } as object) as nn.GRU
      const x = options.batchFirst ? draw(N, L, I) : draw(L, N, I)
      for (const input of [x, x.index(0)]) {
        const [output] = network.forward(input)
        const traces = await traceGates(network, input)
        const directions = options.bidirectional ? (['forward', 'reverse'] as const) : (['forward'] as const)
        expect(traces.map(({ layer, direction }) => [layer, direction])).toEqual(
          Array.from({ length: options.numLayers ?? 1 }, (_, k) =>
            directions.map((direction) => [k, direction]),
          ).flat(),
        )
        expectClose(
          torch.cat(
            traces.slice(-directions.length).map(({ h }) => h),
            -1,
          ),
          values(output),
          EXACT,
        )
      }
    })
  },
)

test("PeepholeLSTM and ChungGRU: each by its own equations, in one model's parts", async () => {
  torch.manualSeed(4)
  class Two extends nn.Module {
    first = new nn.PeepholeLSTM(I, H, { gateActivation: 'hardSigmoid', ...f64 })
    second = new SequenceModel(new nn.ChungGRU(H, H, { batchFirst: false, ...f64 }), 1)
    override forward(x: Tensor): Tensor {
      return this.second.forward(this.first.forward(x)[0])
    }
  }
  const model = new Two()
  const x = draw(L, N, I)
  const traces = await traceGates(model, x)
  expect(traces.map(({ module }) => module)).toEqual(['first', 'second.network'])
  const lstm = traceOf(traces[0], 'LSTM')
  expectClose(lstm.h, values(model.first.forward(x)[0]), EXACT)
  const { z, n, h } = traceOf(traces[1], 'GRU')
  expectClose(model.second.linear.forward(h), values(model.forward(x)), EXACT)
  expectClose(h, values(torch.lerp(before(h, torch.zeros([1, N, H], f64)), n, z)), EXACT)
})

test('packed sequences come back padded, in the order of the input', async () => {
  torch.manualSeed(5)
  const lstm = new nn.LSTM(I, H, { bidirectional: true, batchFirst: true, ...f64 })
  const [x, lengths] = [draw(3, L, I), [2, L, 4]]
  const packed = nn.utils.rnn.packPaddedSequence(x, lengths, { batchFirst: true, enforceSorted: false })
  const [output] = nn.utils.rnn.padPackedSequence(lstm.forward(packed)[0], { batchFirst: true })
  const traces = await traceGates(lstm, packed)
  expectClose(
    torch.cat(
      traces.map(({ h }) => h),
      -1,
    ),
    values(output),
    EXACT,
  )
  for (const [n, length] of lengths.entries()) {
    const alone = await traceGates(lstm, x.index(n, torch.slice(0, length)))
    for (const [direction, trace] of alone.entries()) {
      const { f } = traceOf(trace, 'LSTM')
      const whole = traceOf(traces[direction], 'LSTM').f.index(n)
      expectClose(whole.index(torch.slice(0, length)), values(f), EXACT)
      expect(whole.index(torch.slice(length)).countNonzero().item()).toBe(0)
    }
  }
})

test('records no gradients, keeps its tensors alone, and blocks where it says so', async () => {
  const model = new GRUModel(I, H, 1)
  const x = torch.randn([L, N, I])
  await collectGarbage()
  const live = torch.memory().tensors
  const traces = await traceGates(model, x)
  expect(torch.memory().tensors).toBe(live + 4)
  const trace = traceOf(traces[0], 'GRU')
  expect(trace).toMatchObject({ module: 'gru', layer: 0 })
  expect(trace.z.requiresGrad).toBe(false)
  const same = torch.tidy(() => traceOf(traceGatesSync(model, x)[0], 'GRU').z.toArray())
  expect(same).toEqual(trace.z.toArray())
  for (const tensor of [trace.r, trace.z, trace.n, trace.h]) tensor.dispose()
  expect(torch.memory().tensors).toBe(live)
})

test('refuses a model without a recurrent network', async () => {
  expectError(
    () => traceGatesSync(new nn.Linear(1, 1), torch.zeros([1])),
    'ERR_TORCH_VALUE',
    'no recurrent network ran',
  )
  expectError(() => traceGatesSync({ forward: () => 1 } as never), 'ERR_TORCH_TYPE', 'model must be a Module')
  await expect(traceGates(new LSTMModel(I, H, 1), torch.zeros([1, 1, 9]))).rejects.toThrow('Expected 3, got 9')
})
