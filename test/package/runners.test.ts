// The packed package in the two runners that load it most differently from Node; `npm run ci:full -- runners` has all.
// The files of docs/testing.md run beside the checks.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { install, pack, write } from '../../scripts/ci/project.ts'
import { JEST_COMMON, RUNNERS, type Runner, runChecks, setUp } from '../../scripts/ci/runners.ts'
import { CHECKOUT } from '../support/checkout.ts'

const folder = mkdtempSync(join(realpathSync(tmpdir()), 'libtorch-rnn-'))

const text = readFileSync(join(CHECKOUT, 'docs/testing.md'), 'utf8')
const blocks = [...text.matchAll(/```js\n\/\/ (\S+)\n([\s\S]*?)```/g)]
/** The files of the document. */
const files = Object.fromEntries(blocks.map(([, name = '', code = '']) => [name, code]))
const ofVitest = Object.fromEntries(Object.entries(files).filter(([, code]) => code.includes("from 'vitest'")))

/** As a file of CommonJS for Jest, which has `expect` and `test` as globals. */
function asCommon(code: string): string {
  return code
    .replace(/^import .* from 'vitest'.*$/m, '')
    .replace(/^import (.*) from ('.*')$/gm, 'const $1 = require($2)')
}

// One project for all: what is installed takes longer than what is run.
const project = join(folder, 'project')
const SLOW = 300_000

beforeAll(() => {
  install(project, [pack(folder), ...JEST_COMMON.packages])
  for (const name of ['vitest', 'fastify']) {
    symlinkSync(join(CHECKOUT, `node_modules/${name}`), join(project, `node_modules/${name}`), 'junction')
  }
}, SLOW)
afterAll(() => rmSync(folder, { recursive: true, force: true }), SLOW)

test('the document has files for each part', () => {
  expect(Object.keys(files)).toEqual([
    'equality.test.mjs',
    'equality-of-node.test.mjs',
    'service.test.mjs',
    'setup.cjs',
    'leaks.test.mjs',
  ])
  expect(Object.keys(ofVitest)).toEqual(['equality.test.mjs', 'service.test.mjs', 'leaks.test.mjs'])
})

test('Jest, CommonJS', { timeout: SLOW }, () => {
  const ofJest = Object.entries(ofVitest).map(([name, code]) => [name.replace('.mjs', '.js'), asCommon(code)])
  const runner: Runner = {
    ...JEST_COMMON,
    files: {
      'setup.cjs': files['setup.cjs'] ?? '',
      'jest.config.json': '{ "setupFilesAfterEnv": ["<rootDir>/setup.cjs"] }',
      ...Object.fromEntries(ofJest),
    },
  }
  setUp(project, runner)
  expect(runChecks(project, runner)).toBeGreaterThan(20)
  expect(readFileSync(join(project, '__snapshots__/equality.test.js.snap'), 'utf8')).toContain('tensor([[-0.0053')
})

test('Vitest, vmThreads', { timeout: SLOW }, () => {
  const runner = RUNNERS.find(({ name }) => name === 'Vitest 4, vmThreads') as Runner
  setUp(project, { ...runner, files: { ...runner.files, ...ofVitest } })
  expect(runChecks(project, runner)).toBeGreaterThan(20)
  expect(readFileSync(join(project, '__snapshots__/equality.test.mjs.snap'), 'utf8')).toContain('tensor([[-0.0053')
})

test('node:test', { timeout: SLOW }, () => {
  const name = 'equality-of-node.test.mjs'
  write(project, { [name]: files[name] ?? '' })
  const { status, stdout } = spawnSync(process.execPath, ['--test', name], { cwd: project, encoding: 'utf8' })
  expect([status, /^# pass \d+$/m.exec(stdout)?.[0]], stdout).toEqual([0, '# pass 1'])
})
