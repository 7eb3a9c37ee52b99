// Programs bundled by esbuild, with the package in the bundle and beside it.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildOptions, buildSync } from 'esbuild'
import { expect, test } from 'vitest'
import { CHECKOUT } from '../support/checkout.ts'
import { temporaryFolder, writeFiles } from '../support/folder.ts'

const PROGRAM = `
import { nn, torch } from 'libtorch-rnn'
import { LSTMModel } from 'libtorch-rnn/models'
console.log(torch.ones([2, 3]).sum().item(), new LSTMModel(1, 2, 1) instanceof nn.Module)
`

/** The file that esbuild makes of the program. */
function bundled(format: 'cjs' | 'esm', options: BuildOptions): string {
  const project = writeFiles(temporaryFolder(), { 'src/main.mjs': PROGRAM })
  mkdirSync(join(project, 'node_modules'))
  symlinkSync(CHECKOUT, join(project, 'node_modules/libtorch-rnn'), 'junction')
  const outfile = join(project, format === 'cjs' ? 'out/main.cjs' : 'out/main.mjs')
  const entryPoints = [join(project, 'src/main.mjs')]
  buildSync({ ...options, entryPoints, outfile, format, bundle: true, platform: 'node', logLevel: 'warning' })
  return outfile
}

test.each(['cjs', 'esm'] as const)('in a bundle of %s, the package says to keep it out', (format) => {
  const { status, stderr } = spawnSync(process.execPath, [bundled(format, {})], { encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr).toMatch(/^(LibTorchE|E)rror: libtorch-rnn was bundled into this program, .*\['libtorch-rnn'\] in esb/m)
  expect(stderr).toContain("code: 'ERR_TORCH_LIBTORCH'")
})

test.each<['cjs' | 'esm', BuildOptions]>([
  ['cjs', { external: ['libtorch-rnn'] }],
  ['esm', { packages: 'external' }],
])('beside a bundle of %s, by %j, it works', (format, options) => {
  const file = bundled(format, options)
  expect(readFileSync(file, 'utf8').length).toBeLessThan(5_000)
  expect(execFileSync(process.execPath, [file], { encoding: 'utf8' })).toBe('6 true\n')
})
