import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  BatchNorm1d,
  Conv1d,
  Embedding,
  GRU,
  Linear,
  Module,
  ModuleDict,
  ModuleList,
  Parameter,
  ParameterDict,
  ParameterList,
  PReLU,
  ReLU,
  Sequential,
  Tanh,
} from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

interface Container {
  repr: string
  names: string[]
  length: number
  children: string[]
  modules: string[]
  parameters: string[]
  buffers: string[]
}

const { containers } = readFixture<{ containers: Record<string, Container> }>('layers')

const block = (): Sequential => new Sequential(new Linear(2, 2), new ReLU())

const made: Record<string, () => Module> = {
  'parameter list': () => new ParameterList([torch.zeros([2, 3]), new Parameter(torch.zeros([]))]),
  'one parameter': () => new ParameterList([torch.zeros([4], { dtype: 'float64' })]),
  'no parameters': () => new ParameterList(),
  'parameter dict': () => new ParameterDict({ b: torch.zeros([2]), a: torch.zeros([1, 2], { dtype: 'float64' }) }),
  'one named parameter': () => new ParameterDict({ small: torch.zeros([2], { dtype: 'float16' }) }),
  'parameters twice': () => {
    const weight = new Parameter(torch.zeros([2]))
    return new ParameterList([weight, weight])
  },
  'parameters within': () =>
    new ModuleDict<Record<string, Module>>({
      a: new ParameterList([torch.zeros([2, 3])]),
      b: new ParameterDict({ c: torch.zeros([1]), d: torch.zeros([1]) }),
    }),
  empty: () => new ModuleDict({ a: new Sequential(), b: new ModuleList(), c: new ModuleDict() }),
  named: () => new Sequential({ hidden: new Linear(2, 3), activation: new Tanh() }),
  list: () => new ModuleList<Module>([block(), block(), new Linear(2, 1), new Linear(2, 1), new Linear(3, 1), block()]),
  dict: () =>
    new ModuleDict<Record<string, Module>>([
      ['size', new Linear(2, 1)],
      ['2', block()],
      ['1', new PReLU()],
    ]),
  norm: () => new Sequential(new Conv1d(2, 2, 1), new BatchNorm1d(2), new Embedding(2, 2)),
  twice: () => {
    const linear = new Linear(2, 3)
    return new Sequential(linear, linear)
  },
  buffers: () => {
    const norm = new BatchNorm1d(2)
    return new Sequential(norm, norm)
  },
  deep: () => {
    const shared = block()
    return new ModuleList<Module>([shared, new Sequential(shared), new Linear(2, 3), shared[0] as Module])
  },
  entries: () => {
    const linear = new Linear(2, 3)
    return new ModuleDict<Record<string, Module>>({ a: linear, b: linear, c: new ModuleList([linear]) })
  },
  tied: () => {
    const [a, b] = [new Linear(2, 2), new Linear(2, 2, { bias: false })]
    b.weight = a.weight
    return new ModuleDict({ a, b })
  },
}

const names = (named: Iterable<[string, unknown]>): string[] => [...named].map(([name]) => name)

test.each(Object.entries(containers))('%s prints, and names what it has, as in PyTorch', (name, expected) => {
  const make = made[name] ?? expect.fail(`no module for ${name}`)
  const module = make()
  expect({
    repr: String(module),
    names: Object.keys(module.stateDict()),
    length: 'size' in module ? module.size : (module as ModuleList).length,
    children: names(module.namedChildren()),
    modules: names(module.namedModules()),
    parameters: names(module.namedParameters()),
    buffers: names(module.namedBuffers()),
  }).toEqual(expected)
  expect([...module.children()]).toHaveLength(expected.children.length)
  const other = make()
  expect(other.loadStateDict(module.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] })
  for (const [path, tensor] of Object.entries(other.stateDict())) {
    expect(tensor.equal(module.stateDict()[path] as Tensor), path).toBe(true)
  }
})

describe('a module that is used twice', () => {
  test('is listed by each name, loaded by each, and the last one counts', () => {
    const linear = new Linear(1, 1)
    const model = new Sequential(linear, linear)
    expect([...model]).toEqual([linear, linear])
    expect([model.at(1), model.length]).toEqual([linear, 2])
    const [weight, bias] = [torch.tensor([[2]]), torch.tensor([1])]
    model.loadStateDict({ '0.weight': weight, '0.bias': bias, '1.weight': torch.tensor([[3]]), '1.bias': bias })
    expect(model.forward(torch.tensor([1])).toArray()).toEqual([13])
    const half = { '0.weight': weight, '0.bias': bias }
    expectError(
      () => model.loadStateDict(half),
      'ERR_TORCH_VALUE',
      'Missing key(s) in state_dict: "1.weight", "1.bias"',
    )
    expect(model.loadStateDict(half, { strict: false }).missingKeys).toEqual(['1.weight', '1.bias'])
    expect(linear.weight.toArray()).toEqual([[2]])
  })

  test('can be moved in a list', () => {
    const [a, b] = [new ReLU(), new Tanh()]
    const list = new ModuleList<Module>([a, a])
    expect([...list.append(a).insert(1, b)]).toEqual([a, b, a, a])
    expect([list.pop(0), ...list]).toEqual([a, b, a, a])
    expect(list.length).toBe(3)
  })

  test('that knows the module it is in ends there', () => {
    class Child extends Module {
      linear = new Linear(1, 1)
      parent: Module | undefined
      override forward(x: Tensor): Tensor {
        return this.linear.forward(x)
      }
    }
    const child = new Child()
    const model = new Sequential(child)
    child.parent = model
    expect(Object.keys(model.stateDict())).toEqual(['0.linear.weight', '0.linear.bias'])
    expect(Object.keys(child.stateDict())).toEqual(['linear.weight', 'linear.bias'])
  })
})

describe('Sequential', () => {
  test('calls its modules one after the other', async () => {
    const [a, b] = [new Linear(2, 3), new Linear(3, 1)]
    const x = torch.randn([4, 2])
    const expected = b.forward(a.forward(x).tanh())
    const named = new Sequential({ a, activation: new Tanh(), b })
    expect(new Sequential(a, new Tanh(), b).forward(x).equal(expected)).toBe(true)
    expect(named.forward(x).equal(expected)).toBe(true)
    expect((await torch.offload(() => named.forward(x))).equal(expected)).toBe(true)
    expect(new Sequential().forward(x)).toBe(x)
    expect([...named]).toEqual([a, named.at(1), b])
    expect((named as unknown as { b: Linear }).b).toBe(b)
  })

  test('trains as one: modes, dtypes and gradients reach all', () => {
    const model = new Sequential(block(), new Linear(2, 1)).eval().to('float64')
    expect([...model.modules()].some(({ training }) => training)).toBe(false)
    model
      .forward(torch.ones([1, 2], { dtype: 'float64' }))
      .sum()
      .backward()
    const grads = [...model.parameters()].map(({ grad }) => grad?.dtype)
    expect(grads).toEqual(['float64', 'float64', 'float64', 'float64'])
  })

  test('with names of its own has no places to move to', () => {
    const named = new Sequential({ a: new ReLU() })
    expectError(() => named.insert(0, new ReLU()), 'ERR_TORCH_VALUE', /modules with custom names/)
    expectError(() => named.pop(), 'ERR_TORCH_VALUE', /modules with custom names/)
    expect(named.append(new Tanh()).length).toBe(2)
  })
})

describe('ModuleList', () => {
  test('belongs to the module that has it', () => {
    class Stack extends Module {
      layers = new ModuleList(Array.from({ length: 3 }, () => new GRU(2, 2)))
      override forward(x: Tensor): Tensor {
        let output = x
        for (const layer of this.layers) [output] = layer.forward(output)
        return output
      }
    }
    const stack = new Stack()
    expect(Object.keys(stack.stateDict()).slice(-2)).toEqual(['layers.2.bias_ih_l0', 'layers.2.bias_hh_l0'])
    expect([...stack.parameters()]).toHaveLength(12)
    expect(stack.forward(torch.zeros([1, 1, 2])).shape).toEqual([1, 1, 2])
    const replacement = new GRU(2, 2)
    stack.layers[1] = replacement
    expect([...stack.layers][1]).toBe(replacement)
  })

  test('does to its modules what an array does to its elements', () => {
    const module = fc.constant(null).map(() => new ReLU())
    const step = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), module }),
      fc.record({ kind: fc.constant('extend' as const), modules: fc.array(module, { maxLength: 3 }) }),
      fc.record({ kind: fc.constant('insert' as const), module, index: fc.integer({ min: -6, max: 6 }) }),
      fc.record({ kind: fc.constant('pop' as const), index: fc.integer({ min: -6, max: 6 }) }),
    )
    fc.assert(
      fc.property(fc.array(module, { maxLength: 4 }), fc.array(step, { maxLength: 12 }), (start, steps) => {
        const list = new ModuleList(start)
        const array = [...start]
        for (const one of steps) {
          if (one.kind === 'append') array.push(list.append(one.module) && one.module)
          else if (one.kind === 'extend') array.push(...(list.extend(one.modules) && one.modules))
          else if (one.kind === 'insert') {
            if (one.index < -array.length || one.index > array.length) {
              expectError(() => list.insert(one.index, one.module), 'ERR_TORCH_INDEX', /Index out of range: /)
            } else {
              list.insert(one.index, one.module)
              array.splice(one.index, 0, one.module)
            }
          } else if (array.at(one.index) === undefined) {
            expectError(() => list.pop(one.index), 'ERR_TORCH_INDEX', /is out of range/)
          } else {
            expect(list.pop(one.index)).toBe(array.splice(one.index, 1)[0])
          }
          expect([...list]).toEqual(array)
          expect(list.length).toBe(array.length)
          expect([...list.namedChildren()].map(([name]) => name)).toEqual(array.map((_, i) => String(i)))
          for (const [i, module] of array.entries()) {
            expect(list[i] === module && list.at(i) === module && list.at(i - array.length) === module).toBe(true)
          }
        }
      }),
      { numRuns: 50 },
    )
  })

  test('takes modules only', () => {
    expectError(() => new ModuleList([new ReLU(), 3 as never]), 'ERR_TORCH_TYPE', /must be a Module, got 3/)
    const list = new ModuleList([new ReLU()])
    expectError(() => list.insert(0, {} as never), 'ERR_TORCH_TYPE', /must be a Module/)
    expect(list.length).toBe(1)
    expectError(() => list.at(0.5), 'ERR_TORCH_INDEX', /index 0.5 is out of range/)
  })
})

describe('ModuleDict', () => {
  test('is a map of modules, whatever their names', () => {
    const dict = new ModuleDict({ get: new Linear(1, 2), forward: new ReLU() })
    expect(dict.get('get').outFeatures).toBe(2)
    expect([dict.size, dict.has('forward'), dict.has('size')]).toEqual([2, true, false])
    expect([...dict.keys()]).toEqual(['get', 'forward'])
    expect([...dict.values()]).toEqual([...dict.children()])
    expect([...dict]).toEqual([...dict.entries()])
    const relu = new ReLU()
    expect([...dict.set('forward', relu).keys()]).toEqual(['get', 'forward'])
    expect(dict.pop('forward')).toBe(relu)
    expect(dict.update([['forward', relu]]).size).toBe(2)
    dict.clear()
    expect([dict.size, Object.keys(dict.stateDict())]).toEqual([0, []])
  })

  test('refuses what has no name, and what is no module', () => {
    const dict = new ModuleDict<Record<string, Module>>({ a: new ReLU() })
    expectError(() => dict.get('b'), 'ERR_TORCH_VALUE', /no module 'b'; there are a/)
    expectError(() => new ModuleDict<Record<string, Module>>().pop('b'), 'ERR_TORCH_VALUE', /there are none/)
    expectError(() => dict.set('a.b', new ReLU()), 'ERR_TORCH_VALUE', /module name can't contain "."/)
    expectError(() => dict.set(1 as never, new ReLU()), 'ERR_TORCH_TYPE', /module name should be a string. Got 1/)
    expectError(() => dict.set('b', 1 as never), 'ERR_TORCH_TYPE', /must be a Module, got 1/)
    expect(dict.size).toBe(1)
  })
})

describe('ParameterList', () => {
  test('is a list of parameters, and makes parameters of tensors', () => {
    const [a, b] = [torch.ones([2]), new Parameter(torch.zeros([1]), { requiresGrad: false })]
    const list = new ParameterList([a, b])
    expect(list[0]).toBeInstanceOf(Parameter)
    expect([list[1] === b, list.at(-1) === b, list.length]).toEqual([true, true, 2])
    a.fill_(5)
    expect(list[0]?.toArray()).toEqual([5, 5])
    const c = new Parameter(torch.ones([3]))
    expect([...list.append(torch.ones([4])).insert(0, c)].map(({ shape }) => shape[0])).toEqual([3, 2, 1, 4])
    expect(list.pop(0)).toBe(c)
    expect([...list.namedParameters()].map(([name]) => name)).toEqual(['0', '1', '2'])
  })

  test('belongs to the module that has it, and learns', () => {
    class Scaled extends Module {
      scales = new ParameterList([torch.ones([1]), torch.ones([1])])
      override forward(x: Tensor): Tensor {
        return [...this.scales].reduce((output, scale) => output.mul(scale), x)
      }
    }
    const model = new Scaled().double()
    expect(Object.keys(model.stateDict())).toEqual(['scales.0', 'scales.1'])
    model
      .forward(torch.ones([2], { dtype: 'float64' }))
      .sum()
      .backward()
    expect([...model.parameters()].map(({ grad }) => grad?.toArray())).toEqual([[2], [2]])
    expect(model.getParameter('scales.1')).toBe(model.scales[1])
  })

  test('takes nothing else', () => {
    expectError(() => new ParameterList([1 as never]), 'ERR_TORCH_TYPE', /expected an nn.Parameter or a Tensor, got 1/)
    expectError(
      () => new ParameterList(torch.ones([2]) as never),
      'ERR_TORCH_TYPE',
      /ParameterList.extend: elements must be an iterable/,
    )
    expectError(() => new ParameterList().pop(), 'ERR_TORCH_INDEX', /out of range/)
  })
})

describe('ParameterDict', () => {
  test('is a map of parameters, whatever their names', () => {
    const dict = new ParameterDict({ get: torch.ones([2]), training: torch.zeros([1]) })
    expect(dict.get('get')).toBeInstanceOf(Parameter)
    expect([dict.size, dict.training, [...dict.keys()]]).toEqual([2, true, ['get', 'training']])
    expect([...dict.parameters()]).toEqual([...dict.values()])
    expect(dict.getParameter('training')).toBe(dict.get('training'))
    const parameter = new Parameter(torch.ones([3]))
    expect(dict.set('get', parameter).get('get')).toBe(parameter)
    expect(dict.pop('get')).toBe(parameter)
    expect(Object.keys(dict.stateDict())).toEqual(['training'])
    expect(dict.half().get('training').dtype).toBe('float16')
  })

  test('refuses what has no name, and what is no tensor', () => {
    const dict = new ParameterDict<Record<string, Tensor>>({ a: torch.ones([1]) })
    expectError(() => dict.get('b'), 'ERR_TORCH_VALUE', /ParameterDict: no parameter 'b'; there are a/)
    expectError(() => dict.set('a.b', torch.ones([1])), 'ERR_TORCH_VALUE', /parameter name can't contain "."/)
    expectError(() => dict.set('', torch.ones([1])), 'ERR_TORCH_VALUE', /can't be empty/)
    expectError(() => dict.set(1 as never, torch.ones([1])), 'ERR_TORCH_TYPE', /name should be a string. Got 1/)
    expectError(() => dict.set('b', 1 as never), 'ERR_TORCH_TYPE', /got 1/)
    expectError(() => new ParameterDict(1 as never), 'ERR_TORCH_TYPE', /update should be called with/)
    expect(dict.size).toBe(1)
  })
})

test('Sequential says which module returns more than a tensor', () => {
  const model = new Sequential(new Linear(2, 2), new GRU(2, 3) as never, new Linear(3, 1))
  expectError(
    () => model.forward(torch.ones([4, 2])),
    'ERR_TORCH_TYPE',
    /^Sequential: module 1 \(GRU\) returned an array; modules here take and return one Tensor/,
  )
})
