// The packed package in test runners: each loads it in its own way, some anew for each file of tests.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { searchLibTorch } from '../../lib/native/libtorch.ts'
import { loadLoader } from '../../lib/native/load.ts'
import { PACKAGE } from '../../lib/native/package.ts'
import { sameMinor } from '../../lib/native/version.ts'

export interface Runner {
  readonly name: string
  /** What it needs beside the package, pinned. */
  readonly packages: readonly string[]
  /** Its test files: the names that they get, by the names that they have in `test/package/suite`. */
  readonly tests: Readonly<Record<string, string>>
  /** Files of its configuration. */
  readonly files?: Readonly<Record<string, string>>
  /** What to run: a file in `node_modules`, or an option of Node, and arguments. */
  readonly command: readonly string[]
  readonly environment?: NodeJS.ProcessEnv
}

const JEST = 'jest@30.5.2'
const JEST_COMMAND = ['node_modules/jest/bin/jest.js', '--runInBand']

function vitest(version: string, pool: string): Runner {
  const config = { test: { globals: true, pool, include: ['*.test.mjs'], maxWorkers: 2 } }
  return {
    name: `Vitest ${version.split('.')[0]}, ${pool}`,
    packages: [`vitest@${version}`],
    tests: { 'a.test.mjs': 'module.mjs', 'b.test.mjs': 'module.mjs' },
    files: { 'vitest.config.mjs': `export default ${JSON.stringify(config)}` },
    command: ['node_modules/vitest/vitest.mjs', 'run'],
  }
}

const COMMON_JEST: Runner = {
  name: 'Jest, CommonJS',
  packages: [JEST],
  tests: { 'a.test.js': 'common.cjs', 'b.test.js': 'common.cjs' },
  command: JEST_COMMAND,
}

export const RUNNERS: readonly Runner[] = [
  COMMON_JEST,
  {
    name: 'Jest, ES modules',
    packages: [JEST],
    tests: { 'a.test.mjs': 'module.mjs', 'b.test.mjs': 'module.mjs' },
    files: { 'jest.config.json': '{ "testMatch": ["**/*.test.mjs"] }' },
    command: JEST_COMMAND,
    environment: { NODE_OPTIONS: '--experimental-vm-modules' },
  },
  {
    name: 'Jest, Babel',
    packages: [JEST, '@babel/core@7.28.5', '@babel/preset-env@7.28.5'],
    tests: { 'a.test.js': 'typed.ts' },
    files: {
      'babel.config.js':
        "module.exports = { presets: [['@babel/preset-env', { targets: { node: 'current' } }]], plugins: [] }",
    },
    command: JEST_COMMAND,
  },
  {
    name: 'Jest, ts-jest',
    packages: [JEST, 'ts-jest@29.4.6', 'typescript@5.9.3', '@types/node@20.19.25'],
    tests: { 'a.test.ts': 'typed.ts', 'b.test.ts': 'typed.ts' },
    files: { 'jest.config.json': '{ "preset": "ts-jest" }' },
    command: JEST_COMMAND,
  },
  {
    name: 'Jest, SWC',
    packages: [JEST, '@swc/jest@0.2.39', '@swc/core@1.15.3'],
    tests: { 'a.test.ts': 'typed.ts', 'b.test.ts': 'typed.ts' },
    files: { 'jest.config.json': '{ "transform": { "^.+\\\\.(t|j)sx?$": "@swc/jest" } }' },
    command: JEST_COMMAND,
  },
  ...['forks', 'threads', 'vmThreads', 'vmForks'].map((pool) => vitest('4.1.12', pool)),
  {
    name: 'node:test',
    packages: [],
    tests: { 'a.test.mjs': 'module.mjs', 'b.test.cjs': 'common.cjs' },
    command: ['--test'],
  },
  {
    name: 'Mocha',
    packages: ['mocha@11.7.5'],
    tests: { 'a.test.mjs': 'module.mjs', 'b.test.cjs': 'common.cjs' },
    command: ['node_modules/mocha/bin/mocha.js', '--timeout', '60000', 'a.test.mjs', 'b.test.cjs'],
  },
  {
    name: 'Ava',
    packages: ['ava@6.4.1'],
    tests: { 'a.test.mjs': 'ava.mjs' },
    command: ['node_modules/ava/entrypoints/cli.mjs'],
  },
]

const SUITE = join(PACKAGE, 'test', 'package', 'suite')
const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm'
const OPTIONS = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']

function folder(): string {
  return mkdtempSync(join(realpathSync(tmpdir()), 'libtorch-rnn-'))
}

/** A tarball of the package as it is published, but with the addon that was built last in place of the prebuilt ones. */
export function pack(target: string): string {
  const staging = join(target, 'package')
  mkdirSync(staging, { recursive: true })
  for (const part of ['package.json', 'README.md', 'LICENSE', 'dist', 'docs', 'lib']) {
    cpSync(join(PACKAGE, part), join(staging, part), { recursive: true })
  }
  const prebuilds = join(staging, 'prebuilds', `${process.platform}-${process.arch}`)
  cpSync(join(PACKAGE, 'build/Release/libtorch_rnn.node'), join(prebuilds, 'libtorch-rnn.node'))
  cpSync(join(PACKAGE, 'build/Release/loader/loader.node'), join(prebuilds, 'loader/loader.node'))
  const report = execFileSync(NPM, ['pack', '--json', '--ignore-scripts'], { cwd: staging, encoding: 'utf8' })
  const [{ filename }] = JSON.parse(report) as [{ filename: string }]
  return join(staging, filename)
}

/** Runs the checks in a runner; throws with what it said unless all have passed. Returns their number. */
export function runSuite(runner: Runner, tarball: string, node: string = process.execPath): number {
  const project = folder()
  try {
    writeFileSync(join(project, 'package.json'), '{ "private": true }')
    execFileSync(NPM, ['install', ...OPTIONS, tarball, ...runner.packages], { cwd: project, stdio: 'pipe' })
    for (const [name, content] of Object.entries(runner.files ?? {})) writeFileSync(join(project, name), content)
    for (const name of ['checks.cjs', 'register.cjs']) cpSync(join(SUITE, name), join(project, name))
    for (const [name, source] of Object.entries(runner.tests)) {
      let code = readFileSync(join(SUITE, source), 'utf8')
      // What Babel without a preset for TypeScript reads.
      if (source.endsWith('.ts') && name.endsWith('.js')) {
        code = code.replace(/^declare .*$/gm, '').replace(/: (lib\.Tensor|number|\(.*\) => void)(?= =)|<number>/g, '')
      }
      writeFileSync(join(project, name), code)
    }
    const checked = join(project, 'checked')
    writeFileSync(checked, '')
    const libtorch = searchLibTorch(sameMinor(loadLoader().builtFor)).found?.root
    const { status, signal, stdout, stderr } = spawnSync(node, runner.command, {
      cwd: project,
      encoding: 'utf8',
      timeout: 300_000,
      env: {
        ...withoutVitest(process.env),
        PATH: `${dirname(node)}${delimiter}${process.env.PATH}`,
        LIBTORCH: libtorch,
        OMP_WAIT_POLICY: 'passive',
        CHECKED: checked,
        ...runner.environment,
      },
    })
    const passed = readFileSync(checked, 'utf8').split('\n').filter(Boolean)
    const files = Object.keys(runner.tests).length
    if (status !== 0 || passed.length === 0 || passed.length !== new Set(passed).size * files) {
      throw new Error(`${runner.name} ended with ${signal ?? status}, ${passed.length} checks\n${stdout}\n${stderr}`)
    }
    return passed.length
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
}

/** Another Vitest around this process must not tell the one below how to run. */
function withoutVitest(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(VITEST|NODE_OPTIONS|NODE_ENV|TEST|MODE)/.test(name)),
  )
}

/** The Node.js of a version, from npm. */
function nodeOf(version: string, target: string): string {
  const place = join(target, `node-${version}`)
  mkdirSync(place)
  writeFileSync(join(place, 'package.json'), '{ "private": true }')
  // Its install script brings the binary.
  execFileSync(NPM, ['install', '--prefer-offline', '--no-audit', '--no-fund', `node@${version}`], {
    cwd: place,
    stdio: 'pipe',
  })
  return join(place, 'node_modules', 'node', 'bin', 'node')
}

const NODES = ['20.19.0', '26.9.0']

/** All runners on the oldest Node.js that the package supports and on the newest; a pattern selects runners. */
export function runners(pattern = ''): void {
  const target = folder()
  const failures: string[] = []
  try {
    const tarball = pack(target)
    for (const version of NODES) {
      const node = nodeOf(version, target)
      for (const runner of RUNNERS.filter(({ name }) => name.toLowerCase().includes(pattern.toLowerCase()))) {
        try {
          console.log(`runners: Node ${version}: ${runner.name}: ${runSuite(runner, tarball, node)} checks passed`)
        } catch (error) {
          failures.push(`Node ${version}: ${(error as Error).message}`)
          console.error(`runners: ${failures.at(-1)}`)
        }
      }
    }
  } finally {
    rmSync(target, { recursive: true, force: true })
  }
  if (failures.length > 0) throw new Error(`${failures.length} runs failed`)
}
