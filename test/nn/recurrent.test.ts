import { describe, expect, test } from 'vitest'
import { GRU, LSTM, type LSTMState, type RecurrentOptions, RNN } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

interface Case {
  kind: 'RNN' | 'LSTM' | 'GRU'
  inputSize: number
  hiddenSize: number
  options: RecurrentOptions & { projSize?: number }
  dtype: 'float32' | 'float64'
  seed: number
  steps: number
  batch: number | null
  state: boolean
  train: boolean
  output: number[]
  outputShape: number[]
  finals: number[][]
  inputGrad: number[]
  stateGrads: number[][]
  grads: Record<string, number[]>
}

const { recurrent, errors } = readFixture<{ recurrent: Case[]; errors: Record<string, string> }>('nn')
const MODULES = { RNN, LSTM, GRU }

function values(tensor: Tensor | null): number[] {
  return Array.from(tensor?.toTypedArray() as Float32Array)
}

/** What the fixture's script does, with the same seed: the weights, too, must come out the same. */
function run(one: Case) {
  torch.manualSeed(one.seed)
  const { dtype, options, batch, steps } = one
  const module = new MODULES[one.kind](one.inputSize, one.hiddenSize, { ...options, dtype }).train(one.train)
  const shape = batch === null ? [steps] : options.batchFirst ? [batch, steps] : [steps, batch]
  const draw = (size: number[]): Tensor => torch.randn(size, { dtype, requiresGrad: true })
  const x = draw([...shape, one.inputSize])
  const layers = (options.numLayers ?? 1) * (options.bidirectional ? 2 : 1)
  const widths = one.kind === 'LSTM' ? [options.projSize ?? one.hiddenSize, one.hiddenSize] : [one.hiddenSize]
  const states = one.state ? widths.map((width) => draw([layers, ...(batch === null ? [] : [batch]), width])) : []
  return { module, x, states }
}

function forward(module: RNN | LSTM | GRU, x: Tensor, states: Tensor[]): Tensor[] {
  if (module instanceof LSTM) {
    const [output, [h, c]] = module.forward(x, states.length > 0 ? (states as unknown as LSTMState) : null)
    return [output, h, c]
  }
  return module.forward(x, states[0] ?? null)
}

function lossOf(tensors: Tensor[], dtype: 'float32' | 'float64'): Tensor {
  return tensors
    .map((tensor) => tensor.mul(torch.randn(tensor.shape, { dtype })).sum())
    .reduce((sum, term) => sum.add(term))
}

describe.each(
  recurrent.map(
    (one) => [`${one.kind} ${JSON.stringify(one.options)} ${one.dtype} N=${one.batch} seed ${one.seed}`, one] as const,
  ),
)('%s', (_, one) => {
  const outputs = one.dtype === 'float64' ? { rtol: 1e-10, atol: 1e-12 } : { rtol: 1e-5, atol: 1e-6 }
  const gradients = one.dtype === 'float64' ? { rtol: 1e-9, atol: 1e-12 } : { rtol: 1e-4, atol: 1e-5 }

  function check(module: RNN | LSTM | GRU, x: Tensor, states: Tensor[], [output, ...finals]: Tensor[]): void {
    expect(output?.shape).toEqual(one.outputShape)
    expectClose(values(output as Tensor), one.output, outputs)
    for (const [i, final] of finals.entries()) expectClose(values(final), one.finals[i] as number[], outputs)
    expectClose(values(x.grad), one.inputGrad, gradients)
    for (const [i, state] of states.entries()) expectClose(values(state.grad), one.stateGrads[i] as number[], gradients)
    const named = [...module.namedParameters()]
    expect(named.map(([name]) => name)).toEqual(Object.keys(one.grads))
    for (const [name, parameter] of named) expectClose(values(parameter.grad), one.grads[name] as number[], gradients)
  }

  test('equals PyTorch', () => {
    const { module, x, states } = run(one)
    const results = forward(module, x, states)
    lossOf(results, one.dtype).backward()
    check(module, x, states, results)
  })
})

test('the same off the main thread', async () => {
  const one = recurrent.find(({ kind, batch, state }) => kind === 'LSTM' && batch === 3 && state) as Case
  const { module, x, states } = run(one)
  const output = await torch.offload(() => {
    const [first] = forward(module, x.mul(1), states)
    return first as Tensor
  })
  expectClose(values(output), one.output)
})

describe('errors are those of PyTorch', () => {
  const x = torch.randn([5, 3, 4])
  const zeros = torch.zeros
  const first = x.index(0)
  const cases: Record<string, () => unknown> = {
    'input 1-D LSTM': () => new LSTM(4, 2).forward(zeros([4])),
    'input 4-D RNN': () => new RNN(4, 2).forward(zeros([1, 1, 1, 4])),
    'input 4-D GRU': () => new GRU(4, 2).forward(zeros([1, 1, 1, 4])),
    'input size': () => new LSTM(7, 2).forward(x),
    'input dtype': () => new GRU(4, 2).forward(x.double()),
    'hidden rank batched': () => new GRU(4, 2).forward(x, zeros([1, 2])),
    'hidden rank unbatched': () => new RNN(4, 2).forward(first, zeros([1, 3, 2])),
    'state rank batched': () => new LSTM(4, 2).forward(x, [zeros([1, 2]), zeros([1, 3, 2])]),
    'state rank unbatched': () => new LSTM(4, 2).forward(first, [zeros([1, 3, 2]), zeros([1, 2])]),
    'hidden size': () => new GRU(4, 2).forward(x, zeros([1, 4, 2])),
    'hidden layers': () => new RNN(4, 2, { numLayers: 2 }).forward(x, zeros([1, 3, 2])),
    'state h size': () => new LSTM(4, 3, { projSize: 1 }).forward(x, [zeros([1, 3, 3]), zeros([1, 3, 3])]),
    'state c size': () => new LSTM(4, 3).forward(x, [zeros([1, 3, 3]), zeros([1, 3, 2])]),
    'zero hidden': () => new LSTM(4, 0),
    'zero input': () => new LSTM(0, 4),
    'zero layers': () => new GRU(4, 4, { numLayers: 0 }),
    dropout: () => new GRU(4, 4, { dropout: 1.5 }),
    proj: () => new LSTM(4, 4, { projSize: 4 }),
    'negative proj': () => new LSTM(4, 4, { projSize: -1 }),
    nonlinearity: () => new RNN(4, 4, { nonlinearity: 'sin' as never }),
  }

  test.each(Object.entries(cases))('%s', (name, call) => {
    expect(call).toThrow(expect.objectContaining({ message: errors[name], code: expect.stringMatching(/^ERR_TORCH_/) }))
  })

  test('and off the main thread', async () => {
    await expect(torch.offload(() => new LSTM(7, 2).forward(x.mul(1)))).rejects.toThrow(errors['input size'])
  })
})

test.each([
  [() => new LSTM(Number.NaN, 4), 'ERR_TORCH_TYPE', /input_size should be of type int, got: NaN/],
  [() => new LSTM('4' as never, 4), 'ERR_TORCH_TYPE', /input_size should be of type int, got: '4'/],
  [() => new LSTM(4, 2.5), 'ERR_TORCH_TYPE', /hidden_size should be of type int/],
  [() => new LSTM(4, 1e15), 'ERR_TORCH_OUT_OF_MEMORY', /./],
  [() => new GRU(4, 4, { projSize: 2 } as never), 'ERR_TORCH_OPTION', /proj_size argument is only supported for LSTM/],
  [() => new GRU(4, 4, { numLayer: 2 } as never), 'ERR_TORCH_OPTION', /did you mean 'numLayers'/],
  [() => new GRU(4, 4, { bias: 1 as never }), 'ERR_TORCH_TYPE', /bias should be of type bool, got: 1/],
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
  expect(String(await warning)).toContain('dropout option adds dropout after all but last recurrent layer')
})

test('second derivatives are right', () => {
  const lstm = new LSTM(2, 3, { dtype: 'float64' })
  const x = torch.randn([4, 1, 2], { dtype: 'float64', requiresGrad: true })
  const slope = (at: Tensor): Tensor => {
    const [output] = lstm.forward(at)
    return (torch.autograd.grad(output.pow(2).sum(), at, { createGraph: true })[0] as Tensor).pow(2).sum()
  }
  const [exact] = torch.autograd.grad(slope(x), x)
  const h = 1e-6
  for (let i = 0; i < 4; i++) {
    const shift = torch.zeros([4, 1, 2], { dtype: 'float64' }).indexPut_([i, 0, i % 2], h)
    const numeric = ((slope(x.add(shift)).item() as number) - (slope(x.sub(shift)).item() as number)) / (2 * h)
    expectClose((exact as Tensor).index(i, 0, i % 2).item() as number, numeric, { rtol: 1e-5, atol: 1e-8 })
  }
})
