import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { CHECKOUT } from '../support/checkout.ts'
import { pathOf, temporaryFolder, writeFiles } from '../support/folder.ts'

const SCRIPT = 'scripts/pack-offline.mjs'
const PACKAGES = {
  'node_modules/greeter': { version: '1.0.0' },
  'node_modules/greeter/node_modules/nested': { version: '1.0.0' },
  'node_modules/for-glibc': { version: '2.0.0', os: ['linux'], cpu: [process.arch], libc: ['glibc'], optional: true },
  'node_modules/for-musl': { version: '2.0.0', os: ['linux'], libc: ['musl'], optional: true },
  'node_modules/for-windows': { version: '2.0.0', os: ['win32'], optional: true },
  'node_modules/@biomejs/biome': { version: '3.0.0' },
}
const PROGRAMS = ['tar', 'gzip', 'ldd', 'sh', 'bash', 'cat', 'env', 'npm', 'node']

let checkout: string

function pack(path: string): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, PATH: path, npm_execpath: undefined }
  return spawnSync(process.execPath, [SCRIPT], { cwd: checkout, encoding: 'utf8', env })
}

describe.runIf(process.platform === 'linux')('pack:offline', () => {
  beforeEach(() => {
    const lock = JSON.stringify({ packages: { '': {}, ...PACKAGES } })
    checkout = writeFiles(temporaryFolder(), {
      'package.json': '{ "scripts": { "greet": "greet" } }',
      'package-lock.json': lock,
      'node_modules/.package-lock.json': lock,
      'node_modules/.vite/cache': 'not a package',
      'node_modules/extraneous/package.json': '{}',
      'node_modules/greeter/greet.js': '#!/usr/bin/env node\nconsole.log(require("nested"), process.execPath)\n',
      'node_modules/greeter/greet.js.map': '{}',
      'node_modules/greeter/node_modules/nested/index.js': 'module.exports = "hello"\n',
      ...Object.fromEntries(
        Object.entries(PACKAGES).map(([path, about]) => [`${path}/package.json`, JSON.stringify(about)]),
      ),
    })
    cpSync(join(CHECKOUT, SCRIPT), join(checkout, SCRIPT))
    mkdirSync(join(checkout, 'node_modules/.bin'))
    execFileSync('chmod', ['+x', join(checkout, 'node_modules/greeter/greet.js')])
    symlinkSync('../greeter/greet.js', join(checkout, 'node_modules/.bin/greet'))
    symlinkSync('../@biomejs/biome/biome', join(checkout, 'node_modules/.bin/biome'))
  })

  it('packs Node.js, npm and what the lock file asks for, and they run where nothing else is', () => {
    const { status, stdout, stderr } = pack(pathOf(...PROGRAMS))
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const folder = join(checkout, 'build/offline')
    // Without xz it is gzip.
    const name = `libtorch-rnn-offline-linux-${process.arch}.tar.gz`
    expect(readdirSync(folder)).toEqual([name])
    expect(stdout).toContain(`${join(folder, name)}: `)
    expect(stdout).toContain(`Node.js ${process.version}, npm and 3 packages`)
    const bytes = readFileSync(join(folder, name))

    for (const part of ['node_modules', 'build']) rmSync(join(checkout, part), { recursive: true })
    execFileSync('tar', ['-xzf', '-'], { cwd: checkout, input: bytes })
    expect(readdirSync(join(checkout, 'node_modules')).sort()).toEqual(['.bin', '.node', 'for-glibc', 'greeter'])
    expect(readdirSync(join(checkout, 'node_modules/.bin'))).toEqual(['greet'])
    expect(readdirSync(join(checkout, 'node_modules/greeter')).sort()).toEqual([
      'greet.js',
      'node_modules',
      'package.json',
    ])
    const bin = join(checkout, 'node_modules/.node/bin')
    const env = { PATH: `${bin}:${pathOf('sh', 'env')}`, HOME: temporaryFolder() }
    const said = execFileSync(join(bin, 'npm'), ['run', '--silent', 'greet'], { cwd: checkout, env, encoding: 'utf8' })
    expect(said).toBe(`hello ${join(bin, 'node')}\n`)
  })

  it('refuses packages that are not those of the lock file', () => {
    const lock = { packages: { ...PACKAGES, 'node_modules/greeter': { version: '1.0.1' } } }
    writeFiles(checkout, { 'package-lock.json': JSON.stringify(lock) })
    const { status, stderr } = pack(pathOf(...PROGRAMS))
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'pack:offline: node_modules/greeter is not the one of package-lock.json; run: npm ci\n',
    })
    rmSync(join(checkout, 'node_modules'), { recursive: true })
    expect(pack(pathOf(...PROGRAMS)).stderr).toBe('pack:offline: the npm packages are not installed; run: npm ci\n')
  })
})
