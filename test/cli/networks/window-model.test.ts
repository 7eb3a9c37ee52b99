import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LinearModel } from '../../../lib/cli/networks/linear-model.ts'
import { loadTrained } from '../../../lib/cli/networks/load.ts'
import { TransformerModel } from '../../../lib/cli/networks/transformer-model.ts'
import { DESCRIPTION } from '../../../lib/cli/networks/window-model.ts'
import { Series } from '../../../lib/data/index.ts'
import type { Calibration } from '../../../lib/forecast/index.ts'
import { torch } from '../../../lib/index.ts'
import { saveModule } from '../../../lib/io/index.ts'
import { GRUModel } from '../../../lib/models/index.ts'
import { Trainer } from '../../../lib/train/index.ts'
import { expectClose } from '../../support/close.ts'
import { expectRejection } from '../../support/error.ts'
import { temporaryFolder } from '../../support/folder.ts'

const SIZES = { past: 5, inputSize: 3, horizon: 2, outputSize: 2 }

async function scalerOf(): Promise<Awaited<ReturnType<typeof windowsOf>>['scaler']> {
  return (await windowsOf()).scaler
}

async function windowsOf() {
  const y = Array.from({ length: 60 }, (_, i) => Math.sin(i))
  const series = await Series.from({ day: y.map((_, i) => i * 86_400_000), y }, { time: 'day', targets: 'y' })
  return (await series.split({ past: 5, horizon: 2 })).train
}

test('a linear model is a product with all values of the window', () => {
  const model = new LinearModel(SIZES)
  const input = torch.randn([4, 5, 3])
  const output = model.forward(input)
  expect(output.shape).toEqual([4, 2, 2])
  const wanted = input
    .reshape([4, 15])
    .matmul(model.linear.weight.t())
    .add(model.linear.bias as never)
  expectClose(output.flatten(1), wanted, { atol: 1e-6 })
  expect(model.countParameters()).toBe(15 * 4 + 4)
  expect(new LinearModel(SIZES, { bias: false }).countParameters()).toBe(60)
})

describe('a transformer', () => {
  test('is an encoder: its parameters are those of its layers', () => {
    const d = 8
    const model = new TransformerModel(SIZES, { hiddenSize: d, numLayers: 2 })
    const layer = 4 * d + (3 * d * d + 3 * d) + (d * d + d) + (4 * d * d + 4 * d) + (4 * d * d + d)
    expect(model.countParameters()).toBe(3 * d + d + 2 * layer + 2 * d + 4 * d + 4)
    expect(model.forward(torch.randn([3, 5, 3])).shape).toEqual([3, 2, 2])
  })

  test('knows the order of the steps, and sees all of them', () => {
    torch.manualSeed(0)
    const model = new TransformerModel(SIZES, { hiddenSize: 8 }).eval() as TransformerModel
    const input = torch.randn([1, 5, 3])
    const output = model.forward(input).toArray() as number[][][]
    expect(model.forward(input.flip([1])).toArray()).not.toEqual(output)
    const other = input.clone()
    other.select(1, 0).add_(1)
    expect(model.forward(other).toArray()).not.toEqual(output)
    for (const mode of ['mean', 'max'] as const) {
      const pooled = new TransformerModel(SIZES, { hiddenSize: 6, output: mode })
      expect(pooled.forward(input).shape).toEqual([1, 2, 2])
    }
  })

  test('attention is a mean of values where all scores are equal', () => {
    const model = new TransformerModel(SIZES, { hiddenSize: 4 })
    const attention = model.layers[0]?.attention as NonNullable<(typeof model.layers)[0]>['attention']
    torch.noGrad(() => {
      attention.project.weight.fill_(0)
      attention.project.weight.narrow(0, 8, 4).copy_(torch.eye(4))
      attention.project.bias?.fill_(0)
      attention.out.weight.copy_(torch.eye(4))
      attention.out.bias?.fill_(0)
    })
    const input = torch.randn([2, 5, 4])
    expectClose(attention.forward(input), input.mean(1, true).expand([2, 5, 4]), { atol: 1e-6 })
  })

  test('learns', async () => {
    const windows = await windowsOf()
    torch.manualSeed(0)
    const model = new TransformerModel({ past: 5, inputSize: 1, horizon: 2, outputSize: 1 }, { hiddenSize: 8 })
    const trainer = new Trainer(model, { epochs: 60, lr: 1e-2, seed: 0, progress: false })
    const { trainLosses } = await trainer.fit(windows)
    expect(trainLosses.at(-1)).toBeLessThan(0.1 * (trainLosses[0] as number))
  })
})

describe('files', () => {
  test.each([
    ['linear', new LinearModel(SIZES, { bias: false })],
    ['transformer', new TransformerModel(SIZES, { hiddenSize: 8, numLayers: 2, dropout: 0.5, output: 'mean' })],
  ])('of a %s have all of it', async (_, model) => {
    const path = join(temporaryFolder(), 'model.safetensors')
    const scaler = await scalerOf()
    const calibration: Calibration = {
      ...{ method: 'splitConformal', past: 5, steps: 2, targets: ['y'], windows: 9, levels: [0.5] },
      radii: [[[1], [2]]],
    }
    await model.save(path, { scaler, metadata: { unit: 'm' }, calibration })
    const loaded = await loadTrained(path)
    expect(loaded.training).toBe(false)
    expect(loaded.config).toEqual(model.config)
    expect(loaded.metadata).toEqual({ unit: 'm' })
    expect(loaded.calibration).toEqual(calibration)
    expect(loaded.scaler?.config).toEqual(scaler.config)
    const input = torch.randn([2, 5, 3])
    expect(loaded.forward(input).toArray()).toEqual(model.eval().forward(input).toArray())
  })

  test('of recurrent models are read as ever', async () => {
    const path = join(temporaryFolder(), 'model.safetensors')
    await new GRUModel(1, 2, 1).save(path)
    expect(await loadTrained(path)).toBeInstanceOf(GRUModel)
  })

  test('that ask for more than they have are refused', async () => {
    const path = join(temporaryFolder(), 'model.safetensors')
    const write = (config: object): Promise<void> =>
      saveModule(new LinearModel(SIZES), path, {
        metadata: { [DESCRIPTION]: JSON.stringify({ version: 1, config, metadata: {} }) },
      })
    const huge = { ...SIZES, past: 1e9 }
    await write({ ...huge, model: 'linear', bias: true })
    await expectRejection(loadTrained(path), 'ERR_TORCH_FORMAT', /of a larger model than it has weights for/)
    await write({ ...huge, model: 'transformer', hiddenSize: 8, numLayers: 1 })
    await expectRejection(loadTrained(path), 'ERR_TORCH_FORMAT', /of a larger model than it has weights for/)
    await write({ ...SIZES, model: 'transformer' })
    await expectRejection(loadTrained(path), 'ERR_TORCH_FORMAT', /of a larger model than it has weights for/)
    await write({ ...SIZES, model: 'other' })
    await expectRejection(loadTrained(path), 'ERR_TORCH_FORMAT', /its model is a/)
  })
})
