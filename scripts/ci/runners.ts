// Runs the packed package in test runners: each loads it in its own way, some again for each test file.
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { searchLibTorch } from '../../lib/native/libtorch.ts'
import { loadLoader } from '../../lib/native/load.ts'
import { PACKAGE } from '../../lib/native/package.ts'
import { sameMinor } from '../../lib/native/version.ts'
import { inFolder, install, pack, write } from './project.ts'
import { run, type Stage } from './stage.ts'

export interface Runner {
  readonly name: string
  /** The packages it needs besides this one, pinned. */
  readonly packages: readonly string[]
  /** Its test files: the target names, mapped to the names in `test/package/suite`. */
  readonly tests: Readonly<Record<string, string>>
  /** Other files of the project. */
  readonly files?: Readonly<Record<string, string>>
  /** The command: a file in `node_modules`, or an option of Node, and arguments. */
  readonly command: readonly string[]
  readonly environment?: NodeJS.ProcessEnv
  /** The first major version of Node.js that it supports. */
  readonly since?: number
  /** Output that it must not print even on success. */
  readonly never?: RegExp
}

const JEST = 'jest@30.5.2'
const JEST_COMMAND = ['node_modules/jest/bin/jest.js', '--runInBand', '--cacheDirectory=.cache']

function vitest(version: string, pool: string): Runner {
  // One worker, so that each file sees the state that the previous one left.
  const config = { test: { globals: true, pool, include: ['*.test.mjs'], maxWorkers: 1 } }
  return {
    ...(version.startsWith('5') && { since: 22 }),
    name: `Vitest ${version.split('.')[0]}, ${pool}`,
    packages: [`vitest@${version}`],
    tests: { 'a.test.mjs': 'module.mjs', 'b.test.mjs': 'module.mjs' },
    files: { 'vitest.config.mjs': `export default ${JSON.stringify(config)}` },
    command: ['node_modules/vitest/vitest.mjs', 'run'],
  }
}

export const JEST_COMMON: Runner = {
  name: 'Jest, CommonJS',
  packages: [JEST],
  tests: { 'a.test.js': 'common.cjs', 'b.test.js': 'common.cjs' },
  command: JEST_COMMAND,
}

export const RUNNERS: readonly Runner[] = [
  JEST_COMMON,
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
    packages: [JEST, 'ts-jest@29.4.15', 'typescript@5.9.3', '@types/node@20.19.25'],
    tests: { 'a.test.ts': 'typed.ts', 'b.test.ts': 'typed.ts' },
    files: { 'jest.config.json': '{ "preset": "ts-jest" }' },
    command: JEST_COMMAND,
  },
  {
    name: 'Jest, SWC',
    packages: [JEST, '@swc/jest@0.2.39', '@swc/core@1.16.22'],
    tests: { 'a.test.ts': 'typed.ts', 'b.test.ts': 'typed.ts' },
    files: { 'jest.config.json': '{ "transform": { "^.+\\\\.(t|j)sx?$": "@swc/jest" } }' },
    command: JEST_COMMAND,
  },
  {
    ...JEST_COMMON,
    name: 'Jest, open handles',
    command: [...JEST_COMMAND, '--detectOpenHandles'],
    never: /open handle/,
  },
  {
    ...JEST_COMMON,
    name: 'Jest, leaks',
    command: [...JEST_COMMAND, '--detectLeaks'],
  },
  ...['4.1.12', '5.1.1'].flatMap((version) =>
    ['forks', 'threads', 'vmThreads', 'vmForks'].map((pool) => vitest(version, pool)),
  ),
  {
    name: 'node:test',
    packages: [],
    tests: { 'a.test.mjs': 'module.mjs', 'b.test.cjs': 'common.cjs' },
    command: ['--test'],
  },
  {
    name: 'Mocha',
    packages: ['mocha@12.0.3'],
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

/** Writes the tests of a runner, and the other files it needs, into a project. */
export function setUp(project: string, runner: Runner): void {
  write(project, runner.files ?? {})
  for (const name of ['checks.cjs', 'register.cjs']) cpSync(join(SUITE, name), join(project, name))
  for (const [name, source] of Object.entries(runner.tests)) {
    let code = readFileSync(join(SUITE, source), 'utf8')
    // Code that Babel can read without a preset for TypeScript.
    if (source.endsWith('.ts') && name.endsWith('.js')) {
      code = code.replace(/^declare .*$/gm, '').replace(/: (lib\.Tensor|number|\(.*\) => void)(?= =)|<number>/g, '')
    }
    write(project, { [name]: code })
  }
}

/** Runs the checks in a project and returns their number. Unless all pass, throws an error with the runner's output. */
export function runChecks(project: string, runner: Runner, node: string = process.execPath): number {
  const checked = join(project, 'checked')
  writeFileSync(checked, '')
  const libtorch = searchLibTorch(sameMinor(loadLoader().builtFor)).found?.root
  const { status, signal, stdout, stderr } = spawnSync(node, runner.command, {
    cwd: project,
    encoding: 'utf8',
    timeout: 600_000,
    env: {
      ...plainEnvironment(),
      PATH: `${dirname(node)}${delimiter}${process.env.PATH}`,
      LIBTORCH: libtorch,
      OMP_WAIT_POLICY: 'passive',
      CHECKED: checked,
      ...runner.environment,
    },
  })
  const passed = readFileSync(checked, 'utf8').split('\n').filter(Boolean)
  const files = Object.keys(runner.tests).length
  const said = `${stdout}\n${stderr}`
  if (status !== 0 || passed.length === 0 || passed.length !== new Set(passed).size * files) {
    throw new Error(`${runner.name} ended with ${signal ?? status}, ${passed.length} checks\n${said}`)
  }
  if (runner.never?.test(said)) throw new Error(`${runner.name} says what it must not:\n${said}`)
  return passed.length
}

/**
 * Only the variables needed to find programs and folders: `CI`, `NODE_OPTIONS` or the variables of an outer Vitest
 * change what a runner does, such as whether it writes snapshots.
 */
function plainEnvironment(): NodeJS.ProcessEnv {
  const names = ['HOME', 'PATH', 'TMPDIR', 'LANG', 'LD_LIBRARY_PATH', 'XDG_CACHE_HOME']
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}

/** The oldest Node.js that the package supports, and the newest. */
const NODES = ['20.19.0', '26.10.0']

/** The executable of a version of Node.js, from the npm package that has it for this platform. */
function nodeOf(version: string, folder: string): string {
  const project = join(folder, version)
  install(project, [`node@npm:node-${process.platform}-${process.arch}@${version}`])
  return join(project, 'node_modules', 'node', 'bin', 'node')
}

/** Runs a runner on each Node.js that it supports; returns how many runs failed. */
function failuresOf(runner: Runner, tarball: string, nodes: ReadonlyMap<string, string>): number {
  return inFolder((project) => {
    install(project, [tarball, ...runner.packages])
    setUp(project, runner)
    let failures = 0
    for (const [version, node] of nodes) {
      if (Number.parseInt(version, 10) < (runner.since ?? 0)) continue
      const where = `runners: Node ${version}: ${runner.name}`
      try {
        console.log(`${where}: ${runChecks(project, runner, node)} checks passed`)
      } catch (error) {
        const { message } = error as Error
        console.error(`${where}: FAILED: ${message}`)
        failures++
      }
    }
    return failures
  })
}

export const runners: Stage = {
  name: 'runners',
  title: 'the packed package in test runners, on the oldest and the newest Node.js',
  run: () => {
    run(process.execPath, ['scripts/setup.mjs'])
    const failures = inFolder((folder) => {
      const tarball = pack(folder)
      const nodes = new Map(NODES.map((version) => [version, nodeOf(version, folder)]))
      return RUNNERS.reduce((sum, runner) => sum + failuresOf(runner, tarball, nodes), 0)
    })
    if (failures > 0) throw new Error(`${failures} runs failed`)
  },
}
