import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import { LBFGS, type LBFGSOptions } from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

interface Run {
  options: Partial<LBFGSOptions>
  dtype: 'float32' | 'float64'
  steps: { loss: number; evaluations: number; values: [number[], number[]] }[]
}

interface Saved {
  parameters: [Tensor, Tensor]
  optimizer: never
}

const runs = readFixture<{ lbfgs: Run[] }>('optim').lbfgs
const saved = torch
  .loadSync<Saved[]>(fileURLToPath(new URL('../fixtures/optim.pt', import.meta.url)))
  .slice(-runs.length / 2)

/** As in scripts/fixtures/optim.py. */
function problem(dtype: Run['dtype'], options: Partial<LBFGSOptions>) {
  torch.manualSeed(0)
  const a = torch.randn([3, 5], { dtype, requiresGrad: true })
  const b = torch.randn([5], { dtype, requiresGrad: true })
  const x = torch.randn([20, 3], { dtype })
  const y = torch.randn([20], { dtype })
  const made = { a, b, evaluations: 0, optimizer: new LBFGS([a, b], options), closure }
  function closure(): Tensor {
    made.evaluations++
    made.optimizer.zeroGrad()
    const penalty = a.pow(2).sum().add(b.pow(2).sum()).mul(0.01)
    const loss = x.matmul(a).tanh().matmul(b).sub(y).pow(2).mean().add(penalty)
    loss.backward()
    return loss
  }
  return made
}

describe.each(runs.map((run) => [`${JSON.stringify(run.options)} ${run.dtype}`, run] as const))(
  '%s',
  (_, { options, dtype, steps }) => {
    const exact = dtype === 'float64'

    async function follow(step: (made: ReturnType<typeof problem>) => Promise<Tensor> | Tensor, restart = false) {
      let made = problem(dtype, options)
      for (const [i, expected] of steps.entries()) {
        const loss = await step(made)
        expect(made.evaluations).toBe(expected.evaluations)
        expectClose(loss.item<number>(), expected.loss, { rtol: exact ? 1e-10 : 1e-6, atol: 0 })
        // In float32, the ends of line searches differ by the rounding of scalars, and later steps from there.
        if (exact || i === 0) {
          const tolerance = exact ? { rtol: 1e-10, atol: 1e-12 } : { rtol: 1e-5, atol: 2e-6 }
          for (const [j, tensor] of [made.a, made.b].entries()) {
            expectClose(tensor.detach().ravel(), expected.values[j] as number[], tolerance)
          }
        }
        if (!restart) continue
        // The settings come with the state.
        const next = problem(dtype, {})
        next.evaluations = made.evaluations
        next.optimizer.loadStateDict(made.optimizer.stateDict())
        for (const name of ['a', 'b'] as const) torch.noGrad(() => next[name].copy_(made[name]))
        made = next
      }
    }

    test('takes the steps of PyTorch, with as many evaluations', () =>
      follow(({ optimizer, closure }) => optimizer.step(closure)))
    test('off the main thread, too', () => follow(({ optimizer, closure }) => optimizer.stepAsync(closure)))
    test('and goes on from a state dict', () => follow(({ optimizer, closure }) => optimizer.step(closure), true))
  },
)

const exact = runs.filter(({ dtype }) => dtype === 'float64')
test.each(exact.map((run, i) => [JSON.stringify(run.options), run, i] as const))(
  "%s goes on where PyTorch's was saved",
  (_, { steps }, i) => {
    const { parameters, optimizer: state } = saved[i] as Saved
    const made = problem('float64', {})
    made.optimizer.loadStateDict(state)
    torch.noGrad(() => {
      made.a.copy_(parameters[0])
      made.b.copy_(parameters[1])
    })
    for (const expected of steps.slice(2)) {
      made.optimizer.step(made.closure)
      expectClose(made.a.detach().ravel(), expected.values[0], { rtol: 1e-10, atol: 1e-12 })
    }
    const own = made.optimizer.stateDict().state[0]
    expect(Object.keys(own ?? {}).sort()).toEqual(
      ['HDiag', 'd', 'funcEvals', 'nIter', 'oldDirs', 'oldStps', 'prevFlatGrad', 'prevLoss', 'ro', 't'].sort(),
    )
    expect(own?.funcEvals?.item()).toBe(steps.at(-1)?.evaluations)
    const history = own?.ro?.numel as number
    expect([own?.oldDirs?.shape, own?.oldStps?.shape]).toEqual([
      [history, 20],
      [history, 20],
    ])
  },
)

test('the minimum of a parabola is found, and a step from there does nothing', () => {
  const w = torch.tensor([3, -4], { requiresGrad: true })
  const unused = torch.ones([2], { requiresGrad: true })
  const optimizer = new LBFGS([w, unused], { lineSearch: 'strongWolfe' })
  let evaluations = 0
  const closure = (): Tensor => {
    evaluations++
    optimizer.zeroGrad()
    const loss = w
      .sub(torch.tensor([1, 2]))
      .pow(2)
      .sum()
    loss.backward()
    return loss
  }
  expect(optimizer.step(closure).item()).toBe(40)
  expectClose(w.detach(), [1, 2], { atol: 1e-5 })
  expect(unused.toArray()).toEqual([1, 1])
  const [before, values] = [evaluations, w.toArray()]
  expect(optimizer.step(closure).item()).toBeLessThan(1e-9)
  expect([evaluations, w.toArray()]).toEqual([before + 1, values])
})

test('complex parameters are pairs of real ones', () => {
  const w = torch.complex(torch.tensor([3]), torch.tensor([-4])).requiresGrad_()
  const optimizer = new LBFGS([w], { lineSearch: 'strongWolfe' })
  optimizer.step(() => {
    optimizer.zeroGrad()
    const loss = torch
      .viewAsReal(w)
      .sub(torch.tensor([1, 2]))
      .pow(2)
      .sum()
    loss.backward()
    return loss
  })
  expectClose(torch.viewAsReal(w.detach()), [[1, 2]], { atol: 1e-5 })
})

test('steps keep no more than the history', () => {
  const { optimizer, closure } = problem('float32', { lr: 0.5, historySize: 3, maxIter: 4 })
  const step = (): void => torch.tidy(() => void optimizer.step(closure))
  for (let i = 0; i < 3; i++) step()
  const before = torch.memory().tensors
  for (let i = 0; i < 5; i++) step()
  expect(torch.memory().tensors).toBeLessThanOrEqual(before)
})

test('prints as in Python', () => {
  const options = { maxIter: 5, historySize: 7, lineSearch: 'strongWolfe' } as const
  expect(String(new LBFGS([torch.zeros([1], { requiresGrad: true })], options))).toBe(`LBFGS (
Parameter Group 0
    history_size: 7
    line_search_fn: strong_wolfe
    lr: 1.0
    max_eval: 6
    max_iter: 5
    tolerance_change: 1e-09
    tolerance_grad: 1e-07
)`)
})

describe('refuses', () => {
  const w = torch.zeros([2], { requiresGrad: true })
  const make = (options: object = {}) => new LBFGS([w], options)
  const other = torch.zeros([1], { requiresGrad: true })

  test.each([
    [{ maxIter: 0 }, 'ERR_TORCH_VALUE', /^LBFGS: maxIter must be a positive integer, got 0$/],
    [{ maxEval: 1.5 }, 'ERR_TORCH_VALUE', /^LBFGS: maxEval must be a positive integer, got 1.5$/],
    [{ historySize: '3' }, 'ERR_TORCH_TYPE', /^LBFGS: historySize must be a positive integer, got '3'$/],
    [{ lr: -1 }, 'ERR_TORCH_VALUE', /^LBFGS: lr must be a non-negative number, got -1$/],
    [{ toleranceGrad: null }, 'ERR_TORCH_TYPE', /^LBFGS: toleranceGrad must be a number, got null$/],
    [
      { lineSearch: 'strong_wolfe' },
      'ERR_TORCH_VALUE',
      /^LBFGS: lineSearch must be 'strongWolfe', got 'strong_wolfe'$/,
    ],
    [{ weightDecay: 1 }, 'ERR_TORCH_OPTION', /^LBFGS: unknown option 'weightDecay'/],
  ] as const)('%j', (options, code, message) => {
    expectError(() => make(options), code, message)
  })

  test('several groups', () => {
    const message = /^LBFGS doesn't support per-parameter options \(parameter groups\)$/
    expectError(() => new LBFGS([{ params: [w] }, { params: [other] }]), 'ERR_TORCH_VALUE', message)
    expectError(() => make().addParamGroup({ params: [other] }), 'ERR_TORCH_VALUE', message)
  })

  test('steps without a loss', async () => {
    const needs = /^LBFGS: step needs a function that clears the gradients, .*, got undefined$/
    expectError(() => make().step(), 'ERR_TORCH_TYPE', needs)
    await expectRejection(make().stepAsync(undefined as never), 'ERR_TORCH_TYPE', needs)
    const returns = (value: unknown) => () => make().step(() => value as Tensor)
    expectError(returns(undefined), 'ERR_TORCH_TYPE', /the closure must return the loss, .*got undefined: end it with/)
    expectError(returns(Promise.resolve(w.sum())), 'ERR_TORCH_TYPE', /got Promise: it must be synchronous$/)
    expectError(returns(w), 'ERR_TORCH_TYPE', /a Tensor of one element, got Tensor/)
    const scaler = new torch.amp.GradScaler('cpu')
    expectError(
      () => scaler.step(make(), (() => w.sum()) as never),
      'ERR_TORCH_RUNTIME',
      /Closure use is not currently/,
    )
  })

  test('a step within a step or within offload, and goes on afterwards', async () => {
    const { optimizer, closure } = problem('float32', { maxIter: 2, lr: 0.1 })
    const first = optimizer.stepAsync(closure)
    await expectRejection(optimizer.stepAsync(closure), 'ERR_TORCH_RUNTIME', /^LBFGS: the step before has not ended/)
    await first
    await expectRejection(
      torch.offload(() => optimizer.step(closure)),
      'ERR_TORCH_PENDING',
      /./,
    )
    const failing = () => {
      throw new Error('mine')
    }
    expect(() => optimizer.step(failing)).toThrow('mine')
    await expect(optimizer.stepAsync(failing)).rejects.toThrow('mine')
    expect(Number.isFinite(optimizer.step(closure).item())).toBe(true)
  })

  test('states that do not fit, and changes nothing', () => {
    const { optimizer, closure } = problem('float64', { maxIter: 3, lr: 0.1 })
    optimizer.step(closure)
    const good = optimizer.stateDict()
    const state = good.state[0] as Record<string, Tensor>
    const load = (changes: object) => () =>
      optimizer.loadStateDict({ ...good, state: { 0: { ...state, ...changes } } } as never)
    const refused = [
      [{ expAvg: state.d }, 'ERR_TORCH_OPTION', /parameter 0 has 'expAvg', which LBFGS does not keep/],
      [{ d: torch.zeros([3]) }, 'ERR_TORCH_SHAPE', /has 'd' of shape \[3\]: it must be a Tensor of shape \[20\]$/],
      [{ d: null }, 'ERR_TORCH_SHAPE', /has 'd' of null: it must be a Tensor/],
      [{ t: 'x' }, 'ERR_TORCH_TYPE', /'t' must be a number or a Tensor of one element, got 'x'$/],
      [{ oldDirs: 3 }, 'ERR_TORCH_TYPE', /'oldDirs' must be a list of Tensors, got 3$/],
      [{ ro: [] }, 'ERR_TORCH_VALUE', /has lists of different lengths: oldDirs, oldStps and ro$/],
      [{ ro: ['1'] }, 'ERR_TORCH_TYPE', /ro: '0' must be a number/],
    ] as const
    for (const [changes, code, message] of refused) expectError(load(changes), code, message)
    expectError(() => optimizer.loadStateDict(null as never), 'ERR_TORCH_TYPE', /the state dict must be an object/)
    expectError(
      () => optimizer.loadStateDict({ ...good, state: { 1: state } } as never),
      'ERR_TORCH_VALUE',
      /state for parameter 1, but LBFGS keeps all of it with parameter 0$/,
    )
    expectClose(optimizer.stateDict().state[0]?.d as Tensor, state.d as Tensor)
  })
})

test('a recurrent network is fitted to a sine wave', async () => {
  torch.manualSeed(0)
  const lstm = new nn.LSTM(1, 8)
  const head = new nn.Linear(8, 1)
  const wave = torch.arange(41).float().mul(0.3).sin().view([41, 1, 1])
  const [x, y] = [wave.narrow(0, 0, 40), wave.narrow(0, 1, 40)]
  const optimizer = new LBFGS([...lstm.parameters(), ...head.parameters()], { lineSearch: 'strongWolfe', maxIter: 10 })
  const losses: number[] = []
  for (let i = 0; i < 4; i++) {
    const loss = await optimizer.stepAsync(() => {
      optimizer.zeroGrad()
      const loss = nn.functional.mseLoss(head.forward(lstm.forward(x)[0]), y)
      loss.backward()
      return loss
    })
    losses.push(loss.item<number>())
  }
  expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 50)
})
