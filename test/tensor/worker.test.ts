// Environments of one process share LibTorch, but no state of ours; ending one must not harm the others.
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { torch } from '../../lib/torch.ts'

const INDEX = new URL('../../dist/index.js', import.meta.url).href

function worker(body: string): Worker {
  const code = `import { parentPort } from 'node:worker_threads'; import { torch } from '${INDEX}'; ${body}`
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
}

test('workers compute, each with its own tensors', async () => {
  const workers = [1, 2, 3].map((n) =>
    worker(`
    const x = torch.full([4], ${n}, { requiresGrad: true })
    const y = await torch.offload(() => x.mul(x).sum())
    y.backward()
    parentPort.postMessage([y.item(), x.grad.toArray(), torch.memory().tensors < 10])`),
  )
  const results = await Promise.all(workers.map(async (one) => (await once(one, 'message'))[0]))
  expect(results).toEqual([1, 2, 3].map((n) => [4 * n * n, new Array(4).fill(2 * n), true]))
  await Promise.all(workers.map((one) => one.terminate()))
  expect(torch.ones([2]).sum().item()).toBe(2)
})

test('workers and the threads of offload begin with the number of threads that holds', async () => {
  const before = torch.getNumThreads()
  torch.setNumThreads(1)
  const one = worker(`
    const own = torch.getNumThreads()
    const first = await torch.offload(() => torch.getNumThreads())
    torch.setNumThreads(3)
    const second = await torch.offload(() => torch.getNumThreads())
    parentPort.postMessage([own, first, second, torch.getNumThreads()])`)
  expect((await once(one, 'message'))[0]).toEqual([1, 1, 3, 3])
  await one.terminate()
  torch.setNumThreads(before)
})

test('a worker can be terminated with work in flight', async () => {
  for (let i = 0; i < 16; i++) {
    const one = worker(`
      const x = torch.randn([400, 400])
      parentPort.postMessage('busy')
      for (;;) await torch.offload(() => torch.tidy(() => { for (let k = 0; k < 5; k++) x.matmul(x) }))`)
    await once(one, 'message')
    await new Promise((resolve) => setTimeout(resolve, i))
    await one.terminate()
  }
  expect((await torch.offload(() => torch.ones([2]).add(1))).toArray()).toEqual([2, 2])
})

test('a worker can be terminated while a recurrent network trains on several threads', async () => {
  for (let i = 0; i < 8; i++) {
    const one = worker(`
      const { nn } = await import('${INDEX}')
      torch.setNumThreads(3)
      const net = new nn.LSTM(64, 96)
      const x = torch.randn([60, 32, 64])
      const stream = net.stream()
      parentPort.postMessage('busy')
      for (;;) {
        await torch.offload(() => torch.tidy(() => { net.forward(x)[0].sum().backward() }))
        stream.step(new Float32Array(64))
      }`)
    await once(one, 'message')
    await new Promise((resolve) => setTimeout(resolve, 3 * i))
    await one.terminate()
  }
  expect((await torch.offload(() => torch.ones([2]).add(1))).toArray()).toEqual([2, 2])
})

test('a process can exit with work in flight', () => {
  const code = `import { torch } from '${INDEX}'
    const x = torch.randn([500, 500])
    for (let i = 0; i < 20; i++) torch.offload(() => torch.tidy(() => { for (let k = 0; k < 5; k++) x.matmul(x) }))
    setTimeout(() => { console.log('bye'); process.exit(0) }, 30)`
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
  })
  expect(out).toBe('bye\n')
})

// Then nothing joins the thread of `offload` but what does so on purpose, and LibTorch's own objects are destroyed under it.
test.each([
  ['process.exit(3)', 3, /^$/],
  ["throw new Error('mine')", 1, /Error: mine/],
  ["Promise.reject(new Error('mine'))", 1, /Error: mine/],
])('a process that ends by %s ends so, also while gradients are computed', (end, code, words) => {
  const source = `import { torch } from '${INDEX}'
    const x = torch.randn([300, 300], { requiresGrad: true })
    torch.offload(() => { for (let k = 0; k < 500; k++) x.matmul(x).sum().backward() }).catch(() => {})
    setTimeout(() => { ${end} }, 50)`
  for (let i = 0; i < 2; i++) {
    const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      encoding: 'utf8',
    })
    expect({ status, signal }).toEqual({ status: code, signal: null })
    expect(stderr).toMatch(words)
  }
})

test('pending work keeps the process alive until it is done', () => {
  const code = `import { torch } from '${INDEX}'
    const x = torch.eye(300)
    torch.offload(() => { let y = x; for (let k = 0; k < 30; k++) y = y.matmul(x); return y.sum() }).then((y) => console.log(y.item()))`
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  expect(out).toBe('300\n')
})
