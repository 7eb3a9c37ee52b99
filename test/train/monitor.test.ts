import { expect, test } from 'vitest'
import { torch } from '../../lib/index.ts'
import { GRUModel } from '../../lib/models/index.ts'
import {
  bestWeights,
  type Callback,
  checkpoint,
  earlyStopping,
  Trainer,
  type TrainerOptions,
} from '../../lib/train/index.ts'
import { expectRejection } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'

const x = torch.arange(48, { dtype: 'float32' }).reshape([8, 3, 2]).mul(0.05).sin()
const data = [x, x.sum(2, true)] as const

function trainer(options: TrainerOptions): Trainer {
  const model = new GRUModel(2, 3, 1, { batchFirst: true })
  return new Trainer(model, { progress: false, epochs: 2, batchSize: 4, seed: 0, ...options })
}

test.each([
  [
    { patience: 1, monitor: 'validationLoss' },
    "earlyStopping: there is no 'validationLoss' in the results of an epoch, which are epoch, trainLoss, seconds, trainMae, lr: it needs validation data, fit(data, { validation })",
  ],
  [
    { restoreBest: true, monitor: 'mae' },
    "bestWeights: there is no 'mae' in the results of an epoch, which are epoch, trainLoss, seconds, trainMae, lr; did you mean 'trainMae'?",
  ],
  [{ patience: 1, monitor: 'trainMea' }, "did you mean 'trainMae'?"],
  [{ schedule: 'plateau', monitor: 'validationMae' }, "Trainer: there is no 'validationMae' in the results"],
  [{ callbacks: [earlyStopping({ monitor: 'loss' })] }, "did you mean 'trainLoss'?"],
  [{ callbacks: [bestWeights({ monitor: 'acc' })] }, /bestWeights: there is no 'acc' .*, lr$/],
  [{ callbacks: [checkpoint('runs', { monitor: 'validationMae' })] }, "checkpoint: there is no 'validationMae'"],
] as [TrainerOptions, string | RegExp][])(
  'a monitor that no epoch has is refused before a step: %j',
  async (options, message) => {
    let starts = 0
    const callbacks = [...(options.callbacks ?? []), { onFitStart: () => void starts++ }]
    const fitted = trainer({ metrics: ['mae'], ...options, callbacks })
    await expectRejection(fitted.fit(data), 'ERR_TORCH_VALUE', message)
    expect(starts).toBe(0)
  },
)

test('with validation data, the metrics of both passes can be monitored', async () => {
  const options = { metrics: ['mae'], patience: 5, checkpoint: temporaryFolder() } as const
  for (const monitor of ['validationMae', 'validationLoss', 'trainMae', 'lr']) {
    const fitted = trainer({ ...options, checkpoint: temporaryFolder(), monitor })
    expect((await fitted.fit(data, { validation: data })).epochs).toHaveLength(2)
  }
  const near = trainer({ ...options, monitor: 'mae' })
  await expectRejection(near.fit(data, { validation: data }), 'ERR_TORCH_VALUE', "did you mean 'validationMae'?")
})

test('dryRun refuses it, too, and takes what a validation would give', async () => {
  const wrong = trainer({ patience: 1, monitor: 'validationMae' })
  await expectRejection(wrong.dryRun(data), 'ERR_TORCH_VALUE', "earlyStopping: there is no 'validationMae'")
  const right = trainer({ patience: 1, monitor: 'validationMae', metrics: ['mae'] })
  expect((await right.dryRun(data)).metrics.validationMae).toBeGreaterThan(0)
})

test('a callback may add numbers of its own after the validation', async () => {
  const own: Callback = {
    onValidationEnd({ result, epoch }) {
      if (result !== undefined) result.own = -epoch
    },
  }
  const { epochs } = await trainer({ patience: 1, monitor: 'own', callbacks: [own] }).fit(data, { validation: data })
  expect(epochs.map((result) => result.own)).toEqual([-1, -2])
  // It never does.
  const nothing: Callback = { onValidationEnd() {} }
  await expectRejection(
    trainer({ patience: 1, monitor: 'own', callbacks: [nothing] }).fit(data, { validation: data }),
    'ERR_TORCH_VALUE',
    "earlyStopping: there is no 'own' in the results of an epoch, which are epoch, trainLoss, seconds",
  )
})
