// The programs of the documents, run as they stand: what these say they print is what they print.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
// Within the package, which can import itself by name.
const FOLDER = join(ROOT, 'build', 'readme')

interface Program {
  title: string
  file: string
  program: string
  output: string
}

/** The programs of a document, each with what it prints in a block of its own below. */
function programsIn(document: string): Program[] {
  return readFileSync(join(ROOT, document), 'utf8')
    .split(/^#+ /m)
    .flatMap((section) => {
      const title = `${document}: ${section.split('\n')[0]}`
      const blocks = [...section.matchAll(/```ts\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g)]
      return blocks.map(([, program = '', output = '']) => ({ title, program, output }))
    })
    .map((program, i) => ({ ...program, file: join(FOLDER, `${document.replace(/\W/g, '-')}-${i}.ts`) }))
}

const documents = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)]

describe('documents', () => {
  afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

  test.each(documents)('%s has an output for each program', (document) => {
    const text = readFileSync(join(ROOT, document), 'utf8')
    expect(programsIn(document).length).toBe(text.split('```ts\n').length - 1)
  })

  test('README.md has programs', () => {
    expect(programsIn('README.md').length).toBeGreaterThan(5)
  })

  const files = documents.flatMap(programsIn)
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
