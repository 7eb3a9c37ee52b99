import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import * as optim from '../../../lib/optim/index.ts'
import { torch } from '../../../lib/torch.ts'
import { expectClose } from '../../support/close.ts'
import { expectError } from '../../support/error.ts'

const { lrScheduler } = optim
const {
  ChainedScheduler,
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  LRScheduler,
  MultiplicativeLR,
  MultiStepLR,
  OneCycleLR,
  PolynomialLR,
  ReduceLROnPlateau,
  SequentialLR,
  StepLR,
} = lrScheduler
const { SWALR } = optim.swaUtils

function sgd(lr = 1) {
  const w = torch.zeros([1], { requiresGrad: true })
  w.sum().backward()
  return new optim.SGD([w], { lr })
}

class InverseSquareRoot extends LRScheduler<{ warmup: number }> {
  constructor(optimizer: optim.lrScheduler.ScheduledOptimizer, warmup: number) {
    super(optimizer, { warmup })
  }
  protected override getLr(): number[] {
    const t = (this.lastEpoch + 1) / this.state.warmup
    return this.baseLrs.map((lr) => lr * Math.min(t, 1 / Math.sqrt(t)))
  }
}

describe('a schedule of one’s own', () => {
  test('implements getLr and gets the rest', () => {
    const optimizer = sgd(2)
    const scheduler = new InverseSquareRoot(optimizer, 4)
    const rates = [optimizer.paramGroups[0]?.lr]
    optimizer.step()
    for (let i = 0; i < 15; i++) {
      scheduler.step()
      rates.push(optimizer.paramGroups[0]?.lr)
    }
    const wanted = Array.from({ length: 16 }, (_, i) => (i < 4 ? (2 * (i + 1)) / 4 : 2 / Math.sqrt((i + 1) / 4)))
    expectClose(rates as number[], wanted, { rtol: 1e-12 })
    expect(scheduler.stateDict()).toEqual({
      warmup: 4,
      baseLrs: [2],
      lastEpoch: 15,
      stepCount: 16,
      lastLr: [rates[15]],
    })
    const other = new InverseSquareRoot(sgd(7), 1)
    other.loadStateDict(JSON.parse(JSON.stringify(scheduler.stateDict())))
    other.step()
    expectClose(other.getLastLr(), [2 / Math.sqrt(17 / 4)], { rtol: 1e-12 })
  })

  test('is told that its fields and private methods come too late', () => {
    class WithField extends LRScheduler {
      factor = 0.5
      protected override getLr(): number[] {
        return this.baseLrs.map((lr) => lr * this.factor)
      }
    }
    class WithMethod extends LRScheduler {
      #factor(): number {
        return 0.5
      }
      protected override getLr(): number[] {
        return this.baseLrs.map((lr) => lr * this.#factor())
      }
    }
    expectError(
      () => new WithField(sgd(), {}),
      'ERR_TORCH_VALUE',
      /WithField: getLr\(\) must return finite numbers.*super\(optimizer/,
    )
    const error = expectError(() => new WithMethod(sgd(), {}), 'ERR_TORCH_TYPE', /WithMethod: .*not there yet/)
    expect(error.cause).toBeInstanceOf(TypeError)
  })

  test('lets errors of its own pass', () => {
    const own = new Error('my own')
    const fail = (): never => {
      throw own
    }
    expect(() => new LambdaLR(sgd(), fail)).toThrow(own)
  })

  test('is refused a wrong number of rates, and stays where it was', () => {
    const optimizer = sgd()
    const scheduler = new LambdaLR(optimizer, () => 1)
    optimizer.step()
    optimizer.addParamGroup({ params: torch.zeros([1], { requiresGrad: true }) })
    expectError(() => scheduler.step(), 'ERR_TORCH_VALUE', '1 learning rates for 2 parameter groups')
    expect(scheduler.lastEpoch).toBe(0)
  })
})

test('the groups remember the first learning rate, which a second schedule begins with', () => {
  const optimizer = sgd(0.5)
  new ConstantLR(optimizer, { factor: 0.1 })
  expect(optimizer.paramGroups[0]?.initialLr).toBe(0.5)
  expect(new ExponentialLR(optimizer, 0.9).baseLrs).toEqual([0.5])
  expect(String(optimizer)).toContain('initial_lr: 0.5')
})

test('lastEpoch needs the first learning rate', () => {
  const optimizer = sgd()
  expectError(
    () => new StepLR(optimizer, 2, { lastEpoch: 3 }),
    'ERR_TORCH_VALUE',
    "param 'initialLr' is not specified in paramGroups[0]",
  )
  for (const group of optimizer.paramGroups) group.initialLr = 8
  const scheduler = new StepLR(optimizer, 2, { lastEpoch: 3 })
  expect([scheduler.lastEpoch, scheduler.baseLrs, scheduler.getLastLr()]).toEqual([4, [8], [0.1]])
})

test('prints its state', () => {
  expect(inspect(new StepLR(sgd(), 30))).toMatch(/^StepLR \{\n? *stepSize: 30,\n? *gamma: 0.1,/)
})

test('is no data itself', () => {
  const scheduler = new StepLR(sgd(), 30)
  expectError(() => JSON.stringify(scheduler), 'ERR_TORCH_TYPE', 'use stateDict()')
})

describe('the warning about the order', () => {
  const warningsOf = (fn: () => void): string[] => {
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    try {
      fn()
      return emit.mock.calls.map(([text]) => String(text))
    } finally {
      emit.mockRestore()
    }
  }

  test('appears if nothing was trained before the first step', () => {
    const scheduler = new StepLR(sgd(), 2)
    const warnings = warningsOf(() => {
      scheduler.step()
      scheduler.step()
    })
    expect(warnings).toEqual([expect.stringContaining('Detected call of `StepLR.step()` before `optimizer.step()`')])
  })

  test('does not appear otherwise', async () => {
    const optimizer = sgd()
    const scheduler = new StepLR(optimizer, 2)
    optimizer.step()
    expect(warningsOf(() => scheduler.step())).toEqual([])
    const other = new StepLR(optimizer, 2)
    await torch.offload(() => expect(warningsOf(() => other.step())).toEqual([]))
    const inside = await torch.offload(() => new StepLR(optimizer, 2))
    expect(
      warningsOf(() => {
        const chain = new ChainedScheduler([new StepLR(optimizer, 2), new ExponentialLR(optimizer, 0.9)])
        new SequentialLR(optimizer, [chain, new StepLR(optimizer, 2)], [4])
      }),
    ).toEqual([])
    expect(warningsOf(() => inside.step())).toEqual([])
  })
})

describe('what a schedule does not take', () => {
  const plain = (): optim.lrScheduler.ScheduledOptimizer => sgd(0.1)
  class Bare extends optim.Optimizer<{ lr: number }> {
    protected override readonly stateFields = []
    constructor() {
      super([torch.zeros([1], { requiresGrad: true })], {}, { lr: 0.1 })
    }
    protected override update(): void {}
  }
  const two = (): optim.lrScheduler.ScheduledOptimizer => {
    const optimizer = plain()
    optimizer.addParamGroup({ params: torch.zeros([1], { requiresGrad: true }) })
    return optimizer
  }
  const wrong = <T>(value: unknown): T => value as T

  test.each<[string, () => unknown, Parameters<typeof expectError>[1], RegExp | string]>([
    [
      'no optimizer',
      () => new StepLR(wrong({}), 2),
      'ERR_TORCH_TYPE',
      'StepLR: optimizer must be an Optimizer, got an object',
    ],
    [
      'no step size',
      () => new StepLR(plain(), wrong(undefined)),
      'ERR_TORCH_TYPE',
      'stepSize must be a positive integer',
    ],
    ['a step size of 0', () => new StepLR(plain(), 0), 'ERR_TORCH_VALUE', 'stepSize must be a positive integer'],
    ['an unknown option', () => new StepLR(plain(), 2, wrong({ gama: 1 })), 'ERR_TORCH_OPTION', "did you mean 'gamma'"],
    ['options that are none', () => new StepLR(plain(), 2, wrong(3)), 'ERR_TORCH_TYPE', 'options must be an object'],
    [
      'a lastEpoch',
      () => new StepLR(plain(), 2, { lastEpoch: -2 }),
      'ERR_TORCH_VALUE',
      'lastEpoch must be an integer of at least -1',
    ],
    ['a gamma', () => new ExponentialLR(plain(), wrong('0.9')), 'ERR_TORCH_TYPE', 'gamma must be a number'],
    [
      'milestones',
      () => new MultiStepLR(plain(), wrong(3)),
      'ERR_TORCH_TYPE',
      'milestones must be an array of integers',
    ],
    [
      'a factor',
      () => new ConstantLR(plain(), { factor: 0 }),
      'ERR_TORCH_VALUE',
      'factor must be a number above 0 and at most 1',
    ],
    [
      'a start factor',
      () => new LinearLR(plain(), { startFactor: 1.5 }),
      'ERR_TORCH_VALUE',
      'startFactor must be a number above 0 and at most 1',
    ],
    [
      'an end factor',
      () => new LinearLR(plain(), { endFactor: -1 }),
      'ERR_TORCH_VALUE',
      'endFactor must be a number from 0 to 1',
    ],
    [
      'no steps',
      () => new LinearLR(plain(), { totalIters: 0 }),
      'ERR_TORCH_VALUE',
      'totalIters must be a positive integer',
    ],
    ['a power', () => new PolynomialLR(plain(), { power: wrong(null) }), 'ERR_TORCH_TYPE', 'power must be a number'],
    ['a period', () => new CosineAnnealingLR(plain(), 0), 'ERR_TORCH_VALUE', 'tMax must be a positive integer'],
    [
      'a first restart',
      () => new CosineAnnealingWarmRestarts(plain(), 1.5),
      'ERR_TORCH_VALUE',
      't0 must be a positive integer',
    ],
    [
      'a growth',
      () => new CosineAnnealingWarmRestarts(plain(), 2, { tMult: 0 }),
      'ERR_TORCH_VALUE',
      'tMult must be a positive integer',
    ],
    [
      'an epoch below 0',
      () => new CosineAnnealingWarmRestarts(plain(), 2).step(-1),
      'ERR_TORCH_VALUE',
      'epoch must be a non-negative number',
    ],
    [
      'an epoch',
      () => new StepLR(plain(), 2).step(...wrong<never[]>([3])),
      'ERR_TORCH_TYPE',
      'StepLR.step: got more arguments than it takes',
    ],
    ['no function', () => new LambdaLR(plain(), wrong(0.9)), 'ERR_TORCH_TYPE', 'lrLambda must be a function'],
    [
      'too few functions',
      () => new MultiplicativeLR(two(), [() => 1]),
      'ERR_TORCH_VALUE',
      'Expected 2 lrLambdas, but got 1',
    ],
    ['no result', () => new LambdaLR(plain(), () => wrong(undefined)), 'ERR_TORCH_VALUE', 'must return finite numbers'],
    [
      'a missing length',
      () => new OneCycleLR(plain(), 1),
      'ERR_TORCH_VALUE',
      'You must define either totalSteps OR (epochs AND stepsPerEpoch), got none',
    ],
    [
      'two lengths',
      () => new OneCycleLR(plain(), 1, { totalSteps: 4, epochs: 2 }),
      'ERR_TORCH_VALUE',
      'got totalSteps, epochs',
    ],
    ['half a length', () => new OneCycleLR(plain(), 1, { epochs: 2 }), 'ERR_TORCH_VALUE', 'got epochs'],
    [
      'a rise in 1 step',
      () => new OneCycleLR(plain(), 1, { totalSteps: 10, pctStart: 0.1 }),
      'ERR_TORCH_VALUE',
      'choose a larger pctStart',
    ],
    [
      'a part',
      () => new OneCycleLR(plain(), 1, { totalSteps: 9, pctStart: 2 }),
      'ERR_TORCH_VALUE',
      'pctStart must be a number from 0 to 1',
    ],
    [
      'a strategy',
      () => new OneCycleLR(plain(), 1, { totalSteps: 9, annealStrategy: wrong('sin') }),
      'ERR_TORCH_VALUE',
      "annealStrategy must be 'cos' or 'linear'",
    ],
    [
      'rates of one group',
      () => new OneCycleLR(two(), [1], { totalSteps: 9 }),
      'ERR_TORCH_VALUE',
      'maxLr has 1 values, paramGroups has 2',
    ],
    [
      'rates that are none',
      () => new OneCycleLR(two(), wrong('1'), { totalSteps: 9 }),
      'ERR_TORCH_TYPE',
      'maxLr must be a number, or an array with one for each group',
    ],
    [
      'a momentum',
      () => new OneCycleLR(new Bare(), 1, { totalSteps: 9 }),
      'ERR_TORCH_VALUE',
      'Bare has neither: pass { cycleMomentum: false }',
    ],
    [
      'idle bounds',
      () => new OneCycleLR(plain(), 1, { totalSteps: 9, cycleMomentum: false, maxMomentum: 0.9 }),
      'ERR_TORCH_OPTION',
      'have no effect',
    ],
    [
      'a cycle without momentum',
      () => new CyclicLR(new Bare(), 0.1, 1),
      'ERR_TORCH_VALUE',
      'optimizer must support momentum or beta1',
    ],
    [
      'a mode',
      () => new CyclicLR(plain(), 0.1, 1, { mode: wrong('square') }),
      'ERR_TORCH_VALUE',
      "mode must be 'triangular', 'triangular2' or 'exp_range'",
    ],
    [
      'a mode and a function',
      () => new CyclicLR(plain(), 0.1, 1, { mode: 'triangular', scaleFn: () => 1 }),
      'ERR_TORCH_OPTION',
      'mode has no effect with a scaleFn',
    ],
    [
      'an idle scaleMode',
      () => new CyclicLR(plain(), 0.1, 1, { scaleMode: 'cycle' }),
      'ERR_TORCH_OPTION',
      'scaleMode has no effect without a scaleFn',
    ],
    ['an idle gamma', () => new CyclicLR(plain(), 0.1, 1, { gamma: 0.9 }), 'ERR_TORCH_OPTION', 'gamma has no effect'],
    [
      'idle bounds of a cycle',
      () => new CyclicLR(plain(), 0.1, 1, { cycleMomentum: false, baseMomentum: 0.5 }),
      'ERR_TORCH_OPTION',
      'have no effect',
    ],
    [
      'a cycle of 0 steps',
      () => new CyclicLR(plain(), 0.1, 1, { stepSizeUp: 0 }),
      'ERR_TORCH_VALUE',
      'stepSizeUp must be a positive number',
    ],
    [
      'no schedules',
      () => new ChainedScheduler([]),
      'ERR_TORCH_VALUE',
      'ChainedScheduler expects at least one scheduler, but got no scheduler.',
    ],
    [
      'a schedule that is none',
      () => new ChainedScheduler(wrong([1])),
      'ERR_TORCH_TYPE',
      'schedulers[0] must be an LRScheduler, got 1',
    ],
    [
      'a plateau',
      () => new ChainedScheduler([new ReduceLROnPlateau(plain())]),
      'ERR_TORCH_VALUE',
      'does not support `ReduceLROnPlateau`',
    ],
    [
      'two optimizers',
      () => new ChainedScheduler([new StepLR(plain(), 1), new StepLR(plain(), 1)]),
      'ERR_TORCH_VALUE',
      'expects all schedulers to belong to the same optimizer, but got scheduler StepLR at index 1',
    ],
    ['a factor of 1', () => new ReduceLROnPlateau(plain(), { factor: 1 }), 'ERR_TORCH_VALUE', 'factor must be below 1'],
    [
      'a direction',
      () => new ReduceLROnPlateau(plain(), { mode: wrong('up') }),
      'ERR_TORCH_VALUE',
      "mode must be 'min' or 'max'",
    ],
    [
      'bounds of one group',
      () => new ReduceLROnPlateau(two(), { minLr: [0] }),
      'ERR_TORCH_VALUE',
      'minLr has 1 values',
    ],
    [
      'no metric',
      () => new ReduceLROnPlateau(plain()).step(wrong(undefined)),
      'ERR_TORCH_TYPE',
      'metrics must be a number or a Tensor of one element, got undefined',
    ],
    [
      'an anneal time',
      () => new SWALR(plain(), 0.1, { annealEpochs: -1 }),
      'ERR_TORCH_VALUE',
      'annealEpochs must be a non-negative integer',
    ],
    ['a rate for SWA', () => new SWALR(plain(), wrong(undefined)), 'ERR_TORCH_TYPE', 'swaLr must be a number'],
  ])('%s', (_, fn, code, message) => void expectError(fn, code, message))

  test.each<[string, (optimizer: optim.lrScheduler.ScheduledOptimizer) => [unknown[], number[]], RegExp | string]>([
    [
      'too few milestones',
      (o) => [[new StepLR(o, 1), new StepLR(o, 1)], []],
      'number of schedulers 2 and the number of milestones to be equal to 0',
    ],
    [
      'milestones in disorder',
      (o) => [
        [new StepLR(o, 1), new StepLR(o, 1), new StepLR(o, 1)],
        [5, 3],
      ],
      'milestones must be in increasing order',
    ],
    [
      'a chain in the middle',
      (o) => [[new StepLR(o, 1), new ChainedScheduler([new StepLR(o, 1)])], [3]],
      'a ChainedScheduler can only be the first schedule',
    ],
    ['schedules of another optimizer', () => [[new StepLR(plain(), 1)], []], 'belong to the same optimizer'],
  ])('a sequence with %s', (_, make, message) => {
    const optimizer = plain()
    const [schedulers, milestones] = make(optimizer)
    expectError(() => new SequentialLR(optimizer, schedulers as never, milestones), 'ERR_TORCH_VALUE', message)
  })
})

test('a cycle ends', () => {
  const optimizer = sgd()
  const scheduler = new OneCycleLR(optimizer, 1, { totalSteps: 5 })
  optimizer.step()
  for (let i = 0; i < 4; i++) scheduler.step()
  const { lastEpoch } = scheduler
  expect(lastEpoch).toBe(4)
  expectClose(scheduler.getLastLr(), [1 / 25 / 1e4], { rtol: 1e-12, atol: 0 })
  const two = new OneCycleLR(optimizer, 1, { totalSteps: 2, pctStart: 0 })
  two.step()
  two.step()
  expectError(() => two.step(), 'ERR_TORCH_VALUE', 'Tried to step 3 times. The specified number of total steps is 2')
  expect(two.lastEpoch).toBe(2)
})

describe('ReduceLROnPlateau', () => {
  test('takes the metric as a tensor, too', () => {
    const scheduler = new ReduceLROnPlateau(sgd(), { patience: 0, factor: 0.5 })
    for (const metric of [1, torch.tensor(2), torch.tensor([3n]), 0.5]) scheduler.step(metric as number)
    expect([scheduler.getLastLr(), scheduler.lastEpoch]).toEqual([[0.25], 4])
    expect(scheduler.stateDict().best).toBe(0.5)
  })

  test('counts NaN as no improvement', () => {
    const scheduler = new ReduceLROnPlateau(sgd(), { patience: 1, factor: 0.5 })
    for (const metric of [NaN, NaN]) scheduler.step(metric)
    expect([scheduler.getLastLr(), scheduler.stateDict().best]).toEqual([[0.5], null])
  })

  test('treats groups to come, unless minLr is for each', () => {
    for (const minLr of [0.4, [0.4]]) {
      const optimizer = sgd()
      const scheduler = new ReduceLROnPlateau(optimizer, { patience: 0, factor: 0.1, minLr })
      scheduler.step(1)
      optimizer.addParamGroup({ params: torch.zeros([1], { requiresGrad: true }), lr: 2 })
      if (typeof minLr === 'number') {
        scheduler.step(1)
        expect(scheduler.getLastLr()).toEqual([0.4, 0.4])
      } else {
        expectError(() => scheduler.step(1), 'ERR_TORCH_RUNTIME', 'make a new schedule after adding a group')
      }
    }
  })

  test('has a cooldown', () => {
    const scheduler = new ReduceLROnPlateau(sgd(), { patience: 0, cooldown: 2 })
    const seen = [1, 1, 1, 1, 1].map((metric) => {
      scheduler.step(metric)
      return scheduler.inCooldown
    })
    expect(seen).toEqual([false, true, true, false, true])
  })
})

describe('loading', () => {
  const state = () => new StepLR(sgd(), 30, { gamma: 0.5 }).stateDict()
  const nested = () => {
    const optimizer = sgd()
    return new SequentialLR(optimizer, [new StepLR(optimizer, 3), new ExponentialLR(optimizer, 0.9)], [4])
  }

  test('brings the settings along', () => {
    const scheduler = new StepLR(sgd(), 2)
    scheduler.loadStateDict(state())
    expect(scheduler.stateDict()).toEqual({
      stepSize: 30,
      gamma: 0.5,
      baseLrs: [1],
      lastEpoch: 0,
      stepCount: 1,
      lastLr: [1],
    })
  })

  test.each<[string, unknown, Parameters<typeof expectError>[1], RegExp | string]>([
    ['nothing', null, 'ERR_TORCH_TYPE', 'StepLR.loadStateDict: the state dict must be an object'],
    ['the schedule itself', new StepLR(sgd(), 2), 'ERR_TORCH_TYPE', 'pass its stateDict()'],
    ['the state of another kind', new ExponentialLR(sgd(), 0.9).stateDict(), 'ERR_TORCH_VALUE', "lacks 'stepSize'"],
    ['an unknown entry', { ...state(), tMax: 3 }, 'ERR_TORCH_OPTION', "unknown option 'tMax'"],
    ['one entry twice', { ...state(), step_size: 3 }, 'ERR_TORCH_VALUE', "'stepSize' is given twice"],
    [
      'a setting that is invalid',
      { ...state(), stepSize: 0 },
      'ERR_TORCH_VALUE',
      'stepSize must be a positive integer',
    ],
    [
      'a setting that is no data',
      { ...state(), gamma: new Date() },
      'ERR_TORCH_TYPE',
      'gamma: the state of a schedule consists of',
    ],
    ['no counter', { ...state(), lastEpoch: '3' }, 'ERR_TORCH_TYPE', 'lastEpoch must be an integer'],
    [
      'rates of other groups',
      { ...state(), baseLrs: [1, 2] },
      'ERR_TORCH_TYPE',
      'baseLrs must be an array of 1 numbers',
    ],
  ])('%s is refused, and changes nothing', (_, given, code, message) => {
    const scheduler = new StepLR(sgd(), 2)
    const before = scheduler.stateDict()
    expectError(() => scheduler.loadStateDict(given as never), code, message)
    expect(scheduler.stateDict()).toEqual(before)
  })

  test('a sequence is loaded as a whole or not at all', () => {
    const [scheduler, other] = [nested(), nested()]
    for (let i = 0; i < 3; i++) other.step()
    const dict = other.stateDict()
    const [first, second] = dict.schedulers as [object, object]
    const before = scheduler.stateDict()
    for (const [schedulers, message] of [
      [[first], 'schedulers: it must be an array of 2'],
      [[first, { ...second, gamma: 'x' }], 'gamma must be a number'],
    ] as const) {
      const code = schedulers.length === 1 ? 'ERR_TORCH_VALUE' : 'ERR_TORCH_TYPE'
      expectError(() => scheduler.loadStateDict({ ...dict, schedulers } as never), code, message)
      expect(scheduler.stateDict()).toEqual(before)
    }
    scheduler.loadStateDict(dict)
    expect(scheduler.stateDict()).toEqual(dict)
    expect(scheduler.schedulers.map(({ lastEpoch }) => lastEpoch)).toEqual([3, -1])
  })

  test('functions are not part of a state, and stay', () => {
    const scheduler = new LambdaLR(sgd(), (epoch) => 1 / (epoch + 1))
    const dict = scheduler.stateDict()
    expect(dict.lrLambdas).toEqual([null])
    scheduler.loadStateDict({ ...dict, lastEpoch: 6 })
    scheduler.step()
    expectClose(scheduler.getLastLr(), [1 / 8])
    expectError(
      () => scheduler.loadStateDict({ ...dict, lrLambdas: [{ a: 1 }] }),
      'ERR_TORCH_TYPE',
      'a function cannot be loaded',
    )
  })

  test('a chain counts as its first schedule does', () => {
    const make = () => new ChainedScheduler([new StepLR(sgd(), 3)])
    const [scheduler, other] = [make(), make()]
    for (let i = 0; i < 4; i++) other.step()
    scheduler.loadStateDict(other.stateDict())
    expect([scheduler.lastEpoch, other.lastEpoch]).toEqual([4, 4])
  })
})

test('the keys that schedules add to groups pass through the optimizer’s state', () => {
  const make = () => {
    const optimizer = sgd()
    return { optimizer, scheduler: new OneCycleLR(optimizer, 1, { totalSteps: 9 }) }
  }
  const [a, b] = [make(), make()]
  a.optimizer.step()
  a.scheduler.step()
  b.optimizer.loadStateDict(a.optimizer.stateDict())
  expect(b.optimizer.paramGroups[0]).toMatchObject({
    initialLr: 0.04,
    maxLr: 1,
    minLr: 0.04 / 1e4,
    maxMomentum: 0.95,
    baseMomentum: 0.85,
    lr: a.scheduler.getLastLr()[0],
  })
})
