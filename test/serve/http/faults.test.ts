// Clients that hang up, send half, send slowly or too much, and a server with too much to do: each has its answer, and
// the service goes on.
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Tensor, torch } from '../../../lib/index.ts'
import { LSTMModel } from '../../../lib/models/index.ts'
import type { Server } from '../../../lib/serve/index.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { ServeProcess } from '../../support/processes.ts'
import { numbersOf, post, postBytes, type Service, service } from '../../support/service.ts'

torch.setNumThreads(1)
const model = new LSTMModel(3, 8, 2, { output: 'last' })
const x = Float32Array.of(0.5, -1, 2)
const outputOf = (m: LSTMModel): Float32Array =>
  torch.noGrad(() =>
    (
      m
        .clone()
        .eval()
        .forward(torch.tensor(x, { shape: [1, 1, 3] })) as Tensor
    ).toTypedArray(),
  ) as Float32Array
const wanted = outputOf(model)

const isNear = (found: ArrayLike<number>, values: ArrayLike<number>): boolean =>
  found.length === values.length &&
  Array.from(found).every((value, i) => Math.abs(value - (values[i] as number)) < 1e-5)

/** Waits until a server has what is asked. */
async function until(server: Server, test: (metrics: ReturnType<Server['metrics']>) => boolean): Promise<void> {
  while (!test(server.metrics())) await sleep(2)
}

async function expectServes({ url }: Service): Promise<void> {
  expect(isNear(await numbersOf(await postBytes(`${url}/predict`, x)), wanted)).toBe(true)
}

/** A connection that has sent a text, and what it gets until it is closed. */
function raw(url: string, text: string): { socket: ReturnType<typeof connect>; received: Promise<string> } {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let all = ''
  socket.setEncoding('utf8').on('data', (data: string) => {
    all += data
  })
  socket.on('error', () => {})
  socket.write(text)
  return { socket, received: once(socket, 'close').then(() => all) }
}

const head = (length: number): string =>
  `POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/octet-stream\r\ncontent-length: ${length}\r\n\r\n`

describe('a client', () => {
  test('that hangs up is not computed, and the others are', async () => {
    const own = await service(model, {}, { batch: { max: 100, wait: 400 } })
    const clients = Array.from({ length: 20 }, () => {
      const abort = new AbortController()
      return { abort, answer: postBytes(`${own.url}/predict`, x, { signal: abort.signal }) }
    })
    await until(own.server, ({ queued }) => queued === 20)
    const gone = clients.filter((_, i) => i % 4 !== 0)
    for (const { abort } of gone) abort.abort()
    await Promise.allSettled(gone.map(({ answer }) => answer))
    await until(own.server, ({ queued }) => queued === 5)
    for (const { answer } of clients.filter((_, i) => i % 4 === 0)) {
      expect(isNear(await numbersOf(await answer), wanted)).toBe(true)
    }
    const { aborted, served, batchSizes } = own.server.metrics()
    expect([aborted, served, batchSizes]).toEqual([15, 5, { 5: 1 }])
  })

  test('that hangs up in a batch of the protocol takes all its rows back', async () => {
    const own = await service(model, {}, { batch: { max: 100, wait: 400 } })
    const abort = new AbortController()
    const input = { name: 'input', datatype: 'FP32', shape: [30, 1, 3], data: Array(90).fill(0.5) }
    const answer = post(`${own.url}/v2/models/m/infer`, { inputs: [input] }, { signal: abort.signal })
    await until(own.server, ({ queued }) => queued === 30)
    abort.abort()
    await answer.catch(() => {})
    await until(own.server, ({ queued }) => queued === 0)
    expect(own.server.metrics()).toMatchObject({ aborted: 30, batches: 0 })
  })

  test('that sends half a body and hangs up is nothing', async () => {
    const own = await service(model)
    for (let i = 0; i < 50; i++) {
      const { socket } = raw(own.url, `${head(1000)}half`)
      await once(socket, 'connect')
      socket.destroy()
    }
    await expectServes(own)
    expect(own.server.metrics()).toMatchObject({ served: 1, failed: 0, aborted: 0 })
  })

  test('that sends slowly is cut off', async () => {
    const own = await service(model, { requestTimeout: 300 })
    const { socket, received } = raw(own.url, head(1000))
    const timer = setInterval(() => socket.write('a'), 20)
    expect(await received).toMatch(/^HTTP\/1\.1 408 /)
    clearInterval(timer)
    await expectServes(own)
  })

  test('that sends 100 MB is refused before they are read', async () => {
    const own = await service(model)
    const announced = raw(own.url, head(100 << 20))
    announced.socket.on('data', () => announced.socket.destroy())
    expect(await announced.received).toMatch(/^HTTP\/1\.1 413 [\s\S]*"code":"FST_ERR_CTP_BODY_TOO_LARGE"/)

    const before = process.memoryUsage().rss
    const { hostname, port } = new URL(own.url)
    const headers = { 'content-type': 'application/octet-stream' }
    const request = httpRequest({ hostname, port, path: '/predict', method: 'POST', headers })
    const chunk = Buffer.alloc(1 << 20)
    // The server closes the connection with its answer: the client reads that, or a reset that overtook it.
    const over = new Promise<number | 'reset'>((resolve) => {
      request
        .on('error', () => {})
        .on('close', () => resolve('reset'))
        .on('response', ({ statusCode }) => resolve(statusCode ?? 0))
    })
    let sent = 0
    let outcome: number | 'reset' | undefined
    over.then((value) => {
      outcome = value
    })
    for (; sent < 100 && outcome === undefined; sent++) {
      if (!request.write(chunk)) await Promise.race([once(request, 'drain'), over])
    }
    request.destroy()
    expect([413, 'reset']).toContain(await over)
    expect(sent).toBeLessThan(100)
    expect(process.memoryUsage().rss - before).toBeLessThan(80 << 20)
    await expectServes(own)
  })

  test('that is no client of HTTP is told', async () => {
    const own = await service(model)
    expect(await raw(own.url, 'hello\r\n\r\n').received).toMatch(/^HTTP\/1\.1 400 /)
    await expectServes(own)
  })
})

describe('a server', () => {
  test('with a full queue refuses at once, and keeps what it took', async () => {
    const own = await service(model, {}, { batch: { max: 100, wait: 5000 }, queue: { max: 5 } })
    const results = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const response = await postBytes(`${own.url}/predict`, x)
        const waiting = own.server.metrics().queued
        return { response, waiting, body: await response.arrayBuffer() }
      }),
    )
    const refused = results.filter(({ response }) => response.status === 503)
    const served = results.filter(({ response }) => response.status === 200)
    expect([refused.length, served.length]).toEqual([35, 5])
    for (const { response, waiting, body } of refused) {
      // Those that it took were not done yet.
      expect(waiting).toBe(5)
      expect(response.headers.get('retry-after')).toBe('1')
      expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({
        error: 'Service Unavailable',
        code: 'ERR_TORCH_OVERLOADED',
      })
    }
    for (const { body } of served) expect(isNear(new Float32Array(body), wanted)).toBe(true)
    await expectServes(own)
  })

  test('answers in time that it has none', async () => {
    const own = await service(model, { timeout: 1000 }, { batch: { max: 100, wait: 60_000 } })
    const start = performance.now()
    const response = await postBytes(`${own.url}/predict?timeout=50`, x)
    expect(response.status).toBe(504)
    expect(await response.json()).toMatchObject({ error: 'Gateway Timeout', code: 'ERR_TORCH_TIMEOUT' })
    // A client cannot ask for more than the service gives.
    expect((await postBytes(`${own.url}/predict?timeout=50000`, x)).status).toBe(504)
    expect(performance.now() - start).toBeLessThan(20_000)
  })

  test('whose model throws goes on with the next batch', async () => {
    let isBroken = true
    class Fickle extends LSTMModel {
      override forward(...args: Parameters<LSTMModel['forward']>): Tensor {
        if (isBroken) throw new Error('broken')
        return super.forward(...args)
      }
    }
    const own = await service(() => new Fickle(3, 8, 2, { output: 'last' }), {}, { warmup: false })
    expect((await postBytes(`${own.url}/predict`, x)).status).toBe(500)
    isBroken = false
    expect((await postBytes(`${own.url}/predict`, x)).status).toBe(200)
  })

  test('that gets a new model every 100 ms loses no request, and mixes no models', async () => {
    const other = new LSTMModel(3, 8, 2, { output: 'last' })
    const second = outputOf(other)
    const own = await service(model)
    let isOver = false
    let [first, latter] = [0, 0]
    const clients = Array.from({ length: 16 }, async () => {
      while (!isOver) {
        const response = await postBytes(`${own.url}/predict`, x)
        expect(response.status).toBe(200)
        const y = await numbersOf(response)
        if (isNear(y, wanted)) first += 1
        else if (isNear(y, second)) latter += 1
        else throw new Error(`${y} is the output of neither model`)
      }
    })
    for (let i = 0; i < 12; i++) {
      await sleep(100)
      await own.server.reload(i % 2 === 0 ? other : model)
    }
    isOver = true
    await Promise.all(clients)
    expect(first).toBeGreaterThan(0)
    expect(latter).toBeGreaterThan(0)
    expect(own.server.metrics()).toMatchObject({ served: first + latter, failed: 0, rejected: 0 })
  })
})

test('SIGTERM without a time of grace of its own: no client that keeps its connection loses a request', async () => {
  const file = join(temporaryFolder(), 'model.safetensors')
  await model.save(file)
  const run = new ServeProcess([file, '--port', '0', '--no-openapi', '--no-metrics'])
  const url = await run.url()
  let served = 0
  // Each stops when it is told that its connection ends.
  const clients = Array.from({ length: 16 }, async () => {
    for (;;) {
      const response = await postBytes(`${url}/predict`, x)
      expect(response.status).toBe(200)
      expect(isNear(await numbersOf(response), wanted)).toBe(true)
      served += 1
      if (response.headers.get('connection') === 'close') return
    }
  })
  while (served < 100) await sleep(10)
  run.child.kill('SIGTERM')
  await Promise.all(clients)
  expect(await run.ended()).toBe(0)
})

test('a request that came before the service closes ends its connection, too', async () => {
  const own = await service(model, {}, { batch: { max: 100, wait: 200 } })
  const answer = postBytes(`${own.url}/predict`, x)
  await until(own.server, ({ queued }) => queued === 1)
  const closed = own.app.close()
  const response = await answer
  expect([response.status, response.headers.get('connection')]).toEqual([200, 'close'])
  expect(isNear(await numbersOf(response), wanted)).toBe(true)
  await closed
})

test('a request that ends when the service is closing is status 503, with a code and the time to wait', async () => {
  const own = await service(model)
  const { port } = own.app.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text
  })
  const arrived = once(own.app.server, 'connection')
  socket.write('POST /predict HTTP/1.1\r\nhost: a\r\n')
  await arrived
  await sleep(50)
  const closed = own.app.close()
  await sleep(20)
  socket.write('content-length: 0\r\n\r\n')
  await Promise.all([once(socket, 'end'), closed])
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  expect(head).toMatch(/^HTTP\/1.1 503 /)
  expect(head).toMatch(/^retry-after: 1\r?$/im)
  expect(head).toMatch(/^connection: close\r?$/im)
  expect(JSON.parse(body)).toEqual({
    error: 'Service Unavailable',
    code: 'ERR_TORCH_CLOSED',
    message: 'the server is closing',
  })
})

test('SIGTERM under load: what has begun is answered, and the service says before that it is not ready', async () => {
  const file = join(temporaryFolder(), 'model.safetensors')
  await model.save(file)
  const run = new ServeProcess([file, '--port', '0', '--no-openapi', '--no-metrics', '--grace', '500'])
  const url = await run.url()
  let isOver = false
  const counts = { served: 0, refused: 0, gone: 0 }
  const clients = Array.from({ length: 16 }, async () => {
    while (!isOver) {
      let response: Response
      try {
        response = await postBytes(`${url}/predict`, x, { headers: { connection: 'close' } })
      } catch (error) {
        // It listens no more.
        expect(['ECONNREFUSED', 'ECONNRESET', 'UND_ERR_SOCKET']).toContain(
          (error as { cause: { code: string } }).cause.code,
        )
        counts.gone += 1
        await sleep(10)
        continue
      }
      if (response.status === 200) {
        counts.served += 1
        expect(isNear(await numbersOf(response), wanted)).toBe(true)
      } else {
        expect(response.status).toBe(503)
        counts.refused += 1
      }
    }
  })
  while (counts.served < 50) await sleep(10)
  expect(counts.gone + counts.refused).toBe(0)
  run.child.kill('SIGTERM')
  await run.logged(/^closing$/)
  const health = await fetch(`${url}/v2/health/ready`)
  expect([health.status, health.headers.get('connection')]).toEqual([400, 'close'])
  // In its time of grace it serves on.
  expect(counts.gone + counts.refused).toBe(0)
  const before = counts.served
  expect(await run.ended()).toBe(0)
  expect(counts.served).toBeGreaterThan(before)
  isOver = true
  await Promise.all(clients)
})
