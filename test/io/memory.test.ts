// A file may not make more in memory than it is worth: what would is refused, in a process whose heap is small.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { io, torch } from '../../lib/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { formatsPath } from '../support/fixture.ts'
import { temporaryFolder } from '../support/folder.ts'
import { bytes, concat, global, integer, integers, pickle, repeat, storage, text } from '../support/pickle.ts'
import { writeZip } from '../support/zip.ts'

const INDEX = new URL('../../dist/index.js', import.meta.url).href

/** Calls a function many times with one and the same object. */
function copies(name: string, object: Uint8Array, opcode = 'R'): Buffer {
  return pickle(']', global(name), 'q\x000', object, 'q\x010', '(', repeat(`h\x00h\x01\x85${opcode}`, 2000), 'e')
}

/** Calls a function often with these arguments. */
function calls(name: string, args: string | Uint8Array, count = 500_000): Buffer {
  return pickle(']', global(name), 'q\x000', args, 'q\x010', '(', repeat('h\x00h\x01R', count), 'e')
}

const list = bytes('](', integers(200_000), 'e')
const dict = bytes(
  '}(',
  concat(200_000, (i) => bytes(integer(i), 'N')),
  'u',
)
const pairs = bytes('](', repeat('K\x01K\x02\x86', 100_000), 'e')
const block = bytes('B', Uint8Array.of(0, 0, 0, 1), new Uint8Array(1 << 24))
const long = text('a'.repeat(1 << 24))
const tensor = bytes('(', storage('0', 'FloatStorage', 'K\x02'), 'K\x00))\x89Nt')

const FILES: Record<string, Buffer> = {
  set: copies('builtins.set', list),
  frozenset: copies('builtins.frozenset', list),
  'set by NEWOBJ': copies('builtins.set', list, '\x81'),
  OrderedDict: copies('collections.OrderedDict', dict),
  'OrderedDict of pairs': copies('collections.OrderedDict', pairs),
  Counter: copies('collections.Counter', dict),
  bytes: copies('builtins.bytes', block),
  bytearray: copies('builtins.bytearray', block),
  encode: copies('_codecs.encode', long),
  'empty sets': calls('builtins.set', ')'),
  'empty bytes': calls('builtins.bytes', ')'),
  'complex numbers': calls('builtins.complex', bytes('G', new Uint8Array(8), 'G', new Uint8Array(8), '\x86')),
  sizes: calls('torch.Size', ')\x85'),
  devices: calls('torch.device', bytes(text('cuda'), 'K\x01\x86')),
  tensors: calls('torch._utils._rebuild_tensor_v2', tensor, 200_000),
  parameters: calls(
    'torch._utils._rebuild_parameter',
    bytes(global('torch._utils._rebuild_tensor_v2'), tensor, 'R\x88N\x87'),
    200_000,
  ),
  storages: pickle(
    '](',
    concat(100_000, (i) => storage(String(i), 'FloatStorage', 'K\x02')),
    'e',
  ),
  lists: pickle('](', repeat(']', 1_000_000), 'e'),
  'lists of one': pickle('](', repeat(']Na', 1_000_000), 'e'),
  tuples: pickle('](', repeat('N\x85', 1_000_000), 'e'),
  dicts: pickle('](', repeat('}', 1_000_000), 'e'),
  'dicts of one': pickle('](', repeat('}K\x01Ns', 1_000_000), 'e'),
  'one dict': pickle(
    '}(',
    concat(500_000, (i) => bytes(integer(i), 'N')),
    'u',
  ),
  'one set': pickle('\x8f(', integers(1_000_000), '\x90'),
  strings: pickle('](', repeat('\x8c\x02\xc4\x80', 1_000_000), 'e'),
  numbers: pickle('](', repeat(bytes('G', Uint8Array.of(63, 241, 35, 69, 103, 137, 10, 188)), 3_000_000), 'e'),
  'large numbers': pickle('](', repeat('\x8a\x08\x01\x01\x01\x01\x01\x01\x01\x01', 1_000_000), 'e'),
  'the stack': pickle(repeat('N', 3_000_000)),
  marks: pickle(repeat('(', 3_000_000)),
  'the memo': pickle('N', repeat('\x94', 1_000_000)),
  'a name without end': pickle('c', new Uint8Array(1 << 24).fill(97), '\na\n'),
}

test('what a pickle makes is bounded, whatever makes it', () => {
  const folder = temporaryFolder()
  const paths = Object.entries(FILES).map(([name, data], i) => {
    const file = writeZip(join(folder, `${i}.pt`), { 'x/data.pkl': data, 'x/data/0': new Uint8Array(8) })
    return [name, file]
  })
  const code = `
    import { torch } from '${INDEX}'
    for (const [name, path] of JSON.parse(process.argv[1])) {
      const before = process.memoryUsage().rss
      let most = 0
      const timer = setInterval(() => { most = Math.max(most, process.memoryUsage().rss) })
      let code = 'loaded'
      try { await torch.load(path) } catch (error) { code = error.code + (/more objects|too long/.test(error.message) ? '' : error.message) }
      clearInterval(timer)
      console.log(name, code, most - before < 300e6 ? '' : most - before)
    }`
  const heap = '--max-old-space-size=128'
  const output = execFileSync(process.execPath, [heap, '--input-type=module', '-e', code, JSON.stringify(paths)], {
    encoding: 'utf8',
  })
  expect(
    output
      .trim()
      .split('\n')
      .map((line) => line.trim()),
  ).toEqual(Object.keys(FILES).map((name) => `${name} ERR_TORCH_FORMAT`))
}, 240_000)

test('a header of safetensors is bounded, too', () => {
  const entries = Array.from({ length: 150_000 }, (_, i) => `"${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`)
  const header = Buffer.from(`{${entries.join()}}`)
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(header.length))
  const path = join(temporaryFolder(), 'x.safetensors')
  writeFileSync(path, Buffer.concat([prefix, header]))
  const code = `
    import { io } from '${INDEX}'
    for (const read of [io.readHeader, io.loadFile]) {
      try { await read(process.argv[1]); console.log('read') } catch (error) { console.log(error.code, error.message.replace(process.argv[1], '')) }
    }`
  const output = execFileSync(process.execPath, ['--max-old-space-size=96', '--input-type=module', '-e', code, path], {
    encoding: 'utf8',
  })
  const refusal = 'the header describes more tensors than there is memory for'
  expect(output).toBe(`ERR_TORCH_FORMAT readHeader: : ${refusal}\nERR_TORCH_FORMAT loadFile: : ${refusal}\n`)
  expect(Object.keys(io.readHeaderSync(path).tensors)).toHaveLength(150_000)
})

test('the directory of an archive is bounded, too', () => {
  const count = 200_000
  const entry = Buffer.alloc(54)
  entry.writeUInt32LE(0x02014b50)
  entry.writeUInt16LE(8, 28)
  const directory = Buffer.alloc(entry.length * count, entry)
  for (let i = 0; i < count; i++) directory.write(String(i).padStart(8, '0'), entry.length * i + 46)
  const start = Buffer.from('504b0304', 'hex')
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50)
  const path = join(temporaryFolder(), 'x.pt')
  const end64 = Buffer.alloc(56)
  end64.writeUInt32LE(0x06064b50)
  end64.writeBigUInt64LE(BigInt(count), 32)
  end64.writeBigUInt64LE(BigInt(directory.length), 40)
  end64.writeBigUInt64LE(BigInt(start.length), 48)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x07064b50)
  locator.writeBigUInt64LE(BigInt(start.length + directory.length), 8)
  end.fill(0xff, 8, 20)
  writeFileSync(path, Buffer.concat([start, directory, end64, locator, end]))
  const code = `
    import { torch } from '${INDEX}'
    for (const load of [torch.load, torch.jit.load]) {
      try { await load(process.argv[1]); console.log('read') } catch (error) { console.log(error.code, error.message.replace(/^.*: /, '')) }
    }`
  const output = execFileSync(process.execPath, ['--max-old-space-size=96', '--input-type=module', '-e', code, path], {
    encoding: 'utf8',
  })
  expect(output).toBe('ERR_TORCH_FORMAT the zip archive has more files than there is memory for\n'.repeat(2))
  expectError(() => torch.loadSync(path), 'ERR_TORCH_FORMAT', 'has no data.pkl')
})

/** How often the work gives the event loop a turn; those in which it waits for the disk are not counted. */
async function turns(work: () => Promise<unknown>): Promise<number> {
  const given = vi.spyOn(globalThis, 'setImmediate')
  try {
    await work()
    return given.mock.calls.length
  } finally {
    given.mockRestore()
  }
}

test('the event loop turns while a pickle is read and converted', async () => {
  const folder = temporaryFolder()
  const data = pickle('](', integers(300_000), 'e')
  const path = writeZip(join(folder, 'x.pt'), { 'x/data.pkl': data })
  let loaded: number[] = []
  // One for each of thirty batches of opcodes, and for each of sixty of items, twice.
  const given = await turns(async () => {
    loaded = await torch.load<number[]>(path)
  })
  expect(given).toBeGreaterThan(140)
  expect(loaded.slice(-2)).toEqual([299_998, 299_999])
  expect(await turns(() => torch.load(formatsPath('unchecked.pt')))).toBe(0)
  // A hostile one, as well.
  const many = writeZip(join(folder, 'y.pt'), { 'x/data.pkl': copies('builtins.set', list) })
  const refused = (): Promise<unknown> => expectRejection(torch.load(many), 'ERR_TORCH_FORMAT', 'more objects')
  expect(await turns(refused)).toBeGreaterThan(20)
})
