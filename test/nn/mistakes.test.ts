import { describe, expect, test } from 'vitest'
import { type ErrorCode, TorchError } from '../../lib/errors.ts'
import * as nn from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { inOurWords } from '../../lib/tensor/wording.ts'
import { torch } from '../../lib/torch.ts'
import { readFixture } from '../support/fixture.ts'

/** What scripts/fixtures/mistakes.py describes: something to carry out, and what PyTorch says to it. */
interface Mistake {
  name: string
  call: string
  arguments: unknown[]
  options: Record<string, unknown>
  inputs: unknown[] | null
  /** The class of Python's error, or `null` where there is none. */
  type: string | null
  message: string | null
}

const { PackedSequence, packSequence } = nn.utils.rnn

function build(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(build)
  if (typeof data !== 'object' || data === null) return data
  if ('zeros' in data) {
    const { zeros, dtype = 'float32' } = data as { zeros: number[]; dtype?: 'float64' }
    return torch.zeros(zeros, { dtype })
  }
  if ('integers' in data) return torch.tensor((data as { integers: number[] }).integers, { dtype: 'int64' })
  if ('packed' in data) {
    const { packed, width = 4, dtype = 'float32' } = data as { packed: number[]; width?: number; dtype?: 'float64' }
    const sequences = packed.map((length) => torch.zeros([length, width], { dtype }))
    return packSequence(sequences, { enforceSorted: false })
  }
  const parts = (data as unknown as { PackedSequence: unknown[] }).PackedSequence.map(build)
  return new PackedSequence(...(parts as [Tensor, Tensor]))
}

type Callable = (...args: unknown[]) => unknown
type Constructor = new (...args: unknown[]) => { forward: Callable }

/** Makes what is made outside of it, so that a call within `offload` meets nothing but the mistake. */
function prepare({ call, arguments: args, options, inputs }: Mistake): () => unknown {
  const values = args.map(build)
  if (!(call in nn)) {
    const fn = (nn.utils.rnn as unknown as Record<string, Callable>)[call] as Callable
    return () => fn(...values, options)
  }
  const given = inputs?.map(build)
  const Module = (nn as unknown as Record<string, Constructor>)[call] as Constructor
  return () => {
    const module = new Module(...values, options)
    return given === undefined ? module : module.forward(...given)
  }
}

/**
 * Where the text is not PyTorch's, and why: it is about Python, or PyTorch does not look and something deeper stumbles or
 * goes wrong without a word. By call and name, or by name for all.
 */
const OURS: Record<string, RegExp> = {
  // Arguments and options are checked here, in the words of TypeScript.
  'input size 0': /^\w+: inputSize must be a positive integer, got 0$/,
  'negative input size': /^\w+: inputSize must be a (positive|non-negative) integer, got -\d$/,
  'hidden size 0': /^\w+: hiddenSize must be a positive integer, got 0$/,
  'negative hidden size': /^\w+: hiddenSize must be a non-negative integer, got -\d$/,
  'fractional hidden size': /^\w+: hiddenSize must be a (positive|non-negative) integer, got (2|1)\.5$/,
  'a string as input size': /^\w+: inputSize must be a positive integer, got '4'$/,
  'no layers': /^\w+: numLayers must be a positive integer, got 0$/,
  'negative layers': /^\w+: numLayers must be a positive integer, got -1$/,
  'a fraction of a layer': /^\w+: numLayers must be a positive integer, got 1\.5$/,
  'dropout above 1': /^\w+: dropout must be a number from 0 to 1, got 1\.\d$/,
  'negative dropout': /^\w+: dropout must be a number from 0 to 1, got -/,
  'a boolean as dropout': /^\w+: dropout must be a number from 0 to 1, got true$/,
  'a string as dropout': /^\w+: dropout must be a number from 0 to 1, got '/,
  'a number as bias': /^\w+: bias must be a boolean, got 1$/,
  'a string as batchFirst': /^\w+: batchFirst must be a boolean, got 'yes'$/,
  nonlinearity: /^RNN(Cell)?: nonlinearity must be 'tanh' or 'relu', got 'sin'$/,
  'RNN: projection': /^RNN: projSize is an option of LSTM only$/,
  'GRU: projection': /^GRU: projSize is an option of LSTM only$/,
  'projection as wide as the state': /^LSTM: projSize must be smaller than hiddenSize \(4\), got 4$/,
  'negative projection': /^LSTM: projSize must be a non-negative integer, got -1$/,
  'LSTM: three states': /^LSTM: the state must be \[h, c\], two Tensors, got an array$/,
  'LSTMCell: one state': /^LSTMCell: the state must be \[h, c\], two Tensors, got an array$/,
  'packPaddedSequence: lengths as a string':
    /^packPaddedSequence: lengths must be a Tensor or an array of integers, got '32'$/,
  'packPaddedSequence: no tensor': /^packPaddedSequence: input must be a Tensor, got 5$/,
  'packSequence: a number among them': /^packSequence: sequences\[1\] must be a Tensor, got 5$/,
  'padSequence: a number': /^padSequence: sequences must be an iterable of Tensors, got 5$/,
  'padSequence: numbers in a list': /^padSequence: sequences\[0\] must be a Tensor, got 5$/,
  'padSequence: padding side': /^padSequence: paddingSide must be 'left' or 'right', got '\w+'$/,
  'unpadSequence: too few lengths': /one length for each of the 2 sequences, but got 1$/,
  'unpadSequence: too many lengths': /one length for each of the 2 sequences, but got 3$/,
  // PyTorch's words on a CUDA device; on the CPU it leaves this to the kernels.
  'RNN: state dtype': /^Input and hidden tensors are not the same dtype, found input tensor with Float and hidden/,
  'GRU: state dtype': /^Input and hidden tensors are not the same dtype, found input tensor with Float and hidden/,
  'LSTM: state dtype': /^Input and hidden tensors are not the same dtype, found input tensor with Float and hidden/,
  // LSTM with a packed sequence is the one place where PyTorch forgets its checks.
  'LSTM: packed input width': /^LSTM: input\.size\(-1\) must be equal to inputSize\. Expected 4, got 5$/,
  'LSTM: packed input dtype': /^RNN input dtype \(torch\.float64\) does not match weight dtype \(torch\.float32\)\./,
  'LSTM: packed input rank': /^input must have 2 dimensions, got 3$/,
  'LSTM: packed state batch': /^Expected hidden\[0\] size \(1, 2, 2\), got \[1, 3, 2\]$/,
  'LSTM: packed state rank': /^Expected hidden\[0\] size \(1, 2, 2\), got \[2, 2\]$/,
  'LSTM: packed state width': /^Expected hidden\[0\] size \(1, 2, 2\), got \[1, 2, 5\]$/,
  'LSTM: packed state batch, unsorted': /^Expected hidden\[0\] size \(1, 2, 2\), got \[1, 1, 2\]$/,
  // PyTorch does not compare the ranks of a cell's arguments, and names a size that is right.
  ...Object.fromEntries(
    ['RNNCell', 'GRUCell', 'LSTMCell'].flatMap((cell): [string, RegExp][] => [
      [
        `${cell}: state without a batch`,
        new RegExp(`^${cell}: For batched 2-D input, hx .*should also be 2-D but got`),
      ],
      [`${cell}: state with a batch`, new RegExp(`^${cell}: For unbatched 1-D input, hx .*should also be 1-D but got`)],
    ]),
  ),
  // PyTorch permutes the state before it looks at its size.
  'RNN: packed state batch': /^Expected hidden size \(1, 2, 2\), got \[1, 3, 2\]$/,
  'GRU: packed state batch': /^Expected hidden size \(1, 2, 2\), got \[1, 3, 2\]$/,
  'packed state batch, unsorted': /^Expected hidden size \(1, 2, 2\), got \[1, 1, 2\]$/,
  // PyTorch trusts a packed sequence.
  'batch sizes beyond the data': /^batchSizes ask for more steps than the 3 in the data of the packed sequence$/,
  'batch sizes short of the data': /^batchSizes should sum to the 4 steps in the data of the packed sequence, but sum/,
  'batch sizes that grow': /^batchSizes should be positive and never increase, but got 2 at position 1$/,
  'RNN: no batch sizes': /^batchSizes can not be empty$/,
  'GRU: no batch sizes': /^batchSizes can not be empty$/,
  'LSTM: no batch sizes': /^batchSizes can not be empty$/,
  'fractional batch sizes': /^batchSizes should be a 1D int64 tensor, but got 1D Float$/,
  // PyTorch makes a packed sequence that nothing can use.
  'packPaddedSequence: length beyond the input': /^Expected no length to exceed that of the input, but got 4/,
}

/** Python's errors by our codes. LibTorch throws a RuntimeError for most mistakes; ours say more. */
const CODES: Record<string, ErrorCode[]> = {
  IndexError: ['ERR_TORCH_INDEX'],
  TypeError: ['ERR_TORCH_TYPE', 'ERR_TORCH_OPTION'],
  ValueError: ['ERR_TORCH_VALUE', 'ERR_TORCH_OPTION'],
  RuntimeError: ['ERR_TORCH_RUNTIME', 'ERR_TORCH_SHAPE', 'ERR_TORCH_DTYPE', 'ERR_TORCH_VALUE'],
}

function errorOf(run: () => unknown): TorchError {
  try {
    run()
  } catch (error) {
    if (error instanceof TorchError) return error
    throw error
  }
  return expect.fail('no error')
}

const mistakes = readFixture<Mistake[]>('mistakes')
const used = new Set<string>()

function check(mistake: Mistake, error: TorchError): void {
  const key = [`${mistake.call}: ${mistake.name}`, mistake.name].find((key) => Object.hasOwn(OURS, key))
  if (key !== undefined) {
    used.add(key)
    expect(error.message).toMatch(OURS[key] as RegExp)
    expect(error.message).not.toBe(inOurWords(mistake.message ?? ''))
    return
  }
  // Here it says, too, whose input it is.
  const message = error.message.replace(`${error.op}: `, '').replace(/^(RNN|LSTM|GRU): (?=input\.size)/, '')
  expect(message).toBe(inOurWords(mistake.message as string))
  expect(CODES[mistake.type as string]).toContain(error.code)
}

describe('says what PyTorch says', () => {
  test.each(mistakes.map((mistake) => [`${mistake.call}: ${mistake.name}`, mistake] as const))('%s', (_, mistake) => {
    check(mistake, errorOf(prepare(mistake)))
  })

  test('except where this file says so', () => {
    expect([...used].sort()).toEqual(Object.keys(OURS).sort())
  })
})

test('and off the main thread, where shapes are not known yet', async () => {
  for (const mistake of mistakes) {
    const run = prepare(mistake)
    const error: unknown = await torch.offload(run).then(
      () => expect.fail(`no error: ${mistake.call}: ${mistake.name}`),
      (error: unknown) => error,
    )
    check(mistake, error as TorchError)
  }
})

type AnyModule = { forward(input?: unknown): unknown }

/** One of each class that can be made from these arguments. */
function modules(): (readonly [string, AnyModule])[] {
  const { Module, RecurrentModule, Identity, Sequential, ...others } = nn as Record<string, unknown>
  return Object.entries(others).flatMap(([name, value]) => {
    if (typeof value !== 'function' || !(value.prototype instanceof nn.Module)) return []
    for (const args of [[], [2], [2, 2], [2, 2, 2]]) {
      try {
        return [[name, Reflect.construct(value, args) as AnyModule] as const]
      } catch (error) {
        expect(error, `${name}(${args})`).toBeInstanceOf(TorchError)
      }
    }
    return []
  })
}

describe('what is no tensor', () => {
  test.each(modules().filter(([, { forward }]) => typeof forward === 'function'))('%s refuses it', (_, module) => {
    for (const input of [undefined, 5, [1, 2], {}]) expect(() => module.forward(input)).toThrow(TorchError)
  })
})
