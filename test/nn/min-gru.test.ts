import { describe, expect, test } from 'vitest'
import { traceGatesSync } from '../../lib/inspect/index.ts'
import { MinGRU, type MinGRUOptions, utils } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { arrays, bySteps, FUNCTIONS, type Matrix, part, type Step, times, type Vector } from '../support/steps.ts'

const [I, H, L, N] = [3, 3, 4, 2] as const
const EXACT = { rtol: 1e-10, atol: 1e-12 }

/** The equations, word for word. */
const step: Step = (x, [h], weights) => {
  const { weight_ih, bias = Array(2 * H).fill(0) } = weights as Record<string, Matrix | Vector>
  const sums = times(weight_ih as Matrix, x).map((sum, row) => sum + (bias[row] as number))
  const z = part(sums, 0, H).map(FUNCTIONS.sigmoid)
  const n = part(sums, 1, H)
  return [h.map((before, j) => (1 - (z[j] as number)) * before + (z[j] as number) * (n[j] as number))]
}

function make(options: MinGRUOptions): { module: MinGRU; x: Tensor; h0: Tensor } {
  torch.manualSeed(5)
  const module = new MinGRU(I, H, { ...options, dtype: 'float64' })
  const draw = (shape: number[]): Tensor => torch.randn(shape, { dtype: 'float64', requiresGrad: true })
  const layers = module.numLayers * (module.bidirectional ? 2 : 1)
  return { module, x: draw(options.batchFirst ? [N, L, I] : [L, N, I]), h0: draw([layers, N, H]) }
}

const VARIANTS: MinGRUOptions[] = [{}, { bias: false }, { batchFirst: true }, { numLayers: 2, bidirectional: true }]

describe.each(VARIANTS.map((options) => [JSON.stringify(options), options] as const))('%s', (_, options) => {
  test('computes its equations, step by step', () => {
    const { module, x, h0 } = make(options)
    const byStep = options.batchFirst ? x.transpose(0, 1) : x
    for (const given of [h0, null]) {
      const expected = bySteps(module, step, arrays(byStep), [arrays(given ?? h0.mul(0))])
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
})

test('packed sequences give what each gives by itself', () => {
  const { module } = make({})
  const sequences = [4, 2].map((length) => torch.randn([length, I], { dtype: 'float64' }))
  const [packed, hN] = module.forward(utils.rnn.packSequence(sequences))
  for (const [i, output] of utils.rnn.unpackSequence(packed).entries()) {
    const [alone, last] = module.forward(sequences[i] as Tensor)
    expectClose(output, arrays(alone), EXACT)
    expectClose(hN.select(1, i), arrays(last), EXACT)
  }
})

test('the traced gates give the output again', () => {
  const { module, x } = make({})
  const [trace] = traceGatesSync(module, x)
  if (trace?.kind !== 'MinGRU') return expect.fail('no trace of a MinGRU')
  const { z, n, h } = trace
  const before = torch.cat([torch.zeros([1, N, H], { dtype: 'float64' }), h.narrow(0, 0, L - 1)])
  expectClose(h, arrays(torch.lerp(before, n, z)), EXACT)
  expectClose(module.forward(x)[0], arrays(h), EXACT)
})

test('parameters: names, sizes, and their first values', () => {
  const module = new MinGRU(3, 4, { numLayers: 2, bidirectional: true })
  const sizes = Object.fromEntries([...module.namedParameters()].map(([name, p]) => [name, p.shape]))
  expect(Object.keys(sizes)).toHaveLength(8)
  expect(sizes).toMatchObject({ weight_ih_l0: [8, 3], bias_l0: [8], weight_ih_l1_reverse: [8, 8] })
  for (const parameter of module.parameters()) expect(parameter.abs().amax().item()).toBeLessThanOrEqual(1 / 2)
  expect(String(module)).toBe('MinGRU(3, 4, num_layers=2, bidirectional=True)')
})

test('refuses what it does not have', () => {
  expectError(() => new MinGRU(I, 0), 'ERR_TORCH_VALUE', 'MinGRU: hiddenSize must be a positive integer, got 0')
  expectError(() => new MinGRU(I, H, { backend: 'auto' } as never), 'ERR_TORCH_OPTION', "unknown option 'backend'")
  expectError(
    () => new MinGRU(I, H, { projSize: 2 } as never),
    'ERR_TORCH_OPTION',
    /projSize is an option of LSTM only/,
  )
  expectError(() => new MinGRU(I, H).stream(), 'ERR_TORCH_NOT_IMPLEMENTED', "streams support only PyTorch's equations")
  expectError(() => new MinGRU(I, H).forward(torch.ones([L, N, I + 1])), 'ERR_TORCH_SHAPE', /^MinGRU: input.size\(-1\)/)
  expectError(() => new MinGRU(I, H).forward(torch.ones([N])), 'ERR_TORCH_VALUE', /^MinGRU: Expected input to be 2D or/)
})
