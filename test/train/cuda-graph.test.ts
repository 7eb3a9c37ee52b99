import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { GRUModel, LSTMModel } from '../../lib/models/index.ts'
import { Linear, Module, utils } from '../../lib/nn/index.ts'
import { Adagrad, Adam, AdamW, NAdam, type Optimizer, RMSprop, SGD } from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { type EpochResult, Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { makeGraph } from '../../lib/train/trainer.ts'
import { expectClose } from '../support/close.ts'
import { expectRejection } from '../support/error.ts'
import { collectGarbage, expectNoMoreTensors } from '../support/garbage.ts'
import type { FakeGraph } from '../support/graph.ts'
import { Repeating } from '../support/repeating.ts'
import { series } from '../support/series.ts'

const quiet: TrainerOptions = { progress: false, seed: 1, sequenceLength: 8, batchSize: 8 }
const OPTIMIZERS: Record<string, (p: Tensor[]) => Optimizer> = {
  Adam: (p) => new Adam(p, { lr: 1e-2 }),
  AdamW: (p) => new AdamW([{ params: p.slice(0, 2) }, { params: p.slice(2), lr: 0.05 }], { lr: 1e-2, amsgrad: true }),
  Adagrad: (p) => new Adagrad(p, { lr: 0.05, lrDecay: 0.1 }),
  SGD: (p) => new SGD(p, { lr: 0.05, momentum: 0.9, nesterov: true }),
  'SGD with dampening': (p) => new SGD(p, { lr: 0.05, momentum: 0.9, dampening: 0.1 }),
}

let warnings: unknown[][] = []
beforeEach(() => {
  warnings = []
  vi.spyOn(process, 'emitWarning').mockImplementation((...args: unknown[]) => void warnings.push(args))
})
afterEach(() => {
  vi.restoreAllMocks()
})

describe.each(Object.entries(OPTIMIZERS))('training by graphs, with %s', (_, optimizer) => {
  // 53 windows: six batches of 8 and one of 5, for which there is a graph of its own.
  const data = series(60)
  const held = series(30)

  async function train(
    Class: typeof Trainer,
    options: TrainerOptions,
  ): Promise<{ trainer: Trainer; losses: number[][] }> {
    torch.manualSeed(2)
    // LibTorch's kernels for the CPU have no LSTM of float16 to train.
    const Model = options.autocast === undefined ? LSTMModel : GRUModel
    const model = new Model(1, 6, 1, { numLayers: 2, dropout: 0.3 })
    const trainer = new Class(model, {
      ...quiet,
      epochs: 6,
      clipGradNorm: 0.5,
      optimizer,
      ...options,
      callbacks: [
        {
          // A schedule, as users write it.
          onEpochEnd: ({ optimizer }) => {
            for (const group of optimizer.paramGroups) group.lr *= 0.8
          },
        },
      ],
    })
    const { trainLosses, validationLosses } = await trainer.fit(data, { validation: held })
    return { trainer, losses: [trainLosses, validationLosses] }
  }

  test.each([
    ['', {}],
    [', in float16 with a scaler', { autocast: 'float16' }],
  ] as const)('goes as without%s', async (_, options) => {
    const eager = await train(Trainer, { ...options, cudaGraph: false })
    const { trainer, losses } = await train(Repeating, { ...options, cudaGraph: true })
    expectClose(losses, eager.losses, { rtol: 1e-6, atol: 1e-6 })
    for (const [name, parameter] of trainer.model.namedParameters()) {
      const other = [...eager.trainer.model.namedParameters()].find(([found]) => found === name)?.[1]
      expectClose(parameter, other as Tensor, { rtol: 1e-5, atol: 1e-6 })
    }
    const { captured } = trainer as Repeating
    // Two shapes of training and two of validation (23 windows: two batches of 8 and one of 7).
    expect(captured).toHaveLength(4)
    const replays = captured.map(({ replays }) => replays).sort((a, b) => b - a)
    // Of 36 and 6, 12 and 6 steps, all but those of the warm-up; the optimizer's first step makes its state.
    expect(replays).toEqual([36 - 4, 12 - 3, 6 - 3, 6 - 3])
    expect(captured.every(({ resets }) => resets === 1)).toBe(true)
    expect([trainer.cudaGraphFallback, warnings]).toEqual([null, []])
  })
})

test('a setting that changes in the middle is captured anew', async () => {
  const run = async (Class: typeof Trainer) => {
    torch.manualSeed(2)
    const model = new GRUModel(1, 6, 1, { numLayers: 2, dropout: 0.5 })
    const trainer = new Class(model, {
      ...quiet,
      epochs: 4,
      cudaGraph: Class === Repeating,
      callbacks: [
        {
          onEpochEnd: ({ epoch }) => {
            if (epoch === 2) model.gru.dropout = 0
          },
        },
      ],
    })
    return { trainer, losses: (await trainer.fit(series(60))).trainLosses }
  }
  const { trainer, losses } = await run(Repeating)
  expectClose(losses, (await run(Trainer)).losses, { rtol: 1e-6 })
  expect((trainer as Repeating).captured.length).toBeGreaterThan(1)
})

class Own extends SGD {
  override step(): void {
    super.step()
  }
}

test('an optimizer whose step depends on its number is not captured', async () => {
  const run = async (Class: typeof Trainer) => {
    torch.manualSeed(2)
    const optimizer = (p: Tensor[]) => new NAdam(p, { lr: 0.01 })
    const trainer = new Class(new GRUModel(1, 4, 1), { ...quiet, epochs: 2, optimizer, cudaGraph: Class === Repeating })
    // The fake graph then runs what it captures.
    if (trainer instanceof Repeating) trainer.predicts = true
    return { trainer, losses: (await trainer.fit(series(60))).trainLosses }
  }
  const { trainer, losses } = await run(Repeating)
  expect(trainer.cudaGraphFallback).toBe(
    'a step of NAdam cannot be captured in a CUDA graph: the CPU reads how many steps there have been',
  )
  expectClose(losses, (await run(Trainer)).losses, { rtol: 1e-6 })
})

test.each([
  ['a step of its own', (p: Tensor[]) => new Own(p, { lr: 0.1 })],
  ['no fused kernel', (p: Tensor[]) => new RMSprop(p, { lr: 0.1 })],
])('an optimizer with %s is captured with its rates, and anew with others', async (_, optimizer) => {
  const run = async (Class: typeof Trainer) => {
    torch.manualSeed(2)
    const trainer = new Class(new GRUModel(1, 4, 1), {
      ...quiet,
      epochs: 4,
      optimizer,
      cudaGraph: Class === Repeating,
      callbacks: [
        {
          onEpochEnd: ({ epoch, optimizer }) => {
            if (epoch === 2) for (const group of optimizer.paramGroups) group.lr = 0.01
          },
        },
      ],
    })
    return { trainer, losses: (await trainer.fit(series(60))).trainLosses }
  }
  const { trainer, losses } = await run(Repeating)
  expectClose(losses, (await run(Trainer)).losses, { rtol: 1e-6 })
  expect((trainer as Repeating).captured.map(({ replays }) => replays)).toEqual([12 - 4, 12 - 3])
})

test('a fit leaves no tensors behind', async () => {
  const trainer = new Repeating(new GRUModel(1, 4, 1), { ...quiet, epochs: 4, cudaGraph: true })
  const data = series(40)
  await trainer.fit(data)
  await collectGarbage()
  const before = torch.memory().tensors
  await trainer.fit(data)
  await expectNoMoreTensors(before)
})

test('aborting while graphs run ends between two steps', async () => {
  const controller = new AbortController()
  const steps: EpochResult[] = []
  const trainer = new Repeating(new GRUModel(1, 4, 1), {
    ...quiet,
    epochs: 1000,
    cudaGraph: true,
    callbacks: [
      {
        onEpochEnd: ({ result }) => {
          steps.push(result as EpochResult)
          if (steps.length === 3) controller.abort(new Error('enough'))
        },
      },
    ],
  })
  await expect(trainer.fit(series(40), { signal: controller.signal })).rejects.toThrow('enough')
  expect(steps).toHaveLength(3)
  expect(trainer.captured.every(({ resets }) => resets === 1)).toBe(true)
})

describe('prediction', () => {
  test('has a graph for each shape, and gives copies', async () => {
    const model = new LSTMModel(1, 4, 1, { numLayers: 2, dropout: 0.5 })
    const trainer = new Repeating(model, { ...quiet, cudaGraph: true })
    trainer.predicts = true
    const outputs: [Tensor, Tensor][] = []
    for (let i = 0; i < 6; i++) {
      for (const length of [3, 5]) {
        const x = torch.randn([length, 2, 1])
        outputs.push([await trainer.predict(x), trainer.predictSync(x)])
      }
    }
    for (const [one, other] of outputs) expectClose(one, other.toArray() as number[][])
    expect(trainer.captured.map(({ replays }) => replays)).toEqual([3, 3])
    expect(outputs.at(-1)?.[0].isInference()).toBe(true)
    // Weights are read at each replay; other ones, in other memory, want other graphs.
    torch.noGrad(() => model.linear.bias?.fill_(100))
    const x = torch.randn([3, 2, 1])
    expectClose(await trainer.predict(x), trainer.predictSync(x))
    expect(trainer.captured.map(({ replays }) => replays)).toEqual([4, 3])
    model.to('float64')
    expect((await trainer.predict(x.double())).dtype).toBe('float64')
    expect(trainer.captured.map(({ resets }) => resets)).toEqual([1, 1])
  })

  test('is made by a graph that a later change has dropped, where it was asked for before', async () => {
    const trainer = new Repeating(new Linear(2, 1), { ...quiet, cudaGraph: true })
    trainer.predicts = true
    const x = torch.randn([3, 2])
    for (let i = 0; i < 4; i++) await trainer.predict(x)
    const [graph] = trainer.captured as [FakeGraph]
    const { replays } = graph
    const before = trainer.predict(x)
    // What was recorded may hold on to the state of the generator before.
    torch.manualSeed(1)
    const after = trainer.predict(x)
    const expected = trainer.predictSync(x).toArray() as number[][]
    for (const output of await Promise.all([before, after])) expectClose(output, expected)
    expect([graph.replays, graph.resets]).toEqual([replays + 1, 1])
  })

  test('can ask for graphs, or not, by itself', async () => {
    const trainer = new Repeating(new Linear(2, 1), quiet)
    trainer.predicts = true
    const x = torch.randn([3, 2])
    for (let i = 0; i < 5; i++) await trainer.predict(x)
    expect(trainer.graphs).toEqual([])
    for (let i = 0; i < 5; i++) await trainer.predict(x, { cudaGraph: true })
    expect(trainer.captured.map(({ replays }) => replays)).toEqual([2])
  })

  test('refuses what is no input or option', async () => {
    const trainer = new Trainer(new Linear(2, 1), quiet)
    await expectRejection(trainer.predict(1 as never), 'ERR_TORCH_TYPE', /predict: inputs must be a Tensor/)
    const x = torch.randn([3, 2])
    await expectRejection(trainer.predict(x, { graph: true } as never), 'ERR_TORCH_OPTION', /unknown option 'graph'/)
    await expectRejection(
      trainer.predict(x, { cudaGraph: 1 as never }),
      'ERR_TORCH_TYPE',
      /cudaGraph must be a boolean/,
    )
  })
})

describe('falls back with one sentence', () => {
  test('on the CPU, where it goes as without', async () => {
    const run = async (cudaGraph: boolean) => {
      torch.manualSeed(2)
      const trainer = new Trainer(new GRUModel(1, 4, 1), { ...quiet, epochs: 2, cudaGraph })
      const { trainLosses } = await trainer.fit(series(40), { validation: series(20) })
      await trainer.fit(series(40))
      await trainer.predict(torch.randn([4, 1, 1]))
      return { trainer, trainLosses }
    }
    const { trainer, trainLosses } = await run(true)
    const reason = "CUDA graphs need a CUDA device, but the model is on the CPU: pass device: 'cuda'"
    expect(trainer.cudaGraphFallback).toBe(reason)
    expect(warnings).toEqual([[`Trainer: cudaGraph: ${reason}`, { code: 'TORCH_CUDA_GRAPH' }]])
    expect(trainLosses).toEqual((await run(false)).trainLosses)
  })

  test('where a model packs its sequences', async () => {
    class Packing extends Module {
      readonly gru = new GRUModel(1, 4, 1)
      readonly batchFirst = false
      override forward(x: Tensor): Tensor {
        const packed = utils.rnn.packPaddedSequence(x, [8, 6, 5, 5, 4, 3, 2, 1])
        const [padded] = utils.rnn.padPackedSequence(packed, { totalLength: 8 })
        return this.gru.forward(padded)
      }
    }
    const run = async (Class: typeof Trainer) => {
      torch.manualSeed(2)
      const trainer = new Class(new Packing(), { ...quiet, epochs: 3, cudaGraph: Class !== Trainer })
      // 24 windows: three batches of 8.
      return { trainer, losses: (await trainer.fit(series(31))).trainLosses }
    }
    // A capture that, as CUDA's, calls the function.
    class Recording extends Repeating {
      protected override [makeGraph](): FakeGraph {
        const graph = super[makeGraph]()
        graph.capture = torch.offload
        return graph
      }
    }
    const { trainer, losses } = await run(Recording)
    expectClose(losses, (await run(Trainer)).losses, { rtol: 1e-6 })
    expect(trainer.cudaGraphFallback).toMatch(/^a packed sequence cannot be captured in a CUDA graph/)
    expect(warnings).toHaveLength(1)
  })

  test('where CUDA refuses an operation', async () => {
    class Refusing extends Repeating {
      protected override [makeGraph](): FakeGraph {
        const graph = super[makeGraph]()
        graph.capture = async () => {
          throw new Error('CUDA error: operation not permitted when stream is capturing')
        }
        return graph
      }
    }
    const run = async (Class: typeof Trainer, options: TrainerOptions) => {
      torch.manualSeed(2)
      const trainer = new Class(new GRUModel(1, 4, 1), { ...quiet, epochs: 3, ...options })
      return { trainer, losses: (await trainer.fit(series(40))).trainLosses }
    }
    for (const options of [{}, { autocast: 'float16', clipGradNorm: 1 }] as const) {
      const { trainer, losses } = await run(Refusing, { ...options, cudaGraph: true })
      expectClose(losses, (await run(Trainer, options)).losses, { rtol: 1e-6 })
      expect(trainer.cudaGraphFallback).toBe('CUDA error: operation not permitted when stream is capturing')
    }
    expect(warnings).toHaveLength(2)
  })
})
