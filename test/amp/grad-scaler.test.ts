import { describe, expect, test, vi } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import { isFused } from '../../lib/optim/fused.ts'
import * as optim from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

const { GradScaler } = torch.amp

interface Case {
  kind: 'SGD' | 'Adam' | 'AdamW' | 'Adagrad' | 'NAdam' | 'RMSprop'
  options: Record<string, never>
  clip: number | null
  steps: { values: number[]; scale: number; tracker: number; count: number | null }[]
}

const fixture = readFixture<{ scaler: Record<string, number>; cases: Case[] }>('amp')
const BAD = new Map([
  [0, Number.POSITIVE_INFINITY],
  [4, Number.NaN],
  [5, Number.POSITIVE_INFINITY],
])

/** An optimizer whose step is its own, which a scaler can only call or not. */
class Own extends optim.Adam {
  override step(): void {
    super.step()
  }
}

describe.each(
  fixture.cases.map(
    (one) => [`${one.kind} ${JSON.stringify(one.options)}${one.clip === null ? '' : ', clipped'}`, one] as const,
  ),
)('%s', (_, one) => {
  async function follow(runStep: (step: () => void) => Promise<void> | void, Optimizer: typeof optim.SGD) {
    torch.manualSeed(0)
    const [a, b] = [torch.randn([3, 2], { requiresGrad: true }), torch.randn([4], { requiresGrad: true })]
    const x = torch.randn([4, 3])
    const optimizer = new Optimizer([a, b], one.options)
    const scaler = new GradScaler('cpu', fixture.scaler)
    for (const [step, expected] of one.steps.entries()) {
      await runStep(() =>
        torch.tidy(() => {
          optimizer.zeroGrad()
          const base = x.matmul(a).sin().sum(1).mul(b).sum().add(b.mul(b).sum().mul(0.1))
          scaler.scale(base.mul(BAD.get(step) ?? 1)).backward()
          if (one.clip !== null) {
            scaler.unscale_(optimizer)
            nn.utils.clipGradNorm_([a, b], one.clip)
          }
          scaler.step(optimizer)
          scaler.update()
        }),
      )
      const values = [a, b].flatMap((tensor) => Array.from(tensor.toTypedArray() as Float32Array))
      expectClose(values, expected.values)
      expect(scaler.getScale()).toBe(expected.scale)
      expect(scaler.stateDict()).toMatchObject({ scale: expected.scale, growthTracker: expected.tracker })
      const count = optimizer.stateDict().state[0]?.step
      if (expected.count !== null) expect(count?.item() ?? 0).toBe(expected.count)
    }
  }

  const Optimizer = optim[one.kind] as typeof optim.SGD
  test('takes the steps of PyTorch, and leaves those out that it leaves out', () => follow((step) => step(), Optimizer))
  const queued = () => follow((step) => torch.offload(step), Optimizer)
  if (isFused(new Optimizer([torch.zeros([1], { requiresGrad: true })]))) {
    test('off the main thread, where no value can be read', queued)
  } else {
    test('but not off the main thread, since the scaler reads whether to skip', () =>
      expectRejection(queued(), 'ERR_TORCH_PENDING', /cannot read a value before it is computed/))
  }
  if (one.kind === 'Adam') {
    test('with a step of its own', () => follow((step) => step(), Own as unknown as typeof optim.SGD))
  }
})

/** A parameter, an optimizer with it, and a scaled loss, of which backward has been called. */
function started(options: { grow?: number } = {}) {
  const w = torch.ones([2], { requiresGrad: true })
  const optimizer = new optim.SGD([w], { lr: 0.1 })
  const scaler = new GradScaler('cpu', { initScale: 4, growthInterval: options.grow ?? 2000 })
  scaler.scale(w.sum()).backward()
  return { w, optimizer, scaler }
}

test('scales outputs, also in arrays, and unscales gradients before they are looked at', () => {
  const { w, optimizer, scaler } = started()
  expectClose(w.grad as Tensor, [4, 4])
  scaler.unscale_(optimizer)
  expectClose(w.grad as Tensor, [1, 1])
  const [one, [two] = []] = scaler.scale([torch.ones([2]), [torch.tensor([3])]] as never) as unknown as [
    Tensor,
    Tensor[],
  ]
  expectClose(one, [4, 4])
  expectClose(two as Tensor, [12])
  expect(scaler.scale(torch.tensor([1], { dtype: 'float64' })).dtype).toBe('float64')
})

test('the scale can be set, and state goes from one scaler to another', () => {
  const { optimizer, scaler } = started({ grow: 2 })
  scaler.step(optimizer)
  scaler.update()
  expect(scaler.stateDict()).toEqual({
    scale: 4,
    growthFactor: 2,
    backoffFactor: 0.5,
    growthInterval: 2,
    growthTracker: 1,
  })
  const other = new GradScaler('cpu')
  other.loadStateDict(scaler.stateDict())
  expect(other.stateDict()).toEqual(scaler.stateDict())
  const w = torch.ones([1], { requiresGrad: true })
  const sgd = new optim.SGD([w])
  other.scale(w.sum()).backward()
  other.step(sgd)
  other.update()
  expect(other.getScale()).toBe(8)
  other.update(3)
  expect(other.getScale()).toBe(3)
  other.update(torch.tensor([5]))
  expect(other.getScale()).toBe(5)
  other.loadStateDict(scaler.stateDict())
  expect(other.stateDict()).toEqual(scaler.stateDict())
  other.setGrowthFactor(4)
  other.setBackoffFactor(0.1)
  other.setGrowthInterval(7)
  expect([other.getGrowthFactor(), other.getBackoffFactor(), other.getGrowthInterval()]).toEqual([4, 0.1, 7])
})

test('the scales of two optimizers go back together', () => {
  const [v, w] = [torch.ones([1], { requiresGrad: true }), torch.ones([1], { requiresGrad: true })]
  const [first, second] = [new optim.SGD([v], { lr: 1 }), new optim.Adam([w], { lr: 1 })]
  const scaler = new GradScaler('cpu', { initScale: 4 })
  scaler.scale(v.sum()).backward()
  scaler.scale(w.mul(Number.POSITIVE_INFINITY).sum()).backward()
  scaler.step(first)
  scaler.step(second)
  scaler.update()
  expect([v.item(), w.item(), scaler.getScale()]).toEqual([0, 1, 2])
})

test('a disabled one does nothing', () => {
  const w = torch.ones([2], { requiresGrad: true })
  const optimizer = new optim.SGD([w], { lr: 1 })
  const scaler = new GradScaler('cpu', { enabled: false })
  const loss = w.sum()
  expect(scaler.scale(loss)).toBe(loss)
  loss.backward()
  scaler.unscale_(optimizer)
  scaler.step(optimizer)
  scaler.update()
  expectClose(w, [0, 0])
  expect([scaler.isEnabled(), scaler.getScale(), scaler.stateDict()]).toEqual([false, 1, {}])
  scaler.loadStateDict({})
})

test('without CUDA, one for CUDA says so and is disabled', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const enabled = new GradScaler().isEnabled()
  // On a machine with a GPU there is nothing to say.
  expect(warn.mock.calls.map(([message]) => message)).toEqual(
    enabled ? [] : ['torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.'],
  )
  warn.mockRestore()
})

test('steps leave no tensors behind', () => {
  const { w, optimizer, scaler } = started()
  const step = (): void =>
    torch.tidy(() => {
      optimizer.zeroGrad()
      scaler.scale(w.sum()).backward()
      scaler.unscale_(optimizer)
      scaler.step(optimizer)
      scaler.update()
    })
  step()
  const before = torch.memory().tensors
  for (let i = 0; i < 20; i++) step()
  expect(torch.memory().tensors).toBeLessThanOrEqual(before)
})

describe('refuses', () => {
  const scaler = () => new GradScaler('cpu')
  test.each([
    [
      () => new GradScaler('gpu' as never),
      'ERR_TORCH_DEVICE',
      /device must be 'cpu', 'cuda' or one such as 'cuda:1', got 'gpu'/,
    ],
    [() => new GradScaler('cpu', { scale: 3 } as never), 'ERR_TORCH_OPTION', /unknown option 'scale'/],
    [() => new GradScaler('cpu', { initScale: 0 }), 'ERR_TORCH_VALUE', /initScale must be a positive number, got 0/],
    [() => new GradScaler('cpu', { growthFactor: 1 }), 'ERR_TORCH_VALUE', /growthFactor must be a number above 1/],
    [
      () => new GradScaler('cpu', { backoffFactor: 1 }),
      'ERR_TORCH_VALUE',
      /backoffFactor must be a number between 0 and 1/,
    ],
    [() => new GradScaler('cpu', { growthInterval: 1.5 }), 'ERR_TORCH_VALUE', /growthInterval must be a positive int/],
    [() => new GradScaler('cpu', { enabled: 1 as never }), 'ERR_TORCH_TYPE', /enabled must be a boolean, got 1/],
    [() => scaler().scale(3 as never), 'ERR_TORCH_VALUE', /^outputs must be a Tensor or an iterable of Tensors/],
    [() => scaler().loadStateDict({}), 'ERR_TORCH_RUNTIME', /^The source state dict is empty/],
    [() => scaler().loadStateDict(null as never), 'ERR_TORCH_TYPE', /expected the state dict of a GradScaler/],
    [
      () => scaler().loadStateDict({ ...(started().scaler.stateDict() as object), growthTracker: -1 } as never),
      'ERR_TORCH_VALUE',
      /growthTracker must be a non-negative integer/,
    ],
    [() => scaler().setGrowthFactor(0), 'ERR_TORCH_VALUE', /growthFactor/],
    [() => scaler().update(), 'ERR_TORCH_RUNTIME', /^Attempted update but _scale is None\./],
    [() => started().scaler.update(), 'ERR_TORCH_RUNTIME', /^No inf checks were recorded prior to update\.$/],
    [() => started().scaler.update(-1), 'ERR_TORCH_VALUE', /newScale must be a positive number/],
    [
      () => started().scaler.update(torch.ones([2])),
      'ERR_TORCH_VALUE',
      /^newScale should be a number, or a tensor of one element that does not require gradients$/,
    ],
    [
      () => scaler().step(new optim.SGD([torch.ones([1], { requiresGrad: true })])),
      'ERR_TORCH_RUNTIME',
      /^Attempted step but _scale is None\..*did not use scaler\.scale/,
    ],
  ] as const)('%s', (call, code, message) => {
    expectError(call, code, message)
  })

  test('calls in another order', () => {
    const { w, optimizer, scaler } = started()
    scaler.unscale_(optimizer)
    expectError(() => scaler.unscale_(optimizer), 'ERR_TORCH_RUNTIME', /^unscale_\(\) has already been called on this/)
    scaler.step(optimizer)
    expectError(() => scaler.unscale_(optimizer), 'ERR_TORCH_RUNTIME', /^unscale_\(\) is being called after step\(\)/)
    expectError(() => scaler.step(optimizer), 'ERR_TORCH_RUNTIME', /^step\(\) has already been called since the last/)
    scaler.update()
    const closure = { paramGroups: optimizer.paramGroups, step: (fn: () => void) => fn() }
    expectError(() => scaler.step(closure, () => {}), 'ERR_TORCH_RUNTIME', /^Closure use is not currently supported/)
    optimizer.zeroGrad()
    expectError(() => scaler.step(optimizer), 'ERR_TORCH_RUNTIME', /^No inf checks were recorded for this optimizer\.$/)
    expectClose(w, [0.9, 0.9])
  })

  test('gradients of float16, unless they are only checked', () => {
    const w = torch.ones([2], { dtype: 'float16', requiresGrad: true })
    const optimizer = new optim.SGD([w], { lr: 1 })
    const scaler = new GradScaler('cpu', { initScale: 2 })
    scaler.scale(w.sum()).backward()
    expectError(() => scaler.unscale_(optimizer), 'ERR_TORCH_VALUE', /^Attempting to unscale FP16 gradients\.$/)
    scaler.step(optimizer)
    expectClose(w, [0, 0])
  })

  test('an optimizer whose step it can only call or not, off the main thread: that needs a value', async () => {
    const w = torch.ones([2], { requiresGrad: true })
    const optimizer = new Own([w])
    const scaler = new GradScaler('cpu')
    await expectRejection(
      torch.offload(() => {
        scaler.scale(w.sum()).backward()
        scaler.step(optimizer)
      }),
      'ERR_TORCH_PENDING',
      /cannot read a value/,
    )
  })
})
