import { describe, expect, test } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import {
  GRUModel,
  LSTMModel,
  type LSTMModelOptions,
  type RecurrentModel,
  RNNModel,
  SequenceModel,
} from '../../lib/models/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

torch.setNumThreads(1)

interface Case {
  kind: 'RNN' | 'LSTM' | 'GRU'
  options: nn.LSTMOptions
  model: LSTMModelOptions
  outputSize: number
  lengths: number[] | null
  input: number[]
  state: number[] | null
  shape: number[]
  output: number[]
  after: number[][]
  gradients: Record<string, number[]>
}

const { packPaddedSequence } = nn.utils.rnn
const MODELS = { RNN: RNNModel, LSTM: LSTMModel, GRU: GRUModel }
const STEPS = 5
const BATCH = 4
const CASES = readFixture<Case[]>('model-outputs').map(
  (one) => [`${one.kind} ${JSON.stringify({ ...one.options, ...one.model })}, lengths ${one.lengths}`, one] as const,
)

/** The model with PyTorch's weights, its input, and the state before it. */
function made({ kind, options, model: own, outputSize, input, state }: Case): {
  model: RecurrentModel
  x: Tensor
  before: Tensor | null
} {
  torch.manualSeed(1)
  const model = new MODELS[kind](3, own.tieWeights ? 3 : 4, outputSize, { ...options, ...own })
  const shape = options.batchFirst ? [BATCH, STEPS] : [STEPS, BATCH]
  const embeds = model.embedding !== null
  const x = torch.tensor(input, { dtype: embeds ? 'int64' : 'float32' }).reshape(embeds ? shape : [...shape, 3])
  return { model, x, before: state && torch.tensor(state).reshape([1, BATCH, 4]) }
}

describe.each(CASES)('%s', (_, one) => {
  test('computes and learns what PyTorch does', () => {
    const { model, x, before } = made(one)
    const { lengths } = one
    const [output, after] = model.forwardWithState(x, { lengths, state: before })
    expect(output.shape).toEqual(one.shape)
    expectClose(output.flatten(), one.output)
    const states = [after].flat()
    expect(states).toHaveLength(one.after.length)
    for (const [i, state] of states.entries()) expectClose(state.flatten(), one.after[i] as number[])
    output.square().sum().backward()
    expect([...model.namedParameters()].map(([name]) => name)).toEqual(Object.keys(one.gradients))
    for (const [name, gradient] of Object.entries(one.gradients)) {
      expectClose((model.getParameter(name).grad as Tensor).flatten(), gradient, { atol: 1e-5 })
    }
    // The same through `forward`, and with the lengths in a tensor.
    const given = lengths && torch.tensor(lengths, { dtype: 'int64' })
    expectClose(model.forward(x, { lengths: given, state: before }).flatten(), one.output)
  })

  test('does so for a packed sequence', () => {
    const { model, x, before } = made(one)
    const { batchFirst } = model
    const lengths = one.lengths ?? Array.from({ length: BATCH }, () => STEPS)
    const packed = packPaddedSequence(x, lengths, { batchFirst, enforceSorted: false })
    const output = model.forward(packed, { state: before })
    expect(output.shape).toEqual(one.shape)
    expectClose(output.flatten(), one.output)
  })

  test('each sequence alone gives its row', () => {
    const { model, x, before } = made(one)
    if (before !== null) return
    const rows = model.batchFirst ? x : x.transpose(0, 1)
    const whole = model.forward(x, { lengths: one.lengths })
    for (let row = 0; row < BATCH; row++) {
      const length = one.lengths?.[row] ?? STEPS
      const alone = model.forward(rows.index(row).narrow(0, 0, length).contiguous())
      const expected =
        model.output === 'sequence'
          ? whole.select(model.batchFirst ? 0 : 1, row).narrow(0, 0, length)
          : whole.index(row)
      expectClose(alone.flatten(), expected.flatten().detach(), { atol: 1e-5 })
    }
  })
})

test('what comes after the end of a sequence is not read', () => {
  const model = new LSTMModel(2, 3, 1, { output: 'mean', batchFirst: true })
  const x = torch.randn([2, 4, 2])
  const other = x.clone()
  other.index(0).narrow(0, 2, 2).fill_(Number.NaN)
  const [expected, found] = [x, other].map((one) => model.forward(one, { lengths: [2, 4] }))
  expectClose(found as Tensor, (expected as Tensor).detach())
})

test('the state continues a sequence where it ended', () => {
  for (const model of [new LSTMModel(2, 3, 1), new GRUModel(2, 3, 1), new SequenceModel(new nn.MinGRU(2, 3), 1)]) {
    const x = torch.randn([6, 2, 2])
    const whole = model.forward(x)
    const [first, state] = model.forwardWithState(x.narrow(0, 0, 4))
    const second = model.forward(x.narrow(0, 4, 2), { state })
    expectClose(torch.cat([first, second]), whole.detach(), { atol: 1e-6 })
  }
})

test('the dropout before the head acts in training only', () => {
  torch.manualSeed(0)
  const model = new GRUModel(2, 64, 1, { output: 'last', outputDropout: 0.5 })
  const plain = new GRUModel(2, 64, 1, { output: 'last' })
  plain.loadStateDict(model.stateDict())
  const x = torch.randn([3, 2, 2])
  const seen: Tensor[] = []
  model.linear.registerForwardPreHook((_, [input]) => void seen.push(input))
  model.forward(x)
  const [dropped] = seen as [Tensor]
  const hidden = plain.gru.forward(x)[1].select(0, -1)
  const ratios = dropped.div(hidden).flatten().toArray() as number[]
  expect(new Set(ratios.map((ratio) => Math.round(ratio)))).toEqual(new Set([0, 2]))
  model.eval()
  expect(model.forward(x).equal(plain.forward(x))).toBe(true)
  model.train().outputDropout = 0
  expect(model.forward(x).equal(plain.forward(x))).toBe(true)
})

test('prints what is not the default', () => {
  const options = { output: 'last', horizon: 7, outputDropout: 0.25, embedding: 9 } as const
  expect(String(new GRUModel(3, 4, 2, options)).split('\n')).toEqual([
    'GRUModel(',
    "  output='last', horizon=7, output_dropout=0.25",
    '  (embedding): Embedding(9, 3)',
    '  (gru): GRU(3, 4)',
    '  (linear): Linear(in_features=4, out_features=14, bias=True)',
    ')',
  ])
})

test('wrong options are refused by name', () => {
  const make = (options: object) => () => new LSTMModel(3, 4, 2, options)
  expectError(
    make({ outputs: 'last' }),
    'ERR_TORCH_OPTION',
    "LSTMModel: unknown option 'outputs'; did you mean 'output'?",
  )
  expectError(make({ output: 'first' }), 'ERR_TORCH_VALUE', "output must be 'sequence', 'last', 'mean' or 'max'")
  expectError(make({ horizon: 0 }), 'ERR_TORCH_VALUE', 'horizon must be a positive integer, got 0')
  expectError(make({ outputDropout: 2 }), 'ERR_TORCH_VALUE', 'outputDropout must be a number from 0 to 1')
  expectError(make({ embedding: 'all' }), 'ERR_TORCH_TYPE', 'embedding must be a number of tokens')
  expectError(make({ embedding: { tokens: 3 } }), 'ERR_TORCH_OPTION', "embedding: unknown option 'tokens'")
  expectError(make({ embedding: 0 }), 'ERR_TORCH_VALUE', 'embedding.numEmbeddings must be a positive integer')
  expectError(make({ tieWeights: true }), 'ERR_TORCH_VALUE', 'tieWeights needs an embedding')
  expectError(make({ tieWeights: true, embedding: 9 }), 'ERR_TORCH_VALUE', '(9, 3), but it has (2, 4)')
  expectError(make({ tieWeights: 1 }), 'ERR_TORCH_TYPE', 'tieWeights must be a boolean')
  expectError(() => new LSTMModel(3, 4, 2, {}, 5 as never), 'ERR_TORCH_TYPE', 'more arguments')
  expectError(() => new SequenceModel(new nn.GRU(1, 2), 1, { depth: 1 } as never), 'ERR_TORCH_OPTION', "'depth'")
})

test('wrong inputs are refused', () => {
  const model = new LSTMModel(3, 4, 2, { output: 'last' })
  const x = torch.ones([5, 2, 3])
  expectError(() => model.forward(x, { length: [1, 2] } as never), 'ERR_TORCH_OPTION', "did you mean 'lengths'?")
  expectError(
    () => model.forward(x, { lengths: [1] }),
    'ERR_TORCH_VALUE',
    'one length for each of the 2 sequences, got 1',
  )
  expectError(() => model.forward(x, { lengths: [0, 2] }), 'ERR_TORCH_VALUE', 'greater than 0')
  expectError(() => model.forward(x, { lengths: 'all' as never }), 'ERR_TORCH_TYPE', 'lengths must be')
  expectError(
    () => model.forward(x.index(0), { lengths: [2] }),
    'ERR_TORCH_SHAPE',
    'an input with 3 dimensions; this one has 2',
  )
  const packed = packPaddedSequence(x, [5, 5])
  expectError(() => model.forward(packed, { lengths: [5, 5] }), 'ERR_TORCH_TYPE', 'a Tensor, if lengths are given')
  expectError(() => model.forward(x, { state: x }), 'ERR_TORCH_TYPE', 'the state must be [h, c]')
  expectError(() => model.forward(null as never), 'ERR_TORCH_TYPE', 'Tensor')
  const embeds = new GRUModel(3, 4, 2, { embedding: 5 })
  expectError(() => embeds.forward(torch.tensor([[5]], { dtype: 'int64' })), 'ERR_TORCH_INDEX', 'index out of range')
  expectError(() => embeds.forward(x, { lengths: [1, 2] }), 'ERR_TORCH_SHAPE', 'an input with 2 dimensions')
})
