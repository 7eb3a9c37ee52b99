import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Series } from '../../lib/data/index.ts'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, SequenceModel } from '../../lib/models/index.ts'
import {
  type Criterion,
  type LossName,
  Trainer,
  type TrainerOptions,
  type TrainingData,
  TrainingStep,
} from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'

const options: TrainerOptions = { epochs: 1, batchSize: 10, shuffle: false, progress: false }
const perStep = () => new LSTMModel(3, 4, 1, { batchFirst: true })

/** What has been warned of; each test needs shapes of its own, since a message comes once. */
function warningsOf(): string[] {
  const warnings: string[] = []
  const spy = vi.spyOn(process, 'emitWarning').mockImplementation((message) => void warnings.push(String(message)))
  onTestFinished(() => spy.mockRestore())
  return warnings
}

const COMPARING = {
  mse: nn.MSELoss,
  l1: nn.L1Loss,
  smoothL1: nn.SmoothL1Loss,
  huber: nn.HuberLoss,
  bce: nn.BCELoss,
  bceWithLogits: nn.BCEWithLogitsLoss,
  poissonNll: nn.PoissonNLLLoss,
} as const

describe.each(Object.entries(COMPARING))('a target of another shape, with %s', (name, Loss) => {
  test('is an error that says what to do, from the first batch on', async () => {
    const warnings = warningsOf()
    for (const loss of [name as LossName, new Loss()]) {
      const text = typeof loss === 'string' ? `the loss '${name}'` : Loss.name
      const trainer = new Trainer(perStep(), { ...options, loss })
      const before = trainer.model.stateDict()['linear.weight']?.toArray()
      const x = torch.randn([10, 10, 3])
      const sentence = `Trainer: ${text} compares the output with the target element by element, but the output has shape (10, 10, 1) and the target has shape (10, 1). The model returns an output for each step, but there is one target per sequence: return only the output of the last step, output.select(1, -1), or give a target for each step`
      await expectRejection(trainer.fit([x, torch.rand([10, 1])]), 'ERR_TORCH_SHAPE', sentence)
      await expectRejection(trainer.evaluate([x, torch.rand([10, 1])]), 'ERR_TORCH_SHAPE', sentence)
      expect(trainer.model.stateDict()['linear.weight']?.toArray()).toEqual(before)
      // BCE is of probabilities, which these outputs are none of.
      if (name !== 'bce') expect((await trainer.evaluate([x, torch.rand([10, 10, 1])])).loss).toBeGreaterThan(0)
    }
    expect(warnings).toEqual([])
  })
})

test.each([
  [[10, 4, 3], [10, 1, 1], 'return only the output of the last step, output.narrow(1, -1, 1)'],
  [[10, 4, 3], [10], 'return only the output of the last step, output.select(1, -1)'],
  [[10, 4, 3], [10, 4], 'Give targets with a last dimension of 1: targets.unsqueeze(2)'],
  [[10, 4, 3], [10, 4, 2], 'The model has 1 outputs, but the targets have 2 features'],
  [
    [10, 4, 3],
    [10, 7, 1],
    "The model returns an output for each of 4 steps, but the targets have 7. To forecast those after the input, make the model with output: 'last', horizon: 7; else give targets with the shape of the output",
  ],
  [[10, 4, 3], [10, 7, 2], 'Give targets with the shape of the output'],
] as const)('inputs %j and targets %j', async (inputs, targets, cure) => {
  const data = [torch.randn(inputs), torch.randn(targets)] as const
  await expectRejection(new Trainer(perStep(), options).fit(data), 'ERR_TORCH_SHAPE', cure)
  await expectRejection(new Trainer(perStep(), { ...options, loss: 'l1' }).fit(data), 'ERR_TORCH_SHAPE', cure)
})

test('windows of a series for a model with an output for each step: the advice works', async () => {
  const day = Array.from({ length: 40 }, (_, i) => i * 86_400_000)
  const series = await Series.from({ day, y: day.map((_, i) => i % 7) }, { time: 'day', targets: 'y' })
  for (const batchFirst of [true, false]) {
    for (const horizon of [1, 3]) {
      const { train } = await series.split({ past: 14, horizon })
      const wrong = new Trainer(new GRUModel(1, 4, 1, { batchFirst }), options)
      await expectRejection(wrong.fit(train), 'ERR_TORCH_SHAPE', `with output: 'last', horizon: ${horizon}`)
      const right = new GRUModel(1, 4, 1, { batchFirst, output: 'last', horizon })
      expect((await new Trainer(right, options).evaluate(train)).loss).toBeGreaterThan(0)
    }
  }
})

test('of layouts and models of other kinds', async () => {
  const last = new GRUModel(3, 4, 1)
  await expectRejection(
    new Trainer(last, options).fit([torch.randn([10, 4, 3]), torch.randn([10, 1])]),
    'ERR_TORCH_SHAPE',
    'output.select(0, -1)',
  )
  const linear = new nn.Linear(3, 1)
  await expectRejection(
    new Trainer(linear, options).fit([torch.randn([10, 3]), torch.randn([10])]),
    'ERR_TORCH_SHAPE',
    'the output has shape (10, 1) and the target has shape (10). Give targets with a last dimension of 1: targets.unsqueeze(1)',
  )
  const flat = new nn.Sequential(new nn.Linear(3, 1), new nn.Flatten({ startDim: 0 }))
  await expectRejection(
    new Trainer(flat, options).fit([torch.randn([10, 3]), torch.randn([10, 1])]),
    'ERR_TORCH_SHAPE',
    'Give targets without the last dimension: targets.squeeze(1)',
  )
  // A smaller last batch is of another shape, too.
  expect((await new Trainer(linear, options).fit([torch.randn([13, 3]), torch.randn([13, 1])])).epochs).toHaveLength(1)
})

test('classes of another dtype, beyond the outputs, or in an array of samples say what to do', async () => {
  const trainer = () =>
    new Trainer(new GRUModel(3, 4, 2, { batchFirst: true, output: 'last' }), { ...options, loss: 'crossEntropy' })
  const x = torch.randn([2, 4, 3])
  await expectRejection(
    trainer().fit([x, torch.tensor([0, 1])]),
    'ERR_TORCH_DTYPE',
    'Class numbers are integers: write them as bigints, such as 2n, or make the targets with the dtype int64',
  )
  await expectRejection(
    trainer().fit([x, torch.tensor([0n, 5n])]),
    'ERR_TORCH_INDEX',
    'Target 5 is out of bounds. The model has 2 outputs, for classes numbered from 0 to 1',
  )
  const samples = [
    [x.select(0, 0), 0n],
    [x.select(0, 1), 1n],
  ]
  await expectRejection(
    trainer().fit(samples as never),
    'ERR_TORCH_TYPE',
    'give an array of samples to a DataLoader, new DataLoader(samples, { batchSize: 32 })',
  )
})

describe('a target that is broadcast in a loop of one’s own', () => {
  const sentence = (name: string, target: string, output: string): string =>
    `${name}: Using a target size (torch.Size([${target}])) that is different to the input size (torch.Size([${output}])). This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.`

  test('is warned of by TrainingStep, queued or not, with autograd or without', async () => {
    const warnings = warningsOf()
    const model = perStep()
    const step = (loss: LossName) =>
      new TrainingStep(model, { optimizer: new optim.SGD(model.parameters(), { lr: 0 }), loss })
    const x = torch.randn([6, 5, 3])
    const expected = new nn.MSELoss().forward(model.forward(x), torch.ones([6, 5, 1]))
    expectClose(step('mse').run(x, torch.ones([6, 1, 1])), expected.detach())
    step('huber').run(x, torch.ones([6, 1, 1]))
    await torch.offload(() => step('mse').run(x, torch.ones([1, 5, 1])))
    await torch.offload(() => step('l1').run(x, torch.ones([1, 5, 1])))
    expect(warnings).toEqual([
      sentence('mseLoss', '6, 1, 1', '6, 5, 1'),
      sentence('huberLoss', '6, 1, 1', '6, 5, 1'),
      sentence('mseLoss', '1, 5, 1', '6, 5, 1'),
      sentence('l1Loss', '1, 5, 1', '6, 5, 1'),
    ])
  })

  test('is warned of where tensors are pending, and in a Trainer with a loss function', async () => {
    const warnings = warningsOf()
    const { mseLoss, smoothL1Loss } = nn.functional
    await torch.offload(() => mseLoss(torch.ones([7, 2]).add(1), torch.ones([2]).add(1)))
    const trainer = new Trainer(perStep(), { ...options, loss: (output, target) => smoothL1Loss(output, target) })
    await trainer.fit([torch.randn([7, 4, 3]), torch.randn([7, 1, 1])])
    expect(warnings).toEqual([sentence('mseLoss', '2', '7, 2'), sentence('smoothL1Loss', '7, 1, 1', '7, 4, 1')])
  })
})

describe('a loss function that gives', () => {
  const data = [torch.randn([6, 5, 3]), torch.randn([6, 5, 1])] as const
  const fitWith = (loss: unknown) => new Trainer(perStep(), { ...options, loss: loss as Criterion }).fit(data)
  const evaluateWith = (loss: unknown) => new Trainer(perStep(), { ...options, loss: loss as Criterion }).evaluate(data)
  const start =
    'Trainer: the loss function must return a Tensor of one element, from which gradients can be computed, but it returned'

  test.each([
    ['a number', () => 0.5, '0.5: compute it with tensor operations'],
    ['nothing', () => undefined, 'undefined'],
    ['an array', (output: Tensor) => [output.mean()], 'an array'],
    ['a Promise', async (output: Tensor) => output.mean(), 'Promise: it must not be async'],
    ['a Promise that rejects', () => Promise.reject(new Error('late')), 'Promise: it must not be async'],
  ])('%s', async (_, loss, found) => {
    await expectRejection(fitWith(loss), 'ERR_TORCH_TYPE', `${start} ${found}`)
    await expectRejection(evaluateWith(loss), 'ERR_TORCH_TYPE', `${start} ${found}`)
    await expectRejection(fitWith({ forward: loss }), 'ERR_TORCH_TYPE', `${start} ${found}`)
    const model = perStep()
    const optimizer = new optim.SGD(model.parameters())
    const step = new TrainingStep(model, { optimizer, loss: loss as unknown as Criterion })
    expectError(() => step.run(...data), 'ERR_TORCH_TYPE', `${start.replace('Trainer', 'TrainingStep')} ${found}`)
  })

  test('what it reads', async () => {
    const loss = (output: Tensor, target: Tensor): Tensor => output.mul(output.sub(target).abs().mean().item()).mean()
    const message = start.replace(
      'it returned',
      'it reads a value: compute it with tensor operations, without reading values',
    )
    await expectRejection(fitWith(loss), 'ERR_TORCH_PENDING', message)
    await expectRejection(evaluateWith({ forward: loss }), 'ERR_TORCH_PENDING', message)
  })

  test('more than one number', async () => {
    const loss = (output: Tensor, target: Tensor): Tensor => output.sub(target).square()
    const hint = 'The loss function must return a Tensor of one element: end it with mean() or sum()'
    await expectRejection(fitWith(loss), 'ERR_TORCH_AUTOGRAD', hint)
    await expectRejection(evaluateWith(loss), 'ERR_TORCH_SHAPE', hint)
    await expectRejection(fitWith(new nn.MSELoss({ reduction: 'none' })), 'ERR_TORCH_AUTOGRAD', hint)
  })

  test('what no parameter has a part in', async () => {
    const loss = (output: Tensor): Tensor => output.detach().mean()
    await expectRejection(fitWith(loss), 'ERR_TORCH_AUTOGRAD', 'The loss does not depend on any trainable parameter')
  })

  test('classes that come last', async () => {
    class Own extends LSTMModel {
      override forward(input: Tensor): Tensor {
        return super.forward(input)
      }
    }
    const model = new Own(3, 4, 7, { batchFirst: true })
    const classes = torch.randint(7, [6, 5])
    const own = (output: Tensor, target: Tensor): Tensor =>
      nn.functional.crossEntropy(output.flatten(0, 1), target.flatten())
    const expected = (await new Trainer(model, { ...options, loss: own }).evaluate([data[0], classes])).loss
    for (const loss of ['crossEntropy', new nn.CrossEntropyLoss()] as const) {
      const trainer = new Trainer(model, { ...options, loss })
      expect((await trainer.evaluate([data[0], classes])).loss).toBe(expected)
      const sentence = 'targets must be class numbers of shape (6, 5), or probabilities of the shape of the output'
      await expectRejection(trainer.fit([data[0], torch.randint(5, [6, 7])]), 'ERR_TORCH_SHAPE', sentence)
    }
  })
})

describe('classes of a recurrent model, which come last,', () => {
  const logits = (model: LSTMModel, x: Tensor): Tensor => model.forward(x).flatten(0, -2)

  test.each([true, false])('are those of each step, with batchFirst %s', async (batchFirst) => {
    const model = new LSTMModel(3, 4, 5, { batchFirst })
    // As many classes as steps: the shape alone would not tell.
    const x = torch.randn([5, 5, 3])
    const classes = torch.randint(5, [5, 5])
    const weight = torch.tensor([1, 2, 3, 4, 5])
    const loss = new nn.CrossEntropyLoss({ weight, ignoreIndex: 0, labelSmoothing: 0.1 })
    const step = new TrainingStep(model, { optimizer: new optim.SGD(model.parameters(), { lr: 0 }), loss })
    expectClose(step.run(x, classes), loss.forward(logits(model, x), classes.flatten()).detach())
    const probabilities = torch.rand([5, 5, 5]).softmax(-1)
    const soft = new TrainingStep(model, {
      optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
      loss: 'crossEntropy',
    })
    const expected = nn.functional.crossEntropy(logits(model, x), probabilities.flatten(0, -2)).detach()
    expectClose(soft.run(x, probabilities), expected)
    if (!batchFirst) return
    const trainer = new Trainer(model, { ...options, loss: 'crossEntropy' })
    const mean = nn.functional.crossEntropy(logits(model, x), classes.flatten()).item<number>()
    expect((await trainer.evaluate([x, classes])).loss).toBeCloseTo(mean, 5)
  })

  test('are those of each sequence with one output', () => {
    const model = new LSTMModel(3, 4, 5, { output: 'last' })
    const [x, classes] = [torch.randn([6, 2, 3]), torch.tensor([4, 1], { dtype: 'int64' })]
    const step = new TrainingStep(model, {
      optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
      loss: 'crossEntropy',
    })
    expectClose(step.run(x, classes), nn.functional.crossEntropy(model.forward(x), classes).detach())
  })

  test.each([
    ['numbers', torch.rand([4, 6, 1])],
    ['classes', torch.zeros([4, 6], { dtype: 'int64' })],
  ])('of one class are refused, with targets that are %s', async (_, target) => {
    const message =
      'the output has the scores of one class, (4, 6, 1), whose probability is always 1: give the model one output for each class'
    for (const loss of ['crossEntropy', new nn.CrossEntropyLoss()] as const) {
      const model = new GRUModel(3, 4, 1, { batchFirst: true })
      const fit = new Trainer(model, { progress: false, loss, batchSize: 4 }).fit([torch.randn([4, 6, 3]), target])
      await expectRejection(fit, 'ERR_TORCH_SHAPE', message)
    }
  })

  test('need targets of the same steps', () => {
    const model = new LSTMModel(3, 4, 5)
    const step = new TrainingStep(model, {
      optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
      loss: 'crossEntropy',
    })
    const sentence =
      'targets must be class numbers of shape (6, 2), or probabilities of the shape of the output; got targets of shape (2, 6). A model with batchFirst: true has the layout of the data'
    expectError(() => step.run(torch.randn([6, 2, 3]), torch.randint(5, [2, 6])), 'ERR_TORCH_SHAPE', sentence)
  })
})

test('a model that gives more than a tensor', async () => {
  const x = torch.randn([6, 5, 3])
  const trainer = new Trainer(new nn.LSTM(3, 4, { batchFirst: true }) as never, options)
  const sentence =
    'Trainer: LSTM.forward must return one Tensor, but it returned an array. Return only the output, without the state; SequenceModel turns a recurrent network into a model'
  await expectRejection(trainer.fit([x, x]), 'ERR_TORCH_TYPE', sentence)
  await expectRejection(trainer.predict(x), 'ERR_TORCH_TYPE', sentence)
  expectError(() => trainer.predictSync(x), 'ERR_TORCH_TYPE', sentence)
})

test('an error of a network names its class', async () => {
  const train = (network: nn.RecurrentModule, data: TrainingData = [torch.randn([4, 3, 5]), torch.randn([4, 1])]) =>
    new Trainer(new SequenceModel(network, 1, { output: 'last' }), options).fit(data)
  const batchFirst = true
  for (const network of [new nn.PeepholeLSTM(2, 3, { batchFirst }), new nn.ChungGRU(2, 3, { batchFirst })]) {
    const { name } = network.constructor
    await expectRejection(
      train(network),
      'ERR_TORCH_SHAPE',
      `${name}: input.size(-1) must be equal to inputSize. Expected 2, got 5`,
    )
  }
  for (const network of [
    new nn.LSTM(2, 3, { batchFirst }),
    new nn.GRU(2, 3, { batchFirst }),
    new nn.MinGRU(2, 3, { batchFirst }),
  ]) {
    await expectRejection(train(network), 'ERR_TORCH_SHAPE', `${network.constructor.name}: input.size(-1)`)
  }
  const [h, c] = [torch.zeros([1, 4, 3]), torch.zeros([1, 4, 3])]
  const batch = { input: torch.randn([4, 3, 2]), target: torch.randn([4, 1]), state: [h, c] }
  await expectRejection(
    train(new nn.GRU(2, 3, { batchFirst }), [batch]),
    'ERR_TORCH_TYPE',
    'GRU: the state must be a Tensor, got an array',
  )
  // The dtype of the input is told by the network, not by a metric of its output.
  const model = new GRUModel(2, 3, 1, { batchFirst, output: 'last' })
  const whole = [torch.ones([4, 3, 2], { dtype: 'int64' }), torch.randn([4, 1])] as const
  await expectRejection(
    new Trainer(model, { ...options, metrics: ['mae'] }).fit(whole),
    'ERR_TORCH_VALUE',
    "RNN input dtype (int64) does not match weight dtype (float32). Convert input: input.to('float32')",
  )
})
