// A training step only queues work: it must not wait for the GPU.
import { expect, test } from 'vitest'
import { LSTMModel } from '../../lib/models/index.ts'
import { MSELoss, utils } from '../../lib/nn/index.ts'
import { Adam, AdamW, SGD } from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { describeCuda } from '../support/cuda.ts'

const device = 'cuda' as const

/** Milliseconds that `work` keeps the caller. */
function duration(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

/** Keeps the GPU busy for about as long as asked, by products whose time has been measured before. */
function prepareBusy(milliseconds: number): () => void {
  const a = torch.ones([4096, 4096], { device })
  const multiply = (): void => torch.tidy(() => void a.matmul(a))
  const measure = (times: number): number =>
    duration(() => {
      for (let i = 0; i < times; i++) multiply()
      torch.cuda.synchronizeSync()
    })
  measure(3)
  const times = Math.min(500, Math.ceil(milliseconds / (measure(10) / 10)))
  return () => {
    for (let i = 0; i < times; i++) multiply()
  }
}

const OPTIMIZERS = {
  Adam: (model: LSTMModel) => new Adam(model.parameters(), { lr: 1e-3 }),
  AdamW: (model: LSTMModel) => new AdamW(model.parameters(), { lr: 1e-3, amsgrad: true }),
  SGD: (model: LSTMModel) => new SGD(model.parameters(), { lr: 1e-3, momentum: 0.9 }),
}

describeCuda('a training step on the GPU', () => {
  const cases = Object.entries(OPTIMIZERS).flatMap(([name, optimizerOf]) =>
    ([undefined, 'bfloat16', 'float16'] as const).map((dtype) => [name, dtype, optimizerOf] as const),
  )

  test.each(cases)('with %s and autocast to %s does not wait', (_, dtype, optimizerOf) => {
    const model = new LSTMModel(8, 32, 1, { batchFirst: true, device })
    const [x, y] = [torch.randn([16, 5, 8], { device }), torch.randn([16, 5, 1], { device })]
    const optimizer = optimizerOf(model)
    const criterion = new MSELoss()
    const scaler = new torch.amp.GradScaler(device, { enabled: dtype === 'float16' })
    const total = torch.zeros([], { device })
    const step = (): void =>
      torch.tidy(() => {
        optimizer.zeroGrad()
        const options = { enabled: dtype !== undefined, ...(dtype === undefined ? {} : { dtype }) }
        const loss: Tensor = torch.autocast(device, () => criterion.forward(model.forward(x), y), options)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        utils.clipGradNorm_(model.parameters(), 1)
        scaler.step(optimizer)
        scaler.update()
        torch.noGrad(() => total.add_(loss.detach()))
      })
    const busy = prepareBusy(400)
    // The first ones allocate memory, and momentum looks once whether its first step was left out.
    for (let i = 0; i < 5; i++) step()
    torch.cuda.synchronizeSync()
    busy()
    const queued = duration(step)
    const waited = duration(() => torch.cuda.synchronizeSync())
    expect(waited).toBeGreaterThan(150)
    expect(queued).toBeLessThan(waited / 2)
    expect(Number.isFinite(total.item())).toBe(true)
  })

  test('asynchronous copies from pinned memory do not wait, and events tell when they are done', async () => {
    const source = torch.arange(1 << 20, { dtype: 'int64' }).pinMemory()
    expect(source.isPinned()).toBe(true)
    const busy = prepareBusy(400)
    torch.cuda.synchronizeSync()
    const done = new torch.cuda.Event()
    busy()
    let copy: Tensor | undefined
    const queued = duration(() => {
      copy = source.to({ device, nonBlocking: true })
      done.record()
    })
    expect(done.query()).toBe(false)
    const start = performance.now()
    await done.synchronize()
    expect(performance.now() - start).toBeGreaterThan(150)
    expect(queued).toBeLessThan(100)
    expect(done.query()).toBe(true)
    expect(copy?.sum().item()).toBe(((2 ** 20 - 1) * 2 ** 20) / 2)
  })

  test('the event loop goes on while a program waits for the GPU', async () => {
    const busy = prepareBusy(400)
    busy()
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    await torch.cuda.synchronize()
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(20)
  })
})
