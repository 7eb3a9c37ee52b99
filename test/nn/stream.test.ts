import { afterEach, describe, expect, it } from 'vitest'
import { type ErrorCode, nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { native } from '../../lib/tensor/binding.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

const INSTRUCTION_SETS = native.instructionSets()
const STEPS = 12

const NETWORKS: Record<string, () => nn.LSTM | nn.GRU | nn.RNN> = {
  'LSTM(3, 7)': () => new nn.LSTM(3, 7),
  'LSTM(5, 33) of 3 layers with a projection': () => new nn.LSTM(5, 33, { numLayers: 3, projSize: 9, dropout: 0.5 }),
  'GRU(1, 16) without bias': () => new nn.GRU(1, 16, { bias: false }),
  'GRU(64, 64) of 2 layers': () => new nn.GRU(64, 64, { numLayers: 2, batchFirst: true }),
  'RNN(2, 5)': () => new nn.RNN(2, 5),
  'RNN(2, 5) with relu': () => new nn.RNN(2, 5, { nonlinearity: 'relu' }),
}

/** Inputs (steps, I), and what LibTorch makes of them: outputs and last states, without a batch. */
function reference(net: nn.LSTM | nn.GRU | nn.RNN): { inputs: Float32Array[]; outputs: Tensor; states: Tensor[] } {
  net.eval()
  const x = torch.randn([STEPS, net.inputSize])
  const { projSize, bias, numLayers } = net
  const options = { bias, numLayers, backend: 'libtorch' } as const
  const twin =
    net instanceof nn.LSTM
      ? new nn.LSTM(net.inputSize, net.hiddenSize, { ...options, projSize })
      : net instanceof nn.GRU
        ? new nn.GRU(net.inputSize, net.hiddenSize, options)
        : new nn.RNN(net.inputSize, net.hiddenSize, { ...options, nonlinearity: net.nonlinearity })
  twin.loadStateDict(net.stateDict())
  const [outputs, last] = torch.noGrad(() => (twin as nn.RecurrentModule).forward(x))
  const rows = x.toTypedArray() as Float32Array
  const inputs = Array.from({ length: STEPS }, (_, t) => rows.slice(t * net.inputSize, (t + 1) * net.inputSize))
  return { inputs, outputs, states: [last].flat() }
}

const flat = (tensor: Tensor): number[] => tensor.flatten().toArray() as number[]

afterEach(() => {
  native.instructionSet(INSTRUCTION_SETS[0])
})

describe.each(INSTRUCTION_SETS)('a stream, with %s', (instructions) => {
  it.each(Object.entries(NETWORKS))('of %s gives the outputs and states of the whole sequence', (_, make) => {
    native.instructionSet(instructions)
    torch.manualSeed(0)
    const net = make()
    const { inputs, outputs, states } = reference(net)
    const stream = net.stream()
    inputs.forEach((input, t) => {
      expectClose([...stream.step(input)], flat(outputs.index(t)), { rtol: 1e-5, atol: 1e-5 })
    })
    const { h, c } = stream.save()
    expectClose([...h], flat(states[0] as Tensor), { rtol: 1e-5, atol: 1e-5 })
    expect(c === undefined).toBe(states.length === 1)
    if (c !== undefined) expectClose([...c], flat(states[1] as Tensor), { rtol: 1e-5, atol: 1e-5 })
  })

  it.each(Object.entries(NETWORKS))('of %s stays near that with bfloat16 weights', (_, make) => {
    native.instructionSet(instructions)
    torch.manualSeed(1)
    const net = make()
    const { inputs, outputs } = reference(net)
    const stream = net.stream({ dtype: 'bfloat16' })
    const exact = net.stream()
    let differs = false
    inputs.forEach((input, t) => {
      const output = [...stream.step(input)]
      // Eight bits of a fraction: 1/256 of each weight and input.
      expectClose(output, flat(outputs.index(t)), { rtol: 2e-2, atol: 2e-2 })
      differs ||= output.some((value, i) => value !== exact.step(input)[i])
    })
    expect(differs).toBe(true)
  })

  it('steps many at once as each alone', () => {
    native.instructionSet(instructions)
    torch.manualSeed(2)
    const net = new nn.LSTM(6, 20, { numLayers: 2, projSize: 5 })
    const alone = Array.from({ length: 9 }, () => net.stream())
    const together = Array.from({ length: 9 }, () => net.stream())
    for (let step = 0; step < 4; step++) {
      const inputs = torch.randn([9, 6]).toTypedArray() as Float32Array
      const expected = alone.flatMap((stream, i) => [...stream.step(inputs.slice(6 * i, 6 * i + 6))])
      expectClose([...nn.stepStreams(together, inputs)], expected, { rtol: 1e-6, atol: 1e-6 })
    }
    alone.forEach((stream, i) => {
      expectClose([...stream.save().h], [...(together[i] as nn.RecurrentStream).save().h], { atol: 1e-6 })
    })
  })
})

describe('a stream', () => {
  torch.manualSeed(3)
  const net = new nn.LSTM(2, 3, { numLayers: 2 })
  const input = Float32Array.of(0.5, -1)

  it('writes into the array that it is given, which may be the input', () => {
    const square = new nn.GRU(3, 3)
    const [a, b] = [square.stream(), square.stream()]
    const x = Float32Array.of(1, 2, 3)
    const expected = a.step(x)
    expect(b.step(x, x)).toBe(x)
    expect([...x]).toEqual([...expected])
  })

  it('can be reset, saved, restored and forked', () => {
    const stream = net.stream()
    const first = [...stream.step(input)]
    const saved = stream.save()
    const fork = stream.fork()
    const second = [...stream.step(input)]
    expect(second).not.toEqual(first)
    expect([...fork.step(input)]).toEqual(second)
    stream.restore(saved)
    expect([...stream.step(input)]).toEqual(second)
    stream.reset()
    expect([...stream.step(input)]).toEqual(first)
    // What was saved is a copy.
    expect([...saved.h]).toHaveLength(6)
  })

  it('keeps the weights that it was opened with', () => {
    const changing = new nn.GRU(2, 3)
    const stream = changing.stream()
    const before = [...stream.step(input)]
    torch.noGrad(() => changing.weight_ih_l0?.zero_())
    stream.reset()
    expect([...stream.step(input)]).toEqual(before)
    expect([...changing.stream().step(input)]).not.toEqual(before)
  })

  it('sees what an optimizer did before it was opened', () => {
    const trained = new nn.GRU(2, 3)
    const before = [...trained.stream().step(input)]
    const optimizer = new optim.Adam(trained.parameters(), { lr: 0.1 })
    trained
      .forward(torch.ones([4, 1, 2]))[0]
      .sum()
      .backward()
    optimizer.step()
    expect([...trained.stream().step(input)]).not.toEqual(before)
  })

  it('refuses wrong arrays with a sentence', () => {
    const stream = net.stream()
    expectError(() => stream.step(new Float32Array(3)), 'ERR_TORCH_VALUE', /input must have 2 elements, got 3/)
    expectError(() => stream.step(input, new Float32Array(2)), 'ERR_TORCH_VALUE', /output must have 3 elements, got 2/)
    for (const wrong of [[1, 2], new Float64Array(2), null, undefined, 'x', {}, new ArrayBuffer(8)]) {
      expectError(() => stream.step(wrong as Float32Array), 'ERR_TORCH_TYPE', /input must be a Float32Array/)
    }
    // A transferred buffer has no elements left.
    const gone = Float32Array.of(1, 2)
    structuredClone(gone, { transfer: [gone.buffer] })
    expectError(() => stream.step(gone), 'ERR_TORCH_VALUE', /got 0/)
  })

  it('refuses states that are not its own', () => {
    const stream = net.stream()
    const { h, c } = stream.save()
    expectError(() => stream.restore({ h }), 'ERR_TORCH_TYPE', /c must be a Float32Array of 6 elements, got undefined/)
    expectError(
      () => stream.restore({ h: new Float32Array(5), c: c as Float32Array }),
      'ERR_TORCH_VALUE',
      /got 5 elements/,
    )
    expectError(() => stream.restore(null as never), 'ERR_TORCH_TYPE', /h must be/)
  })

  it('refuses what it cannot do', () => {
    expectError(() => new nn.LSTM(2, 3, { bidirectional: true }).stream(), 'ERR_TORCH_VALUE', /whole sequence/)
    expectError(
      () => net.stream({ dtype: 'int8' as 'float32' }),
      'ERR_TORCH_VALUE',
      /'float32' or 'bfloat16', got 'int8'/,
    )
    expectError(() => net.stream({ dtpye: 'float32' } as never), 'ERR_TORCH_OPTION', /did you mean 'dtype'/)
    for (const other of [new nn.PeepholeLSTM(2, 3), new nn.ChungGRU(2, 3)]) {
      expectError(() => other.stream(), 'ERR_TORCH_NOT_IMPLEMENTED', /streams support only PyTorch's equations/)
    }
  })

  it('refuses parameters that it cannot read', () => {
    const wrong: [nn.Parameter, ErrorCode, RegExp][] = [
      [new nn.Parameter(torch.zeros([1, 1])), 'ERR_TORCH_SHAPE', /weight_ih_l0 has the shape \[1, 1\]/],
      [new nn.Parameter(torch.zeros([16, 2, 1])), 'ERR_TORCH_SHAPE', /sizes of the module ask for \[16, 2\]$/],
      [new nn.Parameter(torch.zeros([16, 2], { dtype: 'float64' })), 'ERR_TORCH_DTYPE', /weight_ih_l0 of float64/],
      [new nn.Parameter(torch.zeros([16, 2], { device: 'meta' as 'cpu' })), 'ERR_TORCH_VALUE', /not on the CPU/],
    ]
    for (const [weight, code, pattern] of wrong) {
      const changed = new nn.LSTM(2, 4)
      changed.weight_ih_l0 = weight
      expectError(() => changed.stream(), code, pattern)
    }
    const complex = new nn.GRU(2, 4, { dtype: 'complex64' as 'float32' })
    expectError(() => complex.stream(), 'ERR_TORCH_VALUE', /not of a floating dtype/)
    const wide = new nn.LSTM(2, 4, { dtype: 'float64' })
    expect(wide.stream().step(input)).toHaveLength(4)
  })

  it('is disposed once, and then refuses every use', () => {
    const fork = net.stream().fork()
    const stream = net.stream()
    const expected = Array.from(fork.step(input))
    stream.dispose()
    stream.dispose()
    for (const use of [
      () => stream.step(input),
      () => stream.save(),
      () => stream.reset(),
      () => stream.restore(fork.save()),
      () => stream.fork(),
      () => nn.stepStreams([stream], input),
      () => nn.stepStreams([fork, stream], new Float32Array(2 * input.length)),
    ]) {
      expectError(use, 'ERR_TORCH_DISPOSED', /the stream has been disposed/)
    }
    // The others over the same weights go on.
    fork.reset()
    expect(Array.from(fork.step(input))).toEqual(expected)
    stream[Symbol.dispose]()
  })

  it('steps with others over the same weights only', () => {
    const stream = net.stream()
    const x = new Float32Array(4)
    expectError(() => nn.stepStreams([], x), 'ERR_TORCH_VALUE', /no streams/)
    expectError(() => nn.stepStreams(stream as never, x), 'ERR_TORCH_TYPE', /array of streams, got RecurrentStream/)
    expectError(() => nn.stepStreams([stream, stream], x), 'ERR_TORCH_VALUE', /twice/)
    expectError(() => nn.stepStreams([stream, {} as never], x), 'ERR_TORCH_TYPE', /an object among them/)
    expectError(
      () => nn.stepStreams([stream, new nn.LSTM(2, 3, { numLayers: 2 }).stream()], x),
      'ERR_TORCH_VALUE',
      /different weights/,
    )
    expectError(() => nn.stepStreams([stream, net.stream()], new Float32Array(3)), 'ERR_TORCH_VALUE', /must have 4/)
  })
})

describe('a network in bfloat16', () => {
  it.each(INSTRUCTION_SETS)('infers with %s near what it does in float32', (instructions) => {
    native.instructionSet(instructions)
    torch.manualSeed(4)
    const exact = new nn.GRU(7, 33, { numLayers: 2, bidirectional: true })
    const half = new nn.GRU(7, 33, { numLayers: 2, bidirectional: true, dtype: 'bfloat16' })
    half.loadStateDict(exact.stateDict())
    const x = torch.randn([9, 5, 7])
    torch.inferenceMode(() => {
      const halved = x.to('bfloat16')
      expect(half.explainBackend(halved).backend).toBe('fused')
      const [output, hN] = half.forward(halved)
      expect([output.dtype, hN.dtype]).toEqual(['bfloat16', 'bfloat16'])
      const [expected] = exact.forward(x)
      expectClose(output.float(), expected, { rtol: 3e-2, atol: 3e-2 })
    })
  })

  it('leaves its gradients to LibTorch', () => {
    const net = new nn.GRU(3, 4, { dtype: 'bfloat16' })
    expect(net.explainBackend(torch.zeros([2, 1, 3], { dtype: 'bfloat16' }))).toEqual({
      backend: 'libtorch',
      reason: 'gradients are computed in float32 only',
    })
  })
})

it('is made by a network only', () => {
  const Stream = nn.RecurrentStream as unknown as new (...args: unknown[]) => nn.RecurrentStream
  for (const args of [[], [{}, { inputSize: 1 }]]) {
    expectError(
      () => new Stream(...args),
      'ERR_TORCH_TYPE',
      /new RecurrentStream\(\) .* stream\(\) of an RNN, LSTM or GRU/,
    )
  }
})
