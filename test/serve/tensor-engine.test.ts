// Models of all kinds by tensors: each request gets what `forward` gives for it alone.
import { afterEach, describe, expect, test } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, type RecurrentModel, RNNModel, SequenceModel } from '../../lib/models/index.ts'
import { readOptions, type ServeOptions } from '../../lib/serve/options.ts'
import { type TensorEngine, tensorEngine } from '../../lib/serve/tensor-engine.ts'
import { expectClose } from '../support/close.ts'
import { expectRejection } from '../support/error.ts'

torch.setNumThreads(1)
const generator = new torch.Generator().manualSeed(2)
const random = (...shape: number[]): Tensor => torch.randn(shape, { generator })
const valuesOf = (tensor: Tensor): Float32Array => tensor.toTypedArray() as Float32Array

const open: TensorEngine[] = []
async function engineOf(model: nn.Module, options: ServeOptions = {}): Promise<TensorEngine> {
  const engine = await tensorEngine(model.eval(), readOptions(options))
  open.push(engine)
  return engine
}
afterEach(async () => {
  for (const engine of open.splice(0)) await engine.close()
})

const sequenceOf = (x: Tensor) => ({ data: valuesOf(x), steps: x.size(0) })
const tensorOf = (values: unknown, ...shape: number[]): Tensor => torch.tensor(values as Float32Array, { shape })

/** Turns each step by a number that depends on its place, and says which sizes of batches it got. */
class Turn extends nn.Module {
  readonly batches: number[][] = []
  constructor(readonly batchFirst: boolean) {
    super()
  }
  override forward(input: Tensor): Tensor {
    this.batches.push([...input.shape])
    return input.cumsum(this.batchFirst ? 1 : 0)
  }
}

class Mean extends nn.Module {
  readonly inputSize = 3
  override forward(input: Tensor): Tensor {
    return input.mean(1)
  }
}

class Throws extends nn.Module {
  readonly inputSize = 1
  readonly weight = new nn.Parameter(torch.ones([1, 1]))
  override forward(input: Tensor): Tensor {
    // Only for some of the requests: a matrix that cannot be inverted.
    return torch.linalg.inv(input.select(1, -1).unsqueeze(-1)).squeeze(-1)
  }
}

describe.each([true, false])('a module with batchFirst %s', (batchFirst) => {
  test('gets sequences of one length together, and keeps their order', async () => {
    const model = new Turn(batchFirst)
    const engine = await engineOf(model, { input: { size: 2 } })
    expect(engine).toMatchObject({ inputSize: 2, outputSize: 2, perStep: true, stateSize: null, numEmbeddings: null })
    model.batches.length = 0
    const inputs = [3, 1, 3, 2, 1, 3].map((length) => random(length, 2))
    const outputs = await engine.run(inputs.map(sequenceOf))
    for (const [i, x] of inputs.entries()) expectClose(tensorOf(outputs[i], x.size(0), 2), x.cumsum(0))
    const shapes = [
      [3, 3, 2],
      [2, 1, 2],
      [1, 2, 2],
    ].map(([n, l, f]) => (batchFirst ? [n, l, f] : [l, n, f]))
    expect(model.batches).toEqual(shapes)
  })

  test('an nn network gives its outputs, without the state', async () => {
    const lstm = new nn.LSTM(2, 3, { batchFirst, bidirectional: true })
    const engine = await engineOf(lstm)
    expect(engine).toMatchObject({ inputSize: 2, outputSize: 6, perStep: true })
    const x = random(4, 2)
    const [output] = await engine.run([sequenceOf(x)])
    expectClose(tensorOf(output, 4, 6), lstm.forward(x)[0].detach())
  })
})

test('a module with one output for each sequence', async () => {
  const engine = await engineOf(new Mean())
  expect(engine).toMatchObject({ inputSize: 3, outputSize: 3, perStep: false, outputShape: [3] })
  const x = random(5, 3)
  const [output] = await engine.run([sequenceOf(x)])
  expectClose(tensorOf(output, 3), x.mean(0))
})

test('a module in double precision', async () => {
  const lstm = new nn.LSTM(2, 3, { dtype: 'float64' })
  const engine = await engineOf(lstm)
  const x = random(4, 2)
  const [output] = await engine.run([sequenceOf(x)])
  expectClose(tensorOf(output, 4, 3), lstm.forward(x.double())[0].detach().float())
})

test('a module of tokens', async () => {
  const embedding = new nn.Embedding(5, 3)
  const engine = await engineOf(embedding)
  expect(engine).toMatchObject({ inputSize: 1, numEmbeddings: 5, outputSize: 3, perStep: true })
  const [output, wrong] = await engine.run([
    { data: Int32Array.of(1, 4), steps: 2 },
    { data: Int32Array.of(1, 5), steps: 2 },
  ])
  expectClose(tensorOf(output, 2, 3), embedding.forward(torch.tensor([1, 4], { dtype: 'int64' })).detach())
  expect(wrong).toMatchObject({
    code: 'ERR_TORCH_INDEX',
    message: 'predict: there are 5 tokens, from 0 to 4; step 1 has another one',
  })
})

test('a module of a fixed number of steps', async () => {
  const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(8, 3))
  const engine = await engineOf(model, { input: { size: 2, steps: 4 } })
  expect(engine).toMatchObject({ outputSize: 3, perStep: false })
  const x = random(4, 2)
  const [output] = await engine.run([sequenceOf(x)])
  expectClose(tensorOf(output, 3), model.forward(x.unsqueeze(0)).squeeze(0).detach())
  await expectRejection(tensorEngine(model, readOptions({ input: { size: 2 } })), 'ERR_TORCH_SHAPE', /shapes cannot be/)
})

test('a TorchScript module', async () => {
  const script = torch.jit.loadSync(new URL('../fixtures/formats/script.pt', import.meta.url))
  await expectRejection(
    tensorEngine(script, readOptions({})),
    'ERR_TORCH_OPTION',
    /ScriptModule does not say what it takes/,
  )
})

describe('a model', () => {
  class Doubled extends GRUModel {
    override forward(...args: Parameters<GRUModel['forward']>): Tensor {
      return super.forward(...args).mul(2)
    }
  }
  const models: [string, () => RecurrentModel][] = [
    ['of peepholes', () => new SequenceModel(new nn.PeepholeLSTM(2, 4, { numLayers: 2 }), 3)],
    ['of ChungGRU, last', () => new SequenceModel(new nn.ChungGRU(2, 4, { batchFirst: true }), 3, { output: 'last' })],
    ['with a projection', () => new LSTMModel(2, 6, 3, { projSize: 4, horizon: 2 })],
    ['with an explicit state', () => new RNNModel(2, 4, 3)],
  ]

  test.each<[string, () => RecurrentModel]>([...models, ['of a subclass', () => new Doubled(2, 4, 3)]])(
    '%s gives what forward gives for each of unequal length',
    async (_, make) => {
      const model = make().eval()
      const engine = await engineOf(model)
      const inputs = [3, 1, 5, 2].map((length) => random(length, 2))
      const outputs = await engine.run(inputs.map(sequenceOf))
      for (const [i, x] of inputs.entries()) {
        const wanted = torch.noGrad(() => model.forward(x))
        expectClose(tensorOf(outputs[i], ...wanted.shape), wanted)
      }
    },
  )

  test.each(models)('%s can be stepped', async (_, make) => {
    const model = make().eval()
    const engine = await engineOf(model)
    const inputs = Array.from({ length: 3 }, () => random(4, 2))
    const slots = Int32Array.from(inputs, () => engine.openSlot())
    let last: Float32Array | undefined
    for (let t = 0; t < 4; t++) {
      const x = Float32Array.from(inputs.flatMap((input) => [...valuesOf(input.select(0, t))]))
      // NaN does not enter the state.
      const spoilt = x.slice()
      spoilt[2] = Number.NaN
      const { failed } = await engine.step(slots.slice(1, 2), spoilt.slice(2, 4))
      expect(failed).toEqual([0])
      const { y } = await engine.step(slots, x)
      for (const [i, input] of inputs.entries()) {
        const so = torch.noGrad(() => model.forward(input.narrow(0, 0, t + 1).unsqueeze(model.batchFirst ? 0 : 1)))
        const row = model.output === 'sequence' ? so.select(model.batchFirst ? 1 : 0, t) : so
        expectClose(
          tensorOf(y.slice(i * engine.outputSize, (i + 1) * engine.outputSize), engine.outputSize),
          row.flatten(),
        )
      }
      last = y
    }
    // A state that is read and given to a new slot goes on alike.
    const copy = engine.openSlot(engine.readSlot(slots[0] as number))
    engine.closeSlot(slots[1] as number)
    const x = valuesOf(random(1, 2))
    const { y } = await engine.step(Int32Array.of(slots[0] as number, copy), Float32Array.of(...x, ...x))
    expect(y.slice(0, engine.outputSize)).toEqual(y.slice(engine.outputSize))
    expect(y).not.toEqual(last)
  })

  test.each<[string, () => nn.Module]>([
    ['of two directions', () => new SequenceModel(new nn.PeepholeLSTM(2, 4, { bidirectional: true }), 3)],
    ['with a mean', () => new GRUModel(2, 4, 3, { output: 'mean' })],
    ['with a forward of its own', () => new Doubled(2, 4, 3)],
    [
      'with a first state of its own',
      () =>
        new (class extends GRUModel {
          protected override initialState(): Tensor {
            return torch.ones([1, 1, 4])
          }
        })(2, 4, 3),
    ],
  ])('%s cannot be stepped', async (_, make) => {
    expect((await engineOf(make())).stateSize).toBe(null)
  })
})

describe('failures', () => {
  test('of one request are its own, also if the whole batch fails', async () => {
    const engine = await engineOf(new Throws(), { warmup: false, input: { steps: 2 } }).catch(async () => {
      // A probe of zeros cannot be inverted, either.
      return undefined
    })
    expect(engine).toBe(undefined)
    class Late extends Throws {
      calls = 0
      override forward(input: Tensor): Tensor {
        return this.calls++ < 2 ? input.select(1, -1) : super.forward(input)
      }
    }
    const late = await engineOf(new Late())
    const rows = await late.run([2, 0, 4].map((value) => ({ data: Float32Array.of(1, value), steps: 2 })))
    expect([rows[0], rows[2]]).toEqual([Float32Array.of(0.5), Float32Array.of(0.25)])
    expect(rows[1]).toMatchObject({ code: 'ERR_TORCH_RUNTIME', message: expect.stringMatching(/singular/) })
    const [alone, other] = await late.run([
      { data: Float32Array.of(0), steps: 1 },
      { data: Float32Array.of(9, 4), steps: 2 },
    ])
    expect(alone).toMatchObject({ code: 'ERR_TORCH_RUNTIME', message: expect.stringMatching(/singular/) })
    expect(other).toEqual(Float32Array.of(0.25))
    // And it goes on.
    expect(await late.run([{ data: Float32Array.of(8), steps: 1 }])).toEqual([Float32Array.of(0.125)])
  })

  test.each<[string, (input: Tensor) => unknown, RegExp]>([
    ['no tensor', () => 'nothing', /the output of Odd.forward must be a Tensor of real numbers, got 'nothing'/],
    [
      'no row for each sequence',
      (input) => input.sum(),
      /for 3 sequences of 4 and 5 steps Odd.forward returns \(\) and \(\)/,
    ],
    [
      'rows that depend on the length',
      (input) => torch.cat([input, input], 1).flatten(1),
      /returns \(3, 8\) and \(3, 10\)/,
    ],
  ])('a module that returns %s is refused', async (_, forward, message) => {
    class Odd extends nn.Module {
      readonly inputSize = 1
      override forward(input: Tensor): Tensor {
        return forward(input) as Tensor
      }
    }
    await expect(tensorEngine(new Odd(), readOptions({}))).rejects.toThrow(message)
  })

  test('tell which value is not finite, unless they may be so', async () => {
    const engine = await engineOf(new Mean())
    const bad = Float32Array.of(1, 2, 3, 4, Number.POSITIVE_INFINITY, 6)
    const [error] = await engine.run([{ data: bad, steps: 2 }])
    expect(error).toMatchObject({
      code: 'ERR_TORCH_NON_FINITE',
      message: expect.stringMatching(/feature 1 of step 1 is NaN or infinite/),
    })
    const open = await engineOf(new Mean(), { rejectNonFinite: false })
    expect(await open.run([{ data: bad, steps: 2 }])).toEqual([Float32Array.of(2.5, Number.POSITIVE_INFINITY, 4.5)])
  })
})

test('no tensor is left, also of batches that failed', async () => {
  const engine = await engineOf(new GRUModel(2, 4, 3))
  const slot = engine.openSlot()
  const work = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      await engine.run([
        sequenceOf(random(3, 2)),
        sequenceOf(random(2, 2)),
        { data: Float32Array.of(Number.NaN, 1), steps: 1 },
      ])
      await engine.step(Int32Array.of(slot), Float32Array.of(1, 2))
      await engine.run([{ data: new Float32Array(3), steps: 2 }]).catch(() => {})
    }
  }
  await work()
  const before = torch.memory().tensors
  await work()
  // Random inputs of the test itself.
  expect(torch.memory().tensors - before).toBeLessThanOrEqual(20)
})

test('a scope of the caller has nothing to do with it', async () => {
  const engine = await engineOf(new GRUModel(2, 4, 3))
  const x = sequenceOf(random(3, 2))
  const wanted = await engine.run([x])
  const running: Promise<unknown>[] = []
  torch.tidy(() => torch.inferenceMode(() => running.push(engine.run([x]))))
  torch.tidy(() => running.push(engine.run([x, x])))
  expect(await Promise.all(running)).toEqual([wanted, [...wanted, ...wanted]])
})

describe('an output of another shape than for the zeros of the start', () => {
  class Changing extends nn.Module {
    constructor(readonly change: (x: Tensor) => Tensor) {
      super()
    }
    started = false
    override forward(x: Tensor): Tensor {
      const last = x.narrow(1, x.size(1) - 1, 1).flatten(1)
      return this.started ? this.change(last) : last
    }
  }

  test.each<[string, (x: Tensor) => Tensor]>([
    ['fewer columns', (x) => x.narrow(1, 0, 1)],
    ['twice the columns', (x) => torch.cat([x, x], 1)],
    ['no rows', (x) => x.narrow(0, 0, 0)],
    ['a scalar', (x) => x.sum()],
    ['a dimension more', (x) => x.unsqueeze(1)],
    ['complex numbers', (x) => torch.complex(x, x)],
  ])('with %s is an error, and not the numbers of others', async (_, change) => {
    const model = new Changing(change)
    const engine = await engineOf(model, { input: { size: 2 } })
    model.started = true
    const batch = [1, 2, 3].map((value) => ({ data: Float32Array.of(value, 10 * value), steps: 1 }))
    for (const one of await engine.run(batch)) {
      expect(one).toMatchObject({ code: expect.stringMatching(/^ERR_TORCH_(SHAPE|TYPE)$/) })
    }
  })

  test('which depends on the length is an error for the lengths that differ', async () => {
    class Last4 extends nn.Module {
      override forward(x: Tensor): Tensor {
        const steps = Math.min(4, x.size(1))
        return x.narrow(1, x.size(1) - steps, steps).flatten(1)
      }
    }
    const engine = await engineOf(new Last4(), { input: { size: 1 } })
    const [short, long] = await engine.run([
      { data: Float32Array.of(1, 1, 1), steps: 3 },
      { data: Float32Array.of(1, 2, 3, 4, 5), steps: 5 },
    ])
    expect(short).toMatchObject({
      code: 'ERR_TORCH_SHAPE',
      message: 'predict: for 1 sequences of 3 steps Last4.forward returned (1, 3), not (1, 4) as for others',
    })
    expect(long).toEqual(Float32Array.of(2, 3, 4, 5))
  })
})
