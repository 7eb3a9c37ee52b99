import { afterEach, describe, expect, test } from 'vitest'
import { nn, optim, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, type RecurrentModel, RNNModel, SequenceModel } from '../../lib/models/index.ts'
import { native } from '../../lib/tensor/binding.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

torch.setNumThreads(1)

const INSTRUCTION_SETS = native.instructionSets()
const STEPS = 9
const TOKENS = 7

const MODELS: Record<string, () => RecurrentModel> = {
  'LSTM(3, 7) -> 2': () => new LSTMModel(3, 7, 2),
  'GRU(3, 33) of 2 layers -> 40, the last': () => new GRUModel(3, 33, 40, { numLayers: 2, output: 'last' }),
  'a projected LSTM, the mean, 3 steps ahead': () =>
    new LSTMModel(3, 20, 2, { numLayers: 2, projSize: 5, output: 'mean', horizon: 3 }),
  'RNN, the maximum': () => new RNNModel(3, 5, 1, { output: 'max' }),
  'a language model': () => new GRUModel(6, 6, TOKENS, { embedding: TOKENS, tieWeights: true, outputDropout: 0.5 }),
  'the mean over tokens': () =>
    new LSTMModel(3, 4, 2, { embedding: { numEmbeddings: TOKENS, paddingIdx: 0 }, output: 'mean' }),
}

/** Random inputs: as a tensor, and step by step. */
function inputsOf({ embedding, inputSize }: RecurrentModel) {
  if (embedding !== null) {
    const x = torch.randint(0, TOKENS, [STEPS])
    return { x, steps: x.toArray() as number[] }
  }
  const x = torch.randn([STEPS, inputSize])
  return { x, steps: x.unbind().map((row) => row.toTypedArray() as Float32Array) }
}

afterEach(() => {
  native.instructionSet(INSTRUCTION_SETS[0])
})

describe.each(INSTRUCTION_SETS)('with %s', (instructions) => {
  test.each(Object.entries(MODELS))('a stream of %s gives what the model would for the steps so far', (_, make) => {
    native.instructionSet(instructions)
    torch.manualSeed(0)
    const model = make().eval()
    const { x, steps } = inputsOf(model)
    const stream = model.stream()
    expect(stream.outputSize).toBe(model.outputSize * (model.horizon ?? 1))
    expect(stream.inputSize).toBe(model.embedding === null ? 3 : 1)
    steps.forEach((input, t) => {
      const whole = model.forward(x.narrow(0, 0, t + 1))
      const expected = model.output === 'sequence' ? whole.index(t) : whole
      expectClose([...stream.step(input)], expected.flatten().toArray() as number[], { rtol: 1e-5, atol: 1e-5 })
    })
    // A state is that of this moment, whatever comes after.
    const saved = stream.save()
    const fork = stream.fork()
    const next = [...stream.step(steps[0] as number)]
    stream.restore(saved)
    expect([...stream.step(steps[0] as number)]).toEqual(next)
    expect([...fork.step(steps[0] as number)]).toEqual(next)
    stream.reset()
    expectClose([...stream.step(steps[0] as number)], [...model.stream().step(steps[0] as number)], { atol: 1e-6 })
  })

  test.each(Object.entries(MODELS))('%s steps many at once as each alone', (_, make) => {
    native.instructionSet(instructions)
    torch.manualSeed(1)
    const model = make()
    const streams = Array.from({ length: 5 }, () => model.stream())
    const alone = streams.map((stream) => stream.fork())
    for (let t = 0; t < 3; t++) {
      const inputs = streams.map((_, i) => inputsOf(model).steps[i] as number | Float32Array)
      const together =
        model.embedding === null
          ? Float32Array.from(inputs.flatMap((input) => [...(input as Float32Array)]))
          : Int32Array.from(inputs as number[])
      const outputs = nn.stepStreams(streams, together)
      const expected = alone.flatMap((stream, i) => [...stream.step(inputs[i] as number)])
      expectClose([...outputs], expected, { rtol: 1e-5, atol: 1e-6 })
    }
    expect(Object.keys(streams[0]?.save() ?? {})).toEqual(Object.keys(alone[0]?.save() ?? {}))
  })
})

test('a head without bias, and weights in bfloat16', () => {
  const model = new LSTMModel(3, 16, 2)
  const { x, steps } = inputsOf(model)
  const half = model.stream({ dtype: 'bfloat16' })
  Object.assign(model.linear, { bias: null })
  const stream = model.stream()
  const expected = model.forward(x).toArray() as number[][]
  steps.forEach((input, t) => {
    expectClose([...stream.step(input)], expected[t] as number[], { atol: 1e-5 })
    half.step(input)
  })
  expect(half.save().h).toHaveLength(16)
})

test('streams share their copies of the weights until these change', () => {
  const model = new GRUModel(2, 3, 1, { embedding: 4 })
  const [first, second] = [model.stream(), model.stream()]
  expect(nn.stepStreams([first, second], Int32Array.from([1, 2]))).toHaveLength(2)
  const before = [...first.step(3)]
  const forked = second.fork()
  torch.noGrad(() => model.linear.weight.mul_(2))
  const changed = model.stream()
  expectError(() => nn.stepStreams([first, changed], Int32Array.from([1, 2])), 'ERR_TORCH_VALUE', 'different weights')
  // A stream has the weights from when it was opened.
  first.reset()
  const again = model.clone().stream()
  expect([...again.step(1)]).toEqual([...changed.step(1)])
  forked.reset()
  expect([...first.step(1)]).toEqual([...forked.step(1)])
  expect([...first.step(1)]).not.toEqual([...changed.step(1)])
  expect(before).toHaveLength(1)
  // Another pooling is another model.
  const other = new GRUModel(2, 3, 1, { embedding: 4, output: 'mean' })
  expectError(() => nn.stepStreams([first, other.stream()], Int32Array.from([1, 2])), 'ERR_TORCH_VALUE', 'different')
})

test('a stream that is opened in training goes on with the weights that training has made', () => {
  const model = new LSTMModel(2, 4, 1)
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 })
  const x = torch.randn([1, 2])
  const old = model.stream()
  model.forward(x).sum().backward()
  optimizer.step()
  const input = x.flatten().toTypedArray() as Float32Array
  expectClose([...model.stream().step(input)], model.forward(x).flatten().toArray() as number[], { atol: 1e-6 })
  expect([...old.step(input)]).not.toEqual([...model.stream().step(input)])
})

test('what forward would compute otherwise is refused', () => {
  class Own extends LSTMModel {
    override forward(): never {
      throw new Error('not called')
    }
  }
  const changed: [RecurrentModel, (model: RecurrentModel) => void][] = [
    [new Own(1, 2, 1), () => {}],
    [new GRUModel(1, 2, 1), (model) => void model.registerForwardHook(() => undefined)],
    [new GRUModel(1, 2, 1), (model) => void model.linear.registerForwardHook(() => undefined)],
    [new GRUModel(1, 2, 1), (model) => Object.assign(model, { linear: new nn.Sequential(new nn.Linear(2, 1)) })],
    [new GRUModel(1, 2, 1), (model) => Object.assign(model, { embedding: new nn.Embedding(3, 1, { maxNorm: 1 }) })],
  ]
  for (const [model, change] of changed) {
    change(model)
    expectError(
      () => model.stream(),
      'ERR_TORCH_NOT_IMPLEMENTED',
      `${model.constructor.name}.stream: a stream computes`,
    )
  }
  const bidirectional = new GRUModel(1, 2, 1, { bidirectional: true })
  expectError(
    () => bidirectional.stream(),
    'ERR_TORCH_VALUE',
    'GRUModel.stream: a bidirectional network needs the whole',
  )
  const minimal = new SequenceModel(new nn.MinGRU(1, 2), 1)
  expectError(() => minimal.stream(), 'ERR_TORCH_NOT_IMPLEMENTED', "only PyTorch's equations")
  expectError(() => new GRUModel(1, 2, 1).stream({ type: 1 } as never), 'ERR_TORCH_OPTION', "unknown option 'type'")
})

test('parts that do not fit each other are refused', () => {
  const make = (parts: object): RecurrentModel => Object.assign(new GRUModel(2, 3, 1), parts)
  const stream = (parts: object) => () => make(parts).stream()
  expectError(stream({ linear: new nn.Linear(4, 1) }), 'ERR_TORCH_VALUE', "does not fit the network's output of 3")
  expectError(stream({ embedding: new nn.Embedding(5, 3) }), 'ERR_TORCH_VALUE', "does not fit the network's input of 2")
  expectError(stream({ embedding: new nn.Embedding(0, 2) }), 'ERR_TORCH_VALUE', 'the embedding has size [0, 2]')
  const head = new nn.Linear(3, 2)
  head.bias = new nn.Parameter(torch.ones([1]))
  expectError(stream({ linear: head }), 'ERR_TORCH_VALUE', 'the bias of the head has size [1]')
  const gone = new GRUModel(2, 3, 1)
  gone.linear.weight.dispose()
  expectError(() => gone.stream(), 'ERR_TORCH_DISPOSED', 'Linear.weight has been disposed')
})

test('tokens that are none are refused, and change nothing', () => {
  const stream = new GRUModel(2, 3, 1, { embedding: 4, output: 'mean' }).stream()
  for (const token of [-1, 4, 0.5, Number.NaN, 2 ** 40]) {
    expectError(() => stream.step(token), 'ERR_TORCH_INDEX', 'a token must be an integer from 0 to 3')
  }
  for (const input of [new Float32Array(2), '1', null, undefined]) {
    expectError(() => stream.step(input as never), 'ERR_TORCH_TYPE', 'takes a token, a number')
  }
  const two = [stream, stream.fork()]
  expectError(() => nn.stepStreams(two, new Float32Array(2)), 'ERR_TORCH_TYPE', 'takes tokens, an Int32Array')
  expectError(() => nn.stepStreams(two, Int32Array.from([1])), 'ERR_TORCH_VALUE', 'input must have 2 elements, got 1')
  expectError(() => nn.stepStreams(two, Int32Array.from([1, 9])), 'ERR_TORCH_INDEX', 'from 0 to 3')
  expect([...(stream.save().pool as Float32Array)]).toEqual([0, 0, 0, 0])
  expectError(() => new GRUModel(2, 3, 1).stream().step(1), 'ERR_TORCH_TYPE', 'input must be a Float32Array')
  const { h } = stream.save()
  expectError(() => stream.restore({ h }), 'ERR_TORCH_TYPE', 'pool must be a Float32Array of 4 elements')
})
