import { describe, expect, test } from 'vitest'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { BLANK } from '../../lib/nn/clone.ts'
import { settingsOf } from '../../lib/nn/recurrent.ts'
import { makerOf } from '../fuzz/targets.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { formatsPath } from '../support/fixture.ts'

type Class = Parameters<typeof makerOf>[0]

const CLASSES = Object.entries({ ...nn, ...nn.utils.parametrize, ...optim.swaUtils })
  .filter(([, value]) => typeof value === 'function' && value.prototype instanceof nn.Module)
  .filter(([, value]) => makerOf(value as unknown as Class) !== undefined) as [string, unknown][]

describe('every module', () => {
  test.each(CLASSES)('%s is copied with all that it has', (_, value) => {
    const module = makerOf(value as Class)?.() as nn.Module
    module.training = false
    const state = torch.getRngState()
    const copy = module.clone()
    expect(torch.getRngState().equal(state)).toBe(true)
    expect(copy).not.toBe(module)
    expect(Object.getPrototypeOf(copy)).toBe(Object.getPrototypeOf(module))
    expect(String(copy)).toBe(String(module))
    expect(copy.training).toBe(false)
    expect(Object.keys(copy)).toEqual(Object.keys(module))
    const [own, theirs] = [module.stateDict(), copy.stateDict()]
    expect(Object.keys(theirs)).toEqual(Object.keys(own))
    for (const [name, tensor] of Object.entries(own)) {
      expect((theirs[name] as Tensor).equal(tensor)).toBe(true)
      torch.noGrad(() => (theirs[name] as Tensor).fill_(2))
      expect(tensor.numel > 0 && tensor.eq(2).all().item()).toBe(false)
    }
  })

  test('has its own first object of a copy, if it has private fields', () => {
    const private_ = /(?<!['"`\w])#[a-z]\w*\b/i
    for (const [, value] of CLASSES) {
      for (let level = value as Class; level.prototype !== nn.Module.prototype; level = Object.getPrototypeOf(level)) {
        const code = Function.prototype.toString.call(level)
        if (private_.test(code)) expect([level.name, Object.hasOwn(level, BLANK)]).toEqual([level.name, true])
      }
    }
  })
})

const NETWORKS = [
  () => new nn.RNN(3, 4, { nonlinearity: 'relu' }),
  () => new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true, projSize: 2, batchFirst: true }),
  () => new nn.GRU(3, 4, { dtype: 'float64' }),
  () => new nn.PeepholeLSTM(3, 4, { peephole: 'full' }),
  () => new nn.ChungGRU(3, 4, { innerBias: true }),
  () => new nn.MinGRU(3, 4),
]

test.each(NETWORKS.map((make) => [make().constructor.name, make] as const))(
  '%s computes the same, and apart',
  (_, make) => {
    const network = make() as nn.RecurrentModule
    const copy = network.clone()
    const x = torch.randn([5, 2, 3], { dtype: network.allWeights[0]?.[0]?.dtype ?? 'float32' })
    const [expected] = network.forward(x)
    expect(copy.forward(x)[0].equal(expected)).toBe(true)
    torch.noGrad(() => [...network.parameters()].forEach((parameter) => void parameter.zero_()))
    expect(copy.forward(x)[0].equal(expected)).toBe(true)
    expect(network.forward(x)[0].countNonzero().item()).toBe(0)
    expect(settingsOf(copy)).toEqual(settingsOf(network))
  },
)

const { parametrizations, parametrize } = nn.utils

test.each<[name: string, make: () => nn.Linear]>([
  ['weightNorm', () => parametrizations.weightNorm(new nn.Linear(3, 4))],
  ['spectralNorm', () => parametrizations.spectralNorm(new nn.Linear(3, 4))],
  ['weightDrop', () => parametrizations.weightDrop(new nn.Linear(3, 4))],
  ['orthogonal', () => parametrizations.orthogonal(new nn.Linear(3, 4))],
  ['cayley', () => parametrizations.orthogonal(new nn.Linear(3, 3), 'weight', { orthogonalMap: 'cayley' })],
])('a module with %s is copied with parametrizations of its own', (_, make) => {
  const module = make().eval()
  const state = torch.getRngState()
  const copy = module.clone()
  expect(torch.getRngState().equal(state)).toBe(true)
  expect(String(copy)).toBe(String(module))
  const before = module.weight.clone()
  expect(copy.weight.equal(before)).toBe(true)
  // Assigned to the copy: the module keeps its own, and the other way round.
  copy.weight = before.flip([0]) as nn.Parameter
  const value = copy.weight.clone()
  expect(value.allclose(before)).toBe(false)
  expectClose(module.weight, before, { rtol: 1e-4, atol: 1e-5 })
  torch.noGrad(() => [...module.parameters()].forEach((parameter) => void parameter.zero_()))
  expectClose(copy.weight, value, { rtol: 1e-4, atol: 1e-5 })
  parametrize.removeParametrizations(copy, 'weight')
  expect([copy, module].map((one) => parametrize.isParametrized(one))).toEqual([false, true])
  expect(copy.constructor).toBe(nn.Linear)
  expect(() => module.weight).not.toThrow()
  expectClose(copy.weight, value, { rtol: 1e-4, atol: 1e-5 })
})

test('a parametrized network is copied without drawing, and each draws for itself', () => {
  const lstm = parametrizations.weightDrop(new nn.LSTM(2, 3), 'weight_hh_l0')
  const copy = lstm.clone()
  const x = torch.randn([4, 1, 2])
  const outputs = [lstm, copy].map((one) => {
    torch.manualSeed(1)
    return one.forward(x)[0]
  }) as [Tensor, Tensor]
  expect(outputs[0].equal(outputs[1])).toBe(true)
  torch.noGrad(() => copy.parametrizations.get('weight_hh_l0').original?.zero_())
  expect(copy.eval().weight_hh_l0?.countNonzero().item()).toBe(0)
  expect(lstm.eval().weight_hh_l0?.countNonzero().item()).toBe(36)
})

test('averages are copied with their count, also within offload', async () => {
  const model = new nn.Linear(1, 1, { bias: false })
  const averaged = new optim.swaUtils.AveragedModel(model)
  const set = (value: number): void => torch.noGrad(() => void model.weight.fill_(value))
  set(1)
  averaged.updateParameters(model)
  const copy = averaged.clone()
  set(3)
  await torch.offload(() => copy.updateParameters(model))
  expect([copy, averaged].map((one) => one.module.weight.item())).toEqual([2, 1])
  expect([copy, averaged].map((one) => one.n_averaged.item())).toEqual([2, 1])
})

test('modules without parameters compute the same', () => {
  const x = torch.randn([2, 3, 6])
  for (const module of [new nn.LeakyReLU({ negativeSlope: 0.3 }), new nn.ReflectionPad1d(2), new nn.Softmax(1)]) {
    expect((module.clone() as nn.ReLU).forward(x).equal((module as nn.ReLU).forward(x))).toBe(true)
  }
  const layers = new nn.Sequential(new nn.Linear(6, 4), new nn.Tanh())
  const copy = layers.clone()
  expect(copy.forward(x).equal(layers.forward(x))).toBe(true)
  copy.append(new nn.Linear(4, 1))
  expect([copy.length, layers.length]).toEqual([3, 2])
  const conv = new nn.Conv1d(3, 2, 3, { padding: 1, paddingMode: 'circular' })
  expect(conv.clone().forward(x).equal(conv.forward(x))).toBe(true)
})

test('what has two names has them in the copy, too', () => {
  const layer = new nn.Linear(2, 2)
  const tied = new nn.Linear(2, 2)
  tied.weight = layer.weight
  const copy = new nn.ModuleDict<Record<string, nn.Module>>({ a: layer, b: layer, c: tied }).clone()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => copy.get(name)) as nn.Linear[]
  expect(a).toBe(b)
  expect(c).not.toBe(a)
  expect(c?.weight).toBe(a?.weight)
  expect(a?.weight).not.toBe(layer.weight)
  expect([...copy.parameters()]).toHaveLength(3)
})

test('gradients, as copy.deepcopy has them: parameters lose them, other tensors keep them', () => {
  class Own extends nn.Module {
    weight = new nn.Parameter(torch.ones([2]))
    frozen = new nn.Parameter(torch.ones([2]), { requiresGrad: false })
    extra = torch.ones([2]).requiresGrad_()
    override forward(x: Tensor): Tensor {
      return x.mul(this.weight).mul(this.extra)
    }
  }
  const module = new Own()
  module
    .forward(torch.ones([2]))
    .sum()
    .backward()
  const copy = module.clone()
  expect(copy.weight).toBeInstanceOf(nn.Parameter)
  expect([copy.weight.requiresGrad, copy.frozen.requiresGrad, copy.extra.requiresGrad]).toEqual([true, false, true])
  expect(copy.weight.grad).toBeNull()
  expectClose(copy.extra.grad as Tensor, [1, 1])
  Object.assign(module, { computed: module.weight.mul(2) })
  expectError(() => module.clone(), 'ERR_TORCH_RUNTIME', 'graph leaves')
})

test('buffers stay buffers, persistent or not, registered or assigned', () => {
  class Own extends nn.Module {
    mask = new nn.Buffer(torch.ones([2]), { persistent: false })
    constructor() {
      super()
      this.registerBuffer('mean', torch.zeros([2]))
      this.registerBuffer('later', null, { persistent: false })
    }
    override forward(x: Tensor): Tensor {
      return x
    }
  }
  const module = new Own()
  const copy = module.clone() as Own & { mean: Tensor; later: Tensor }
  expect([...copy.namedBuffers()].map(([name, { persistent }]) => [name, persistent])).toEqual([
    ['mask', false],
    ['mean', true],
  ])
  copy.mean.fill_(5)
  expectClose(module.getBuffer('mean'), [0, 0])
  // What is assigned becomes the copy's buffer, not the original's.
  copy.later = torch.ones([1])
  expect(copy.getBuffer('later').persistent).toBe(false)
  expectError(() => module.getBuffer('later'), 'ERR_TORCH_VALUE', 'is not a buffer')
})

test('hooks run in the copy, for the copy, and are removed apart', () => {
  const layer = new nn.Linear(2, 2)
  const seen: nn.Module[] = []
  const handle = layer.registerForwardHook((module, _, output) => {
    seen.push(module)
    return output.mul(0).add(7)
  })
  const copy = layer.clone()
  handle.remove()
  expectClose(copy.forward(torch.ones([1, 2])), [[7, 7]])
  expect(seen).toEqual([copy])
  layer.forward(torch.ones([1, 2]))
  expect(seen).toHaveLength(1)
  layer.forward = (input) => input
  expectClose(layer.clone().forward(torch.ones([1, 2])), [[1, 1]])
})

test('plain data is copied, other objects and functions are shared', () => {
  class Own extends nn.Module {
    sizes = { list: [1, { deep: new Set([2]) }], when: new Date(0), bytes: Uint8Array.from([1]) }
    map = new Map([['x', torch.ones([1])]])
    random = new torch.Generator()
    activation = torch.tanh
    self: nn.Module = this
    override forward(x: Tensor): Tensor {
      return this.activation(x)
    }
  }
  const module = new Own()
  const copy = module.clone()
  expect(copy.sizes).toEqual(module.sizes)
  expect(copy.sizes.list[1]).not.toBe(module.sizes.list[1])
  expect(copy.sizes.bytes).not.toBe(module.sizes.bytes)
  expect(copy.sizes.when).not.toBe(module.sizes.when)
  copy.map.get('x')?.fill_(3)
  expectClose(module.map.get('x') as Tensor, [1])
  expect(copy.random).toBe(module.random)
  expect(copy.activation).toBe(module.activation)
  expect(copy.self).toBe(copy)
})

test('a class with its own clone makes its own copies, also within others', () => {
  class Private extends nn.Module {
    #scale = 3
    weight = new nn.Parameter(torch.ones([1]))
    override forward(x: Tensor): Tensor {
      return x.mul(this.weight).mul(this.#scale)
    }
    override clone(): this {
      const copy = new Private()
      copy.loadStateDict(this.stateDict())
      return copy as this
    }
  }
  const outer = new nn.Sequential(new Private())
  torch.noGrad(() => (outer[0] as unknown as Private).weight.fill_(2))
  expectClose(outer.clone().forward(torch.ones([1])), [6])
})

test('a copy survives the tidy around it, and is trained apart', () => {
  const model = new nn.Linear(2, 1)
  const copy = torch.tidy(() => model.clone())
  const optimizer = new optim.SGD(copy.parameters(), { lr: 0.1 })
  copy
    .forward(torch.ones([3, 2]))
    .sum()
    .backward()
  optimizer.step()
  expect(copy.weight.equal(model.weight)).toBe(false)
  const { tensors } = torch.memory()
  torch.tidy(() => model.clone()).weight.dispose()
  expect(torch.memory().tensors - tensors).toBeLessThanOrEqual(1)
})

test('what cannot be copied says so', () => {
  expectError(() => torch.jit.loadSync(formatsPath('script.pt')).clone(), 'ERR_TORCH_NOT_IMPLEMENTED', 'load the file')
  expectError(() => new nn.Linear(1, 1).clone({} as never), 'ERR_TORCH_TYPE', 'more arguments')
})

test('countParameters counts elements, each parameter once', () => {
  const layer = new nn.Linear(3, 4)
  expect(layer.countParameters()).toBe(16)
  const twice = new nn.Sequential(layer, layer, new nn.PReLU({ numParameters: 4 }))
  expect(twice.countParameters()).toBe(20)
  layer.weight.requiresGrad_(false)
  expect(twice.countParameters({ trainable: true })).toBe(8)
  expect(new nn.Tanh().countParameters()).toBe(0)
  expectError(
    () => layer.countParameters({ trainables: true } as never),
    'ERR_TORCH_OPTION',
    "did you mean 'trainable'?",
  )
  expectError(() => layer.countParameters({ trainable: 1 } as never), 'ERR_TORCH_TYPE', 'a boolean')
})
