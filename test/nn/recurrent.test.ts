import { describe, expect, test } from 'vitest'
import { mseLoss } from '../../lib/nn/functional/index.ts'
import {
  GRU,
  Linear,
  LSTM,
  type LSTMState,
  type Parameter,
  type RecurrentModule,
  RNN,
  utils,
} from '../../lib/nn/index.ts'
import { Adam, AdamW, SGD } from '../../lib/optim/index.ts'
import { native } from '../../lib/tensor/binding.ts'
import { failure } from '../../lib/tensor/failure.ts'
import { idOf, type Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

// More threads only get in each other's way on problems this small.
torch.setNumThreads(1)

function forward(module: RNN | LSTM | GRU, x: Tensor, states: Tensor[]): Tensor[] {
  if (module instanceof LSTM) {
    const [output, [h, c]] = module.forward(x, states.length > 0 ? (states as unknown as LSTMState) : null)
    return [output, h, c]
  }
  return module.forward(x, states[0] ?? null)
}

test.each([
  [() => new LSTM(Number.NaN, 4), 'ERR_TORCH_VALUE', /LSTM: inputSize must be a positive integer, got NaN/],
  [() => new LSTM('4' as never, 4), 'ERR_TORCH_TYPE', /LSTM: inputSize must be a positive integer, got '4'/],
  [() => new LSTM(4, 2.5), 'ERR_TORCH_VALUE', /hiddenSize must be a positive integer, got 2.5/],
  [() => new LSTM(4, 1e15), 'ERR_TORCH_OUT_OF_MEMORY', /./],
  [() => new GRU(4, 4, { projSize: 2 } as never), 'ERR_TORCH_OPTION', /projSize is an option of LSTM only/],
  [() => new GRU(4, 4, { numLayer: 2 } as never), 'ERR_TORCH_OPTION', /did you mean 'numLayers'/],
  [() => new GRU(4, 4, { bias: 1 as never }), 'ERR_TORCH_TYPE', /bias must be a boolean, got 1/],
  [() => new GRU(4, 4, null as never), 'ERR_TORCH_TYPE', /options must be an object, got null/],
  [() => new GRU(4, 4).forward('x' as never), 'ERR_TORCH_TYPE', /expected a Tensor, got 'x'/],
  [
    () => new LSTM(4, 4).forward(torch.zeros([1, 1, 4]), torch.zeros([1]) as never),
    'ERR_TORCH_TYPE',
    /state must be \[h, c\]/,
  ],
  [
    () => new GRU(4, 4).forward(torch.zeros([0, 1, 4])),
    'ERR_TORCH_RUNTIME',
    /Expected sequence length to be larger than 0/,
  ],
] as const)('refuses %s', (call, code, message) => {
  expectError(call, code, message)
})

test('a disposed input or state is an error', () => {
  const gone = torch.zeros([1, 1, 4])
  gone.dispose()
  expectError(() => new GRU(4, 4).forward(gone), 'ERR_TORCH_DISPOSED', /disposed/)
  expectError(() => new GRU(4, 4).forward(torch.zeros([1, 1, 4]), gone), 'ERR_TORCH_DISPOSED', /disposed/)
})

test('warns of dropout in a single layer', async () => {
  const warning = new Promise((resolve) => process.once('warning', resolve))
  new LSTM(2, 2, { dropout: 0.5 })
  expect(String(await warning)).toContain('LSTM: dropout acts between layers')
})

// The behaviours of PyTorch's test/cpp/api/rnn.cpp and of the recurrent part of its test/test_nn.py. Its checks of values
// are in parity.test.ts, those of errors in mistakes.test.ts, those of packed sequences in packed.test.ts.

const float64 = { dtype: 'float64' } as const
const KINDS = {
  'RNN with tanh': (input: number, hidden: number, options: object) => new RNN(input, hidden, options),
  'RNN with relu': (input: number, hidden: number, options: object) =>
    new RNN(input, hidden, { ...options, nonlinearity: 'relu' }),
  GRU: (input: number, hidden: number, options: object) => new GRU(input, hidden, options),
  LSTM: (input: number, hidden: number, options: object) => new LSTM(input, hidden, options),
  'LSTM with a projection': (input: number, hidden: number, options: object) =>
    new LSTM(input, hidden, { ...options, projSize: hidden - 1 }),
}
type Make = (typeof KINDS)[keyof typeof KINDS]

function zeroStates(module: RNN | LSTM | GRU, batch: number): Tensor[] {
  const layers = module.numLayers * (module.bidirectional ? 2 : 1)
  const widths =
    module instanceof LSTM ? [module.projSize || module.hiddenSize, module.hiddenSize] : [module.hiddenSize]
  return widths.map((width) =>
    torch.zeros([layers, batch, width], { dtype: module.allWeights[0]?.[0]?.dtype as 'float32' }),
  )
}

test('a final state that is the next initial one changes', () => {
  const lstm = new LSTM(128, 64, { numLayers: 3, dropout: 0.2 })
  const x = torch.randn([10, 16, 128])
  const [output, state] = lstm.forward(x)
  const [nextOutput, nextState] = lstm.forward(x, state)
  for (const [y, [h, c]] of [
    [output, state],
    [nextOutput, nextState],
  ] as const) {
    expect([y.shape, h.shape, c.shape]).toEqual([
      [10, 16, 64],
      [3, 16, 64],
      [3, 16, 64],
    ])
    expect(h.norm().item() as number).toBeGreaterThan(0)
  }
  expect(nextState[0].sub(state[0]).abs().sum().item() as number).toBeGreaterThan(1e-3)
})

describe.each(Object.entries<Make>(KINDS))('%s', (_, make) => {
  test('learns to count the ones among five random bits', () => {
    torch.manualSeed(0)
    const first = new Linear(1, 32)
    const recurrent = make(32, 32, { numLayers: 2 })
    const last = new Linear(recurrent.projSize || 32, 1)
    const optimizer = new Adam(
      [first, recurrent, last].flatMap((module) => [...module.parameters()]),
      { lr: 1e-2 },
    )
    let running = 1
    for (let step = 0; step <= 1500 && running > 1e-2; step++) {
      torch.tidy(() => {
        const bits = torch.rand([5, 16, 1]).round()
        const [output] = (recurrent as GRU).forward(first.forward(bits).tanh())
        const loss = mseLoss(last.forward(output.index(-1)), bits.sum(0))
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
        running = running * 0.99 + (loss.item() as number) * 0.01
      })
    }
    expect(running).toBeLessThan(1e-2)
  })

  test('begins with zeros where no state is given, in the dtype of the input', () => {
    for (const dtype of ['float32', 'float64', 'bfloat16', 'float16'] as const) {
      const module = make(3, 4, { numLayers: 2, bidirectional: true, dtype })
      const x = torch.randn([5, 2, 3]).to(dtype)
      const zero = forward(module, x, zeroStates(module, 2))
      for (const [i, tensor] of forward(module, x, []).entries()) {
        expect(tensor.dtype).toBe(dtype)
        expect(tensor.equal(zero[i] as Tensor)).toBe(true)
      }
    }
  })

  test('computes in half precision about what it computes in float32', () => {
    const module = make(3, 4, { numLayers: 2 })
    const x = torch.randn([5, 2, 3])
    const exact = forward(module, x, [])
    for (const dtype of ['bfloat16', 'float16'] as const) {
      const halved = make(3, 4, { numLayers: 2, dtype })
      halved.loadStateDict(module.stateDict())
      const results = forward(halved, x.to(dtype), [])
      for (const [i, tensor] of results.entries()) {
        expectClose(tensor.float(), exact[i]?.toArray() as number[], { rtol: 0.05, atol: 0.05 })
      }
      results[0]?.sum().backward()
      expect(halved.weight_ih_l0?.grad?.dtype).toBe(dtype)
    }
  })

  test('reads backwards in the second direction', () => {
    const both = make(1, 2, { bidirectional: true, ...float64 })
    const reverse = make(1, 2, float64)
    reverse.loadStateDict(
      Object.fromEntries(
        Object.keys(reverse.stateDict()).map((name) => [name, both.stateDict()[`${name}_reverse`] as Tensor]),
      ),
    )
    const x = torch.arange(1, 6, float64).reshape([5, 1, 1])
    const [y, h] = forward(both, x, []) as [Tensor, Tensor]
    const [reversed, last] = forward(reverse, x.flip([0]), []) as [Tensor, Tensor]
    const width = reversed.size(2)
    expect(y.index('...', torch.slice(width)).equal(reversed.flip([0]))).toBe(true)
    expect(h.index(1).equal(last.index(0))).toBe(true)
  })

  test('gives the same gradients when a graph is gone through twice', () => {
    const module = make(3, 4, { numLayers: 2 })
    const x = torch.randn([5, 6, 3], { requiresGrad: true })
    const [output] = forward(module, x, [])
    const gradients = (): Tensor[] => {
      module.zeroGrad()
      x.grad = null
      output?.sum().backward(null, { retainGraph: true })
      return [x, ...module.parameters()].map((tensor) => (tensor.grad as Tensor).clone())
    }
    const first = gradients()
    for (const [i, gradient] of gradients().entries()) expect(gradient.equal(first[i] as Tensor)).toBe(true)
  })

  test('takes one step, and a batch of none, but not a sequence of no steps', () => {
    const module = make(3, 4, { numLayers: 2, bidirectional: true })
    for (const [steps, batch] of [
      [1, 2],
      [3, 0],
      [1, 0],
    ] as const) {
      const x = torch.randn([steps, batch, 3], { requiresGrad: true })
      const [output, h] = forward(module, x, []) as [Tensor, Tensor]
      expect(output.shape.slice(0, 2)).toEqual([steps, batch])
      expect(h.shape.slice(0, 2)).toEqual([4, batch])
      output.sum().backward()
      expect(x.grad?.shape).toEqual([steps, batch, 3])
    }
    for (const size of [
      [0, 2, 3],
      [0, 3],
    ]) {
      expectError(
        () => forward(module, torch.zeros(size), []),
        'ERR_TORCH_RUNTIME',
        /Expected sequence length to be larger/,
      )
    }
  })

  test('uses a parameter that is put in the place of another, and one in two places', () => {
    const module = make(3, 4, { bidirectional: true })
    for (const [name] of [...module.namedParameters()].filter(([name]) => !name.endsWith('_reverse'))) {
      module[`${name}_reverse` as 'weight_tied'] = module[name as 'weight_tied'] as Parameter
    }
    expect([...module.parameters()].length).toBe(module.allWeights.flat().length / 2)
    const x = torch.randn([5, 2, 3])
    const [output] = forward(module, x, []) as [Tensor]
    const [ahead, back] = output.chunk(2, -1) as [Tensor, Tensor]
    const [flipped] = forward(module, x.flip([0]), []) as [Tensor]
    expectClose(back, flipped.flip([0]).chunk(2, -1)[0]?.toArray() as number[])
    const weight = module.weight_ih_l0 as Parameter
    const gradients = [ahead, back, output].map(
      (tensor) => torch.autograd.grad(tensor.sum(), weight, { retainGraph: true })[0],
    )
    const [a, b, both] = gradients as [Tensor, Tensor, Tensor]
    expectClose(both, a.add(b).toArray() as number[])
  })

  test('first and second derivatives agree with differences', () => {
    // Away from the kinks of relu.
    torch.manualSeed(4)
    const module = make(2, 3, { numLayers: 2, bidirectional: true, ...float64 })
    const x = torch.randn([4, 2, 2], { ...float64, requiresGrad: true })
    const states = zeroStates(module, 2).map((state) => state.add(torch.randn(state.shape, float64)).requiresGrad_())
    const inputs = [x, ...states, ...module.parameters()]
    const weights = forward(module, x, states).map((tensor) => torch.randn(tensor.shape, float64))
    const loss = (): Tensor => {
      const results = forward(module, x, states)
      return results.map((tensor, i) => tensor.mul(weights[i] as Tensor).sum()).reduce((sum, term) => sum.add(term))
    }
    const slope = (): Tensor =>
      torch.autograd
        .grad(loss(), inputs, { createGraph: true })
        .map((gradient) => gradient.square().sum())
        .reduce((sum, term) => sum.add(term))
    const step = 1e-6
    for (const fn of [loss, slope]) {
      const exact = torch.autograd.grad(fn(), inputs)
      for (const [i, input] of inputs.entries()) {
        // Along a random direction.
        const direction = torch.randn(input.shape, float64)
        const at = (distance: number): number =>
          torch.tidy(() => {
            const before = input.detach().clone()
            torch.noGrad(() => input.add_(direction.mul(distance)))
            const value = fn().item() as number
            torch.noGrad(() => input.copy_(before))
            return value
          })
        const numeric = (at(step) - at(-step)) / (2 * step)
        expectClose((exact[i] as Tensor).mul(direction).sum().item() as number, numeric, { rtol: 1e-5, atol: 1e-6 })
      }
    }
  })

  test('computes the same off the main thread, gradients too', async () => {
    const module = make(3, 4, { numLayers: 2, bidirectional: true })
    const x = torch.randn([5, 2, 3])
    const pass = (): Tensor[] => {
      module.zeroGrad()
      const results = forward(module, x.mul(1), zeroStates(module, 2))
      results
        .map((tensor) => tensor.square().sum())
        .reduce((sum, term) => sum.add(term))
        .backward()
      return [...results, ...[...module.parameters()].map(({ grad }) => (grad as Tensor).clone())]
    }
    const later = await torch.offload(pass)
    for (const [i, tensor] of pass().entries()) expectClose(later[i] as Tensor, tensor.toArray() as number[])
  })

  test('flattenParameters changes nothing on the CPU', () => {
    const module = make(3, 4, { numLayers: 2, bidirectional: true })
    const before = [...module.parameters()].map((parameter) => parameter.clone())
    module.flattenParameters()
    for (const [i, parameter] of [...module.parameters()].entries()) {
      expect(parameter.equal(before[i] as Tensor)).toBe(true)
      expect(native.sharesStorage(idOf(parameter), idOf(module.weight_hh_l1_reverse as Parameter))).toBe(
        parameter === module.weight_hh_l1_reverse,
      )
    }
  })

  test.skipIf(!native.runtimeInfo().cuda)('lies in one block of memory on a CUDA device, also after loading', () => {
    const module = make(3, 4, { numLayers: 2, bidirectional: true })
    const x = torch.randn([5, 2, 3])
    const expected = forward(module, x, [])
    const parameters = [...module.parameters()]
    module.to('cuda')
    const flat = (): boolean =>
      parameters.every((parameter) => native.sharesStorage(idOf(parameter), idOf(parameters[0] as Parameter)))
    expect(flat()).toBe(true)
    module.loadStateDict(module.stateDict())
    expect(flat()).toBe(true)
    for (const [i, tensor] of forward(module, x.cuda(), []).entries()) {
      expectClose(tensor.cpu(), expected[i]?.toArray() as number[], { atol: 1e-4 })
    }
  })
})

describe('dropout', () => {
  /** Each unit of the first layer gives 10, which the second adds up, as far as dropout lets through. */
  function network(p: number): { rnn: RNN; run: () => [output: Tensor, hN: Tensor] } {
    const rnn = new RNN(10, 1000, { numLayers: 2, bias: false, dropout: p, nonlinearity: 'relu' })
    torch.noGrad(() => {
      for (const [w_ih, w_hh] of rnn.allWeights as [Tensor, Tensor][]) {
        w_ih.fill_(1)
        w_hh.fill_(0)
      }
    })
    return { rnn, run: () => rnn.forward(torch.ones([1, 1, 10]), torch.zeros([2, 1, 1000])) }
  }

  test.each([
    [0, true],
    [0.276, true],
    [0.731, true],
    [1, true],
    [0.276, false],
  ])('of p = %d between the layers, in training: %s', (p, train) => {
    const { rnn, run } = network(p)
    rnn.train(train)
    const [output, hN] = run()
    const value = output.index(0, 0, 0).item() as number
    expect([output.amin().item(), output.amax().item()]).toEqual([value, value])
    expect(hN.index(0).amin().item()).toBe(10)
    expect(hN.index(1, 0, 0).item()).toBe(value)
    if (p === 0 || !train) {
      expect(value).toBe(10_000)
    } else if (p === 1) {
      expect(value).toBe(0)
    } else {
      expect(value).toBeGreaterThan(8000)
      expect(value).toBeLessThan(12_000)
      // So many units times 10 / (1 - p).
      expectClose(Math.round((value * (1 - p)) / 10) * 10, value * (1 - p), { rtol: 1e-5 })
    }
  })

  test('differs from call to call, unless there is none or it is off', () => {
    const x = torch.randn([3, 2, 100])
    for (const [p, train] of [
      [0, true],
      [0.5, false],
      [0.5, true],
    ] as const) {
      const gru = new GRU(100, 100, { numLayers: 2, dropout: p }).train(train)
      const [[first], [second]] = [gru.forward(x), gru.forward(x)]
      expect(first.equal(second)).toBe(p === 0 || !train)
    }
  })

  test('can be changed', () => {
    const { rnn, run } = network(1)
    expect(run()[0].amax().item()).toBe(0)
    rnn.dropout = 0
    expect(run()[0].amax().item()).toBe(10_000)
    for (const p of [2, -1, Number.NaN]) {
      rnn.dropout = p
      expectError(run, 'ERR_TORCH_VALUE', /dropout probability has to be between 0 and 1, but got/)
    }
  })
})

describe('a network that keeps packed weights sees a change of its parameters', () => {
  const trained = (make: (parameters: Iterable<Parameter>) => { step(): unknown }) => (gru: GRU) => {
    const optimizer = make(gru.parameters())
    gru
      .forward(torch.randn([2, 3]))[0]
      .sum()
      .backward()
    optimizer.step()
  }
  const weight = (gru: GRU): Parameter => gru.weight_hh_l0 as Parameter
  const changes: Record<string, (gru: GRU) => unknown> = {
    'by a step of SGD': trained((parameters) => new SGD(parameters, { lr: 0.1 })),
    'by a step of SGD with momentum': trained((parameters) => new SGD(parameters, { lr: 0.1, momentum: 0.9 })),
    'by a step of Adam': trained((parameters) => new Adam(parameters, { lr: 0.1 })),
    'by a step of AdamW': trained((parameters) => new AdamW(parameters, { lr: 0.1 })),
    'in place': (gru) => torch.noGrad(() => weight(gru).mul_(2)),
    'in inference mode': (gru) => torch.inferenceMode(() => weight(gru).mul_(2)),
    'through a view': (gru) => torch.noGrad(() => weight(gru).index(1).fill_(3)),
    'through a detached tensor': (gru) => weight(gru).detach().mul_(2),
    'of one element': (gru) => torch.noGrad(() => weight(gru).indexPut_([0, 0], 5)),
    'through a view of its memory': (gru) => (weight(gru).toTypedArray({ copy: false }) as Float32Array).fill(1),
    'by loading': (gru) => gru.loadStateDict(new GRU(3, 4).stateDict()),
    'by assignment': (gru) => Object.assign(gru, { weight_hh_l0: new GRU(3, 4).weight_hh_l0 }),
    'by another dtype and back': (gru) => gru.to('float64').to('float32').resetParameters(),
  }

  test.each(Object.entries(changes))('%s', (_, change) => {
    const gru = new GRU(3, 4)
    const x = torch.randn([5, 2, 3])
    const [before] = gru.forward(x)
    change(gru)
    const plain = new GRU(3, 4, { backend: 'libtorch' })
    plain.loadStateDict(gru.stateDict())
    const [expected] = plain.forward(x)
    expect(before.allclose(expected)).toBe(false)
    expectClose(gru.forward(x)[0], expected.toArray() as number[])
    expectClose(
      torch.inferenceMode(() => gru.forward(x)[0]),
      expected.toArray() as number[],
    )
  })
})

test('the error of cuDNN says how to take gradients of a network in evaluation', () => {
  const thrown = Object.assign(new Error('cudnn RNN backward can only be called in training mode'), { kind: 'runtime' })
  expect(failure(thrown)).toMatchObject({
    code: 'ERR_TORCH_AUTOGRAD',
    message: expect.stringMatching(/training mode: call train\(\) on the module before the forward/),
  })
})

test('allWeights has the weights of each layer and direction', () => {
  const lstm = new LSTM(2, 3, { numLayers: 2, bidirectional: true, projSize: 1 })
  const names = new Map([...lstm.namedParameters()].map(([name, parameter]) => [parameter, name]))
  const of = (suffix: string): string[] =>
    ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh', 'weight_hr'].map((name) => `${name}_${suffix}`)
  expect(lstm.allWeights.map((weights) => weights.map((weight) => names.get(weight)))).toEqual([
    of('l0'),
    of('l0_reverse'),
    of('l1'),
    of('l1_reverse'),
  ])
})

test('a network can be chosen at run time', () => {
  for (const kind of [RNN, LSTM, GRU]) {
    const network: RecurrentModule = new kind(2, 3)
    const [output] = network.forward(torch.randn([4, 2]))
    const [packed] = network.forward(utils.rnn.packSequence([torch.randn([4, 2])]), null)
    expect([output.shape, packed.data.shape]).toEqual([
      [4, 3],
      [4, 3],
    ])
  }
})
