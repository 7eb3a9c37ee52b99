// `libtorch-rnn serve` as processes: what they answer, and how they end.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel } from '../../lib/models/index.ts'
import { temporaryFolder } from '../support/folder.ts'
import { ServeProcess } from '../support/processes.ts'
import { numbersOf, post, postBytes } from '../support/service.ts'

const model = new LSTMModel(3, 8, 2, { output: 'last' })
const file = join(temporaryFolder(afterAll), 'weather.safetensors')
const x = [
  [0.5, -1, 2],
  [1, 0, 0.25],
]
const wanted = torch
  .noGrad(() => model.clone().eval().forward(torch.tensor(x).unsqueeze(1)))
  .squeeze(0)
  .toArray() as number[]

beforeAll(async () => {
  await model.save(file)
})

const ask = async (url: string): Promise<number[]> => {
  const response = await post(`${url}/predict`, { x })
  expect(response.status).toBe(200)
  return ((await response.json()) as { y: number[] }).y
}

function expectWanted(y: ArrayLike<number>): void {
  expect(y.length).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++) expect(y[i]).toBeCloseTo(wanted[i] as number, 5)
}

test('answers with what forward gives, under all its paths, until SIGTERM', async () => {
  const run = new ServeProcess([file, '--port', '0', '--max-batch', '8', '--queue', '100'])
  const url = await run.url()
  expect(run.lines[0]).toMatchObject({ model: 'weather', inputSize: 3, msg: 'the model is loaded' })
  expectWanted(await ask(url))
  expectWanted(await numbersOf(await postBytes(`${url}/models/weather/predict`, Float32Array.from(x.flat()))))
  expect((await fetch(`${url}/v2/health/ready`)).status).toBe(200)
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(
    /^libtorch_rnn_requests_total\{model="weather",outcome="served"\} 2$/m,
  )
  const openapi = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: object }
  expect(Object.keys(openapi.paths)).toContain('/v2/models/{model}/infer')
  expect(await (await fetch(`${url}/docs/`)).text()).toContain('<title>')
  run.child.kill('SIGTERM')
  expect(await run.ended()).toBe(0)
  expect(run.lines.map(({ msg }) => msg).slice(-2)).toEqual(['closing', 'closed'])
  expect(run.stderr).toBe('')
})

test('loads its file again at SIGHUP, and keeps what it has if that fails', async () => {
  const own = join(temporaryFolder(), 'own.safetensors')
  await model.save(own)
  const run = new ServeProcess([own, '--port', '0', '--no-openapi', '--no-metrics'])
  const url = await run.url()
  const other = new LSTMModel(3, 8, 2, { output: 'last' })
  await other.save(own)
  run.child.kill('SIGHUP')
  await run.logged(/^the model is loaded again$/)
  const y = torch
    .noGrad(() => other.eval().forward(torch.tensor(x).unsqueeze(1)))
    .squeeze(0)
    .toArray() as number[]
  const found = await ask(url)
  for (const [i, value] of y.entries()) expect(found[i]).toBeCloseTo(value, 5)
  await new GRUModel(5, 8, 2, { output: 'last' }).save(own)
  run.child.kill('SIGHUP')
  const [line] = await run.logged(/could not be loaded again/)
  expect(line).toMatchObject({ level: 50, err: { code: 'ERR_TORCH_SHAPE' } })
  expect(await ask(url)).toEqual(found)
  expect((await fetch(`${url}/metrics`)).status).toBe(404)
})

test('a SIGHUP while the model is being loaded is not lost, and ends nothing', async () => {
  // Sends the signal as soon as the command listens to it.
  const hook = join(temporaryFolder(), 'hang-up.mjs')
  writeFileSync(
    hook,
    `const send = (name) => {
      if (name !== 'SIGHUP') return
      process.off('newListener', send)
      setImmediate(() => process.kill(process.pid, 'SIGHUP'))
    }
    process.on('newListener', send)`,
  )
  const args = [file, '--port', '0', '--no-openapi', '--no-metrics']
  const run = new ServeProcess(args, { NODE_OPTIONS: `--import=${pathToFileURL(hook).href}` })
  const url = await run.url()
  await run.logged(/^the model is loaded again$/)
  expectWanted(await ask(url))
  run.child.kill('SIGTERM')
  expect(await run.ended()).toBe(0)
})

test('a SIGHUP while processes start reaches them when they are ready', async () => {
  const run = new ServeProcess([file, '--port', '0', '--processes', '2', '--no-openapi', '--no-metrics'])
  await run.logged(/^each process has sessions of its own/)
  await sleep(50)
  run.child.kill('SIGHUP')
  expect(run.lines.length).toBe(1)
  const again = await run.logged(/^the model is loaded again$/, 2)
  expect(new Set(again.map(({ pid }) => pid)).size).toBe(2)
  expect(run.lines.filter(({ msg }) => /^a process ended/.test(msg))).toEqual([])
  run.child.kill('SIGTERM')
  expect(await run.ended()).toBe(0)
})

test('a SIGTERM while a process is being started again is an end in order', async () => {
  const run = new ServeProcess([file, '--port', '0', '--processes', '2', '--no-openapi', '--no-metrics'])
  await run.url(2)
  const [line] = await run.logged(/^Server listening at /)
  process.kill((line as { pid: number }).pid, 'SIGKILL')
  const [ended] = await run.logged(/^a process ended: another one starts$/)
  await sleep((ended?.pause as number) + 50)
  run.child.kill('SIGTERM')
  expect(await run.ended()).toBe(0)
  expect(run.lines.filter(({ msg }) => /^Server listening at /.test(msg)).length).toBe(2)
})

test('tells mistakes in one sentence', async () => {
  for (const [args, code, message] of [
    [['/nowhere.safetensors', '--port', '0'], 1, /^error: no such file or directory.*\/nowhere\.safetensors.*\n$/],
    [[file, '--port', 'http'], 2, /option '--port <number>' argument 'http' is invalid/],
    [[file, '--port', '99999'], 2, /argument '99999' is invalid. It must be an integer from 0 to 65535\.\n$/],
    [[file, '--lanes', '0', '--port', '0'], 1, /^error: lanes must be a positive integer, got 0\n$/],
    [[file, '--units', 'metres', '--port', '0'], 1, /^error: units must be 'data' or 'scaled', got 'metres'\n$/],
    [[file, '--processes', '0', '--port', '0'], 1, /^error: --processes must be a positive integer, got 0\n$/],
    [[file, '--queues', '1', '--port', '0'], 2, /unknown option '--queues'/],
  ] as const) {
    const run = new ServeProcess(args)
    expect(await run.ended()).toBe(code)
    expect(run.stderr).toMatch(message)
  }
})

test.each([1, 2])('says in one line that a port is taken, of %i processes', async (processes) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const run = new ServeProcess([file, '--port', `${port}`, '--processes', `${processes}`, '--no-openapi'])
  expect(await run.ended()).toBe(1)
  // The processes may end at the same time.
  expect([...new Set(run.stderr.trimEnd().split('\n'))]).toEqual([
    `error: cannot listen at 127.0.0.1, port ${port} (EADDRINUSE): another program listens there: take another --port, or 0 for any that is free`,
  ])
  other.close()
})

test('ends with 1 if processes cannot start', async () => {
  const run = new ServeProcess(['/nowhere.safetensors', '--port', '0', '--processes', '2'])
  expect(await run.ended()).toBe(1)
  expect(run.stderr).toContain('/nowhere.safetensors')
})

test('with two processes goes on when one is killed, and counts for both', async () => {
  const run = new ServeProcess([file, '--port', '0', '--processes', '2', '--no-openapi'])
  const url = await run.url(2)
  for (let i = 0; i < 10; i++) expectWanted(await ask(url))
  const metrics = await (await fetch(`${url}/metrics`)).text()
  expect(metrics).toMatch(/^libtorch_rnn_requests_total\{model="weather",outcome="served"\} 10$/m)
  // Sessions live in one process: by name there are none.
  expect(run.lines[0]).toMatchObject({
    level: 40,
    msg: expect.stringMatching(/none by name, only those of .* \/session$/),
  })
  expect((await post(`${url}/sessions/a/steps`, { x: [1, 2, 3] })).status).toBe(404)

  const [line] = await run.logged(/^Server listening at /)
  process.kill((line as { pid: number }).pid, 'SIGKILL')
  await run.logged(/^a process ended: another one starts$/)
  // A connection that it had is lost, and no other.
  let failures = 0
  for (let i = 0; i < 50; i++) {
    try {
      expectWanted(await ask(url))
    } catch {
      failures += 1
    }
  }
  expect(failures).toBeLessThanOrEqual(1)
  await run.logged(/^Server listening at /, 3)
  for (let i = 0; i < 10; i++) expectWanted(await ask(url))
  run.child.kill('SIGTERM')
  expect(await run.ended()).toBe(0)
})
