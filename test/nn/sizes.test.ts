import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../lib/errors.ts'
import * as nn from '../../lib/nn/index.ts'
import { modelOutput, mseGradients } from '../../lib/nn/recurrent.ts'
import { trace } from '../../lib/nn/tracer.ts'
import * as optim from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { TrainingStep } from '../../lib/train/index.ts'
import { runProgram } from '../support/cuda.ts'
import { expectError, expectRejection } from '../support/error.ts'

// What LibTorch does not compare, and then reads outside of: ranks of states, shapes of weights.

type Forward = { forward(input: Tensor, state?: unknown): unknown }

const CELLS = { RNNCell: nn.RNNCell, GRUCell: nn.GRUCell, LSTMCell: nn.LSTMCell }
const NETWORKS: Record<string, (options?: object) => nn.RecurrentModule> = {
  RNN: (options) => new nn.RNN(5, 3, options),
  GRU: (options) => new nn.GRU(5, 3, options),
  LSTM: (options) => new nn.LSTM(5, 3, options),
  'LSTM with projections': (options) => new nn.LSTM(5, 3, { projSize: 2, ...options }),
  'RNN of LibTorch': (options) => new nn.RNN(5, 3, { backend: 'libtorch', ...options }),
  'LSTM of LibTorch': (options) => new nn.LSTM(5, 3, { backend: 'libtorch', ...options }),
  PeepholeLSTM: (options) => new nn.PeepholeLSTM(5, 3, options),
  ChungGRU: (options) => new nn.ChungGRU(5, 3, options),
}

describe('a state of another rank than the input', () => {
  test.each(Object.entries(CELLS))('is refused by %s', (name, Cell) => {
    const cell = new Cell(5, 3) as unknown as Forward
    const lstm = name === 'LSTMCell'
    const of = (size: number[]): unknown => (lstm ? [torch.zeros(size), torch.zeros(size)] : torch.zeros(size))
    const got = (rank: number): string =>
      lstm ? `hx and cx .* got \\(${rank}-D, ${rank}-D\\) tensors$` : `hx .* got ${rank}-D tensor$`
    for (const size of [
      [3, 3],
      [1, 3],
      [8, 8],
    ]) {
      const text = new RegExp(`^${name}: For unbatched 1-D input, ${got(2)}`)
      expectError(() => cell.forward(torch.randn([5]), of(size)), 'ERR_TORCH_SHAPE', text)
    }
    for (const batch of [1, 3]) {
      const text = new RegExp(`^${name}: For batched 2-D input, ${got(1)}`)
      expectError(() => cell.forward(torch.randn([batch, 5]), of([3])), 'ERR_TORCH_SHAPE', text)
    }
  })

  test.each(Object.entries(NETWORKS))('is refused by %s', (_, make) => {
    const network = make() as nn.RecurrentModule & Forward
    const lstm = network instanceof nn.LSTM || network instanceof nn.PeepholeLSTM
    const of = (size: number[]): unknown => (lstm ? [torch.zeros(size), torch.zeros(size)] : torch.zeros(size))
    const wrong: [number[], number[], RegExp][] = [
      [[4, 5], [1, 1, 3], /For unbatched 2-D input, hx .*3-D/],
      [[4, 2, 5], [1, 3], /For batched 3-D input, hx .*2-D/],
      [[4, 2, 5], [3], /For batched 3-D input, hx .*1-D/],
    ]
    for (const [input, state, text] of wrong) {
      expectError(() => network.forward(torch.zeros(input), of(state)), 'ERR_TORCH_SHAPE', text)
      expectError(() => trace('gates', () => network.forward(torch.zeros(input), of(state))), 'ERR_TORCH_SHAPE', text)
    }
    const packed = nn.utils.rnn.packSequence([torch.zeros([4, 5]), torch.zeros([2, 5])])
    expectError(() => network.forward(packed as never, of([1, 3])), 'ERR_TORCH_SHAPE', /Expected hidden.* got \[1, 3\]/)
  })

  test('ends no process', () => {
    const { stdout } = runProgram(`
      import { nn, torch } from 'libtorch-rnn'
      for (const [h, c] of [[[3, 3], [3, 3]], [[3], [3, 3]], [[3, 3], [3]], [[1, 3], [1, 3]]]) {
        try {
          new nn.LSTMCell(5, 3).forward(torch.randn([5]), [torch.randn(h), torch.randn(c)])
        } catch (error) {
          console.log(error.code)
        }
      }
      const lstm = new nn.LSTM(4, 1024)
      lstm.weight_hh_l0 = new nn.Parameter(torch.zeros([4096, 1]))
      for (const run of [() => lstm.forward(torch.randn([3, 1, 4])), () => lstm.stream()]) {
        try {
          run()
        } catch (error) {
          console.log(error.message)
        }
      }
    `)
    expect(stdout.trim().split('\n')).toEqual([
      ...Array(4).fill('ERR_TORCH_SHAPE'),
      ...Array(2).fill('LSTM: weight_hh_l0 has the shape [4096, 1], but the sizes of the module ask for [4096, 1024]'),
    ])
  })
})

describe('a weight of another shape than the sizes of the module', () => {
  test.each(Object.entries(NETWORKS))('is named and refused by %s', async (_, make) => {
    for (const options of [{}, { numLayers: 2, bidirectional: true }]) {
      for (const [name, parameter] of make(options).namedParameters()) {
        const [first = 1, ...rest] = parameter.shape
        // Too large, of another rank, and transposed: Keras has the weights of inputs so.
        const wrong = [[first + 1, ...rest], [first, ...rest, 1], rest.length > 0 ? [...rest, first] : [1, first]]
        for (const shape of wrong.filter((shape) => shape.join() !== parameter.shape.join())) {
          const network = make(options)
          network[name as 'weight_ih_l0'] = new nn.Parameter(torch.zeros(shape))
          const x = torch.zeros([4, 2, 5])
          const packed = nn.utils.rnn.packSequence([torch.zeros([4, 5]), torch.zeros([2, 5])])
          const head = { parameters: [torch.zeros([1, 3])], last: false, dropout: 0 }
          const text = `: ${name} has the shape [${shape.join(', ')}], but the sizes of the module ask for [${parameter.shape.join(', ')}]`
          const calls: (() => unknown)[] = [
            () => network.forward(x),
            () => network.forward(x.index(0)),
            () => network.forward(packed),
            () => torch.inferenceMode(() => network.forward(x)),
            () => trace('probes', () => network.forward(x)),
            () => modelOutput(network, x, head) ?? network.forward(x),
            () => mseGradients(network, x, head, torch.zeros([4, 2, 1]), true) ?? network.forward(x),
          ]
          for (const call of calls) {
            const error = expectError(call, 'ERR_TORCH_SHAPE', /has the shape/)
            expect(error.message).toContain(text)
          }
          const error = await expectRejection(
            torch.offload(() => network.forward(x)),
            'ERR_TORCH_SHAPE',
            /has the shape/,
          )
          expect(error.message).toContain(text)
        }
      }
    }
  })

  test.each(Object.entries(CELLS))('is named and refused by %s', (name, Cell) => {
    for (const [parameter, { shape }] of new Cell(5, 3).namedParameters()) {
      const cell = new Cell(5, 3) as unknown as Forward & Record<string, nn.Parameter>
      const [rows, columns = 0] = shape as [number, number?]
      cell[parameter] = new nn.Parameter(torch.zeros([columns + 1, rows]))
      const text = new RegExp(`^${name}: ${parameter} has the shape .* ask for \\[${shape.join(', ')}\\]$`)
      expectError(() => cell.forward(torch.zeros([2, 5])), 'ERR_TORCH_SHAPE', text)
      expectError(() => cell.forward(torch.zeros([5])), 'ERR_TORCH_SHAPE', text)
    }
  })

  test('trains nobody', async () => {
    const model = new (class extends nn.Module {
      lstm = new nn.LSTM(4, 8)
      linear = new nn.Linear(8, 1)
      forward(x: Tensor): Tensor {
        return this.linear.forward(this.lstm.forward(x)[0])
      }
    })()
    model.lstm.weight_ih_l0 = new nn.Parameter(torch.randn([4, 32]))
    const step = new TrainingStep(model, { optimizer: new optim.SGD(model.parameters(), { lr: 1 }) })
    const before = model.linear.weight.clone()
    await expectRejection(
      torch.offload(() => step.run(torch.randn([5, 1, 4]), torch.randn([5, 1, 1]))),
      'ERR_TORCH_SHAPE',
      /LSTM: weight_ih_l0 has the shape \[4, 32\], but the sizes of the module ask for \[32, 4\]/,
    )
    expect(model.linear.weight.equal(before)).toBe(true)
  })

  test('cannot come from sizes that were changed after the module was made', () => {
    const lstm = new nn.LSTM(5, 3)
    const expected = lstm.forward(torch.ones([2, 1, 5]))[0]
    Object.assign(lstm, { hiddenSize: 4096, numLayers: 7, inputSize: 1, bidirectional: true })
    expect(lstm.forward(torch.ones([2, 1, 5]))[0].equal(expected)).toBe(true)
  })
})

test('weights of several dtypes are refused, unless autocast converts them', () => {
  const lstm = new nn.LSTM(5, 3)
  lstm.bias_hh_l0 = new nn.Parameter(torch.zeros([12], { dtype: 'bfloat16' }))
  expectError(
    () => lstm.forward(torch.zeros([2, 1, 5])),
    'ERR_TORCH_DTYPE',
    "LSTM: the parameters are of several dtypes, weight_ih_l0 of float32 and bias_hh_l0 of bfloat16. Convert model: model.to('float32')",
  )
})

describe('sizes', () => {
  const wrong: [string, () => unknown, ErrorCode, RegExp][] = [
    [
      'too many layers',
      () => new nn.LSTM(1, 1, { numLayers: 2 ** 31 }),
      'ERR_TORCH_VALUE',
      /numLayers must be at most 10000, got 2147483648/,
    ],
    [
      'more layers than an integer holds',
      () => new nn.GRU(1, 1, { numLayers: 1e300 }),
      'ERR_TORCH_VALUE',
      /numLayers must be at most 10000/,
    ],
    [
      'a hidden size beyond integers',
      () => new nn.RNN(1, 2 ** 60),
      'ERR_TORCH_VALUE',
      /hiddenSize must be at most 1125899906842624/,
    ],
    [
      'an input size beyond integers',
      () => new nn.PeepholeLSTM(1e300, 1),
      'ERR_TORCH_VALUE',
      /inputSize must be at most/,
    ],
  ]
  test.each(wrong)('%s', (_, make, code, text) => {
    expectError(make, code, text)
  })

  test.each<[string, () => unknown]>([
    ['LSTM', () => new nn.LSTM(1, 2 ** 40)],
    ['GRU', () => new nn.GRU(2 ** 52, 2 ** 20)],
    ['LSTMCell', () => new nn.LSTMCell(2 ** 40, 2 ** 40)],
    ['Linear', () => new nn.Linear(2 ** 40, 2 ** 40)],
    ['Bilinear', () => new nn.Bilinear(2 ** 30, 2 ** 30, 2 ** 30)],
    ['Embedding', () => new nn.Embedding(2 ** 40, 2 ** 40)],
    ['LayerNorm', () => new nn.LayerNorm([2 ** 40, 2 ** 40])],
    ['BatchNorm1d', () => new nn.BatchNorm1d(2 ** 53 - 1)],
    ['Conv1d', () => new nn.Conv1d(2 ** 20, 2 ** 20, 2 ** 30)],
  ])('%s of more memory than there can be is an error', (_, make) => {
    expect(make).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_TORCH_(OUT_OF_MEMORY|VALUE|SHAPE)$/) }),
    )
  })
})
