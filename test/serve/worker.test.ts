// Environments and processes that end while an engine computes.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'

const DIST = new URL('../../dist/', import.meta.url).href

const OPEN = `
  import { LSTMModel } from '${DIST}models/index.js'
  import { nativeEngine } from '${DIST}serve/native-engine.js'
  const model = new LSTMModel(32, 128, 1, { output: 'last' })
  const engine = await nativeEngine(model, { lanes: 2, threads: 2 })
  const batch = Array.from({ length: 20 }, (_, i) => ({ data: new Float32Array(32 * (10 + i)).fill(0.1), steps: 10 + i }))
  const slots = Int32Array.from({ length: 500 }, () => engine.openSlot())`

function run(code: string): { status: number | null; signal: string | null; stdout: string; stderr: string } {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `${OPEN}\n${code}`],
    { encoding: 'utf8' },
  )
  return { status, signal, stdout, stderr }
}

test('a worker can be terminated with batches and steps in flight', async () => {
  for (let i = 0; i < 12; i++) {
    const code = `import { parentPort } from 'node:worker_threads'
      ${OPEN}
      const x = new Float32Array(500 * 32)
      await engine.run(batch)
      parentPort.postMessage('busy')
      for (;;) await Promise.all([engine.run(batch), engine.run(batch), engine.run(batch), engine.step(slots, x)])`
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
    await once(worker, 'message')
    await new Promise((resolve) => setTimeout(resolve, i))
    await worker.terminate()
  }
})

test.each([
  ['process.exit(3)', 3, /^$/],
  ["throw new Error('mine')", 1, /Error: mine/],
])('a process that ends by %s ends so while batches are computed', (end, status, words) => {
  for (let i = 0; i < 3; i++) {
    const ended = run(`for (let i = 0; i < 200; i++) engine.run(batch); setTimeout(() => { ${end} }, ${5 * i})`)
    expect(ended).toMatchObject({ status, signal: null, stdout: '' })
    expect(ended.stderr).toMatch(words)
  }
})

test('what is computed keeps the process running, an idle engine does not', () => {
  const ended = run(`
    const more = Array.from({ length: 100 }, () => engine.run(batch))
    Promise.all(more).then((all) => console.log(all.length, all[0].length))`)
  expect(ended).toEqual({ status: 0, signal: null, stdout: '100 20\n', stderr: '' })
})
