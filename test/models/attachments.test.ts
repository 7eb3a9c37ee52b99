import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Series, SeriesScaler, StandardScaler, Vocabulary } from '../../lib/data/index.ts'
import { Scaler } from '../../lib/data/scaler/scaler.ts'
import { io, torch } from '../../lib/index.ts'
import { GRUModel, loadModel, loadModelSync } from '../../lib/models/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'

const file = (): string => join(temporaryFolder(), 'model.safetensors')
const vocabulary = Vocabulary.fromText('to be', { level: 'character', lowercase: true })

async function seriesScaler(): Promise<SeriesScaler> {
  const source = { t: [1, 2, 3, 1, 2, 3], x: [1, 2, 3, 10, 20, 30], shop: [...'aaabbb'] }
  const series = await Series.from(source, { time: 't', targets: 'x', groups: 'shop' })
  return series.splitSync({ past: 1, scaler: 'minMax' }).train.scaler
}

describe('a model’s file', () => {
  test('has its scaler and vocabulary', async () => {
    const model = new GRUModel(1, 2, 1)
    expect([model.scaler, model.vocabulary]).toEqual([null, null])
    const path = file()
    await model.save(path, { scaler: await seriesScaler(), vocabulary })
    const loaded = await loadModel(path)
    expect(loaded.scaler).toBeInstanceOf(SeriesScaler)
    const output = torch.tensor([[0.5], [0.5]])
    const back = (loaded.scaler as SeriesScaler).inverseTransform(output, { groups: ['a', 'b'] })
    expect(back.toArray()).toEqual([[2], [20]])
    expect(loaded.vocabulary?.decode((loaded.vocabulary as Vocabulary).encode('Be to'))).toBe('be to')
    // What was loaded is saved again.
    const again = file()
    loaded.saveSync(again)
    expect(loadModelSync(again).scaler?.config).toEqual(loaded.scaler?.config)
    expect(loadModelSync(again).vocabulary?.config).toEqual(vocabulary.config)
    await loaded.save(again, { scaler: null, vocabulary: null })
    const bare = await loadModel(again)
    expect([bare.scaler, bare.vocabulary]).toEqual([null, null])
  })

  test('has the calibration of its forecasts, and refuses another thing in its place', async () => {
    const calibration = {
      method: 'splitConformal',
      past: 3,
      steps: 2,
      targets: ['x'],
      windows: 9,
      levels: [0.5],
      radii: [[[0.25], [0.5]]],
    } as const
    const model = new GRUModel(1, 2, 1)
    expect(model.calibration).toBe(null)
    const path = file()
    await model.save(path, { calibration })
    const loaded = await loadModel(path)
    expect(loaded.calibration).toEqual(calibration)
    loaded.saveSync(path)
    expect(loadModelSync(path).calibration).toEqual(calibration)
    await loaded.save(path, { calibration: null })
    expect((await loadModel(path)).calibration).toBe(null)
    const damaged = { ...calibration, radii: [[[0.25]]] }
    await expectRejection(
      model.save(path, { calibration: damaged }),
      'ERR_TORCH_TYPE',
      'GRUModel.save: calibration must be what calibrate returned, or null',
    )
    const { metadata } = await io.readHeader(path)
    const description = { ...JSON.parse(metadata['libtorch-rnn'] as string), calibration: damaged }
    const changed = { 'libtorch-rnn': JSON.stringify(description) }
    await io.saveFile(model.stateDict(), path, { metadata: changed })
    await expectRejection(loadModel(path), 'ERR_TORCH_FORMAT', 'its calibration is not what calibrate returns')
  })

  test('has a scaler of features', async () => {
    const model = new GRUModel(2, 2, 1)
    const data = torch.tensor([
      [1, 10],
      [3, 30],
    ])
    model.scaler = new StandardScaler().fit(data)
    const path = file()
    await model.save(path)
    const { scaler } = await loadModel(path)
    expect((scaler as Scaler).transform(data).toArray()).toEqual([
      [-1, -1],
      [1, 1],
    ])
    expect(model.clone().scaler).toBe(model.scaler)
  })
})

describe('refused are', () => {
  test('what is no scaler or vocabulary, and a scaler that could not be read again', () => {
    const model = new GRUModel(1, 2, 1)
    const save = (options: object) => () => model.saveSync(file(), options)
    expectError(
      save({ scaler: { type: 'standard' } }),
      'ERR_TORCH_TYPE',
      'scaler must be a scaler of libtorch-rnn/data',
    )
    expectError(save({ vocabulary: ['a'] }), 'ERR_TORCH_TYPE', 'vocabulary must be a Vocabulary, or null')
    expectError(save({ scaler: new StandardScaler() }), 'ERR_TORCH_VALUE', 'not fitted yet')
    class Own extends Scaler {
      readonly type = 'own'
      protected override get options(): Record<string, never> {
        return {}
      }
      // biome-ignore lint/correctness/useYield: there is nothing to wait for.
      protected override *measure(): Generator<never, [number, number]> {
        return [0, 1]
      }
    }
    const own = new Own().fit(torch.ones([2, 1]))
    expectError(save({ scaler: own }), 'ERR_TORCH_VALUE', "type must be 'standard', 'minMax'")
    expectError(save({ tokens: 1 }), 'ERR_TORCH_OPTION', "unknown option 'tokens'")
  })

  test('files in which they are damaged', async () => {
    const model = new GRUModel(1, 2, 1)
    const bad = async (change: object, message: string): Promise<void> => {
      const path = file()
      const text = JSON.stringify({ version: 1, config: model.config, metadata: {}, ...change })
      await io.saveFile(model.stateDict(), path, { metadata: { 'libtorch-rnn': text } })
      await expectRejection(loadModel(path), 'ERR_TORCH_FORMAT', message)
    }
    await bad({ scaler: { type: 'other', center: [0], scale: [1] } }, 'config.type must be')
    await bad({ scaler: 3 }, 'config must be an object')
    await bad({ vocabulary: { level: 'word', tokens: [1] } }, 'tokens must be an array of strings')
  })
})
