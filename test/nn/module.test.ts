import { describe, expect, test } from 'vitest'
import { Buffer, Dropout, GRU, Linear, LSTM, Module, MSELoss, Parameter, RNN } from '../../lib/nn/index.ts'
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
    expectError(() => linear.loadStateDict(null as never), 'ERR_TORCH_TYPE', /Expected state_dict to be dict-like/)
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
