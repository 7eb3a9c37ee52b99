import { expect, test } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

const { clipping } = readFixture<{
  clipping: {
    gradients: number[][]
    cases: { maxNorm: number; normType: number | null; total: number; grads: number[][] }[]
  }
}>('nn')

test.each(clipping.cases)('clipGradNorm_ $maxNorm, p = $normType', ({ maxNorm, normType, total, grads }) => {
  const parameters = clipping.gradients.map((gradient) => {
    const parameter = new nn.Parameter(torch.zerosLike(torch.tensor(gradient)))
    parameter.grad = torch.tensor(gradient)
    return parameter
  })
  const norm = nn.utils.clipGradNorm_(parameters, maxNorm, { normType: normType ?? Number.POSITIVE_INFINITY })
  expectClose(norm.item() as number, total)
  for (const [i, parameter] of parameters.entries())
    expectClose(parameter.grad?.toArray() as number[], grads[i] as number[])
})

interface Utils {
  parameters: [number[][], number[]]
  gradients: [number[][], number[]]
  vector: number[]
  norms: Record<string, number>
  clipped: { maxNorm: number; totalNorm: number; gradients: [number[][], number[]] }[]
}

const fixture = readFixture<{ utils: Utils }>('optim').utils
const parametersOf = (): nn.Parameter[] => fixture.parameters.map((values) => new nn.Parameter(torch.tensor(values)))

test.each(Object.entries(fixture.norms))('getTotalNorm, p = %s', (p, norm) => {
  const normType = p === 'inf' ? Number.POSITIVE_INFINITY : Number(p)
  const gradients = fixture.gradients.map((values) => torch.tensor(values))
  expectClose(nn.utils.getTotalNorm(gradients, { normType }).item() as number, norm)
})

test.each(fixture.clipped)('clipGradsWithNorm_ $maxNorm of $totalNorm', async ({ maxNorm, totalNorm, gradients }) => {
  for (const queued of [false, true]) {
    const parameters = parametersOf()
    for (const [i, parameter] of parameters.entries()) parameter.grad = torch.tensor(fixture.gradients[i] as number[])
    const clip = (): void => nn.utils.clipGradsWithNorm_(parameters, maxNorm, torch.tensor(totalNorm))
    if (queued) await torch.offload(clip)
    else clip()
    for (const [i, parameter] of parameters.entries()) expectClose(parameter.grad as never, gradients[i] as number[])
  }
})

test('norms: a single tensor, none, and what is refused', () => {
  expect(nn.utils.getTotalNorm(torch.tensor([3, 4])).item()).toBe(5)
  expect(nn.utils.getTotalNorm([]).item()).toBe(0)
  const bad = torch.tensor([Number.NaN])
  expect(nn.utils.getTotalNorm([bad]).item()).toBeNaN()
  const { getTotalNorm, clipGradsWithNorm_ } = nn.utils
  expectError(() => getTotalNorm(bad, { errorIfNonfinite: true }), 'ERR_TORCH_RUNTIME', /non-finite/)
  expectError(
    () => getTotalNorm(3 as never),
    'ERR_TORCH_TYPE',
    /^getTotalNorm: tensors must be a Tensor or an iterable/,
  )
  expectError(() => getTotalNorm(bad, { normType: -1 }), 'ERR_TORCH_VALUE', /normType must be a non-negative number/)
  expectError(() => getTotalNorm(bad, { p: 2 } as never), 'ERR_TORCH_OPTION', /unknown option 'p'/)
  expectError(() => getTotalNorm(bad, { errorIfNonfinite: 1 as never }), 'ERR_TORCH_TYPE', /must be a boolean/)
  expectError(() => clipGradsWithNorm_([bad], -1, bad), 'ERR_TORCH_VALUE', /maxNorm must be a non-negative number/)
  expectError(() => clipGradsWithNorm_([bad], 1, 2 as never), 'ERR_TORCH_TYPE', /totalNorm must be a Tensor, got 2/)
  expectError(
    () => clipGradsWithNorm_([bad], 1, torch.ones([2])),
    'ERR_TORCH_TYPE',
    /totalNorm must be a Tensor of one/,
  )
  clipGradsWithNorm_([torch.ones([2])], 1, torch.tensor(4))
})

test('parameters as a vector, and back', () => {
  const parameters = parametersOf()
  const vector = nn.utils.parametersToVector(parameters)
  expectClose(vector.detach(), fixture.vector)
  vector.mul(torch.arange(10)).sum().backward()
  expect(parameters[1]?.grad?.toArray()).toEqual([6, 7, 8, 9])
  // A parameter that is not contiguous, too.
  const transposed = new nn.Parameter(
    torch
      .tensor([
        [1, 2, 3],
        [4, 5, 6],
      ])
      .t(),
  )
  expect(nn.utils.parametersToVector([transposed]).toArray()).toEqual([1, 4, 2, 5, 3, 6])

  const values = torch.arange(10).float()
  nn.utils.vectorToParameters(values, parameters)
  expect(parameters.map((parameter) => parameter.toArray())).toEqual([
    [
      [0, 1],
      [2, 3],
      [4, 5],
    ],
    [6, 7, 8, 9],
  ])
  expect(parameters.every(({ isLeaf, requiresGrad }) => isLeaf && requiresGrad)).toBe(true)
  // The memory is shared.
  values.mul_(2)
  expect(parameters[1]?.toArray()).toEqual([12, 14, 16, 18])
})

test('an LSTM computes with the weights of a vector', () => {
  const [one, other] = [new nn.LSTM(2, 3), new nn.LSTM(2, 3)]
  const x = torch.randn([4, 1, 2])
  const before = other.forward(x)[0]
  nn.utils.vectorToParameters(nn.utils.parametersToVector(one.parameters()), other.parameters())
  const after = other.forward(x)[0]
  expectClose(after.detach(), one.forward(x)[0].detach())
  expect(before.sub(after).abs().max().item()).toBeGreaterThan(0.01)
})

test('vectors of another size are refused, and nothing has changed', () => {
  const parameters = parametersOf()
  const { parametersToVector, vectorToParameters } = nn.utils
  for (const size of [9, 11]) {
    const message = new RegExp(`^vectorToParameters: vec must be of shape \\[10\\], .*, got \\[${size}\\]$`)
    expectError(() => vectorToParameters(torch.zeros([size]), parameters), 'ERR_TORCH_SHAPE', message)
  }
  expectError(() => vectorToParameters(torch.zeros([2, 5]), parameters), 'ERR_TORCH_SHAPE', /got \[2, 5\]$/)
  expectClose(parametersToVector(parameters).detach(), fixture.vector)
  expectError(() => vectorToParameters([1] as never, parameters), 'ERR_TORCH_TYPE', /vec must be a Tensor, got \[1\]/)
  expectError(() => parametersToVector([]), 'ERR_TORCH_VALUE', /^parametersToVector: got no parameters$/)
  expectError(() => parametersToVector([1] as never), 'ERR_TORCH_TYPE', /parameters\[0\] must be a Tensor, got 1/)
  expectError(
    () => parametersToVector(torch.ones([1]) as never),
    'ERR_TORCH_TYPE',
    /an iterable of Tensors, got Tensor/,
  )
  const elsewhere = [torch.ones([1]), torch.ones([1], { device: 'meta' as never })]
  expectError(() => parametersToVector(elsewhere), 'ERR_TORCH_DEVICE', /two parameters on different devices/)
})

test('clipping looks at gradients only, and at their finiteness when asked', () => {
  const parameter = new nn.Parameter(torch.zeros([2]))
  expect(nn.utils.clipGradNorm_([parameter], 1).item()).toBe(0)
  parameter.grad = torch.tensor([3, -5])
  nn.utils.clipGradValue_(parameter, 4)
  expect(parameter.grad?.toArray()).toEqual([3, -4])
  parameter.grad = torch.tensor([Number.NaN, 0])
  expectError(() => nn.utils.clipGradNorm_(parameter, 1, { errorIfNonfinite: true }), 'ERR_TORCH_RUNTIME', /non-finite/)
  expectError(
    () => nn.utils.clipGradNorm_(parameter, -1),
    'ERR_TORCH_VALUE',
    /maxNorm must be a non-negative number, got -1/,
  )
  expectError(() => nn.utils.clipGradValue_(parameter, Number.NaN), 'ERR_TORCH_VALUE', /clipValue/)
})
