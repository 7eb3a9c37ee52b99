import { describe, expect, test } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { LSTMModel } from '../../lib/models/index.ts'
import type { Callback, Run } from '../../lib/train/index.ts'
import { Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectRejection } from '../support/error.ts'
import { collectGarbage } from '../support/garbage.ts'

const STEPS = 12
const BAD = 5

const model = (): LSTMModel => {
  torch.manualSeed(1)
  return new LSTMModel(2, 8, 1, { output: 'last', batchFirst: true })
}

/** Samples of which the one at `bad` makes its step, the only one with it, non-finite. */
function data(steps: number, bad?: number): [Tensor, Tensor] {
  torch.manualSeed(2)
  const [x, y] = [torch.randn([STEPS, 6, 2]), torch.randn([STEPS, 1])]
  if (bad !== undefined) y.index(bad).fill_(Number.NaN)
  return [x.narrow(0, 0, steps), y.narrow(0, 0, steps)]
}

async function trained(options: TrainerOptions, [x, y]: [Tensor, Tensor], one = model()): Promise<LSTMModel> {
  await new Trainer(one, { epochs: 1, batchSize: 1, shuffle: false, progress: false, ...options }).fit([x, y])
  return one
}

const weightsOf = (one: nn.Module): unknown[] => [...one.parameters()].map((parameter) => parameter.toArray())

describe('steps that are queued before others have run', () => {
  test.each([1, 2])('are skipped after a loss that is not finite, with %i batches per update', async (batches) => {
    const one = model()
    const seen: number[] = []
    const callback: Callback = { onException: ({ step, batch }) => void seen.push(step, batch) }
    const options = { accumulateGradBatches: batches, callbacks: [callback] }
    await expectRejection(
      trained(options, data(STEPS, BAD), one),
      'ERR_TORCH_NON_FINITE',
      `step ${BAD + 1} of ${STEPS}`,
    )
    expect(seen).toEqual([Math.floor(BAD / batches), BAD])
    const updated = BAD - (BAD % batches)
    expect(weightsOf(one)).toEqual(weightsOf(await trained({ accumulateGradBatches: batches }, data(updated))))
    // The next fit begins anew.
    await trained({}, data(STEPS), one)
    expect([...one.parameters()].every((parameter) => parameter.isfinite().all().item())).toBe(true)
  })

  test('are skipped, or not queued, after a loss function that throws', async () => {
    const one = model()
    let calls = 0
    const loss = (output: Tensor, target: Tensor): Tensor => {
      if (calls++ === BAD) throw new RangeError('enough')
      return nn.functional.mseLoss(output, target)
    }
    await expect(trained({ loss }, data(STEPS), one)).rejects.toThrow('enough')
    expect(calls).toBe(BAD + 1)
    expect(weightsOf(one)).toEqual(weightsOf(await trained({}, data(BAD))))
  })

  test('have run when a callback is called', async () => {
    const found: unknown[] = []
    const callback: Callback = {
      everySteps: 5,
      onStepEnd: async (run: Run) => {
        expect(torch.offload.pending).toBe(0)
        found.push([run.step, weightsOf(run.model)])
      },
    }
    await trained({ callbacks: [callback] }, data(STEPS))
    const expected = [5, 10].map(async (step) => [step, weightsOf(await trained({}, data(step)))])
    expect(found).toEqual(await Promise.all(expected))
  })

  test('have run, and no other begins, when a fit ends early', async () => {
    const controller = new AbortController()
    const one = model()
    const callback: Callback = { everySteps: 3, onStepEnd: () => controller.abort() }
    const trainer = new Trainer(one, {
      epochs: 5,
      batchSize: 1,
      shuffle: false,
      progress: false,
      callbacks: [callback],
    })
    await expect(trainer.fit(data(STEPS), { signal: controller.signal })).rejects.toThrow('aborted')
    expect(torch.offload.pending).toBe(0)
    expect(weightsOf(one)).toEqual(weightsOf(await trained({}, data(3))))
    expect(weightsOf(await trained({ maxSteps: 7 }, data(STEPS)))).toEqual(weightsOf(await trained({}, data(7))))
  })

  test('never run beside code that makes batches', async () => {
    const [x, y] = data(STEPS)
    const pending: number[] = []
    const batch = (i: number): [Tensor, Tensor] => {
      pending.push(torch.offload.pending)
      return [x.narrow(0, i, 1), y.narrow(0, i, 1)]
    }
    const dataset = { length: STEPS, batch: ([i = 0]: readonly number[]) => batch(i) }
    const iterable = {
      *[Symbol.iterator]() {
        for (let i = 0; i < STEPS; i++) yield batch(i)
      },
    }
    const expected = weightsOf(await trained({}, [x, y]))
    for (const own of [dataset, iterable]) {
      const one = model()
      await new Trainer(one, { epochs: 1, batchSize: 1, shuffle: false, progress: false }).fit(own)
      expect(weightsOf(one)).toEqual(expected)
    }
    expect(pending).toEqual(Array(2 * STEPS).fill(0))
  })

  test('hold no memory afterwards', async () => {
    const one = model()
    const trainer = new Trainer(one, { epochs: 1, batchSize: 1, progress: false })
    const all = data(STEPS)
    await trainer.fit(all)
    await collectGarbage()
    const { tensors } = torch.memory()
    for (let i = 0; i < 3; i++) await trainer.fit(all)
    await collectGarbage()
    expect(torch.memory().tensors).toBeLessThanOrEqual(tensors)
  })
})
