import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { torch } from '../../lib/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { formatsPath } from '../support/fixture.ts'
import { temporaryFolder } from '../support/folder.ts'
import { readZip, writeZip } from '../support/zip.ts'

const SCRIPT = readZip(readFileSync(formatsPath('script.pt')))

/** Where the directory describes a file of the archive. */
function entryOf(bytes: Buffer, name: string): number {
  return bytes.lastIndexOf(name) - 46
}

test.each<[string, (bytes: Buffer, entry: number) => void, RegExp]>([
  ['says that it is larger', (b, at) => b.writeUInt32LE(1000, at + 24), /is damaged: it has 64 bytes/],
  ['says that it is smaller', (b, at) => b.writeUInt32LE(10, at + 24), /is damaged: it cannot be decompressed/],
  ['says that it is vast', (b, at) => b.writeUInt32LE(0x7fffffff, at + 24), /has 2147483647 bytes, more than/],
  ['is compressed in an unknown way', (b, at) => b.writeUInt16LE(12, at + 10), /is compressed in a way that PyTorch/],
  ['is elsewhere', (b, at) => b.writeUInt32LE(1, at + 42), /is damaged/],
  ['is beyond the file', (b, at) => b.writeUInt32LE(b.length, at + 42), /the file ends early/],
  ['has another checksum', (b, at) => b.writeUInt32LE(b.readUInt32LE(at + 16) ^ 1, at + 16), /match its checksum/],
  ['is longer than the file', (b, at) => b.writeUInt32LE(b.length, at + 20), /the files in the zip archive overlap/],
])('a deflated file that %s is refused', async (_, change, message) => {
  const name = 'script/data/5'
  const path = writeZip(join(temporaryFolder(), 'x.pt'), SCRIPT, { deflate: (own) => own === name })
  const bytes = readFileSync(path)
  expect((await torch.jit.load(path)).methods).toContain('forward')
  change(bytes, entryOf(bytes, name))
  writeFileSync(path, bytes)
  await expectRejection(torch.jit.load(path), 'ERR_TORCH_FORMAT', message)
  expectError(() => torch.jit.loadSync(path), 'ERR_TORCH_FORMAT', message)
})

test('a bomb is refused before it goes off', async () => {
  const name = 'script/data/5'
  const bomb = { ...SCRIPT, [name]: new Uint8Array((1 << 28) + 1) }
  const path = writeZip(join(temporaryFolder(), 'x.pt'), bomb, { deflate: (own) => own === name })
  const bytes = readFileSync(path)
  expect(bytes.length).toBeLessThan(1e6)
  await expectRejection(torch.jit.load(path), 'ERR_TORCH_FORMAT', 'has 268435457 bytes, more than 268435456')
  bytes.writeUInt32LE(64, entryOf(bytes, name) + 24)
  writeFileSync(path, bytes)
  const before = process.memoryUsage().arrayBuffers
  await expectRejection(torch.jit.load(path), 'ERR_TORCH_FORMAT', 'cannot be decompressed')
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 << 20)
})

test('an archive with two files of one name is refused', async () => {
  const path = writeZip(join(temporaryFolder(), 'x.pt'), {
    ...SCRIPT,
    'script/data/X': SCRIPT['script/data/5'] as Buffer,
  })
  const bytes = readFileSync(path)
  bytes.write('script/data/5', bytes.lastIndexOf('script/data/X'))
  writeFileSync(path, bytes)
  const message = 'the zip archive has two files called script/data/5'
  await expectRejection(torch.jit.load(path), 'ERR_TORCH_FORMAT', message)
  await expectRejection(torch.load(path), 'ERR_TORCH_FORMAT', message)
})
