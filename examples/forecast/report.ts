import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { OUTPUT } from '../support/chart.ts'

/** The program `npx libtorch-rnn`. */
const PROGRAM = join(dirname(createRequire(import.meta.url).resolve('libtorch-rnn/package.json')), 'dist/cli/main.js')

/** Writes a comparison into a folder, and its page and pictures: what `npx libtorch-rnn report` makes of it. */
export function writeReport(name: string, comparison: object): void {
  const folder = join(OUTPUT, name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'comparison.json'), `${JSON.stringify(comparison, null, 2)}\n`)
  const page = join(OUTPUT, `${name}.html`)
  const { status } = spawnSync(process.execPath, [PROGRAM, 'report', folder, '--out', page, '--quiet'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) throw new Error(`libtorch-rnn report ${folder} has failed`)
  console.log(`  ${relative(process.cwd(), page)}: open it in a browser; its charts are beside it, in ${name}/`)
}
