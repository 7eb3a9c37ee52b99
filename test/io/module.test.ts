import { join } from 'node:path'
import { expect, test } from 'vitest'
import { io, nn, torch } from '../../lib/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'

const { loadModule, loadModuleSync, saveModule, saveModuleSync } = io
const file = (): string => join(temporaryFolder(), 'module.safetensors')

/** A language model: the decoder's weight is the encoder's, under a name that sorts first. */
class Tied extends nn.Module {
  encoder = new nn.Embedding(5, 3)
  decoder = new nn.Linear(3, 5)
  constructor() {
    super()
    this.decoder.weight = this.encoder.weight
  }
  override forward(): never {
    throw new Error('not called')
  }
}

test('a tied weight is saved once, under the name that Python’s save_model takes, and loaded strictly', async () => {
  const path = file()
  const model = new Tied()
  await saveModule(model, path, { metadata: { epoch: '3' } })
  const { tensors, metadata } = await io.readHeader(path)
  expect(Object.keys(tensors).sort()).toEqual(['decoder.bias', 'decoder.weight'])
  expect(metadata).toEqual({ 'encoder.weight': 'decoder.weight', epoch: '3' })
  const other = new Tied()
  const weight = other.encoder.weight
  expect(await loadModule(other, path)).toEqual({ missingKeys: [], unexpectedKeys: [] })
  expect(other.encoder.weight).toBe(weight)
  expect(other.decoder.weight).toBe(weight)
  expect(weight.equal(model.encoder.weight)).toBe(true)
})

test('the name in the file may be any of those of the weight', () => {
  const path = file()
  const model = new Tied()
  io.saveFileSync({ 'encoder.weight': torch.ones([5, 3]), 'decoder.bias': torch.zeros([5]) }, path)
  loadModuleSync(model, path)
  expect(model.decoder.weight.eq(1).all().item()).toBe(true)
})

test('what has one name only is saved as by saveFile', async () => {
  const [path, other] = [file(), file()]
  const module = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3))
  saveModuleSync(module, path)
  io.saveFileSync(module.stateDict(), other)
  expect(await io.readHeader(path)).toEqual(await io.readHeader(other))
  const copy = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3))
  loadModuleSync(copy, path)
  for (const [name, parameter] of module.namedParameters()) expect(copy.getParameter(name).equal(parameter)).toBe(true)
})

test('what is missing or unexpected is told, strictly or not', async () => {
  const path = file()
  io.saveFileSync({ 'decoder.bias': torch.zeros([5]), extra: torch.ones([1]) }, path)
  const [first, second] = [new Tied(), new Tied()]
  const { tensors } = torch.memory()
  await expectRejection(loadModule(first, path), 'ERR_TORCH_VALUE', /Missing key.*"encoder.weight", "decoder.weight"/)
  const result = await loadModule(second, path, { strict: false })
  expect(result).toEqual({ missingKeys: ['encoder.weight', 'decoder.weight'], unexpectedKeys: ['extra'] })
  // Nothing that was read is left.
  expect(torch.memory().tensors - tensors).toBeLessThanOrEqual(4)
})

test('wrong arguments are refused', async () => {
  const path = file()
  expectError(() => saveModuleSync({} as never, path), 'ERR_TORCH_TYPE', 'saveModuleSync: module must be a Module')
  expectError(
    () => saveModuleSync(new Tied(), path, { meta: {} } as never),
    'ERR_TORCH_OPTION',
    "unknown option 'meta'",
  )
  expectError(() => saveModuleSync(new Tied(), path, { metadata: { a: 1 } as never }), 'ERR_TORCH_TYPE', "metadata 'a'")
  const part = new nn.Linear(2, 2)
  const whole = Object.assign(new nn.Sequential(part), { row: new nn.Buffer(part.weight.index(0)) })
  await expectRejection(saveModule(whole, path), 'ERR_TORCH_VALUE', 'share memory')
  await expectRejection(loadModule(part, path), 'ERR_TORCH_FILE', 'ENOENT')
  expectError(() => loadModuleSync(null as never, path), 'ERR_TORCH_TYPE', 'a Module, got null')
  saveModuleSync(part, path)
  expectError(() => loadModuleSync(part, path, { strict: 1 as never }), 'ERR_TORCH_TYPE', 'strict must be a boolean')
  expectError(() => loadModuleSync(part, path, { names: [] } as never), 'ERR_TORCH_OPTION', "unknown option 'names'")
})
