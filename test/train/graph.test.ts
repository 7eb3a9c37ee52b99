import { describe, expect, test } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import { Adam } from '../../lib/optim/index.ts'
import { LearningRates } from '../../lib/optim/rates.ts'
import { refuseCaptured } from '../../lib/tensor/capture.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { type GraphGuard, Graphs, MOST_GRAPHS, signatureOf, WARM_UP, type Work } from '../../lib/train/graph.ts'
import { collectGarbage, expectNoMoreTensors } from '../support/garbage.ts'
import { FakeGraph } from '../support/graph.ts'

function setUp(options: { make?: () => FakeGraph; guard?: GraphGuard } = {}) {
  const made: FakeGraph[] = []
  const reasons: string[] = []
  const graphs = new Graphs({
    device: 'cpu',
    make: () => {
      const graph = options.make?.() ?? new FakeGraph(true)
      made.push(graph)
      return graph
    },
    queue: (fn) => torch.offload(() => torch.tidy(fn)),
    onFallback: (reason) => reasons.push(reason),
    guard: options.guard,
  })
  let calls = 0
  const work = (settings: Partial<Work<Tensor>> = {}): Work<Tensor> => ({
    run: ([x]) => {
      calls++
      return torch.inferenceMode(() => (x as Tensor).mul(2))
    },
    finish: (result, fromGraph) => (fromGraph ? result.clone() : result),
    signature: '',
    ...settings,
  })
  const run = async (x: Tensor, settings: Partial<Work<Tensor>> = {}) =>
    (await graphs.run([x], work(settings))).toArray()
  return { graphs, made, reasons, run, calls: () => calls }
}

test('some runs are eager, then one is captured, then all are replays', async () => {
  const { graphs, made, reasons, run } = setUp()
  for (let i = 0; i < WARM_UP + 3; i++) {
    expect(await run(torch.tensor([i, i + 1]))).toEqual([2 * i, 2 * i + 2])
    expect(made.length).toBe(i < WARM_UP ? 0 : 1)
  }
  expect([made[0]?.captures, made[0]?.replays, graphs.size]).toEqual([1, 3, 1])
  expect(reasons).toEqual([])
})

test('results are copies, which the next replay leaves alone', async () => {
  const { graphs, run } = setUp()
  for (let i = 0; i <= WARM_UP; i++) await run(torch.ones([1]))
  const work: Work<Tensor> = {
    run: () => expect.fail('it is captured'),
    finish: (result) => result.clone(),
    signature: '',
  }
  const one = await graphs.run([torch.tensor([5])], work)
  await graphs.run([torch.tensor([7])], work)
  expect(one.toArray()).toEqual([10])
})

test('each shape, dtype and variant has a graph of its own', async () => {
  const { graphs, made, run } = setUp()
  const inputs: [Tensor, number][] = [
    [torch.ones([2]), 1],
    [torch.ones([3]), 1],
    [torch.ones([3, 1]), 1],
    [torch.ones([3], { dtype: 'float64' }), 1],
    [torch.ones([3]), 2],
  ]
  for (let i = 0; i <= WARM_UP; i++) for (const [x, variant] of inputs) await run(x, { variant })
  expect(graphs.size).toBe(inputs.length)
  expect(made.map(({ replays }) => replays)).toEqual(inputs.map(() => 1))
  graphs.dispose()
  expect(graphs.size).toBe(0)
  expect(made.every(({ resets }) => resets === 1)).toBe(true)
})

test('another signature lets go of all graphs', async () => {
  const { graphs, made, run } = setUp()
  for (let i = 0; i <= WARM_UP; i++) await run(torch.ones([2]), { signature: 'dropout 0.1' })
  expect(graphs.size).toBe(1)
  expect(await run(torch.ones([2]), { signature: 'dropout 0.2' })).toEqual([2, 2])
  expect([graphs.size, made[0]?.resets]).toEqual([0, 1])
})

test('runs at the same time as a capture are eager', async () => {
  const { graphs, run, made } = setUp()
  for (let i = 0; i < WARM_UP; i++) await run(torch.ones([1]))
  const results = await Promise.all([1, 2, 3].map((i) => run(torch.tensor([i]))))
  expect(results).toEqual([[2], [4], [6]])
  expect([graphs.size, made.length, made[0]?.captures, made[0]?.replays]).toEqual([1, 1, 1, 1])
})

test('inputs and results of graphs are freed with them', async () => {
  const step = async () => {
    const { graphs, run } = setUp()
    const x = torch.ones([2])
    for (let i = 0; i < WARM_UP + 2; i++) await torch.tidy(async () => run(x))
    graphs.dispose()
    x.dispose()
  }
  await step()
  await collectGarbage()
  const before = torch.memory().tensors
  await step()
  await expectNoMoreTensors(before)
})

describe('goes on without a graph, and says why,', () => {
  test('where capturing fails', async () => {
    class Refusing extends FakeGraph {
      override async capture<T>(): Promise<T> {
        throw new Error('operation not permitted when stream is capturing\nmore of it')
      }
    }
    const { graphs, made, reasons, run, calls } = setUp({ make: () => new Refusing(true) })
    for (let i = 0; i < WARM_UP + 3; i++) expect(await run(torch.tensor([i]))).toEqual([2 * i])
    expect(reasons).toEqual(['operation not permitted when stream is capturing'])
    expect([calls(), made.length, made[0]?.resets, graphs.size]).toEqual([WARM_UP + 3, 1, 1, 0])
  })

  test('where there are none', async () => {
    const make = () => {
      throw new Error('this LibTorch is for the CPU')
    }
    const { reasons, run } = setUp({ make })
    for (let i = 0; i < WARM_UP + 2; i++) expect(await run(torch.tensor([i]))).toEqual([2 * i])
    expect(reasons).toEqual(['this LibTorch is for the CPU'])
  })

  test('where sequences are packed', async () => {
    const { graphs, reasons } = setUp({ make: () => new FakeGraph(true) })
    const lstm = new nn.LSTM(1, 2)
    const work: Work<Tensor> = {
      run: ([x]) => {
        const [output] = lstm.forward(nn.utils.rnn.packPaddedSequence(x as Tensor, [2, 1]))
        return output.data.sum()
      },
      signature: '',
    }
    for (let i = 0; i < WARM_UP + 2; i++) {
      expect(Number.isFinite((await graphs.run([torch.ones([2, 2, 1])], work)).item())).toBe(true)
    }
    expect(reasons).toEqual(['a packed sequence cannot be captured in a CUDA graph: its lengths are read by the CPU'])
    // Elsewhere nothing is refused.
    refuseCaptured('a packed sequence', 'its lengths are read by the CPU')
  })

  test('where an input requires a gradient', async () => {
    const { reasons, run } = setUp()
    expect(await run(torch.ones([1], { requiresGrad: true }))).toEqual([2])
    expect(reasons).toEqual(['an input requires a gradient, which a graph would not pass on'])
  })

  test('where settings are never the same', async () => {
    const { graphs, reasons, run } = setUp()
    for (let i = 0; i < 40; i++) await run(torch.ones([1]), { signature: String(i) })
    expect(reasons).toEqual([
      'settings of the model or of the optimizer change at every step, but a graph is captured for fixed settings',
    ])
    expect(graphs.size).toBe(0)
  })

  test('for shapes beyond the number of graphs', async () => {
    const { graphs, reasons, run } = setUp()
    for (let i = 0; i <= WARM_UP; i++) {
      for (let n = 1; n <= MOST_GRAPHS + 2; n++) await run(torch.ones([n]))
    }
    expect(graphs.size).toBe(MOST_GRAPHS)
    expect(reasons).toEqual(['batches have more than 8 shapes: batches of further shapes run without a graph'])
    expect(await run(torch.ones([1]))).toEqual([2])
  })
})

describe('the signature tells', () => {
  const setting = () => {
    const model = new nn.LSTM(1, 2, { numLayers: 2, dropout: 0.5 })
    const whole = new nn.ModuleDict({ lstm: model, norms: new nn.ModuleList([new nn.BatchNorm1d(2)]) })
    const optimizer = new Adam(model.parameters())
    const rates = new LearningRates(optimizer)
    return { model, whole, optimizer, rates, of: () => signatureOf([whole], optimizer, rates) }
  }
  const changes: [string, (s: ReturnType<typeof setting>) => void][] = [
    ['a mode', ({ model }) => void model.eval()],
    ['a setting of a module', ({ model }) => void Object.assign(model, { dropout: 0.2 })],
    ['a parameter that is no longer learned', ({ model }) => void model.bias_hh_l0?.requiresGrad_(false)],
    ['memory that was replaced', ({ model }) => void model.to('float64')],
    ['memory of a buffer that was replaced', ({ whole }) => void [...whole.modules()].at(-1)?.to('float64')],
    ['a setting of the optimizer', ({ optimizer }) => void (optimizer.paramGroups[0] as { eps: number }).eps++],
    [
      'state that was loaded',
      ({ optimizer, model }) => {
        model
          .forward(torch.ones([1, 1]))[0]
          .sum()
          .backward()
        optimizer.step()
      },
    ],
  ]
  test.each(changes)('%s', (_, change) => {
    const one = setting()
    const before = one.of()
    expect(one.of()).toBe(before)
    change(one)
    expect(one.of()).not.toBe(before)
  })

  test('no learning rate, unless it is a number to the step', () => {
    const { model, optimizer, of } = setting()
    const [before, number] = [of(), signatureOf([model], optimizer)]
    for (const group of optimizer.paramGroups) group.lr = 0.5
    expect(of()).toBe(before)
    expect(signatureOf([model], optimizer)).not.toBe(number)
  })
})

test('a guard can refuse one shape, and later everything', async () => {
  let step: string | undefined
  const guard = { step: () => step, capture: () => (graphs.size === 0 ? undefined : 'too large') }
  const { graphs, made, reasons, run } = setUp({ guard })
  for (let i = 0; i < WARM_UP + 2; i++) {
    expect(await run(torch.tensor([i]))).toEqual([2 * i])
    expect(await run(torch.tensor([i, i]))).toEqual([2 * i, 2 * i])
  }
  expect([made.length, graphs.size, reasons]).toEqual([1, 1, ['too large']])
  step = 'no more'
  for (let i = 0; i < 2; i++) expect(await run(torch.tensor([i]))).toEqual([2 * i])
  expect([made[0]?.replays, made[0]?.resets, reasons]).toEqual([2, 1, ['too large', 'no more']])
})
