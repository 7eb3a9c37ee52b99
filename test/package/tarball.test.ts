import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { searchLibTorch } from '../../lib/native/libtorch.ts'
import { loadLoader } from '../../lib/native/load.ts'
import { minorOf, PINNED, sameMinor } from '../../lib/native/version.ts'
import { CHECKOUT, copyCheckout } from '../support/checkout.ts'
import { temporaryFolder, writeFiles } from '../support/folder.ts'

const { builtFor } = loadLoader()
const LIBTORCH = searchLibTorch(sameMinor(builtFor)).found?.root
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'

interface Packed {
  filename: string
  files: { path: string }[]
}

const TRAIN = `
import { nn, optim, torch } from 'libtorch-rnn'
import { LSTMModel } from 'libtorch-rnn/models'

torch.manualSeed(0)
const model = new LSTMModel(2, 8, 1)
const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 })
const criterion = new nn.MSELoss()
const [input, target] = [torch.randn([5, 4, 2]), torch.zeros([5, 4, 1])]
const losses = []
for (let step = 0; step < 20; step++) {
  losses.push(torch.tidy(() => {
    optimizer.zeroGrad()
    const loss = criterion.forward(model.forward(input), target)
    loss.backward()
    optimizer.step()
    return loss.item()
  }))
}
console.log(JSON.stringify({ first: losses[0], last: losses.at(-1) }))
`

// The package is for the pinned version; a checkout can be built with others.
describe.runIf(process.platform === 'linux' && minorOf(builtFor) === minorOf(PINNED))('the packed tarball', () => {
  let packed: Packed
  let project: string
  const cleanUps: (() => void)[] = []
  const later = (clean: () => void): void => void cleanUps.push(clean)

  beforeAll(() => {
    // Its objects are there, and only linked anew.
    execFileSync(process.execPath, ['scripts/prebuild.mjs'], { cwd: CHECKOUT, stdio: 'pipe' })
    const checkout = copyCheckout(later)
    cpSync(join(CHECKOUT, 'prebuilds'), join(checkout, 'prebuilds'), { recursive: true })
    const [report] = JSON.parse(
      execFileSync(npm, ['pack', '--json', '--ignore-scripts'], { cwd: checkout, encoding: 'utf8', stdio: 'pipe' }),
    ) as Packed[]
    packed = report as Packed
    project = writeFiles(temporaryFolder(later), {
      'package.json': '{ "private": true, "type": "module" }',
      'train.js': TRAIN,
    })
    const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
    execFileSync(npm, ['install', ...options, join(checkout, packed.filename)], { cwd: project, stdio: 'pipe' })
  }, 120_000)

  afterAll(() => {
    for (const clean of cleanUps) clean()
  }, 120_000)

  it.runIf(process.arch === 'x64')('binds to the versions that the C++ library and glibc have long had', () => {
    const versionsOf = (file: string): string[] =>
      execFileSync('nm', ['--dynamic', '--undefined-only', join(CHECKOUT, 'prebuilds/linux-x64', file)], {
        encoding: 'utf8',
      })
        .split('\n')
        .flatMap((line) => /\S+@\S+$/.exec(line) ?? [])
    expect(versionsOf('libtorch-rnn.glibc.node')).toContain(
      '_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11',
    )
    expect(versionsOf('loader/loader.node')).toEqual(
      expect.arrayContaining(['dlerror@GLIBC_2.2.5', 'dlopen@GLIBC_2.2.5', 'dlsym@GLIBC_2.2.5']),
    )
  })

  it('holds the compiled package, its TypeScript and the prebuilt addons, and no LibTorch', () => {
    const paths = packed.files.map(({ path }) => path)
    const binaries = paths.filter((path) => !/\.(c?js|c?ts|map|json|md)$|^LICENSE$/.test(path))
    expect(binaries.sort()).toEqual([
      'prebuilds/linux-x64/libtorch-rnn.glibc.node',
      'prebuilds/linux-x64/loader/loader.node',
    ])
    for (const path of ['dist/index.js', 'dist/index.d.ts', 'dist/cli/main.js', 'lib/index.ts', 'LICENSE']) {
      expect(paths).toContain(path)
    }
    expect(paths.filter((path) => /^(test|bench|examples|build|native|scripts|node_modules)\b/.test(path))).toEqual([])
  })

  it('has no script that runs when it is installed', () => {
    const { scripts } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as { scripts: object }
    // npm warns of `prepare`, too, where a package is installed from a tarball.
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
      expect(Object.keys(scripts)).not.toContain(name)
    }
  })

  it('imports and trains, with LibTorch given by the environment', () => {
    const env = { ...process.env, LIBTORCH }
    const output = execFileSync(process.execPath, ['train.js'], { cwd: project, encoding: 'utf8', env })
    const { first, last } = JSON.parse(output) as { first: number; last: number }
    expect(last).toBeLessThan(first / 2)
  })

  it('says where it looked where there is no LibTorch', () => {
    const env = { ...process.env, LIBTORCH: '', LIBTORCH_USE_PYTORCH: '', XDG_CACHE_HOME: temporaryFolder() }
    const { status, stderr } = spawnSync(process.execPath, ['train.js'], { cwd: project, encoding: 'utf8', env })
    expect(status).toBe(1)
    expect(stderr).toContain(`LibTorch ${minorOf(PINNED)} was not found.`)
    expect(stderr).toContain(`${env.XDG_CACHE_HOME}/libtorch-rnn/libtorch: nothing is installed there`)
    expect(stderr).toContain('To fetch it, run: npx libtorch-rnn install')
    expect(stderr).toContain("code: 'ERR_TORCH_LIBTORCH'")
  })

  it('brings its command', () => {
    const env = { ...process.env, LIBTORCH }
    const output = execFileSync(npm, ['exec', '--no', 'libtorch-rnn', 'doctor'], {
      cwd: project,
      encoding: 'utf8',
      env,
    })
    expect(output).toContain(`Test load     LibTorch ${builtFor} computes`)
  })

  it('runs as the container recipe of the docs says', () => {
    const docs = readFileSync(join(CHECKOUT, 'docs/installation.md'), 'utf8')
    const recipe = /```dockerfile\n([\s\S]*?)```/.exec(docs)?.[1] ?? ''
    const steps = recipe
      .trim()
      .split('\n')
      .map((line) => /^(\w+) (.*)$/.exec(line)?.slice(1) as [string, string])
    expect(steps.map(([name]) => name)).toEqual(['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'RUN', 'COPY', 'USER', 'CMD'])
    const env: NodeJS.ProcessEnv = { ...process.env, LIBTORCH: '', LIBTORCH_USE_PYTORCH: '' }
    for (const [name, text] of steps) {
      if (name === 'RUN') execFileSync('sh', ['-c', text], { cwd: project, env, stdio: 'pipe' })
      if (name === 'ENV') {
        const [variable = '', folder = ''] = text.split('=')
        env[variable] = join(temporaryFolder(), folder)
      }
    }
    const output = execFileSync(process.execPath, ['train.js'], { cwd: project, encoding: 'utf8', env })
    expect(JSON.parse(output)).toMatchObject({ first: expect.any(Number) })
  }, 300_000)

  it('tells on musl that LibTorch has no build for it', () => {
    const script = `
      process.report.getReport = () => ({ header: {} })
      import('libtorch-rnn').catch((error) => console.log(error.code, error.message))`
    const env = { ...process.env, LIBTORCH, LIBC: 'musl' }
    const output = execFileSync(process.execPath, ['-e', script], { cwd: project, encoding: 'utf8', env })
    expect(output).toMatch(/^ERR_TORCH_LIBTORCH LibTorch has no build for musl \(Alpine Linux\)/)
  })
})
