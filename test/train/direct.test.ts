import fc from 'fast-check'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, RNNModel, SequenceModel } from '../../lib/models/index.ts'
import { native } from '../../lib/tensor/binding.ts'
import { isTensor } from '../../lib/tensor/tensor.ts'
import { directGradients } from '../../lib/train/direct.ts'
import { Trainer, TrainingStep } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { collectGarbage } from '../support/garbage.ts'

const MODELS = { LSTM: LSTMModel, GRU: GRUModel, RNN: RNNModel } as const
type Model = LSTMModel | GRUModel | RNNModel | SequenceModel

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
          const options = { numLayers, bidirectional, batchFirst, bias, backend, ...(projSize > 0 ? { projSize } : {}) }
          const make = (): Model => {
            const model = new MODELS[one.kind](one.input, one.hidden, one.output, options as nn.RNNOptions)
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
          let y = torch.randn(one.form === 'sequence' ? [one.steps, one.output] : [outer, inner, one.output])
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
      { numRuns: 300 },
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
    expect(torch.memory().tensors).toBe(tensors)
  })

  it('are only for what is nothing else', () => {
    const plain = new LSTMModel(3, 4, 2)
    expect(directGradients(plain, 'mse')).toBeDefined()
    expect(directGradients(new SequenceModel(new nn.GRU(3, 4), 2), new nn.MSELoss())).toBeDefined()
    expect(directGradients(plain, 'l1')).toBeUndefined()
    expect(directGradients(plain, new nn.MSELoss({ reduction: 'sum' }))).toBeUndefined()
    expect(directGradients(plain, (a, b) => a.sub(b).mean())).toBeUndefined()
    expect(directGradients(new nn.Linear(3, 2), 'mse')).toBeUndefined()
    expect(directGradients(new SequenceModel(new nn.PeepholeLSTM(3, 4), 2), 'mse')).toBeUndefined()
    for (const more of [{ output: 'last' }, { horizon: 2 }, { outputDropout: 0.1 }, { embedding: 5 }] as const) {
      expect(directGradients(new LSTMModel(3, 4, 2, more), 'mse')).toBeUndefined()
    }
    // What a class adds changes nothing.
    class Titled extends RNNModel {
      title = 'mine'
      describe(): string {
        return this.title
      }
    }
    expect(directGradients(new Titled(3, 4, 2), 'mse')).toBeDefined()
  })

  it('are left to autograd while there is dropout before the head', () => {
    const model = new GRUModel(3, 4, 2)
    const direct = directGradients(model, 'mse')
    const [x, y] = [torch.randn([5, 2, 3]), torch.randn([5, 2, 2])]
    model.outputDropout = 0.5
    expect(direct?.(x, y)).toBeUndefined()
    expect(gradientsOf(model)).toEqual(gradientsOf(model).map(() => null))
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
