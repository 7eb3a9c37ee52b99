import { describe, expect, test } from 'vitest'
import { AUROC, F1, MAE, Metric, type MetricBatch, type MetricState, RMSE } from '../../lib/metrics/index.ts'
import { captured } from '../../lib/tensor/capture.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'

class Bias extends Metric {
  override readonly higherIsBetter = false
  protected override readonly stateFields = ['error', 'count']
  protected override measure(batch: MetricBatch): MetricState {
    return { error: batch.sum(batch.output.sub(batch.target)), count: batch.count() }
  }
  protected override result({ error, count }: MetricState<'error' | 'count'>): Tensor {
    return error.div(count)
  }
}

const row = (...values: number[]): Tensor => torch.tensor(values)

describe('a batch', () => {
  // Errors 1, 2, 3, 4, 5, 6 in (3, 2).
  const output = torch.arange(1, 7).reshape([3, 2]).float()
  const target = torch.zeros([3, 2])
  const value = (options: object): number => {
    const metric = new MAE()
    metric.update(output, target, options)
    return metric.computeSync()
  }

  test.each([
    ['nothing', {}, 3.5],
    ['a mask of rows', { mask: torch.tensor([true, false, true]) }, (1 + 2 + 5 + 6) / 4],
    ['a mask of numbers', { mask: torch.tensor([0n, 1n, 0n]) }, 3.5],
    ['a mask of elements', { mask: torch.eye(3, { dtype: 'bool' }).narrow(1, 0, 2) }, (1 + 4) / 2],
    ['weights of rows', { weight: row(1, 0, 3) }, (3 + 3 * 11) / 8],
    [
      'weights of elements',
      {
        weight: torch.tensor([
          [0, 1],
          [2, 0],
          [0, 0],
        ]),
      },
      (2 + 6) / 3,
    ],
    ['a mask and weights', { mask: torch.tensor([true, true, false]), weight: row(1, 2, 5) }, (3 + 2 * 7) / 6],
    ['lengths', { lengths: [3, 1] }, (1 + 2 + 3 + 5) / 4],
    ['lengths as a tensor', { lengths: torch.tensor([0n, 2n]) }, (2 + 4) / 2],
    ['lengths of rows', { lengths: [1, 2, 0], batchFirst: true }, (1 + 3 + 4) / 3],
    ['lengths and a mask', { lengths: [3, 1], mask: torch.tensor([false, true, true]) }, (3 + 5) / 2],
    ['nothing that counts', { mask: torch.zeros([3], { dtype: 'bool' }) }, Number.NaN],
    ['weights of 0', { weight: torch.zeros([3]) }, Number.NaN],
  ])('with %s', (_, options, expected) => {
    expectClose([value(options)], [expected], { rtol: 1e-12, atol: 0 })
  })

  test('of sequences with several outputs has lengths, too', () => {
    const metric = new MAE()
    const values = torch.arange(12).reshape([2, 3, 2]).float()
    metric.update(values, torch.zeros([2, 3, 2]), { lengths: [1, 2], batchFirst: true })
    expect(metric.computeSync()).toBe((0 + 1 + 6 + 7 + 8 + 9) / 6)
  })

  test.each([
    ['a Tensor', { output: [1] }, 'ERR_TORCH_TYPE', /MAE.update: output must be a Tensor/],
    ['real', { target: torch.zeros([3, 2], { dtype: 'complex64' }) }, 'ERR_TORCH_DTYPE', /target must be real/],
    ['of numbers', { output: torch.zeros([3, 2], { dtype: 'int64' }) }, 'ERR_TORCH_DTYPE', /floating dtype, got int64/],
    ['of one shape', { target: torch.zeros([2]) }, 'ERR_TORCH_SHAPE', /the same shape, got \(3, 2\) and \(2\)/],
    [
      'without more options',
      { options: { masks: 1 } },
      'ERR_TORCH_OPTION',
      /unknown option 'masks'; did you mean 'mask'/,
    ],
    ['with an object', { options: 3 }, 'ERR_TORCH_TYPE', /MAE.update: options must be an object/],
    ['with a mask', { options: { mask: [true] } }, 'ERR_TORCH_TYPE', /mask must be a Tensor, got an array/],
    ['with weights', { options: { weight: 1 } }, 'ERR_TORCH_TYPE', /weight must be a Tensor, got 1/],
    [
      'with a mask of the target',
      { options: { mask: torch.ones([2]) } },
      'ERR_TORCH_SHAPE',
      /mask must have the first dimensions of the target, \(3, 2\), or all of them, got \(2\)/,
    ],
    ['with a mask of more than a number', { options: { mask: torch.tensor(1) } }, 'ERR_TORCH_SHAPE', /got \(\)/],
    ['with weights of the target', { options: { weight: torch.ones([3, 1]) } }, 'ERR_TORCH_SHAPE', /weight must have/],
    ['with lengths', { options: { lengths: ['1'] } }, 'ERR_TORCH_TYPE', /lengths must be a Tensor or an array of int/],
    ['with all lengths', { options: { lengths: [1] } }, 'ERR_TORCH_SHAPE', /lengths must be \(2\).*got \(1\)/],
    [
      'with short lengths',
      { options: { lengths: [1, 4] } },
      'ERR_TORCH_VALUE',
      /0 to the 3 steps of the target, got 4/,
    ],
    [
      'with lengths of steps',
      { output: row(1), target: row(1), options: { lengths: [1] } },
      'ERR_TORCH_SHAPE',
      /dimension of steps, \(L, N, …\)/,
    ],
    [
      'with a boolean',
      { options: { lengths: [1, 1], batchFirst: 1 } },
      'ERR_TORCH_TYPE',
      /batchFirst must be a boolean/,
    ],
    ['with a use of it', { options: { batchFirst: true } }, 'ERR_TORCH_OPTION', /there are none/],
  ] as const)('must be %s', (_, given, code, message) => {
    const metric = new MAE()
    const all: Record<string, unknown> = { output, target, ...given }
    expectError(() => metric.update(all.output as Tensor, all.target as Tensor, all.options as object), code, message)
    expect(metric.computeSync()).toBeNaN()
  })
})

describe('an update', () => {
  test('keeps no tensor but the sums', () => {
    const metric = new MAE()
    metric.update(row(1, 2), row(0, 0))
    const before = torch.memory().tensors
    const [output, target] = [row(3, 3), row(0, 0)]
    metric.update(output, target, { mask: target.eq(0) })
    expect(torch.memory().tensors).toBeLessThanOrEqual(before + 3)
    expect(metric.computeSync()).toBe((1 + 2 + 3 + 3) / 4)
    metric.dispose()
    expect(metric.computeSync()).toBeNaN()
  })

  test('records nothing for gradients, and leaves the graph as it is', () => {
    const weight = row(2, 3).requiresGrad_()
    const output = weight.mul(weight)
    const metric = new RMSE()
    metric.update(output, row(0, 0))
    output.sum().backward()
    expect(weight.grad?.toArray()).toEqual([4, 6])
    expect(Object.values(metric.stateDict()).every((sum) => !sum.requiresGrad)).toBe(true)
  })

  test('can come first in any mode, and go on in any other', () => {
    const modes = [
      torch.inferenceMode,
      torch.noGrad,
      <T>(fn: () => T): T => torch.tidy(fn),
      <T>(fn: () => T): T => fn(),
    ]
    for (const one of modes) {
      for (const other of modes) {
        const metric = new MAE()
        one(() => metric.update(row(1), row(0)))
        other(() => metric.update(row(2), row(0)))
        expect(other(() => metric.computeSync())).toBe(1.5)
        one(() => metric.reset())
        expect(metric.computeSync()).toBeNaN()
        const state = metric.stateDict()
        // The caller's own.
        state.sum?.add_(1)
        expect(metric.stateDict().sum?.item()).toBe(0)
      }
    }
  })

  test('adds in float64, whatever the dtype', () => {
    const metric = new MAE()
    for (const dtype of ['float16', 'bfloat16', 'float32', 'float64'] as const) {
      metric.update(torch.full([3], 2 ** 12, { dtype }), torch.zeros([3], { dtype: 'int64' }))
      metric.update(torch.full([1], 1, { dtype }), torch.zeros([1], { dtype }))
    }
    expect(metric.stateDict().sum?.item()).toBe(4 * (3 * 2 ** 12 + 1))
    // In float32, 2²⁴ + 1 is 2²⁴.
    const large = new MAE()
    large.update(row(2 ** 24), row(0))
    large.update(row(1), row(0))
    expect(large.computeSync()).toBe((2 ** 24 + 1) / 2)
  })

  test('is the same under autocast', () => {
    const metric = new MAE()
    torch.autocast('cpu', () => metric.update(row(1.001, 2), row(0, 0)))
    expect(metric.computeSync()).toBeCloseTo(1.5005, 6)
  })
})

describe('within offload', () => {
  test('updates are queued in order, with reset and compute', async () => {
    const metric = new MAE()
    const first = torch.offload(() => metric.update(row(1), row(0)))
    const value = metric.compute()
    const second = torch.offload(() => metric.update(row(3), row(0)))
    await Promise.all([first, second])
    expect(await value).toBe(1)
    expect(await metric.compute()).toBe(2)
    await torch.offload(() => {
      metric.reset()
      metric.update(row(5), row(0))
    })
    expect(metric.computeSync()).toBe(5)
  })

  test('a failed batch leaves the sums as they were', async () => {
    const metric = new MAE()
    const fail = (): Promise<void> =>
      torch.offload(() => metric.update(row(1, 2).indexSelect(0, torch.tensor([5n])), row(0)))
    await expectRejection(fail(), 'ERR_TORCH_INDEX', /index/)
    expect(metric.computeSync()).toBeNaN()
    metric.update(row(4), row(0))
    await expectRejection(fail(), 'ERR_TORCH_INDEX', /index/)
    expect(await metric.compute()).toBe(4)
  })

  test('nothing can be read', async () => {
    const metric = new MAE()
    metric.update(row(1), row(0))
    await expectRejection(
      torch.offload(() => metric.computeSync()),
      'ERR_TORCH_PENDING',
      /offload/,
    )
    const inner: Promise<unknown>[] = []
    await torch.offload(() => void inner.push(expectRejection(metric.compute(), 'ERR_TORCH_RUNTIME', /within offload/)))
    await Promise.all(inner)
    expect(inner).toHaveLength(1)
  })
})

describe('a capture', () => {
  test('needs sums that exist', () => {
    const metric = new MAE()
    const update = (): void => captured(() => metric.update(row(1), row(0)))
    expectError(update, 'ERR_TORCH_RUNTIME', /MAE.update cannot be captured in a CUDA graph: its sums do not exist yet/)
    metric.update(row(1), row(0))
    update()
    metric.reset()
    update()
    expect(metric.computeSync()).toBe(1)
  })

  test('takes lengths as a tensor only', () => {
    const metric = new MAE()
    const ones = torch.ones([2, 1])
    const update = (lengths: number[] | Tensor): void => metric.update(ones, ones, { lengths })
    update([1])
    expectError(() => captured(() => update([1])), 'ERR_TORCH_RUNTIME', /with an array of lengths cannot be captured/)
    captured(() => update(torch.tensor([1n])))
  })

  test('is refused if the state grows', () => {
    const [exact, binned] = [new AUROC(), new AUROC({ thresholds: 5 })]
    for (const metric of [exact, binned]) metric.update(row(1, -1), row(1, 0))
    const update = (metric: AUROC): void => captured(() => metric.update(row(1, -1), row(0, 1)))
    expectError(() => update(exact), 'ERR_TORCH_RUNTIME', /AUROC.update cannot be captured.*its state grows/)
    update(binned)
    expect(binned.computeSync()).toBe(0.5)
  })
})

describe('the state', () => {
  test('has the sums by name', () => {
    const metric = new MAE()
    expect(metric.stateDict()).toEqual({})
    metric.update(row(1, 5), row(0, 0))
    const { sum, count } = metric.stateDict() as MetricState<'sum' | 'count'>
    expect([sum.item(), sum.dtype, count.item(), count.dtype]).toEqual([6, 'float64', 2, 'float64'])
    const other = new MAE()
    other.update(row(9), row(0))
    other.loadStateDict({})
    expect(other.computeSync()).toBeNaN()
    other.loadStateDict({ sum: row(6), count: torch.tensor(2n) })
    expect(other.computeSync()).toBe(3)
    expect(other.to('cpu')).toBe(other)
    expectError(() => other.to('gpu' as never), 'ERR_TORCH_DEVICE', /MAE.to: device/)
    expect(other.computeSync()).toBe(3)
  })

  test.each([
    ['no object', 3, 'ERR_TORCH_TYPE', /MAE.loadStateDict: the state dict must be an object/],
    ['a missing sum', { sum: row(1) }, 'ERR_TORCH_TYPE', /'count' must be a real Tensor, got undefined/],
    ['a number', { sum: 1, count: 1 }, 'ERR_TORCH_TYPE', /'sum' must be a real Tensor, got 1/],
    ['another sum', { sums: row(1) }, 'ERR_TORCH_OPTION', /unknown field 'sums'; did you mean 'sum'/],
    ['a metric', new MAE(), 'ERR_TORCH_TYPE', /pass its stateDict\(\)/],
  ])('cannot be %s', (_, state, code, message) => {
    const metric = new MAE()
    metric.update(row(2), row(0))
    expectError(() => metric.loadStateDict(state as never), code as never, message)
    expect(metric.computeSync()).toBe(2)
  })

  test('is added only to one of the same kind', () => {
    const [macro, micro, mae] = [new F1(), new F1({ average: 'micro' }), new MAE()]
    expectError(() => macro.add(mae), 'ERR_TORCH_TYPE', /F1.add: other must be another F1, got MAE/)
    expectError(() => macro.add(micro), 'ERR_TORCH_VALUE', /F1.add: other has another setting of average/)
    expectError(() => macro.add(3 as never), 'ERR_TORCH_TYPE', /must be another F1, got 3/)
    // A name is no setting.
    const named = new MAE({ name: 'other' })
    named.update(row(1), row(0))
    expect(mae.add(named).computeSync()).toBe(1)
    // The other keeps its own.
    mae.update(row(3), row(0))
    expect(named.computeSync()).toBe(1)
  })

  test('keeps its shape', () => {
    const metric = new F1()
    const update = (classes: number): void => metric.update(torch.zeros([1, classes]), torch.tensor([0n]))
    update(3)
    expectError(() => update(4), 'ERR_TORCH_SHAPE', /'found' of this batch has shape \(4\).*\(3\).*number of classes/)
    const other = new F1()
    other.update(torch.zeros([1, 4]), torch.tensor([0n]))
    expectError(() => metric.add(other), 'ERR_TORCH_SHAPE', /F1.add: 'found'/)
  })

  test('is not in JSON', () => {
    expectError(() => JSON.stringify(new MAE()), 'ERR_TORCH_TYPE', /use compute\(\) or stateDict\(\)/)
  })
})

describe('a metric of your own', () => {
  test('says what to add up', async () => {
    const metric = new Bias()
    expect(metric.name).toBe('bias')
    expect(new Bias({ name: 'drift' }).name).toBe('drift')
    metric.update(row(1, 2, 6), row(0, 0, 0), { mask: torch.tensor([true, true, false]) })
    metric.update(torch.full([1, 1], -1), torch.zeros([1, 1]))
    expect(await metric.compute()).toBeCloseTo(2 / 3, 12)
  })

  test.each([
    [
      'a number',
      () => ({ error: 1, count: 1 }),
      'ERR_TORCH_TYPE',
      /measure must return a Tensor for 'error', but it returned 1/,
    ],
    ['nothing', () => undefined, 'ERR_TORCH_TYPE', /for 'error', but it returned undefined/],
    ['less', () => ({ error: torch.tensor(1) }), 'ERR_TORCH_TYPE', /for 'count', but it returned undefined/],
    [
      'a sum of other values',
      (batch: MetricBatch) => ({ error: batch.sum(row(1, 2, 3)) }),
      'ERR_TORCH_SHAPE',
      /values must be of the target's shape \(1\), got \(3\)/,
    ],
  ])('cannot return %s', (_, measure, code, message) => {
    class Wrong extends Bias {
      protected override measure = measure as never
    }
    const metric = new Wrong()
    expectError(() => metric.update(row(1), row(0)), code as never, message)
    expect(metric.computeSync()).toBeNaN()
  })

  test('has a result that is a Tensor', async () => {
    class Wrong extends Bias {
      protected override result = (() => 3) as never
    }
    const metric = new Wrong()
    metric.update(row(1), row(0))
    expectError(() => metric.computeSync(), 'ERR_TORCH_TYPE', /Wrong: what result returns must be a Tensor, got 3/)
    await expectRejection(metric.compute(), 'ERR_TORCH_TYPE', /got 3/)
  })

  test('rejects options that it does not have', () => {
    expectError(() => new Bias({ names: 'x' } as never), 'ERR_TORCH_OPTION', /Bias: unknown option 'names'/)
    expectError(() => new Bias({ name: 3 } as never), 'ERR_TORCH_TYPE', /Bias: name must be a string, got 3/)
  })
})

describe('weights below 0, or NaN', () => {
  const update = (metric: MAE, weight: readonly number[], mask?: readonly boolean[]): void =>
    metric.update(row(1, 2), row(2, 4), {
      weight: torch.tensor([...weight]),
      ...(mask === undefined ? {} : { mask: torch.tensor([...mask]) }),
    })

  test.each([[[-1, 1]], [[Number.NaN, 1]]])('%o are refused, and change nothing', async (weight) => {
    const metric = new MAE()
    update(metric, [1, 1])
    const message = 'MAE.update: weight must be non-negative, but there are values below 0 or NaN'
    expectError(() => update(metric, weight), 'ERR_TORCH_VALUE', message)
    await expectRejection(
      torch.offload(() => update(metric, weight)),
      'ERR_TORCH_VALUE',
      message,
    )
    expect(metric.computeSync()).toBe(1.5)
  })

  test('may be where a mask leaves them out', () => {
    const metric = new MAE()
    update(metric, [Number.NaN, 3], [false, true])
    update(metric, [1, -3], [true, false])
    expect(metric.computeSync()).toBe((3 * 2 + 1) / 4)
  })
})
