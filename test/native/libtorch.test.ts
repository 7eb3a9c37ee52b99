import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { LibTorchError } from '../../lib/errors.ts'
import { inspectLibTorch, type LibTorch } from '../../lib/native/layout.ts'
import { notFound, searchLibTorch } from '../../lib/native/libtorch.ts'
import { inRange, sameMinor, showRange } from '../../lib/native/version.ts'
import { temporaryFolder, writeFiles, writeProgram } from '../support/folder.ts'
import { fakeLibTorch } from '../support/libtorch.ts'

const RANGE = sameMinor('2.13.0')
// No checkout is built with it.
const ABSENT = sameMinor('2.99.0')

beforeEach(() => {
  vi.unstubAllEnvs()
  vi.stubEnv('LIBTORCH', undefined)
  vi.stubEnv('LIBTORCH_USE_PYTORCH', undefined)
  vi.stubEnv('VIRTUAL_ENV', undefined)
})

function emptyCache(): string {
  const folder = temporaryFolder()
  vi.stubEnv('XDG_CACHE_HOME', folder)
  vi.stubEnv('HOME', folder)
  vi.stubEnv('LOCALAPPDATA', folder)
  return join(folder, process.platform === 'darwin' ? 'Library/Caches' : '', 'libtorch-rnn', 'libtorch')
}

describe('inspectLibTorch', () => {
  it('accepts the root, its lib folder, and the folder that contains it', () => {
    const folder = writeFiles(temporaryFolder(), fakeLibTorch('2.13.0+cpu'))
    const expected: LibTorch = {
      root: join(folder, 'torch'),
      lib: join(folder, 'torch', 'lib'),
      version: '2.13.0+cpu',
      cuda: false,
    }
    expect(inspectLibTorch(folder, RANGE)).toEqual(expected)
    expect(inspectLibTorch(join(folder, 'torch'), RANGE)).toEqual(expected)
    expect(inspectLibTorch(join(folder, 'torch', 'lib'), RANGE)).toEqual(expected)
  })

  it('sees a CUDA build', () => {
    const folder = writeFiles(temporaryFolder(), fakeLibTorch('2.13.1+cu130', { cuda: true }))
    expect(inspectLibTorch(folder, RANGE)).toMatchObject({ version: '2.13.1+cu130', cuda: true })
  })

  it.each([
    ['build-version', '2.13.0+cpu\n', '2.13.0+cpu'],
    [
      'include/torch/headeronly/version.h',
      '#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 13\n#define TORCH_VERSION_PATCH 1\n',
      '2.13.1',
    ],
    ['README', '', 'of unknown version'],
  ])('reads the version from %s', (file, content, version) => {
    const { 'torch/version.py': _, ...files } = fakeLibTorch('')
    const folder = writeFiles(temporaryFolder(), { ...files, [`torch/${file}`]: content })
    expect(inspectLibTorch(folder, RANGE)).toMatchObject({ version })
  })

  it('says why a folder does not do', () => {
    const folder = writeFiles(temporaryFolder(), { ...fakeLibTorch('2.14.1+cu130'), 'empty/lib/file': '' })
    expect(inspectLibTorch(join(folder, 'none'), RANGE)).toBe('no such folder')
    expect(inspectLibTorch(join(folder, 'empty/lib/file'), RANGE)).toBe('not a folder')
    expect(inspectLibTorch(join(folder, 'empty'), RANGE)).toMatch(/^no lib\/\S*torch_cpu\.\w+ in it$/)
    expect(inspectLibTorch(join(folder, 'empty/lib'), RANGE)).toMatch(/^no \w*torch_cpu\.\w+ in it$/)
    expect(inspectLibTorch(folder, RANGE)).toBe('it is LibTorch 2.14.1+cu130, and 2.13 is needed')
  })
})

it.skipIf(process.platform !== 'linux')('says for which processor the libraries are', () => {
  const elf = Buffer.alloc(64)
  elf.write('\x7fELF\x02\x01\x01', 'latin1')
  elf.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18)
  const folder = writeFiles(temporaryFolder(), fakeLibTorch('2.13.0'))
  writeFileSync(join(folder, 'torch/lib/libtorch_cpu.so'), elf)
  const other = process.arch === 'arm64' ? 'x64' : 'arm64'
  expect(inspectLibTorch(folder, RANGE)).toBe(`its libraries are for ${other}, and this Node is for ${process.arch}`)
})

describe('searchLibTorch', () => {
  it('takes LIBTORCH before the cache', () => {
    writeFiles(join(emptyCache(), '2.13.0-cpu'), fakeLibTorch('2.13.0+cpu'))
    const folder = writeFiles(temporaryFolder(), fakeLibTorch('2.13.1'))
    vi.stubEnv('LIBTORCH', folder)
    expect(searchLibTorch(RANGE).found?.version).toBe('2.13.1')
  })

  it('does not pass over a LIBTORCH that cannot be used', () => {
    writeFiles(join(emptyCache(), '2.13.0-cpu'), fakeLibTorch('2.13.0+cpu'))
    vi.stubEnv('LIBTORCH', '/nowhere')
    const search = searchLibTorch(RANGE)
    expect(search).toEqual({
      found: undefined,
      tried: [{ place: 'LIBTORCH=/nowhere', outcome: 'no such folder' }],
      named: true,
    })
    expect(notFound(search, RANGE).message).toBe(
      'LIBTORCH=/nowhere cannot be used: no such folder.\n' +
        'Set LIBTORCH to the folder of a LibTorch 2.13, or unset it and run: npx libtorch-rnn install   (with --cuda for an NVIDIA GPU)',
    )
  })

  it('prefers the pinned version in the cache, then the newest, and CUDA of the two builds', () => {
    const cache = emptyCache()
    const found = (): string | undefined =>
      searchLibTorch({ from: '2.11', to: '2.14' }).found?.root.slice(cache.length + 1)
    writeFiles(join(cache, '2.11.0-cpu'), fakeLibTorch('2.11.0'))
    writeFiles(join(cache, '2.14.0-cpu'), fakeLibTorch('2.14.0'))
    writeFiles(join(cache, 'partial-1'), fakeLibTorch('2.13.0'))
    expect(found()).toBe(join('2.14.0-cpu', 'torch'))
    writeFiles(join(cache, '2.13.0-cpu'), fakeLibTorch('2.13.0'))
    expect(found()).toBe(join('2.13.0-cpu', 'torch'))
    writeFiles(join(cache, '2.13.0-cuda'), fakeLibTorch('2.13.0', { cuda: true }))
    expect(found()).toBe(join('2.13.0-cuda', 'torch'))
  })

  it.skipIf(process.platform === 'win32')('asks Python for its PyTorch without importing it', () => {
    emptyCache()
    const folder = writeFiles(temporaryFolder(), fakeLibTorch('2.13.0'))
    vi.stubEnv('PATH', writeProgram(folder, 'python3', `echo Welcome; echo libtorch-rnn:${folder}/torch; echo Bye`))
    vi.stubEnv('LIBTORCH_USE_PYTORCH', '1')
    expect(searchLibTorch(RANGE)).toMatchObject({ found: { root: join(folder, 'torch') }, named: true })
    for (const no of ['0', 'false', 'No', 'off']) {
      vi.stubEnv('LIBTORCH_USE_PYTORCH', no)
      expect(searchLibTorch(RANGE).named).toBe(false)
    }
    vi.stubEnv('LIBTORCH_USE_PYTORCH', 'maybe')
    expect(() => searchLibTorch(RANGE)).toThrow(/^LIBTORCH_USE_PYTORCH must be 1 .*, or 0; got 'maybe'\.$/)
  })

  it('names the Pythons that it asked', () => {
    emptyCache()
    vi.stubEnv('PATH', temporaryFolder())
    vi.stubEnv('LIBTORCH_USE_PYTORCH', 'true')
    expect(searchLibTorch(RANGE).tried[0]?.outcome).toMatch(/^no PyTorch was found by \w+/)
  })

  it('needs headers to build', () => {
    const cache = emptyCache()
    vi.stubEnv('PATH', temporaryFolder())
    writeFiles(join(cache, '2.98.0-cpu'), fakeLibTorch('2.98.0'))
    const range = sameMinor('2.98.0')
    expect(searchLibTorch(range).found?.version).toBe('2.98.0')
    const { found, tried } = searchLibTorch(range, { build: true })
    expect(found).toBeUndefined()
    expect(tried.map(({ outcome }) => outcome)).toContain('it has no headers to build with')
  })

  it('ignores a cache that is no absolute path, as XDG wants', () => {
    emptyCache()
    vi.stubEnv('XDG_CACHE_HOME', 'relative')
    expect(
      searchLibTorch(ABSENT)
        .tried.map(({ place }) => place)
        .join(),
    ).not.toContain('relative')
  })

  it('looks at the installed PyTorch only to build', () => {
    emptyCache()
    vi.stubEnv('PATH', temporaryFolder())
    const places = (build: boolean): string[] => searchLibTorch(ABSENT, { build }).tried.map(({ place }) => place)
    expect(places(true)).toContain('the installed PyTorch')
    expect(places(false)).not.toContain('the installed PyTorch')
  })

  it('lists every place in the error, and the commands that help', () => {
    const cache = emptyCache()
    writeFiles(join(cache, '2.13.0-cpu'), fakeLibTorch('2.13.0+cpu'))
    const error = notFound(searchLibTorch(ABSENT), ABSENT)
    expect(error).toBeInstanceOf(LibTorchError)
    expect(error.code).toBe('ERR_TORCH_LIBTORCH')
    const lines = error.message.split('\n')
    expect(lines[0]).toBe('LibTorch 2.99 was not found.')
    expect(lines).toContain('  LIBTORCH: not set')
    expect(lines).toContain('  LIBTORCH_USE_PYTORCH: not set')
    expect(lines).toContain(`  ${join(cache, '2.13.0-cpu')}: it is LibTorch 2.13.0+cpu, and 2.99 is needed`)
    expect(lines.at(-1)).toBe(
      'To continue, set LIBTORCH to the folder of a LibTorch 2.99, or LIBTORCH_USE_PYTORCH=1 to use an installed PyTorch.',
    )
  })

  it('offers to fetch the version that can be fetched', () => {
    const error = notFound({ found: undefined, tried: [], named: false }, RANGE)
    expect(error.message).toContain('npx libtorch-rnn install')
  })
})

describe('version ranges', () => {
  it('compare minor versions as numbers', () => {
    const range = { from: '2.9', to: '2.11' }
    expect(
      ['2.8.9', '2.9.0', '2.10.1+cpu', '2.11.7', '2.12.0', '1.10.0'].map((version) => inRange(version, range)),
    ).toEqual([false, true, true, true, false, false])
    expect(showRange(range)).toBe('2.9 to 2.11')
    expect(showRange(sameMinor('2.13.0+cpu'))).toBe('2.13')
  })
})
