import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { writeFile } from '../../lib/io/atomic.ts'
import { runSync } from '../../lib/io/coroutine.ts'
import { readFile } from '../../lib/io/file.ts'
import { readDirectory } from '../../lib/io/zip.ts'
import { directoryEnd, directoryEntry, localHeader, ZipWriter } from '../../lib/io/zip-writer.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'
import { everything } from '../support/saved.ts'
import { readZip } from '../support/zip.ts'

const file = (): string => join(temporaryFolder(), 'value.pt')

function expectSame(found: unknown, expected: unknown): void {
  if (expected instanceof torch.Tensor) {
    const tensor = found as Tensor
    expect([tensor.dtype, tensor.shape, tensor.stride]).toEqual([expected.dtype, expected.shape, expected.stride])
    expect(tensor.requiresGrad).toBe(expected.requiresGrad)
    expect(tensor instanceof nn.Parameter).toBe(expected instanceof nn.Parameter)
    expect(tensor.equal(expected)).toBe(true)
  } else if (expected instanceof Map && [...expected.keys()].every((key) => typeof key !== 'object')) {
    expectSame(found, Object.fromEntries(expected))
  } else if (typeof expected === 'bigint') {
    expect(BigInt(found as number)).toBe(expected)
  } else if (Array.isArray(expected) || Object.getPrototypeOf(expected ?? 1) === Object.prototype) {
    expect(Object.keys(found as object)).toEqual(Object.keys(expected as object))
    for (const [key, value] of Object.entries(expected as object)) expectSame((found as never)[key], value)
  } else expect(found).toEqual(expected)
}

describe('torch.save', () => {
  test('writes what torch.load reads, everything that there is', async () => {
    const value = everything()
    const [path, other] = [file(), file()]
    await torch.save(value, path)
    torch.saveSync(value, other)
    expect(readFileSync(path).equals(readFileSync(other))).toBe(true)
    const found = (await torch.load(path)) as unknown as ReturnType<typeof everything>
    expectSame(found, value)
    expect(found.plain.again).toBe(found.plain.shared)
    found.matrix.index(0).fill_(9)
    expect(found.transposed.toArray()).toEqual([
      [9, 4, 8],
      [9, 5, 9],
      [9, 6, 10],
      [9, 7, 11],
    ])
    found.tied.encoder.fill_(1)
    expect(found.tied.decoder.eq(1).all().item()).toBe(true)
  })

  test('round trip of any nested data', async () => {
    const path = file()
    const { plain } = fc.letrec((tie) => ({
      plain: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        fc.double({ noNaN: true }),
        fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
        fc.string({ unit: 'grapheme' }),
        fc.boolean(),
        fc.constant(null),
        fc.uint8Array(),
        fc.array(tie('plain')),
        fc.dictionary(fc.string(), tie('plain'), { noNullPrototype: true }),
      ),
    }))
    fc.assert(
      fc.property(plain, (value) => {
        torch.saveSync(value as never, path)
        expectSame(torch.loadSync(path), value)
      }),
      { numRuns: 40 },
    )
  })

  test('writes the files and opcodes of PyTorch', () => {
    const path = file()
    torch.saveSync({ w: torch.tensor([1, 2]) }, path)
    const bytes = readFileSync(path)
    const files = readZip(bytes)
    expect(Object.keys(files)).toEqual(['data.pkl', 'byteorder', 'data/0', 'version'].map((name) => `archive/${name}`))
    expect(String(files['archive/byteorder'])).toBe('little')
    expect(String(files['archive/version'])).toBe('3\n')
    expect(files['archive/data/0']).toEqual(Buffer.from(Float32Array.from([1, 2]).buffer))
    for (const content of Object.values(files)) expect((content.byteOffset - bytes.byteOffset) % 64).toBe(0)
    const tensor =
      'ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02tQ' +
      'K\0(K\x02t(K\x01t\x89ccollections\nOrderedDict\n)RtR'
    expect(files['archive/data.pkl']?.toString('latin1')).toBe(`\x80\x02}q\0(X\x01\0\0\0w${tensor}q\x01u.`)
  })

  test('writes only what the tensors cover of their memory, once', () => {
    const path = file()
    const large = torch.zeros([100_000])
    torch.saveSync([large.narrow(0, 10, 5), large.narrow(0, 12, 8)], path)
    expect(readZip(readFileSync(path))['archive/data/0']).toHaveLength(40)
    const [first, second] = torch.loadSync(path) as [Tensor, Tensor]
    first.fill_(1)
    expect(second.toArray()).toEqual([1, 1, 1, 0, 0, 0, 0, 0])
  })

  test('resolves conjugates, which the file cannot mark', () => {
    const path = file()
    const z = torch.viewAsComplex(torch.tensor([[1, 2]]))
    torch.saveSync([z, z.conj()], path)
    expect((torch.loadSync(path) as Tensor[]).map((tensor) => tensor.toArray())).toEqual([[[1, 2]], [[1, -2]]])
  })

  test('holds a training: model, optimizer and numbers', async () => {
    const path = file()
    const make = () => {
      const model = new nn.LSTM(2, 3)
      return { model, optimizer: new optim.Adam(model.parameters(), { lr: 0.01 }) }
    }
    const step = ({ model, optimizer }: ReturnType<typeof make>): void => {
      optimizer.zeroGrad()
      model
        .forward(torch.ones([4, 1, 2]))[0]
        .sum()
        .backward()
      optimizer.step()
    }
    const [one, other] = [make(), make()]
    step(one)
    await torch.save({ model: one.model.stateDict(), optimizer: one.optimizer.stateDict() as never, epoch: 1 }, path)
    const saved = await torch.load<{ model: nn.StateDict; optimizer: never; epoch: number }>(path)
    other.model.loadStateDict(saved.model)
    other.optimizer.loadStateDict(saved.optimizer)
    step(one)
    step(other)
    expect(saved.epoch).toBe(1)
    for (const [name, weight] of one.model.namedParameters()) {
      expect(other.model.getParameter(name).equal(weight)).toBe(true)
    }
  })

  test('replaces a file only when it is whole', async () => {
    const path = file()
    torch.saveSync('old', path)
    const weight = torch.zeros([1 << 20])
    const saving = torch.save({ weight }, path)
    weight.fill_(1)
    await expectRejection(saving, 'ERR_TORCH_VALUE', "'value.weight' was changed while it was written")
    expect(torch.loadSync(path)).toBe('old')
  })
})

test('what is no data is refused, by its path', async () => {
  const refuse = (value: unknown, message: string, code: 'ERR_TORCH_TYPE' | 'ERR_TORCH_VALUE' = 'ERR_TORCH_TYPE') =>
    void expectError(() => torch.saveSync(value as never, '/nowhere/x.pt'), code, message)
  const layer = new nn.Linear(1, 1)
  refuse(layer, 'value cannot be saved: it is Linear: save its stateDict()')
  refuse({ a: [0, { model: layer }] }, 'value.a[1].model cannot be saved: it is Linear')
  refuse(
    { optimizer: new optim.SGD(layer.parameters(), { lr: 1 }) },
    'value.optimizer cannot be saved: it is SGD: save its',
  )
  refuse({ best: undefined }, 'value.best cannot be saved: it is undefined: leave it out, or save null')
  refuse(new Array(1), 'value[0] cannot be saved: it is undefined: leave it out, or save null')
  refuse([() => 1], 'value[0] cannot be saved: it is a function; tensors, numbers')
  refuse(new Float32Array(2), 'Float32Array: make a tensor of it with torch.tensor()')
  refuse(new Map([[{}, 1]]), 'a key of value must be a string or number')
  refuse('\ud800', 'is not valid Unicode', 'ERR_TORCH_VALUE')
  refuse({ '\ud800': 1 }, 'is not valid Unicode', 'ERR_TORCH_VALUE')
  const cycle: unknown[] = []
  cycle.push({ cycle })
  refuse(cycle, 'value[0].cycle contains itself', 'ERR_TORCH_VALUE')
  for (const name of ['to_sparse', 'to_sparse_csr'] as const) {
    const sparse = (torch.ops.aten[name] as unknown as (x: Tensor) => Tensor)(torch.eye(2))
    refuse({ weights: [sparse] }, "'value.weights[0]' is a sparse tensor, and only dense ones", 'ERR_TORCH_VALUE')
  }
  let deep: unknown = []
  for (let i = 0; i < 2000; i++) deep = [deep]
  refuse(deep, 'nested more than 1000 deep', 'ERR_TORCH_VALUE')
  const bits = torch.zeros([4])
  refuse([bits, bits.view('int32')], 'Cannot save multiple tensors', 'ERR_TORCH_VALUE')
  const gone = torch.ones([1])
  gone.dispose()
  expectError(() => torch.saveSync([gone], file()), 'ERR_TORCH_DISPOSED', 'disposed')
  expectError(() => torch.saveSync(1, file(), { protocol: 2 } as never), 'ERR_TORCH_TYPE', 'more arguments')
  expectError(() => torch.saveSync(1, 3 as never), 'ERR_TORCH_TYPE', 'path must be')
  await expectRejection(torch.save(1, join(temporaryFolder(), 'no', 'x.pt')), 'ERR_TORCH_FILE', 'ENOENT')
})

test('sizes beyond 32 bits are in the 64-bit fields of the archive', () => {
  const large = 5 * 2 ** 32
  const local = localHeader('x', large, 7, 0)
  expect([local.readUInt32LE(18), local.readUInt32LE(22)]).toEqual([0xffffffff, 0xffffffff])
  expect([local.readUInt16LE(31), local.readUInt16LE(33)]).toEqual([1, 16])
  expect([local.readBigUInt64LE(35), local.readBigUInt64LE(43)]).toEqual([BigInt(large), BigInt(large)])
  expect(local.length % 64).toBe(0)
  const entry = directoryEntry('x', 3, 7, large)
  expect([entry.readUInt32LE(24), entry.readUInt32LE(42)]).toEqual([3, 0xffffffff])
  expect([entry.readUInt16LE(47), entry.readUInt16LE(49), entry.readBigUInt64LE(51)]).toEqual([1, 8, BigInt(large)])
  const end = directoryEnd(70_000, 100, large)
  expect(end.readUInt32LE(0)).toBe(0x06064b50)
  expect([end.readBigUInt64LE(32), end.readBigUInt64LE(40), end.readBigUInt64LE(48)]).toEqual([
    70_000n,
    100n,
    BigInt(large),
  ])
  expect(end.readBigUInt64LE(56 + 8)).toBe(BigInt(large + 100))
  expect(directoryEnd(1, 100, 200)).toHaveLength(22)
})

test('more files than 16 bits can count are read back', () => {
  const path = file()
  const write = writeFile('save', path, function* (target) {
    const zip = new ZipWriter(target)
    for (let i = 0; i < 70_000; i++) yield* zip.add(`file ${i}`, 0, 0, () => {})
    yield* zip.end()
  })
  runSync(write)
  const entries = runSync(readFile('load', path, readDirectory))
  expect(entries.size).toBe(70_000)
  expect(entries.get('file 69999')).toMatchObject({ size: 0, method: 0 })
})
