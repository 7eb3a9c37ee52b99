import { describe, expect, test } from 'vitest'
import { TorchError } from '../../lib/errors.ts'
import * as nn from '../../lib/nn/index.ts'
import * as optim from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { inOurWords } from '../../lib/tensor/wording.ts'
import { torch } from '../../lib/torch.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectError } from '../support/error.ts'

const x = (): Tensor => torch.ones([2, 3], { requiresGrad: true })

describe("what PyTorch says in Python's spelling is said in that of this API", () => {
  test.each([
    [
      () => {
        const y = x().exp().sum()
        y.backward()
        y.backward()
      },
      'ERR_TORCH_AUTOGRAD',
      / Call the first one as backward\(null, \{ retainGraph: true \}\) if there is to be a second\.$/,
    ],
    [() => torch.ones([1]).backward(), 'ERR_TORCH_AUTOGRAD', /does not require grad and does not have a gradFn$/],
    [
      () => torch.autograd.grad(x().sum(), x()),
      'ERR_TORCH_AUTOGRAD',
      /^element 0 of the differentiated .*\. Pass \{ allowUnused: true \} to get null for it\.$/,
    ],
    [
      () => nn.utils.rnn.packPaddedSequence(torch.ones([5, 2, 3]), [2, 5]),
      'ERR_TORCH_RUNTIME',
      /when `enforceSorted` is true\. Sort the batch, or pass \{ enforceSorted: false \} to packPaddedSequence or /,
    ],
    [
      () => new nn.LSTM(3, 4).forward(torch.ones([5, 2, 3], { dtype: 'float64' })),
      'ERR_TORCH_VALUE',
      /Convert input: input\.to\('float32'\), or convert model: model\.to\('float64'\)$/,
    ],
    [
      () => new nn.LSTM(3, 4).forward(torch.ones([5, 2, 3], { dtype: 'int64' })),
      'ERR_TORCH_VALUE',
      /Convert input: input\.to\('float32'\)$/,
    ],
    [
      () => new nn.LSTM(3, 4).forward(torch.ones([5, 2, 4])),
      'ERR_TORCH_SHAPE',
      /must be equal to inputSize\. Expected 3/,
    ],
    [
      () => torch.tensor(1).index(0),
      'ERR_TORCH_INDEX',
      /Use `tensor\.item\(\)` to convert a 0-dim tensor to a number$/,
    ],
    [
      () => torch.inferenceMode(() => torch.ones([2, 3])).mul(x()),
      'ERR_TORCH_AUTOGRAD',
      /use torch\.noGrad\(\) instead of torch\.inferenceMode\(\)\.$/,
    ],
    [
      () => {
        const y = x().exp()
        const z = y.mul(y)
        y.add_(1)
        z.sum().backward()
      },
      'ERR_TORCH_AUTOGRAD',
      /is at version 1; expected version 0 instead\.$/,
    ],
  ] as const)('%s', (call, code, message) => {
    const error = expectError(call, code, message)
    // What LibTorch said is kept.
    if (error.cause !== undefined) expect((error.cause as Error).message).not.toBe(error.message)
  })
})

describe("words of LibTorch's insides are not passed on", () => {
  test.each([
    [() => torch.bernoulli(torch.tensor([2])), 'ERR_TORCH_VALUE', /^bernoulli: expected p_in >= 0 && p_in <= 1$/],
    [() => torch.empty([2 ** 50]), 'ERR_TORCH_OUT_OF_MEMORY', /^empty: 4 PiB could not be allocated on the CPU$/],
    [
      () => torch.log2(torch.ops.aten.to_sparse?.(torch.ones([2])) as Tensor),
      'ERR_TORCH_DEVICE',
      /^log2: Could not run 'aten::log2' with arguments from the 'SparseCPU' backend: there is none for such tensors$/,
    ],
  ] as const)('%s', (call, code, message) => {
    const { cause } = expectError(call, code, message)
    expect(cause).toBeInstanceOf(Error)
  })

  test.each([
    [
      'x INTERNAL ASSERT FAILED at "/a/b.cpp":12, please report a bug to PyTorch. size 3',
      'An internal check of LibTorch failed. size 3',
    ],
    ['get_mkldnn_dtype: unsupported data type', 'oneDNN: unsupported data type'],
    ['a message\nException raised from f at /a/b.cpp:1 (most recent call first):\nframe #0', 'a message'],
    ['needs return_indices=True', 'needs { returnIndices: true }'],
    [
      "a does not, but you set 'torch.use_deterministic_algorithms(True)'. Turn it off, or you can use the 'warn_only=True' option. You can also file an issue at https://github.com/pytorch/pytorch/issues to help us.",
      "a does not, but you set 'torch.useDeterministicAlgorithms(true)'. Turn it off, or pass { warnOnly: true }.",
    ],
  ])('%s', (message, expected) => expect(inOurWords(message)).toBe(expected))
})

describe('a value out of range is ERR_TORCH_VALUE', () => {
  const ctc = (input: number, target: number): Tensor =>
    nn.functional.ctcLoss(torch.randn([3, 1, 4]), torch.tensor([[1, 2]], { dtype: 'int64' }), [input], [target])
  test.each([
    () => torch.multinomial(torch.tensor([-1, 2]), 1),
    () => torch.multinomial(torch.tensor([1, 2]), 3),
    () => torch.quantile(x(), 2),
    () => torch.bernoulli(x(), 2),
    () => ctc(5, 2),
    () => ctc(3, -1),
    () => torch.zeros([2]).normal_(0, -1),
    () => torch.zeros([2]).uniform_(1, 0),
    () => torch.zeros([2]).exponential_(-1),
    () => nn.functional.oneHot(torch.tensor([-1n])),
    () => torch.topk(x(), 9),
    () => torch.chunk(x(), 0),
    () => x().unfold(0, 1, 0),
    () => nn.functional.gelu(x(), { approximate: 'x' as never }),
    () => torch.div(x(), 2, { roundingMode: 'x' }),
    () => nn.functional.huberLoss(x(), torch.ones([2, 3]), { delta: -1 }),
  ])('%s', (call) => {
    expectError(call, 'ERR_TORCH_VALUE', '')
  })
})

test('a tensor that is used too late says what ended it', () => {
  const tidied: Tensor[] = []
  torch.tidy(() => {
    tidied.push(torch.ones([2]))
  })
  expectError(
    () => tidied[0]?.sum(),
    'ERR_TORCH_DISPOSED',
    /^sum: the tensor has been disposed at the end of the tidy in which it was made: return it from/,
  )
  const disposed = torch.ones([2])
  disposed.dispose()
  expectError(
    () => disposed.sum(),
    'ERR_TORCH_DISPOSED',
    /^sum: the tensor has been disposed, by dispose\(\) or at the end of/,
  )
  const uses: [string, () => unknown][] = [
    ["add: argument 'other'", () => torch.add(torch.ones([2]), disposed)],
    ["cat: argument 'tensors'", () => torch.cat([torch.ones([2]), disposed])],
    ['item', () => disposed.item()],
    ['index', () => disposed.index(0)],
    ['shape', () => disposed.shape],
    ['gradFn', () => disposed.gradFn],
  ]
  for (const [op, use] of uses) {
    const error = expectError(use, 'ERR_TORCH_DISPOSED', `${op}: the tensor has been disposed, by`)
    expect(error.op).toBe(op.split(':')[0])
  }
})

test('mistakes in making an error are errors of this library, too', () => {
  const wrong: [unknown, unknown, unknown][] = [
    ['ERR_TORCH_VALUE', 'a message', 'mean'],
    ['ERR_TORCH_VALUE', 'a message', null],
    [Symbol('s'), 'a message', {}],
    ['ERR_TORCH_VALUE', 5, {}],
  ]
  for (const args of wrong) {
    expectError(() => new TorchError(...(args as [never, never, never])), 'ERR_TORCH_TYPE', /^TorchError: \w+ must be/)
  }
})

test('names of other libraries, and of other parts of this one, are understood', () => {
  const parameters = [new nn.Parameter(torch.zeros([1]))]
  const wrong: [string, () => unknown][] = [
    [
      "Adam: unknown option 'learningRate'; did you mean 'lr'?",
      () => new optim.Adam(parameters, { learningRate: 1 } as never),
    ],
    [
      "SGD: unknown option 'learning_rate'; did you mean 'lr'?",
      () => new optim.SGD(parameters, { learning_rate: 1 } as never),
    ],
    [
      "Trainer: unknown option 'learningRate'; did you mean 'lr'?",
      () => new Trainer(new nn.Linear(1, 1), { learningRate: 0.1 } as never),
    ],
    [
      "unknown option 'mapLocation'; did you mean 'device'?",
      () => torch.loadSync('x', { mapLocation: 'cpu' } as never),
    ],
    ["zeros: unknown option 'dtpye'; did you mean 'dtype'?", () => torch.zeros([1], { dtpye: 'int64' } as never)],
  ]
  for (const [text, make] of wrong) expectError(make, 'ERR_TORCH_OPTION', text)
})

test('sizes and dimensions in a row are told to be arrays', () => {
  const x = torch.zeros([2, 3]) as unknown as Record<string, (...args: unknown[]) => unknown>
  const wrong: [string, () => unknown][] = [
    [
      'zeros: options must be an object, got 3: the size is one array, as in zeros([2, 3])',
      () => torch.zeros(2 as never, 3 as never),
    ],
    ['permute: dims is an array: [1, 0]', () => x.permute?.(1, 0)],
    ['size is an array: [3, -1]', () => x.view?.(3, -1)],
    ['reshape: shape is an array: [3, 2]', () => x.reshape?.(3, 2)],
    ['relu: takes 1 argument by position, but 2 were given', () => x.relu?.(3)],
  ]
  for (const [text, use] of wrong) expectError(use, 'ERR_TORCH_TYPE', text)
})

test("a GPU is 'cuda'", () => {
  const x = torch.zeros([1])
  const text = "Expected one of cpu, cuda device type at start of device string: gpu; did you mean 'cuda'?"
  for (const use of [
    () => torch.zeros([2], { device: 'gpu' as never }),
    () => x.to('gpu' as never),
    () => x.to({ device: 'gpu' as never }),
    () => new nn.Linear(1, 1).to('gpu' as never),
    () => torch.device('gpu'),
  ]) {
    expectError(use, 'ERR_TORCH_DEVICE', text)
  }
  const other = expectError(() => torch.zeros([2], { device: 'tpu' as never }), 'ERR_TORCH_DEVICE', /string: tpu$/)
  expect(other.message).toContain('Expected one of cpu, cuda device type')
})

test('a wrong number of features names the module', () => {
  for (const Network of [nn.RNN, nn.LSTM, nn.GRU]) {
    const text = `${Network.name}: input.size(-1) must be equal to inputSize. Expected 3, got 4`
    expectError(() => new Network(3, 2).forward(torch.zeros([5, 1, 4])), 'ERR_TORCH_SHAPE', text)
  }
})

test('a tensor is no options', () => {
  const x = torch.ones([2])
  expectError(() => torch.zeros([2], x as never), 'ERR_TORCH_TYPE', 'zeros: options must be an object, got Tensor')
  expectError(() => new nn.LSTM(2, 3, x as never), 'ERR_TORCH_TYPE', 'LSTM: options must be an object, got Tensor')
})
