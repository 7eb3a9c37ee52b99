import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { messageOf, TorchError, torchError } from '../lib/errors.ts'
import { LibTorchError, nn, torch } from '../lib/index.ts'
import { failure } from '../lib/tensor/failure.ts'
import { Trainer } from '../lib/train/index.ts'
import { CHECKOUT } from './support/checkout.ts'
import { temporaryFolder, writeFiles } from './support/folder.ts'

function thrownBy(fn: () => unknown): Error {
  try {
    fn()
  } catch (error) {
    return error as Error
  }
  return expect.fail('nothing was thrown')
}

/** The first line of the trace. */
function topOf(error: Error): string {
  return error.stack?.split('\n').find((line) => /^\s+at /.test(line)) ?? ''
}

describe('the first line of a trace is in the code of the caller', () => {
  const disposed = torch.ones([1])
  disposed.dispose()

  test.each([
    ['an operator', () => torch.ones([2]).matmul(torch.ones([3]))],
    ['a check', () => torch.zeros([1], { dtpye: 'int64' } as object)],
    ['a getter', () => disposed.shape],
    ['what calls back through Array.map', () => torch.ones([1]).index('x' as never)],
    ['what calls back through Uint32Array.from', () => torch.autograd.backward(['x'] as never)],
    ['what calls back through AsyncLocalStorage.run', () => new nn.LSTM(2 ** 30, 2 ** 30)],
    ['a printed tensor', () => String(disposed)],
  ])('%s', (_, call) => {
    expect(topOf(thrownBy(call))).toContain('errors.test.ts')
  })

  test('a promise', async () => {
    const trainer = new Trainer(new nn.Linear(1, 1), { progress: false })
    const error = await trainer.predict(torch.ones([2, 2])).catch((thrown: Error) => thrown)
    expect(topOf(error as Error)).toContain('errors.test.ts')
  })

  test('however short traces are', () => {
    const before = Error.stackTraceLimit
    Error.stackTraceLimit = 1
    try {
      const error = thrownBy(() => new nn.LSTM(2 ** 30, 2 ** 30))
      expect(topOf(error)).toContain('errors.test.ts')
      expect(error.stack?.match(/^\s+at /gm)).toHaveLength(1)
      expect(Error.stackTraceLimit).toBe(1)
    } finally {
      Error.stackTraceLimit = before
    }
  })

  test.each([
    ['with source maps', ['--enable-source-maps']],
    ['without', []],
  ])('of the compiled package, %s, in a folder whose name a URL has to escape', (_, flags) => {
    const folder = writeFiles(join(temporaryFolder(), 'a b#ä'), {
      'main.mjs': `
        import { torch } from ${JSON.stringify(join(CHECKOUT, 'dist/index.js'))}
        function mine() { torch.zeros([2, 3]).matmul(torch.zeros([2, 3])) }
        try { mine() } catch (error) { console.log(error.stack.split('\\n')[1]) }`,
    })
    const output = execFileSync(process.execPath, [...flags, join(folder, 'main.mjs')], { encoding: 'utf8' })
    expect(output).toMatch(/^\s+at mine .*main\.mjs:3:/)
  })
})

describe('an error', () => {
  test('heads its trace by its own name, and has no fields that say nothing', () => {
    for (const [error, name] of [
      [torchError('ERR_TORCH_SHAPE', 'no'), 'TorchShapeError'],
      [torchError('ERR_TORCH_RUNTIME', 'no'), 'TorchError'],
      [new LibTorchError('no'), 'LibTorchError'],
    ] as const) {
      expect(error.name).toBe(name)
      expect(error.stack).toMatch(new RegExp(`^${name}: no\\n\\s+at .*errors\\.test\\.ts`))
      expect(Object.keys(error)).toEqual(['code'])
      expect(inspect(error)).toContain(`{\n  code: '${error.code}'\n}`)
    }
    const known = torchError('ERR_TORCH_SHAPE', 'no', { op: 'matmul', shapes: [[2], [3]] })
    expect({ ...known }).toEqual({ code: 'ERR_TORCH_SHAPE', op: 'matmul', shapes: [[2], [3]] })
  })

  test('of the addon is known in whatever realm it was made', () => {
    const thrown: unknown = runInNewContext(
      "Object.assign(new Error('shapes cannot be broadcast'), { kind: 'runtime' })",
    )
    expect(thrown).not.toBeInstanceOf(Error)
    const error = failure(thrown, { op: 'add' })
    expect(error).toBeInstanceOf(TorchError)
    expect(error).toMatchObject({ code: 'ERR_TORCH_SHAPE', message: 'add: shapes cannot be broadcast', op: 'add' })
    const other: unknown = runInNewContext("new TypeError('not ours')")
    expect(failure(other)).toBe(other)
    expect(messageOf(other)).toBe('not ours')
  })
})
