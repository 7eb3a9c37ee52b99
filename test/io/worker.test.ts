// Each environment of a process loads and saves by itself, and ending one in the middle harms none.
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { io, torch } from '../../lib/index.ts'
import { formatsPath } from '../support/fixture.ts'
import { temporaryFolder } from '../support/folder.ts'

const INDEX = new URL('../../dist/index.js', import.meta.url).href
const SCRIPT = JSON.stringify(formatsPath('script.pt'))

function worker(body: string): Worker {
  const code = `import { parentPort } from 'node:worker_threads'; import { io, torch } from '${INDEX}'; ${body}`
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
}

test('workers load, run and save at the same time', async () => {
  const folder = temporaryFolder()
  const workers = [1, 2, 3].map((n) =>
    worker(`
      const model = await torch.jit.load(${SCRIPT})
      const x = torch.full([2, 5, 3], ${n})
      const output = await model.run('forward', x)
      await io.saveFile({ output: output.detach() }, ${JSON.stringify(join(folder, String(n)))})
      parentPort.postMessage(model.forward(x).allclose(output))`),
  )
  const results = await Promise.all(workers.map(async (one) => (await once(one, 'message'))[0]))
  expect(results).toEqual([true, true, true])
  const model = torch.jit.loadSync(formatsPath('script.pt'))
  for (const n of [1, 2, 3]) {
    expect(io.loadFileSync(join(folder, String(n))).output?.allclose(model.forward(torch.full([2, 5, 3], n)))).toBe(
      true,
    )
  }
  await Promise.all(workers.map((one) => one.terminate()))
})

test('a worker can be terminated in the middle', async () => {
  const path = join(temporaryFolder(), 'x')
  for (let i = 0; i < 8; i++) {
    const one = worker(`
      const x = torch.ones([1 << 20])
      parentPort.postMessage('busy')
      for (;;) {
        const model = await torch.jit.load(${SCRIPT})
        await Promise.all([
          model.run('encode', torch.ones([8, 50, 3])),
          torch.load(${JSON.stringify(formatsPath('checkpoint.pt'))}),
          io.saveFile({ x }, ${JSON.stringify(path)}).then(() => io.loadFile(${JSON.stringify(path)})),
        ])
      }`)
    await once(one, 'message')
    await new Promise((resolve) => setTimeout(resolve, 7 * i))
    await one.terminate()
  }
  const model = torch.jit.loadSync(formatsPath('script.pt'))
  expect(model.forward(torch.ones([1, 2, 3])).shape).toEqual([1, 2, 2])
})
