import { describe, expect, test } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import * as optim from '../../lib/optim/index.ts'
import { LearningRates } from '../../lib/optim/rates.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

interface Case {
  kind: 'SGD' | 'Adam' | 'AdamW'
  options: Record<string, never>
  dtype: 'float32' | 'float64'
  snapshots: number[][][]
}

function problem(dtype: 'float32' | 'float64') {
  torch.manualSeed(0)
  const draw = (size: number[]): Tensor => torch.randn(size, { dtype, requiresGrad: true })
  const [a, b, late] = [draw([3, 2]), draw([4]), draw([2])]
  const x = torch.randn([4, 3], { dtype })
  const loss = (step: number): Tensor => {
    const base = x.matmul(a).sin().sum(1).mul(b).sum().add(b.mul(b).sum().mul(0.1))
    return step >= 10 ? base.add(late.exp().sum()) : base
  }
  return { a, b, late, loss }
}

describe.each(
  readFixture<Case[]>('optim').map((one) => [`${one.kind} ${JSON.stringify(one.options)} ${one.dtype}`, one] as const),
)('%s', (_, one) => {
  const tolerance = one.dtype === 'float64' ? { rtol: 1e-9, atol: 1e-11 } : { rtol: 1e-5, atol: 1e-6 }

  function follow(runStep: (step: () => void) => Promise<void> | void, { restart = false, tensors = false } = {}) {
    const { a, b, late, loss } = problem(one.dtype)
    const make = () => new optim[one.kind]([{ params: [a, late] }, { params: [b], lr: 0.02 }], one.options)
    let optimizer = make()
    return async () => {
      const rates = new LearningRates(optimizer)
      for (let step = 0; step < 20; step++) {
        await runStep(() => {
          optimizer.zeroGrad()
          loss(step).backward()
          optimizer.step(tensors ? { rates: rates.refresh() } : {})
        })
        if (restart && step === 6) {
          const saved = optimizer.stateDict()
          optimizer = make()
          optimizer.loadStateDict(saved as never)
        }
        if (step % 5 !== 4) continue
        const expected = one.snapshots[Math.floor(step / 5)] as number[][]
        for (const [i, tensor] of [a, b, late].entries()) {
          expectClose(Array.from(tensor.toTypedArray() as Float32Array), expected[i] as number[], tolerance)
        }
      }
    }
  }

  test(
    'takes the steps of PyTorch',
    follow((step) => step()),
  )
  test(
    'off the main thread, too',
    follow((step) => torch.offload(step)),
  )
  test(
    'and goes on from a state dict',
    follow((step) => step(), { restart: true }),
  )
  test(
    'with learning rates that are tensors, too',
    follow((step) => torch.offload(step), { tensors: true }),
  )
})

test('keeps working after the model was converted', () => {
  const model = new nn.Linear(2, 1)
  const optimizer = new optim.SGD(model.parameters(), { lr: 1 })
  model.to('float64')
  const before = model.weight.toArray() as number[][]
  model
    .forward(torch.tensor([[1, 2]], { dtype: 'float64' }))
    .sum()
    .backward()
  optimizer.step()
  expectClose(model.weight, [[(before[0]?.[0] as number) - 1, (before[0]?.[1] as number) - 2]])
})

test('state has the layout of PyTorch', () => {
  const model = new nn.Linear(2, 1)
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 })
  model
    .forward(torch.ones([2]))
    .sum()
    .backward()
  optimizer.step()
  const { state, paramGroups } = optimizer.stateDict()
  expect(paramGroups).toEqual([
    { lr: 0.1, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false, params: [0, 1] },
  ])
  expect(Object.keys(state[0] ?? {}).sort()).toEqual(['expAvg', 'expAvgSq', 'step'])
  expect(state[0]?.step?.item()).toBe(1)
  expectClose(state[0]?.expAvg as Tensor, [[0.1, 0.1]])
})

test.each(['SGD', 'Adam', 'AdamW'] as const)('%s: a learning rate as a tensor follows the number', (kind) => {
  const run = (tensors: boolean): number[] => {
    const w = torch.ones([3], { requiresGrad: true })
    const optimizer = new optim[kind]([w], { lr: 0.1 })
    using rates = new LearningRates(optimizer)
    for (const lr of [0.1, 0.1, 0.01, 0.3]) {
      optimizer.zeroGrad()
      w.mul(w).sum().backward()
      for (const group of optimizer.paramGroups) group.lr = lr
      optimizer.step(tensors ? { rates: rates.refresh() } : {})
    }
    return Array.from(w.toTypedArray() as Float32Array)
  }
  expect(run(true)).toEqual(run(false))
})

test('goes on from a momentum that was saved without a counter, as PyTorch saves it', () => {
  const step = (optimizer: optim.SGD, w: Tensor): void => {
    optimizer.zeroGrad()
    w.mul(w).sum().backward()
    optimizer.step()
  }
  const options = { lr: 0.1, momentum: 0.9, dampening: 0.5 }
  const [w, copy] = [torch.ones([2], { requiresGrad: true }), torch.ones([2], { requiresGrad: true })]
  const [one, other] = [new optim.SGD([w], options), new optim.SGD([copy], options)]
  step(one, w)
  const { state, paramGroups } = one.stateDict()
  torch.noGrad(() => copy.copy_(w))
  other.loadStateDict({ state: { 0: { momentumBuffer: state[0]?.momentumBuffer as Tensor } }, paramGroups })
  step(one, w)
  step(other, copy)
  expectClose(copy, w)
})

test('counters are loaded as float32, whatever they were', () => {
  const w = torch.ones([2], { dtype: 'float64', requiresGrad: true })
  const make = () => new optim.Adam([w])
  const saved = make()
  w.sum().backward()
  saved.step()
  const { state, paramGroups } = saved.stateDict()
  const optimizer = make()
  optimizer.loadStateDict({ state: { 0: { ...state[0], step: torch.tensor(4n) } }, paramGroups } as never)
  optimizer.step()
  const { step, expAvg } = optimizer.stateDict().state[0] ?? {}
  expect([step?.dtype, step?.item(), expAvg?.dtype]).toEqual(['float32', 5, 'float64'])
})

test('state stays in place where the parameters do, and its changes can be told', () => {
  const w = torch.ones([2], { requiresGrad: true })
  const optimizer = new optim.Adam([w])
  w.sum().backward()
  expect(optimizer.revision).toBe(0)
  optimizer.step()
  const made = optimizer.revision
  expect(made).toBeGreaterThan(0)
  const before = optimizer.stateDict().state[0]
  optimizer.step()
  optimizer.follow()
  expect(optimizer.revision).toBe(made)
  expect(optimizer.stateDict().state[0]?.expAvg).toBe(before?.expAvg)
  optimizer.loadStateDict(optimizer.stateDict())
  expect(optimizer.revision).toBeGreaterThan(made)
})

test('steps leave no tensors behind', () => {
  const model = new nn.Linear(4, 4)
  const optimizer = new optim.AdamW(model.parameters())
  const step = (): void =>
    torch.tidy(() => {
      model
        .forward(torch.ones([2, 4]))
        .sum()
        .backward()
      optimizer.step()
      optimizer.zeroGrad()
    })
  step()
  const before = torch.memory().tensors
  for (let i = 0; i < 50; i++) step()
  expect(torch.memory().tensors).toBe(before)
})

describe('refuses', () => {
  const w = torch.zeros([2], { requiresGrad: true })
  test.each([
    [() => new optim.SGD([]), 'ERR_TORCH_VALUE', /^optimizer got an empty parameter list$/],
    [() => new optim.SGD(w as never), 'ERR_TORCH_TYPE', /should be an iterable of Tensors or dicts/],
    [() => new optim.SGD([1] as never), 'ERR_TORCH_TYPE', /can only optimize Tensors, but one of the params is 1/],
    [() => new optim.SGD([w.mul(2)]), 'ERR_TORCH_VALUE', /^can't optimize a non-leaf Tensor$/],
    [() => new optim.SGD([w, w]), 'ERR_TORCH_VALUE', /more than one parameter group/],
    [
      () => new optim.SGD([{ params: [w] }, { params: [w] }]),
      'ERR_TORCH_VALUE',
      /^some parameters appear in more than one parameter group$/,
    ],
    [() => new optim.SGD([w], { lr: -1 }), 'ERR_TORCH_VALUE', /^Invalid learning rate: -1$/],
    [() => new optim.SGD([w], { lr: Number.NaN }), 'ERR_TORCH_VALUE', /^Invalid learning rate: NaN$/],
    [() => new optim.SGD([w], { momentum: -0.5 }), 'ERR_TORCH_VALUE', /^Invalid momentum value: -0.5$/],
    [
      () => new optim.SGD([w], { nesterov: true }),
      'ERR_TORCH_VALUE',
      /^Nesterov momentum requires a momentum and zero dampening$/,
    ],
    [() => new optim.Adam([w], { betas: [0.9, 1] }), 'ERR_TORCH_VALUE', /^Invalid beta parameter at index 1: 1$/],
    [() => new optim.Adam([w], { betas: 0.9 as never }), 'ERR_TORCH_TYPE', /betas must be an array of two numbers/],
    [() => new optim.Adam([w], { eps: -1 }), 'ERR_TORCH_VALUE', /^Invalid epsilon value: -1$/],
    [
      () => new optim.Adam([w], { amsgrad: 'yes' as never }),
      'ERR_TORCH_TYPE',
      /Adam\(\): argument 'amsgrad' must be bool/,
    ],
    [
      () => new optim.SGD([{ params: [w], maximize: 1 as never }]),
      'ERR_TORCH_TYPE',
      /SGD\(\): argument 'maximize' must be bool, not 1/,
    ],
    [() => new optim.Adam([w]).zeroGrad({ setToNone: 0 as never }), 'ERR_TORCH_TYPE', /'setToNone' must be bool/],
    [() => new optim.Adam([w]).step({ lr: 1 } as never), 'ERR_TORCH_OPTION', /step: unknown option 'lr'/],
    [
      () => new optim.Adam([w]).step((() => 1) as never),
      'ERR_TORCH_TYPE',
      /step: options must be an object, got a fun/,
    ],
    [() => new optim.AdamW([w], { weightDecay: -1 }), 'ERR_TORCH_VALUE', /^Invalid weight_decay value: -1$/],
    [
      () => new optim.Adam([w], { learningRate: 1 } as never),
      'ERR_TORCH_OPTION',
      /Adam: unknown option 'learningRate'/,
    ],
    [() => new optim.Adam([{ params: [w], lrate: 1 } as never]), 'ERR_TORCH_OPTION', /unknown option 'lrate'/],
    [
      () => new optim.Adam([w]).loadStateDict({ state: {}, paramGroups: [] }),
      'ERR_TORCH_VALUE',
      /different number of parameter groups/,
    ],
    [
      () => new optim.Adam([w]).loadStateDict(undefined as never),
      'ERR_TORCH_TYPE',
      /expected the state dict of an optim/,
    ],
    [
      () => new optim.Adam([w]).loadStateDict({ state: {}, paramGroups: [{} as never] }),
      'ERR_TORCH_VALUE',
      /doesn't match the size of optimizer's group/,
    ],
    [
      () => new optim.Adam([w]).loadStateDict({ state: { 0: { expAvg: 3 as never } }, paramGroups: [] }),
      'ERR_TORCH_TYPE',
      /made of Tensors, got 3/,
    ],
  ] as const)('%s', (call, code, message) => {
    expectError(call, code, message)
  })
})
