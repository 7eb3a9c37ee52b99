import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { searchLibTorch } from '../../lib/native/libtorch.ts'
import { loadLoader } from '../../lib/native/load.ts'
import { sameMinor } from '../../lib/native/version.ts'
import { torch } from '../../lib/torch.ts'
import { CHECKOUT } from '../support/checkout.ts'

const why = torch.cuda.why()

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  // The one that this checkout was built with: another would be built first.
  const LIBTORCH = searchLibTorch(sameMinor(loadLoader().builtFor)).found?.root
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/cuda.ts', ...args], {
    cwd: CHECKOUT,
    encoding: 'utf8',
    env: { ...process.env, LIBTORCH, BENCH_PYTHON: undefined },
  })
  return { status, stdout, stderr }
}

test.skipIf(why === null).each(['test', 'bench'])('%s:cuda fails without a GPU, and says why', (task) => {
  const { status, stdout, stderr } = run(task)
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toContain(`${task}:cuda: ${why}`)
  expect(stderr.trim().split('\n').length).toBe(1)
})

test('bench:cuda lists its cases, which need no GPU to be listed', () => {
  const { status, stdout } = run('bench', '--list')
  expect(status).toBe(0)
  const names = stdout.trim().split('\n')
  expect(names.length).toBe(3 * 4 * 2)
  expect(names).toContain('LSTM H=64 T=20 N=16 tf32')
  expect(names).toContain('RNN H=1024 T=256 N=128 bfloat16')
  expect(run('bench', '--list', 'gru', 'h=128').stdout.trim().split('\n').length).toBe(2)
  expect(run('bench', '--device', 'tpu').status).toBe(1)
})
