import { describe, expect, test } from 'vitest'
import type { GradScalerState } from '../../lib/amp/index.ts'
import { DataLoader, TensorDataset } from '../../lib/data/index.ts'
import { GRUModel, LSTMModel } from '../../lib/models/index.ts'
import { CrossEntropyLoss, Linear } from '../../lib/nn/index.ts'
import { Adam } from '../../lib/optim/index.ts'
import { torch } from '../../lib/torch.ts'
import { Trainer, type TrainerOptions } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { series } from '../support/series.ts'

const quiet: TrainerOptions = { progress: false, seed: 1 }

describe('device', () => {
  test("'cpu' changes nothing where all is there", async () => {
    const run = async (options: TrainerOptions) => {
      torch.manualSeed(0)
      const trainer = new Trainer(new GRUModel(1, 4, 1), { ...quiet, epochs: 2, sequenceLength: 8, ...options })
      const [train, held] = [series(40), series(20)]
      const { trainLosses, validationLosses } = await trainer.fit(train, { validation: held })
      const output = await trainer.predict(series(10)[0])
      expect(output.device).toBe('cpu')
      return [trainLosses, validationLosses, output.toArray()]
    }
    expect(await run({ device: 'cpu' })).toEqual(await run({}))
  })

  test.skipIf(torch.cuda.isAvailable())('without CUDA, one is refused with the reason', () => {
    const make = (device: string) => () => new Trainer(new Linear(1, 1), { ...quiet, device: device as 'cuda' })
    const { message } = expectError(make('cuda'), 'ERR_TORCH_DEVICE', /^Trainer: device 'cuda' cannot be used: /)
    expect(message).toContain(torch.cuda.why())
    expectError(make('cuda:1'), 'ERR_TORCH_DEVICE', /^Trainer: device 'cuda:1' cannot be used: /)
    expectError(
      make('gpu'),
      'ERR_TORCH_DEVICE',
      /Trainer: device must be 'cpu', 'cuda' or one such as 'cuda:1', got 'g/,
    )
    expectError(make(0 as never), 'ERR_TORCH_TYPE', /Trainer: device must be .*, got 0/)
  })

  test('an error there leaves the trainer usable', async () => {
    const trainer = new Trainer(new GRUModel(1, 4, 1), { ...quiet, device: 'cpu', epochs: 1, sequenceLength: 5 })
    await expect(trainer.fit([torch.zeros([20, 2]), torch.zeros([20, 1])])).rejects.toThrow('Expected 1, got 2')
    expect((await trainer.fit(series(20))).epochs).toHaveLength(1)
  })
})

describe('autocast', () => {
  test.each([
    ['bfloat16', LSTMModel],
    ['bfloat16', GRUModel],
    // LibTorch's kernels for the CPU have no LSTM of float16 to train.
    ['float16', GRUModel],
  ] as const)('to %s learns nearly the same: %o', async (dtype, Model) => {
    const run = async (options: TrainerOptions) => {
      torch.manualSeed(0)
      const model = new Model(1, 8, 1)
      const trainer = new Trainer(model, {
        ...quiet,
        epochs: 8,
        sequenceLength: 10,
        lr: 1e-2,
        clipGradNorm: 1,
        ...options,
      })
      const history = await trainer.fit(series(60), { validation: series(40) })
      return { model, trainer, history }
    }
    const [plain, cast] = [await run({}), await run({ autocast: dtype })]
    expectClose(cast.history.trainLosses, plain.history.trainLosses, { rtol: 0.05 })
    // Otherwise nothing was cast.
    expect(cast.history.trainLosses).not.toEqual(plain.history.trainLosses)
    expect(cast.history.validationLosses).not.toEqual(plain.history.validationLosses)
    // Weights stay as they were.
    expect(cast.model.linear.weight.dtype).toBe('float32')
    expect((await cast.trainer.predict(torch.ones([3, 1, 1]))).dtype).toBe(dtype)
  })

  test('to float16 scales the loss: what would overflow is left out until it does not', async () => {
    const model = new Linear(1, 1, { bias: false })
    torch.noGrad(() => model.weight.fill_(1))
    let count = 0
    const trainer = new Trainer(model, {
      ...quiet,
      epochs: 10,
      batchSize: 1,
      autocast: 'float16',
      optimizer: (p) => new Adam(p, { lr: 1e-3 }),
      // Of gradient 16: 65536 times that is beyond float16, as are 32768, 16384 and 8192 times; 2048 times is not.
      loss: (output) => {
        count++
        return output.mul(16).sum()
      },
    })
    await trainer.fit([torch.ones([1, 1]), torch.ones([1, 1])])
    expect(count).toBe(10)
    const steps = trainer.optimizer.stateDict().state[0]?.step?.item<number>() as number
    expect(steps).toBeGreaterThan(3)
    expect(steps).toBeLessThan(10)
    expect(trainer.scaler?.getScale()).toBe(65536 / 2 ** (10 - steps))
    expectClose(model.weight, [[1 - steps * 1e-3]], { rtol: 1e-4 })
  })

  test('to float16 goes on from a state of the scaler', async () => {
    const trainer = new Trainer(new GRUModel(1, 4, 1), { ...quiet, epochs: 1, sequenceLength: 8, autocast: 'float16' })
    trainer.scaler?.loadStateDict({ ...(trainer.scaler.stateDict() as GradScalerState), scale: 128 })
    await trainer.fit(series(20))
    expect(trainer.scaler?.stateDict()).toMatchObject({ scale: 128, growthTracker: 1 })
  })

  test('to float16 needs an optimizer that can leave steps out', () => {
    class Own extends Adam {
      override step(): void {
        super.step()
      }
    }
    const make = (autocast: 'float16' | 'bfloat16') => () =>
      new Trainer(new Linear(1, 1), { ...quiet, autocast, optimizer: (p) => new Own(p) })
    expectError(make('float16'), 'ERR_TORCH_OPTION', /autocast: 'float16' needs an optimizer that can skip a step/)
    expect(make('bfloat16')().scaler).toBeUndefined()
  })
})

test('a loss that is a module with weights is placed with the model', async () => {
  const loss = new CrossEntropyLoss({ weight: torch.tensor([1, 2]) })
  const trainer = new Trainer(new Linear(3, 2), { ...quiet, loss, epochs: 1, device: 'cpu' })
  const data = [torch.randn([8, 3]), torch.randint(2, [8])] as const
  expect((await trainer.fit(data)).epochs).toHaveLength(1)
  // It is among what is moved: its weights are a buffer.
  expect([...loss.buffers()]).toHaveLength(1)
})

test('takes a loader that pins its batches', async () => {
  const data = new TensorDataset(torch.randn([8, 3]), torch.randn([8, 1]))
  const loader = new DataLoader(data, { batchSize: 4, pinMemory: torch.cuda.isAvailable() })
  const trainer = new Trainer(new Linear(3, 1), { ...quiet, epochs: 1 })
  expect((await trainer.fit(loader)).epochs).toHaveLength(1)
})

describe('refuses', () => {
  test.each([
    [{ autocast: 'float32' }, 'ERR_TORCH_VALUE', /autocast must be 'bfloat16' or 'float16', got 'float32'/],
    [{ autocast: true }, 'ERR_TORCH_TYPE', /autocast must be 'bfloat16' or 'float16', got true/],
    [{ cudaGraph: 'yes' }, 'ERR_TORCH_VALUE', /cudaGraph must be a boolean or 'auto', got 'yes'/],
    [{ cudaGraphs: true }, 'ERR_TORCH_OPTION', /unknown option 'cudaGraphs'; did you mean 'cudaGraph'/],
  ] as const)('%j', (options, code, message) => {
    expectError(() => new Trainer(new Linear(1, 1), options as never), code, message)
  })
})
