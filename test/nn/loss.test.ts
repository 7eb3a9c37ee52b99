import { describe, expect, test, vi } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import { isTensor, type Tensor } from '../../lib/tensor/tensor.ts'
import { inOurWords } from '../../lib/tensor/wording.ts'
import { torch } from '../../lib/torch.ts'
import { decode, type Encoded, expectNumbers, expectTensor, weightedSum } from '../support/encoded.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

interface Case {
  kind: keyof typeof functions
  inputs: (string | number)[]
  options: Record<string, unknown>
  functional: boolean
  value: Encoded
  grads: (number[] | null)[]
}

const { tensors, cases, errors } = readFixture<{
  tensors: Record<string, Encoded>
  cases: Case[]
  errors: Record<string, string>
}>('losses')

const F = nn.functional
const functions = {
  MSELoss: F.mseLoss,
  L1Loss: F.l1Loss,
  SmoothL1Loss: F.smoothL1Loss,
  HuberLoss: F.huberLoss,
  CrossEntropyLoss: F.crossEntropy,
  NLLLoss: F.nllLoss,
  BCELoss: F.binaryCrossEntropy,
  BCEWithLogitsLoss: F.binaryCrossEntropyWithLogits,
  KLDivLoss: F.klDiv,
  GaussianNLLLoss: F.gaussianNllLoss,
  PoissonNLLLoss: F.poissonNllLoss,
  CTCLoss: F.ctcLoss,
  CosineEmbeddingLoss: F.cosineEmbeddingLoss,
  TripletMarginLoss: F.tripletMarginLoss,
}

type Inputs = (Tensor | number)[]
type Loss = (...inputs: Inputs) => Tensor

function inputsOf(one: Case): Inputs {
  return one.inputs.map((input) => {
    if (typeof input === 'number') return input
    const tensor = decode(tensors[input] as Encoded)
    return tensor.dtype.startsWith('float') ? tensor.requiresGrad_() : tensor
  })
}

function optionsOf(one: Case): Record<string, unknown> {
  const entries = Object.entries(one.options).map(([name, value]) => {
    const tensor = typeof value === 'object' && value !== null ? (value as { tensor: string }).tensor : undefined
    return [name, tensor === undefined ? value : decode(tensors[tensor] as Encoded)]
  })
  return Object.fromEntries(entries)
}

/** The loss as a module (if it can be one) and as a function. */
function formsOf(one: Case): Loss[] {
  const options = optionsOf(one)
  const fn = functions[one.kind] as (...args: unknown[]) => Tensor
  const asFunction: Loss = (...inputs) => fn(...inputs, options)
  if (one.functional) return [asFunction]
  const module = new (nn[one.kind] as new (options: object) => { forward: Loss })(options)
  return [asFunction, (...inputs) => module.forward(...inputs)]
}

function expectResult(one: Case, inputs: Inputs, value: Tensor): void {
  expectTensor(value, one.value)
  for (const [i, grad] of one.grads.entries()) {
    if (grad !== null) expectNumbers((inputs[i] as Tensor).grad as Tensor, grad, 10)
  }
}

const titled = cases.map((one) => {
  const options = JSON.stringify(one.options).replace(/\{"tensor":"(\w+)"\}/g, '$1')
  return [`${one.kind} ${options} of ${one.inputs.join(', ')}`, one] as const
})

describe.each(titled)('%s', (_, one) => {
  const size = one.value.data.length

  test('has the value and the gradients of PyTorch', () => {
    for (const loss of formsOf(one)) {
      const inputs = inputsOf(one)
      const value = loss(...inputs)
      weightedSum(value, size).backward()
      expectResult(one, inputs, value)
    }
  })

  test('has them within offload', async () => {
    for (const loss of formsOf(one)) {
      const inputs = inputsOf(one)
      const value = await torch.offload(() => {
        // Tensors that are not computed yet, whose shapes nobody knows.
        const pending = inputs.map((input) => (isTensor(input) && input.requiresGrad ? input.mul(1) : input))
        const value = loss(...pending)
        weightedSum(value, size).backward()
        return value
      })
      expectResult(one, inputs, value)
    }
  })
})

test('lengths of CTC are tensors or arrays, or one of each', () => {
  const tensor = (name: string): Tensor => decode(tensors[name] as Encoded)
  const [logProbs, targets] = [tensor('steps'), tensor('targets')]
  const expected = F.ctcLoss(logProbs, targets, tensor('inputLengths'), tensor('targetLengths'))
  for (const [inputLengths, targetLengths] of [
    [
      [6, 5],
      [3, 2],
    ],
    [[6, 5], tensor('targetLengths')],
    [tensor('inputLengths'), [3, 2]],
  ] as const) {
    expect(F.ctcLoss(logProbs, targets, inputLengths, targetLengths).equal(expected)).toBe(true)
  }
})

test('targets of CTC beyond the classes are refused, where LibTorch reads beyond its memory', async () => {
  const logProbs = torch.zeros([3, 2, 4]).logSoftmax(2)
  const wrong = (target: bigint) =>
    torch.tensor([
      [1n, target],
      [1n, 2n],
    ])
  for (const target of [4n, -1n, 10n ** 9n]) {
    const message = `Target ${target} is out of bounds`
    expectError(() => F.ctcLoss(logProbs, wrong(target), [3, 3], [2, 2]), 'ERR_TORCH_INDEX', message)
    expectError(() => F.ctcLoss(logProbs, wrong(target).flatten(), [3, 3], [2, 2]), 'ERR_TORCH_INDEX', message)
    await expect(torch.offload(() => F.ctcLoss(logProbs, wrong(target), [3, 3], [2, 2]))).rejects.toThrow(message)
    // Padding is not read.
    const padded = F.ctcLoss(logProbs, wrong(target), [3, 3], [1, 2])
    expect(padded.equal(F.ctcLoss(logProbs, wrong(0n), [3, 3], [1, 2]))).toBe(true)
  }
})

test("weights belong to a loss's state, under PyTorch's names", () => {
  const loss = new nn.BCEWithLogitsLoss({ weight: torch.ones([2]), posWeight: torch.tensor([2, 3]) })
  expect(Object.keys(loss.stateDict())).toEqual(['weight', 'pos_weight'])
  expect(loss.to('float64').pos_weight?.dtype).toBe('float64')
  expect(Object.keys(new nn.CrossEntropyLoss().stateDict())).toEqual([])
  expect(Object.keys(new nn.NLLLoss({ weight: torch.ones([2]) }).stateDict())).toEqual(['weight'])
  for (const kind of Object.keys(functions) as Case['kind'][]) expect(String(new nn[kind]())).toBe(`${kind}()`)
})

test('a target that is broadcast, and a mean of divergences, are warned of once', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const [x, y] = [torch.zeros([2, 7]), torch.zeros([7])]
  for (let i = 0; i < 3; i++) F.huberLoss(x, y)
  expect(warn).toHaveBeenCalledTimes(1)
  expect(warn.mock.calls[0]?.[0]).toMatch(
    /huberLoss: Using a target size \(torch.Size\(\[7\]\)\) that is different to the input size/,
  )
  F.huberLoss(x, x)
  F.klDiv(x, x, { reduction: 'batchmean' })
  expect(warn).toHaveBeenCalledTimes(1)
  warn.mockRestore()
})

const zeros = torch.zeros
const ids = (...values: number[]): Tensor => torch.tensor(values, { dtype: 'int64' })
const mistakes: Record<string, [code: Parameters<typeof expectError>[1], call: () => unknown]> = {
  'mse broadcast': ['ERR_TORCH_SHAPE', () => new nn.MSELoss().forward(zeros([2]), zeros([3]))],
  weights: ['ERR_TORCH_VALUE', () => F.mseLoss(zeros([2]), zeros([2]), { weight: zeros([3]) })],
  'smooth l1 beta': ['ERR_TORCH_RUNTIME', () => new nn.SmoothL1Loss({ beta: -1 }).forward(zeros([2]), zeros([2]))],
  'huber delta': ['ERR_TORCH_VALUE', () => new nn.HuberLoss({ delta: -1 }).forward(zeros([2]), zeros([2]))],
  'cross entropy class': ['ERR_TORCH_INDEX', () => new nn.CrossEntropyLoss().forward(zeros([2, 3]), ids(0, 3))],
  'cross entropy batch': ['ERR_TORCH_VALUE', () => new nn.CrossEntropyLoss().forward(zeros([2, 3]), ids(0, 1, 2))],
  'cross entropy smoothing': [
    'ERR_TORCH_VALUE',
    () => new nn.CrossEntropyLoss({ labelSmoothing: 1.5 }).forward(zeros([2, 3]), ids(0, 1)),
  ],
  'cross entropy weight': [
    'ERR_TORCH_SHAPE',
    () => new nn.CrossEntropyLoss({ weight: zeros([2]) }).forward(zeros([2, 3]), ids(0, 1)),
  ],
  'nll batch': ['ERR_TORCH_VALUE', () => new nn.NLLLoss().forward(zeros([2, 3]), ids(0, 1, 2))],
  'nll dtype': ['ERR_TORCH_DTYPE', () => new nn.NLLLoss().forward(zeros([2, 3]), zeros([2]))],
  'bce size': ['ERR_TORCH_VALUE', () => new nn.BCELoss().forward(zeros([2, 3]), zeros([3]))],
  'bce range': ['ERR_TORCH_VALUE', () => new nn.BCELoss().forward(zeros([2]).sub(1), zeros([2]))],
  'bce with logits size': ['ERR_TORCH_VALUE', () => new nn.BCEWithLogitsLoss().forward(zeros([2, 3]), zeros([3]))],
  'gaussian size': [
    'ERR_TORCH_VALUE',
    () => new nn.GaussianNLLLoss().forward(zeros([2, 3]), zeros([2, 3]), zeros([3, 3])),
  ],
  'gaussian several': [
    'ERR_TORCH_VALUE',
    () => new nn.GaussianNLLLoss().forward(zeros([2, 3]), zeros([2, 3]), zeros([1, 1])),
  ],
  'gaussian negative': [
    'ERR_TORCH_VALUE',
    () => new nn.GaussianNLLLoss().forward(zeros([2]), zeros([2]), zeros([2]).sub(1)),
  ],
  'gaussian negative number': ['ERR_TORCH_VALUE', () => F.gaussianNllLoss(zeros([2]), zeros([2]), -1)],
  'ctc blank': [
    'ERR_TORCH_VALUE',
    () => new nn.CTCLoss({ blank: 4 }).forward(zeros([3, 1, 4]), ids(1).unsqueeze(0), [3], [1]),
  ],
  'ctc lengths': [
    'ERR_TORCH_VALUE',
    () => new nn.CTCLoss().forward(zeros([3, 1, 4]), ids(1).unsqueeze(0), ids(4), ids(1)),
  ],
  'ctc count': ['ERR_TORCH_SHAPE', () => F.ctcLoss(zeros([3, 1, 4]), ids(1).unsqueeze(0), [3, 3], [1])],
  'cosine target': [
    'ERR_TORCH_SHAPE',
    () => new nn.CosineEmbeddingLoss().forward(zeros([2, 3]), zeros([2, 3]), ids(1).unsqueeze(0)),
  ],
  'cosine sizes': [
    'ERR_TORCH_SHAPE',
    () => new nn.CosineEmbeddingLoss().forward(zeros([2, 3]), zeros([2, 4]), ids(1, 1)),
  ],
  'triplet margin': ['ERR_TORCH_VALUE', () => new nn.TripletMarginLoss({ margin: 0 })],
  'triplet function margin': [
    'ERR_TORCH_VALUE',
    () => F.tripletMarginLoss(zeros([1]), zeros([1]), zeros([1]), { margin: -1 }),
  ],
  'triplet ranks': [
    'ERR_TORCH_SHAPE',
    () => new nn.TripletMarginLoss().forward(zeros([2, 3]), zeros([2, 3]), zeros([3])),
  ],
  reduction: ['ERR_TORCH_VALUE', () => F.nllLoss(zeros([2, 3]), ids(0, 1), { reduction: 'avg' as never })],
}

test.each(Object.entries(errors))("%s: PyTorch's words", (name, message) => {
  const [code, call] = mistakes[name] ?? expect.fail(`no test of '${name}'`)
  expect(expectError(call, code, '').message).toContain(inOurWords(message))
})

test.each<[string, Parameters<typeof expectError>[1], RegExp, () => unknown]>([
  ['reduction', 'ERR_TORCH_VALUE', /avg is not a valid value/, () => new nn.MSELoss({ reduction: 'avg' as never })],
  ['batchmean', 'ERR_TORCH_VALUE', /batchmean is not/, () => new nn.BCELoss({ reduction: 'batchmean' as never })],
  ['divergence', 'ERR_TORCH_VALUE', /avg is not/, () => new nn.KLDivLoss({ reduction: 'avg' as never })],
  ['option', 'ERR_TORCH_OPTION', /MSELoss: unknown option 'weight'/, () => new nn.MSELoss({ weight: 1 } as never)],
  [
    'option of a function',
    'ERR_TORCH_OPTION',
    /klDiv: unknown option 'log_target'; did you mean 'logTarget'/,
    () => F.klDiv(zeros([1]), zeros([1]), { log_target: true } as never),
  ],
  [
    'weight',
    'ERR_TORCH_TYPE',
    /cannot assign \[1\] to buffer 'weight'/,
    () => new nn.BCELoss({ weight: [1] as never }),
  ],
  ['delta', 'ERR_TORCH_TYPE', /delta must be a float or int/, () => new nn.HuberLoss({ delta: '1' as never })],
  [
    'weight of another size',
    'ERR_TORCH_SHAPE',
    /must match the size/,
    () => F.binaryCrossEntropy(zeros([3]), zeros([3]), { weight: zeros([4]) }),
  ],
  [
    'input',
    'ERR_TORCH_TYPE',
    /input must be a Tensor, got 1/,
    () => F.klDiv(1 as never, zeros([1]), { reduction: 'sum' }),
  ],
  ['lengths', 'ERR_TORCH_TYPE', /inputLengths/, () => F.ctcLoss(zeros([1, 1, 2]), ids(1), 'all' as never, [1])],
])('a wrong %s is refused', (_, code, message, call) => {
  expectError(call, code, message)
})
