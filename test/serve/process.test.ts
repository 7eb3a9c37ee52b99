// Processes and workers with a server: what keeps them running, and how they end.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'

const DIST = new URL('../../dist/', import.meta.url).href

const OPEN = `
  import { GRUModel, LSTMModel } from '${DIST}models/index.js'
  import { MemoryStore, serve } from '${DIST}serve/index.js'
  const server = await serve(new LSTMModel(32, 64, 1), { lanes: 2, sessions: { idle: 60_000, store: new MemoryStore() } })
  const x = new Float32Array(32 * 50).fill(0.1)`

function run(code: string) {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `${OPEN}\n${code}`],
    { encoding: 'utf8' },
  )
  return { status, signal, stdout, stderr }
}

test('an open server does not keep a process running, its requests do', () => {
  expect(
    run(`
      const session = server.session('a')
      await session.step(x.subarray(0, 32))
      // Nothing awaits these but the process itself.
      Promise.all([server.predict(x, { deadline: Date.now() + 100_000 }), session.step(x.subarray(0, 32))]).then((all) =>
        console.log(all.map((y) => y.length)))`),
  ).toEqual({ status: 0, signal: null, stdout: '[ 50, 1 ]\n', stderr: '' })
})

test('two models in one process do not mix', () => {
  expect(
    run(`
      const other = await serve(new GRUModel(3, 8, 2, { output: 'last' }))
      const asked = Array.from({ length: 200 }, (_, i) =>
        i % 2 ? server.predict(x) : other.predict(new Float32Array(3 * (1 + i))))
      const lengths = (await Promise.all(asked)).map((y) => y.length)
      console.log(new Set(lengths.filter((_, i) => i % 2)), new Set(lengths.filter((_, i) => i % 2 === 0)))
      await other.close()
      console.log((await server.predict(x)).length)
      await server.close()`),
  ).toEqual({ status: 0, signal: null, stdout: 'Set(1) { 50 } Set(1) { 2 }\n50\n', stderr: '' })
})

test('SIGTERM under load: what was asked is answered, and the process ends by itself', async () => {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `${OPEN}
      const counts = {}
      const count = (what) => (counts[what] = (counts[what] ?? 0) + 1)
      let isOpen = true
      process.once('SIGTERM', async () => {
        isOpen = false
        const before = server.metrics().queued + server.metrics().running
        await server.close()
        const { served, failed, rejected, timedOut, queued, running } = server.metrics()
        console.log(JSON.stringify({ before, counts, served, failed, rejected, timedOut, queued, running }))
      })
      setTimeout(() => {}, 1)
      const timer = setInterval(() => {}, 1000)
      console.log('ready')
      const client = async () => {
        while (isOpen) await server.predict(x).then(() => count('served'), (error) => count(error.code))
      }
      await Promise.all(Array.from({ length: 64 }, client))
      clearInterval(timer)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    if (output === 'ready\n') setTimeout(() => child.kill('SIGTERM'), 200)
  })
  const [status] = (await once(child, 'close')) as [number | null]
  expect(status).toBe(0)
  const { before, counts, ...rest } = JSON.parse(output.split('\n')[1] as string) as {
    before: number
    counts: { served: number }
  }
  expect(before).toBe(64)
  expect(Object.keys(counts)).toEqual(['served'])
  expect(rest).toEqual({
    served: counts.served,
    failed: 0,
    rejected: 0,
    timedOut: 0,
    queued: 0,
    running: 0,
  })
}, 60_000)

test('a worker can be terminated under load', async () => {
  for (let i = 0; i < 6; i++) {
    const code = `import { parentPort } from 'node:worker_threads'
      ${OPEN}
      const sessions = Array.from({ length: 300 }, (_, i) => server.session('s' + i))
      await server.predict(x)
      parentPort.postMessage('busy')
      const client = async () => { for (;;) await server.predict(x) }
      const stepper = async (session) => { for (;;) await session.step(x.subarray(0, 32)) }
      await Promise.all([...Array.from({ length: 64 }, client), ...sessions.map(stepper)])`
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
    await once(worker, 'message')
    await new Promise((resolve) => setTimeout(resolve, 3 * i))
    await worker.terminate()
  }
})

test.each([
  ['process.exit(3)', 3, /^$/],
  ["throw new Error('mine')", 1, /Error: mine/],
])('a process that ends by %s under load ends so', (end, status, words) => {
  const ended = run(`
    for (let i = 0; i < 500; i++) server.predict(x)
    for (let i = 0; i < 500; i++) server.session('s' + i).step(x.subarray(0, 32))
    setTimeout(() => { ${end} }, 5)`)
  expect(ended).toMatchObject({ status, signal: null, stdout: '' })
  expect(ended.stderr).toMatch(words)
})
