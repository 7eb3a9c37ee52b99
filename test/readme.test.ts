// The README's programs, run as they stand: what it says they print is what they print.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
// Within the package, which can import itself by name.
const FOLDER = join(ROOT, 'build', 'readme')

const text = readFileSync(join(ROOT, 'README.md'), 'utf8')
const sections = text.split(/^#+ /m).map((section) => ({
  title: section.split('\n')[0] as string,
  programs: [...section.matchAll(/```ts\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g)],
}))
const programs = sections.flatMap(({ title, programs }) =>
  programs.map(([, program = '', output = '']) => ({ title, program, output })),
)

describe('README', () => {
  afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

  test('has an output for each program', () => {
    expect(programs.length).toBe(text.split('```ts\n').length - 1)
    expect(programs.length).toBeGreaterThan(5)
  })

  const files = programs.map(({ title, ...rest }, i) => ({ title, file: join(FOLDER, `${i}.ts`), ...rest }))
  mkdirSync(FOLDER, { recursive: true })
  for (const { file, program } of files) writeFileSync(file, program)

  test('types are right', { timeout: 60_000 }, () => {
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--target',
      'es2023',
      '--lib',
      'esnext',
      '--module',
      'nodenext',
      '--types',
      'node',
    ]
    const args = [join(ROOT, 'node_modules/typescript/bin/tsc'), ...options, ...files.map(({ file }) => file)]
    const { stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' })
    expect(stdout).toBe('')
  })

  test.each(files)('$title', { timeout: 60_000 }, ({ file, output }) => {
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', file], { cwd: FOLDER, encoding: 'utf8' })
    expect(stdout, stderr).toBe(output)
  })
})
