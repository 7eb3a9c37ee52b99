import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Batch, Dataset } from '../../lib/data/index.ts'
import type { BatchPlan } from '../../lib/data/loader.ts'
import { type Tensor, torch } from '../../lib/index.ts'
import { Runner, type RunnerOptions } from '../../lib/train/runner.ts'
import { sourceOf } from '../../lib/train/source.ts'
import type { Outcome } from '../../lib/train/step.ts'
import { expectRejection } from '../support/error.ts'

const STEPS = 10

/** Batches whose loss is the number of their sample, or what `bad` puts in its place. */
class Losses implements Dataset {
  readonly length = STEPS
  readonly #bad: ReadonlyMap<number, number>

  constructor(...bad: [index: number, loss: number][]) {
    this.#bad = new Map(bad)
  }

  batch([index = 0]: readonly number[]): Batch {
    return [torch.tensor([this.#bad.get(index) ?? index], { dtype: 'float32' }), torch.zeros([1])]
  }
}

const outcomeOf = (input: Tensor): Outcome => ({
  loss: input.sum(),
  count: 1,
  output: undefined,
  target: input,
  counted: { mask: undefined, weight: undefined },
})

function run(data: Dataset, options: Partial<RunnerOptions>): { mean: Promise<number>; asked: unknown[] } {
  const asked: unknown[] = []
  const runner = new Runner({
    device: 'cpu',
    moves: false,
    step: ({ input }) => outcomeOf(input),
    metrics: [],
    inUnits: false,
    signature: () => '',
    nonFinite: 'throw',
    exact: false,
    cause: async (plan: BatchPlan, late) => {
      asked.push([plan.indices, late])
      return 'Because.'
    },
    explained: (error) => error,
    ...options,
  })
  onTestFinished(() => runner.dispose())
  const source = sourceOf(data, {
    batchSize: 1,
    sequenceLength: undefined,
    shuffle: false,
    batchFirst: true,
  })
  return { mean: runner.pass(source, { name: 'epoch 7' }).then(({ loss }) => loss), asked }
}

function warningsOf(): unknown[] {
  const warnings: unknown[] = []
  const spy = vi.spyOn(process, 'emitWarning').mockImplementation((...args: unknown[]) => void warnings.push(args))
  onTestFinished(() => spy.mockRestore())
  return warnings
}

describe('losses that are not read at each step', () => {
  test('are found at the end of the pass, with the first step that was not finite', async () => {
    const { mean, asked } = run(
      new Losses([3, Number.POSITIVE_INFINITY], [5, Number.NaN], [8, Number.NEGATIVE_INFINITY]),
      {},
    )
    await expectRejection(
      mean,
      'ERR_TORCH_NON_FINITE',
      'Trainer: epoch 7, step 4 of 10: the loss is not finite. Because.',
    )
    expect(asked).toEqual([[[3], true]])
  })

  test('are found within the pass, when it takes long', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    let steps = 0
    const { mean, asked } = run(new Losses([3, Number.NaN]), {
      step: ({ input }) => {
        steps++
        vi.advanceTimersByTime(300)
        return outcomeOf(input)
      },
    })
    await expectRejection(mean, 'ERR_TORCH_NON_FINITE', 'step 4 of 10')
    expect(steps).toBe(4)
    expect(asked).toEqual([[[3], true]])
  })

  test('are warned of once', async () => {
    const warnings = warningsOf()
    expect(await run(new Losses([9, Number.NaN]), { nonFinite: 'warn' }).mean).toBeNaN()
    expect(warnings).toEqual([
      ['Trainer: epoch 7, step 10 of 10: the loss is not finite. Because.', { code: 'TORCH_NON_FINITE' }],
    ])
  })

  test('are what they are where that is asked for, and where all is well', async () => {
    const { mean, asked } = run(new Losses([9, Number.NaN]), { nonFinite: 'ignore' })
    expect(await mean).toBeNaN()
    expect(await run(new Losses(), {}).mean).toBe(4.5)
    expect(asked).toEqual([])
  })
})

test('a cause that cannot be found does not hide the loss', async () => {
  const cause = (): Promise<string> => Promise.reject(new Error('the file is gone'))
  await expectRejection(
    run(new Losses([0, Number.NaN]), { cause }).mean,
    'ERR_TORCH_NON_FINITE',
    'epoch 7, step 1 of 10: the loss is not finite. Looking for the cause failed: the file is gone',
  )
})

test('where losses can be read, the step is known at once', async () => {
  const warnings = warningsOf()
  const { mean, asked } = run(new Losses([2, Number.NEGATIVE_INFINITY]), { exact: true, nonFinite: 'warn' })
  expect(await mean).toBe(Number.NEGATIVE_INFINITY)
  expect(warnings).toEqual([
    ['Trainer: epoch 7, step 3 of 10: the loss is -Infinity. Because.', { code: 'TORCH_NON_FINITE' }],
  ])
  expect(asked).toEqual([[[2], true]])
})
