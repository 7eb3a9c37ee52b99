import fc from 'fast-check'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { NamedBatch } from '../../lib/data/index.ts'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, type LSTMModelOptions, RNNModel, SequenceModel } from '../../lib/models/index.ts'
import { native } from '../../lib/tensor/binding.ts'
import { isTensor } from '../../lib/tensor/tensor.ts'
import { criterionOf, type Loss } from '../../lib/train/criterion.ts'
import { type Direct, directOf } from '../../lib/train/direct.ts'
import { Trainer, TrainingStep } from '../../lib/train/index.ts'
import { countedOf } from '../../lib/train/mask.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { collectGarbage } from '../support/garbage.ts'

const MODELS = { LSTM: LSTMModel, GRU: GRUModel, RNN: RNNModel } as const
type Model = LSTMModel | GRUModel | RNNModel | SequenceModel

/** The mean squared error of a batch by the short cut. */
function directGradients(
  model: nn.Module,
  loss: Loss,
): ((input: Tensor, target: Tensor) => Tensor | undefined) | undefined {
  const direct = directOf(model, loss)
  return direct && ((input, target) => direct.gradients({ input, target }))
}

function gradientsOf(model: Model): (Tensor | null)[] {
  return [...model.parameters()].map(({ grad }) => grad)
}

function expectEqual(model: Model, other: Model, loss: Tensor, expected: Tensor): void {
  expect(loss.requiresGrad).toBe(false)
  expectClose(loss, expected.detach(), { rtol: 1e-5 })
  const theirs = gradientsOf(other)
  for (const [i, gradient] of gradientsOf(model).entries()) {
    const wanted = theirs[i] as Tensor | null
    if (wanted === null) expect(gradient).toBeNull()
    else expectClose(gradient as Tensor, wanted, { rtol: 1e-4, atol: 1e-6 })
  }
}

const shape = fc.record({
  kind: fc.constantFrom('LSTM', 'GRU', 'RNN'),
  input: fc.integer({ min: 1, max: 5 }),
  hidden: fc.constantFrom(1, 3, 7, 16, 33),
  output: fc.constantFrom(1, 2, 5, 17),
  last: fc.boolean(),
  steps: fc.integer({ min: 1, max: 6 }),
  batch: fc.integer({ min: 1, max: 20 }),
  numLayers: fc.integer({ min: 1, max: 3 }),
  bidirectional: fc.boolean(),
  batchFirst: fc.boolean(),
  bias: fc.boolean(),
  headBias: fc.boolean(),
  projSize: fc.boolean(),
  backend: fc.constantFrom('auto', 'auto', 'libtorch'),
  set: fc.constantFrom(...native.instructionSets()),
  threads: fc.integer({ min: 1, max: 2 }),
  // What the call has to leave to autograd, or to treat apart.
  frozen: fc.constantFrom('nothing', 'head', 'network', 'first layer', 'biases'),
  twice: fc.boolean(),
  form: fc.constantFrom('batch', 'batch', 'sequence', 'broadcast', 'strided', 'input gradient'),
})

describe('the gradients of a model without a graph', () => {
  // Of targets that have to be broadcast.
  beforeAll(() => void vi.spyOn(process, 'emitWarning').mockImplementation(() => {}))

  it('equal those of autograd, whatever the model', () => {
    const threads = torch.getNumThreads()
    fc.assert(
      fc.property(shape, fc.nat(), (one, seed) => {
        torch.tidy(() => {
          torch.manualSeed(seed)
          native.instructionSet(one.set)
          torch.setNumThreads(one.threads)
          const projSize = one.kind === 'LSTM' && one.projSize && one.hidden > 1 ? one.hidden - 1 : 0
          const { numLayers, bidirectional, batchFirst, bias, backend } = one
          const output = one.last ? 'last' : 'sequence'
          const more = { output, ...(projSize > 0 ? { projSize } : {}) }
          const options = { numLayers, bidirectional, batchFirst, bias, backend, ...more }
          const make = (): Model => {
            const model = new MODELS[one.kind](one.input, one.hidden, one.output, options as LSTMModelOptions)
            if (!one.headBias) model.linear.bias = null
            for (const [name, parameter] of model.namedParameters()) {
              const frozen = {
                nothing: false,
                head: name.startsWith('linear'),
                network: !name.startsWith('linear'),
                'first layer': name.includes('_l0'),
                biases: name.includes('bias'),
              }[one.frozen]
              if (frozen) parameter.requiresGrad_(false)
            }
            return model
          }
          const [model, other] = [make(), make()]
          other.loadStateDict(model.stateDict())
          const [outer, inner] = batchFirst ? [one.batch, one.steps] : [one.steps, one.batch]
          let x = torch.randn(one.form === 'sequence' ? [one.steps, one.input] : [outer, inner, one.input])
          const leading = one.form === 'sequence' ? [one.steps] : [outer, inner]
          const each = one.form === 'sequence' ? [] : [one.batch]
          let y = torch.randn([...(one.last ? each : leading), one.output])
          if (one.form === 'broadcast') y = torch.randn([one.output])
          if (one.form === 'strided')
            [x, y] = [x, y].map((t) => torch.cat([t, t], -1).narrow(-1, 0, t.size(-1))) as [Tensor, Tensor]
          if (one.form === 'input gradient') x.requiresGrad_()
          const direct = directGradients(model, 'mse')
          const criterion = new nn.MSELoss()
          const learns = [...model.parameters()].some(({ requiresGrad }) => requiresGrad)
          for (let i = 0; i < (one.twice ? 2 : 1); i++) {
            if (!learns && !x.requiresGrad) {
              expectError(() => direct?.(x, y), 'ERR_TORCH_AUTOGRAD', 'does not require grad')
              return
            }
            const expected = torch.tidy(() => {
              const loss = criterion.forward(other.forward(x), y)
              if (x.requiresGrad) x.grad = null
              loss.backward()
              return loss.detach()
            })
            const wanted = x.grad
            if (x.requiresGrad) x.grad = null
            expectEqual(model, other, direct?.(x, y) as Tensor, expected)
            if (wanted !== null) expectClose(x.grad as Tensor, wanted, { rtol: 1e-4, atol: 1e-6 })
          }
        })
      }),
      { numRuns: 200 },
    )
    torch.setNumThreads(threads)
    native.instructionSet(native.instructionSets()[0])
  })

  it('come with errors in PyTorch’s words', () => {
    const model = new LSTMModel(3, 4, 2)
    const direct = directGradients(model, 'mse')
    expectError(() => direct?.(torch.zeros([5, 2, 4]), torch.zeros([5, 2, 2])), 'ERR_TORCH_SHAPE', 'Expected 3, got 4')
    expectError(() => direct?.(torch.zeros([5, 2, 3]), torch.zeros([5, 3, 2])), 'ERR_TORCH_SHAPE', 'must match')
    expectError(
      () => torch.noGrad(() => direct?.(torch.zeros([5, 2, 3]), torch.zeros([5, 2, 2]))),
      'ERR_TORCH_AUTOGRAD',
      'does not require grad',
    )
    expect(gradientsOf(model)).toEqual(gradientsOf(model).map(() => null))
  })

  it('are queued in offload, and hold no memory afterwards', async () => {
    const model = new GRUModel(3, 8, 2)
    const direct = directGradients(model, new nn.MSELoss())
    const x = torch.randn([6, 4, 3])
    const y = torch.randn([6, 4, 2])
    const step = (): Promise<Tensor> => torch.offload(() => torch.tidy(() => direct?.(x, y) as Tensor))
    const first = await step()
    expectClose(first, new nn.MSELoss().forward(model.forward(x), y).detach())
    await collectGarbage()
    const { tensors } = torch.memory()
    for (let i = 0; i < 20; i++) (await step()).dispose()
    expect(torch.memory().tensors).toBeLessThanOrEqual(tensors)
  })

  it('are only for what is nothing else', () => {
    const plain = new LSTMModel(3, 4, 2)
    expect(directGradients(plain, 'mse')).toBeDefined()
    expect(directGradients(new SequenceModel(new nn.GRU(3, 4), 2), new nn.MSELoss())).toBeDefined()
    for (const loss of ['l1', 'crossEntropy', new nn.HuberLoss(), new nn.MSELoss({ reduction: 'sum' })] as const) {
      expect(directOf(plain, loss)).toBeDefined()
      // Only a mean of squares has gradients without any graph.
      expect(directGradients(plain, loss)?.(torch.zeros([5, 2, 3]), torch.zeros([5, 2, 2]))).toBeUndefined()
    }
    expect(directOf(plain, (a: Tensor, b: Tensor) => a.sub(b).mean())).toBeUndefined()
    expect(directOf(new nn.Linear(3, 2), 'mse')).toBeUndefined()
    expect(directOf(new SequenceModel(new nn.PeepholeLSTM(3, 4), 2), 'mse')).toBeUndefined()
    for (const more of [{ output: 'mean' }, { output: 'max' }, { embedding: 5 }] as const) {
      expect(directOf(new LSTMModel(3, 4, 2, more), 'mse')).toBeUndefined()
    }
    const batch = { input: torch.zeros([5, 2, 3]), target: torch.zeros([5, 2, 2]) }
    expect(directOf(plain, 'mse')?.output({ ...batch, state: undefined } as unknown as NamedBatch)).toBeDefined()
    expect(directOf(plain, 'mse')?.output({ ...batch, state: torch.zeros([1, 2, 4]) })).toBeUndefined()
    // What a class adds changes nothing.
    class Titled extends RNNModel {
      title = 'mine'
      describe(): string {
        return this.title
      }
    }
    expect(directGradients(new Titled(3, 4, 2), 'mse')).toBeDefined()
  })

  it('are those of a head that was put in later', () => {
    const model = new GRUModel(3, 4, 2)
    const direct = directGradients(model, 'mse')
    const [x, y] = [torch.randn([5, 2, 3]), torch.randn([5, 2, 1])]
    Object.assign(model, { linear: new nn.Linear(4, 1) })
    const expected = new nn.MSELoss().forward(model.forward(x), y).detach()
    expectClose(direct?.(x, y) as Tensor, expected)
    class Own extends nn.Linear {}
    Object.assign(model, { linear: new Own(4, 1) })
    expect(direct?.(x, y)).toBeDefined()
    model.forward = (input) => input as Tensor
    expect(direct?.(x, y)).toBeUndefined()
  })
})

const LOSS_NAMES = ['mse', 'l1', 'smoothL1', 'huber', 'crossEntropy', 'nll', 'bceWithLogits', 'poissonNll'] as const
const DROPOUT = 0.4

const batches = fc
  .record({
    kind: fc.constantFrom('LSTM', 'GRU', 'RNN'),
    hidden: fc.constantFrom(1, 3, 16, 33),
    output: fc.constantFrom(1, 3, 17),
    steps: fc.integer({ min: 1, max: 6 }),
    batch: fc.integer({ min: 1, max: 9 }),
    numLayers: fc.integer({ min: 1, max: 3 }),
    bidirectional: fc.boolean(),
    batchFirst: fc.boolean(),
    headBias: fc.boolean(),
    last: fc.boolean(),
    backend: fc.constantFrom('auto', 'auto', 'libtorch'),
    dropout: fc.constantFrom(0, DROPOUT, 1),
    outputDropout: fc.constantFrom(0, DROPOUT, 1),
    trains: fc.constantFrom(true, true, false),
    frozen: fc.constantFrom('nothing', 'head', 'network', 'first layer'),
    threads: fc.integer({ min: 1, max: 2 }),
    set: fc.constantFrom(...native.instructionSets()),
    loss: fc.constantFrom(...LOSS_NAMES, 'quantile', 'weighted classes'),
    lengths: fc.boolean(),
    mask: fc.boolean(),
    weight: fc.boolean(),
    times: fc.integer({ min: 1, max: 2 }),
  })
  // One class is refused.
  .map((one) =>
    one.loss === 'crossEntropy' || one.loss === 'weighted classes' ? { ...one, output: one.output + 1 } : one,
  )
type Drawn = typeof batches extends fc.Arbitrary<infer One> ? One : never

/** A batch whose parts, except input and target, are drawn. */
function batchOf({ loss, output, last, batchFirst, batch, steps, ...parts }: Drawn): NamedBatch {
  const grid = batchFirst ? [batch, steps] : [steps, batch]
  const leading = last ? [batch] : grid
  const classes = loss === 'crossEntropy' || loss === 'nll' || loss === 'weighted classes'
  const values = torch.rand([...leading, loss === 'quantile' ? 1 : output])
  return {
    input: torch.randn([...grid, 2]),
    target: classes ? torch.randint(0, output, leading) : values,
    ...(parts.lengths ? { lengths: torch.randint(1, steps + 1, [batch]) } : {}),
    ...(parts.mask ? { mask: torch.rand(leading).gt(0.3) } : {}),
    ...(parts.weight ? { weight: torch.rand(leading) } : {}),
  }
}

function lossOf({ loss, output }: Drawn): Loss {
  if (loss === 'quantile') {
    return new nn.QuantileLoss({ quantiles: Array.from({ length: output }, (_, i) => (i + 1) / (output + 1)) })
  }
  return loss === 'weighted classes' ? new nn.CrossEntropyLoss({ weight: torch.rand([output]).add(0.1) }) : loss
}

describe('the output of a model with a graph of one node', () => {
  it('trains as that of autograd, by all losses of the library', () => {
    const threads = torch.getNumThreads()
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    fc.assert(
      fc.property(batches, fc.nat(), (one, seed) => {
        torch.tidy(() => {
          torch.manualSeed(seed)
          native.instructionSet(one.set)
          torch.setNumThreads(one.threads)
          const { numLayers, bidirectional, batchFirst, backend, dropout, outputDropout } = one
          const make = (): Model => {
            const model = new MODELS[one.kind](2, one.hidden, one.output, {
              ...{ numLayers, bidirectional, batchFirst, backend, dropout, outputDropout },
              output: one.last ? 'last' : 'sequence',
            })
            if (!one.headBias) model.linear.bias = null
            for (const [name, parameter] of model.namedParameters()) {
              const frozen = {
                nothing: false,
                head: name.startsWith('linear'),
                network: !name.startsWith('linear'),
                'first layer': name.includes('_l0') && numLayers > 1,
              }[one.frozen]
              if (frozen) parameter.requiresGrad_(false)
            }
            return one.trains ? model.train() : model.eval()
          }
          const [model, other] = [make(), make()]
          other.loadStateDict(model.stateDict())
          const loss = lossOf(one)
          const criterion = criterionOf('Trainer', loss)
          const direct = directOf(model, loss)
          for (let i = 0; i < one.times; i++) {
            const batch = batchOf(one)
            const { input, lengths = null } = batch
            const counted = countedOf('Trainer', batch, !one.last, batchFirst)
            torch.manualSeed(seed + 1)
            const wanted = other.forward(input, { lengths })
            const expected = criterion(wanted, batch, counted)
            if (expected.loss.requiresGrad) expected.loss.backward()
            torch.manualSeed(seed + 1)
            const output = direct?.output(batch) as Tensor
            expectClose(output.detach(), wanted.detach())
            const found = criterion(output, batch, counted)
            if (found.loss.requiresGrad) found.loss.backward()
            expectEqual(model, other, found.loss.detach(), expected.loss)
          }
        })
      }),
      { numRuns: 200 },
    )
    torch.setNumThreads(threads)
    native.instructionSet(native.instructionSets()[0])
    vi.restoreAllMocks()
  })

  it('is that of a head with a horizon, of a single sequence, and of a packed one', () => {
    const options = { output: 'last', horizon: 2, batchFirst: true } as const
    const model = new LSTMModel(3, 4, 2, options)
    const direct = directOf(model, 'l1') as Direct
    const target = torch.zeros([5, 2, 2])
    const x = torch.randn([5, 6, 3])
    for (const batch of [
      { input: x, target },
      { input: x.index(0), target },
      { input: x, target, lengths: torch.tensor([1, 6, 3, 2, 2], { dtype: 'int64' }) },
    ]) {
      const { input, lengths = null } = batch as NamedBatch
      expectClose((direct.output(batch) as Tensor).detach(), model.forward(input, { lengths }).detach())
    }
    // There is no other graph than that of a step.
    expect(direct.gradients({ input: x, target })).toBeUndefined()
  })

  it('has gradients once, and none of its own', () => {
    const model = new GRUModel(3, 4, 1)
    const batch = { input: torch.randn([5, 2, 3]), target: torch.zeros([5, 2, 1]) }
    const output = directOf(model, 'l1')?.output(batch) as Tensor
    expect(output.gradFn).toBe('RecurrentModelBackward')
    const sum = output.sum()
    expectError(
      () => sum.backward(null, { createGraph: true }),
      'ERR_TORCH_AUTOGRAD',
      'Double backwards is not supported',
    )
    expect(gradientsOf(model)).toEqual(gradientsOf(model).map(() => null))
    sum.backward(null, { retainGraph: true })
    const [once] = gradientsOf(model).map((gradient) => (gradient as Tensor).clone())
    sum.backward()
    expectClose(gradientsOf(model)[0] as Tensor, (once as Tensor).mul(2))
    expectError(() => sum.backward(), 'ERR_TORCH_AUTOGRAD', 'second time')
  })

  it('knows its shape before it is computed', async () => {
    const x = torch.randn([5, 7, 3])
    for (const [options, shape] of [
      [{ batchFirst: true, output: 'last' }, [5, 2]],
      [{ batchFirst: false, output: 'last' }, [7, 2]],
      [{ output: 'sequence' }, [5, 7, 2]],
    ] as const) {
      const direct = directOf(new LSTMModel(3, 4, 2, options), 'l1')
      const busy = torch.randn([1500, 1500])
      const output = await torch.offload(() => {
        busy.matmul(busy)
        const output = direct?.output({ input: x, target: x }) as Tensor
        expect(output.shape).toEqual(shape)
        expect(output.pending).toBe(true)
        return output
      })
      expect(output.shape).toEqual(shape)
    }
  })
})

type Method = (...args: unknown[]) => unknown
// No part of what a class offers.
const INTERNAL = new Set(['constructor'])

/** The names of all methods and accessors of a class, down to Module. */
function membersOf(Class: { prototype: object }): string[] {
  const names = new Set<string>()
  for (let level = Class.prototype; level !== Object.prototype; level = Object.getPrototypeOf(level)) {
    for (const name of Object.getOwnPropertyNames(level)) if (!INTERNAL.has(name)) names.add(name)
  }
  return [...names].sort()
}

/** A class that overrides one member of another: what comes out is twice as much, where that can be said. */
function overriding<Class extends new (...args: never[]) => object>(Base: Class, name: string): Class {
  const Derived = class extends (Base as unknown as new (...args: unknown[]) => object) {} as unknown as Class
  const original = findDescriptor(Base.prototype, name)
  const changed = (value: unknown): unknown => {
    if (isTensor(value)) return value.mul(2).add(1)
    return Array.isArray(value) && value.every(isTensor) ? value.map(changed) : value
  }
  if (original.get !== undefined) {
    Object.defineProperty(Derived.prototype, name, original)
  } else {
    const method = original.value as Method
    Object.defineProperty(Derived.prototype, name, {
      ...original,
      value(this: object, ...args: unknown[]) {
        return changed(method.apply(this, args))
      },
    })
  }
  return Derived
}

function findDescriptor(prototype: object, name: string): PropertyDescriptor {
  for (let level = prototype; ; level = Object.getPrototypeOf(level)) {
    const descriptor = Object.getOwnPropertyDescriptor(level, name)
    if (descriptor !== undefined) return descriptor
  }
}

describe('a class of one’s own is trained by what it computes', () => {
  const [x, y] = [torch.randn([3, 5, 2]), torch.randn([3, 5, 1])]
  const options = { batchFirst: true } as const
  const loss = new nn.MSELoss()

  async function expectOwn(model: Model, criterion: 'mse' | nn.MSELoss = 'mse'): Promise<void> {
    const module = criterion === 'mse' ? loss : criterion
    const expected = module.forward(model.forward(x), y).detach()
    const optimizer = (parameters: Iterable<Tensor>) => new optim.SGD(parameters, { lr: 0 })
    const step = new TrainingStep(model, { optimizer: optimizer(model.parameters()), loss: criterion })
    expectClose(step.run(x, y), expected)
    const trainer = new Trainer(model, { epochs: 1, loss: criterion, optimizer, progress: false, shuffle: false })
    expectClose((await trainer.fit([x, y])).trainLosses, [expected.item<number>()])
  }

  const models = [LSTMModel, GRUModel, RNNModel] as const
  it.each(models.flatMap((Class) => membersOf(Class).map((name) => [Class, name] as const)))(
    '%o that overrides %s',
    async (Base, name) => {
      torch.manualSeed(0)
      const model = new (overriding(Base, name))(2, 4, 1, options)
      // Whatever `network` is, the short cut takes it.
      if (name !== 'network') expect(directGradients(model, 'mse')).toBeUndefined()
      await expectOwn(model)
    },
  )

  it.each(membersOf(SequenceModel))('a SequenceModel that overrides %s', async (name) => {
    const model = new (overriding(SequenceModel, name))(new nn.GRU(2, 4, options), 1)
    expect(directGradients(model, 'mse')).toBeUndefined()
    await expectOwn(model)
  })

  it.each(membersOf(nn.LSTM))('a network that overrides %s', async (name) => {
    const model = new SequenceModel(new (overriding(nn.LSTM, name))(2, 4, options), 1)
    expect(directGradients(model, 'mse')).toBeUndefined()
    await expectOwn(model)
  })

  it.each(membersOf(nn.Linear))('a head that overrides %s', async (name) => {
    const model = new LSTMModel(2, 4, 1, options)
    Object.assign(model, { linear: new (overriding(nn.Linear, name))(4, 1) })
    expect(directGradients(model, 'mse')).toBeUndefined()
    await expectOwn(model)
  })

  it.each(membersOf(nn.MSELoss))('a loss that overrides %s', async (name) => {
    const model = new LSTMModel(2, 4, 1, options)
    const criterion = new (overriding(nn.MSELoss, name))()
    expect(directGradients(model, criterion)).toBeUndefined()
    await expectOwn(model, criterion)
  })

  it('an RNN that begins with another state', async () => {
    class Warm extends RNNModel {
      override zeroState(input: Tensor): Tensor {
        return super.zeroState(input).add(1)
      }
    }
    const model = new Warm(2, 4, 1, options)
    const plain = new RNNModel(2, 4, 1, options)
    plain.loadStateDict(model.stateDict())
    expect(loss.forward(model.forward(x), y).item()).not.toBeCloseTo(
      loss.forward(plain.forward(x), y).item<number>(),
      3,
    )
    await expectOwn(model)
  })
})
