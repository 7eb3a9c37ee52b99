// Classes that users extend, but do not construct.
import { expect, test } from 'vitest'
import { nn, optim, type Tensor, torch } from '../lib/index.ts'
import { Metric } from '../lib/metrics/index.ts'
import { RecurrentModel } from '../lib/models/index.ts'
import { expectError } from './support/error.ts'

const { Distribution } = torch.distributions

test.each<[string, unknown]>([
  ['RecurrentModule', nn.RecurrentModule],
  ['RecurrentCell', nn.RecurrentCell],
  ['ActivationModule', nn.ActivationModule],
  ['Optimizer', optim.Optimizer],
  ['Distribution', Distribution],
  ['RecurrentModel', RecurrentModel],
  ['LRScheduler', optim.lrScheduler.LRScheduler],
  ['Metric', Metric],
])('%s is abstract, and says so', (name, Class) => {
  for (const args of [[], [1], [{}, {}]]) {
    const construct = (): unknown => Reflect.construct(Class as new () => object, args)
    expectError(construct, 'ERR_TORCH_TYPE', `new ${name}(): ${name} is abstract: extend it, or use a class such as`)
  }
})

test.each<[string, unknown, string]>([
  ['Optimizer', optim.Optimizer, 'update'],
  ['LRScheduler', optim.lrScheduler.LRScheduler, 'getLr'],
  ['Metric', Metric, 'measure'],
])('a subclass of %s without its methods says what it lacks', (name, Base, method) => {
  class Empty extends (Base as new (...args: unknown[]) => object) {}
  const owed = `new Empty(): Empty has no method ${method}, which a subclass of ${name} must have`
  expectError(() => new Empty(), 'ERR_TORCH_NOT_IMPLEMENTED', owed)
})

test('and can be extended', () => {
  class Double extends nn.ActivationModule {
    override forward(x: Tensor): Tensor {
      return x.mul(2)
    }
  }
  class Descent extends optim.Optimizer<{ lr: number }> {
    protected override readonly stateFields = []
    constructor(params: optim.Params<{ lr: number }>) {
      super(params, {}, { lr: 0.5 })
    }
    protected override update(parameter: Tensor, gradient: Tensor): void {
      parameter.sub_(gradient, { alpha: 0.5 })
    }
  }
  const x = torch.ones([1], { requiresGrad: true })
  const optimizer = new Descent([x])
  new Double().forward(x).backward()
  optimizer.step()
  expect(x.item()).toBe(0)
})
