import { expect, test } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

interface Fixture {
  losses: {
    a: number[][]
    b: number[][]
    classes: number[]
    weight: number[]
    probabilities: number[][]
    cases: {
      kind: 'MSELoss' | 'L1Loss' | 'CrossEntropyLoss'
      options: Record<string, unknown>
      target: string
      value: number | number[]
    }[]
  }
  inits: Record<string, number[]>
  clipping: {
    gradients: number[][]
    cases: { maxNorm: number; normType: number | null; total: number; grads: number[][] }[]
  }
}

const { losses, inits, clipping } = readFixture<Fixture>('nn')

test.each(losses.cases.map((one) => [`${one.kind} ${JSON.stringify(one.options)} of ${one.target}`, one] as const))(
  '%s',
  (_, one) => {
    const options = {
      ...one.options,
      ...('weight' in one.options ? { weight: one.options.weight ? torch.tensor(losses.weight) : null } : {}),
    }
    const target =
      one.target === 'classes'
        ? torch.tensor(losses.classes, { dtype: 'int64' })
        : torch.tensor(one.target === 'b' ? losses.b : losses.probabilities)
    const loss = new nn[one.kind](options as never)
    expectClose(loss.forward(torch.tensor(losses.a), target), one.value)
    const fn = {
      MSELoss: nn.functional.mseLoss,
      L1Loss: nn.functional.l1Loss,
      CrossEntropyLoss: nn.functional.crossEntropy,
    }[one.kind]
    expectClose(fn(torch.tensor(losses.a), target, options), one.value)
  },
)

test('losses refuse unknown words', () => {
  expectError(
    () => new nn.MSELoss({ reduction: 'avg' as never }),
    'ERR_TORCH_VALUE',
    /'avg' is not a valid value for reduction/,
  )
  expectError(() => new nn.MSELoss({ weight: 1 } as never), 'ERR_TORCH_OPTION', /MSELoss: unknown option 'weight'/)
  expectError(() => nn.functional.l1Loss(torch.zeros([2]), torch.zeros([3])), 'ERR_TORCH_SHAPE', /must match/)
  expectError(
    () => nn.functional.crossEntropy(torch.zeros([2, 3]), torch.tensor([0n, 3n])),
    'ERR_TORCH_INDEX',
    /Target 3 is out of bounds/,
  )
})

test.each(Object.entries(inits))("init.%s draws PyTorch's numbers", (name, values) => {
  const { init } = nn
  const calls: Record<string, (w: ReturnType<typeof torch.empty>) => unknown> = {
    uniform_: (w) => init.uniform_(w, -1, 2),
    normal_: (w) => init.normal_(w, 1, 2),
    xavierUniform_: (w) => init.xavierUniform_(w, 2),
    xavierNormal_: (w) => init.xavierNormal_(w),
    kaimingUniform_: (w) => init.kaimingUniform_(w, { nonlinearity: 'relu' }),
    kaimingNormal_: (w) => init.kaimingNormal_(w, { mode: 'fanOut', a: 0.2 }),
    orthogonal_: (w) => init.orthogonal_(w, 2),
  }
  torch.manualSeed(5)
  const weight = torch.empty([3, 4])
  calls[name]?.(weight)
  expectClose(Array.from(weight.toTypedArray() as Float32Array), values, { rtol: 1e-5, atol: 1e-6 })
})

test('init checks its arguments', () => {
  expectClose(nn.init.ones_(torch.empty([2])), [1, 1])
  expectError(() => nn.init.xavierUniform_(torch.empty([2])), 'ERR_TORCH_VALUE', /fewer than 2 dimensions/)
  expectError(() => nn.init.orthogonal_(torch.empty([2])), 'ERR_TORCH_VALUE', /2 or more dimensions/)
  expectError(
    () => nn.init.kaimingUniform_(torch.empty([2, 2]), { mode: 'fan' as never }),
    'ERR_TORCH_VALUE',
    /Mode 'fan' not supported/,
  )
  expectError(() => nn.init.calculateGain('sine' as never), 'ERR_TORCH_VALUE', /Unsupported nonlinearity 'sine'/)
})

test.each(clipping.cases)('clipGradNorm $maxNorm, p = $normType', ({ maxNorm, normType, total, grads }) => {
  const parameters = clipping.gradients.map((gradient) => {
    const parameter = new nn.Parameter(torch.zerosLike(torch.tensor(gradient)))
    parameter.grad = torch.tensor(gradient)
    return parameter
  })
  const norm = nn.utils.clipGradNorm(parameters, maxNorm, { normType: normType ?? Number.POSITIVE_INFINITY })
  expectClose(norm.item() as number, total)
  for (const [i, parameter] of parameters.entries())
    expectClose(parameter.grad?.toArray() as number[], grads[i] as number[])
})

test('clipping looks at gradients only, and at their finiteness when asked', () => {
  const parameter = new nn.Parameter(torch.zeros([2]))
  expect(nn.utils.clipGradNorm([parameter], 1).item()).toBe(0)
  parameter.grad = torch.tensor([3, -5])
  nn.utils.clipGradValue(parameter, 4)
  expect(parameter.grad?.toArray()).toEqual([3, -4])
  parameter.grad = torch.tensor([Number.NaN, 0])
  expectError(() => nn.utils.clipGradNorm(parameter, 1, { errorIfNonfinite: true }), 'ERR_TORCH_RUNTIME', /non-finite/)
  expectError(
    () => nn.utils.clipGradNorm(parameter, -1),
    'ERR_TORCH_VALUE',
    /maxNorm must be a number of at least 0, got -1/,
  )
  expectError(() => nn.utils.clipGradValue(parameter, Number.NaN), 'ERR_TORCH_VALUE', /clipValue/)
})
