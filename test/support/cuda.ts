import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { torch } from '../../lib/torch.ts'
import { CHECKOUT } from './checkout.ts'

/** Why CUDA cannot be tested here; undefined if it can. */
export const noCuda = torch.cuda.why() ?? undefined

// `npm run test:cuda` must fail rather than skip everything.
if (noCuda !== undefined && process.env.TEST_CUDA === 'required') throw new Error(noCuda)

/** `describe` for tests that need a GPU. Without one, they are skipped, and the name says why. */
export function describeCuda(name: string, tests: () => void): void {
  if (noCuda === undefined) describe(name, tests)
  else describe.skip(`${name} (skipped: ${noCuda})`, tests)
}

/** Sets both TF32 settings for the tests of a `describe`. */
export function useTf32(on: boolean): void {
  const { cuda, cudnn } = torch.backends
  let before: [boolean, boolean]
  beforeAll(() => {
    before = [cuda.matmul.allowTf32, cudnn.allowTf32]
    cuda.matmul.allowTf32 = on
    cudnn.allowTf32 = on
  })
  afterAll(() => {
    cuda.matmul.allowTf32 = before[0]
    cudnn.allowTf32 = before[1]
  })
}

/** Runs a program that imports `libtorch-rnn` in a separate process, and returns what it prints. */
export function runProgram(program: string, environment: NodeJS.ProcessEnv = {}): { stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: CHECKOUT,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  })
  expect(status, stderr).toBe(0)
  return { stdout, stderr }
}
