import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { findBinaries } from '../../lib/native/binaries.ts'
import { libraryName } from '../../lib/native/layout.ts'
import { searchLibTorch } from '../../lib/native/libtorch.ts'
import { loadLoader } from '../../lib/native/load.ts'
import { minorOf, sameMinor } from '../../lib/native/version.ts'
import { temporaryFolder, writeFiles } from '../support/folder.ts'
import { fakeLibTorch } from '../support/libtorch.ts'

const ADDON = new URL('../../dist/native/addon.js', import.meta.url).href
const { builtFor } = loadLoader()
const NEEDED = minorOf(builtFor)

/** Imports the addon in a process of its own, after `before`, and tells what came of it. */
function loadAddon(env: NodeJS.ProcessEnv, before = ''): { died: boolean; output: string } {
  const script = `
    ${before}
    import('${ADDON}').then(
      ({ native }) => console.log('loaded', native.buildInfo().torchVersion),
      (error) => console.log(error.code, error.message))`
  const child = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', env: { ...process.env, ...env } })
  return { died: child.signal !== null, output: child.stdout }
}

/** How long OpenMP's threads spin for work, in a process of its own; and what that process's children inherit. */
function spinCount(env: NodeJS.ProcessEnv): { turns: number; inherited: string } {
  const script = `
    import('${ADDON}').then(() =>
      console.log(require('node:child_process').execSync('echo $GOMP_SPINCOUNT', { encoding: 'utf8' }).trim()))`
  const { OMP_WAIT_POLICY, GOMP_SPINCOUNT, ...rest } = process.env
  const child = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { ...rest, OMP_DISPLAY_ENV: 'verbose', ...env },
  })
  return {
    turns: Number(/GOMP_SPINCOUNT = '(\d+)'/.exec(child.stderr)?.[1]),
    inherited: child.stdout.trim(),
  }
}

/** Compiles libraries with the names of LibTorch's, which tell this ABI version, or none. */
function compileLibTorch(abi: string | undefined): string {
  const symbol = abi === undefined ? '' : `unsigned long long aoti_torch_abi_version(void) { return ${abi}ULL; }`
  const folder = writeFiles(temporaryFolder(), { 'torch.c': symbol, 'torch/lib/README': '' })
  for (const name of ['c10', 'torch_cpu']) {
    const file = libraryName(name)
    const output = join(folder, 'torch/lib', file)
    execFileSync('cc', ['-shared', '-fPIC', `-Wl,-soname,${file}`, '-o', output, join(folder, 'torch.c')])
  }
  return join(folder, 'torch', 'lib')
}

describe('loadAddon', () => {
  it('loads the addon', () => {
    expect(loadAddon({})).toEqual({ died: false, output: `loaded ${builtFor}\n` })
  })

  it('refuses a LibTorch of another version before opening it', () => {
    const folder = writeFiles(temporaryFolder(), fakeLibTorch('2.99.1'))
    const { died, output } = loadAddon({ LIBTORCH: folder })
    expect(died).toBe(false)
    expect(output).toMatch(/^ERR_TORCH_LIBTORCH LIBTORCH=\S+ cannot be used: it is LibTorch 2\.99\.1, and/)
    expect(output).toContain(`Set LIBTORCH to the folder of a LibTorch ${NEEDED}`)
  })

  it('says where another folder was named for the addon, and it is not there', () => {
    const folder = temporaryFolder()
    const { died, output } = loadAddon({ LIBTORCH_RNN_PREBUILD: folder })
    expect(died).toBe(false)
    expect(output).toContain(`Tried: ${join(folder, 'build', 'Release')}, ${join(folder, 'prebuilds')}\n`)
    expect(output).toContain(`LIBTORCH_RNN_PREBUILD=${folder}: unset it`)
  })

  it('tells what the system says of a library that cannot be opened', () => {
    const folder = writeFiles(temporaryFolder(), fakeLibTorch(builtFor))
    const { died, output } = loadAddon({ LIBTORCH: folder })
    expect(died).toBe(false)
    expect(output).toContain(`ERR_TORCH_LIBTORCH LibTorch ${builtFor} in ${join(folder, 'torch')} cannot be opened: `)
    expect(output).toContain('npx libtorch-rnn doctor')
  })

  it("lets OpenMP's threads spin for microseconds, unless the user has decided", () => {
    expect(spinCount({})).toEqual({ turns: 1000, inherited: '' })
    expect(spinCount({ GOMP_SPINCOUNT: '7' })).toEqual({ turns: 7, inherited: '7' })
    expect(spinCount({ OMP_WAIT_POLICY: 'passive' })).toEqual({ turns: 0, inherited: '' })
  })

  it('names the flag that keeps addons out', () => {
    const script = `import('${ADDON}').catch((error) => console.log(error.code, error.message))`
    const { stdout } = spawnSync(process.execPath, ['--no-addons', '-e', script], { encoding: 'utf8' })
    expect(stdout).toMatch(/^ERR_TORCH_LIBTORCH Node was started without addons, .* omit --no-addons/)
  })

  it.runIf(process.platform === 'linux')('tells that the address space is too small', () => {
    const script = `import('${ADDON}').catch((error) => console.log(error.code, error.message))`
    // Enough for Node, and not for LibTorch as well.
    const peak = "console.log(/VmPeak:\\s+(\\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1])"
    const kilobytes = Number(execFileSync(process.execPath, ['-e', peak], { encoding: 'utf8' })) + 300_000
    const limited = `ulimit -v ${kilobytes}; exec "$0" -e "$1"`
    const { stdout } = spawnSync('sh', ['-c', limited, process.execPath, script], { encoding: 'utf8' })
    expect(stdout).toMatch(
      /cannot be opened: .*\nThe process may use \d+ MB of address space \(`ulimit -v`\); LibTorch needs 2,000 MB/,
    )
  })

  it('loads in a worker, and in the main thread after it', () => {
    const inWorker = `
      const { Worker } = require('node:worker_threads')
      const worker = new Worker("import('${ADDON}').then(() => console.log('worker'))", { eval: true })
      worker.on('exit', () => import('${ADDON}').then(() => console.log('main')))`
    const { stdout, signal } = spawnSync(process.execPath, ['-e', inWorker], { encoding: 'utf8' })
    expect({ stdout, signal }).toEqual({ stdout: 'worker\nmain\n', signal: null })
  })
})

describe.runIf(process.platform === 'linux')('the loader', () => {
  it.each([
    ['0x0263000000000000', '2.99.0'],
    [undefined, 'too old to tell its version'],
  ])('asks an opened LibTorch for its version: %s', (abi, tells) => {
    const { died, output } = loadAddon({ LIBTORCH: compileLibTorch(abi) })
    expect(died).toBe(false)
    expect(output).toContain(`ERR_TORCH_LIBTORCH libtorch-rnn was built for LibTorch ${NEEDED}, but the LibTorch in `)
    expect(output).toContain(`is ${tells}.`)
  })

  it('refuses another LibTorch that is in the process', () => {
    const other = join(compileLibTorch('0x0263000000000000'), libraryName('torch_cpu'))
    const { died, output } = loadAddon({}, `require('${findBinaries().loader}').open('${other}')`)
    expect(died).toBe(false)
    expect(output).toContain('but the LibTorch that is in this process already is 2.99.0.')
  })

  it('does not mind another LibTorch on the library path', () => {
    const { found } = searchLibTorch(sameMinor(builtFor))
    const env = { LIBTORCH: found?.root, LD_LIBRARY_PATH: compileLibTorch('0x0263000000000000') }
    expect(loadAddon(env)).toEqual({ died: false, output: `loaded ${builtFor}\n` })
  })
})
