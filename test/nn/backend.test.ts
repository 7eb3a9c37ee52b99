import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { native } from '../../lib/tensor/binding.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

const INSTRUCTION_SETS = native.instructionSets()
const [BEST = ''] = INSTRUCTION_SETS

type Kind = 'LSTM' | 'GRU' | 'RNN' | 'RNN relu'
type Network = nn.LSTM | nn.GRU | nn.RNN

function network(kind: Kind, input: number, hidden: number, options: nn.LSTMOptions): Network {
  const { projSize = 0, ...shared } = options
  if (kind === 'LSTM') return new nn.LSTM(input, hidden, { ...shared, projSize })
  if (kind === 'GRU') return new nn.GRU(input, hidden, shared)
  return new nn.RNN(input, hidden, { ...shared, nonlinearity: kind === 'RNN' ? 'tanh' : 'relu' })
}

/** The same network twice, over the fused kernels and over LibTorch. */
function twins(kind: Kind, input: number, hidden: number, options: nn.LSTMOptions): [Network, Network] {
  const fused = network(kind, input, hidden, options)
  const libtorch = network(kind, input, hidden, { ...options, backend: 'libtorch' })
  libtorch.loadStateDict(fused.stateDict())
  return [fused, libtorch]
}

type Input = Tensor | nn.utils.rnn.PackedSequence

/** Output and final states, as one list. */
function outputs(net: Network, input: Input, state: Tensor[] = []): Tensor[] {
  const given = net instanceof nn.LSTM ? (state.length > 0 ? (state as unknown as nn.LSTMState) : null) : state[0]
  const [output, last] = (net.forward as (x: Input, s: unknown) => [Input, Tensor | Tensor[]]).call(net, input, given)
  return [output instanceof nn.utils.rnn.PackedSequence ? output.data : output, ...[last].flat()]
}

/** All that a network computes for an input: output, states, and the gradients of input, states and parameters. */
function everything(net: Network, values: Tensor, states: Tensor[], lengths?: number[]): Tensor[] {
  net.zeroGrad()
  const x = values.detach().clone().requiresGrad_(true)
  const state = states.map((tensor) => tensor.detach().clone().requiresGrad_(true))
  const { batchFirst } = net
  const input =
    lengths === undefined ? x : nn.utils.rnn.packPaddedSequence(x, lengths, { batchFirst, enforceSorted: false })
  const results = outputs(net, input, state)
  // Every element counts differently, so that none can stand in for another.
  const loss = results.map((result, i) =>
    result.mul(torch.arange(0, result.numel).mul(0.37).add(i).cos().reshape(result.shape)).sum(),
  )
  torch.stack(loss).sum().backward()
  return [
    ...results,
    x.grad as Tensor,
    ...state.map((s) => s.grad as Tensor),
    ...[...net.parameters()].map((p) => p.grad as Tensor),
  ]
}

function expectSame(fused: Tensor[], libtorch: Tensor[], rtol = 1e-4): void {
  expect(fused.length).toBe(libtorch.length)
  fused.forEach((tensor, i) => {
    const reference = libtorch[i] as Tensor
    const scale = Math.max(1, reference.abs().max().item<number>())
    expectClose(tensor, reference, { rtol: 0, atol: (i < 3 ? 1e-5 : rtol) * scale })
  })
}

afterEach(() => {
  native.instructionSet(BEST)
  torch.setNumThreads(2)
})

describe.each(INSTRUCTION_SETS)('the fused kernels with %s', (instructions) => {
  it('agree with LibTorch in outputs and gradients, whatever the network', () => {
    const options = fc.record({
      kind: fc.constantFrom<Kind>('LSTM', 'GRU', 'RNN', 'RNN relu'),
      input: fc.constantFrom(1, 3, 16, 33),
      hidden: fc.constantFrom(1, 7, 16, 33, 64),
      numLayers: fc.integer({ min: 1, max: 3 }),
      bidirectional: fc.boolean(),
      bias: fc.boolean(),
      batchFirst: fc.boolean(),
      projected: fc.boolean(),
      batch: fc.constantFrom(1, 2, 5, 13),
      lengths: fc.option(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 13, maxLength: 13 })),
      states: fc.boolean(),
      threads: fc.constantFrom(1, 2, 3),
      seed: fc.integer({ min: 0, max: 1e6 }),
    })
    fc.assert(
      fc.property(options, (o) =>
        torch.tidy(() => {
          native.instructionSet(instructions)
          torch.setNumThreads(o.threads)
          torch.manualSeed(o.seed)
          const { kind, numLayers, bidirectional, bias, batchFirst, batch } = o
          const projSize = kind === 'LSTM' && o.projected && o.hidden > 1 ? Math.ceil(o.hidden / 3) : 0
          const [fused, libtorch] = twins(kind, o.input, o.hidden, {
            numLayers,
            bidirectional,
            bias,
            batchFirst,
            projSize,
          })
          const lengths = o.lengths?.slice(0, batch)
          const steps = lengths === undefined ? 9 : Math.max(...lengths)
          const x = torch.randn(batchFirst ? [batch, steps, o.input] : [steps, batch, o.input])
          const rows = numLayers * (bidirectional ? 2 : 1)
          const h = torch.randn([rows, batch, projSize || o.hidden])
          const states = !o.states ? [] : kind === 'LSTM' ? [h, torch.randn([rows, batch, o.hidden])] : [h]
          expect(fused.explainBackend(x).backend).toBe('fused')
          expectSame(everything(fused, x, states, lengths), everything(libtorch, x, states, lengths))
          const inference = torch.noGrad(() => outputs(fused, x, states))
          expectSame(
            inference,
            torch.noGrad(() => outputs(libtorch, x, states)),
          )
        }),
      ),
      { numRuns: 40 },
    )
  })

  it.each<[Kind, number, number, number, number]>([
    ['LSTM', 1, 4, 5000, 2],
    ['GRU', 1, 4, 5000, 2],
    ['RNN', 1, 4, 5000, 2],
    ['LSTM', 3, 1000, 2, 3],
    ['GRU', 3, 1000, 2, 3],
  ])('agree for an extreme %s(%i, %i) over %i steps of %i sequences', (kind, input, hidden, steps, batch) => {
    native.instructionSet(instructions)
    torch.manualSeed(1)
    torch.tidy(() => {
      const [fused, libtorch] = twins(kind, input, hidden, {})
      const x = torch.randn([steps, batch, input])
      expectSame(everything(fused, x, []), everything(libtorch, x, []))
    })
  })

  it.each<Kind>(['LSTM', 'GRU', 'RNN', 'RNN relu'])(
    '%s saturates, and passes infinity and NaN on, as LibTorch',
    (kind) => {
      native.instructionSet(instructions)
      torch.manualSeed(2)
      for (const value of [1e3, -1e3, 1e-40, Infinity, -Infinity, NaN]) {
        torch.tidy(() => {
          const [fused, libtorch] = twins(kind, 4, 19, {})
          const x = torch.randn([6, 3, 4])
          x.indexPut_([2, 1, 3], value)
          const expected = torch.noGrad(() => outputs(libtorch, x))
          torch
            .noGrad(() => outputs(fused, x))
            .forEach((tensor, i) => {
              expectClose(tensor.nanToNum(7, 8, 9), (expected[i] as Tensor).nanToNum(7, 8, 9), {
                rtol: 1e-5,
                atol: 1e-5,
              })
              expect(tensor.isnan().toArray()).toEqual((expected[i] as Tensor).isnan().toArray())
            })
        })
      }
    },
  )

  it('compute the same bits with any number of threads, call after call', () => {
    native.instructionSet(instructions)
    torch.tidy(() => {
      const net = new nn.LSTM(48, 96, { bidirectional: true })
      const x = torch.randn([60, 37, 48])
      const runs = [1, 2, 3, 3].map((threads) => {
        torch.setNumThreads(threads)
        return everything(net, x, []).map((tensor) => tensor.clone())
      })
      const [one, , three, again] = runs as [Tensor[], Tensor[], Tensor[], Tensor[]]
      three.forEach((tensor, i) => {
        expect(tensor.equal(again[i] as Tensor), `result ${i}, twice`).toBe(true)
        // Outputs and states do not depend on how rows are shared out.
        if (i < 3) expect(tensor.equal(one[i] as Tensor), `result ${i}, one thread`).toBe(true)
      })
    })
  })
})

describe('weights that have been packed', () => {
  const x = torch.randn([5, 2, 3])
  const changes: Record<string, (net: nn.LSTM, weight: nn.Parameter) => void> = {
    'an optimizer': (net) => {
      const optimizer = new optim.SGD(net.parameters(), { lr: 0.5 })
      everything(net, x, [])
      optimizer.step()
    },
    'another optimizer': (net) => {
      const optimizer = new optim.AdamW(net.parameters(), { lr: 0.5 })
      everything(net, x, [])
      optimizer.step()
    },
    'the fused operator': (_, weight) => {
      const settings = {
        weightDecay: 0,
        momentum: 0,
        lr: 1,
        dampening: 0,
        nesterov: false,
        maximize: false,
        isFirstStep: true,
      }
      torch.noGrad(() => torch.ops.unsafe.aten._fused_sgd_?.([weight], [torch.ones(weight.shape)], [], settings))
    },
    'an operation in place': (_, weight) => torch.noGrad(() => weight.mul_(3)),
    'an operation in inference mode': (_, weight) => torch.inferenceMode(() => weight.mul_(3)),
    'a view': (_, weight) => torch.noGrad(() => weight.index(0).fill_(2)),
    'its detached twin': (_, weight) => torch.noGrad(() => weight.detach().fill_(0.5)),
    'an assignment to a part': (_, weight) => torch.noGrad(() => weight.indexPut_([1], 4)),
    'an output argument': (_, weight) =>
      torch.noGrad(() => torch.ops.aten.mul?.(torch.ones([]), torch.full(weight.shape, 0.3), { out: weight })),
    initialization: (_, weight) => nn.init.uniform_(weight, -2, 2),
    'loading a state': (net) => {
      net.loadStateDict(new nn.LSTM(3, 4).stateDict())
    },
    'assigning a parameter': (net) => {
      net.weight_hh_l0 = new nn.Parameter(torch.randn([16, 4]))
    },
    'conversion to float64 and back': (net) => {
      net.to('float64').to('float32')
      torch.noGrad(() => net.bias_ih_l0?.add_(1))
    },
  }

  it.each(Object.entries(changes))('are packed anew after %s', (_, change) => {
    torch.manualSeed(3)
    const net = new nn.LSTM(3, 4)
    // So that there are packed weights.
    everything(net, x, [])
    change(net, net.weight_ih_l0 as nn.Parameter)
    const reference = new nn.LSTM(3, 4, { backend: 'libtorch' })
    reference.loadStateDict(net.stateDict())
    expectSame(
      torch.noGrad(() => outputs(net, x)),
      torch.noGrad(() => outputs(reference, x)),
    )
    expectSame(everything(net, x, []), everything(reference, x, []))
  })

  it('follow what JavaScript writes to a view of their memory', () => {
    const net = new nn.GRU(3, 4)
    const view = (net.weight_ih_l0 as nn.Parameter).toTypedArray({ copy: false }) as Float32Array
    for (const value of [0.1, -0.7]) {
      view.fill(value)
      const reference = new nn.GRU(3, 4, { backend: 'libtorch' })
      reference.loadStateDict(net.stateDict())
      expectSame(
        torch.noGrad(() => outputs(net, x)),
        torch.noGrad(() => outputs(reference, x)),
      )
    }
  })

  it('follow an optimizer that steps on another thread', async () => {
    torch.manualSeed(4)
    const [fused, libtorch] = twins('GRU', 3, 4, {})
    for (const net of [fused, libtorch]) {
      const optimizer = new optim.Adam(net.parameters(), { lr: 0.1 })
      for (let step = 0; step < 5; step++) {
        await torch.offload(() => {
          optimizer.zeroGrad()
          const [output] = outputs(net, x)
          ;(output as Tensor).pow(2).sum().backward()
          optimizer.step()
        })
      }
    }
    expectSame([...fused.parameters()], [...libtorch.parameters()])
  })
})

describe('gradients through the fused kernels', () => {
  const networks: [string, Kind, nn.LSTMOptions][] = [
    ['LSTM', 'LSTM', {}],
    ['LSTM with a projection', 'LSTM', { projSize: 2 }],
    ['GRU', 'GRU', {}],
    ['RNN', 'RNN', {}],
    ['RNN with relu', 'RNN relu', { bias: false }],
  ]
  const inputs: [string, number[] | undefined][] = [
    ['padded', undefined],
    ['packed', [2, 4, 1]],
  ]

  describe.each(inputs)('of %s sequences', (_, lengths) => {
    it.each(networks)('can be differentiated again: %s', (_, kind, options) => {
      torch.manualSeed(5)
      const twin = twins(kind, 3, 5, { ...options, numLayers: 2, bidirectional: true })
      const values = torch.randn([4, 3, 3])
      const second = twin.map((net) => {
        const x = values.detach().clone().requiresGrad_(true)
        const input = lengths ? nn.utils.rnn.packPaddedSequence(x, lengths, { enforceSorted: false }) : x
        const loss = outputs(net, input).map((result) => result.pow(2).sum())
        const [first] = torch.autograd.grad(torch.stack(loss).sum(), x, { createGraph: true })
        ;(first as Tensor).pow(2).sum().backward()
        // The gradient of the last bias is added to relu's sum only, and so has no second derivative.
        return [first as Tensor, x.grad as Tensor, ...[...net.parameters()].map((p) => p.grad ?? torch.zeros([1]))]
      })
      expectSame(second[0] as Tensor[], second[1] as Tensor[])
    })
  })

  it.each([false, true])('of a tied parameter are counted once, with createGraph: %s', (createGraph) => {
    torch.manualSeed(6)
    const [fused, libtorch] = twins('GRU', 3, 5, { bidirectional: true })
    const x = torch.randn([4, 2, 3])
    const found = [fused, libtorch].map((net) => {
      const weight = net.weight_ih_l0 as nn.Parameter
      net.weight_ih_l0_reverse = weight
      const [gradient] = torch.autograd.grad((outputs(net, x)[0] as Tensor).pow(2).sum(), weight, { createGraph })
      return gradient as Tensor
    })
    expectSame(found.slice(0, 1), found.slice(1))
  })

  const seeds: [string, (seed: Tensor) => Tensor][] = [
    ['transposed', (seed) => seed.transpose(0, 2).contiguous().transpose(0, 2)],
    ['expanded', () => torch.full([1, 1, 1], 2).expand([4, 2, 5])],
    ['a view with a sign', (seed) => torch.ops.unsafe.aten._neg_view?.(seed.neg()) as Tensor],
    ['sparse', (seed) => torch.ops.aten.to_sparse?.(seed) as Tensor],
    ['zeros without memory', () => torch.ops.unsafe.aten._efficientzerotensor?.([4, 2, 5]) as Tensor],
  ]
  it.each(seeds)('take a gradient of the output that is %s', (_, change) => {
    torch.manualSeed(7)
    const net = new nn.GRU(3, 5)
    const x = torch.randn([4, 2, 3])
    const seed = change(torch.randn([4, 2, 5]))
    const plain = torch.zeros([4, 2, 5]).add(seed)
    expect(plain.isContiguous()).toBe(true)
    const found = [seed, plain].map((gradient) => {
      net.zeroGrad()
      ;(outputs(net, x)[0] as Tensor).backward(gradient)
      return [...net.parameters()].map((parameter) => parameter.grad as Tensor)
    })
    expectSame(found[0] as Tensor[], found[1] as Tensor[])
  })

  it('of an output that is used twice, and of a state alone, are those of LibTorch', () => {
    torch.manualSeed(8)
    const twin = twins('LSTM', 3, 5, { numLayers: 2 })
    const x = torch.randn([4, 2, 3])
    const found = twin.map((net) => {
      const [output, hN] = outputs(net, x) as [Tensor, Tensor]
      output.mul(output.relu()).sum().backward(null, { retainGraph: true })
      hN.index(0).sum().backward()
      return [...net.parameters()].map((parameter) => parameter.grad as Tensor)
    })
    expectSame(found[0] as Tensor[], found[1] as Tensor[])
  })

  it('are of the mode in which a call was queued', async () => {
    const net = new nn.LSTM(3, 5)
    const [with_, without] = await torch.offload(() => {
      const [first] = net.forward(torch.ones([4, 2, 3]))
      const [second] = torch.noGrad(() => net.forward(torch.ones([4, 2, 3])))
      return [first, second]
    })
    expect([with_.requiresGrad, without.requiresGrad]).toEqual([true, false])
  })

  it('free the memory of the forward pass when they have been taken', () => {
    const net = new nn.LSTM(8, 256)
    const x = torch.ones([100, 32, 8])
    const losses: Tensor[] = []
    const before = process.memoryUsage().rss
    for (let i = 0; i < 40; i++) {
      const loss = torch.tidy(() => net.forward(x)[0].sum())
      loss.backward()
      losses.push(loss)
    }
    // What the forward pass leaves are 16 MB; what is kept here are 40 numbers and the nodes that they came from.
    expect((process.memoryUsage().rss - before) / 1e6).toBeLessThan(300)
    expectError(() => losses[0]?.backward(), 'ERR_TORCH_AUTOGRAD', /backward through the graph a second time/)
  })

  it('print as a function of this library', () => {
    const [output] = outputs(new nn.GRU(1, 1), torch.ones([1, 1, 1]))
    expect(output?.gradFn).toBe('RecurrentLayerBackward')
  })

  it('can be taken twice from a graph that is kept', () => {
    const net = new nn.GRU(3, 5)
    const x = torch.randn([4, 2, 3], { requiresGrad: true })
    const loss = (outputs(net, x)[0] as Tensor).pow(2).sum()
    const [first] = torch.autograd.grad(loss, x, { retainGraph: true })
    const [again] = torch.autograd.grad(loss, x, { retainGraph: true })
    expect((first as Tensor).equal(again as Tensor)).toBe(true)
  })

  it('leave out what needs none', () => {
    const [fused, libtorch] = twins('LSTM', 3, 5, {})
    for (const net of [fused, libtorch]) {
      net.weight_ih_l0?.requiresGrad_(false)
      net.bias_hh_l0?.requiresGrad_(false)
      const [, , cN] = outputs(net, torch.ones([4, 2, 3]))
      ;(cN as Tensor).sum().backward()
    }
    expect(fused.weight_ih_l0?.grad).toBeNull()
    expectSame([fused.weight_hh_l0?.grad as Tensor], [libtorch.weight_hh_l0?.grad as Tensor])
    expectSame([fused.bias_ih_l0?.grad as Tensor], [libtorch.bias_ih_l0?.grad as Tensor])
  })

  it('refuse weights that were changed after the forward pass', () => {
    const net = new nn.GRU(3, 5)
    const loss = (outputs(net, torch.randn([4, 2, 3]))[0] as Tensor).sum()
    loss.backward(null, { retainGraph: true })
    new optim.SGD(net.parameters(), { lr: 0.1 }).step()
    expectError(() => loss.backward(), 'ERR_TORCH_AUTOGRAD', /modified by an inplace operation/)
  })

  it('refuse tensors of inference mode, as PyTorch, but leave them to a network that learns nothing', () => {
    const net = new nn.LSTM(3, 5)
    const x = torch.inferenceMode(() => torch.ones([4, 2, 3]))
    expectError(() => net.forward(x), 'ERR_TORCH_AUTOGRAD', /Inference tensors cannot be saved for backward/)
    for (const parameter of net.parameters()) parameter.requiresGrad_(false)
    expect(net.forward(x)[0].requiresGrad).toBe(false)
  })

  it('see the same dropout as LibTorch', () => {
    const [fused, libtorch] = twins('LSTM', 3, 5, { numLayers: 3, dropout: 0.5 })
    const x = torch.randn([4, 2, 3])
    const results = [fused, libtorch].map((net) => {
      torch.manualSeed(6)
      return everything(net, x, [])
    })
    expectSame(results[0] as Tensor[], results[1] as Tensor[])
  })
})

describe('the fused kernels read', () => {
  const every = (step: number, x: Tensor, dim: number) => torch.ops.aten.slice?.(x, dim, 0, null, step) as Tensor
  const shapes: [string, (x: Tensor) => Tensor][] = [
    ['an expanded input', (x) => x.narrow(0, 0, 1).expand(x.shape)],
    ['one expanded over the batch', (x) => x.narrow(1, 0, 1).expand(x.shape)],
    ['one expanded over its elements', (x) => x.narrow(2, 0, 1).expand(x.shape)],
    [
      'every second step, row and element',
      (x) => [0, 1, 2].reduce((y, dim) => every(2, y, dim), torch.randn(x.shape.map((n) => 2 * n))),
    ],
    ['a transposed input', (x) => x.transpose(0, 2).contiguous().transpose(0, 2)],
    [
      'a part of a larger one',
      (x) =>
        torch
          .randn([9, 7, 3 * x.size(2)])
          .narrow(0, 2, 6)
          .narrow(1, 1, 4)
          .narrow(2, 1, x.size(2)),
    ],
  ]

  describe.each([1, 5])('of %i elements', (size) => {
    it.each(shapes)('%s, with a state and weights that have gaps', (_, change) => {
      torch.manualSeed(9)
      const [fused, libtorch] = twins('LSTM', size, 7, { bidirectional: true })
      for (const net of [fused, libtorch]) {
        const weight = net.weight_hh_l0 as nn.Parameter
        net.weight_hh_l0 = new nn.Parameter(weight.detach().t().contiguous().t())
        expect(net.weight_hh_l0?.isContiguous()).toBe(false)
      }
      const x = change(torch.randn([6, 4, size]))
      expect(x.shape).toEqual([6, 4, size])
      const states = [torch.randn([4, 2, 7]).transpose(0, 1), torch.randn([1, 1, 7]).expand([2, 4, 7])]
      const found = [fused, libtorch].map((net) => {
        const leaf = x.detach().requiresGrad_(true)
        const results = outputs(net, leaf, states)
        torch
          .stack(results.map((result) => result.pow(2).sum()))
          .sum()
          .backward()
        return [...results, leaf.grad as Tensor, ...[...net.parameters()].map((p) => p.grad as Tensor)]
      })
      expectSame(found[0] as Tensor[], found[1] as Tensor[])
    })
  })

  it('no views with a sign, which LibTorch takes', () => {
    const net = new nn.GRU(3, 4)
    const x = torch.ops.unsafe.aten._neg_view?.(torch.ones([5, 2, 3])) as Tensor
    expect(net.explainBackend(x)).toEqual({
      backend: 'libtorch',
      reason: 'the memory of a tensor cannot be read as it is',
    })
    const plain = torch.zeros([5, 2, 3]).add(x)
    expectSame(
      torch.noGrad(() => outputs(net, x)),
      torch.noGrad(() => outputs(net, plain)),
    )
  })
})

describe('explainBackend', () => {
  const net = new nn.LSTM(3, 4)
  const x = torch.zeros([2, 1, 3])

  it('tells which implementation takes a call, and why', () => {
    expect(net.explainBackend(x)).toEqual({
      backend: 'fused',
      reason: `float32 or bfloat16 on the CPU, with ${BEST} instructions`,
    })
    expect(new nn.LSTM(3, 4, { backend: 'libtorch' }).explainBackend(x)).toEqual({
      backend: 'libtorch',
      reason: "the module's option says backend: 'libtorch'",
    })
    expect(new nn.LSTM(3, 4, { dtype: 'float64' }).explainBackend(x.double()).reason).toBe(
      'the tensors are neither float32 nor bfloat16',
    )
  })

  it('knows whether gradients are recorded: in bfloat16 there are none to be had', () => {
    const half = new nn.LSTM(3, 4).to('bfloat16') as nn.LSTM
    const input = x.to('bfloat16')
    expect(half.explainBackend(input).reason).toBe('gradients are computed in float32 only')
    expect(torch.inferenceMode(() => half.explainBackend(input)).backend).toBe('fused')
    expect(torch.noGrad(() => half.explainBackend(input)).backend).toBe('fused')
    expect(half.explainBackend(input).backend).toBe('libtorch')
  })

  it('throws what forward throws', () => {
    expectError(() => net.explainBackend(torch.zeros([2, 1, 5])), 'ERR_TORCH_SHAPE', /Expected 3, got 5/)
    expectError(
      () => new nn.LSTM(3, 4, { backend: 'mkl' as 'auto' }),
      'ERR_TORCH_VALUE',
      "backend must be 'auto' or 'libtorch', got 'mkl'",
    )
  })
})
