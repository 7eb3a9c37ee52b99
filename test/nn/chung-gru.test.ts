import { describe, expect, test } from 'vitest'
import { ChungGRU, type ChungGRUOptions, GRU, utils } from '../../lib/nn/index.ts'
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

const [I, H, L, N] = [3, 3, 4, 2] as const
const EXACT = { rtol: 1e-10, atol: 1e-12 }

/** The equations, word for word. */
function stepOf(options: ChungGRUOptions): Step {
  const { resetAfter = true } = options
  const σ = FUNCTIONS[options.gateActivation ?? 'sigmoid']
  const φ = FUNCTIONS[options.activation ?? 'tanh']
  return (x, [h], weights) => {
    const { weight_ih, weight_hh, bias, bias_hn } = weights as Record<string, Matrix | Vector | undefined>
    const { weight_ln_ih, weight_ln_hh } = weights as Record<string, Vector | undefined>
    const rows = (values: unknown, k: number): never => part(values as unknown[], k, H) as never
    // The rows of r and z are normalized together, those of n by themselves.
    const product = (matrix: unknown, gain: Vector | undefined, k: number, vector: Vector): Vector => {
      const all = times(matrix as Matrix, vector)
      if (gain === undefined) return part(all, k, H)
      if (k === 2) return normalized(part(all, 2, H), part(gain, 2, H))
      return part(normalized(all.slice(0, 2 * H), gain.slice(0, 2 * H)), k, H)
    }
    const wx = (k: number): Vector => product(weight_ih, weight_ln_ih, k, x)
    const wh = (k: number, hidden: Vector): Vector => product(weight_hh, weight_ln_hh, k, hidden)
    const b = (k: number): Vector => (bias === undefined ? Array(H).fill(0) : rows(bias, k))
    const each = (make: (j: number) => number): Vector => Array.from({ length: H }, (_, j) => make(j))
    const at = (vector: Vector, j: number): number => vector[j] as number

    const r = each((j) => σ(at(wx(0), j) + at(wh(0, h), j) + at(b(0), j)))
    const z = each((j) => σ(at(wx(1), j) + at(wh(1, h), j) + at(b(1), j)))
    const inner = (bias_hn ?? Array(H).fill(0)) as Vector
    const after = each((j) => at(r, j) * (at(wh(2, h), j) + at(inner, j)))
    const before = wh(
      2,
      each((j) => at(r, j) * at(h, j)),
    )
    const n = each((j) => φ(at(wx(2), j) + at(resetAfter ? after : before, j) + at(b(2), j)))
    return [each((j) => (1 - at(z, j)) * at(h, j) + at(z, j) * at(n, j))]
  }
}

function draw(shape: number[]): Tensor {
  return torch.randn(shape, { dtype: 'float64', requiresGrad: true })
}

function make(options: ChungGRUOptions): { module: ChungGRU; x: Tensor; h0: Tensor } {
  torch.manualSeed(5)
  const module = new ChungGRU(I, H, { ...options, dtype: 'float64' })
  spread(module)
  const layers = module.numLayers * (module.bidirectional ? 2 : 1)
  return { module, x: draw(options.batchFirst ? [N, L, I] : [L, N, I]), h0: draw([layers, N, H]) }
}

const VARIANTS: ChungGRUOptions[] = [
  {},
  { innerBias: true },
  { resetAfter: false },
  { bias: false },
  { bias: false, resetAfter: false },
  { numLayers: 2, bidirectional: true, innerBias: true },
  { numLayers: 2, batchFirst: true, resetAfter: false, gateActivation: 'hardSigmoid', activation: 'softsign' },
  { gateActivation: 'elliottSigmoid' },
  { layerNorm: true },
  { layerNorm: true, innerBias: true, bidirectional: true },
  { layerNorm: true, resetAfter: false, bias: false, batchFirst: true },
  ...(['hardTanh', 'relu', 'leakyRelu', 'elu', 'sigmoid', 'identity'] as const).map((activation) => ({ activation })),
]

describe.each(VARIANTS.map((options) => [JSON.stringify(options), options] as const))('%s', (_, options) => {
  test('computes its equations, step by step', () => {
    const { module, x, h0 } = make(options)
    const byStep = options.batchFirst ? x.transpose(0, 1) : x
    for (const given of [h0, null]) {
      const expected = bySteps(module, stepOf(options), arrays(byStep), [arrays(given ?? h0.mul(0))])
      const [output, hN] = module.forward(x, given)
      expectClose(options.batchFirst ? output.transpose(0, 1) : output, expected.output, EXACT)
      expectClose(hN, expected.finals[0] as number[][][], EXACT)
    }
  })

  test('has the gradients of what it computes', () => {
    const { module, x, h0 } = make(options)
    const outputs = (): Tensor[] => {
      const [output, hN] = module.forward(x, h0)
      return [output.pow(2).sum().add(hN.sin().sum())]
    }
    expect(torch.autograd.gradcheck(outputs, [x, h0, ...module.parameters()], { atol: 1e-6 })).toBe(true)
  })

  test('takes a sequence without a batch', () => {
    const { module, x, h0 } = make(options)
    const [output, hN] = module.forward(x, h0)
    const [one, last] = module.forward(options.batchFirst ? x.index(0) : x.select(1, 0), h0.select(1, 0))
    expectClose(one, arrays(options.batchFirst ? output.index(0) : output.select(1, 0)), EXACT)
    expectClose(last, arrays(hN.select(1, 0)), EXACT)
  })
})

test('second derivatives are right', () => {
  const { module, x, h0 } = make({ innerBias: true })
  const loss = (): Tensor => module.forward(x, h0)[0].pow(2).sum()
  expect(torch.autograd.gradgradcheck(loss, [h0, module.bias_hn_l0 as Tensor])).toBe(true)
})

test('names and sizes of parameters are those of PyTorch, where it has them', () => {
  const module = new ChungGRU(3, 4, { numLayers: 2, bidirectional: true, innerBias: true })
  const sizes = Object.fromEntries([...module.namedParameters()].map(([name, p]) => [name, p.shape]))
  expect(sizes).toMatchObject({
    weight_ih_l0: [12, 3],
    weight_hh_l0: [12, 4],
    bias_l0: [12],
    bias_hn_l0: [4],
    weight_ih_l1_reverse: [12, 8],
  })
})

describe('to and from GRU', () => {
  const layout = { numLayers: 2, bidirectional: true, batchFirst: true } as const

  test.each([{}, { bias: false }])('outputs and gradients are equal: %o', (extra) => {
    torch.manualSeed(2)
    const gru = new GRU(I, H, { ...layout, ...extra, dtype: 'float64' }).eval()
    const { x, h0 } = make({ ...layout, ...extra })
    const [output, hN] = gru.forward(x, h0)
    const network = ChungGRU.fromGRU(gru)
    expect(network).toMatchObject({ ...layout, ...extra, innerBias: !('bias' in extra), training: false })
    const [same, sameHN] = network.forward(x, h0)
    expectClose(same, arrays(output), EXACT)
    expectClose(sameHN, arrays(hN), EXACT)
    const slope = (of: Tensor): number[] => arrays(torch.autograd.grad(of.pow(2).sum(), [x])[0] as Tensor)
    expectClose(slope(same), slope(output), EXACT)

    const back = network.toGRU()
    expectClose(back.forward(x, h0)[0], arrays(output), EXACT)
    // There and back again, not a bit is lost.
    const again = ChungGRU.fromGRU(back)
    expect([...again.parameters()].map((p) => p.toArray())).toEqual([...network.parameters()].map((p) => p.toArray()))
  })

  test.each([{ innerBias: true }, {}, { bias: false }])('any of its networks becomes a GRU: %o', (options) => {
    const { module, x, h0 } = make({ ...layout, ...options })
    expectClose(module.toGRU().forward(x, h0)[0], arrays(module.forward(x, h0)[0]), EXACT)
  })

  test('without an inner bias, where PyTorch has none either', () => {
    const gru = new GRU(I, H, { dtype: 'float64' })
    const message = 'the bias of this GRU inside the reset gate (b_hn) is not zero'
    const error = expectError(() => ChungGRU.fromGRU(gru, { innerBias: false }), 'ERR_TORCH_VALUE', /./)
    expect(error.message).toContain(message)
    torch.noGrad(() => gru.bias_hh_l0?.narrow(0, 2 * H, H).zero_())
    const network = ChungGRU.fromGRU(gru, { innerBias: false })
    expect(Object.keys(network.stateDict())).toEqual(['weight_ih_l0', 'weight_hh_l0', 'bias_l0'])
    const x = draw([L, N, I])
    expectClose(network.forward(x)[0], arrays(gru.forward(x)[0]), EXACT)
  })

  test('refuses what has no counterpart', () => {
    const refuse = (options: ChungGRUOptions, words: string) =>
      expectError(() => new ChungGRU(1, 2, options).toGRU(), 'ERR_TORCH_VALUE', `PyTorch's GRU cannot have ${words}`)
    refuse({ resetAfter: false }, 'reset_after=False')
    refuse({ activation: 'softsign' }, "activation='softsign'")
    expectError(() => ChungGRU.fromGRU({} as never), 'ERR_TORCH_TYPE', 'gru must be a GRU')
    expectError(() => ChungGRU.fromGRU(new GRU(1, 2), { inner: true } as never), 'ERR_TORCH_OPTION', "'inner'")
  })
})

test('packed sequences give what each gives by itself', () => {
  const { module, h0 } = make({ bidirectional: true, innerBias: true })
  const x = draw([L, N, I])
  const lengths = [2, L]
  const [output, hN] = module.forward(utils.rnn.packPaddedSequence(x, lengths, { enforceSorted: false }), h0)
  const [padded] = utils.rnn.padPackedSequence(output)
  for (const [n, length] of lengths.entries()) {
    const [expected, last] = module.forward(x.index(torch.slice(0, length), n), h0.select(1, n))
    expectClose(padded.index(torch.slice(0, length), n), arrays(expected), EXACT)
    expectClose(hN.select(1, n), arrays(last), EXACT)
  }
})

test('the same off the main thread', async () => {
  const { module, x, h0 } = make({ batchFirst: true })
  const [output] = module.forward(x, h0)
  expectClose(await torch.offload(() => module.forward(x.mul(1), h0)[0]), arrays(output), EXACT)
})

describe('refuses', () => {
  const x = torch.zeros([L, N, I])
  test.each([
    [() => new ChungGRU(I, H).forward(torch.zeros([I])), 'ERR_TORCH_VALUE', /Expected input to be 2D or 3D, got 1D/],
    [() => new ChungGRU(7, H).forward(x), 'ERR_TORCH_SHAPE', /Expected 7, got 3/],
    [() => new ChungGRU(I, H).forward(x, torch.zeros([1, 9, H])), 'ERR_TORCH_SHAPE', /Expected hidden size/],
    [
      () => new ChungGRU(I, H, { activation: 'sine' as never }),
      'ERR_TORCH_VALUE',
      /activation must be 'tanh', .* or 'identity', got 'sine'/,
    ],
    [() => new ChungGRU(I, H, { resetAfter: 1 as never }), 'ERR_TORCH_TYPE', /resetAfter must be a boolean, got 1/],
    [() => new ChungGRU(I, H, { innerBias: true, resetAfter: false }), 'ERR_TORCH_VALUE', /innerBias needs resetAfter/],
    [() => new ChungGRU(I, H, { innerBias: true, bias: false }), 'ERR_TORCH_VALUE', /innerBias needs bias/],
    [() => new ChungGRU(I, H, { projSize: 2 } as never), 'ERR_TORCH_OPTION', /projSize is an option of LSTM only/],
    [() => new ChungGRU(I, H, { backend: 'auto' } as never), 'ERR_TORCH_OPTION', /unknown option 'backend'/],
    [() => new ChungGRU(I, H, null as never), 'ERR_TORCH_TYPE', /options must be an object, got null/],
    [() => new ChungGRU(I, H).stream(), 'ERR_TORCH_NOT_IMPLEMENTED', /streams support only PyTorch's equations/],
  ] as const)('%s', (call, code, message) => {
    expectError(call, code, message)
  })
})

test('prints what is not the default', () => {
  expect(String(new ChungGRU(1, 2, { batchFirst: true, innerBias: true, resetAfter: true }))).toBe(
    'ChungGRU(1, 2, batch_first=True, inner_bias=True)',
  )
  expect(String(new ChungGRU(1, 2, { resetAfter: false }))).toBe('ChungGRU(1, 2, reset_after=False)')
})
