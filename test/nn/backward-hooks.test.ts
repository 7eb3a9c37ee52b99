import { describe, expect, test } from 'vitest'
import { LSTMModel } from '../../lib/models/index.ts'
import * as nn from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'
import { collectGarbage } from '../support/garbage.ts'

type Values = (number[] | null)[]

interface Case {
  module: string
  requiresGrad: boolean[]
  hooks: string[]
  outputs: number[]
  seen: { input: Values; output: Values }[]
  inputs: Values
  parameters: Values
}

class Pair extends nn.Module {
  linear = new nn.Linear(2, 2)
  override forward(a: Tensor, b: Tensor): [Tensor, Tensor] {
    return [this.linear.forward(a), a.mul(b)]
  }
}

const MODULES: Record<string, () => nn.Module> = {
  Linear: () => new nn.Linear(2, 3),
  Bilinear: () => new nn.Bilinear(2, 2, 3),
  Tanh: () => new nn.Tanh(),
  LSTM: () => new nn.LSTM(2, 3),
  Pair: () => new Pair(),
}

function filled(module: nn.Module): nn.Module {
  torch.noGrad(() => {
    for (const [i, parameter] of [...module.parameters()].entries()) {
      parameter.copy_(torch.arange(parameter.numel).add(i).sin().view(parameter.shape))
    }
  })
  return module
}

const doubled = (gradients: nn.GradientList): nn.GradientList => gradients.map((gradient) => gradient?.mul(2) ?? null)

const valuesOf = (gradients: nn.GradientList): Values =>
  gradients.map((gradient) => gradient && (gradient.flatten().toArray() as number[]))

function expectValues(actual: Values, expected: Values): void {
  expect(actual.map((one) => one?.length)).toEqual(expected.map((one) => one?.length))
  for (const [i, one] of expected.entries())
    if (one !== null) expectClose(torch.tensor(actual[i] as number[]), one, { atol: 2e-6 })
}

test.each(readFixture<Case[]>('hooks').map((one) => [one.module, one.hooks.join(', '), one] as const))(
  '%s with the hooks %s: what they see and change is as in PyTorch',
  (_, __, one) => {
    const module = filled(MODULES[one.module]?.() as nn.Module)
    const inputs = one.requiresGrad.map((requiresGrad, i) =>
      torch.arange(6).add(i).cos().view([3, 2]).requiresGrad_(requiresGrad),
    )
    const seen: Case['seen'] = []
    for (const hook of one.hooks) {
      if (hook === 'see') {
        module.registerFullBackwardHook((self, input, output) => {
          expect(self).toBe(module)
          seen.push({ input: valuesOf(input), output: valuesOf(output) })
          return undefined
        })
      } else if (hook === 'double') {
        module.registerFullBackwardHook((_, input) => doubled(input))
      } else {
        module.registerFullBackwardPreHook((_, output) => doubled(output))
      }
    }
    const output = module.forward(...(inputs as never[]))
    const outputs = (Array.isArray(output) ? output : [output]) as Tensor[]
    const squares = one.outputs.map((i) => outputs[i]?.pow(2).sum() as Tensor)
    squares.reduce((sum, term) => sum.add(term)).backward()
    expect(seen).toHaveLength(one.seen.length)
    for (const [i, call] of one.seen.entries()) {
      expectValues(seen[i]?.input as Values, call.input)
      expectValues(seen[i]?.output as Values, call.output)
    }
    expectValues(valuesOf(inputs.map(({ grad }) => grad)), one.inputs)
    expectValues(valuesOf([...module.parameters()].map(({ grad }) => grad)), one.parameters)
  },
)

describe('backward hooks', () => {
  const x = (): Tensor => torch.tensor([[1, 2]], { requiresGrad: true })

  test('run in order, until they are removed', () => {
    const module = new nn.Tanh()
    const calls: string[] = []
    const note = (name: string) => () => {
      calls.push(name)
      return undefined
    }
    const handle = module.registerFullBackwardHook(note('a'))
    module.registerFullBackwardHook(note('b'), { prepend: true })
    const pre = module.registerFullBackwardPreHook(note('c'))
    module.registerFullBackwardPreHook(note('d'))
    module.forward(x()).sum().backward()
    expect(calls.splice(0)).toEqual(['c', 'd', 'b', 'a'])
    handle.remove()
    pre.remove()
    module.forward(x()).sum().backward()
    expect(calls.splice(0)).toEqual(['d', 'b'])
    torch.noGrad(() => module.forward(x()))
    module.forward(torch.ones([1]))
    expect(calls).toEqual([])
  })

  test('allow a second derivative', () => {
    const module = new nn.Tanh()
    module.registerFullBackwardHook((_, [gradInput]) => (gradInput as Tensor).mul(3))
    const input = torch.tensor(0.5, { requiresGrad: true })
    const [first] = torch.autograd.grad([module.forward(input)], [input], { createGraph: true }) as [Tensor]
    const [second] = torch.autograd.grad([first], [input]) as [Tensor]
    const t = Math.tanh(0.5)
    expectClose(first.detach(), 3 * (1 - t * t))
    expectClose(second, 3 * -2 * t * (1 - t * t), { rtol: 1e-5 })
  })

  test('that return nonsense are named', () => {
    const run = (register: (module: nn.Linear) => void) => (): void => {
      const module = new nn.Linear(2, 2)
      register(module)
      module.forward(x()).sum().backward()
    }
    const cases: [(module: nn.Linear) => void, RegExp][] = [
      [
        (m) => m.registerFullBackwardHook(() => 5 as never),
        /^Linear: the backward hook must return undefined.* returned 5$/,
      ],
      [
        (m) => m.registerFullBackwardHook((() => Promise.resolve()) as never),
        /the backward hook must .* returned Promise$/,
      ],
      [
        (m) => m.registerFullBackwardHook(() => []),
        /hook returned an invalid number of gradients for the inputs, got 0, but expected 1$/,
      ],
      [
        (m) => m.registerFullBackwardPreHook(() => ['a'] as never),
        /^Linear: the backward pre-hook must return .* each output.* 'a'$/,
      ],
      [
        (m) => m.registerFullBackwardPreHook((_, [g]) => [g ?? null, null]),
        /pre-hook returned .* outputs, got 2, but expected 1$/,
      ],
    ]
    for (const [register, message] of cases) expectError(run(register), 'ERR_TORCH_AUTOGRAD', message)
    const first = new nn.Linear(2, 2)
    first.registerFullBackwardHook((_, __, gradOutput) => gradOutput)
    expectError(
      () =>
        first
          .forward(torch.ones([1, 2]))
          .sum()
          .backward(),
      'ERR_TORCH_AUTOGRAD',
      /Backward hook for Modules where no input requires gradient should always return null/,
    )
    expectError(() => first.registerFullBackwardHook(1 as never), 'ERR_TORCH_TYPE', /hook must be a function/)
    expectError(
      () => first.registerFullBackwardPreHook(() => null, { always: true } as never),
      'ERR_TORCH_OPTION',
      /'always'/,
    )
  })

  test('are refused on the thread of offload and in a Trainer', async () => {
    const model = new LSTMModel(1, 2, 1)
    const handle = model.linear.registerFullBackwardHook(() => null)
    const input = torch.ones([3, 1, 1])
    const message =
      /^Linear.forward: it has backward hooks, which are JavaScript and cannot run on the thread of offload/
    await expectRejection(
      torch.offload(() => model.forward(input)),
      'ERR_TORCH_NOT_IMPLEMENTED',
      message,
    )
    const trainer = new Trainer(model, { epochs: 1, progress: false })
    await expectRejection(trainer.fit([[input, torch.ones([3, 1, 1])]]), 'ERR_TORCH_NOT_IMPLEMENTED', message)
    expect((await torch.offload(() => torch.noGrad(() => model.forward(input)))).shape).toEqual([3, 1, 1])
    handle.remove()
    await trainer.fit([[input, torch.ones([3, 1, 1])]])
  })

  test('leave no tensors behind', async () => {
    const module = new nn.Linear(2, 2)
    module.registerFullBackwardHook((_, gradInput) => doubled(gradInput))
    module.registerFullBackwardPreHook((_, gradOutput) => doubled(gradOutput))
    const input = x()
    const run = (): void => torch.tidy(() => module.forward(input).sum().backward())
    run()
    await collectGarbage()
    const { tensors } = torch.memory()
    for (let i = 0; i < 5; i++) run()
    expect(torch.memory().tensors).toBeLessThanOrEqual(tensors)
  })
})
