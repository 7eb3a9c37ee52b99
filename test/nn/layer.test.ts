// Every layer and activation against PyTorch: initial values, text, output, gradients and state, at once and queued.
import { describe, expect, test } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import type { DType } from '../../lib/tensor/dtype.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { inOurWords } from '../../lib/tensor/wording.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { decode, type Encoded, expectNumbers, expectTensor, weightedSum } from '../support/encoded.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'
import { collectGarbage } from '../support/garbage.ts'

interface Case {
  kind: string
  args: unknown[]
  options: Record<string, unknown> & { dtype?: DType }
  train: boolean
  steps: number
  repr: string
  inputs: Encoded[]
  initial: Record<string, number[]>
  output: Encoded
  inputGrads: (number[] | null)[]
  grads: Record<string, number[] | null>
  state: Record<string, number[]>
}

interface FunctionCase extends Pick<Case, 'args' | 'inputs' | 'output' | 'inputGrads'> {
  name: keyof typeof nn.functional
  options: object
}

const fixture = readFixture<{
  layers: Case[]
  activations: Case[]
  functions: FunctionCase[]
  errors: Record<string, string>
}>('layers')
const all = [...fixture.layers, ...fixture.activations]

type Applied = nn.Module & { forward(...inputs: Tensor[]): Tensor }

function make({ kind, args, options, train }: Case): Applied {
  torch.manualSeed(7)
  const Kind = (nn as unknown as Record<string, new (...args: unknown[]) => Applied>)[kind]
  if (Kind === undefined) throw new Error(`there is no nn.${kind}`)
  return new Kind(...args, ...(Object.keys(options).length > 0 ? [options] : [])).train(train)
}

function expectState(module: nn.Module, expected: Record<string, number[]>): void {
  const state = module.stateDict()
  expect(Object.keys(state)).toEqual(Object.keys(expected))
  for (const [name, tensor] of Object.entries(state)) expectNumbers(tensor, expected[name] as number[])
}

/** Output, after as many steps of training as the case has. */
function run(module: Applied, one: Case, inputs: readonly Tensor[]): Tensor {
  let output: Tensor | undefined
  torch.manualSeed(3)
  const size = one.output.shape.reduce((product, length) => product * length, 1)
  for (let step = 0; step < one.steps; step++) {
    output = module.forward(...inputs.map((input, i) => (one.inputs[i]?.dtype === 'int64' ? input : input.mul(1))))
    if (one.inputGrads.some((grad) => grad !== null) || Object.keys(one.grads).length > 0) {
      weightedSum(output, size).backward()
    }
  }
  return output as Tensor
}

function expectResult(module: nn.Module, one: Case, inputs: readonly Tensor[], output: Tensor): void {
  expectTensor(output, one.output)
  for (const [i, grad] of one.inputGrads.entries()) {
    if (grad !== null) expectNumbers(inputs[i]?.grad as Tensor, grad, 10)
  }
  const parameters = Object.fromEntries(module.namedParameters())
  expect(Object.keys(parameters)).toEqual(Object.keys(one.grads))
  for (const [name, grad] of Object.entries(one.grads)) {
    if (grad !== null) expectNumbers(parameters[name]?.grad as Tensor, grad, 10)
  }
  expectState(module, one.state)
}

function inputsOf(one: Case): Tensor[] {
  return one.inputs.map((encoded) => decode(encoded).requiresGrad_(encoded.dtype !== 'int64'))
}

describe.each(all.map((one) => [`${one.repr}${one.train ? '' : ' in evaluation'}`, one] as const))('%s', (_, one) => {
  test('starts, prints and computes as in PyTorch', () => {
    const module = make(one)
    expect(String(module)).toBe(one.repr)
    expectState(module, one.initial)
    const inputs = inputsOf(one)
    expectResult(module, one, inputs, run(module, one, inputs))
  })

  test('computes the same within offload', async () => {
    const module = make(one)
    const inputs = inputsOf(one)
    const output = await torch.offload(() => run(module, one, inputs))
    expectResult(module, one, inputs, output)
  })
})

test('no layer leaves more than its output behind', async () => {
  await collectGarbage()
  for (const one of all) {
    const module = make(one)
    const inputs = one.inputs.map(decode)
    torch.tidy(() => void module.forward(...inputs))
    const { tensors } = torch.memory()
    const output = module.forward(...inputs)
    const fresh = inputs.includes(output) ? 0 : 1
    expect(torch.memory().tensors - tensors, one.repr).toBe(fresh)
  }
})

const names: Record<string, string> = {
  LogSigmoid: 'logsigmoid',
  LogSoftmax: 'logSoftmax',
  LeakyReLU: 'leakyRelu',
}

test.each(fixture.activations.map((one) => [one.repr, one] as const))('%s as a function', (_, one) => {
  const functions = nn.functional as unknown as Record<string, (...args: unknown[]) => Tensor>
  const fn = functions[names[one.kind] ?? one.kind.toLowerCase()] as (...args: unknown[]) => Tensor
  const module = make(one)
  const input = decode(one.inputs[0] as Encoded)
  torch.manualSeed(3)
  const args = [...one.args, ...(one.kind === 'PReLU' ? module.parameters() : [])]
  const options =
    one.kind === 'PReLU' ? [] : [{ ...one.options, ...(one.kind === 'RReLU' ? { training: one.train } : {}) }]
  const output = fn(input, ...args, ...(one.kind.includes('oftm') ? [] : options))
  expectTensor(output, one.output)
  // What works in place returns its argument.
  expect(output === input).toBe(one.options.inplace === true)
})

test.each(fixture.functions.map((one) => [`${one.name} ${JSON.stringify([...one.args, one.options])}`, one] as const))(
  '%s computes as in PyTorch',
  async (_, { name, args, options, inputs, output, inputGrads }) => {
    const fn = nn.functional[name] as unknown as (...args: unknown[]) => Tensor
    for (const queue of [(run: () => Tensor) => run(), torch.offload]) {
      const given = inputs.map((encoded) => decode(encoded).requiresGrad_(encoded.dtype !== 'int64'))
      torch.manualSeed(3)
      const actual = await queue(() => fn(...given, ...args, options))
      expectTensor(actual, output)
      if (!actual.requiresGrad) continue
      weightedSum(actual, output.data.length).backward()
      for (const [i, grad] of inputGrads.entries()) {
        if (grad !== null) expectNumbers(given[i]?.grad as Tensor, grad, 10)
      }
    }
  },
)

test('options of an activation are fixed, and no change of one is ignored', () => {
  const elu = new nn.ELU({ alpha: 0.5 })
  expect([elu.alpha, elu.inplace]).toEqual([0.5, false])
  expect(() => Object.assign(elu, { alpha: 1 })).toThrow(TypeError)
})

test('every layer has its function', () => {
  const F = nn.functional
  const x = torch.randn([2, 3, 4])
  const norm = new nn.LayerNorm(4, { eps: 0.5 })
  torch.noGrad(() => norm.weight?.uniform_())
  const { weight, bias } = norm
  expect(F.layerNorm(x, [4], { weight, bias, eps: 0.5 }).equal(norm.forward(x))).toBe(true)
  const batch = new nn.BatchNorm1d(3, { momentum: 0.5 })
  const [mean, variance] = [torch.zeros([3]), torch.ones([3])]
  expect(F.batchNorm(x, mean, variance, { training: true, momentum: 0.5 }).equal(batch.forward(x))).toBe(true)
  expect(mean.equal(batch.running_mean as Tensor) && variance.equal(batch.running_var as Tensor)).toBe(true)
  expect(F.batchNorm(x, mean, variance).equal(batch.eval().forward(x))).toBe(true)
  const conv = new nn.Conv1d(3, 4, 2, { padding: 'same', dilation: 2 })
  const settings = { padding: 'same', dilation: 2 } as const
  expect(F.conv1d(x, conv.weight, conv.bias, settings).equal(conv.forward(x))).toBe(true)
  const bilinear = new nn.Bilinear(4, 4, 2)
  expect(F.bilinear(x, x, bilinear.weight, bilinear.bias).equal(bilinear.forward(x, x))).toBe(true)
  const linear = new nn.Linear(4, 2)
  expect(F.linear(x, linear.weight, linear.bias).equal(linear.forward(x))).toBe(true)
  const ids = torch.tensor([2, 0], { dtype: 'int64' })
  const table = torch.tensor(
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    { requiresGrad: true },
  )
  const rows = F.embedding(ids, table, { paddingIdx: -1 })
  expect(rows.toArray()).toEqual([
    [5, 6],
    [1, 2],
  ])
  rows.sum().backward()
  expect(table.grad?.toArray()).toEqual([
    [1, 1],
    [0, 0],
    [0, 0],
  ])
  const group = new nn.GroupNorm(3, 3, { eps: 0.5 })
  torch.noGrad(() => group.weight?.uniform_())
  expect(F.groupNorm(x, 3, { weight: group.weight, bias: group.bias, eps: 0.5 }).equal(group.forward(x))).toBe(true)
  const rms = new nn.RMSNorm([3, 4])
  expect(F.rmsNorm(x, [3, 4], { weight: rms.weight }).equal(rms.forward(x))).toBe(true)
  const image = torch.randn([1, 3, 6, 5])
  const conv2d = new nn.Conv2d(3, 2, [2, 3], { stride: 2 })
  expect(F.conv2d(image, conv2d.weight, conv2d.bias, { stride: [2, 2] }).equal(conv2d.forward(image))).toBe(true)
  expect(F.maxPool2d(image, 2).equal(new nn.MaxPool2d(2).forward(image))).toBe(true)
  expect(F.avgPool2d(image, [2, 1]).equal(new nn.AvgPool2d([2, 1]).forward(image))).toBe(true)
  expect(F.adaptiveAvgPool2d(image, [null, 2]).shape).toEqual([1, 3, 6, 2])
  expect(F.maxPool1d(x, 2, { stride: 1 }).equal(new nn.MaxPool1d(2, { stride: 1 }).forward(x))).toBe(true)
  expect(F.avgPool1d(x, 2).equal(new nn.AvgPool1d(2).forward(x))).toBe(true)
  expect(F.adaptiveMaxPool1d(x, 2).equal(F.maxPool1d(x, 2))).toBe(true)
  expect(F.adaptiveAvgPool1d(x, 2).equal(F.avgPool1d(x, 2))).toBe(true)
  expectClose(F.normalize(torch.tensor([[3, 4]])), [[0.6, 0.8]])
  expectClose(F.normalize(torch.tensor([[3, 4]]), { p: 1, dim: 0 }), [[1, 1]])
  expectClose(F.cosineSimilarity(torch.tensor([[3, 4]]), torch.tensor([[4, 3]])), [24 / 25])
  expectClose(F.pairwiseDistance(torch.tensor([[3, 4]]), torch.tensor([[0, 0]]), { eps: 0 }), [5])
})

describe('Embedding', () => {
  test('fromPretrained shares the rows, frozen unless told otherwise', () => {
    const rows = torch.tensor([
      [1, 2],
      [3, 4],
    ])
    const frozen = nn.Embedding.fromPretrained(rows, { paddingIdx: 0 })
    expect(String(frozen)).toBe('Embedding(2, 2, padding_idx=0)')
    expect(frozen.weight.requiresGrad).toBe(false)
    rows.fill_(7)
    expect(frozen.forward(torch.tensor([1n])).toArray()).toEqual([[7, 7]])
    expect(nn.Embedding.fromPretrained(rows, { freeze: false }).weight.requiresGrad).toBe(true)
  })

  test('fromPretrained draws no random numbers', () => {
    torch.manualSeed(1)
    const expected = torch.rand([2])
    torch.manualSeed(1)
    nn.Embedding.fromPretrained(torch.zeros([3, 3]))
    expect(torch.rand([2]).equal(expected)).toBe(true)
  })

  test('maxNorm scales the rows that were asked for, for good', () => {
    const embedding = nn.Embedding.fromPretrained(
      torch.tensor([
        [3, 4],
        [6, 8],
      ]),
      { maxNorm: 1, freeze: false },
    )
    embedding.forward(torch.tensor([0n]))
    expectClose(embedding.weight, [
      [0.6, 0.8],
      [6, 8],
    ])
  })
})

test('BatchNorm1d keeps no statistics of a batch that it refuses, and forgets on demand', () => {
  const norm = new nn.BatchNorm1d(2)
  expect(() => norm.forward(torch.ones([1, 2]))).toThrow(fixture.errors['batch norm single']?.replace('1, 3', '1, 2'))
  expect(norm.num_batches_tracked?.item()).toBe(0)
  norm.forward(torch.randn([4, 2]))
  expect(norm.num_batches_tracked?.item()).toBe(1)
  norm.resetRunningStats()
  expect(norm.running_var?.toArray()).toEqual([1, 1])
})

test('ConvTranspose1d gives the output size that is asked for', () => {
  const up = new nn.ConvTranspose1d(2, 3, 3, { stride: 2 })
  const x = torch.randn([1, 2, 4])
  expect([9, 10].map((size) => up.forward(x, size).shape)).toEqual([
    [1, 3, 9],
    [1, 3, 10],
  ])
  expect(up.forward(x, [1, 2, 10]).equal(up.forward(x, 10))).toBe(true)
  expect(up.forward(x.index(0), [10]).shape).toEqual([3, 10])
  // It is the gradient of the convolution.
  const input = torch.zeros([1, 3, 9], { requiresGrad: true })
  nn.functional.conv1d(input, up.weight.detach(), null, { stride: 2 }).backward(x)
  expectClose(nn.functional.convTranspose1d(x, up.weight.detach(), null, { stride: 2 }), input.grad as Tensor)
})

test('pools tell where the greatest elements are', () => {
  const x = torch.tensor([[1, 5, 2, 8]])
  const [values, places] = nn.functional.maxPool1dWithIndices(x, 2)
  expect([values.toArray(), places.toArray(), places.dtype]).toEqual([[[5, 8]], [[1, 3]], 'int64'])
  const [, adaptive] = nn.functional.adaptiveMaxPool1dWithIndices(x, 1)
  expect(adaptive.toArray()).toEqual([[3]])
})

test('dropout of channels drops whole ones, and warns of other shapes once', async () => {
  const warnings: Error[] = []
  const listen = (warning: Error): void => void warnings.push(warning)
  process.on('warning', listen)
  torch.manualSeed(0)
  const x = torch.ones([20, 5, 3, 2])
  const kept = nn.functional.dropout2d(x).flatten(2)
  expect(
    kept
      .eq(kept.index('...', torch.slice(0, 1)))
      .all()
      .item(),
  ).toBe(true)
  expect(kept.sum().item()).not.toBe(20 * 5 * 3 * 2)
  for (let i = 0; i < 2; i++) expect(nn.functional.dropout2d(torch.ones([2, 3, 4])).shape).toEqual([2, 3, 4])
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', listen)
  expect(warnings.map(({ message }) => message)).toEqual([expect.stringMatching(/dropout2d: the input should be/)])
})

test('layers convert, and keep what counts as it is', () => {
  const model = new nn.Sequential(new nn.Conv1d(2, 3, 1), new nn.BatchNorm1d(3), new nn.LayerNorm(4), new nn.PReLU())
  model.to('float64')
  const dtypes = Object.values(model.stateDict()).map(({ dtype }) => dtype)
  expect(new Set(dtypes)).toEqual(new Set(['float64', 'int64']))
  expect(model.forward(torch.ones([1, 2, 4], { dtype: 'float64' })).dtype).toBe('float64')
})

const zeros = torch.zeros
const loose = nn as unknown as Record<string, new (...args: unknown[]) => Applied>
const errors: Record<string, [code: Parameters<typeof expectError>[1], call: () => unknown]> = {
  'embedding padding': ['ERR_TORCH_VALUE', () => new nn.Embedding(3, 2, { paddingIdx: 3 })],
  'embedding negative padding': ['ERR_TORCH_VALUE', () => new nn.Embedding(3, 2, { paddingIdx: -4 })],
  'embedding index': ['ERR_TORCH_INDEX', () => new nn.Embedding(1, 2).forward(torch.tensor([1n]))],
  'embedding dtype': ['ERR_TORCH_DTYPE', () => new nn.Embedding(3, 2).forward(zeros([2]))],
  'embedding pretrained': ['ERR_TORCH_VALUE', () => nn.Embedding.fromPretrained(zeros([3]))],
  'bilinear in1': ['ERR_TORCH_VALUE', () => new nn.Bilinear(0, 2, 3)],
  'bilinear sizes': ['ERR_TORCH_SHAPE', () => new nn.Bilinear(4, 2, 3).forward(zeros([5, 4]), zeros([5, 3]))],
  'layer norm shape': ['ERR_TORCH_SHAPE', () => new nn.LayerNorm([3, 4]).forward(zeros([2, 4]))],
  'batch norm rank': ['ERR_TORCH_VALUE', () => new nn.BatchNorm1d(3).forward(zeros([3]))],
  'batch norm rank 4': ['ERR_TORCH_VALUE', () => new nn.BatchNorm1d(3).forward(zeros([1, 3, 2, 2]))],
  'batch norm single': ['ERR_TORCH_VALUE', () => new nn.BatchNorm1d(3).forward(zeros([1, 3]))],
  'batch norm channels': ['ERR_TORCH_SHAPE', () => new nn.BatchNorm1d(3).forward(zeros([2, 4]))],
  'batch norm eps': ['ERR_TORCH_VALUE', () => new nn.BatchNorm1d(3, { eps: 0 }).forward(zeros([2, 3]))],
  'batch norm negative eps': [
    'ERR_TORCH_VALUE',
    () => new nn.BatchNorm1d(3, { eps: -1 }).eval().forward(zeros([2, 3])),
  ],
  'conv groups': ['ERR_TORCH_VALUE', () => new nn.Conv1d(4, 6, 3, { groups: 0 })],
  'conv in channels': ['ERR_TORCH_VALUE', () => new nn.Conv1d(4, 6, 3, { groups: 3 })],
  'conv out channels': ['ERR_TORCH_VALUE', () => new nn.Conv1d(4, 6, 3, { groups: 4 })],
  'conv same stride': ['ERR_TORCH_VALUE', () => new nn.Conv1d(4, 6, 3, { padding: 'same', stride: 2 })],
  'conv channels': ['ERR_TORCH_SHAPE', () => new nn.Conv1d(4, 6, 3).forward(zeros([1, 3, 8]))],
  'conv rank': ['ERR_TORCH_SHAPE', () => new nn.Conv1d(4, 6, 3).forward(zeros([4]))],
  'conv kernel': ['ERR_TORCH_SHAPE', () => new nn.Conv1d(4, 6, 3).forward(zeros([1, 4, 2]))],
  'conv reflect': [
    'ERR_TORCH_SHAPE',
    () => new nn.Conv1d(4, 6, 3, { padding: 2, paddingMode: 'reflect' }).forward(zeros([1, 4, 2])),
  ],
  'conv2d same stride': ['ERR_TORCH_VALUE', () => new nn.Conv2d(4, 6, 3, { padding: 'same', stride: [1, 2] })],
  'conv2d channels': ['ERR_TORCH_SHAPE', () => new nn.Conv2d(4, 6, 3).forward(zeros([1, 3, 8, 8]))],
  'conv2d rank': ['ERR_TORCH_SHAPE', () => new nn.Conv2d(4, 6, 3).forward(zeros([4, 8]))],
  'conv2d kernel': ['ERR_TORCH_SHAPE', () => new nn.Conv2d(4, 6, 3).forward(zeros([1, 4, 2, 8]))],
  'transposed channels': ['ERR_TORCH_SHAPE', () => new nn.ConvTranspose1d(4, 6, 3).forward(zeros([1, 3, 8]))],
  'transposed output padding': [
    'ERR_TORCH_RUNTIME',
    () => new nn.ConvTranspose1d(4, 6, 3, { outputPadding: 2 }).forward(zeros([1, 4, 8])),
  ],
  'transposed output size': [
    'ERR_TORCH_VALUE',
    () => new nn.ConvTranspose1d(4, 6, 3, { stride: 2 }).forward(zeros([1, 4, 8]), 20),
  ],
  'transposed output sizes': [
    'ERR_TORCH_VALUE',
    () => new nn.ConvTranspose1d(4, 6, 3, { stride: 2 }).forward(zeros([1, 4, 8]), [18, 18]),
  ],
  'max pool rank': ['ERR_TORCH_SHAPE', () => new nn.MaxPool1d(2).forward(zeros([4]))],
  'max pool padding': ['ERR_TORCH_SHAPE', () => new nn.MaxPool1d(2, { padding: 2 }).forward(zeros([1, 4, 8]))],
  'max pool short': ['ERR_TORCH_SHAPE', () => new nn.MaxPool1d(9).forward(zeros([1, 4, 8]))],
  'max pool 2d rank': ['ERR_TORCH_SHAPE', () => new nn.MaxPool2d(2).forward(zeros([4, 4]))],
  'avg pool padding': ['ERR_TORCH_SHAPE', () => new nn.AvgPool1d(2, { padding: 2 }).forward(zeros([1, 4, 8]))],
  'avg pool rank': ['ERR_TORCH_SHAPE', () => new nn.AvgPool1d(2).forward(zeros([4]))],
  'adaptive pool rank': ['ERR_TORCH_SHAPE', () => new nn.AdaptiveAvgPool1d(2).forward(zeros([4]))],
  'rms norm shape': ['ERR_TORCH_SHAPE', () => new nn.RMSNorm([3, 4]).forward(zeros([2, 4]))],
  'group norm groups': ['ERR_TORCH_VALUE', () => new nn.GroupNorm(3, 4)],
  'group norm rank': ['ERR_TORCH_SHAPE', () => new nn.GroupNorm(2, 4).forward(zeros([4]))],
  'group norm single': ['ERR_TORCH_VALUE', () => new nn.GroupNorm(4, 4).forward(zeros([1, 4]))],
  'group norm channels': ['ERR_TORCH_SHAPE', () => new nn.GroupNorm(2, 4).forward(zeros([2, 6]))],
  'batch norm 2d rank': ['ERR_TORCH_VALUE', () => new nn.BatchNorm2d(3).forward(zeros([2, 3, 4]))],
  'batch norm 2d single': ['ERR_TORCH_VALUE', () => new nn.BatchNorm2d(3).forward(zeros([1, 3, 1, 1]))],
  'batch norm 2d channels': ['ERR_TORCH_SHAPE', () => new nn.BatchNorm2d(3).forward(zeros([2, 4, 2, 2]))],
  'reflection wide': ['ERR_TORCH_SHAPE', () => new nn.ReflectionPad1d(4).forward(zeros([1, 2, 4]))],
  'reflection rank': ['ERR_TORCH_SHAPE', () => new nn.ReflectionPad1d(1).forward(zeros([4]))],
  'circular rank': ['ERR_TORCH_VALUE', () => new nn.CircularPad1d(1).forward(zeros([1, 1, 1, 4]))],
  'dropout1d rank': ['ERR_TORCH_SHAPE', () => new nn.Dropout1d().forward(zeros([4]))],
  dropout: ['ERR_TORCH_VALUE', () => new nn.Dropout(-0.5)],
  'dropout function': ['ERR_TORCH_VALUE', () => nn.functional.dropout(zeros([2]), { p: 1.5 })],
  flatten: ['ERR_TORCH_INDEX', () => new nn.Flatten({ startDim: 3 }).forward(zeros([2, 2]))],
  'pad wide': ['ERR_TORCH_SHAPE', () => nn.functional.pad(zeros([2, 3]), [3, 3], { mode: 'reflect' })],
  'pad value': ['ERR_TORCH_RUNTIME', () => nn.functional.pad(zeros([2, 3]), [1, 1], { mode: 'reflect', value: 1 })],
  'pad odd': ['ERR_TORCH_VALUE', () => nn.functional.pad(zeros([2, 3]), [1])],
  'pad rank': ['ERR_TORCH_SHAPE', () => nn.functional.pad(zeros([3]), [1, 1, 1, 1])],
  'pad circular': ['ERR_TORCH_RUNTIME', () => nn.functional.pad(zeros([1, 2, 3]), [4, 2], { mode: 'circular' })],
  'one hot negative': ['ERR_TORCH_VALUE', () => nn.functional.oneHot(torch.tensor([-1n]))],
  'one hot beyond': ['ERR_TORCH_RUNTIME', () => nn.functional.oneHot(torch.tensor([2n]), { numClasses: 2 })],
  'one hot dtype': ['ERR_TORCH_RUNTIME', () => nn.functional.oneHot(zeros([2]))],
  'glu odd': ['ERR_TORCH_SHAPE', () => new nn.GLU().forward(zeros([2, 3]))],
  'gelu approximate': ['ERR_TORCH_VALUE', () => new nn.GELU({ approximate: 'fast' as never }).forward(zeros([2]))],
  hardtanh: ['ERR_TORCH_VALUE', () => new nn.Hardtanh({ minVal: 2, maxVal: 1 })],
  'hardtanh function': ['ERR_TORCH_VALUE', () => nn.functional.hardtanh(zeros([2]), { minVal: 2, maxVal: 1 })],
  'prelu channels': ['ERR_TORCH_SHAPE', () => new nn.PReLU({ numParameters: 3 }).forward(zeros([2, 4]))],
  'softmax dim': ['ERR_TORCH_INDEX', () => new nn.Softmax(2).forward(zeros([2, 4]))],
  'sequential name': ['ERR_TORCH_VALUE', () => new nn.Sequential({ forward: new nn.ReLU() })],
  'sequential dot': ['ERR_TORCH_VALUE', () => new nn.Sequential({ 'a.b': new nn.ReLU() })],
  'list index': ['ERR_TORCH_INDEX', () => new nn.ModuleList([new nn.ReLU()]).at(1)],
  'list forward': ['ERR_TORCH_NOT_IMPLEMENTED', () => new nn.ModuleList([new nn.ReLU()]).forward()],
  'dict forward': ['ERR_TORCH_NOT_IMPLEMENTED', () => new nn.ModuleDict({ a: new nn.ReLU() }).forward()],
  'parameter list call': ['ERR_TORCH_NOT_IMPLEMENTED', () => new nn.ParameterList().forward()],
  'parameter dict call': ['ERR_TORCH_NOT_IMPLEMENTED', () => new nn.ParameterDict().forward()],
  'parameter list index': ['ERR_TORCH_INDEX', () => new nn.ParameterList([zeros([1])]).at(1)],
  'dict empty name': ['ERR_TORCH_VALUE', () => new nn.ModuleDict({ '': new nn.ReLU() })],
  'init fan': ['ERR_TORCH_VALUE', () => nn.init.xavierUniform_(zeros([2]))],
  'init eye': ['ERR_TORCH_VALUE', () => nn.init.eye_(zeros([2, 2, 2]))],
  'init dirac': ['ERR_TORCH_VALUE', () => nn.init.dirac_(zeros([2, 2]))],
  'init dirac groups': ['ERR_TORCH_VALUE', () => nn.init.dirac_(zeros([3, 2, 3]), 2)],
  'init sparse': ['ERR_TORCH_VALUE', () => nn.init.sparse_(zeros([2]), 0.5)],
}

describe('arguments that would be ignored are refused', () => {
  const [x, sizes] = [zeros([2]), [2, 2, 2] as const]
  const takes: Record<string, readonly unknown[]> = {
    AlphaDropout: [0.5, {}],
    Bilinear: [...sizes, {}],
    BatchNorm1d: [2, {}],
    BatchNorm2d: [2, {}],
    Buffer: [x, {}],
    ConstantPad1d: [1, 0],
    Conv1d: [...sizes, {}],
    Conv2d: [...sizes, {}],
    ConvTranspose1d: [...sizes, {}],
    Dropout: [0.5, {}],
    Dropout1d: [0.5, {}],
    Dropout2d: [0.5, {}],
    Embedding: [2, 2, {}],
    GroupNorm: [2, 2, {}],
    Identity: [],
    LayerNorm: [2, {}],
    Linear: [2, 2, {}],
    LockedDropout: [0.5, {}],
    LogSoftmax: [1],
    ModuleDict: [{}],
    ModuleList: [[]],
    Parameter: [x, {}],
    ParameterDict: [{}],
    ParameterList: [[]],
    RMSNorm: [2, {}],
    Softmax: [1],
    Softmin: [1],
    Threshold: [1, 1, {}],
    ...Object.fromEntries(['AvgPool1d', 'AvgPool2d', 'MaxPool1d', 'MaxPool2d'].map((name) => [name, [2, {}]])),
    ...Object.fromEntries(['AvgPool1d', 'AvgPool2d', 'MaxPool1d'].map((name) => [`Adaptive${name}`, [2]])),
    ...Object.fromEntries(['Zero', 'Reflection', 'Replication', 'Circular'].map((name) => [`${name}Pad1d`, [1]])),
  }
  // What others check: recurrent networks and their cells.
  const others = /^(Sequential|Tensor|RecurrentStream|(RNN|LSTM|GRU)(Cell)?|PeepholeLSTM|ChungGRU|MinGRU)$/
  const classes = Object.entries(loose).filter(
    ([name, Class]) =>
      typeof Class === 'function' &&
      /^class/.test(String(Class)) &&
      !/^(Module|ActivationModule|Recurrent)/.test(name) &&
      !others.test(name),
  )

  test.each(classes)('by %s', (name, Class) => {
    const args = takes[name] ?? [{}]
    expect(new Class(...args, undefined)).toBeInstanceOf(Class)
    expectError(() => new Class(...args, x), 'ERR_TORCH_TYPE', `${name}: got more arguments than it takes: Tensor`)
  })

  test('and a tensor is no options', () => {
    expectError(() => new nn.MSELoss(x as never), 'ERR_TORCH_TYPE', /MSELoss: options must be an object, got a Tensor/)
    expectError(() => new nn.Linear(1, 1, x as never), 'ERR_TORCH_TYPE', /Linear: options must be an object/)
  })

  test('by methods', () => {
    const [module, none] = [new nn.Linear(1, 1), [{}] as never[]]
    expectError(() => module.stateDict(...none), 'ERR_TORCH_TYPE', /stateDict: got more arguments than it takes/)
    expectError(() => module.eval(...none), 'ERR_TORCH_TYPE', /eval: got more arguments than it takes/)
  })
})

/** What is checked here instead of in LibTorch. */
const OURS: Record<string, string> = {
  dropout: 'Dropout: p must be a number from 0 to 1',
  'dropout function': 'dropout: p must be a number from 0 to 1',
}

test.each(Object.entries(fixture.errors))("%s: PyTorch's words", (name, message) => {
  const [code, call] = errors[name] ?? expect.fail(`no test of '${name}'`)
  const { message: said } = expectError(call, code, '')
  expect(said).toContain(OURS[name] ?? inOurWords(message).replace('output_size', 'outputSize'))
})

// Mistakes that PyTorch has no words for, or that its types allow.
test.each<[string, Parameters<typeof expectError>[1], RegExp, () => unknown]>([
  ['embedding sizes', 'ERR_TORCH_VALUE', /numEmbeddings must be a non-negative integer/, () => new nn.Embedding(-1, 2)],
  ['embedding of no tensor', 'ERR_TORCH_TYPE', /must be a Tensor/, () => nn.Embedding.fromPretrained([1] as never)],
  ['embedding sparse', 'ERR_TORCH_OPTION', /'sparse'/, () => new nn.Embedding(1, 2, { sparse: true } as never)],
  ['bilinear', 'ERR_TORCH_VALUE', /outFeatures/, () => new nn.Bilinear(1, 2, 0.5)],
  ['layer norm shape', 'ERR_TORCH_TYPE', /normalizedShape/, () => new nn.LayerNorm('4' as never)],
  ['layer norm eps', 'ERR_TORCH_TYPE', /eps must be a number/, () => new nn.LayerNorm(4, { eps: '1' as never })],
  ['batch norm momentum', 'ERR_TORCH_TYPE', /momentum/, () => new nn.BatchNorm1d(4, { momentum: 'no' as never })],
  ['batch norm size', 'ERR_TORCH_VALUE', /numFeatures/, () => new nn.BatchNorm1d(1.5)],
  [
    'conv padding',
    'ERR_TORCH_VALUE',
    /Invalid padding string 'full'/,
    () => new nn.Conv1d(1, 1, 1, { padding: 'full' as never }),
  ],
  [
    'conv function padding',
    'ERR_TORCH_VALUE',
    /Invalid padding string/,
    () => nn.functional.conv1d(zeros([1, 1, 1]), zeros([1, 1, 1]), null, { padding: 'full' as never }),
  ],
  [
    'conv negative padding',
    'ERR_TORCH_VALUE',
    /padding must be a non-negative/,
    () => new nn.Conv1d(1, 1, 1, { padding: -1 }),
  ],
  [
    'conv mode',
    'ERR_TORCH_VALUE',
    /paddingMode must be one of .*but got paddingMode='mirror'/,
    () => new nn.Conv1d(1, 1, 1, { paddingMode: 'mirror' as never }),
  ],
  ['conv kernel', 'ERR_TORCH_VALUE', /kernelSize must be a positive/, () => new nn.Conv1d(1, 1, 0)],
  [
    'pad mode',
    'ERR_TORCH_VALUE',
    /mode must be one of 'constant'/,
    () => nn.functional.pad(zeros([1]), [1], { mode: 'mirror' as never }),
  ],
  ['pad widths', 'ERR_TORCH_TYPE', /pad must be an array of integers/, () => nn.functional.pad(zeros([1]), 1 as never)],
  [
    'one hot of a number',
    'ERR_TORCH_OPTION',
    /numClasses/,
    () => nn.functional.oneHot(torch.tensor([1n]), { numclasses: 2 } as never),
  ],
  [
    'conv2d kernel',
    'ERR_TORCH_VALUE',
    /kernelSize must be a positive integer, or an array of 2, got/,
    () => new nn.Conv2d(1, 1, [1, 0]),
  ],
  [
    'conv2d sizes',
    'ERR_TORCH_VALUE',
    /stride must be .*array of 2/,
    () => new nn.Conv2d(1, 1, 1, { stride: [1] as never }),
  ],
  [
    'conv2d groups',
    'ERR_TORCH_VALUE',
    /groups must be a positive integer/,
    () => new nn.Conv2d(1, 1, 1, { groups: 0.5 }),
  ],
  [
    'conv of pairs',
    'ERR_TORCH_VALUE',
    /Conv1d: kernelSize must be a positive integer, got/,
    () => new nn.Conv1d(1, 1, [1, 1] as never),
  ],
  [
    'transposed padding',
    'ERR_TORCH_VALUE',
    /padding must be a non-negative integer/,
    () => new nn.ConvTranspose1d(1, 1, 1, { padding: 'same' as never }),
  ],
  [
    'transposed mode',
    'ERR_TORCH_OPTION',
    /'paddingMode'/,
    () => new nn.ConvTranspose1d(1, 1, 1, { paddingMode: 'reflect' } as never),
  ],
  [
    'transposed output padding',
    'ERR_TORCH_VALUE',
    /outputPadding/,
    () => new nn.ConvTranspose1d(1, 1, 1, { outputPadding: -1 }),
  ],
  [
    'pool kernel',
    'ERR_TORCH_VALUE',
    /MaxPool1d: kernelSize must be a positive integer, got 0/,
    () => new nn.MaxPool1d(0),
  ],
  ['pool stride', 'ERR_TORCH_VALUE', /AvgPool2d: stride/, () => new nn.AvgPool2d(2, { stride: [1, 0] })],
  ['pool dilation', 'ERR_TORCH_VALUE', /MaxPool2d: dilation/, () => new nn.MaxPool2d(2, { dilation: 0 })],
  ['pool indices', 'ERR_TORCH_OPTION', /'returnIndices'/, () => new nn.MaxPool1d(2, { returnIndices: true } as never)],
  ['pool mode', 'ERR_TORCH_TYPE', /ceilMode must be a boolean/, () => new nn.MaxPool1d(2, { ceilMode: 1 as never })],
  [
    'pool mean',
    'ERR_TORCH_TYPE',
    /countIncludePad must be a boolean/,
    () => new nn.AvgPool1d(2, { countIncludePad: 1 as never }),
  ],
  ['pool divisor', 'ERR_TORCH_VALUE', /divisorOverride/, () => new nn.AvgPool2d(2, { divisorOverride: 0 })],
  [
    'pool function',
    'ERR_TORCH_OPTION',
    /avgPool1d: unknown option 'dilation'/,
    () => nn.functional.avgPool1d(zeros([1, 2]), 2, { dilation: 1 } as never),
  ],
  [
    'pool of no size',
    'ERR_TORCH_TYPE',
    /maxPool1d: kernelSize must be an array of integers/,
    () => nn.functional.maxPool1d(zeros([1, 2]), '2' as never),
  ],
  // Without gradients LibTorch did not return from this one, and gave wrong numbers for the other.
  [
    'pool beyond int32',
    'ERR_TORCH_VALUE',
    /maxPool1d: kernelSize must be at most 2147483647, got 4294967296/,
    () => nn.functional.maxPool1d(zeros([1, 1, 6]), 2 ** 32),
  ],
  [
    'pool module beyond int32',
    'ERR_TORCH_VALUE',
    /MaxPool1d: kernelSize must be at most/,
    () => new nn.MaxPool1d(2 ** 32),
  ],
  [
    'dilation beyond int32',
    'ERR_TORCH_VALUE',
    /dilation must be at most/,
    () => nn.functional.maxPool1d(zeros([1, 1, 6]), 2, { dilation: 2 ** 50 }),
  ],
  ['adaptive size', 'ERR_TORCH_VALUE', /outputSize must be a non-negative integer/, () => new nn.AdaptiveAvgPool1d(-1)],
  [
    'adaptive sizes',
    'ERR_TORCH_VALUE',
    /AdaptiveAvgPool2d: outputSize must be a number or an array of 2/,
    () => new nn.AdaptiveAvgPool2d([1] as never),
  ],
  ['adaptive nothing', 'ERR_TORCH_TYPE', /outputSize/, () => new nn.AdaptiveAvgPool2d(null as never)],
  ['rms norm eps', 'ERR_TORCH_TYPE', /eps must be a number/, () => new nn.RMSNorm(4, { eps: '1' as never })],
  ['rms norm bias', 'ERR_TORCH_OPTION', /'bias'/, () => new nn.RMSNorm(4, { bias: true } as never)],
  ['group norm no groups', 'ERR_TORCH_VALUE', /numGroups must be a positive integer/, () => new nn.GroupNorm(0, 4)],
  [
    'padding',
    'ERR_TORCH_VALUE',
    /ZeroPad1d: padding must be an integer, or an array of 2, got 0.5/,
    () => new nn.ZeroPad1d(0.5),
  ],
  ['padding of three', 'ERR_TORCH_VALUE', /ReflectionPad1d: padding/, () => new nn.ReflectionPad1d([1, 2, 3] as never)],
  [
    'padding value',
    'ERR_TORCH_TYPE',
    /ConstantPad1d: value must be a number/,
    () => new nn.ConstantPad1d(1, undefined as never),
  ],
  [
    'dropout in place',
    'ERR_TORCH_TYPE',
    /inplace must be a boolean/,
    () => new nn.Dropout1d(0.5, { inplace: 1 as never }),
  ],
  ['prelu', 'ERR_TORCH_VALUE', /numParameters/, () => new nn.PReLU({ numParameters: -1 })],
  [
    'softmax',
    'ERR_TORCH_TYPE',
    /Softmax: dim must be an integer, got undefined/,
    () => new nn.Softmax(undefined as never),
  ],
  [
    'softmax function',
    'ERR_TORCH_TYPE',
    /dim is missing: it must be an integer/,
    () => nn.functional.softmax(zeros([1]), undefined as never),
  ],
  [
    'option of an activation',
    'ERR_TORCH_OPTION',
    /ELU: unknown option 'alfa'; did you mean 'alpha'/,
    () => new nn.ELU({ alfa: 1 } as never),
  ],
  [
    'type of an option',
    'ERR_TORCH_TYPE',
    /ELU: alpha must be a number, got '1'/,
    () => new nn.ELU({ alpha: '1' as never }),
  ],
  [
    'options where there are none',
    'ERR_TORCH_OPTION',
    /Tanh: unknown option/,
    () => new nn.Tanh({ inplace: true } as never),
  ],
  [
    'option of a function',
    'ERR_TORCH_OPTION',
    /gelu: unknown option 'tanh'/,
    () => nn.functional.gelu(zeros([1]), { tanh: 1 } as never),
  ],
  [
    'option of softsign',
    'ERR_TORCH_OPTION',
    /softsign: unknown option/,
    () => nn.functional.softsign(zeros([1]), { inplace: true } as never),
  ],
  [
    'inplace',
    'ERR_TORCH_TYPE',
    /relu: inplace must be a boolean/,
    () => nn.functional.relu(zeros([1]), { inplace: 1 as never }),
  ],
  ['no tensor', 'ERR_TORCH_TYPE', /input must be a Tensor, got 3/, () => nn.functional.relu(3 as never)],
  ['no module', 'ERR_TORCH_TYPE', /must be a Module, got 3/, () => new nn.Sequential(3 as never)],
  ['no iterable', 'ERR_TORCH_TYPE', /elements must be an iterable/, () => new nn.ModuleList(3 as never)],
  ['no object', 'ERR_TORCH_TYPE', /update should be called with/, () => new nn.ModuleDict(3 as never)],
])('%s is refused', (_, code, message, call) => {
  expectError(call, code, message)
})

test('alpha dropout in place changes its argument', () => {
  const x = torch.randn([4, 5])
  torch.manualSeed(0)
  const expected = nn.functional.alphaDropout(x, { p: 0.5, training: true })
  torch.manualSeed(0)
  expect(new nn.AlphaDropout(0.5, { inplace: true }).forward(x)).toBe(x)
  expectClose(x, expected)
  expectError(
    () => nn.functional.alphaDropout(x, { p: 2 }),
    'ERR_TORCH_VALUE',
    'alphaDropout: p must be a number from 0 to 1',
  )
})
