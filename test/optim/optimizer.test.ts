import { describe, expect, test } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import { isFused } from '../../lib/optim/fused.ts'
import * as optim from '../../lib/optim/index.ts'
import { moveState, revisionOf } from '../../lib/optim/optimizer.ts'
import { LearningRates } from '../../lib/optim/rates.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

type Kind = Exclude<keyof typeof optim, 'Optimizer' | 'LBFGS' | 'lrScheduler' | 'swaUtils'>

interface Case {
  kind: Kind
  options: Record<string, never>
  dtype: 'float32' | 'float64'
  snapshots: number[][][]
}

/** As in scripts/fixtures/optim.py. */
const SNAPSHOTS = [5, 10, 20, 50, 100]

function problem(dtype: 'float32' | 'float64') {
  torch.manualSeed(0)
  const draw = (size: number[]): Tensor => torch.randn(size, { dtype, requiresGrad: true })
  const [a, b, late] = [draw([3, 2]), draw([4]), draw([2])]
  const x = torch.randn([4, 3], { dtype })
  const loss = (step: number): Tensor => {
    const base = x.matmul(a).sin().sum(1).mul(b).sum().add(b.mul(b).sum().mul(0.1))
    return step >= 10 ? base.add(late.sin().sum()) : base
  }
  return { a, b, late, loss }
}

describe.each(
  readFixture<{ trajectories: Case[] }>('optim').trajectories.map(
    (one) => [`${one.kind} ${JSON.stringify(one.options)} ${one.dtype}`, one] as const,
  ),
)('%s', (_, one) => {
  const tolerance = one.dtype === 'float64' ? { rtol: 1e-10, atol: 1e-12 } : { rtol: 1e-6, atol: 1e-6 }

  function follow(runStep: (step: () => void) => Promise<void> | void, { restart = false, tensors = false } = {}) {
    const { a, b, late, loss } = problem(one.dtype)
    const groups = [{ params: [a, late] }, { params: [b], lr: 0.02 }]
    const make = () => new (optim[one.kind] as typeof optim.SGD)(groups, one.options)
    let optimizer = make()
    return async () => {
      const rates = new LearningRates(optimizer)
      for (let step = 0; step < 100; step++) {
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
        const expected = one.snapshots[SNAPSHOTS.indexOf(step + 1)]
        if (expected === undefined) continue
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

test('state stays in place where the parameters do, and its changes can be told', () => {
  const w = torch.ones([2], { requiresGrad: true })
  const optimizer = new optim.Adam([w])
  w.sum().backward()
  expect(revisionOf(optimizer)).toBe(0)
  optimizer.step()
  const made = revisionOf(optimizer)
  expect(made).toBeGreaterThan(0)
  const before = optimizer.stateDict().state[0]
  optimizer.step()
  moveState(optimizer)
  expect(revisionOf(optimizer)).toBe(made)
  expect(optimizer.stateDict().state[0]?.expAvg).toBe(before?.expAvg)
  optimizer.loadStateDict(optimizer.stateDict())
  expect(revisionOf(optimizer)).toBeGreaterThan(made)
})

test('a group can be added, with settings of its own', () => {
  const [a, b] = [torch.zeros([2], { requiresGrad: true }), torch.zeros([2], { requiresGrad: true })]
  const optimizer = new optim.SGD([a], { lr: 1, momentum: 0.5 })
  const step = (): void => {
    optimizer.zeroGrad()
    a.add(b).sum().backward()
    optimizer.step()
  }
  step()
  optimizer.addParamGroup({ params: [b], lr: 0.25 })
  step()
  expect(a.toArray()).toEqual([-2.5, -2.5])
  expect(b.toArray()).toEqual([-0.25, -0.25])
  const { paramGroups } = optimizer.stateDict()
  expect(paramGroups.map(({ params, lr, momentum }) => ({ params, lr, momentum }))).toEqual([
    { params: [0], lr: 1, momentum: 0.5 },
    { params: [1], lr: 0.25, momentum: 0.5 },
  ])
  const refused = [
    [{ params: [a] }, 'ERR_TORCH_VALUE', /^\w+: some parameters appear in more than one parameter group$/],
    [{ params: [torch.zeros([1])], lr: -1 }, 'ERR_TORCH_VALUE', /^\w+: lr must be a non-negative number, got -1$/],
    [{ params: [torch.zeros([1])], rate: 1 }, 'ERR_TORCH_OPTION', /^SGD: unknown option 'rate'/],
    [5, 'ERR_TORCH_TYPE', /^SGD: options must be an object, got 5: pass it by its name, as in { lr: 5 }$/],
    [{}, 'ERR_TORCH_TYPE', /but got undefined$/],
  ] as const
  for (const [group, code, message] of refused)
    expectError(() => optimizer.addParamGroup(group as never), code, message)
  expect(optimizer.paramGroups).toHaveLength(2)
})

test('parameters may come with their names', () => {
  const model = new nn.Linear(2, 1)
  const optimizer = new optim.AdamW(model.namedParameters())
  expect(optimizer.paramGroups[0]?.params).toEqual([model.weight, model.bias])
  expect(optimizer.stateDict().paramGroups[0]?.paramNames).toEqual(['weight', 'bias'])
  optimizer.loadStateDict(optimizer.stateDict())
})

test('prints as in Python', () => {
  const model = new nn.Linear(2, 1)
  const optimizer = new optim.Adam([
    { params: [model.weight] },
    { params: [model.bias as Tensor], lr: 1, amsgrad: true },
  ])
  expect(String(optimizer)).toBe(`Adam (
Parameter Group 0
    amsgrad: False
    betas: (0.9, 0.999)
    eps: 1e-08
    lr: 0.001
    maximize: False
    weight_decay: 0.0

Parameter Group 1
    amsgrad: True
    betas: (0.9, 0.999)
    eps: 1e-08
    lr: 1.0
    maximize: False
    weight_decay: 0.0
)`)
})

const KINDS = Object.entries(optim).flatMap(([name, Class]) =>
  'prototype' in Class && Class.prototype instanceof optim.Optimizer && name !== 'LBFGS' ? [name as Kind] : [],
)

const make = (kind: string, params: optim.Params<{ lr: number }>, options = {}): optim.Optimizer<{ lr: number }> =>
  new (optim[kind as Kind] as typeof optim.SGD)(params, options)

test.each(Object.entries(readFixture<{ printed: Record<string, string> }>('optim').printed))(
  'the defaults of %s are those of PyTorch, and print as there',
  (kind, printed) => {
    // JavaScript does not distinguish 0 and 0.0; the options of LBFGS that count are integers.
    const floats = printed.replace(/(?<!(size|eval|iter): )(?<=: )(\d+)$/gm, '$2.0')
    expect(String(make(kind, [torch.zeros([1], { requiresGrad: true })]))).toBe(floats)
  },
)

test.each(KINDS)(
  '%s: parameters of different ages, groups with their own rates, and one native call per group',
  (kind) => {
    const run = (together: boolean): number[][] => {
      const [a, b] = [torch.ones([3], { requiresGrad: true }), torch.full([2], -1, { requiresGrad: true })]
      const optimizers = together
        ? [make(kind, [a, b], { lr: 0.1 })]
        : [make(kind, [a], { lr: 0.1 }), make(kind, [b], { lr: 0.1 })]
      for (let step = 1; step <= 6; step++) {
        a.grad = torch.tensor([1, -step, 0.5])
        b.grad = step > 2 ? torch.tensor([-2, step]) : null
        for (const optimizer of optimizers) {
          for (const group of optimizer.paramGroups) group.lr = 0.1 / step
          optimizer.step()
        }
      }
      return [a, b].map((tensor) => tensor.detach().toArray() as number[])
    }
    expect(run(true)).toEqual(run(false))
    expect(run(true)[0]).not.toEqual([1, 1, 1])
  },
)

test.each(KINDS)('%s moves its state with the parameters, and leaves no tensors behind', (kind) => {
  const w = torch.ones([2, 2], { requiresGrad: true })
  const optimizer = make(kind, [w], { lr: 0.1 })
  const step = (): void => {
    w.grad = torch.ones([2, 2])
    torch.tidy(() => optimizer.step())
  }
  step()
  const before = torch.memory().tensors
  for (let i = 0; i < 20; i++) step()
  expect(torch.memory().tensors).toBeLessThanOrEqual(before + 20)
  expect(Object.values(optimizer.stateDict().state[0] ?? {}).every(({ device }) => device === 'cpu')).toBe(true)
})

test('a sparse gradient is refused by those that cannot use it, before anything has changed', () => {
  const indices = torch.tensor([[0, 2]], { dtype: 'int64' })
  const sparse = torch.ops.unsafe.aten.sparse_coo_tensor?.(indices, torch.ones([2]), [3]) as Tensor
  for (const kind of KINDS) {
    const [dense, w] = [torch.ones([3], { requiresGrad: true }), torch.ones([3], { requiresGrad: true })]
    dense.grad = torch.ones([3])
    w.grad = sparse
    const optimizer = make(kind, [dense, w], { lr: 0.5 })
    if (kind === 'SGD') {
      optimizer.step()
      expect(w.toArray()).toEqual([0.5, 1, 0.5])
    } else {
      expectError(() => optimizer.step(), 'ERR_TORCH_RUNTIME', new RegExp(`${kind} does not support sparse`, 'i'))
      expect(dense.toArray()).toEqual([1, 1, 1])
    }
  }
})

describe("an optimizer of one's own, in tensor operations", () => {
  interface Settings {
    lr: number
    alpha: number
    momentum: number
  }
  class RootMeanSquare extends optim.Optimizer<Settings> {
    protected override readonly stateFields = ['squareAvg', 'momentumBuffer']
    constructor(params: optim.Params<Settings>, options: Partial<Settings> = {}) {
      super(params, options, { lr: 0.1, alpha: 0.5, momentum: 0 })
    }
    protected override check(): void {}
    protected override keeps(field: string, { momentum }: Settings): boolean {
      return field === 'squareAvg' || momentum > 0
    }
    protected override update(p: Tensor, g: Tensor, { squareAvg, momentumBuffer }: optim.ParameterState, s: Settings) {
      squareAvg?.mul_(s.alpha).addcmul_(g, g, { value: 1 - s.alpha })
      const step = g.div(squareAvg?.sqrt() as Tensor)
      p.sub_(momentumBuffer?.mul_(s.momentum).add_(step) ?? step, { alpha: s.lr })
    }
  }
  const gradients = [2, -1, 4]
  /** The same in numbers. */
  const expected = (momentum: number): number => {
    let [p, average, velocity] = [0, 0, 0]
    for (const g of gradients) {
      average = average * 0.5 + 0.5 * g * g
      velocity = momentum * velocity + g / Math.sqrt(average)
      p -= 0.1 * velocity
    }
    return p
  }

  test.each([0, 0.5])('steps, with its state in the state dict (momentum %d)', (momentum) => {
    const p = torch.zeros([2], { requiresGrad: true })
    let optimizer = new RootMeanSquare([p], { momentum })
    const before = torch.memory().tensors
    for (const g of gradients) {
      p.grad = torch.full([2], g)
      optimizer.step()
      const saved = optimizer.stateDict()
      expect(Object.keys(saved.state[0] ?? {})).toEqual(momentum > 0 ? ['squareAvg', 'momentumBuffer'] : ['squareAvg'])
      optimizer = new RootMeanSquare([p])
      optimizer.loadStateDict(saved)
    }
    expectClose(p.detach(), [expected(momentum), expected(momentum)])
    expect(before).toBeGreaterThan(0)
  })

  test('works with a gradient scaler and in a queued step', async () => {
    const p = torch.zeros([2], { requiresGrad: true })
    const optimizer = new RootMeanSquare([p])
    expect(isFused(optimizer)).toBe(false)
    const scaler = new torch.amp.GradScaler('cpu', { initScale: 8 })
    for (const g of gradients) {
      optimizer.zeroGrad()
      scaler.scale(p.sum().mul(g)).backward()
      scaler.step(optimizer)
      scaler.update()
    }
    expectClose(p.detach(), [expected(0), expected(0)])
    await torch.offload(() => {
      p.grad = torch.full([2], 1)
      optimizer.step()
    })
    expect(p.toArray()).not.toEqual([expected(0), expected(0)])
    expectError(() => optimizer.step({ foundInf: torch.tensor(1) }), 'ERR_TORCH_OPTION', /unknown option 'foundInf'/)
  })
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
  expect(torch.memory().tensors).toBeLessThanOrEqual(before)
})

describe('refuses', () => {
  const w = torch.zeros([2], { requiresGrad: true })
  test.each([
    [() => new optim.SGD([]), 'ERR_TORCH_VALUE', /^\w+: got no parameters\. parameters\(\) can be iterated only once/],
    [
      () => new optim.SGD(w as never),
      'ERR_TORCH_TYPE',
      /^SGD: params argument given to the optimizer should be an iterable of Tensors or groups of them, but got Tensor$/,
    ],
    [() => new optim.SGD([1] as never), 'ERR_TORCH_TYPE', /^SGD: params must be Tensors, but one of them is 1$/],
    [() => new optim.SGD([w.mul(2)]), 'ERR_TORCH_VALUE', /^SGD: can't optimize a non-leaf Tensor$/],
    [() => new optim.SGD([w, w]), 'ERR_TORCH_VALUE', /^SGD: a parameter appears more than once in a parameter group$/],
    [() => new optim.SGD(new nn.Linear(1, 1) as never), 'ERR_TORCH_TYPE', /but got Linear: pass its parameters\(\)$/],
    [
      () => new optim.SGD([['a', w], torch.zeros([1])] as never),
      'ERR_TORCH_VALUE',
      /^SGD: either all parameters of a group have names, or none$/,
    ],
    [
      () => new optim.SGD([{ params: [w] }, { params: [w] }]),
      'ERR_TORCH_VALUE',
      /^\w+: some parameters appear in more than one parameter group$/,
    ],
    [() => new optim.SGD([w], { lr: -1 }), 'ERR_TORCH_VALUE', /^SGD: lr must be a non-negative number, got -1$/],
    [
      () => new optim.SGD([w], { lr: Number.NaN }),
      'ERR_TORCH_VALUE',
      /^SGD: lr must be a non-negative number, got NaN$/,
    ],
    [
      () => new optim.SGD([w], { momentum: -0.5 }),
      'ERR_TORCH_VALUE',
      /^SGD: momentum must be a non-negative number, got -0.5$/,
    ],
    [
      () => new optim.SGD([w], { nesterov: true }),
      'ERR_TORCH_VALUE',
      /^SGD: nesterov needs a momentum above 0 and a dampening of 0$/,
    ],
    [
      () => new optim.Adam([w], { betas: [0.9, 1] }),
      'ERR_TORCH_VALUE',
      /^Adam: betas must be from 0 to below 1, got \[0.9, 1\]$/,
    ],
    [() => new optim.Adam([w], { betas: 0.9 as never }), 'ERR_TORCH_TYPE', /betas must be an array of two numbers/],
    [() => new optim.Adam([w], { eps: -1 }), 'ERR_TORCH_VALUE', /^Adam: eps must be a non-negative number, got -1$/],
    [() => new optim.Adam([w], { amsgrad: 'yes' as never }), 'ERR_TORCH_TYPE', /Adam: amsgrad must be a boolean/],
    [
      () => new optim.SGD([{ params: [w], maximize: 1 as never }]),
      'ERR_TORCH_TYPE',
      /SGD: maximize must be a boolean, got 1/,
    ],
    [() => new optim.Adam([w]).zeroGrad({ setToNone: 0 as never }), 'ERR_TORCH_TYPE', /setToNone must be a boolean/],
    [() => new optim.Adam([w]).step({ lr: 1 } as never), 'ERR_TORCH_OPTION', /step: unknown option 'lr'/],
    [
      () => new optim.Adam([w]).step((() => 1) as never),
      'ERR_TORCH_TYPE',
      /step: options must be an object, got a fun/,
    ],
    [
      () => new optim.AdamW([w], { weightDecay: -1 }),
      'ERR_TORCH_VALUE',
      /^AdamW: weightDecay must be a non-negative number, got -1$/,
    ],
    [
      () => new optim.Adam([w], { learningRate: 1 } as never),
      'ERR_TORCH_OPTION',
      /Adam: unknown option 'learningRate'/,
    ],
    [() => new optim.Adam([{ params: [w], lrate: 1 } as never]), 'ERR_TORCH_OPTION', /unknown option 'lrate'/],
    [
      () => new optim.NAdam([w], { betas: [1, 0.9] }),
      'ERR_TORCH_VALUE',
      /^NAdam: betas must be from 0 to below 1, got/,
    ],
    [() => new optim.NAdam([w], { momentumDecay: -1 }), 'ERR_TORCH_VALUE', /^NAdam: momentumDecay must be a non-neg/],
    [() => new optim.NAdam([w], { decoupledWeightDecay: 1 as never }), 'ERR_TORCH_TYPE', /WeightDecay must be a bool/],
    [() => new optim.RAdam([w], { betas: [0.9] as never }), 'ERR_TORCH_TYPE', /^RAdam: betas must be an array of two/],
    [() => new optim.RAdam([w], { eps: -1 }), 'ERR_TORCH_VALUE', /^RAdam: eps must be a non-negative number, got -1$/],
    [() => new optim.Adamax([w], { betas: [0.9, Number.NaN] }), 'ERR_TORCH_VALUE', /^Adamax: betas must be from 0 to/],
    [() => new optim.Adamax([w], { weightDecay: -1 }), 'ERR_TORCH_VALUE', /^Adamax: weightDecay must be a non-neg/],
    [() => new optim.Adagrad([w], { lrDecay: -1 }), 'ERR_TORCH_VALUE', /^Adagrad: lrDecay must be a non-negative/],
    [() => new optim.Adagrad([w], { initialAccumulatorValue: -1 }), 'ERR_TORCH_VALUE', /^Adagrad: initialAccum/],
    [
      () => new optim.Adadelta([w], { rho: 1.5 }),
      'ERR_TORCH_VALUE',
      /^Adadelta: rho must be a number from 0 to 1, got/,
    ],
    [() => new optim.Adadelta([w], { lr: -1 }), 'ERR_TORCH_VALUE', /^Adadelta: lr must be a non-negative number, got/],
    [
      () => new optim.Rprop([w], { etas: [1.1, 1.2] }),
      'ERR_TORCH_VALUE',
      /^Rprop: etas must be a number between 0 and 1 and one above 1, got \[1.1, 1.2\]$/,
    ],
    [() => new optim.Rprop([w], { stepSizes: 3 as never }), 'ERR_TORCH_TYPE', /^Rprop: stepSizes must be an array of/],
    [() => new optim.ASGD([w], { t0: '1' as never }), 'ERR_TORCH_TYPE', /^ASGD: t0 must be a number, got '1'$/],
    [() => new optim.ASGD([w], { lr: -1 }), 'ERR_TORCH_VALUE', /^ASGD: lr must be a non-negative number, got -1$/],
    [
      () => new optim.NAdam([w]).step({ foundInf: torch.tensor(1) }),
      'ERR_TORCH_OPTION',
      /step: unknown option 'foundInf'/,
    ],
  ] as const)('%s', (call, code, message) => {
    expectError(call, code, message)
  })
})

describe('settings that are changed', () => {
  const kinds = ['SGD', 'Adam', 'AdamW', 'RMSprop'] as const
  const make = (kind: (typeof kinds)[number]) => {
    const w = new nn.Parameter(torch.ones([2]))
    w.grad = torch.ones([2])
    return { w, optimizer: new optim[kind]([w], { lr: 0.5 }) as optim.Optimizer<{ lr: number }> }
  }
  const setting = (optimizer: optim.Optimizer<{ lr: number }>, name: string, value: unknown): void => {
    Object.assign(optimizer.paramGroups[0] as object, { [name]: value })
  }

  test.each(kinds)('are checked when a step of %s uses them', (kind) => {
    const cases: [string, unknown, 'ERR_TORCH_TYPE' | 'ERR_TORCH_VALUE', RegExp][] = [
      ['lr', '3', 'ERR_TORCH_TYPE', /lr must be a non-negative number, got '3'/],
      ['lr', undefined, 'ERR_TORCH_TYPE', /lr must be a non-negative number, got undefined/],
      ['lr', Number.NaN, 'ERR_TORCH_VALUE', /lr must be a non-negative number, got NaN/],
      ['lr', -1, 'ERR_TORCH_VALUE', /lr must be a non-negative number, got -1/],
      ['weightDecay', -1, 'ERR_TORCH_VALUE', /weightDecay/],
      ['maximize', 'no', 'ERR_TORCH_TYPE', /maximize must be a boolean, got 'no'/],
    ]
    for (const [name, value, code, message] of cases) {
      const { w, optimizer } = make(kind)
      optimizer.step()
      const before = w.toArray()
      setting(optimizer, name, value)
      for (let i = 0; i < 2; i++) expectError(() => optimizer.step(), code, message)
      expect(w.toArray()).toEqual(before)
      setting(optimizer, name, name === 'maximize' ? false : 0.5)
      optimizer.step()
      expect(w.toArray()).not.toEqual(before)
    }
  })

  test('are checked within an array', () => {
    const { optimizer } = make('Adam')
    optimizer.step()
    const { betas } = optimizer.paramGroups[0] as unknown as { betas: number[] }
    const own = [...betas]
    setting(optimizer, 'betas', own)
    optimizer.step()
    own[1] = 2
    expectError(() => optimizer.step(), 'ERR_TORCH_VALUE', /betas must be from 0 to below 1/)
  })

  test('are checked where a captured step reads the learning rates', () => {
    const { optimizer } = make('SGD')
    const rates = new LearningRates(optimizer)
    expect(rates.refresh()[0]?.item()).toBe(0.5)
    setting(optimizer, 'lr', Number.NaN)
    expectError(() => rates.refresh(), 'ERR_TORCH_VALUE', /lr must be a non-negative number/)
  })

  test('of a group that was exchanged are checked, too', () => {
    const { optimizer } = make('Adam')
    optimizer.step()
    optimizer.paramGroups[0] = { ...(optimizer.paramGroups[0] as optim.ParamGroup<{ lr: number }>), lr: -1 }
    expectError(() => optimizer.step(), 'ERR_TORCH_VALUE', /lr must be/)
  })
})
