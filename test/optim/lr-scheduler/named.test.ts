import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as optim from '../../../lib/optim/index.ts'
import { torch } from '../../../lib/torch.ts'
import { expectClose } from '../../support/close.ts'
import { expectError } from '../../support/error.ts'

const { scheduleOf } = optim.lrScheduler
const EXACT = { rtol: 1e-9, atol: 1e-12 }

function ratesOf(spec: optim.lrScheduler.ScheduleSpec, total: number, lr = 2): number[] {
  const w = torch.zeros([1], { requiresGrad: true })
  w.sum().backward()
  const optimizer = new optim.SGD([w], { lr })
  const scheduler = scheduleOf(spec).make(optimizer, total)
  const rates: number[] = []
  for (let i = 0; i < total; i++) {
    rates.push(optimizer.paramGroups[0]?.lr as number)
    optimizer.step()
    scheduler.step()
  }
  return rates
}

const steps = (count: number, fn: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => fn(i))

describe('by name', () => {
  test.each<[string, optim.lrScheduler.ScheduleSpec, number[]]>([
    ['constant', 'constant', steps(10, () => 2)],
    ['linear', 'linear', steps(10, (i) => 2 * (1 - i / 10))],
    ['linear to a half', { name: 'linear', endFactor: 0.5 }, steps(10, (i) => 2 * (1 - i / 20))],
    ['cosine', 'cosine', steps(10, (i) => 1 + Math.cos((Math.PI * i) / 10))],
    ['cosine to 1', { name: 'cosine', etaMin: 1 }, steps(10, (i) => 1 + (1 + Math.cos((Math.PI * i) / 10)) / 2)],
    ['warm-up of 4 steps', { name: 'constant', warmup: 4 }, steps(10, (i) => (i < 4 ? (2 * (i + 1)) / 5 : 2))],
    [
      'warm-up of a part',
      { name: 'linear', warmup: 0.2 },
      steps(10, (i) => (i < 2 ? (2 * (i + 1)) / 3 : 2 * (1 - (i - 2) / 8))),
    ],
    [
      'warm-up of one step',
      { name: 'cosine', warmup: 1 },
      steps(10, (i) => (i === 0 ? 1 : 1 + Math.cos((Math.PI * (i - 1)) / 9))),
    ],
  ])('%s', (_, spec, wanted) => {
    expectClose(ratesOf(spec, 10), wanted, EXACT)
    expect(scheduleOf(spec)).toMatchObject({ unit: 'step', needsMetric: false })
  })

  test('oneCycle goes up to the rate of the optimizer, or to maxLr', () => {
    for (const [spec, top] of [
      ['oneCycle', 2],
      [{ name: 'oneCycle', maxLr: 0.5, divFactor: 25 }, 0.5],
    ] as const) {
      const rates = ratesOf(spec, 20)
      expectClose([rates[0], rates[5], rates[19]] as number[], [top / 25, top, top / 25 / 1e4], EXACT)
    }
    expect(scheduleOf('oneCycle')).toMatchObject({ unit: 'step', needsMetric: false })
  })

  test('plateau is stepped by epochs with a metric', () => {
    const optimizer = new optim.SGD([torch.zeros([1], { requiresGrad: true })], { lr: 1 })
    const { unit, needsMetric, make } = scheduleOf({ name: 'plateau', patience: 0, factor: 0.5 })
    expect([unit, needsMetric]).toEqual(['epoch', true])
    const step = make(optimizer, 5)
    expect(step).toBeInstanceOf(optim.lrScheduler.ReduceLROnPlateau)
    for (const metric of [1, 2, 3]) (step as optim.lrScheduler.ReduceLROnPlateau).step(metric)
    expect(optimizer.paramGroups[0]?.lr).toBe(0.25)
  })

  test('one of your own is made as it says', () => {
    const own = scheduleOf({
      unit: 'epoch',
      make: (optimizer, total) => new optim.lrScheduler.StepLR(optimizer, total / 2, { gamma: 0.5 }),
    })
    expect(own).toMatchObject({ unit: 'epoch', needsMetric: false })
    expect(ratesOf(own, 4)).toEqual([2, 2, 1, 1])
  })
})

test('with a warm-up, rates rise, then fall, and stay between 0 and that of the optimizer', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('linear' as const, 'cosine' as const),
      fc.integer({ min: 2, max: 60 }),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      (name, total, part) => {
        const warmup = Math.floor(part * total)
        const rates = ratesOf({ name, warmup }, total, 1)
        expect(Math.max(...rates)).toBeCloseTo(1, 10)
        rates.forEach((rate, i) => {
          expect(rate).toBeGreaterThan(0)
          const change = rate - (rates[i - 1] ?? 0)
          if (i <= warmup) expect(change).toBeGreaterThan(0)
          else expect(change).toBeLessThan(0)
        })
      },
    ),
    { numRuns: 50 },
  )
})

describe('is refused', () => {
  const optimizer = (): optim.lrScheduler.ScheduledOptimizer =>
    new optim.RMSprop([torch.zeros([1], { requiresGrad: true })])
  const wrong = <T>(value: unknown): T => value as T

  test.each<[string, () => unknown, Parameters<typeof expectError>[1], RegExp | string]>([
    [
      'another name',
      () => scheduleOf(wrong('cosin')),
      'ERR_TORCH_VALUE',
      "name must be 'constant', 'linear', 'cosine', 'oneCycle' or 'plateau', got 'cosin'",
    ],
    ['no name', () => scheduleOf(wrong({ warmup: 3 })), 'ERR_TORCH_TYPE', 'name must be'],
    ['a number', () => scheduleOf(wrong(3)), 'ERR_TORCH_TYPE', "a name such as 'cosine'"],
    [
      'a schedule that is made',
      () => scheduleOf(wrong(new optim.lrScheduler.StepLR(optimizer(), 3))),
      'ERR_TORCH_TYPE',
      'got StepLR',
    ],
    [
      'a unit',
      () => scheduleOf(wrong({ unit: 'batch', make: () => null })),
      'ERR_TORCH_VALUE',
      "unit must be 'step' or 'epoch'",
    ],
    ['a make', () => scheduleOf(wrong({ unit: 'step', make: 3 })), 'ERR_TORCH_TYPE', 'make must be a function'],
    [
      'an unknown option',
      () => scheduleOf(wrong({ name: 'cosine', warmUp: 3 })),
      'ERR_TORCH_OPTION',
      "did you mean 'warmup'",
    ],
    [
      'an option of another',
      () => scheduleOf(wrong({ name: 'linear', etaMin: 3 })),
      'ERR_TORCH_OPTION',
      "schedule 'linear': unknown option 'etaMin'",
    ],
    [
      'a warm-up',
      () => scheduleOf({ name: 'cosine', warmup: -3 }),
      'ERR_TORCH_VALUE',
      'warmup must be a positive number',
    ],
    ['half steps', () => scheduleOf({ name: 'cosine', warmup: 1.5 }), 'ERR_TORCH_VALUE', 'warmup must be an integer'],
    [
      'a length of a cycle',
      () => scheduleOf(wrong({ name: 'oneCycle', totalSteps: 3 })),
      'ERR_TORCH_OPTION',
      "schedule 'oneCycle': unknown option 'totalSteps'",
    ],
    [
      'a warm-up of a plateau',
      () => scheduleOf(wrong({ name: 'plateau', warmup: 3 })),
      'ERR_TORCH_OPTION',
      "unknown option 'warmup'",
    ],
    [
      'too long a warm-up',
      () => scheduleOf({ name: 'cosine', warmup: 9 }).make(optimizer(), 9),
      'ERR_TORCH_VALUE',
      'warmup takes 9 steps, but the whole training has 9',
    ],
    [
      'no steps',
      () => scheduleOf('cosine').make(optimizer(), 0),
      'ERR_TORCH_VALUE',
      'total must be a positive integer',
    ],
    [
      'no optimizer',
      () => scheduleOf('cosine').make(wrong(null), 9),
      'ERR_TORCH_TYPE',
      'optimizer must be an Optimizer',
    ],
  ])('%s', (_, fn, code, message) => void expectError(fn, code, message))
})
