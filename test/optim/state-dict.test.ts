import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { snakeCase } from '../../lib/nn/repr.ts'
import * as optim from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

interface Trajectory {
  kind: Exclude<keyof typeof optim, 'Optimizer' | 'LBFGS'>
  options: Record<string, never>
  dtype: 'float32' | 'float64'
  snapshots: number[][][]
}

interface Saved {
  parameters: [Tensor, Tensor, Tensor]
  optimizer: never
}

/** The trajectories, then LBFGS. */
const python = torch.loadSync<Saved[]>(fileURLToPath(new URL('../fixtures/optim.pt', import.meta.url)))
const trajectories = readFixture<{ trajectories: Trajectory[] }>('optim').trajectories.filter(
  ({ dtype }) => dtype === 'float64',
)

test.each(trajectories.map((one, index) => [`${one.kind} ${JSON.stringify(one.options)}`, one, index] as const))(
  "%s goes on where PyTorch's was saved",
  (_name, { kind, snapshots }, index) => {
    const { parameters, optimizer: saved } = python[index] as Saved
    const [a, b, late] = parameters.map((tensor) => tensor.clone().requiresGrad_()) as Saved['parameters']
    torch.manualSeed(0)
    for (const size of [[3, 2], [4], [2]]) torch.randn(size, { dtype: 'float64' })
    const x = torch.randn([4, 3], { dtype: 'float64' })
    // The settings come with the state.
    const optimizer = new (optim[kind] as typeof optim.SGD)([{ params: [a, late] }, { params: [b] }])
    optimizer.loadStateDict(saved)
    for (let step = 10; step < 20; step++) {
      optimizer.zeroGrad()
      x.matmul(a).sin().sum(1).mul(b).sum().add(b.mul(b).sum().mul(0.1)).add(late.sin().sum()).backward()
      optimizer.step()
    }
    for (const [i, tensor] of [a, b, late].entries()) {
      expectClose(tensor.detach().ravel(), snapshots[2]?.[i] as number[], { rtol: 1e-10, atol: 1e-12 })
    }
    // The same names and shapes, so that Python can read ours: SGD ignores its counter there.
    const layout = (state: Record<string, Record<string, Tensor | null>>) =>
      Object.entries(state).map(([number, own]) => [
        number,
        Object.entries(own)
          .filter(([name, value]) => value !== null && !(kind === 'SGD' && name === 'step'))
          .map(([name, value]) => `${snakeCase(name)} ${value?.shape}`)
          .sort(),
      ])
    const { state } = saved as { state: Record<string, Record<string, Tensor | null>> }
    const own = layout(optimizer.stateDict().state as never)
    expect(own.filter(([number]) => (number as string) in state)).toEqual(layout(state))
  },
)
test('goes on from a momentum that was saved without a counter, as PyTorch saves it', () => {
  const step = (optimizer: optim.SGD, w: Tensor): void => {
    optimizer.zeroGrad()
    w.mul(w).sum().backward()
    optimizer.step()
  }
  const options = { lr: 0.1, momentum: 0.9, dampening: 0.5 }
  const [w, copy] = [torch.ones([2], { requiresGrad: true }), torch.ones([2], { requiresGrad: true })]
  const [one, other] = [new optim.SGD([w], options), new optim.SGD([copy], options)]
  step(one, w)
  const { state, paramGroups } = one.stateDict()
  torch.noGrad(() => copy.copy_(w))
  other.loadStateDict({ state: { 0: { momentumBuffer: state[0]?.momentumBuffer as Tensor } }, paramGroups })
  step(one, w)
  step(other, copy)
  expectClose(copy, w)
})

test('counters are loaded as float32, whatever they were', () => {
  const w = torch.ones([2], { dtype: 'float64', requiresGrad: true })
  const make = () => new optim.Adam([w])
  const saved = make()
  w.sum().backward()
  saved.step()
  const { state, paramGroups } = saved.stateDict()
  const optimizer = make()
  optimizer.loadStateDict({ state: { 0: { ...state[0], step: torch.tensor(4n) } }, paramGroups } as never)
  optimizer.step()
  const { step, expAvg } = optimizer.stateDict().state[0] ?? {}
  expect([step?.dtype, step?.item(), expAvg?.dtype]).toEqual(['float32', 5, 'float64'])
})

test('the state from before is gone', () => {
  const w = torch.ones([2], { requiresGrad: true })
  const optimizer = new optim.SGD([w], { lr: 1, momentum: 0.5 })
  const fresh = optimizer.stateDict()
  w.sum().backward()
  optimizer.step()
  optimizer.loadStateDict(fresh)
  expect(optimizer.stateDict().state).toEqual({})
})

test("PyTorch's None is no tensor yet, and its older counters are numbers", () => {
  const w = torch.ones([2], { requiresGrad: true })
  const sgd = new optim.SGD([w], { momentum: 0.5 })
  sgd.loadStateDict({ state: { 0: { momentum_buffer: null } }, param_groups: [{ params: [0] }] } as never)
  expect(sgd.stateDict().state).toEqual({})
  const adam = new optim.Adam([w])
  const state = { 0: { step: 7, exp_avg: torch.zeros([2]), exp_avg_sq: torch.ones([2]) } }
  adam.loadStateDict({ state, param_groups: [{ params: [0], weight_decay: 0.5, lr: torch.tensor(0.25) }] } as never)
  expect(adam.stateDict().state[0]?.step?.item()).toBe(7)
  expect(adam.paramGroups[0]).toMatchObject({ weightDecay: 0.5, lr: 0.25, betas: [0.9, 0.999] })
})

test('single numbers start as in PyTorch, are float32 on the CPU, and may be numbers in older files', () => {
  const w = torch.ones([2], { dtype: 'float64', requiresGrad: true })
  w.grad = torch.ones([2], { dtype: 'float64' })
  const [nadam, asgd] = [new optim.NAdam([w], { lr: 0 }), new optim.ASGD([w], { lr: 0.5, lambd: 0, t0: 0 })]
  for (const optimizer of [nadam, asgd]) optimizer.step()
  const [one, other] = [nadam.stateDict().state[0], asgd.stateDict().state[0]]
  // β1 (1 - 0.96^0.004 / 2), rounded to float32.
  expect(one?.muProduct?.item()).toBe(Math.fround(0.9 * (1 - 0.5 * 0.96 ** 0.004)))
  expect([other?.eta?.item(), other?.mu?.item(), other?.step?.item()]).toEqual([0.5, 1, 1])
  for (const single of [one?.muProduct, one?.step, other?.eta, other?.mu]) {
    expect([single?.dtype, single?.device, single?.shape]).toEqual(['float32', 'cpu', []])
  }
  asgd.loadStateDict({
    state: { 0: { step: 3, eta: 0.25, mu: 0.5, ax: torch.zeros([2]) } },
    param_groups: [{ params: [0], lambd: 0, t0: 0, foreach: null, capturable: false, differentiable: false }],
  } as never)
  const before = w.toArray() as number[]
  asgd.step()
  // One step of η = 0.25, and the average half of the way from 0.
  expect(w.toArray()).toEqual(before.map((value) => value - 0.25))
  expect(asgd.stateDict().state[0]?.ax?.toArray()).toEqual(before.map((value) => (value - 0.25) / 2))
})

test('decoupled weight decay is a setting of NAdam and RAdam, and another class for Adam', () => {
  const w = torch.ones([2], { requiresGrad: true })
  const saved = { state: {}, param_groups: [{ params: [0], decoupled_weight_decay: true }] } as never
  for (const optimizer of [new optim.NAdam([w]), new optim.RAdam([w])]) {
    optimizer.loadStateDict(saved)
    expect(optimizer.paramGroups[0]?.decoupledWeightDecay).toBe(true)
  }
  expectError(() => new optim.Adam([w]).loadStateDict(saved), 'ERR_TORCH_VALUE', /: this is the state dict of AdamW$/)
  expectError(
    () =>
      new optim.NAdam([w]).loadStateDict({
        state: { 0: { step: 1, muProduct: torch.ones([2]), expAvg: torch.ones([2]), expAvgSq: torch.ones([2]) } },
        paramGroups: [{ params: [0] }],
      } as never),
    'ERR_TORCH_SHAPE',
    /has 'muProduct' of shape \[2\]: it must be a single number$/,
  )
})

describe('refuses, and changes nothing', () => {
  const w = torch.zeros([2], { requiresGrad: true })
  const make = (): optim.Adam => new optim.Adam([w])
  const groups = [{ params: [0] }]
  const full = { expAvg: torch.zeros([2]), expAvgSq: torch.zeros([2]), step: torch.tensor(1) }
  test.each([
    [undefined, 'ERR_TORCH_TYPE', /^Adam\.loadStateDict: the state dict must be an object .*, got undefined$/],
    [Promise.resolve({}), 'ERR_TORCH_TYPE', /got Promise: await it$/],
    [new Map(), 'ERR_TORCH_TYPE', /got Map: pass Object\.fromEntries\(map\)$/],
    [make(), 'ERR_TORCH_TYPE', /got Adam: pass its stateDict\(\)$/],
    [[], 'ERR_TORCH_TYPE', /got \[\]$/],
    [{ state: {} }, 'ERR_TORCH_TYPE', /expected the state dict of an optimizer, with paramGroups/],
    [{ paramGroups: groups }, 'ERR_TORCH_TYPE', /: state must be an object of names and values, got undefined$/],
    [{ state: {}, paramGroups: groups, epoch: 3 }, 'ERR_TORCH_OPTION', /unknown option 'epoch'/],
    [{ state: {}, paramGroups: [] }, 'ERR_TORCH_VALUE', /different number of parameter groups \(0, not 1\)$/],
    [{ state: {}, paramGroups: [null] }, 'ERR_TORCH_TYPE', /a parameter group must be an object/],
    [{ state: {}, paramGroups: [{}] }, 'ERR_TORCH_VALUE', /doesn't match the size of optimizer's group$/],
    [{ state: {}, paramGroups: [{ params: [0, 1] }] }, 'ERR_TORCH_VALUE', /doesn't match the size/],
    [
      { state: {}, param_groups: groups, paramGroups: groups },
      'ERR_TORCH_VALUE',
      /'paramGroups' is given twice, in camelCase and in snake_case$/,
    ],
    [{ state: {}, paramGroups: [{ params: [0], momentum: 0 }] }, 'ERR_TORCH_OPTION', /unknown option 'momentum'/],
    [
      { state: {}, paramGroups: [{ params: [0], lr: -1 }] },
      'ERR_TORCH_VALUE',
      /^Adam: lr must be a non-negative number, got -1$/,
    ],
    [{ state: {}, paramGroups: [{ params: [0], lr: 9, amsgrad: 1 }] }, 'ERR_TORCH_TYPE', /amsgrad must be a boolean/],
    [
      { state: {}, param_groups: [{ params: [0], decoupled_weight_decay: true }] },
      'ERR_TORCH_VALUE',
      /: this is the state dict of AdamW$/,
    ],
    [
      { state: { 0: { ...full, exp_avg: full.expAvg } }, paramGroups: groups },
      'ERR_TORCH_VALUE',
      /'expAvg' is given twice/,
    ],
    [
      { state: { 0: { ...full, square: full.expAvg } }, paramGroups: groups },
      'ERR_TORCH_OPTION',
      /parameter 0 has 'square', which Adam does not keep; it keeps expAvg, /,
    ],
    [
      { state: { 0: { ...full, expAvg: 3 } }, paramGroups: groups },
      'ERR_TORCH_TYPE',
      /must consist of Tensors, but 'expAvg' is 3$/,
    ],
    [
      { state: { 0: { ...full, expAvgSq: null } }, paramGroups: groups },
      'ERR_TORCH_VALUE',
      /parameter 0 lacks 'expAvgSq'$/,
    ],
    [{ state: { 0: { ...full, step: null } }, paramGroups: groups }, 'ERR_TORCH_VALUE', /lacks 'step'$/],
    [
      { state: { 0: { ...full, expAvg: torch.zeros([3]) } }, paramGroups: groups },
      'ERR_TORCH_SHAPE',
      /'expAvg' of shape \[3\]: it must be of the parameter's shape \[2\]$/,
    ],
    [
      { state: { 0: { ...full, step: torch.zeros([2]) } }, paramGroups: groups },
      'ERR_TORCH_SHAPE',
      /it must be a single number$/,
    ],
    [{ state: { 7: full }, paramGroups: groups }, 'ERR_TORCH_VALUE', /state for parameter 7, which is in no group$/],
  ] as const)('%o', (stateDict, code, message) => {
    const optimizer = make()
    w.grad = torch.ones([2])
    optimizer.step()
    const before = JSON.stringify([optimizer.paramGroups[0]?.lr, optimizer.stateDict().state[0]?.expAvg?.toArray()])
    expectError(() => optimizer.loadStateDict(stateDict as never), code, message)
    const after = JSON.stringify([optimizer.paramGroups[0]?.lr, optimizer.stateDict().state[0]?.expAvg?.toArray()])
    expect(after).toBe(before)
  })
})
