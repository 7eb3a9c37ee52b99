// Weights travel both ways: a model that was trained in Python computes the same here, and the other way around.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { io, nn, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, RNNModel } from '../../lib/models/index.ts'
import { expectClose } from '../support/close.ts'
import { formatsPath, readFixture } from '../support/fixture.ts'
import { temporaryFolder } from '../support/folder.ts'

interface Case {
  input: number[]
  output: number[]
}

const expected = readFixture<{ models: Record<'LSTM' | 'GRU' | 'RNN', Case>; trained: Case }>('formats/expected')
const MODELS = {
  LSTM: () => new LSTMModel(3, 4, 2, { numLayers: 2, bidirectional: true }),
  GRU: () => new GRUModel(3, 4, 2, { batchFirst: true }),
  RNN: () => new RNNModel(3, 4, 2, { nonlinearity: 'relu' }),
}

test.each([
  ['LSTM', 'lstm.pt'],
  ['LSTM', 'lstm.safetensors'],
  ['GRU', 'gru.pt'],
  ['GRU', 'gru.safetensors'],
  ['RNN', 'rnn.pt'],
  ['RNN', 'rnn.safetensors'],
  ['RNN', 'legacy.pt'],
] as const)("Python's %s in %s computes the same here", async (kind, file) => {
  const { input, output } = expected.models[kind]
  const x = torch.tensor(input).reshape([5, 2, 3])
  const path = formatsPath(file)
  const isPickle = file.endsWith('.pt')
  const model = MODELS[kind]()
  expect(model.loadStateDict(await (isPickle ? torch.load(path) : io.loadFile(path)))).toEqual({
    missingKeys: [],
    unexpectedKeys: [],
  })
  expectClose(model.forward(x).flatten(), output)
  const other = MODELS[kind]()
  other.loadStateDict(isPickle ? torch.loadSync(path) : io.loadFileSync(path))
  expect(other.forward(x).equal(model.forward(x))).toBe(true)
})

test('a module under two names has both in the files of Python, and in those from here', async () => {
  const make = (): nn.Module => {
    const layer = new nn.Linear(2, 2)
    const tied = new nn.Linear(2, 2, { bias: false })
    tied.weight = layer.weight
    return new nn.ModuleDict<Record<string, nn.Module>>({ a: layer, b: layer, c: tied })
  }
  const names = ['a.weight', 'a.bias', 'b.weight', 'b.bias', 'c.weight']
  const model = make()
  const loaded = (await torch.load(formatsPath('twice.pt'))) as Record<string, Tensor>
  expect(Object.keys(loaded)).toEqual(names)
  model.loadStateDict(loaded)
  expect([...model.parameters()].map((parameter) => parameter.toArray())).toEqual([
    [
      [1, 2],
      [3, 4],
    ],
    [5, 6],
  ])

  // safetensors has no word for memory under two names: as in Python, copies are saved.
  const path = join(temporaryFolder(), 'twice.safetensors')
  await expect(io.saveFile(model.stateDict(), path)).rejects.toThrow(/'a\..*' and '.*' share memory/)
  const copies = Object.entries(model.stateDict()).map(([name, tensor]) => [name, tensor.clone()] as const)
  await io.saveFile(Object.fromEntries(copies), path)
  const other = make()
  expect(other.loadStateDict(await io.loadFile(path))).toEqual({ missingKeys: [], unexpectedKeys: [] })
  for (const name of names) expect(other.stateDict()[name]?.equal(loaded[name] as Tensor), name).toBe(true)
})

test('a model that was trained here computes the same in Python', async () => {
  const path = formatsPath('trained.safetensors')
  const model = new LSTMModel(2, 5, 1, { numLayers: 2, bidirectional: true, projSize: 3, batchFirst: true })
  model.loadStateDict(await io.loadFile(path))
  // What Python computed with this file.
  const { input, output } = expected.trained
  expectClose(model.forward(torch.tensor(input).reshape([2, 6, 2])).flatten(), output)

  // And saving the model writes this file.
  const copy = join(temporaryFolder(), 'copy.safetensors')
  const { metadata } = await io.readHeader(path)
  await io.saveFile(model.stateDict(), copy, { metadata })
  expect(readFileSync(copy).equals(readFileSync(path))).toBe(true)
})

test('a checkpoint of PyTorch becomes a safetensors file', async () => {
  const copy = join(temporaryFolder(), 'copy.safetensors')
  await io.saveFile(await torch.load<Record<string, Tensor>>(formatsPath('lstm.pt')), copy, {
    metadata: { format: 'pt' },
  })
  expect(readFileSync(copy).equals(readFileSync(formatsPath('lstm.safetensors')))).toBe(true)
})
