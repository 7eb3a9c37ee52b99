import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
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
    expect(stdout).toMatch(/^Looked at {5}\S/m)
    expect(stdout).toMatch(/^LibTorch {6}\d\S+ (with CUDA )?in \//m)
    expect(stdout).toContain(`Test load     LibTorch ${builtFor} computes`)
    expect(stdout).toMatch(/^CPU {11}\S.*, \d+ threads in one operation, \d+ between operations$/m)
    expect(stdout).toMatch(/^Kernels {7}RNN, LSTM and GRU with (\w+), of (\1, .*)?portable$/m)
    expect(stdout).toMatch(/^CUDA {10}(computes, devices: \d+|cannot be used: \S.*)$/m)
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
})
