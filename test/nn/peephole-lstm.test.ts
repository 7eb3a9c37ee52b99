import { describe, expect, test } from 'vitest'
import { LSTM, type LSTMState, PeepholeLSTM, type PeepholeLSTMOptions, utils } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import {
  arrays,
  bySteps,
  FUNCTIONS,
  type Matrix,
  normalized,
  part,
  type Step,
  spread,
  times,
  type Vector,
} from '../support/steps.ts'

type Options = PeepholeLSTMOptions & { dtype: 'float64' }

const [I, H, L, N] = [3, 3, 4, 2] as const
const EXACT = { rtol: 1e-10, atol: 1e-12 }

/** The equations, word for word. */
function stepOf(options: PeepholeLSTMOptions): Step {
  const { peephole = 'diagonal', forgetInCandidate = false } = options
  const σ = FUNCTIONS[options.gateActivation ?? 'sigmoid']
  const φ = FUNCTIONS[options.activation ?? 'tanh']
  return (x, [h, c], weights) => {
    const { weight_ih, weight_hh, weight_ch, bias, weight_hr } = weights as Record<string, Matrix | Vector | undefined>
    const { weight_ln_ih, weight_ln_hh, weight_ln_c, bias_ln_c } = weights as Record<string, Vector | undefined>
    const rows = (values: unknown, k: number): never => part(values as unknown[], k, H) as never
    // All four gates are normalized together.
    const product = (matrix: unknown, gain: Vector | undefined, k: number, vector: Vector): Vector => {
      const all = times(matrix as Matrix, vector)
      return part(gain === undefined ? all : normalized(all, gain), k, H)
    }
    const wx = (k: number): Vector => product(weight_ih, weight_ln_ih, k, x)
    const wh = (k: number): Vector => product(weight_hh, weight_ln_hh, k, h)
    const wc = (k: number, cell: Vector): Vector => {
      if (peephole === 'none') return cell.map(() => 0)
      if (peephole === 'full') return times(rows(weight_ch, k), cell)
      return (rows(weight_ch, k) as Vector).map((weight, j) => weight * (cell[j] as number))
    }
    const b = (k: number): Vector => (bias === undefined ? Array(H).fill(0) : rows(bias, k))
    const each = (make: (j: number) => number): Vector => Array.from({ length: H }, (_, j) => make(j))
    const sum = (...terms: Vector[]): Vector =>
      each((j) => terms.reduce((total, term) => total + (term[j] as number), 0))

    const before = c as Vector
    const i = sum(wx(0), wh(0), wc(0, before), b(0)).map(σ)
    const f = sum(wx(1), wh(1), wc(1, before), b(1)).map(σ)
    const seen = forgetInCandidate ? each((j) => (wh(2)[j] as number) * (f[j] as number)) : wh(2)
    const g = sum(wx(2), seen, b(2)).map(φ)
    const cell = each((j) => (f[j] as number) * (before[j] as number) + (i[j] as number) * (g[j] as number))
    const o = sum(wx(3), wh(3), wc(2, cell), b(3)).map(σ)
    const shift = bias_ln_c ?? Array<number>(H).fill(0)
    const seenCell = weight_ln_c === undefined ? cell : sum(normalized(cell, weight_ln_c), shift)
    const hidden = each((j) => (o[j] as number) * φ(seenCell[j] as number))
    return [weight_hr === undefined ? hidden : times(weight_hr as Matrix, hidden), cell]
  }
}

function draw(shape: number[]): Tensor {
  return torch.randn(shape, { dtype: 'float64', requiresGrad: true })
}

function make(options: PeepholeLSTMOptions): { module: PeepholeLSTM; x: Tensor; state: LSTMState } {
  torch.manualSeed(7)
  const all: Options = { ...options, dtype: 'float64' }
  const module = new PeepholeLSTM(I, H, all)
  spread(module)
  const layers = module.numLayers * (module.bidirectional ? 2 : 1)
  const x = draw(options.batchFirst ? [N, L, I] : [L, N, I])
  return { module, x, state: [draw([layers, N, options.projSize ?? H]), draw([layers, N, H])] }
}

const VARIANTS: PeepholeLSTMOptions[] = [
  ...(['none', 'diagonal', 'full'] as const).flatMap((peephole) => [
    { peephole },
    { peephole, forgetInCandidate: true },
  ]),
  { peephole: 'full', forgetInCandidate: true, numLayers: 2, bidirectional: true },
  { peephole: 'diagonal', numLayers: 2, bias: false, batchFirst: true },
  { peephole: 'full', bidirectional: true, batchFirst: true, gateActivation: 'hardSigmoid', activation: 'softsign' },
  { peephole: 'diagonal', projSize: 2, numLayers: 2, bidirectional: true },
  { peephole: 'full', projSize: 2, forgetInCandidate: true, bias: false },
  { layerNorm: true, peephole: 'none' },
  { layerNorm: true, peephole: 'full', bias: false },
  { layerNorm: true, forgetInCandidate: true, projSize: 2, bidirectional: true, batchFirst: true },
  { gateActivation: 'hardSigmoid' },
  { gateActivation: 'elliottSigmoid', activation: 'hardTanh', forgetInCandidate: true },
  ...(['hardTanh', 'softsign', 'relu', 'leakyRelu', 'elu', 'sigmoid', 'identity'] as const).map((activation) => ({
    activation,
  })),
]

describe.each(VARIANTS.map((options) => [JSON.stringify(options), options] as const))('%s', (_, options) => {
  test('computes its equations, step by step', () => {
    const { module, x, state } = make(options)
    const byStep = options.batchFirst ? x.transpose(0, 1) : x
    for (const given of [state, null]) {
      const first = state.map((each) => arrays<number[][][]>(given === null ? each.mul(0) : each))
      const expected = bySteps(module, stepOf(options), arrays(byStep), first)
      const [output, finals] = module.forward(x, given)
      expectClose(options.batchFirst ? output.transpose(0, 1) : output, expected.output, EXACT)
      for (const [i, final] of finals.entries()) expectClose(final, expected.finals[i] as number[][][], EXACT)
    }
  })

  test('has the gradients of what it computes', () => {
    const { module, x, state } = make(options)
    const all = [x, ...state, ...module.parameters()]
    const outputs = (): Tensor[] => {
      const [output, [h, c]] = module.forward(x, state)
      return [output.pow(2).sum().add(h.sin().sum()).add(c.cos().sum())]
    }
    expect(torch.autograd.gradcheck(outputs, all, { atol: 1e-6 })).toBe(true)
  })

  test('takes a sequence without a batch', () => {
    const { module, x, state } = make(options)
    const [h, c] = state
    const [output, finals] = module.forward(x, state)
    const [one, [h1, c1]] = module.forward(options.batchFirst ? x.index(0) : x.select(1, 0), [
      h.select(1, 0),
      c.select(1, 0),
    ])
    expectClose(one, arrays(options.batchFirst ? output.index(0) : output.select(1, 0)), EXACT)
    expectClose(h1, arrays(finals[0].select(1, 0)), EXACT)
    expectClose(c1, arrays(finals[1].select(1, 0)), EXACT)
  })
})

test('second derivatives are right', () => {
  const { module, x, state } = make({ peephole: 'full', forgetInCandidate: true })
  const weight = module.weight_ch_l0 as Tensor
  const loss = (): Tensor => module.forward(x, state)[0].pow(2).sum()
  expect(torch.autograd.gradgradcheck(loss, [state[1], weight])).toBe(true)
})

test('names and sizes of parameters are those of PyTorch, where it has them', () => {
  const sizes = (options: PeepholeLSTMOptions): Record<string, number[]> =>
    Object.fromEntries([...new PeepholeLSTM(3, 4, options).namedParameters()].map(([name, p]) => [name, p.shape]))
  expect(sizes({ numLayers: 2, bidirectional: true, peephole: 'full', projSize: 2 })).toMatchObject({
    weight_ih_l0: [16, 3],
    weight_hh_l0: [16, 2],
    weight_ch_l0: [12, 4],
    bias_l0: [16],
    weight_hr_l0: [2, 4],
    weight_ih_l1_reverse: [16, 4],
    bias_l1_reverse: [16],
  })
  expect(sizes({ bias: false })).toEqual({ weight_ih_l0: [16, 3], weight_hh_l0: [16, 4], weight_ch_l0: [12] })
  expect(Object.keys(sizes({ peephole: 'none' }))).toEqual(['weight_ih_l0', 'weight_hh_l0', 'bias_l0'])
})

describe('to and from LSTM', () => {
  const layout = { numLayers: 2, bidirectional: true, batchFirst: true } as const
  const options = { ...layout, dtype: 'float64' } as const

  test.each([{}, { projSize: 2 }, { bias: false }])('outputs are equal: %o', (extra) => {
    const lstm = new LSTM(I, H, { ...options, ...extra }).eval()
    const { x, state } = make({ ...options, ...extra })
    const [output, [h, c]] = lstm.forward(x, state)
    for (const peephole of ['none', 'diagonal', 'full'] as const) {
      const network = PeepholeLSTM.fromLSTM(lstm, { peephole })
      expect(network).toMatchObject({ ...layout, ...extra, peephole, training: false })
      const [same, [sameH, sameC]] = network.forward(x, state)
      expectClose(same, arrays(output), EXACT)
      expectClose(sameH, arrays(h), EXACT)
      expectClose(sameC, arrays(c), EXACT)
    }
    const back = PeepholeLSTM.fromLSTM(lstm).toLSTM()
    expectClose(back.forward(x, state)[0], arrays(output), EXACT)
    expect(back.training).toBe(false)
    expect([...PeepholeLSTM.fromLSTM(back).parameters()].map((p) => p.toArray())).toEqual(
      [...PeepholeLSTM.fromLSTM(lstm).parameters()].map((p) => p.toArray()),
    )
  })

  test('weights are copies, of the same dtype and with gradients of their own', () => {
    const lstm = new LSTM(I, H, { dtype: 'float64' })
    const network = PeepholeLSTM.fromLSTM(lstm)
    const before = network.weight_ih_l0?.toArray()
    torch.noGrad(() => lstm.weight_ih_l0?.zero_())
    expect(network.weight_ih_l0?.toArray()).toEqual(before)
    expect(network.weight_ih_l0).toMatchObject({ dtype: 'float64', requiresGrad: true, isLeaf: true })
  })

  test('refuses what has no counterpart', () => {
    const refuse = (options: PeepholeLSTMOptions, words: string) =>
      expectError(() => new PeepholeLSTM(1, 2, options).toLSTM(), 'ERR_TORCH_VALUE', `an LSTM cannot have ${words}`)
    refuse({}, "peephole='diagonal'")
    refuse({ peephole: 'none', forgetInCandidate: true }, 'forget_in_candidate=True')
    refuse(
      { peephole: 'none', activation: 'relu', gateActivation: 'hardSigmoid' },
      "gate_activation='hardSigmoid', activation='relu'",
    )
    expectError(() => PeepholeLSTM.fromLSTM({} as never), 'ERR_TORCH_TYPE', 'lstm must be an LSTM')
    expectError(() => PeepholeLSTM.fromLSTM(new LSTM(1, 2), { bias: 1 } as never), 'ERR_TORCH_OPTION', "'bias'")
  })
})

test('drops out between layers, in training alone', () => {
  const options = { numLayers: 2, dropout: 0.5, peephole: 'none', dtype: 'float64' } as const
  const { module, x } = make(options)
  const [first] = module.eval().forward(x)
  expectClose(module.forward(x)[0], arrays(first), EXACT)
  // The same random numbers as PyTorch draws: those that LSTM draws.
  const lstm = module.toLSTM().train()
  torch.manualSeed(1)
  const [expected] = lstm.forward(x)
  torch.manualSeed(1)
  const [output] = module.train().forward(x)
  expectClose(output, arrays(expected), EXACT)
  expect(output.allclose(first)).toBe(false)
})

test.each([{}, { enforceSorted: false }])('packed sequences give what each gives by itself: %o', (order) => {
  const options = { peephole: 'full', forgetInCandidate: true, numLayers: 2, bidirectional: true } as const
  const { module } = make(options)
  const lengths = 'enforceSorted' in order ? [2, 4, 1, 2] : [4, 2, 2, 1]
  const x = draw([4, 4, I])
  const [h, c] = [draw([4, 4, H]), draw([4, 4, H])]
  const packed = utils.rnn.packPaddedSequence(x, lengths, order)
  const [output, [hN, cN]] = module.forward(packed, [h, c])
  const [padded, counts] = utils.rnn.padPackedSequence(output)
  expect(counts.toArray()).toEqual(lengths)
  for (const [n, length] of lengths.entries()) {
    const alone = x.index(torch.slice(0, length), n)
    const [expected, [lastH, lastC]] = module.forward(alone, [h.select(1, n), c.select(1, n)])
    expectClose(padded.index(torch.slice(0, length), n), arrays(expected), EXACT)
    expectClose(hN.select(1, n), arrays(lastH), EXACT)
    expectClose(cN.select(1, n), arrays(lastC), EXACT)
  }
  const loss = (): Tensor => {
    const [{ data }, [last]] = module.forward(utils.rnn.packPaddedSequence(x, lengths, order), [h, c])
    return data.pow(2).sum().add(last.sin().sum())
  }
  expect(torch.autograd.gradcheck(loss, [x, h, c])).toBe(true)
})

test('float32 and bfloat16', () => {
  torch.manualSeed(0)
  const module = new PeepholeLSTM(I, H, { peephole: 'full' })
  const x = torch.randn([L, N, I])
  const [output] = module.forward(x)
  module.to('float64')
  expectClose(output, arrays(module.forward(x.double())[0]), { rtol: 1e-5, atol: 1e-6 })
  module.to('bfloat16')
  const [coarse] = module.forward(x.to('bfloat16'))
  expect(coarse.dtype).toBe('bfloat16')
  expectClose(coarse, arrays(output), { rtol: 0.02, atol: 0.02 })
})

test('the same off the main thread, where errors come too', async () => {
  const { module, x, state } = make({ peephole: 'full', batchFirst: true })
  const [output] = module.forward(x, state)
  expectClose(await torch.offload(() => module.forward(x.mul(1), state)[0]), arrays(output), EXACT)
  await expect(torch.offload(() => module.forward(x.transpose(1, 2)))).rejects.toThrow('Expected 3, got 4')
})

describe('refuses', () => {
  const x = torch.zeros([L, N, I])
  const state = torch.zeros([1, N, H])
  test.each([
    [
      () => new PeepholeLSTM(I, H).forward(torch.zeros([I])),
      'ERR_TORCH_VALUE',
      /Expected input to be 2D or 3D, got 1D/,
    ],
    [() => new PeepholeLSTM(7, H).forward(x), 'ERR_TORCH_SHAPE', /Expected 7, got 3/],
    [() => new PeepholeLSTM(I, H).forward(x.double()), 'ERR_TORCH_VALUE', /input dtype \(float64\) does not match/],
    [
      () => new PeepholeLSTM(I, H).forward(x, [state, torch.zeros([1, N, 9])]),
      'ERR_TORCH_SHAPE',
      /Expected hidden\[1\] size/,
    ],
    [() => new PeepholeLSTM(I, H).forward(x, [state, state.index(0)]), 'ERR_TORCH_SHAPE', /should also be 3-D/],
    [() => new PeepholeLSTM(I, H).forward(x, state as never), 'ERR_TORCH_TYPE', /the state must be \[h, c\]/],
    [() => new PeepholeLSTM(I, H).forward(x.index(torch.slice(0, 0))), 'ERR_TORCH_RUNTIME', /larger than 0/],
    [() => new PeepholeLSTM(I, 0), 'ERR_TORCH_VALUE', /hiddenSize must be a positive integer, got 0/],
    [() => new PeepholeLSTM(I, Symbol('size') as never, { layerNorm: true }), 'ERR_TORCH_TYPE', /hiddenSize must be/],
    [
      () => new PeepholeLSTM(I, H, { peephole: 'half' as never }),
      'ERR_TORCH_VALUE',
      /peephole must be 'none', 'diagonal' or 'full', got 'half'/,
    ],
    [
      () => new PeepholeLSTM(I, H, { activation: 'sine' as never }),
      'ERR_TORCH_VALUE',
      /activation must be .*, got 'sine'/,
    ],
    [
      () => new PeepholeLSTM(I, H, { gateActivation: 'tanh' as never }),
      'ERR_TORCH_VALUE',
      /gateActivation must be .*, got 'tanh'/,
    ],
    [
      () => new PeepholeLSTM(I, H, { forgetInCandidate: 1 as never }),
      'ERR_TORCH_TYPE',
      /forgetInCandidate must be a boolean/,
    ],
    [() => new PeepholeLSTM(I, H, { peepholes: 'full' } as never), 'ERR_TORCH_OPTION', /did you mean 'peephole'/],
    [() => new PeepholeLSTM(I, H, null as never), 'ERR_TORCH_TYPE', /options must be an object, got null/],
    [() => new PeepholeLSTM(I, H).forward('x' as never), 'ERR_TORCH_TYPE', /expected a Tensor, got 'x'/],
    [() => new PeepholeLSTM(I, H).stream(), 'ERR_TORCH_NOT_IMPLEMENTED', /streams support only PyTorch's equations/],
  ] as const)('%s', (call, code, message) => {
    expectError(call, code, message)
  })

  test('weights of a wrong size, without a crash', () => {
    const module = new PeepholeLSTM(I, H)
    module.weight_hh_l0 = new LSTM(1, 1).weight_hh_l0 as never
    expectError(() => module.forward(x), 'ERR_TORCH_SHAPE', /./)
  })
})

test('says that no fused kernel has its equations', () => {
  const [x, module] = [torch.zeros([L, N, I]), new PeepholeLSTM(I, H)]
  expect(module.explainBackend(x)).toEqual({
    backend: 'libtorch',
    reason: 'its equations are not those of PyTorch',
  })
  expectError(
    () => new PeepholeLSTM(I, H, { backend: 'auto' } as never),
    'ERR_TORCH_OPTION',
    "unknown option 'backend'",
  )
})

test('prints what is not the default', () => {
  expect(String(new PeepholeLSTM(1, 2))).toBe('PeepholeLSTM(1, 2)')
  expect(
    String(
      new PeepholeLSTM(1, 2, {
        numLayers: 2,
        peephole: 'full',
        forgetInCandidate: true,
        gateActivation: 'hardSigmoid',
      }),
    ),
  ).toBe("PeepholeLSTM(1, 2, num_layers=2, peephole='full', forget_in_candidate=True, gate_activation='hardSigmoid')")
})
