import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { io, nn, type Tensor, torch } from '../../lib/index.ts'
import { leastParameters } from '../../lib/models/config.ts'
import {
  GRUModel,
  LSTMModel,
  loadModel,
  loadModelSync,
  type ModelConfig,
  type RecurrentModel,
  RNNModel,
  SequenceModel,
} from '../../lib/models/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'

torch.setNumThreads(1)

const file = (): string => join(temporaryFolder(), 'model.safetensors')

const MODELS: Record<string, () => RecurrentModel> = {
  'an LSTM': () => new LSTMModel(3, 4, 2),
  'a projected LSTM of two layers': () =>
    new LSTMModel(3, 4, 2, { numLayers: 2, projSize: 2, dropout: 0.25, bidirectional: true, batchFirst: true }),
  'a GRU that forecasts': () => new GRUModel(3, 4, 2, { output: 'last', horizon: 7, outputDropout: 0.5 }),
  'an RNN in float64': () => new RNNModel(3, 4, 2, { nonlinearity: 'relu', bias: false, dtype: 'float64' }),
  'a language model': () => new GRUModel(4, 4, 9, { embedding: { numEmbeddings: 9, paddingIdx: 0 }, tieWeights: true }),
  'a classifier of text': () => new LSTMModel(3, 4, 2, { embedding: 9, output: 'max', backend: 'libtorch' }),
  'an LSTM with peepholes': () =>
    new SequenceModel(new nn.PeepholeLSTM(3, 4, { peephole: 'full', forgetInCandidate: true, activation: 'relu' }), 2),
  "Chung's GRU": () => new SequenceModel(new nn.ChungGRU(3, 4, { innerBias: true, gateActivation: 'hardSigmoid' }), 2),
  'a minimal GRU': () => new SequenceModel(new nn.MinGRU(3, 4, { batchFirst: true }), 2, { output: 'mean' }),
}

test.each(Object.entries(MODELS))('%s has no fewer parameters than its config tells', (_, make) => {
  const model = make()
  const own = new Set([...model.parameters()])
  const count = [...own].reduce((sum, { numel }) => sum + numel, 0)
  expect(leastParameters(model.config)).toBeLessThanOrEqual(count)
  expect(leastParameters(model.config)).toBeGreaterThan(count / 8)
})

function inputOf(model: RecurrentModel): Tensor {
  if (model.embedding !== null)
    return torch.tensor(
      [
        [1, 2],
        [0, 8],
        [3, 3],
      ],
      { dtype: 'int64' },
    )
  const { dtype } = model.linear.weight
  return torch.randn([5, 2, 3], { dtype })
}

describe.each(Object.entries(MODELS))('%s', (_, make) => {
  test('is made again from its file', async () => {
    const model = make().eval()
    const path = file()
    const metadata = { unit: '°C', scaler: { mean: [0.5, 1e-3], kind: 'standard' }, ids: null, ok: true }
    await model.save(path, { metadata })
    const other = await loadModel(path)
    expect(other.constructor).toBe(model.constructor)
    expect(other.config).toEqual(model.config)
    expect(other.metadata).toEqual(metadata)
    expect(other.training).toBe(false)
    expect(String(other)).toBe(String(model))
    const x = inputOf(model)
    expect(other.forward(x).equal(model.forward(x))).toBe(true)
    // What was loaded is saved again, bit for bit.
    const again = file()
    other.saveSync(again)
    expect(await io.readHeader(again)).toEqual(await io.readHeader(path))
    expect(loadModelSync(again).forward(x).equal(model.forward(x))).toBe(true)
  })

  test('has a config of plain JSON, from which its class makes another', () => {
    const { config } = make()
    expect(JSON.parse(JSON.stringify(config))).toEqual(config)
    const Class = make().constructor as unknown as { fromConfig(config: ModelConfig): RecurrentModel }
    const other = Class.fromConfig(config)
    expect(other.config).toEqual(config)
    expect(Object.keys(other.stateDict())).toEqual(Object.keys(make().stateDict()))
  })
})

test('every network of this library can be in a config', () => {
  const networks = Object.entries(nn).filter(
    ([, value]) => (value as { prototype?: unknown }).prototype instanceof nn.RecurrentModule,
  )
  expect(networks.length).toBeGreaterThanOrEqual(6)
  for (const [name, Network] of networks) {
    const network = new (Network as typeof nn.GRU)(2, 3)
    expect(new SequenceModel(network, 1).config.network).toMatchObject({ kind: name, inputSize: 2, hiddenSize: 3 })
  }
})

test('the file has the weights by PyTorch’s names, and one entry of metadata', async () => {
  const path = file()
  await new LSTMModel(10, 20, 5).save(path)
  const { metadata, tensors } = await io.readHeader(path)
  const weights = ['bias_hh_l0', 'bias_ih_l0', 'weight_hh_l0', 'weight_ih_l0'].map((name) => `lstm.${name}`)
  expect(Object.keys(tensors).sort()).toEqual(['linear.bias', 'linear.weight', ...weights])
  expect(Object.keys(metadata)).toEqual(['format', 'libtorch-rnn'])
  expect(metadata.format).toBe('pt')
  expect(JSON.parse(metadata['libtorch-rnn'] as string)).toEqual({
    version: 1,
    config: {
      model: 'LSTMModel',
      network: {
        kind: 'LSTM',
        inputSize: 10,
        hiddenSize: 20,
        numLayers: 1,
        bias: true,
        batchFirst: false,
        dropout: 0,
        bidirectional: false,
        backend: 'auto',
        projSize: 0,
      },
      outputSize: 5,
      embedding: null,
      output: 'sequence',
      outputDropout: 0,
      horizon: null,
      tieWeights: false,
      dtype: 'float32',
    },
    metadata: {},
  })
})

test('a tied weight is written once, and is one weight after loading', async () => {
  const path = file()
  const model = (MODELS['a language model'] as () => RecurrentModel)()
  await model.save(path)
  const { metadata, tensors } = await io.readHeader(path)
  expect(Object.keys(tensors)).toContain('embedding.weight')
  expect(Object.keys(tensors)).not.toContain('linear.weight')
  expect(metadata['linear.weight']).toBe('embedding.weight')
  const other = await loadModel(path)
  expect(other.linear.weight).toBe(other.embedding?.weight)
})

test('settings that were changed after the construction are saved', async () => {
  const model = new GRUModel(2, 3, 1, { numLayers: 2, dropout: 0.1 })
  model.network.dropout = 0.5
  model.outputDropout = 0.25
  model.metadata = { note: 'mine' }
  model.to('bfloat16')
  const path = file()
  await model.save(path)
  const other = await loadModel(path)
  expect([other.network.dropout, other.outputDropout, other.metadata]).toEqual([0.5, 0.25, { note: 'mine' }])
  expect(other.linear.weight.dtype).toBe('bfloat16')
})

describe('classes of one’s own', () => {
  class Titled extends LSTMModel {
    title = 'mine'
  }
  class Gated extends RNNModel {
    readonly gate: number

    constructor(gate: number) {
      super(2, 3, 1)
      this.gate = gate
    }

    override get config(): ModelConfig & { gate: number } {
      return { ...super.config, gate: this.gate }
    }

    static override fromConfig(config: ModelConfig & { gate: number }): Gated {
      return new Gated(config.gate)
    }
  }

  test('are made again if they are given by name', async () => {
    const path = file()
    await new Titled(2, 3, 1).save(path)
    await expectRejection(loadModel(path), 'ERR_TORCH_FORMAT', "a 'Titled', which is none of RNNModel, LSTMModel")
    expect(await loadModel(path, { classes: { Titled } })).toBeInstanceOf(Titled)
    const model = new Gated(7)
    await model.save(path)
    const other = await loadModel(path, { classes: { Gated } })
    expect((other as Gated).gate).toBe(7)
    expect(other.linear.weight.equal(model.linear.weight)).toBe(true)
  })

  test('are refused if they are no such classes, or make no model', async () => {
    const path = file()
    await new Titled(2, 3, 1).save(path)
    const load = (Titled: unknown) => loadModel(path, { classes: { Titled: Titled as never } })
    await expectRejection(
      load(nn.Linear),
      'ERR_TORCH_TYPE',
      'classes.Titled must be a class with a static method fromConfig',
    )
    await expectRejection(load(null), 'ERR_TORCH_TYPE', 'classes.Titled')
    const Wrong = Object.assign(() => {}, { fromConfig: () => new nn.Linear(1, 1) })
    const Broken = Object.assign(() => {}, {
      fromConfig: () => {
        throw new RangeError('mine')
      },
    })
    await expect(load(Broken)).rejects.toThrow(new RangeError('mine'))
    await expectRejection(load(Wrong), 'ERR_TORCH_TYPE', 'Titled.fromConfig() must be a model, got Linear')
  })
})

describe('a model that a config would not describe is not saved:', () => {
  test.each<[string, (model: LSTMModel) => void]>([
    ['another head', (model) => Object.assign(model, { linear: new nn.Linear(4, 3) })],
    ['a head without bias', (model) => Object.assign(model.linear, { bias: null })],
    ['another module', (model) => Object.assign(model, { linear: new nn.Sequential(new nn.Linear(4, 2)) })],
  ])('%s', async (_, change) => {
    const model = new LSTMModel(3, 4, 2)
    change(model)
    const path = file()
    expectError(() => model.config, 'ERR_TORCH_VALUE', 'the head is not the one that the model was made with')
    await expectRejection(model.save(path), 'ERR_TORCH_VALUE', 'save the weights with saveModule')
    expect(existsSync(path)).toBe(false)
  })

  test('a network of one’s own', () => {
    class Own extends nn.GRU {}
    expectError(() => new SequenceModel(new Own(1, 2), 1).config, 'ERR_TORCH_VALUE', 'cannot name the class Own')
  })

  test('metadata that is not JSON', () => {
    const model = new LSTMModel(3, 4, 2)
    const save = (metadata: unknown) => () => model.saveSync(file(), { metadata: metadata as never })
    const cycle: unknown[] = []
    cycle.push(cycle)
    expectError(save({ a: [1, Number.NaN] }), 'ERR_TORCH_TYPE', 'LSTMModel.saveSync: metadata.a[1] must be plain JSON')
    expectError(save({ a: undefined }), 'ERR_TORCH_TYPE', 'metadata.a must be plain JSON')
    expectError(save({ a: new Date() }), 'ERR_TORCH_TYPE', 'metadata.a must be plain JSON')
    expectError(save({ a: { cycle } }), 'ERR_TORCH_VALUE', 'contains itself')
    expectError(save([1]), 'ERR_TORCH_TYPE', 'metadata must be an object')
    expectError(() => model.saveSync(file(), { meta: {} } as never), 'ERR_TORCH_OPTION', "unknown option 'meta'")
  })
})

describe('a file that describes no model here', () => {
  const valid = new LSTMModel(3, 4, 2)
  const write = async (text: string): Promise<string> => {
    const path = file()
    await io.saveFile(valid.stateDict(), path, { metadata: { 'libtorch-rnn': text } })
    return path
  }
  const described = (change: object, config: object = {}): string =>
    JSON.stringify({ version: 1, config: { ...valid.config, ...config }, metadata: {}, ...change })

  test('is loaded as it is without a change', async () => {
    expect(await loadModel(await write(described({})))).toBeInstanceOf(LSTMModel)
  })

  const network = valid.config.network
  test.each<[string, string, string]>([
    ['no JSON', '{', 'not valid JSON'],
    ['no object', '[]', 'has no version'],
    ['a newer version', described({ version: 2 }), 'has version 2, but this libtorch-rnn reads version 1'],
    ['no config', described({ config: null }), 'incomplete'],
    ['no metadata', described({ metadata: 3 }), 'incomplete'],
    ['a class that is none', described({}, { model: 'toString' }), "a 'toString', which is none of"],
    ['an unknown key', described({}, { ouput: 'last' }), "config: unknown option 'ouput'; did you mean 'output'?"],
    ['a missing key', described({}, { horizon: undefined }), 'the config has no horizon'],
    ['an unknown network', described({}, { network: { ...network, kind: 'GRU' } }), "network.kind must be 'LSTM'"],
    ['an unknown option', described({}, { network: { ...network, depth: 2 } }), "LSTMModel: unknown option 'depth'"],
    ['a wrong value', described({}, { output: 'first' }), 'output must be'],
    ['a wrong size', described({}, { network: { ...network, hiddenSize: 'x' } }), 'hiddenSize must be'],
    ['a wrong dtype', described({}, { dtype: 'int64x' }), 'dtype must be'],
  ])('%s', async (_, text, message) => {
    const path = await write(text)
    const error = await expectRejection(loadModel(path), 'ERR_TORCH_FORMAT', message)
    expect(error.message).toContain(`loadModel: ${path}: `)
    expectError(() => loadModelSync(path), 'ERR_TORCH_FORMAT', message)
  })

  test.each([
    ['units', { network: { ...network, hiddenSize: 2 ** 24 } }],
    ['inputs', { network: { ...network, inputSize: 2 ** 40 } }],
    ['layers', { network: { ...network, numLayers: 2 ** 40 } }],
    ['outputs', { outputSize: 2 ** 40 }],
    ['steps of the forecast', { horizon: 2 ** 40 }],
    ['tokens', { embedding: { numEmbeddings: 2 ** 40, paddingIdx: null } }],
  ])('more %s than the file has: no memory is taken', async (_, change) => {
    const path = await write(described({}, change))
    await expectRejection(
      loadModel(path),
      'ERR_TORCH_FORMAT',
      /its description is of a model with at least \d+ param.*, but it has \d+$/,
    )
  })

  test('a size beyond all memory, of a class of one’s own', async () => {
    const path = await write(described({}, { network: { ...network, hiddenSize: 2 ** 24 } }))
    await expectRejection(
      loadModel(path, { classes: { LSTMModel } }),
      'ERR_TORCH_OUT_OF_MEMORY',
      'could not be allocated',
    )
  })

  test('other weights', async () => {
    const path = await write(described({}, { outputSize: 3 }))
    await expectRejection(loadModel(path), 'ERR_TORCH_VALUE', 'size mismatch for linear.weight')
  })

  test('no description at all', async () => {
    const path = file()
    await io.saveFile(valid.stateDict(), path)
    await expectRejection(loadModel(path), 'ERR_TORCH_FORMAT', 'loadModule(model, path), or loadStateDict')
    await expectRejection(loadModel(`${path}x`), 'ERR_TORCH_FILE', 'ENOENT')
    await expectRejection(loadModel(path, { map: 'cpu' } as never), 'ERR_TORCH_OPTION', "unknown option 'map'")
    await expectRejection(loadModel(path, { device: 'tpu' as never }), 'ERR_TORCH_DEVICE', 'tpu')
    await expectRejection(loadModel(3 as never), 'ERR_TORCH_TYPE', 'path must be')
  })
})
