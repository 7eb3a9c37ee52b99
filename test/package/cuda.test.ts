import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { searchLibTorch } from '../../lib/native/libtorch.ts'
import { loadLoader } from '../../lib/native/load.ts'
import { sameMinor } from '../../lib/native/version.ts'
import { torch } from '../../lib/torch.ts'
import { CHECKOUT, copyCheckout } from '../support/checkout.ts'

const why = torch.cuda.why()
// The one that this checkout was built with: another would be built first.
const libtorch = searchLibTorch(sameMinor(loadLoader().builtFor)).found

function run(args: readonly string[], cwd = CHECKOUT): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/cuda.ts', ...args], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, LIBTORCH: libtorch?.root, BENCH_PYTHON: undefined },
  })
  return { status, stdout, stderr }
}

test.skipIf(why === null).each(['test', 'bench'])('%s:cuda fails without a GPU, and says why', (task) => {
  const { status, stdout, stderr } = run([task])
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toContain(`${task}:cuda: ${why}`)
  expect(stderr.trim().split('\n').length).toBe(1)
})

test.skipIf(libtorch?.cuda)('a LibTorch for the CPU is no reason to build for minutes', () => {
  const checkout = copyCheckout()
  for (const part of ['build', 'dist']) rmSync(join(checkout, part), { recursive: true })
  const { status, stderr } = run(['test'], checkout)
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(`test:cuda: ${why}`) })
})

test('bench:cuda lists its cases, which need no GPU to be listed', () => {
  const { status, stdout } = run(['bench', '--list'])
  expect(status).toBe(0)
  const names = stdout.trim().split('\n')
  expect(names.length).toBe(3 * 4 * 2)
  expect(names).toContain('LSTM H=64 T=20 N=16 tf32')
  expect(names).toContain('RNN H=1024 T=256 N=128 bfloat16')
  expect(run(['bench', '--list', 'gru', 'h=128']).stdout.trim().split('\n').length).toBe(2)
  expect(run(['bench', '--device', 'tpu']).status).toBe(1)
})
