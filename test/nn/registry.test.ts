import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  BatchNorm1d,
  Buffer,
  Identity,
  Linear,
  LSTM,
  LSTMCell,
  Module,
  ModuleList,
  MSELoss,
  NLLLoss,
  Parameter,
  ParameterList,
  Sequential,
} from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

interface Members {
  parameters: string[]
  buffers: string[]
  children: string[]
  saved: string[]
}

interface Fixture {
  assigned: ({ before: string; values: string[]; error?: string } & Members)[]
  elements: ({ container: string; index: number; value: string; error?: string; length: number } & Members)[]
}

const { assigned, elements } = readFixture<Fixture>('assignments')

const VALUES: Record<string, () => unknown> = {
  parameter: () => new Parameter(torch.ones([2])),
  buffer: () => new Buffer(torch.ones([2])),
  'transient buffer': () => new Buffer(torch.ones([2]), { persistent: false }),
  tensor: () => torch.ones([2]),
  module: () => new Linear(1, 1),
  none: () => null,
  number: () => 3,
}

const names = (members: Iterable<[string, unknown]>): string[] => [...members].map(([name]) => name)

const membersOf = (module: Module): Members => ({
  parameters: names(module.namedParameters()),
  buffers: names(module.namedBuffers()),
  children: names(module.namedChildren()),
  saved: Object.keys(module.stateDict()),
})

class Field extends Module {
  x: unknown
  constructor(value: unknown) {
    super()
    this.x = value
    this.eval()
  }
  override forward(): void {}
}

describe('a value that is assigned to a registered name', () => {
  test.each(assigned)('becomes what it becomes in PyTorch: %j', ({ before, values, error, ...expected }) => {
    const module = new Field(VALUES[before]?.())
    const assign = (): void => {
      for (const value of values) module.x = VALUES[value]?.()
    }
    if (error === undefined) {
      assign()
      expect(membersOf(module)).toEqual(expected)
      return
    }
    const [, wanted = ''] = error.replaceAll('torch.', '').replace('None', 'null').split("' as ")
    const { message } = expectError(assign, 'ERR_TORCH_TYPE', /^cannot assign /)
    expect(message.replace('; for a computed weight, delete the property first', '').endsWith(` as ${wanted}`)).toBe(
      true,
    )
  })

  test('shares the memory of an assigned tensor, keeps its dtype, and moves with the module', () => {
    const module = new Field(new Buffer(torch.zeros([2])))
    const mean = torch.ones([3])
    torch.tidy(() => {
      module.x = mean
    })
    mean.fill_(4)
    expect((module.x as Tensor).toArray()).toEqual([4, 4, 4])
    expect((module.double().x as Tensor).dtype).toBe('float64')
  })

  test('is checked after any call that asks for members', () => {
    class Plain extends Module {
      scale = new Parameter(torch.ones([1]))
      head = new Linear(1, 1)
      override forward(): void {}
    }
    for (const ask of [
      (module: Module) => module.parameters().next(),
      (module: Module) => module.eval(),
      (module: Module) => module.stateDict(),
      (module: Module) => String(module),
    ]) {
      const module = new Plain()
      ask(module)
      expectError(
        () => Object.assign(module, { scale: torch.ones([1]) }),
        'ERR_TORCH_TYPE',
        /^cannot assign .* as parameter 'scale' .*delete the property first$/,
      )
      expectError(() => Object.assign(module, { head: 5 }), 'ERR_TORCH_TYPE', "cannot assign 5 as child module 'head'")
      expect(names(module.namedParameters())).toEqual(['scale', 'head.weight', 'head.bias'])
    }
  })

  test('is checked in this library from the start', () => {
    const wrong = torch.ones([1]) as never
    const cases: [Module, string][] = [
      [new Linear(1, 1), 'weight'],
      [new LSTM(1, 1), 'bias_hh_l0'],
      [new LSTMCell(1, 1), 'weight_hh'],
      [new BatchNorm1d(1), 'bias'],
    ]
    for (const [module, name] of cases) {
      expectError(() => Object.assign(module, { [name]: wrong }), 'ERR_TORCH_TYPE', `as parameter '${name}'`)
    }
    const norm = new BatchNorm1d(1)
    Object.assign(norm, { running_mean: torch.tensor([3]) })
    const loss = new NLLLoss({ weight: torch.ones([2]) })
    Object.assign(loss, { weight: torch.tensor([1, 2]) })
    expect(norm.double().running_mean).toBeInstanceOf(Buffer)
    expect(loss.double().weight?.dtype).toBe('float64')
    expect(new MSELoss().stateDict()).toEqual({})
  })

  test('is free again after the property is deleted, until it holds a member again', () => {
    const linear = new Linear(1, 1)
    Reflect.deleteProperty(linear, 'weight')
    linear.weight = torch.ones([1, 1]) as never
    expect(names(linear.namedParameters())).toEqual(['bias'])
    linear.weight = new Parameter(torch.ones([1, 1]))
    expect(names(linear.namedParameters())).toEqual(['bias', 'weight'])
    expectError(() => Object.assign(linear, { weight: 1 }), 'ERR_TORCH_TYPE', "as parameter 'weight'")
  })

  test("leaves a user's own getter and a frozen module alone", () => {
    const module = new Field(null)
    const parameter = new Parameter(torch.ones([1]))
    Object.defineProperty(module, 'x', { get: () => parameter, enumerable: true, configurable: true })
    expect([...module.parameters()]).toEqual([parameter])
    expect(Object.getOwnPropertyDescriptor(module, 'x')?.set).toBeUndefined()
    const frozen = Object.freeze(
      new (class extends Module {
        scale = parameter
        override forward(): void {}
      })(),
    )
    expect([...frozen.parameters()]).toEqual([parameter])
  })
})

describe('assigning to an index', () => {
  const containers: Record<string, () => ParameterList | ModuleList | Sequential> = {
    ParameterList: () => new ParameterList([torch.zeros([1]), torch.zeros([1])]),
    ModuleList: () => new ModuleList([new Identity(), new Identity()]),
    Sequential: () => new Sequential(new Identity(), new Identity()),
  }

  test.each(elements)('does what it does in PyTorch: %j', ({ container, index, value, error, length, ...expected }) => {
    const list = containers[container]?.() as ModuleList
    const assign = (): void => {
      list[index] = VALUES[value]?.() as Module
    }
    if (error === undefined) {
      assign()
      expect({ ...membersOf(list), length: list.length }).toEqual({ ...expected, length })
      expect(list.at(index)).toBeInstanceOf(container === 'ParameterList' ? Parameter : Linear)
    } else {
      expect(error).toBe('IndexError')
      expectError(assign, 'ERR_TORCH_INDEX', `index ${index} is out of range`)
      expect(Object.keys(list)).not.toContain(String(index))
    }
  })

  test('takes nothing that cannot be an element', () => {
    const parameters = new ParameterList([torch.zeros([1])])
    const modules = new ModuleList([new Identity()])
    const list = parameters as unknown as unknown[]
    expectError(() => Object.assign(list, [5]), 'ERR_TORCH_TYPE', /expected an nn.Parameter or a Tensor, got 5/)
    expectError(() => Object.assign(modules, [torch.ones([1])]), 'ERR_TORCH_TYPE', /module must be a Module/)
    expectError(() => Object.assign(modules, { '-1': 5 }), 'ERR_TORCH_TYPE', /module must be a Module/)
    expect([parameters.length, modules.length]).toEqual([1, 1])
  })

  test('replaces the module at a position of a Sequential with names', () => {
    const model = new Sequential({ first: new Identity(), second: new Identity() })
    model[-1] = new Linear(1, 1)
    expect([...model.namedChildren()].map(([name, child]) => `${name} ${child.constructor.name}`)).toEqual([
      'first Identity',
      'second Linear',
    ])
  })

  test('other properties are as in any module', () => {
    const list = new ModuleList([new Identity()]) as ModuleList & Record<string, unknown>
    list.note = 'text'
    expect([list.note, list.length]).toEqual(['text', 1])
  })
})

test('whatever is assigned in whatever order, a name holds one member, or nothing', () => {
  const kinds = Object.keys(VALUES)
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...kinds), { maxLength: 8 }), (values) => {
      const module = new Field(new Parameter(torch.ones([1])))
      for (const value of values) {
        const before = module.x
        const given = VALUES[value]?.()
        try {
          module.x = given
          // A tensor has become a buffer.
          expect(module.x === given || (value === 'tensor' && module.x instanceof Buffer)).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_TORCH_TYPE' })
          expect(module.x).toBe(before)
        }
        const { parameters, buffers, children, saved } = membersOf(module)
        expect(parameters.filter((name) => name === 'x')).toHaveLength(module.x instanceof Parameter ? 1 : 0)
        expect(buffers).toEqual(module.x instanceof Buffer ? ['x'] : [])
        expect(children).toEqual(module.x instanceof Module ? ['x'] : [])
        const isSaved = module.x instanceof Parameter || (module.x instanceof Buffer && module.x.persistent)
        expect(saved.includes('x')).toBe(isSaved)
      }
    }),
  )
})
