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
