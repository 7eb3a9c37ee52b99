import { describe, expect, test } from 'vitest'
import { Buffer, Dropout, GRU, Linear, LSTM, Module, ModuleDict, MSELoss, Parameter, RNN } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'
import { collectGarbage } from '../support/garbage.ts'

const fixture = readFixture<{
  initial: { module: string; values: Record<string, number[]> }[]
  repr: Record<string, string>
  errors: Record<string, string>
}>('nn')

class Sequential extends Module {
  0 = new Linear(8, 2)
  1 = new Dropout(0.25)
  override forward(x: Tensor): Tensor {
    return this[1].forward(this[0].forward(x))
  }
}

class Both extends Module {
  lstm = new LSTM(3, 4, { numLayers: 2, batchFirst: true, dropout: 0.5, bidirectional: true })
  head = new Sequential()
  override forward(x: Tensor): Tensor {
    return this.head.forward(this.lstm.forward(x)[0])
  }
}

class Counter extends Module {
  weight = new Parameter(torch.ones([2]))
  count = new Buffer(torch.zeros([1], { dtype: 'int64' }))
  shared = this.weight
  override forward(x: Tensor): Tensor {
    return x.mul(this.weight)
  }
}

test.each(fixture.initial.map((one) => [one.module, one] as const))(
  "%s starts with PyTorch's weights",
  (_, { module, values }) => {
    torch.manualSeed(7)
    const made: Record<string, () => Module> = {
      LSTM: () => new LSTM(3, 4, { numLayers: 2, bidirectional: true, projSize: 2 }),
      GRU: () => new GRU(3, 4, { bias: false }),
      RNN: () => new RNN(3, 4),
      Linear: () => new Linear(3, 4),
    }
    const dict = (made[module] as () => Module)().stateDict()
    expect(Object.keys(dict)).toEqual(Object.keys(values))
    for (const [name, tensor] of Object.entries(dict)) {
      expectClose(Array.from(tensor.toTypedArray() as Float32Array), values[name] as number[], { rtol: 1e-7, atol: 0 })
    }
  },
)

test('prints as PyTorch does', () => {
  expect(String(new Both())).toBe(fixture.repr.both)
  expect(String(new LSTM(3, 4, { bias: false, projSize: 2 }))).toBe(fixture.repr.LSTM)
  expect(String(new RNN(3, 4, { nonlinearity: 'relu' }))).toBe(fixture.repr.RNN)
  expect(String(new MSELoss())).toBe(fixture.repr.MSELoss)
})

describe('members', () => {
  test('are found by assignment, in order, each once', () => {
    expect([...new Both().namedParameters()].map(([name]) => name).slice(-3)).toEqual([
      'lstm.bias_hh_l1_reverse',
      'head.0.weight',
      'head.0.bias',
    ])
    const counter = new Counter()
    expect([...counter.namedParameters()].map(([name]) => name)).toEqual(['weight'])
    expect([...counter.namedBuffers()].map(([name]) => name)).toEqual(['count'])
    expect(Object.keys(counter.stateDict())).toEqual(['weight', 'shared', 'count'])
    expect([...new Both().namedModules()].map(([name]) => name)).toEqual(['', 'lstm', 'head', 'head.0', 'head.1'])
    expect([...new Both().children()]).toHaveLength(2)
  })

  test('survive tidy', () => {
    const model = torch.tidy(() => new Both())
    expect(model.eval().forward(torch.zeros([1, 2, 3])).shape).toEqual([1, 2, 2])
  })
})

test('train and eval reach all modules', () => {
  const model = new Both().eval()
  expect([...model.modules()].some((module) => module.training)).toBe(false)
  const x = torch.ones([2, 3, 3])
  expect(model.forward(x).equal(model.forward(x))).toBe(true)
  model.train()
  expect(model.forward(x).equal(model.forward(x))).toBe(false)
  expectError(() => model.train(1 as never), 'ERR_TORCH_VALUE', /training mode is expected to be boolean/)
})

test('to converts in place, with gradients', () => {
  const model = new Counter()
  const { weight } = model
  model
    .forward(torch.ones([2]))
    .sum()
    .backward()
  expect(model.to('float64')).toBe(model)
  expect(model.weight).toBe(weight)
  expect([weight.dtype, weight.grad?.dtype, model.count.dtype]).toEqual(['float64', 'float64', 'int64'])
  expect(weight.requiresGrad && weight.isLeaf).toBe(true)
  model
    .forward(torch.ones([2], { dtype: 'float64' }))
    .sum()
    .backward()
  expect(weight.grad?.toArray()).toEqual([2, 2])
  expectError(() => model.to('int64'), 'ERR_TORCH_TYPE', /only accepts floating point or complex dtypes/)
  expectError(() => model.to({ dtyp: 'float32' } as never), 'ERR_TORCH_OPTION', /did you mean 'dtype'/)
  expectError(() => model.to(3 as never), 'ERR_TORCH_TYPE', /expected a dtype, a device/)
})

test('zeroGrad, requiresGrad_ and apply', () => {
  const model = new Counter()
  model
    .forward(torch.ones([2]))
    .sum()
    .backward()
  model.zeroGrad({ setToNone: false })
  expect(model.weight.grad?.toArray()).toEqual([0, 0])
  model.zeroGrad()
  expect(model.weight.grad).toBe(null)
  expect(model.requiresGrad_(false).weight.requiresGrad).toBe(false)
  const names: string[] = []
  new Both().apply((module) => void names.push(module.constructor.name))
  expect(names).toEqual(['LSTM', 'Linear', 'Dropout', 'Sequential', 'Both'])
})

describe('loadStateDict', () => {
  test('copies, so that two models agree', () => {
    const [one, other] = [new Both().eval(), new Both().eval()]
    expect(other.loadStateDict(one.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] })
    const x = torch.randn([1, 4, 3])
    expect(other.forward(x).equal(one.forward(x))).toBe(true)
    torch.noGrad(() => one.head[0].bias?.fill_(9))
    expect(other.forward(x).equal(one.forward(x))).toBe(false)
  })

  test('converts dtypes', () => {
    const linear = new Linear(1, 1)
    linear.loadStateDict({ weight: torch.tensor([[3n]]), bias: torch.tensor([0.5], { dtype: 'float64' }) })
    expect(linear.forward(torch.tensor([2])).toArray()).toEqual([6.5])
  })

  test('lists what does not fit, and then changes nothing', () => {
    const linear = new Linear(3, 2)
    const before = linear.weight.clone()
    const load =
      (dict: Record<string, Tensor>, strict = true) =>
      () =>
        linear.loadStateDict(dict, { strict })
    const extra = { weight: torch.zeros([2, 3]), extra: torch.zeros([1]) }
    expect(expectError(load(extra), 'ERR_TORCH_VALUE', /./).message).toBe(fixture.errors['missing and unexpected'])
    const sizes = { weight: torch.zeros([2, 4]), bias: torch.zeros([2]) }
    expect(expectError(load(sizes, false), 'ERR_TORCH_VALUE', /./).message).toBe(fixture.errors['size mismatch'])
    expect(linear.weight.equal(before)).toBe(true)
    expect(linear.loadStateDict(extra, { strict: false })).toEqual({ missingKeys: ['bias'], unexpectedKeys: ['extra'] })
    expectError(
      () => linear.loadStateDict(null as never),
      'ERR_TORCH_TYPE',
      /the state dict must be an object of names/,
    )
    expectError(() => linear.loadStateDict(Promise.resolve({}) as never), 'ERR_TORCH_TYPE', /got Promise: await it$/)
    expectError(
      () => linear.loadStateDict({ weight: 1 as never, bias: torch.zeros([2]) }),
      'ERR_TORCH_VALUE',
      /expected torch.Tensor/,
    )
  })
})

test('parameters outlive the garbage of their making', async () => {
  const models = Array.from({ length: 20 }, () => new LSTM(4, 4))
  await collectGarbage()
  for (const model of models) expect(model.forward(torch.zeros([1, 1, 4]))[0].shape).toEqual([1, 1, 4])
})

describe('paths', () => {
  const model = new Both()

  test('lead to modules, parameters and buffers', () => {
    expect(model.getSubmodule('')).toBe(model)
    expect(model.getSubmodule('head.0')).toBe(model.head[0])
    expect(model.getParameter('head.0.weight')).toBe(model.head[0].weight)
    const counter = new Counter()
    expect(counter.getParameter('weight')).toBe(counter.weight)
    expect(counter.getBuffer('count')).toBe(counter.count)
    const dict = new ModuleDict({ get: counter })
    expect(dict.getSubmodule('get')).toBe(counter)
    expect(dict.getBuffer('get.count')).toBe(counter.count)
  })

  test.each<[string, () => unknown]>([
    ['submodule', () => model.getSubmodule('head.2')],
    ['submodule of a weight', () => model.getSubmodule('head.0.weight')],
    ['parameter', () => model.getParameter('head.0.wait')],
    ['parameter of a module', () => model.getParameter('head.0')],
    ['parameter below nothing', () => model.getParameter('tail.weight')],
    ['buffer', () => model.getBuffer('mean')],
    ['buffer of a weight', () => model.getBuffer('head.0.weight')],
  ])("that lead nowhere are refused in PyTorch's words: %s", (name, call) => {
    expect(expectError(call, 'ERR_TORCH_VALUE', '').message).toBe(fixture.errors[name])
  })

  test('are strings', () => {
    expectError(
      () => model.getSubmodule(1 as never),
      'ERR_TORCH_TYPE',
      /getSubmodule: the path must be a string, got 1/,
    )
    expectError(
      () => model.getBuffer(null as never),
      'ERR_TORCH_TYPE',
      /getBuffer: the path must be a string, got null/,
    )
  })
})

describe('what is registered by name', () => {
  test('belongs to the module as if it had been assigned', () => {
    class Empty extends Module {
      declare mean: Buffer
      override forward(): void {}
    }
    const model = new Empty()
    model.registerBuffer('mean', torch.ones([2]))
    model.registerParameter('weight', new Parameter(torch.ones([1])))
    model.registerParameter('bias', null)
    model.addModule('linear', new Linear(1, 1))
    expect(Object.keys(model.stateDict())).toEqual(['weight', 'mean', 'linear.weight', 'linear.bias'])
    expect(model.mean.toArray()).toEqual([1, 1])
    model.registerBuffer('mean', null)
    expect([...model.buffers()]).toEqual([])
    model.registerBuffer('mean', torch.zeros([1]))
    model.registerParameter('bias', new Parameter(torch.ones([1])))
    expect(model.getParameter('bias').toArray()).toEqual([1])
  })

  test('in a ModuleDict is one of its modules', () => {
    const dict = new ModuleDict<Record<string, Module>>()
    dict.addModule('size', new Linear(1, 1))
    expect([...dict.keys()]).toEqual(['size'])
  })

  const model = new Both()
  test.each<[string, () => unknown]>([
    ['register taken', () => model.registerBuffer('head', torch.zeros([1]))],
    ['register empty', () => model.registerBuffer('', torch.zeros([1]))],
    ['register parameter empty', () => model.registerParameter('', null)],
    ['register parameter taken', () => model.registerParameter('forward', null)],
    ['add taken', () => model.addModule('training', new Dropout())],
    ['add dot', () => model.addModule('a.b', new Dropout())],
  ])("is refused in PyTorch's words: %s", (name, call) => {
    expect(expectError(call, 'ERR_TORCH_VALUE', '').message).toBe(fixture.errors[name])
  })

  test('is of the right kind', () => {
    const [wrong, module] = [1 as never, new Linear(1, 1)]
    expectError(() => model.registerBuffer('a', wrong), 'ERR_TORCH_TYPE', /cannot assign 1 to buffer 'a'/)
    expectError(() => model.registerBuffer(wrong, null), 'ERR_TORCH_TYPE', /buffer name should be a string. Got 1/)
    expectError(() => model.registerParameter('a', torch.zeros([1]) as never), 'ERR_TORCH_TYPE', /to parameter 'a'/)
    expectError(() => model.addModule('a', wrong), 'ERR_TORCH_TYPE', /module 'a' must be a Module, got 1/)
    expectError(() => model.addModule('__proto__', module), 'ERR_TORCH_VALUE', /'__proto__' already exists/)
    expectError(
      () => model.registerBuffer('a', torch.zeros([1]), { persist: false } as never),
      'ERR_TORCH_OPTION',
      /'persistent'/,
    )
  })
})

test('buffers that are not persistent are moved, and neither saved nor loaded', () => {
  class Masked extends Module {
    mask = new Buffer(torch.ones([2]), { persistent: false })
    mean = new Buffer(torch.zeros([2]))
    override forward(x: Tensor): Tensor {
      return x.mul(this.mask)
    }
  }
  const model = new Masked()
  model.registerBuffer('other', torch.ones([1]), { persistent: false })
  expect([model.mask.persistent, model.mean.persistent]).toEqual([false, true])
  expect([...model.namedBuffers()].map(([name]) => name)).toEqual(['mask', 'mean', 'other'])
  expect(Object.keys(model.stateDict())).toEqual(['mean'])
  expect(model.loadStateDict({ mean: torch.ones([2]) })).toEqual({ missingKeys: [], unexpectedKeys: [] })
  model.double()
  expect([...model.buffers()].map(({ dtype }) => dtype)).toEqual(['float64', 'float64', 'float64'])
  expectError(
    () => new Buffer(torch.ones([1]), { persistent: 0 as never }),
    'ERR_TORCH_TYPE',
    /persistent must be a boolean/,
  )
})

test('float, double, half and bfloat16 convert real floating-point tensors only', () => {
  class Mixed extends Counter {
    phase = new Buffer(torch.complex(torch.ones([1]), torch.ones([1])))
  }
  const model = new Mixed()
  const dtypes = (): string[] => [...model.parameters(), ...model.buffers()].map(({ dtype }) => dtype)
  expect(model.double()).toBe(model)
  expect(dtypes()).toEqual(['float64', 'int64', 'complex64'])
  expect([model.half() && dtypes()[0], model.bfloat16() && dtypes()[0], model.float() && dtypes()[0]]).toEqual([
    'float16',
    'bfloat16',
    'float32',
  ])
  expect(model.to('complex128') && dtypes()).toEqual(['complex128', 'int64', 'complex128'])
})

// Weight drop: a weight that is computed from a parameter before each forward.
describe('an LSTM whose weight is no parameter', () => {
  const make = (computed: boolean): LSTM => {
    const lstm = new LSTM(2, 3)
    const loose = lstm as unknown as Record<string, unknown>
    loose.raw = new Parameter((lstm.weight_hh_l0 as Parameter).detach().clone())
    delete loose.weight_hh_l0
    if (computed) {
      torch.tidy(() => {
        loose.weight_hh_l0 = (loose.raw as Parameter).mul(1)
      })
    }
    return lstm
  }

  test.each([
    ['missing', false],
    ['disposed', true],
  ])('%s: is moved, saved and loaded', (_, computed) => {
    const lstm = make(computed)
    const loose = lstm as unknown as Record<string, Tensor>
    const names = ['weight_ih_l0', 'bias_ih_l0', 'bias_hh_l0', 'raw']
    expect(Object.keys(lstm.stateDict())).toEqual(names)
    const other = make(!computed)
    expect(other.loadStateDict(lstm.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] })
    lstm.double()
    lstm.flattenParameters()
    expect(Object.values(lstm.stateDict()).map(({ dtype }) => dtype)).toEqual(names.map(() => 'float64'))
    loose.weight_hh_l0 = (loose.raw as Tensor).mul(1)
    const x = torch.ones([4, 1, 2], { dtype: 'float64' })
    const output = lstm.forward(x)[0]
    output.sum().backward()
    expect(loose.raw?.grad?.shape).toEqual([12, 3])
    other.double()
    ;(other as unknown as Record<string, Tensor>).weight_hh_l0 = other.getParameter('raw')
    expectClose(other.forward(x)[0], output.detach())
  })
})

test('options that do not exist are refused', () => {
  const model = new Linear(1, 1)
  expectError(() => model.zeroGrad({ setToNull: true } as never), 'ERR_TORCH_OPTION', "did you mean 'setToNone'")
  expectError(() => model.to({ dtyp: 'float64' } as never), 'ERR_TORCH_OPTION', "did you mean 'dtype'")
  expectError(
    () => new Parameter(torch.ones([1]), { requires_grad: false } as never),
    'ERR_TORCH_OPTION',
    "did you mean 'requiresGrad'",
  )
})

test('Parameter and Buffer take tensors only', () => {
  expectError(() => new Parameter([1] as never), 'ERR_TORCH_TYPE', /data must be a Tensor, got \[1\]/)
  expectError(() => new Buffer(3 as never), 'ERR_TORCH_TYPE', /data must be a Tensor, got 3/)
  expect(String(new Parameter(torch.tensor([1.5])))).toBe('Parameter containing:\ntensor([1.5000], requires_grad=True)')
})

test('Linear without inputs is its bias, 0, as in PyTorch', () => {
  const linear = new Linear(0, 2)
  expectClose(linear.forward(torch.ones([2, 0])), [
    [0, 0],
    [0, 0],
  ])
})

test('Linear and Dropout check their arguments', () => {
  expectError(() => new Dropout(2), 'ERR_TORCH_VALUE', 'Dropout: p must be a number from 0 to 1, got 2')
  expect(() => new Linear(3, 2).forward(torch.randn([5, 3, 4]))).toThrow(fixture.errors['linear shapes'])
  expectError(() => new Linear(-1, 2), 'ERR_TORCH_VALUE', /inFeatures must be a non-negative integer, got -1/)
  expectError(() => new Linear(1, 2, { biased: false } as never), 'ERR_TORCH_OPTION', /unknown option 'biased'/)
  expect(new Linear(2, 3, { bias: false }).forward(torch.ones([2])).shape).toEqual([3])
})

test('a tensor that is assigned to a registered buffer becomes the buffer', () => {
  class Running extends Module {
    declare mean: Tensor
    constructor() {
      super()
      this.registerBuffer('mean', torch.zeros([2]))
    }
    override forward(x: Tensor): Tensor {
      this.mean = this.mean.mul(0.5).add(x.mul(0.5))
      return this.mean
    }
  }
  const model = new Running()
  for (let i = 0; i < 2; i++) torch.tidy(() => void model.forward(torch.ones([2])))
  expect(Object.keys(model.stateDict())).toEqual(['mean'])
  expect(model.mean.toArray()).toEqual([0.75, 0.75])
  expect(model.double().mean.dtype).toBe('float64')
  model.loadStateDict({ mean: torch.tensor([1, 2]) })
  expect([...model.namedBuffers()].map(([name, buffer]) => [name, buffer.toArray()])).toEqual([['mean', [1, 2]]])
  expectError(() => Object.assign(model, { mean: 3 }), 'ERR_TORCH_TYPE', "cannot assign 3 as buffer 'mean'")
})
