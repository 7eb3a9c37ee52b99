// Metrics of evaluate besides those of the trainer.
import { expect, expectTypeOf, test } from 'vitest'
import { type NestedArray, nn, type Tensor, torch } from '../../lib/index.ts'
import {
  Accuracy,
  ConfusionMatrix,
  F1,
  Metric,
  type MetricBatch,
  type MetricName,
  type MetricState,
} from '../../lib/metrics/index.ts'
import { Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { collectGarbage, expectNoMoreTensors } from '../support/garbage.ts'

/** Gives its input, times 1. */
class Same extends nn.Module {
  readonly factor = new nn.Parameter(torch.ones([1]))
  override forward(x: Tensor): Tensor {
    return x.mul(this.factor)
  }
}

const options: TrainerOptions = { progress: false, batchSize: 2, loss: 'crossEntropy', metrics: ['accuracy'] }
/** Predicted: 0, 1, 1, 2, 0. */
const scores = torch.tensor([
  [9, 0, 0],
  [0, 9, 0],
  [0, 9, 0],
  [0, 0, 9],
  [9, 0, 0],
])
const classes = torch.tensor([0, 1, 2, 2, 1], { dtype: 'int64' })
const matrix = [
  [1, 0, 0],
  [1, 1, 0],
  [0, 1, 1],
]

test('scores of classes are lists, and matrices lists of rows, beside the numbers of the trainer', async () => {
  const trainer = new Trainer(new Same(), options)
  const f1 = new F1({ average: 'none' })
  const found = await trainer.evaluate([scores, classes], { metrics: [f1, 'confusionMatrix'] })
  expect(found).toEqual({
    loss: expect.any(Number),
    accuracy: expect.closeTo(0.6, 12),
    f1: [expect.closeTo(2 / 3, 12), expect.closeTo(1 / 2, 12), expect.closeTo(2 / 3, 12)],
    confusionMatrix: matrix,
  })
  const { loss } = await trainer.evaluate([scores, classes])
  expect(found.loss).toBe(loss)
  // Each call measures its data alone, and the metric is free afterwards.
  const first = { metrics: [new ConfusionMatrix({ name: 'table' }), f1] }
  const part = await trainer.evaluate([scores.narrow(0, 0, 3), classes.narrow(0, 0, 3)], first)
  expect(part.table).toEqual([
    [1, 0, 0],
    [0, 1, 0],
    [0, 1, 0],
  ])
  expect(part.f1).toEqual([1, expect.closeTo(2 / 3, 12), 0])
  expect((await new Trainer(new Same(), options).evaluate([scores, classes], first)).table).toEqual(matrix)
  expect(await trainer.evaluate([scores, classes])).toEqual({ loss, accuracy: expect.closeTo(0.6, 12) })
})

test('no tensor is left', async () => {
  const trainer = new Trainer(new Same(), options)
  const run = (): Promise<unknown> => trainer.evaluate([scores, classes], { metrics: ['confusionMatrix', 'f1'] })
  await run()
  await collectGarbage()
  const before = torch.memory().tensors
  await run()
  await expectNoMoreTensors(before)
})

test('what cannot be measured is refused', async () => {
  class Label extends Metric<string> {
    override readonly higherIsBetter = true
    protected override readonly stateFields = ['count']
    protected override measure(batch: MetricBatch): MetricState {
      return { count: batch.count() }
    }
    protected override result({ count }: MetricState<'count'>): Tensor {
      return count
    }
    protected override read(): string {
      return 'many'
    }
  }
  const trainer = new Trainer(new Same(), options)
  const bad = (metrics: unknown): Promise<unknown> => trainer.evaluate([scores, classes], { metrics: metrics as [] })
  await expectRejection(
    bad([new Accuracy()]),
    'ERR_TORCH_OPTION',
    "evaluate: two metrics have the name 'accuracy', one of them of the trainer: give one of them a name",
  )
  await expectRejection(bad(['f1', new F1({ average: 'none' })]), 'ERR_TORCH_OPTION', "have the name 'f1': give")
  await expectRejection(
    bad([new F1({ name: 'loss' })]),
    'ERR_TORCH_OPTION',
    "evaluate: a metric has the name 'loss', which is that of the loss in results: give it another, { name: 'error' }",
  )
  await expectRejection(bad([new F1({ name: 'Accuracy' })]), 'ERR_TORCH_OPTION', "have the name 'Accuracy'")
  expectError(
    () => new Trainer(new Same(), { ...options, metrics: [new Accuracy({ name: 'Loss' })] }),
    'ERR_TORCH_OPTION',
    "Trainer: a metric has the name 'Loss'",
  )
  await expectRejection(bad(['f2']), 'ERR_TORCH_VALUE', 'evaluate: a metric must be')
  await expectRejection(bad('f1'), 'ERR_TORCH_TYPE', 'evaluate: metrics must be an array')
  await expectRejection(bad([new Label()]), 'ERR_TORCH_OPTION', "'label' is 'many', not a number or a Tensor")
  // The trainer's own metrics go on.
  expect((await trainer.evaluate([scores, classes])).accuracy).toBeCloseTo(0.6, 12)
})

test('results have exact types where the metrics have names', async () => {
  const trainer = new Trainer(new Same(), options)
  const own = await trainer.evaluate([scores, classes])
  expectTypeOf(own.loss).toEqualTypeOf<number>()
  expectTypeOf(own.accuracy).toEqualTypeOf<number | undefined>()
  const found = await trainer.evaluate([scores, classes], {
    metrics: ['f1', 'confusionMatrix', new F1({ name: 'other' })],
  })
  expectTypeOf(found.f1).toEqualTypeOf<number>()
  expectTypeOf(found.confusionMatrix).toEqualTypeOf<number[][]>()
  expectTypeOf(found.other).toEqualTypeOf<NestedArray | undefined>()
  expect(found.confusionMatrix[1]?.[0]).toBe(1)
  const names: MetricName[] = ['f1']
  const some = await trainer.evaluate([scores, classes], { metrics: names })
  expectTypeOf(some.f1).toEqualTypeOf<NestedArray | undefined>()
  expect(some.f1).toBe(found.f1)
})
