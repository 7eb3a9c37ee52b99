import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { sha256Of } from '../../lib/cli/checksum.ts'
import { download } from '../../lib/cli/download.ts'
import { type InstallOptions, install as installAny, requireFound } from '../../lib/cli/install.ts'
import { uninstall } from '../../lib/cli/uninstall.ts'
import { LibTorchError } from '../../lib/errors.ts'
import { cacheFolder, weightsFolder } from '../../lib/native/cache.ts'
import type { LibTorch } from '../../lib/native/layout.ts'
import { searchLibTorch } from '../../lib/native/libtorch.ts'
import { BUILDABLE } from '../../lib/native/version.ts'
import { temporaryFolder, writeFiles, writeProgram } from '../support/folder.ts'
import { fakeLibTorch } from '../support/libtorch.ts'
import { writeZip } from '../support/zip.ts'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

let messages: string[]

/** The LibTorches of these tests can be found but not opened. */
function install(options: InstallOptions = {}): Promise<LibTorch> {
  return installAny({ probe: false, range: BUILDABLE, ...options })
}

beforeEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  messages = []
  vi.spyOn(console, 'error').mockImplementation((message: string) => messages.push(message))
  const home = temporaryFolder()
  for (const name of ['XDG_CACHE_HOME', 'HOME', 'LOCALAPPDATA']) vi.stubEnv(name, home)
  for (const name of ['LIBTORCH', 'LIBTORCH_USE_PYTORCH']) vi.stubEnv(name, undefined)
})

function inCache(): string[] {
  return existsSync(cacheFolder()) ? readdirSync(cacheFolder()).sort() : []
}

async function failureOf(options: InstallOptions): Promise<string> {
  const error = await install(options).then(
    () => new Error('it was installed'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(LibTorchError)
  // Nothing half done stays behind.
  expect(inCache()).toEqual([])
  return (error as LibTorchError).message
}

function manifestOf(entry: string): Record<string, { bytes: number; crc32: number }> {
  return JSON.parse(readFileSync(join(cacheFolder(), entry, 'manifest.json'), 'utf8')).files
}

function writeWheel(version = '2.13.0+cpu', more: Record<string, string> = {}, options = {}): string {
  const file = join(temporaryFolder(), `torch-${version}-cp311-cp311-any.whl`)
  return writeZip(file, { ...fakeLibTorch(version, options), ...more })
}

describe('install from an archive', () => {
  it('unpacks what LibTorch needs, and no more', async () => {
    const wheel = writeWheel('2.13.0+cpu', {
      'torch/__init__.py': '',
      'torch/bin/protoc': '',
      'torch/include/torch/version.h': '',
      'torch/lib/libtorch_python.so': '',
      'torch/lib/libstatic.a': '',
      'torch/lib/libtorchbind_test.so': '',
      'torch/share/cmake/Torch/TorchConfig.cmake': '',
    })
    const libtorch = await install({ from: wheel })
    expect(libtorch).toMatchObject({
      root: join(cacheFolder(), '2.13.0-cpu', 'torch'),
      version: '2.13.0+cpu',
      cuda: false,
    })
    expect(inCache()).toEqual(['2.13.0-cpu'])
    expect(readdirSync(libtorch.root).sort()).toEqual(['lib', 'version.py'])
    expect(readdirSync(libtorch.lib).join()).not.toMatch(/python|static|test/)
  })

  it('keeps the headers where they are asked for, and fetches them where they are missing', async () => {
    const wheel = writeWheel('2.13.0+cpu', { 'torch/include/torch/csrc/api/include/torch/version.h': '' })
    const { root } = await install({ from: wheel, headers: true })
    expect(readdirSync(root).sort()).toEqual(['include', 'lib', 'version.py'])
  })

  it('refuses a damaged entry', async () => {
    const from = writeWheel('2.13.0+cpu', { 'torch/lib/data': 'abcdefgh' })
    const bytes = readFileSync(from)
    bytes.write('abcdEfgh', bytes.indexOf('abcdefgh'))
    writeFileSync(from, bytes)
    expect(await failureOf({ from })).toBe(
      `${from} cannot be unpacked: torch/lib/data is damaged (its CRC-32 differs).`,
    )
  })

  it.each(['2.13/../../../../victim+cpu', '2.13.0/../../victim', '..', '2.13.0+../../x'])(
    'does not take the version %s for a path',
    async (version) => {
      const message = await failureOf({
        from: writeWheel('2.13.0+cpu', { 'torch/version.py': `__version__ = '${version}'` }),
      })
      expect(message).toMatch(/cannot be used: its version is not written in it, or cannot be read\.$/)
    },
  )

  it.each([
    ['2.13.0a0+git123', '2.13.0a0-cpu'],
    ['2.13.0rc2', '2.13.0rc2-cpu'],
    ['2.13.0.dev20260701+cpu', '2.13.0.dev20260701-cpu'],
  ])('installs LibTorch %s where a program finds it', async (version, entry) => {
    await install({ from: writeWheel('2.13.0+cpu', { 'torch/version.py': `__version__ = '${version}'` }) })
    expect(inCache()).toEqual([entry])
    expect(searchLibTorch(BUILDABLE).found?.version).toBe(version)
  })

  it('refuses more than the disk has room for', async () => {
    const { requireSpace } = await import('../../lib/cli/archive.ts')
    const folder = temporaryFolder()
    await requireSpace(folder, 1)
    await expect(requireSpace(folder, 1e18)).rejects.toThrow(
      /^LibTorch needs 1000000000000 MB in .*, where \d+ MB are free\.$/,
    )
  })

  it('takes a libtorch archive too, and puts CUDA builds beside those for the CPU', async () => {
    const file = join(temporaryFolder(), 'libtorch.zip')
    const { 'libtorch/version.py': _, ...files } = fakeLibTorch('', { root: 'libtorch', cuda: true })
    writeZip(file, { ...files, 'libtorch/build-version': '2.13.1+cu130\n' })
    await install({ from: writeWheel() })
    const { root, cuda } = await install({ from: file })
    expect({ root, cuda }).toEqual({ root: join(cacheFolder(), '2.13.1-cuda', 'libtorch'), cuda: true })
    expect(inCache()).toEqual(['2.13.0-cpu', '2.13.1-cuda'])
  })

  it('replaces what is there', async () => {
    await install({ from: writeWheel('2.13.0+cpu', { 'torch/lib/old': '' }) })
    const { lib } = await install({ from: writeWheel() })
    expect(existsSync(join(lib, 'old'))).toBe(false)
  })

  it('checks the checksum', async () => {
    const from = writeWheel()
    const sha256 = await sha256Of(from)
    const message = await failureOf({ from, sha256: sha256.replace(/^./, (first) => (first === '0' ? '1' : '0')) })
    expect(message).toMatch(/^The SHA-256 of the archive differs from the one given/)
    expect(message).toContain(`found: ${sha256}`)
    await install({ from, sha256: sha256.toUpperCase() })
    expect(inCache()).toEqual(['2.13.0-cpu'])
  })

  it.each(['torch/lib/../../../outside', '/torch/lib/outside', 'torch\\lib\\..\\..\\..\\outside'])(
    'refuses an entry that leads out of the folder: %s',
    async (name) => {
      expect(await failureOf({ from: writeWheel('2.13.0', { [name]: '' }) })).toMatch(
        /cannot be unpacked: (invalid|absolute)/,
      )
    },
  )

  it('refuses symbolic links', async () => {
    const from = writeZip(join(temporaryFolder(), 'links.whl'), { 'torch/lib/link': '/etc/passwd' }, { mode: 0o120777 })
    expect(await failureOf({ from })).toContain('torch/lib/link is a symbolic link')
  })

  it('refuses what is no LibTorch', async () => {
    const folder = writeFiles(temporaryFolder(), { 'text.zip': 'no archive' })
    expect(await failureOf({ from: join(folder, 'none.zip') })).toMatch(/none\.zip cannot be installed: no such file/)
    expect(await failureOf({ from: join(folder, 'text.zip') })).toMatch(/text\.zip is not a zip archive or a wheel/)
    expect(await failureOf({ from: writeZip(join(folder, 'other.zip'), { 'x/y': '' }) })).toMatch(
      /other\.zip cannot be used/,
    )
    expect(await failureOf({ from: writeWheel('2.9.1') })).toContain('it is LibTorch 2.9.1, and 2.11 to 2.14 is needed')
  })
})

describe('install from a folder', () => {
  it("copies it, with NVIDIA's libraries beside a CUDA build", async () => {
    const folder = writeFiles(temporaryFolder(), {
      ...fakeLibTorch('2.13.0+cu130', { cuda: true }),
      'torch/nn/__init__.py': '',
      'nvidia/cudnn/lib/libcudnn.so.9': '',
    })
    const { root } = await install({ from: join(folder, 'torch') })
    expect(readdirSync(root).sort()).toEqual(['lib', 'version.py'])
    expect(Object.keys(manifestOf('2.13.0-cuda'))).toContain('nvidia/cudnn/lib/libcudnn.so.9')
    expect(existsSync(join(root, '../nvidia/cudnn/lib/libcudnn.so.9'))).toBe(true)
  })

  it('has no checksum', async () => {
    const from = writeFiles(temporaryFolder(), fakeLibTorch('2.13.0'))
    const sha256 = 'ab'.repeat(32)
    expect(await failureOf({ from, sha256 })).toBe('--sha256 is for an archive; a folder has no checksum.')
  })
})

/** A server on this machine, until the test is over. */
async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function serve(file: string): Promise<string> {
  return listen((request, response) => {
    if (request.url === '/torch.whl') response.end(readFileSync(file))
    else response.writeHead(404).end()
  })
}

describe('install from a URL', () => {
  it('needs the checksum, and checks it', async () => {
    const wheel = writeWheel()
    const from = `${await serve(wheel)}/torch.whl`
    expect(await failureOf({ from })).toMatch(/^A download needs its checksum: give --sha256/)
    expect(await failureOf({ from, sha256: 'ab'.repeat(32) })).toMatch(
      /^The SHA-256 of the archive differs from the one given/,
    )
    await install({ from, sha256: await sha256Of(wheel) })
    expect(inCache()).toEqual(['2.13.0-cpu'])
  })

  it('tells why nothing came, and prints no password and no token', async () => {
    const host = await serve(writeWheel())
    const secret = host.replace('//', '//user:pass@')
    expect(await failureOf({ from: `${secret}/other?token=abc`, sha256: 'ab'.repeat(32) })).toBe(
      `${host}/other cannot be fetched: the server answered 404 Not Found.`,
    )
    expect(messages).toEqual([`Fetching ${host}/other`])
  })

  it('sends the password of the URL', async () => {
    const wheel = writeWheel()
    const host = await listen((request, response) => {
      const secret = Buffer.from('user:p@ss').toString('base64')
      if (request.headers.authorization === `Basic ${secret}`) response.end(readFileSync(wheel))
      else response.writeHead(401).end()
    })
    await install({ from: `${host.replace('//', '//user:p%40ss@')}/torch.whl`, sha256: await sha256Of(wheel) })
    expect(inCache()).toEqual(['2.13.0-cpu'])
  })
})

describe('download', () => {
  const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251))

  it('goes on where the connection broke', async () => {
    const ranges: (string | undefined)[] = []
    const host = await listen((request, response) => {
      const { range } = request.headers
      ranges.push(range)
      const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
      const part = content.subarray(start)
      const head = { etag: '"v1"', 'content-length': part.length }
      response.writeHead(start > 0 ? 206 : 200, head)
      if (ranges.length > 2) return void response.end(part)
      response.write(part.subarray(0, 30_000), () => setTimeout(() => response.destroy(), 50))
    })
    const file = join(temporaryFolder(), 'file')
    await download(new URL(`${host}/file`), file)
    expect(readFileSync(file).equals(content)).toBe(true)
    expect(ranges[0]).toBeUndefined()
    expect(ranges.at(-1)).toMatch(/^bytes=[1-9]\d*-$/)
  })

  it('begins anew where the server has another file by now', async () => {
    let asked = 0
    const host = await listen((_request, response) => {
      response.writeHead(200, { etag: `"v${asked}"`, 'content-length': content.length })
      if (asked++ > 0) return void response.end(content)
      response.write(Buffer.alloc(40_000), () => setTimeout(() => response.destroy(), 50))
    })
    const file = join(temporaryFolder(), 'file')
    await download(new URL(`${host}/file`), file)
    expect(readFileSync(file).equals(content)).toBe(true)
  })

  it('does not wait for ever for a server that says nothing', async () => {
    const host = await listen(() => {})
    const file = join(temporaryFolder(), 'file')
    await expect(download(new URL(`${host}/file`), file, { retries: 1, timeout: 200 })).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:\d+\/file cannot be fetched: /,
    )
    expect(messages).toContain('  the connection broke after 0 MB; trying again')
  })

  it('goes through the proxy of the environment', async () => {
    const origin = await listen((_request, response) => void response.end(content))
    const tunnels: (string | undefined)[] = []
    const proxy = createServer()
    proxy.on('connect', (request, socket) => {
      tunnels.push(request.url)
      const upstream = connect(Number(new URL(origin).port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        upstream.pipe(socket).pipe(upstream)
      })
      for (const end of [socket, upstream]) end.on('error', () => {})
    })
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    onTestFinished(() => void proxy.close())
    vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
    for (const name of ['http_proxy', 'NO_PROXY', 'no_proxy']) vi.stubEnv(name, undefined)
    const file = join(temporaryFolder(), 'file')
    await download(new URL('http://packages.invalid/file'), file, { retries: 0 })
    expect(readFileSync(file).equals(content)).toBe(true)
    expect(tunnels).toEqual(['packages.invalid:80'])
  })
})

describe.runIf(process.platform === 'linux' && process.arch === 'x64')('install from an index', () => {
  const name = 'torch-2.13.0%2Bcpu-cp310-cp310-manylinux_2_28_x86_64.whl'

  async function indexOf(wheel: string, page: (sha256: string) => string): Promise<string> {
    const sha256 = await sha256Of(wheel)
    const host = await listen((request, response) => {
      if (request.url === '/whl/cpu/torch/') response.end(page(sha256))
      else if (request.url === `/whl/${name}`) response.end(readFileSync(wheel))
      else response.writeHead(404).end()
    })
    return `${host}/whl/cpu`
  }

  it('takes the wheel of the version, the platform and the checksum that it names', async () => {
    const indexUrl = await indexOf(
      writeWheel(),
      (sha256) => `<!DOCTYPE html><html><body>
        <a href="/whl/torch-2.12.0%2Bcpu-cp310-cp310-manylinux_2_28_x86_64.whl#sha256=${'0'.repeat(64)}">other</a><br/>
        <a href="/whl/torch-2.13.0%2Bcpu-cp310-cp310-win_amd64.whl#sha256=${'0'.repeat(64)}">other</a><br/>
        <a data-dist-info-metadata="sha256=aa" href="../../${name}#sha256=${sha256}">torch</a><br/>
        <a href="http://[bad">x</a></body></html>`,
    )
    await install({ indexUrl })
    expect(inCache()).toEqual(['2.13.0-cpu'])
    expect(messages[0]).toMatch(/^Fetching http:\/\/127\.0\.0\.1:\d+\/whl\/torch-2\.13\.0%2Bcpu-cp310/)
    await install({ indexUrl: 'http://127.0.0.1:9/none' })
    expect(messages.at(-1)).toContain('is installed already in')
  })

  it('refuses what is not what the index says, and an index without checksums', async () => {
    const wheel = writeWheel()
    const page = (hash: string) => (): string => `<a href="/whl/${name}${hash}">torch</a>`
    expect(await failureOf({ indexUrl: await indexOf(wheel, page(`#sha256=${'1'.repeat(64)}`)) })).toMatch(
      /^The SHA-256 of the archive differs from the one given/,
    )
    expect(await failureOf({ indexUrl: await indexOf(wheel, page('')) })).toMatch(
      /has no wheel of torch 2\.13\.0 for this platform with a checksum\.$/,
    )
    const pinned = 'torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl'
    const forged = (): string => `<a href="/whl/${pinned}#sha256=${'2'.repeat(64)}">torch</a>`
    expect(await failureOf({ indexUrl: await indexOf(wheel, forged) })).toMatch(
      /has a different torch-2\.13\.0\+cpu-cp311-cp311-manylinux_2_28_x86_64\.whl from the one that PyTorch published\./,
    )
  })
})

describe('an installed LibTorch that is damaged', () => {
  it.each([
    ['cut short', (lib: string) => truncateSync(join(lib, 'libtorch_cpu.so'), 3), /libtorch_cpu\.so has 3 of 13 bytes/],
    [
      'changed',
      (lib: string) => writeFileSync(join(lib, 'libc10.so'), 'not a librarY'),
      /libc10\.so differs from the installed file/,
    ],
  ])('is fetched anew: %s', async (_, spoil, fault) => {
    const wheel = writeWheel()
    const { lib } = await install({ from: wheel })
    spoil(lib)
    vi.stubEnv('PATH', '')
    await expect(install({ indexUrl: 'http://127.0.0.1:9/none' })).rejects.toThrow(/cannot be fetched/)
    expect(messages.find((message) => message.startsWith('The LibTorch in '))).toMatch(fault)
    await install({ from: wheel })
    expect(readFileSync(join(lib, 'libtorch_cpu.so'), 'utf8')).toBe('not a library')
  })

  it('is not opened where it was cut short', async () => {
    const { lib } = await install({ from: writeWheel() })
    expect(searchLibTorch(BUILDABLE).found?.lib).toBe(lib)
    truncateSync(join(lib, 'libc10.so'), 0)
    const { found, tried } = searchLibTorch(BUILDABLE)
    expect(found?.lib).not.toBe(lib)
    expect(tried.map(({ outcome }) => outcome)).toContain('damaged, torch/lib/libc10.so has 0 of 13 bytes')
    appendFileSync(join(lib, 'libc10.so'), 'not a library')
    expect(searchLibTorch(BUILDABLE).found?.lib).toBe(lib)
  })

  it('is not put in the place of one that works', async () => {
    const { root } = await install({ from: writeWheel() })
    const before = statSync(join(root, 'version.py')).ino
    await expect(installAny({ from: writeWheel(), probe: true, range: BUILDABLE })).rejects.toThrow(
      /\.whl is not installed, because a test load failed\.\n/,
    )
    expect(inCache()).toEqual(['2.13.0-cpu'])
    expect(statSync(join(root, 'version.py')).ino).toBe(before)
  })
})

it('says so where programs use another LibTorch', async () => {
  const installed = await install({ from: writeWheel() })
  requireFound(installed)
  vi.stubEnv('LIBTORCH', '/elsewhere')
  expect(() => requireFound(installed)).toThrow(
    'It is in place, but programs do not use it: LIBTORCH=/elsewhere comes first. Unset it.',
  )
  vi.stubEnv('LIBTORCH', undefined)
  const { root } = await install({ from: writeWheel('2.13.0+cu130', {}, { cuda: true }) })
  expect(() => requireFound(installed)).toThrow(`It is in place, but programs use LibTorch 2.13.0+cu130 in ${root}`)
})

it('removes all that was installed', async () => {
  expect(uninstall()).toEqual([])
  await install({ from: writeWheel() })
  expect(uninstall()).toEqual([cacheFolder()])
  expect(existsSync(cacheFolder())).toBe(false)
  writeFiles(weightsFolder(), { 'a.weights': '' })
  await install({ from: writeWheel() })
  expect(uninstall()).toEqual([cacheFolder(), weightsFolder()])
  expect(existsSync(weightsFolder())).toBe(false)
})

it.runIf(process.platform === 'linux')('says which folder cannot be written to', async () => {
  vi.stubEnv('XDG_CACHE_HOME', '/sys')
  await expect(install({ from: writeWheel() })).rejects.toThrow(
    /^LibTorch cannot be installed: E\w+: .*\nThe cache is \/sys\/libtorch-rnn\/libtorch; set XDG_CACHE_HOME to a folder/,
  )
})

it('says so where the cache cannot be made', async () => {
  const folder = writeFiles(temporaryFolder(), { file: '' })
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'file'))
  await expect(install({ from: writeWheel() })).rejects.toThrow(/^LibTorch cannot be installed: ENOTDIR/)
})

describe.skipIf(process.platform === 'win32')('install with pip', () => {
  /** A Python whose pip finds `wheels` where `finds` says so, and writes down how it was called. */
  function fakePython(wheels: readonly string[], finds = 'true'): string {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'wheels'))
    for (const wheel of wheels) cpSync(wheel, join(folder, 'wheels', wheel.replace(/.*\//, '')))
    const script = `
      case "$*" in
        --version) exit 0 ;;
        "-m pip --version") echo "pip 24.0 from /usr/lib (python 3.12)"; exit 0 ;;
      esac
      echo "$@" >> ${folder}/calls
      calls="$*"
      while [ "$1" != --dest ]; do shift; done
      if ${finds}; then cp ${folder}/wheels/* "$2"; else echo "ERROR: no matching distribution" >&2; exit 1; fi`
    vi.stubEnv('PATH', `${writeProgram(folder, 'python3', script)}${delimiter}${process.env.PATH}`)
    vi.stubEnv('VIRTUAL_ENV', undefined)
    return join(folder, 'calls')
  }

  const wheelName = process.platform === 'darwin' ? 'torch==2.13.0' : 'torch==2.13.0+cpu'

  // PyTorch's index is not asked in tests.
  beforeEach(() => vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:9'))

  it("asks pip's configured sources where PyTorch's index cannot be reached, and not again", async () => {
    const calls = fakePython([writeWheel()])
    await install()
    expect(inCache()).toEqual(['2.13.0-cpu'])
    expect(messages[0]).toMatch(
      /^https:\/\/download\.pytorch\.org\/whl\/cpu\/torch\/ cannot be fetched \(through the proxy 127\.0\.0\.1:9\): /,
    )
    const [first, ...more] = readFileSync(calls, 'utf8').trim().split('\n')
    expect(first).toContain('--no-deps')
    expect(first).not.toContain('--index-url')
    expect(first?.endsWith(wheelName)).toBe(true)
    expect(more).toEqual([])
    await install()
    expect(readFileSync(calls, 'utf8').trim().split('\n')).toHaveLength(1)
    expect(messages.at(-1)).toContain('is installed already in')
  })

  it('fetches the libraries of NVIDIA that a CUDA wheel asks for', async () => {
    const metadata = [
      'Requires-Dist: sympy>=1.13.3',
      'Requires-Dist: nvidia-cudnn-cu13==9.1; platform_system == "Linux"',
      'Requires-Dist: cuda-toolkit[cublas]==13.0.3',
      'Requires-Dist: triton~=3.8.0',
    ].join('\n')
    const files = { 'torch-2.13.0.dist-info/METADATA': metadata, 'nvidia/cudnn/lib/libcudnn.so.9': '' }
    const calls = fakePython([writeWheel('2.13.0+cu130', files, { cuda: true })])
    const { root } = await install({ cuda: true })
    expect(root).toBe(join(cacheFolder(), '2.13.0-cuda', 'torch'))
    expect(existsSync(join(cacheFolder(), '2.13.0-cuda/nvidia/cudnn/lib/libcudnn.so.9'))).toBe(true)
    const [torch, nvidia] = readFileSync(calls, 'utf8').trim().split('\n')
    expect(torch).toMatch(/whl\/cu130 .*torch==2\.13\.0$/)
    expect(nvidia).toMatch(/ nvidia-cudnn-cu13==9\.1; platform_system == "Linux" cuda-toolkit\[cublas\]==13\.0\.3$/)
  })

  it('refuses a CUDA build that was not asked for', async () => {
    fakePython([writeWheel('2.13.0', {}, { cuda: true })])
    expect(await failureOf({})).toBe('The downloaded LibTorch is a build with CUDA, which was not asked for.')
  })

  it('lists what it tried where no source has it', async () => {
    fakePython([], 'false')
    const lines = (await failureOf({})).split('\n')
    expect(lines[0]).toMatch(/^https:\/\/download\.pytorch\.org\/whl\/cpu\/torch\/ cannot be fetched/)
    expect(lines[1]).toBe(`pip could not fetch ${wheelName}.`)
    expect(lines).toContain("  pip's configured sources: ERROR: no matching distribution")
    expect(lines.at(-1)).toContain('npx libtorch-rnn install --from <file>')
  })

  it('names the command that installs what is missing', async () => {
    const folder = temporaryFolder()
    vi.stubEnv('VIRTUAL_ENV', undefined)
    vi.stubEnv('PATH', folder)
    const message = await failureOf({})
    expect(message).toMatch(/^Python 3, which fetches LibTorch, is missing; install it with: \S+/m)
    expect(message).toMatch(/^Without Python: npx libtorch-rnn install --from <URL/m)
    writeProgram(folder, 'python3', '[ "$*" = --version ]')
    expect(await failureOf({})).toMatch(/^pip, which fetches LibTorch, is missing; install it with: \S+/m)
  })

  it.each(['SIGINT', 'SIGKILL'] as const)('can be run again after %s', async (signal) => {
    const wheel = writeWheel()
    fakePython([wheel], '{ touch "$2/half"; sleep 30; }')
    const child = spawn(process.execPath, [MAIN, 'install'], { stdio: 'ignore', detached: true })
    const partial = (): string =>
      join(cacheFolder(), inCache().find((name) => /^partial-[\w-]+$/.test(name)) ?? 'partial')
    await vi.waitFor(() => expect(existsSync(join(partial(), 'wheels/half'))).toBe(true), {
      timeout: 20_000,
      interval: 50,
    })
    // The whole group, as Ctrl-C does.
    process.kill(-(child.pid as number), signal)
    await once(child, 'exit')
    expect(existsSync(partial())).toBe(signal === 'SIGKILL')
    fakePython([wheel])
    await install()
    expect(inCache()).toEqual(['2.13.0-cpu'])
  })

  it('leaves alone what another process is working on', async () => {
    const wheel = writeWheel()
    fakePython([wheel], '{ touch "$2/half"; while [ ! -e "$2/go" ]; do sleep 0.1; done; }')
    const child = spawn(process.execPath, [MAIN, 'install'], { stdio: 'ignore', detached: true })
    onTestFinished(() => void child.kill('SIGKILL'))
    const busy = (): string | undefined => inCache().find((name) => /^partial-[\w-]+$/.test(name))
    await vi.waitFor(() => expect(existsSync(join(cacheFolder(), busy() ?? '', 'wheels/half'))).toBe(true), {
      timeout: 20_000,
      interval: 50,
    })
    const partial = busy() as string
    await install({ from: wheel })
    expect(inCache()).toEqual(['2.13.0-cpu', partial, `${partial}.lock`])
    process.kill(-(child.pid as number), 'SIGINT')
    await once(child, 'exit')
    expect(inCache()).toEqual(['2.13.0-cpu'])
  })
})

it.each([
  [{ sha256: 'ab'.repeat(32) }, /^--sha256 is only for an archive given with --from/],
  [{ from: 'torch.whl', sha256: 'ab' }, /^--sha256 takes 64 hexadecimal digits, got 'ab'/],
  [{ from: 'torch.whl', cuda: true }, /^--cuda cannot be combined with --from/],
  [{ indexUrl: 'ftp://host' }, /^--index-url takes an http or https URL, got 'ftp:\/\/host'/],
  [{ indexUrl: 'http://host', cuda: true }, /^--index-url is only for downloading the CPU wheel/],
  [
    { version: '2.10.0' },
    /^The addon was built for LibTorch 2\.11 to 2\.14, but the version to install is LibTorch 2\.10\.0/,
  ],
  [{ from: 'https://' }, /not an http, https or file URL/],
  [{ from: 'ftp://host/torch.whl' }, /not an http, https or file URL/],
  [{ from: 'file://host/torch.whl' }, /cannot be installed: File URL host must be/],
] as const)('install refuses %j', async (options, message) => {
  expect(await failureOf(options)).toMatch(message)
})

describe('the install command', () => {
  it('prints one message and ends with 1 where it fails', () => {
    const args = [MAIN, 'install', '--from', '/nowhere']
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 1, stderr: '/nowhere cannot be installed: no such file or folder.\n' })
  })
})
