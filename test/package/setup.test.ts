import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { copyCheckout } from '../support/checkout.ts'
import { pathOf } from '../support/folder.ts'

interface Result {
  status: number | null
  output: string
}

function setUp(checkout: string, env: NodeJS.ProcessEnv = {}): Result {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/setup.mjs'], {
    cwd: checkout,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  return { status, output: stdout + stderr }
}

describe.skipIf(process.platform === 'win32')('setup', () => {
  it('does nothing where all is done', () => {
    expect(setUp(copyCheckout())).toEqual({ status: 0, output: '' })
  })

  it('compiles the TypeScript anew after a change, and drops what has no source', () => {
    const checkout = copyCheckout()
    writeFileSync(join(checkout, 'lib/extra.ts'), 'export const extra: number = 1\n')
    writeFileSync(join(checkout, 'dist/gone.js'), '')
    expect(setUp(checkout)).toMatchObject({ status: 0, output: 'setup: compiling the TypeScript\n' })
    expect(readFileSync(join(checkout, 'dist/extra.js'), 'utf8')).toContain('extra = 1')
    expect(existsSync(join(checkout, 'dist/gone.js'))).toBe(false)
    expect(setUp(checkout).output).toBe('')
  })

  it.each([
    ['CMake', ['c++', 'python3'], /^setup: CMake, which builds the addon, is missing; install it with: .*cmake$/m],
    [
      'a compiler',
      ['cmake', 'python3'],
      /^setup: A C\+\+ compiler, which builds the addon, is missing; install it with: \S+/m,
    ],
    [
      'Ninja and make',
      ['cmake', 'c++', 'python3'],
      /^setup: Ninja, which builds the addon, is missing; install it with: \S+/m,
    ],
  ])('names the command that installs %s', (_, programs, message) => {
    const checkout = copyCheckout()
    writeFileSync(join(checkout, 'native/new.h'), '')
    const { status, output } = setUp(checkout, { PATH: pathOf(...programs), CXX: undefined })
    expect(status).toBe(1)
    expect(output).toMatch(message)
  })

  it('says in a sentence which compilers are recent enough', () => {
    const checkout = copyCheckout()
    writeFileSync(join(checkout, 'native/new.h'), '')
    const old = join(checkout, 'old-c++')
    writeFileSync(old, '#!/bin/sh\nexec c++ "$@" -std=c++17\n', { mode: 0o755 })
    const { status, output } = setUp(checkout, { CXX: old })
    expect(status).toBe(1)
    const words = output.replace(/\s+/g, ' ')
    expect(words).toContain(
      'libtorch-rnn needs a C++20 compiler and library: GCC 11, Clang 14, Visual Studio 2022, or later. ',
    )
    expect(words).toContain(`${old} (`)
    expect(words).toContain('name it: CC=gcc-12 CXX=g++-12 npm run setup')
    expect(words).not.toContain('error: ')
  })

  it('does not replace a LibTorch that the user names', () => {
    const { status, output } = setUp(copyCheckout(), { LIBTORCH: '/nowhere' })
    expect(status).toBe(1)
    expect(output).toContain('setup: LIBTORCH=/nowhere cannot be used: no such folder.')
  })

  it('waits for another one, and not for one that has ended', async () => {
    const checkout = copyCheckout()
    const lock = join(checkout, 'build/setup.lock')
    const holder = spawn(
      process.execPath,
      [
        '-e',
        `const fd = fs.openSync(${JSON.stringify(lock)}, 'a+')
         console.log(require('fs-native-extensions').tryLock(fd))
         setInterval(() => {}, 1000)`,
      ],
      { cwd: checkout, stdio: ['ignore', 'pipe', 'inherit'] },
    )
    onTestFinished(() => void holder.kill('SIGKILL'))
    const [said] = await once(holder.stdout, 'data')
    expect(String(said)).toBe('true\n')
    const waiting = spawn(process.execPath, ['scripts/setup.mjs'], { cwd: checkout, stdio: ['ignore', 'pipe', 'pipe'] })
    const [message] = await once(waiting.stderr, 'data')
    expect(String(message)).toBe(`setup: waiting for another one (${lock})\n`)
    expect(waiting.exitCode).toBeNull()
    // As the system does it to a container that has used up its memory.
    holder.kill('SIGKILL')
    const [code] = await once(waiting, 'exit')
    expect(code).toBe(0)
  })
})
