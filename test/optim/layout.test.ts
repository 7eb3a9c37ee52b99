// Parameters, gradients and states whose elements do not lie one after the other, and dtypes that LibTorch's fused
// kernels do not do, or do wrongly.
import { expect, test } from 'vitest'
import { GRUModel } from '../../lib/models/index.ts'
import * as nn from '../../lib/nn/index.ts'
import * as optim from '../../lib/optim/index.ts'
import type { DType } from '../../lib/tensor/dtype.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { TrainingStep } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

const KINDS = [
  'SGD',
  'Adam',
  'AdamW',
  'Adagrad',
  'RMSprop',
  'NAdam',
  'RAdam',
  'Adadelta',
  'Adamax',
  'Rprop',
  'ASGD',
] as const
type Kind = (typeof KINDS)[number]

const make = (kind: Kind, params: optim.Params<{ lr: number }>, options: { lr?: number }): optim.Optimizer =>
  new (optim[kind] as typeof optim.SGD)(params, options)

/** As scripts/fixtures/optim.py lays out a tensor of (5, 7). */
const LAYOUTS = {
  contiguous: (x: Tensor) => x.clone(),
  transposed: (x: Tensor) => x.t().contiguous().t(),
  narrowed: (x: Tensor) => torch.cat([x, torch.zerosLike(x)], 1).narrow(1, 0, 7),
  strided: (x: Tensor) => torch.stack([x, torch.zerosLike(x)], 2).select(2, 0),
}

interface Case {
  kind: Kind
  options: Record<string, never>
  dtype: DType
  parameter: keyof typeof LAYOUTS
  gradient: keyof typeof LAYOUTS
  result: number[]
}

function numbers(step: number, dtype: DType): Tensor {
  const values = torch
    .arange(35)
    .mul(3)
    .add(step * 4)
    .remainder(11)
    .sub(5)
    .view([5, 7])
  if (!dtype.startsWith('complex')) return values.to(dtype)
  return torch.complex(values.float(), values.float())
}

/** Two units in the last place: LibTorch rounds vectors and single elements differently. */
const TOLERANCES: Partial<Record<DType, number>> = { bfloat16: 2 ** -6, float16: 2 ** -9 }

const cases = readFixture<{ layouts: Case[] }>('optim').layouts.map(
  (one) => [`${one.kind} ${JSON.stringify(one.options)} ${one.dtype} ${one.parameter}/${one.gradient}`, one] as const,
)

test.each(cases)('%s: the step of PyTorch', async (_, { kind, options, dtype, parameter, gradient, result }) => {
  const run = async (queued: boolean): Promise<void> => {
    const p = LAYOUTS[parameter](numbers(0, dtype)).requiresGrad_()
    const optimizer = make(kind, [p], options)
    for (let step = 1; step <= 3; step++) {
      const g = LAYOUTS[gradient](numbers(step, dtype))
      const take = (): void => {
        p.grad = g
        optimizer.step()
      }
      if (queued) await torch.offload(take)
      else take()
    }
    const real = dtype === 'complex64' ? torch.viewAsReal(p.detach()) : p.detach()
    expectClose(real.double().ravel(), result, { rtol: TOLERANCES[dtype] ?? 1e-5, atol: 1e-6 })
  }
  await run(false)
  await run(true)
})

const ones = (shape: number[]): Tensor => torch.ones(shape)

test.each(KINDS)('%s: a parameter that is part of a tensor leaves the rest as it was', (kind) => {
  const whole = torch.zeros([4, 6])
  const part = new nn.Parameter(whole.narrow(1, 0, 3))
  const dense = new nn.Parameter(torch.zeros([4, 3]))
  for (const parameter of [part, dense]) {
    parameter.sum().backward()
    make(kind, [parameter], { lr: 1 }).step()
  }
  expectClose(part.detach(), dense.detach(), { atol: 1e-5 })
  expect(dense.detach().lt(0).all().item()).toBe(true)
  expect((whole.toArray() as number[][]).map((row) => row.slice(3))).toEqual([0, 1, 2, 3].map(() => [0, 0, 0]))
})

const WRITTEN_TWICE = /^unsupported operation: more than one element of the written-to tensor refers to a single memory/

test.each(KINDS)('%s: an expanded parameter is refused, and nothing has changed', async (kind) => {
  const setUp = () => {
    const good = new nn.Parameter(torch.zeros([2]))
    const expanded = new nn.Parameter(torch.zeros([1]).expand([200_000]))
    good.grad = ones([2])
    expanded.grad = ones([200_000])
    return { good, optimizer: make(kind, [good, expanded], { lr: 1 }) }
  }
  const { good, optimizer } = setUp()
  expectError(() => optimizer.step(), 'ERR_TORCH_RUNTIME', WRITTEN_TWICE)
  expect(good.toArray()).toEqual([0, 0])
  const other = setUp()
  await expectRejection(
    torch.offload(() => other.optimizer.step()),
    'ERR_TORCH_RUNTIME',
    WRITTEN_TWICE,
  )
})

test.each(KINDS)('%s: gradients that are expanded, negated or zeros without memory', (kind) => {
  const step = (gradient: Tensor): number[] => {
    const p = new nn.Parameter(torch.ones([3]))
    p.grad = gradient
    make(kind, [p], { lr: 0.5 }).step()
    return p.toArray() as number[]
  }
  expectClose(step(torch.ones([1]).expand([3])), step(ones([3])))
  expectClose(step(torch.ops.unsafe.aten._neg_view?.(ones([3])) as Tensor), step(torch.full([3], -1)))
  expectClose(step(torch.ops.unsafe.aten._efficientzerotensor?.([3]) as Tensor), step(torch.zeros([3])))
})

test.each(KINDS)('%s: dimensions of size 1 may have any stride', (kind) => {
  const step = (gradient: Tensor): Tensor => {
    const p = new nn.Parameter(torch.zeros([1, 4]))
    p.grad = gradient
    make(kind, [p], { lr: 1 }).step()
    return p.detach()
  }
  const gradient = torch.arange(4).float().add(1).view([4, 1]).t()
  expect(gradient.stride).not.toEqual(torch.zeros([1, 4]).stride)
  const moved = step(gradient)
  expectClose(moved, step(torch.tensor([[1, 2, 3, 4]])))
  expect(moved.lt(0).all().item()).toBe(true)
})

test('a scaled gradient of other strides is unscaled, and a step that is left out changes nothing', () => {
  const run = (layout: keyof typeof LAYOUTS, foundInf: number): number[][] => {
    const p = LAYOUTS[layout](numbers(0, 'float32')).requiresGrad_()
    const optimizer = new optim.Adam([p], { lr: 0.1 })
    for (const step of [1, 2]) {
      p.grad = numbers(step, 'float32').mul(8)
      optimizer.step({ gradScale: torch.tensor(8), foundInf: torch.tensor(step === 1 ? foundInf : 0) })
    }
    expect(optimizer.stateDict().state[0]?.step?.item()).toBe(2 - foundInf)
    return p.detach().toArray() as number[][]
  }
  for (const foundInf of [0, 1]) expectClose(run('strided', foundInf), run('contiguous', foundInf))
})

test('TrainingStep: transposed weights learn as others do', () => {
  torch.manualSeed(0)
  const [one, other] = [new GRUModel(3, 4, 1), new GRUModel(3, 4, 1)]
  other.loadStateDict(one.stateDict())
  other.gru.weight_ih_l0 = new nn.Parameter(one.gru.weight_ih_l0?.detach().t().contiguous().t() as Tensor)
  const [x, y] = [torch.randn([5, 2, 3]), torch.randn([5, 2, 1])]
  for (const model of [one, other]) {
    const step = new TrainingStep(model, { optimizer: new optim.SGD(model.parameters(), { lr: 0.5 }) })
    for (let i = 0; i < 3; i++) step.run(x, y)
  }
  const [expected, actual] = [one.stateDict(), other.stateDict()]
  for (const [name, tensor] of Object.entries(expected)) expectClose(actual[name] as Tensor, tensor)
})

test.each(['bfloat16', 'float16'] as const)('a network in %s learns with SGD', (dtype) => {
  torch.manualSeed(0)
  const model = new nn.Sequential(new nn.Linear(8, 32), new nn.Tanh(), new nn.Linear(32, 1)).to(dtype)
  const x = torch.randn([64, 8], { dtype })
  const y = x.index('...', torch.slice(0, 3)).sum(1, true)
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 })
  const losses = Array.from({ length: 60 }, () => {
    optimizer.zeroGrad()
    const loss = nn.functional.mseLoss(model.forward(x), y)
    loss.backward()
    optimizer.step()
    return loss.item() as number
  })
  expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 20)
})

test.each(['Adam', 'AdamW'] as const)('%s in bfloat16 and float16 moves every element as in float32', (kind) => {
  const run = (dtype: DType): Tensor => {
    const p = numbers(0, 'float32').to(dtype).requiresGrad_()
    const optimizer = new optim[kind]([p], { lr: 0.125, weightDecay: 0.25 })
    for (let step = 1; step <= 3; step++) {
      p.grad = numbers(step, dtype)
      optimizer.step()
    }
    return p.detach().float()
  }
  for (const dtype of ['bfloat16', 'float16'] as const) {
    expectClose(run(dtype), run('float32'), { rtol: 0.02, atol: 0.02 })
  }
})
