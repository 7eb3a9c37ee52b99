import { expect, test } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import { SGD } from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

const { registerParametrization, isParametrized, removeParametrizations, ParametrizationList, cached } =
  nn.utils.parametrize

class Symmetric extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x.triu().add(x.triu(1).T)
  }
  rightInverse(x: Tensor): Tensor {
    return x.triu()
  }
}

class Scaled extends nn.Module {
  readonly factor: number
  constructor(factor: number) {
    super()
    this.factor = factor
  }
  override forward(x: Tensor): Tensor {
    return x.mul(this.factor)
  }
  rightInverse(x: Tensor): Tensor {
    return x.div(this.factor)
  }
}

/** The outer product of two vectors. */
class RankOne extends nn.Module {
  override forward(x: Tensor, y: Tensor): Tensor {
    return torch.outer(x, y)
  }
  rightInverse(z: Tensor): [Tensor, Tensor] {
    const first = z.index(0, 0)
    return [z.index(torch.slice(), 0).div(first), z.index(0)]
  }
}

/** Without an inverse. */
class Squared extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x.pow(2)
  }
}

const grid = (): Tensor => torch.arange(1, 10).to('float32').reshape([3, 3])
const SYMMETRIC = [
  [1, 2, 3],
  [2, 5, 6],
  [3, 6, 9],
]

function make(): nn.Linear {
  const linear = new nn.Linear(3, 3)
  linear.loadStateDict({ weight: grid(), bias: torch.zeros([3]) })
  return linear
}

test('one parametrization: the value, its gradient, names and text', () => {
  const linear = registerParametrization(make(), 'weight', new Symmetric())
  expectClose(linear.weight, SYMMETRIC)
  expect(linear).toBeInstanceOf(nn.Linear)
  expect(Object.keys(linear.stateDict())).toEqual(['bias', 'parametrizations.weight.original'])
  expect([...linear.namedParameters()].map(([name]) => name)).toEqual(['bias', 'parametrizations.weight.original'])
  expect(String(linear)).toBe(
    `ParametrizedLinear(
  in_features=3, out_features=3, bias=True
  (parametrizations): ModuleDict(
    (weight): ParametrizationList(
      (0): Symmetric()
    )
  )
)`,
  )
  linear.forward(torch.eye(3)).index(0, 1).backward()
  // Row 0 of the output has column 0 of the weight; entry (1, 0) is the original's (0, 1).
  expectClose(linear.parametrizations.get('weight').original?.grad as Tensor, [
    [0, 1, 0],
    [0, 0, 0],
    [0, 0, 0],
  ])
  const other = registerParametrization(new nn.Linear(3, 3), 'weight', new Symmetric())
  other.loadStateDict(linear.stateDict())
  expectClose(other.weight, SYMMETRIC)
})

test('the original stays the same parameter, so an optimizer made before goes on', () => {
  const linear = make()
  const { weight } = linear
  const optimizer = new SGD(linear.parameters(), { lr: 1 })
  const { parametrizations } = registerParametrization(linear, 'weight', new Symmetric())
  expect(parametrizations.get('weight').original).toBe(weight)
  expectClose(weight, [
    [1, 2, 3],
    [0, 5, 6],
    [0, 0, 9],
  ])
  linear.weight.sum().backward()
  optimizer.step()
  expectClose(linear.weight, [
    [0, 0, 1],
    [0, 4, 4],
    [1, 4, 8],
  ])
})

test('a tensor that is assigned goes through the inverses, and stays its owner', () => {
  const linear = registerParametrization(make(), 'weight', new Symmetric())
  registerParametrization(linear, 'weight', new Scaled(2))
  expectClose(linear.weight, torch.tensor(SYMMETRIC).mul(2))
  const value = torch.tensor(SYMMETRIC).mul(4)
  linear.weight = value as nn.Parameter
  expectClose(linear.weight, value)
  value.zero_()
  expectClose(linear.weight, torch.tensor(SYMMETRIC).mul(4))
  expectClose(linear.parametrizations.get('weight').original as Tensor, [
    [2, 4, 6],
    [0, 10, 12],
    [0, 0, 18],
  ])
  const scaled = registerParametrization(make(), 'weight', new Scaled(1))
  const same = torch.ones([3, 3])
  scaled.weight = same as nn.Parameter
  same.zero_()
  expectClose(scaled.weight, torch.ones([3, 3]))
})

test('one of several tensors', () => {
  const linear = registerParametrization(make(), 'weight', new RankOne())
  expect(Object.keys(linear.stateDict())).toEqual([
    'bias',
    'parametrizations.weight.original0',
    'parametrizations.weight.original1',
  ])
  const [x, y] = linear.parametrizations.get('weight').originals as [nn.Parameter, nn.Parameter]
  expect([x, y].map((each) => each instanceof nn.Parameter && each.toArray())).toEqual([
    [1, 4, 7],
    [1, 2, 3],
  ])
  linear.weight.sum().backward()
  expect(x.grad?.toArray()).toEqual([6, 6, 6])
  expect(y.grad?.toArray()).toEqual([12, 12, 12])
  const value = torch.outer(torch.tensor([2, 4, 6]), torch.tensor([1, 0, -1]))
  linear.weight = value as nn.Parameter
  expectClose(linear.weight, value)
  expectError(
    () => removeParametrizations(linear, 'weight', { leaveParametrized: false }),
    'ERR_TORCH_VALUE',
    'Cannot leave unparametrized',
  )
  removeParametrizations(linear, 'weight')
  expect(linear.weight).toBeInstanceOf(nn.Parameter)
  expect(linear.weight).toMatchObject({ isLeaf: true, requiresGrad: true })
  expectClose(linear.weight, value)
})

test('removing gives the module back', () => {
  for (const leaveParametrized of [true, false]) {
    const linear = make()
    const { weight, bias } = linear
    registerParametrization(linear, 'weight', new Symmetric())
    registerParametrization(linear, 'bias', new Scaled(3))
    expect([isParametrized(linear), isParametrized(linear, 'weight'), isParametrized(linear, 'x')]).toEqual([
      true,
      true,
      false,
    ])
    expect(removeParametrizations(linear, 'weight', { leaveParametrized })).toBe(linear)
    expect(linear.constructor.name).toBe('ParametrizedLinear')
    expect(nn.utils.parametrize.typeBeforeParametrizations(linear)).toBe(nn.Linear)
    removeParametrizations(linear, 'bias')
    expect(linear.constructor).toBe(nn.Linear)
    expect(nn.utils.parametrize.typeBeforeParametrizations(linear)).toBe(nn.Linear)
    expect(isParametrized(linear)).toBe(false)
    expect(Object.keys(linear)).not.toContain('parametrizations')
    expect([linear.weight, linear.bias]).toEqual([weight, bias])
    expect(linear.weight).toBe(weight)
    expectClose(
      linear.weight,
      leaveParametrized
        ? SYMMETRIC
        : [
            [1, 2, 3],
            [0, 5, 6],
            [0, 0, 9],
          ],
    )
  }
})

test('a buffer stays one', () => {
  class Counter extends nn.Module {
    count = new nn.Buffer(torch.ones([2]), { persistent: false })
    override forward(): Tensor {
      return this.count
    }
  }
  const counter = registerParametrization(new Counter(), 'count', new Scaled(0.5))
  expect(counter.forward().toArray()).toEqual([1, 1])
  expect(counter.parametrizations.get('count').original).toBeInstanceOf(nn.Buffer)
  expect([...counter.parameters()]).toEqual([])
  expect(Object.keys(counter.stateDict())).toEqual([])
  expect(counter.double().forward().dtype).toBe('float64')
  removeParametrizations(counter, 'count')
  expect([...counter.namedBuffers()].map(([name, buffer]) => [name, buffer.persistent])).toEqual([['count', false]])

  const several = new Counter()
  several.count = new nn.Buffer(
    torch.tensor([
      [2, 4],
      [1, 2],
    ]),
  )
  registerParametrization(several, 'count', new RankOne())
  expect([...several.namedBuffers()].map(([name]) => name)).toEqual([
    'parametrizations.count.original0',
    'parametrizations.count.original1',
  ])
  removeParametrizations(several, 'count')
  expect(Object.keys(several.stateDict())).toEqual(['count'])
  expect(several.count.toArray()).toEqual([
    [2, 4],
    [1, 2],
  ])
})

test('training mode, hooks, dtype and other modules of the class', () => {
  const linear = make().eval()
  const scaled = new Scaled(2)
  registerParametrization(linear, 'weight', scaled)
  expect(scaled.training).toBe(false)
  linear.train()
  expect(scaled.training).toBe(true)
  const seen: unknown[] = []
  const handle = linear.registerForwardHook((module) => void seen.push(module))
  linear.forward(torch.ones([3]))
  handle.remove()
  expect(seen).toEqual([linear])
  expect(linear.double().weight.dtype).toBe('float64')
  expect(make().weight).toBeInstanceOf(nn.Parameter)
  expectError(() => linear.registerParameter('weight', null), 'ERR_TORCH_VALUE', "attribute 'weight' already exists")
  // Another network with the same weights.
  const twin = registerParametrization(make(), 'weight', new Scaled(2))
  expect(Object.getPrototypeOf(twin)).not.toBe(Object.getPrototypeOf(linear))
})

test('temporaries are freed', () => {
  const linear = registerParametrization(
    registerParametrization(make(), 'weight', new Symmetric()),
    'weight',
    new Scaled(2),
  )
  torch.noGrad(() => {
    torch.tidy(() => void linear.weight)
    const { tensors } = torch.memory()
    const value = linear.weight
    expect(torch.memory().tensors - tensors).toBe(1)
    value.dispose()
    linear.weight = torch.tidy(() => torch.ones([3, 3])) as nn.Parameter
    expect(torch.memory().tensors - tensors).toBeLessThanOrEqual(1)
  })
})

test('unsafe parametrizations may change shape and dtype', () => {
  class Half extends nn.Module {
    override forward(x: Tensor): Tensor {
      return x.narrow(0, 0, 1).double()
    }
  }
  const linear = make()
  expectError(
    () => registerParametrization(linear, 'weight', new Half()),
    'ERR_TORCH_VALUE',
    "parametrize: the result of a parametrization must have the dtype of the tensor, 'float32', got 'float64'",
  )
  expect(isParametrized(linear)).toBe(false)
  registerParametrization(linear, 'weight', new Half(), { unsafe: true })
  expect(linear.weight).toMatchObject({ shape: [1, 3], dtype: 'float64' })
  registerParametrization(linear, 'weight', new Scaled(2))
  expectClose(linear.weight, [[2, 4, 6]])
})

test('what does not fit is refused, and changes nothing', () => {
  class Wrong extends nn.Module {
    readonly result: unknown
    readonly rightInverse?: (x: Tensor) => Tensor
    constructor(result: unknown, inverse?: unknown) {
      super()
      this.result = result
      if (inverse !== undefined) this.rightInverse = () => inverse as Tensor
    }
    override forward(x: Tensor): Tensor {
      return (this.result ?? x) as Tensor
    }
  }
  const linear = make()
  const state = JSON.stringify(Object.entries(linear.stateDict()).map(([name, value]) => [name, value.toArray()]))
  const refuse = (module: unknown, name: unknown, parametrization: unknown, code: string, message: string): void => {
    expectError(
      () => registerParametrization(module as nn.Linear, name as string, parametrization as Symmetric),
      code as 'ERR_TORCH_TYPE',
      message,
    )
  }
  refuse({}, 'weight', new Symmetric(), 'ERR_TORCH_TYPE', 'module must be a Module')
  refuse(linear, 3, new Symmetric(), 'ERR_TORCH_TYPE', 'name must be a string, got 3')
  refuse(linear, 'weight', { forward: () => 0 }, 'ERR_TORCH_TYPE', 'parametrization must be a Module')
  refuse(linear, 'weight', linear, 'ERR_TORCH_VALUE', 'a module cannot parametrize its own tensor')
  refuse(linear, 'weight', new nn.Sequential(linear), 'ERR_TORCH_VALUE', 'a module cannot parametrize its own tensor')
  refuse(linear, 'inFeatures', new Symmetric(), 'ERR_TORCH_VALUE', "Linear has no parameter or buffer 'inFeatures'")
  refuse(linear, 'a.weight', new Symmetric(), 'ERR_TORCH_VALUE', 'pass the module that has it')
  refuse(linear, 'weight', new Wrong(3), 'ERR_TORCH_TYPE', 'the result of a parametrization must be a Tensor, got 3')
  refuse(
    linear,
    'weight',
    new Wrong(torch.ones([2])),
    'ERR_TORCH_VALUE',
    'must have the shape of the tensor, [3, 3], got [2]',
  )
  refuse(linear, 'weight', new Wrong(null, 'x'), 'ERR_TORCH_TYPE', 'must be a Tensor or an array of Tensors')
  refuse(linear, 'weight', new Wrong(null, []), 'ERR_TORCH_TYPE', 'must be a Tensor or an array of Tensors')
  refuse(
    linear,
    'weight',
    new Wrong(null, torch.ones([1]).double()),
    'ERR_TORCH_VALUE',
    'the result of rightInverse must have the dtype',
  )
  refuse(
    new nn.ParameterDict({ a: torch.ones([1]) }),
    'a',
    new Symmetric(),
    'ERR_TORCH_VALUE',
    'elements of a ParameterDict',
  )
  expectError(
    () => registerParametrization(linear, 'weight', new Symmetric(), { safe: false } as never),
    'ERR_TORCH_OPTION',
    'unsafe',
  )
  expectError(
    () => removeParametrizations(linear, 'weight'),
    'ERR_TORCH_VALUE',
    'Linear does not have a parametrization on weight',
  )
  expectError(
    () => removeParametrizations(linear, 'weight', { leave: true } as never),
    'ERR_TORCH_OPTION',
    'leaveParametrized',
  )
  expectError(() => isParametrized(3 as never), 'ERR_TORCH_TYPE', 'module must be a Module, got 3')
  expect(JSON.stringify(Object.entries(linear.stateDict()).map(([name, value]) => [name, value.toArray()]))).toBe(state)
  expect(isParametrized(linear)).toBe(false)

  registerParametrization(linear, 'weight', new Symmetric())
  refuse(linear, 'weight', new Wrong(torch.ones([2])), 'ERR_TORCH_VALUE', 'must have the shape of the tensor')
  refuse(
    linear,
    'weight',
    new Wrong(null, torch.ones([2])),
    'ERR_TORCH_VALUE',
    'the result of rightInverse must have the shape',
  )
  expect(linear.getSubmodule('parametrizations.weight')).toHaveLength(1)
  const assign = (value: unknown): void => void Object.assign(linear, { weight: value })
  expectError(() => assign(3), 'ERR_TORCH_TYPE', 'value must be a Tensor, got 3')
  expectError(() => assign(torch.ones([3, 3]).double()), 'ERR_TORCH_VALUE', 'must have the dtype')
  const squared = registerParametrization(make(), 'weight', new Squared())
  expectError(
    () => Object.assign(squared, { weight: grid() }),
    'ERR_TORCH_NOT_IMPLEMENTED',
    'parametrization Squared does not implement rightInverse.',
  )
  const rank = registerParametrization(make(), 'weight', new RankOne())
  registerParametrization(rank, 'weight', new Wrong(null, torch.ones([3, 3])))
  Object.assign(rank.parametrizations.get('weight')[0] as RankOne, { rightInverse: (x: Tensor) => x })
  expectError(
    () => Object.assign(rank, { weight: grid() }),
    'ERR_TORCH_VALUE',
    'as many tensors as are stored, 2, got 1',
  )
  expectError(() => new ParametrizationList([], linear.bias as nn.Parameter), 'ERR_TORCH_VALUE', 'one or more modules')
  expectError(
    () => new ParametrizationList([new Squared()], grid() as never),
    'ERR_TORCH_TYPE',
    'a Parameter or a Buffer',
  )
})

test('cached computes each tensor once', async () => {
  const linear = registerParametrization(make(), 'weight', new Scaled(2))
  expect(linear.weight).not.toBe(linear.weight)
  const run = (): [Tensor, Tensor] => {
    // Neither freed by a tidy within, nor without a graph because of a noGrad within.
    const first = torch.tidy(() => torch.noGrad(() => linear.weight))
    torch.tidy(() => void linear.weight)
    const again = cached(() => linear.weight)
    expect(again).toBe(first)
    expect(first.requiresGrad).toBe(true)
    linear.weight = torch.ones([3, 3]) as nn.Parameter
    expectClose(linear.weight, torch.ones([3, 3]))
    return [first, linear.weight]
  }
  const [first, second] = cached(run)
  expect(linear.weight).not.toBe(second)
  expectClose(first, grid())
  await cached(async () => {
    const before = linear.weight
    await new Promise((resolve) => setImmediate(resolve))
    expect(linear.weight).toBe(before)
  })
  const { tensors } = torch.memory()
  torch.tidy(() => cached(() => void linear.forward(torch.ones([3]))))
  expect(torch.memory().tensors).toBeLessThanOrEqual(tensors)
  expectError(() => cached(3 as never), 'ERR_TORCH_TYPE', 'cached: fn must be a function')
})

test('cached gives a cell in a loop the same dropped weights', () => {
  const cell = nn.utils.parametrizations.weightDrop(new nn.RNNCell(2, 16), 'weight_hh')
  const x = torch.randn([5, 1, 2])
  torch.manualSeed(1)
  const weight = cell.weight_hh
  torch.manualSeed(1)
  const h = cached(() => [...x].reduce<Tensor | null>((state, step) => cell.forward(step, state), null)) as Tensor
  const plain = new nn.RNNCell(2, 16)
  const { weight_ih, bias_ih, bias_hh } = cell
  plain.loadStateDict({ weight_ih, weight_hh: weight, bias_ih, bias_hh } as nn.StateDict)
  expectClose(h, [...x].reduce<Tensor | null>((state, step) => plain.forward(step, state), null) as Tensor)
})
