import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { torch } from '../../lib/torch.ts'
import { CHECKOUT } from './checkout.ts'

/** Why nothing can be tested with CUDA here, in words; undefined where it can. */
export const noCuda = torch.cuda.why() ?? undefined

// `npm run test:cuda` is to fail where everything would be skipped.
if (noCuda !== undefined && process.env.TEST_CUDA === 'required') throw new Error(noCuda)

/** `describe` for what needs a GPU. Elsewhere its tests are skipped, and the name says why. */
export function describeCuda(name: string, tests: () => void): void {
  if (noCuda === undefined) describe(name, tests)
  else describe.skip(`${name} (skipped: ${noCuda})`, tests)
}

/** Sets both switches of TF32 for the tests of a `describe`. */
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

/** What a program that imports `libtorch-rnn` prints, in a process of its own. */
export function runProgram(program: string, environment: NodeJS.ProcessEnv = {}): { stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: CHECKOUT,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  })
  expect(status, stderr).toBe(0)
  return { stdout, stderr }
}
