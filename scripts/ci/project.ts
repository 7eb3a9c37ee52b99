// Projects that use the packed package.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PACKAGE } from '../../lib/native/package.ts'

const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm'
const OPTIONS = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']

/** Calls `use` with an empty folder, which is removed afterwards, and returns its result. */
export function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'libtorch-rnn-'))
  try {
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A tarball of the package as published, but with the last built addon instead of the prebuilt ones. */
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

/** Installs packages, pinned or packed, into an empty project. */
export function install(project: string, packages: readonly string[]): void {
  write(project, { 'package.json': '{ "private": true }' })
  execFileSync(NPM, ['install', ...OPTIONS, ...packages], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Writes files by their paths in the project. */
export function write(project: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(project, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(project, name)), { recursive: true })
    writeFileSync(join(project, name), content)
  }
}
