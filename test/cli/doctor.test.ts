import { spawnSync } from 'node:child_process'
import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Diagnosis } from '../../lib/cli/doctor.ts'
import { loadLoader } from '../../lib/native/load.ts'
import { temporaryFolder, writeFiles } from '../support/folder.ts'
import { fakeLibTorch } from '../support/libtorch.ts'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const { builtFor } = loadLoader()

function doctor(env: NodeJS.ProcessEnv = {}): { status: number | null; stdout: string } {
  const { status, stdout } = spawnSync(process.execPath, [MAIN, 'doctor'], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  return { status, stdout }
}

describe('doctor', () => {
  it('prints versions, paths, what LibTorch computes with, and why not CUDA', () => {
    const { status, stdout } = doctor()
    expect(status).toBe(0)
    expect(stdout).toMatch(/^libtorch-rnn {2}\d+\.\d+\.\d+ in \//m)
    expect(stdout).toContain(`Node.js       ${process.version}, ${process.platform}-${process.arch}`)
    expect(stdout).toMatch(new RegExp(`^Addon {9}built for LibTorch ${builtFor}, /.*\\.node$`, 'm'))
    expect(stdout).toMatch(/^Weights {7}\/\S+\/libtorch-rnn\/weights, \d+ files?, \d+ MB$/m)
    expect(stdout).toMatch(/^Looked at {5}\S/m)
    expect(stdout).toMatch(/^LibTorch {6}\d\S+ (with CUDA )?in \//m)
    expect(stdout).toContain(`Test load     LibTorch ${builtFor} computes`)
    expect(stdout).toMatch(/^CPU {11}\S.*, \d+ threads in one operation, \d+ between operations$/m)
    expect(stdout).toMatch(/^Kernels {7}RNN, LSTM and GRU with (\w+), of (\1, .*)?portable$/m)
    expect(stdout).toMatch(/^CUDA {10}(computes, devices: \d+|cannot be used: \S.*)$/m)
  })

  it('says what the packed weights of served models take', () => {
    const cache = temporaryFolder()
    const weights = join(cache, 'libtorch-rnn', 'weights')
    const file = join(writeFiles(weights, { 'a.weights': '', 'b.weights': '', lock: '' }), 'b.weights')
    truncateSync(file, 12e6)
    expect(doctor({ XDG_CACHE_HOME: cache }).stdout).toContain(`Weights       ${weights}, 2 files, 12 MB\n`)
  })

  it('tells why nothing was found, and what to do', () => {
    const { status, stdout } = doctor({ LIBTORCH: '/nowhere' })
    expect(status).toBe(1)
    expect(stdout).toMatch(
      /^Looked at {5}LIBTORCH=\/nowhere: no such folder\nLibTorch {6}none that fits\n {14}Set LIBTORCH/m,
    )
  })

  it('outlives a LibTorch that cannot be opened', () => {
    const { status, stdout } = doctor({ LIBTORCH: writeFiles(temporaryFolder(), fakeLibTorch(builtFor)) })
    expect(status).toBe(1)
    expect(stdout).toMatch(/^Test load {5}failed: LibTorch \S+ in \S+ cannot be opened: /m)
  })

  it('prints the same as JSON', () => {
    const { status, stdout } = spawnSync(process.execPath, [MAIN, 'doctor', '--json'], { encoding: 'utf8' })
    expect(status).toBe(0)
    const diagnosis = JSON.parse(stdout) as Diagnosis
    expect(diagnosis).toMatchObject({
      works: true,
      node: { version: process.version, platform: process.platform, arch: process.arch },
      addon: { builtFor },
      testLoad: { version: builtFor, cudaFailure: expect.anything() },
    })
    expect(diagnosis.lookedAt.at(-1)?.outcome).toMatch(/^LibTorch 2\./)
    const failed = spawnSync(process.execPath, [MAIN, 'doctor', '--json'], {
      encoding: 'utf8',
      env: { ...process.env, LIBTORCH: '/nowhere' },
    })
    expect(failed.status).toBe(1)
    expect(JSON.parse(failed.stdout)).toMatchObject({
      works: false,
      lookedAt: [{ place: 'LIBTORCH=/nowhere', outcome: 'no such folder' }],
      libtorch: { remedy: expect.stringContaining('Set LIBTORCH') },
      testLoad: null,
    })
  })

  it('says so where Node may start no other program', () => {
    const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'
    const { status, stdout } = spawnSync(
      process.execPath,
      [flag, '--allow-fs-read=*', '--allow-addons', MAIN, 'doctor'],
      { encoding: 'utf8' },
    )
    expect(status).toBe(1)
    expect(stdout).toMatch(/^Test load {5}failed: .* allow them with --allow-child-process$/m)
  })

  it('ends quietly where nobody reads on', () => {
    const { status, stderr } = spawnSync('sh', ['-c', `"${process.execPath}" "${MAIN}" doctor | true`], {
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})
