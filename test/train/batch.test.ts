// Batches with parts by name: what counts in losses and metrics, and what the model gets.
import { describe, expect, test } from 'vitest'
import { DataLoader, type NamedBatch, SequenceDataset, Series, StackDataset } from '../../lib/data/index.ts'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { Accuracy } from '../../lib/metrics/index.ts'
import { GRUModel, LSTMModel, RNNModel } from '../../lib/models/index.ts'
import { type Criterion, type ModelParts, Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectRejection } from '../support/error.ts'

const quiet: TrainerOptions = { progress: false, shuffle: false, batchSize: 4 }

/** A model whose output is its input, but for a factor that learns. */
class Scaled extends nn.Module {
  readonly batchFirst: boolean
  readonly factor = new nn.Parameter(torch.ones([1]))
  readonly seen: (ModelParts | undefined)[] = []

  constructor(batchFirst = true) {
    super()
    this.batchFirst = batchFirst
  }

  override forward(input: Tensor, parts?: ModelParts): Tensor {
    this.seen.push(parts)
    return input.mul(this.factor)
  }
}

const numbers = (tensor: Tensor) => tensor.flatten().toArray() as number[]
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

/** (4, 5, 2) and lengths. */
const input = torch.randn([4, 5, 2], { generator: new torch.Generator().manualSeed(1) })
const target = torch.randn([4, 5, 2], { generator: new torch.Generator().manualSeed(2) })
const lengths = torch.tensor([5, 2, 3, 1], { dtype: 'int64' })

/** The values of the steps within the lengths. */
function within(tensor: Tensor): number[] {
  return [5, 2, 3, 1].flatMap((length, i) => numbers(tensor.select(0, i).narrow(0, 0, length)))
}

describe('lengths', () => {
  test.each([
    ['mse', (a: number, b: number) => (a - b) ** 2],
    ['l1', (a: number, b: number) => Math.abs(a - b)],
    ['huber', (a: number, b: number) => (Math.abs(a - b) < 1 ? (a - b) ** 2 / 2 : Math.abs(a - b) - 0.5)],
    ['bceWithLogits', (a: number, b: number) => -b * a + Math.log1p(Math.exp(a))],
  ] as const)('%s is a mean over the steps within them, whatever the batches are', async (loss, term) => {
    const [x, y] = [within(input), within(target)]
    const expected = mean(x.map((a, i) => term(a, y[i] as number)))
    for (const batchFirst of [true, false]) {
      for (const batchSize of [4, 3, 1]) {
        const trainer = new Trainer(new Scaled(batchFirst), { ...quiet, loss, batchSize, metrics: ['mae'] })
        const result = await trainer.evaluate({ input, target, lengths })
        expect(result.loss).toBeCloseTo(expected, 5)
        expect(result.mae).toBeCloseTo(mean(x.map((a, i) => Math.abs(a - (y[i] as number)))), 5)
      }
    }
  })

  test('and gradients are those of the mean over what counts', async () => {
    const [x, y] = [within(input), within(target)]
    // The derivative of mean (f x - y)² at f = 1, and a step of SGD.
    const slope = mean(x.map((a, i) => 2 * (a - (y[i] as number)) * a))
    const model = new Scaled()
    const options: TrainerOptions = { ...quiet, epochs: 1, lr: 0.1, optimizer: 'sgd' }
    await new Trainer(model, options).fit({ input, target, lengths })
    expectClose(model.factor, [1 - 0.1 * slope], { rtol: 1e-5 })
    const accumulated = new Scaled()
    await new Trainer(accumulated, { ...options, batchSize: 1, accumulateGradBatches: 4 }).fit({
      input,
      target,
      lengths,
    })
    expectClose(accumulated.factor, [1 - 0.1 * slope], { rtol: 1e-5 })
  })

  test('reach the model, and other parts, too', async () => {
    const model = new Scaled()
    const extra = torch.arange(4)
    await new Trainer(model, quiet).evaluate({ input, target, lengths, extra })
    const [parts] = model.seen
    expect(Object.keys(parts ?? {}).sort()).toEqual(['extra', 'lengths'])
    const plain = new Scaled()
    await new Trainer(plain, quiet).evaluate([input, target])
    expect(plain.seen).toEqual([undefined])
  })

  test.each([RNNModel, LSTMModel, GRUModel])('are read by the networks: %o', async (Model) => {
    torch.manualSeed(0)
    const model = new Model(2, 3, 2, { batchFirst: true })
    const output = torch.noGrad(() => model.forward(input)) // an output does not depend on later steps
    const expected = mean(within(output.sub(target)).map((error) => error ** 2))
    for (const batchSize of [4, 3]) {
      const trainer = new Trainer(model, { ...quiet, epochs: 1, batchSize, lr: 1e-9 })
      expect((await trainer.evaluate({ input, target, lengths })).loss).toBeCloseTo(expected, 5)
      const { trainLosses } = await trainer.fit({ input, target, lengths })
      expect(trainLosses[0]).toBeCloseTo(expected, 5)
    }
  })

  test('do not matter to outputs without steps', async () => {
    class Last extends Scaled {
      override forward(x: Tensor, parts?: ModelParts): Tensor {
        return super.forward(x, parts).select(1, -1)
      }
    }
    const expected = (await new Trainer(new Last(), quiet).evaluate([input, target.select(1, 0)])).loss
    const data = { input, target: target.select(1, 0), lengths }
    expect((await new Trainer(new Last(), quiet).evaluate(data)).loss).toBe(expected)
  })

  test.each([
    [torch.tensor([5, 2, 3, 1], { dtype: 'float32' }), 'lengths must be of shape (N), in int64 and on the CPU'],
    [torch.ones([4, 1], { dtype: 'int64' }), 'got shape (4, 1), int64, on cpu'],
  ])('of another kind are refused', async (wrong, sentence) => {
    await expectRejection(
      new Trainer(new Scaled(), quiet).fit({ input, target, lengths: wrong }),
      'ERR_TORCH_VALUE',
      sentence,
    )
  })
})

describe('mask and weight', () => {
  const mask = torch
    .tensor([[1, 0, 1, 1, 0]])
    .to('bool')
    .expand([4, 5])
  const weight = torch.tensor([1, 0.5, 2, 0])

  test('make weighted means; what does not count may be NaN', async () => {
    const missing = target.clone()
    missing.select(1, 1).fill_(Number.NaN)
    missing.select(1, 4).fill_(Number.NaN)
    const [x, y] = [input, missing].map((tensor) => tensor.toArray() as number[][][])
    let [sum, count, slope] = [0, 0, 0]
    for (const [n, w] of [1, 0.5, 2, 0].entries()) {
      for (const step of [0, 2, 3]) {
        for (const o of [0, 1]) {
          const [a, b] = [x?.[n]?.[step]?.[o] as number, y?.[n]?.[step]?.[o] as number]
          sum += w * (a - b) ** 2
          slope += w * 2 * (a - b) * a
          count += w
        }
      }
    }
    const model = new Scaled()
    const trainer = new Trainer(model, { ...quiet, epochs: 1, lr: 0.1, optimizer: 'sgd', metrics: ['mse'] })
    const data = { input, target: missing, mask, weight }
    const result = await trainer.evaluate(data)
    expect(result.loss).toBeCloseTo(sum / count, 5)
    expect(result.mse).toBeCloseTo(sum / count, 5)
    await trainer.fit(data)
    expectClose(model.factor, [1 - (0.1 * slope) / count], { rtol: 1e-5 })
  })

  test('of a loss function: it gets them, and must take them', async () => {
    const seen: NamedBatch[] = []
    const own: Criterion = (output, wanted, batch) => {
      if (batch.mask !== undefined) torch.keep(batch.mask)
      seen.push(batch)
      return output.sub(wanted).square().mean()
    }
    await new Trainer(new Scaled(), { ...quiet, loss: own }).evaluate({ input, target, mask, lengths })
    const both = torch.tensor([5, 2, 3, 1]).unsqueeze(1).gt(torch.arange(5)).logicalAnd(mask)
    expect(seen[0]?.mask?.toArray()).toEqual(both.toArray())
    const blind = (output: Tensor, wanted: Tensor): Tensor => output.sub(wanted).square().mean()
    await expectRejection(
      new Trainer(new Scaled(), { ...quiet, loss: blind }).evaluate({ input, target, mask }),
      'ERR_TORCH_OPTION',
      'the batch has lengths, a mask or weights, but the loss takes only (output, target)',
    )
  })

  test('of another shape are refused', async () => {
    await expectRejection(
      new Trainer(new Scaled(), quiet).fit({ input, target, mask: mask.narrow(1, 0, 4) }),
      'ERR_TORCH_SHAPE',
      'Trainer: mask must have the shape of the target, (4, 5, 2), or of its first dimensions, got (4, 4)',
    )
  })

  test.each([-1, Number.NaN])(
    'with a weight of %d are refused, before the weights of the model change',
    async (bad) => {
      const model = new Scaled()
      const before = [...model.parameters()].map((parameter) => parameter.toArray())
      const weight = torch.tensor([1, bad, 1, 1])
      await expectRejection(
        new Trainer(model, { ...quiet, loss: 'mse' }).fit({ input, target, weight }),
        'ERR_TORCH_VALUE',
        'Trainer: weight must be non-negative, but there are values below 0 or NaN',
      )
      await expectRejection(
        new Trainer(model, { ...quiet, loss: 'mse' }).evaluate({ input, target, weight }),
        'ERR_TORCH_VALUE',
        'Trainer: weight must be non-negative',
      )
      expect([...model.parameters()].map((parameter) => parameter.toArray())).toEqual(before)
    },
  )

  test('where nothing counts in a whole pass, there is no loss', async () => {
    const trainer = new Trainer(new Scaled(), quiet)
    const none = torch.zeros([4, 5]).to('bool')
    await expectRejection(
      trainer.fit({ input, target, mask: none }),
      'ERR_TORCH_VALUE',
      'Trainer: epoch 1: no target counts: masks and weights leave out all',
    )
    await expectRejection(trainer.evaluate({ input, target, mask: none }), 'ERR_TORCH_VALUE', 'no target counts')
  })

  test('of a loss function weigh its batches', async () => {
    const own: Criterion = (output, wanted, { weight: factors }) => {
      const terms = output.sub(wanted).square().mean([1, 2])
      return terms
        .mul(factors as Tensor)
        .sum()
        .div((factors as Tensor).sum())
    }
    const weights = torch.tensor([1, 0.01, 3, 0.5])
    const of = (loss: TrainerOptions['loss'], batchSize: number) =>
      new Trainer(new Scaled(), { ...quiet, ...(loss === undefined ? {} : { loss }), batchSize }).evaluate({
        input,
        target,
        weight: weights,
      })
    const expected = (await of('mse', 4)).loss
    for (const batchSize of [1, 2, 3]) expect((await of(own, batchSize)).loss).toBeCloseTo(expected, 5)
  })

  test('where nothing counts, the loss is 0 and the weights stay', async () => {
    const model = new Scaled()
    const none = torch.zeros([4, 5]).to('bool')
    const batches = [
      { input, target, mask: none },
      { input, target, mask },
    ]
    const { trainLosses } = await new Trainer(model, { ...quiet, epochs: 1, lr: 0 + 1e-9, optimizer: 'sgd' }).fit(
      batches,
    )
    expect(trainLosses[0]).toBeCloseTo((await new Trainer(model, quiet).evaluate({ input, target, mask })).loss, 5)
  })
})

describe('classes', () => {
  const scores = torch.randn([4, 5, 3], { generator: new torch.Generator().manualSeed(3) })
  const classes = torch.randint(3, [4, 5], { generator: new torch.Generator().manualSeed(4) })

  test('losses are means over the frames that count, with class weights and ignored ones', async () => {
    const flat = (loss: nn.CrossEntropyLoss, keep: (n: number, step: number) => boolean): number => {
      const rows = [0, 1, 2, 3].flatMap((n) => [0, 1, 2, 3, 4].flatMap((step) => (keep(n, step) ? [n * 5 + step] : [])))
      const index = torch.tensor(rows, { dtype: 'int64' })
      return loss
        .forward(scores.flatten(0, 1).indexSelect(0, index), classes.flatten().indexSelect(0, index))
        .item<number>()
    }
    const length = [5, 2, 3, 1]
    for (const options of [{}, { weight: torch.tensor([0.2, 1, 3]) }, { ignoreIndex: 1 }, { labelSmoothing: 0.1 }]) {
      const loss = new nn.CrossEntropyLoss(options)
      const trainer = new Trainer(new Scaled(), { ...quiet, loss, batchSize: 3, metrics: [new Accuracy()] })
      const all = await trainer.evaluate({ input: scores, target: classes })
      expect(all.loss).toBeCloseTo(
        flat(loss, () => true),
        5,
      )
      const some = await trainer.evaluate({ input: scores, target: classes, lengths })
      expect(some.loss).toBeCloseTo(
        flat(loss, (n, step) => step < (length[n] as number)),
        5,
      )
    }
  })

  test('of masked targets are not looked at', async () => {
    const bad = classes.clone()
    bad.select(1, 4).fill_(-7)
    const mask = torch.tensor([[true, true, true, true, false]]).expand([4, 5])
    const trainer = new Trainer(new Scaled(), { ...quiet, loss: 'crossEntropy' })
    const expected = await trainer.evaluate({ input: scores, target: classes, mask })
    expect(await trainer.evaluate({ input: scores, target: bad, mask })).toEqual(expected)
  })

  test('ids of one dimension are windows of a series', async () => {
    const ids = torch.arange(20).remainder(3)
    const windows = new SequenceDataset(ids, ids, { sequenceLength: 5 })
    const [x, y] = windows.batch([0, 2], true)
    expect([x.shape, y.toArray()]).toEqual([
      [2, 5],
      [
        [0, 1, 2, 0, 1],
        [2, 0, 1, 2, 0],
      ],
    ])
    expect(windows.batch([0, 2], false)[0].shape).toEqual([5, 2])
  })
})

test('windows of a series train a model, and what is missing does not count', async () => {
  const time = Array.from({ length: 60 }, (_, i) => i * 3_600_000)
  const value = Float64Array.from(time, (_, i) => (i % 7 === 3 ? Number.NaN : Math.sin(i / 4)))
  const series = await Series.from({ time, value }, { time: 'time', targets: ['value'], missing: 'mask' })
  const { train, validation } = series.splitSync({ past: 8, horizon: 1, validation: 0.3 })
  class Head extends nn.Module {
    readonly batchFirst = true
    readonly gru = new GRUModel(series.inputSize, 8, 1, { batchFirst: true })
    override forward(x: Tensor): Tensor {
      return this.gru.forward(x).narrow(1, -1, 1)
    }
  }
  torch.manualSeed(0)
  const trainer = new Trainer(new Head(), { progress: false, epochs: 20, lr: 0.02, seed: 0, metrics: ['mae'] })
  const { trainLosses } = await trainer.fit(train, { validation })
  expect(trainLosses.at(-1)).toBeLessThan((trainLosses[0] as number) / 4)
  expect([...new DataLoader(train, { batchSize: 2 })][0]).toHaveProperty('mask')
  expect(new StackDataset({ input, target }).length).toBe(4)
})
