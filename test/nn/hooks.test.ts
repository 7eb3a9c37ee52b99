// Hooks run wherever forward does: no short cut of models, trainers or containers goes past them.
import { describe, expect, test, vi } from 'vitest'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { traceGatesSync } from '../../lib/inspect/index.ts'
import { GRUModel, LSTMModel } from '../../lib/models/index.ts'
import { Trainer, TrainingStep } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

const x = torch.tensor([[1, 2]])

class Double extends nn.Module {
  override forward(input: Tensor): Tensor {
    return input.mul(2)
  }
}

describe('forward hooks', () => {
  test('see module, inputs and output, in the order of their registration', () => {
    const module = new Double()
    const calls: unknown[] = []
    module.registerForwardPreHook((self, inputs) => void calls.push(['before', self, inputs]))
    module.registerForwardHook((self, inputs, output) => void calls.push(['after', self, inputs, output]))
    module.registerForwardHook(() => void calls.push('second'))
    module.registerForwardHook(() => void calls.push('first'), { prepend: true })
    module.registerForwardPreHook(() => void calls.push('prepended'), { prepend: true })
    const output = module.forward(x)
    expect(calls.map((call) => (Array.isArray(call) ? call[0] : call))).toEqual([
      'prepended',
      'before',
      'first',
      'after',
      'second',
    ])
    const [, [, self, inputs], , [, , , result]] = calls as [unknown, unknown[], unknown, unknown[]]
    expect(self).toBe(module)
    expect((inputs as unknown[])[0]).toBe(x)
    expect(result).toBe(output)
  })

  test('change inputs and output', () => {
    const module = new Double()
    module.registerForwardPreHook((_, [input]) => input.add(1))
    module.registerForwardPreHook((_, [input]) => [input.mul(10)])
    module.registerForwardHook((_, __, output) => output.add(3))
    module.registerForwardHook((_, [input], output) => output.add(input))
    // ((x + 1) 10) 2 + 3 + (x + 1) 10
    expect(module.forward(x).toArray()).toEqual([[63, 93]])
    module.registerForwardHook(() => null)
    module.registerForwardPreHook(() => undefined)
    expect(module.forward(x).toArray()).toEqual([[63, 93]])
  })

  test('change a state, which is an array itself', () => {
    const lstm = new nn.LSTM(2, 3)
    const input = torch.randn([4, 1, 2])
    const state = [torch.ones([1, 1, 3]), torch.ones([1, 1, 3])] as const
    const expected = lstm.forward(input, state)
    lstm.registerForwardPreHook((_, [first]) => [first, state])
    lstm.registerForwardHook((_, __, [output, rest]) => [output.mul(2), rest])
    const [output, [h]] = lstm.forward(input)
    expectClose(output, expected[0].mul(2))
    expectClose(h, expected[1][0])
  })

  test('come off again', () => {
    const module = new Double()
    const before = Object.getOwnPropertyNames(module)
    const hook = vi.fn()
    const handles = [
      module.registerForwardHook(hook),
      module.registerForwardHook(hook),
      module.registerForwardPreHook(hook),
    ]
    module.forward(x)
    expect(hook).toHaveBeenCalledTimes(3)
    handles[1]?.remove()
    handles[1]?.remove()
    module.forward(x)
    expect(hook).toHaveBeenCalledTimes(5)
    handles[0]?.remove()
    handles[2]?.[Symbol.dispose]()
    module.forward(x)
    expect(hook).toHaveBeenCalledTimes(5)
    expect(Object.getOwnPropertyNames(module)).toEqual(before)
    expect(module.forward).toBe(Double.prototype.forward)
  })

  test('may remove themselves while they run', () => {
    const module = new Double()
    const calls: number[] = []
    const once = module.registerForwardHook(() => {
      calls.push(1)
      once.remove()
    })
    module.registerForwardHook(() => void calls.push(2))
    module.forward(x)
    module.forward(x)
    expect(calls).toEqual([1, 2, 2])
  })

  test('stay around a forward that is exchanged, and leave it there', () => {
    const module = new Double()
    const mine = (input: Tensor): Tensor => input.add(1)
    module.forward = mine
    const handle = module.registerForwardHook((_, __, output) => output.neg())
    expect(module.forward(x).toArray()).toEqual([[-2, -3]])
    module.forward = (input) => input.add(2)
    expect(module.forward(x).toArray()).toEqual([[-3, -4]])
    handle.remove()
    expect(module.forward(x).toArray()).toEqual([[3, 4]])
    expect(Object.keys(module)).toContain('forward')
  })

  test('do not run for what a subclass calls on super', () => {
    class Quadruple extends Double {
      override forward(input: Tensor): Tensor {
        return super.forward(super.forward(input))
      }
    }
    const module = new Quadruple()
    const hook = vi.fn()
    module.registerForwardHook(hook)
    expect(module.forward(x).toArray()).toEqual([[4, 8]])
    expect(hook).toHaveBeenCalledTimes(1)
  })

  test('are in neither text nor state', () => {
    const module = new nn.Linear(2, 1)
    const [text, keys] = [String(module), Object.keys(module)]
    module.registerForwardHook(() => undefined)
    expect([String(module), Object.keys(module)]).toEqual([text, keys])
    expect(Object.keys(module.stateDict())).toEqual(['weight', 'bias'])
  })

  test('run when a container calls its modules, and within offload', async () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), new nn.Tanh())
    model.at(1).registerForwardHook((_: nn.Module, __: readonly unknown[], output: Tensor) => output.mul(0).add(7))
    expect(model.forward(x).toArray()).toEqual([[7, 7]])
    expect((await torch.offload(() => model.forward(x))).toArray()).toEqual([[7, 7]])
  })

  test('refuse what is no function, unknown options, and promises', () => {
    const module = new Double()
    expectError(() => module.registerForwardHook(1 as never), 'ERR_TORCH_TYPE', /registerForwardHook/)
    expectError(() => module.registerForwardPreHook(undefined as never), 'ERR_TORCH_TYPE', /registerForwardPreHook/)
    expectError(
      () => module.registerForwardHook(() => undefined, { alwaysCall: true } as never),
      'ERR_TORCH_OPTION',
      /'alwaysCall'/,
    )
    expectError(
      () => module.registerForwardHook(() => undefined, { prepend: 1 } as never),
      'ERR_TORCH_TYPE',
      /prepend must be a boolean/,
    )
    expect(Object.hasOwn(module, 'forward')).toBe(false)
    const handle = module.registerForwardHook((async () => {}) as never)
    expectError(
      () => module.forward(x),
      'ERR_TORCH_TYPE',
      /^Double.forward: a forward hook must return .* cannot be async$/,
    )
    handle.remove()
    module.registerForwardPreHook((async () => {}) as never)
    expectError(
      () => module.forward(x),
      'ERR_TORCH_TYPE',
      /^Double.forward: a forward pre-hook must return .* cannot be async$/,
    )
  })
})

describe('hooks that return nonsense', () => {
  const model = (): LSTMModel => new LSTMModel(2, 3, 1)
  const input = torch.ones([4, 1, 2])

  test.each<[string, unknown, RegExp]>([
    ['a number', 5, /returned 5 for input 0$/],
    ['an object', {}, /returned an object for input 0$/],
    ['no inputs', [], /returned undefined for input 0$/],
    ['wrong inputs', ['a'], /returned 'a' for input 0$/],
  ])('%s, before forward', (_, returned, message) => {
    for (const partOf of [(m: LSTMModel) => m, (m: LSTMModel) => m.lstm, (m: LSTMModel) => m.linear]) {
      const whole = model()
      const part: nn.Module = partOf(whole)
      part.registerForwardPreHook((() => returned) as never)
      const { message: text } = expectError(() => whole.forward(input), 'ERR_TORCH_TYPE', message)
      expect(text).toMatch(
        `${part.constructor.name}.forward: a forward pre-hook must return undefined, null, the new input`,
      )
    }
  })

  test.each<[string, unknown]>([
    ['a number', 5],
    ['a string', 'a'],
    ['too little', []],
    ['an output without a state', [input]],
    ['another state', [input, 5]],
    ['half a state', [input, [input]]],
  ])('%s, after the forward of an LSTM', (_, returned) => {
    const whole = model()
    whole.lstm.registerForwardHook((() => returned) as never)
    expectError(() => whole.forward(input), 'ERR_TORCH_TYPE', /^LSTM.forward: a forward hook must return .* array of 2/)
  })

  test('and after that of a layer', () => {
    const whole = model()
    whole.linear.registerForwardHook((() => [input]) as never)
    expectError(() => whole.forward(input), 'ERR_TORCH_TYPE', /^Linear.forward: .* the new output: a Tensor, but it/)
  })

  test('but the output alone of an LSTM, or inputs without a state, are sense', () => {
    const lstm = new nn.LSTM(2, 3)
    lstm.registerForwardPreHook((_, [x]) => x)
    const handle = lstm.registerForwardHook(((_: unknown, __: unknown, [output]: [Tensor]) => output) as never)
    expect((lstm.forward(input) as unknown as Tensor).shape).toEqual([4, 1, 3])
    handle.remove()
  })
})

test('a model tells that a hook has left it without a state', () => {
  // The two rows of a tensor would be taken for output and state.
  for (const returned of [torch.ones([2, 3, 3]), torch.ones([0, 0, 3])]) {
    const model = new LSTMModel(3, 3, 3)
    model.lstm.registerForwardHook((() => returned) as never)
    expectError(
      () => model.forward(torch.ones([2, 3, 3])),
      'ERR_TORCH_TYPE',
      'LSTMModel.forward: the network must return an array of output and state, but forward of LSTM, or a hook on it, returned',
    )
  }
})

describe('no short cut goes past a hook', () => {
  const input = torch.randn([8, 4, 2])
  const target = torch.randn([8, 4, 1])
  const options = { batchFirst: true } as const
  const parts: Record<string, (model: LSTMModel) => nn.Module> = {
    model: (model) => model,
    network: (model) => model.lstm,
    head: (model) => model.linear,
  }

  test.each(Object.entries(parts))('in a training step: on the %s', (_, partOf) => {
    const model = new LSTMModel(2, 3, 1, options)
    const step = new TrainingStep(model, { optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }) })
    step.run(input, target)
    const hook = vi.fn()
    const part = partOf(model)
    const handles = [part.registerForwardHook(hook), part.registerForwardPreHook(hook)]
    step.run(input, target)
    expect(hook).toHaveBeenCalledTimes(2)
    for (const handle of handles) handle.remove()
    step.run(input, target)
    expect(hook).toHaveBeenCalledTimes(2)
  })

  test.each(Object.entries(parts))('in a Trainer: on the %s', async (_, partOf) => {
    const model = new LSTMModel(2, 3, 1, options)
    const hook = vi.fn()
    partOf(model).registerForwardHook(hook)
    const trainer = new Trainer(model, { epochs: 3, batchSize: 4, progress: false })
    await trainer.fit([input, target])
    expect(hook).toHaveBeenCalledTimes(6)
    await trainer.predict(input)
    expect(hook.mock.calls.length).toBeGreaterThan(6)
  })

  test('on the loss', async () => {
    const loss = new nn.MSELoss()
    const hook = vi.fn()
    loss.registerForwardHook(hook)
    const trainer = new Trainer(new LSTMModel(2, 3, 1, options), { epochs: 1, batchSize: 8, progress: false, loss })
    await trainer.fit([input, target])
    expect(hook).toHaveBeenCalledTimes(1)
  })

  test('and training learns from what it changes', () => {
    const [plain, hooked] = [false, true].map((hooked) => {
      torch.manualSeed(0)
      const model = new GRUModel(2, 3, 1, options)
      if (hooked) model.registerForwardHook((_, __, output) => output.add(100))
      const step = new TrainingStep(model, { optimizer: new optim.SGD(model.parameters(), { lr: 0.01 }) })
      return step.run(input, target).item<number>()
    })
    expect(hooked).toBeGreaterThan((plain as number) + 1000)
  })

  test('when gates are traced', () => {
    const model = new LSTMModel(2, 3, 1, options)
    const hook = vi.fn()
    model.lstm.registerForwardHook(hook)
    traceGatesSync(model, input)
    expect(hook).toHaveBeenCalledTimes(1)
  })
})
