import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { sha256Of } from '../../lib/cli/archive.ts'
import { type InstallOptions, install } from '../../lib/cli/install.ts'
import { LibTorchError } from '../../lib/errors.ts'
import { cacheFolder } from '../../lib/native/cache.ts'
import { temporaryFolder, writeFiles, writeProgram } from '../support/folder.ts'
import { fakeLibTorch } from '../support/libtorch.ts'
import { writeZip } from '../support/zip.ts'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

let messages: string[]

beforeEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  messages = []
  vi.spyOn(console, 'error').mockImplementation((message: string) => messages.push(message))
  const home = temporaryFolder()
  for (const name of ['XDG_CACHE_HOME', 'HOME', 'LOCALAPPDATA']) vi.stubEnv(name, home)
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
      'torch/share/cmake/Torch/TorchConfig.cmake': '',
    })
    const libtorch = await install({ from: wheel })
    expect(libtorch).toMatchObject({
      root: join(cacheFolder(), '2.13.0-cpu', 'torch'),
      version: '2.13.0+cpu',
      cuda: false,
    })
    expect(inCache()).toEqual(['2.13.0-cpu'])
    expect(readdirSync(libtorch.root).sort()).toEqual(['include', 'lib', 'share', 'version.py'])
    expect(readdirSync(libtorch.lib).join()).not.toMatch(/python|static/)
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
    expect(message).toMatch(/^The SHA-256 of the archive is not the one given/)
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
    const from = writeZip(join(temporaryFolder(), 'links.whl'), { 'torch/lib/link': '/etc/passwd' }, 0o120777)
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
    expect(existsSync(join(root, '../nvidia/cudnn/lib/libcudnn.so.9'))).toBe(true)
  })

  it('has no checksum', async () => {
    const from = writeFiles(temporaryFolder(), fakeLibTorch('2.13.0'))
    const sha256 = 'ab'.repeat(32)
    expect(await failureOf({ from, sha256 })).toBe('--sha256 is for an archive; a folder has no checksum.')
  })
})

describe('install from a URL', () => {
  async function serve(file: string): Promise<string> {
    const server = createServer((request, response) => {
      if (request.url === '/torch.whl') response.end(readFileSync(file))
      else response.writeHead(404).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it('needs the checksum, and checks it', async () => {
    const wheel = writeWheel()
    const from = `${await serve(wheel)}/torch.whl`
    expect(await failureOf({ from })).toMatch(/^A download needs its checksum: give --sha256/)
    expect(await failureOf({ from, sha256: 'ab'.repeat(32) })).toMatch(
      /^The SHA-256 of the archive is not the one given/,
    )
    await install({ from, sha256: await sha256Of(wheel) })
    expect(inCache()).toEqual(['2.13.0-cpu'])
  })

  it('tells why nothing came', async () => {
    const host = await serve(writeWheel())
    expect(await failureOf({ from: `${host}/other`, sha256: 'ab'.repeat(32) })).toContain(
      'the server answered 404 Not Found',
    )
    expect(await failureOf({ from: 'http://127.0.0.1:1/torch.whl', sha256: 'ab'.repeat(32) })).toMatch(
      /cannot be fetched: .+\nDownload/,
    )
  })
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

  it("asks PyTorch's index, then pip's configured sources, and not again", async () => {
    const calls = fakePython([writeWheel()], '! echo "$calls" | grep -q -e --index-url')
    await install()
    expect(inCache()).toEqual(['2.13.0-cpu'])
    const [first, second, ...more] = readFileSync(calls, 'utf8').trim().split('\n')
    expect(first).toContain('--no-deps --index-url https://download.pytorch.org/whl/cpu --retries 0')
    expect(first?.endsWith(wheelName)).toBe(true)
    expect(second).not.toContain('--index-url')
    expect(more).toEqual([])
    await install()
    expect(readFileSync(calls, 'utf8').trim().split('\n')).toHaveLength(2)
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
    expect(await failureOf({})).toBe('pip fetched a build with CUDA, which was not asked for.')
  })

  it('lists what it tried where no source has it', async () => {
    fakePython([], 'false')
    const lines = (await failureOf({})).split('\n')
    expect(lines[0]).toBe(`pip could not fetch ${wheelName}.`)
    expect(lines).toContain('  https://download.pytorch.org/whl/cpu: ERROR: no matching distribution')
    expect(lines).toContain("  pip's configured sources: ERROR: no matching distribution")
    expect(lines.at(-1)).toContain('npx libtorch-rnn install --from <file>')
  })

  it('names the command that installs what is missing', async () => {
    const folder = temporaryFolder()
    vi.stubEnv('VIRTUAL_ENV', undefined)
    vi.stubEnv('PATH', folder)
    expect(await failureOf({})).toMatch(/^Python 3 is missing, which fetches LibTorch; install it with: \S+/)
    writeProgram(folder, 'python3', '[ "$*" = --version ]')
    expect(await failureOf({})).toMatch(/^pip is missing, which fetches LibTorch; install it with: \S+/)
  })

  it.each(['SIGINT', 'SIGKILL'] as const)('can be run again after %s', async (signal) => {
    const wheel = writeWheel()
    fakePython([wheel], '{ touch "$2/half"; sleep 30; }')
    const child = spawn(process.execPath, [MAIN, 'install'], { stdio: 'ignore', detached: true })
    const partial = (): string => join(cacheFolder(), `partial-${child.pid}`)
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
})

it.each([
  [{ sha256: 'ab'.repeat(32) }, /^--sha256 is for an archive given with --from/],
  [{ from: 'torch.whl', sha256: 'ab' }, /^--sha256 takes 64 hexadecimal digits, got 'ab'/],
  [{ from: 'torch.whl', cuda: true }, /^--cuda is for what pip fetches/],
  [{ from: 'https://' }, /not the URL of a file by http, https or file/],
  [{ from: 'ftp://host/torch.whl' }, /not the URL of a file by http, https or file/],
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
