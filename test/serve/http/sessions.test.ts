// Sessions by HTTP, server-sent events and WebSockets: the outputs are those of the whole sequence, step by step.
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Tensor, torch } from '../../../lib/index.ts'
import { GRUModel, LSTMModel } from '../../../lib/models/index.ts'
import { numbersOf, post, postBytes, type Service, service } from '../../support/service.ts'

torch.setNumThreads(1)
const generator = new torch.Generator().manualSeed(3)
const model = new GRUModel(3, 8, 2)
const x = torch.randn([6, 3], { generator })
const samples = x.toArray() as number[][]
const wanted = torch.noGrad(() => model.clone().eval().forward(x.unsqueeze(1)).squeeze(1)).toArray() as number[][]

function expectNear(found: ArrayLike<number>, values: ArrayLike<number> | undefined): void {
  expect(found.length).toBe(values?.length)
  for (let i = 0; i < found.length; i++) expect(found[i]).toBeCloseTo(values?.[i] as number, 5)
}

const socketUrl = ({ url }: Service, path: string): string => url.replace('http', 'ws') + path

/** The status that refuses a WebSocket. */
async function refused(url: string): Promise<number | undefined> {
  const socket = new WebSocket(url)
  socket.on('error', () => {})
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode?: number }]
  return response.statusCode
}

/** A WebSocket, and what comes over it. */
class Client {
  readonly socket: WebSocket
  readonly #received: (string | Float32Array)[] = []
  #wake: (() => void) | undefined

  constructor(url: string) {
    this.socket = new WebSocket(url)
    this.socket.on('message', (data: Buffer, isBinary) => {
      this.#received.push(isBinary ? new Float32Array(new Uint8Array(data).buffer) : data.toString())
      this.#wake?.()
    })
  }

  async open(): Promise<this> {
    await once(this.socket, 'open')
    return this
  }

  async next(): Promise<string | Float32Array> {
    while (this.#received.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.#received.shift() as string | Float32Array
  }

  async nextJson(): Promise<{ y: number[]; code?: string; message?: string }> {
    return JSON.parse((await this.next()) as string) as { y: number[] }
  }
}

describe('by HTTP', () => {
  test('steps give what forward gives, in JSON and in bytes', async () => {
    const { url, server } = await service(model)
    for (const [i, sample] of samples.entries()) {
      const path = `${url}${i < 3 ? '' : '/models/m'}/sessions/user%207/steps`
      if (i % 2 === 0) {
        const answer = (await (await post(path, { x: sample })).json()) as { y: number[] }
        expectNear(answer.y, wanted[i])
      } else expectNear(await numbersOf(await postBytes(path, Float32Array.from(sample))), wanted[i])
    }
    expect(server.session('user 7').steps).toBe(6)
    expect((await fetch(`${url}/sessions/user%207`, { method: 'DELETE' })).status).toBe(204)
    const anew = (await (await post(`${url}/sessions/user%207/steps`, { x: samples[0] })).json()) as { y: number[] }
    expectNear(anew.y, wanted[0])
  })

  test.each([
    ['NaN', Float32Array.of(1, Number.NaN, 3), 'ERR_TORCH_NON_FINITE'],
    ['too many numbers', Float32Array.of(1, 2, 3, 4), 'ERR_TORCH_SHAPE'],
  ])('%s is status 400, and does not change the state', async (_, sample, code) => {
    const { url } = await service(model)
    await postBytes(`${url}/sessions/a/steps`, Float32Array.from(samples[0] as number[]))
    const response = await postBytes(`${url}/sessions/a/steps`, sample)
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, code])
    const next = await postBytes(`${url}/sessions/a/steps`, Float32Array.from(samples[1] as number[]))
    expectNear(await numbersOf(next), wanted[1])
  })

  test('one session more than there may be is status 503, with the time to wait', async () => {
    const { url } = await service(model, {}, { sessions: { max: 1 } })
    expect((await post(`${url}/sessions/a/steps`, { x: samples[0] })).status).toBe(200)
    const response = await post(`${url}/sessions/b/steps`, { x: samples[0] })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await response.json()).toMatchObject({ code: 'ERR_TORCH_OVERLOADED' })
  })

  test('the end of one that there is not is status 404, and opens none, also when there is no room', async () => {
    const { url, server } = await service(model, {}, { sessions: { max: 1 } })
    expect((await post(`${url}/sessions/a/steps`, { x: samples[0] })).status).toBe(200)
    const end = async (path: string): Promise<[number, string]> => {
      const response = await fetch(url + path, { method: 'DELETE' })
      return [response.status, await response.text()]
    }
    const missing = { error: 'Not Found', code: 'ERR_HTTP_NO_SESSION', message: "model 'm' has no session 'b'" }
    expect(await end('/sessions/b')).toEqual([404, JSON.stringify(missing)])
    expect(await end('/models/m/sessions/b')).toEqual([404, JSON.stringify(missing)])
    const { open, opened, refused } = server.metrics().sessions
    expect({ open, opened, refused }).toEqual({ open: 1, opened: 1, refused: 0 })
    expect(await end('/sessions/a')).toEqual([204, ''])
    expect((await end('/sessions/a'))[0]).toBe(404)
    expect((await post(`${url}/sessions/b/steps`, { x: samples[0] })).status).toBe(200)
  })

  test('there are none of a model that cannot be stepped', async () => {
    const { url } = await service(new LSTMModel(3, 4, 2, { output: 'last', bidirectional: true }))
    expect((await post(`${url}/sessions/a/steps`, { x: samples[0] })).status).toBe(404)
  })
})

test('server-sent events carry the outputs of a session to all who watch it', async () => {
  const { url, app } = await service(model)
  const watch = async (): Promise<() => Promise<string>> => {
    const response = await fetch(`${url}/sessions/a/events`)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader()
    return async () => (await reader.read()).value ?? 'end'
  }
  const clients = [await watch(), await watch()]
  for (const read of clients) expect(await read()).toBe('retry: 1000\n\n')
  await post(`${url}/sessions/other/steps`, { x: samples[0] })
  for (const [i, sample] of samples.slice(0, 3).entries()) {
    await post(`${url}/sessions/a/steps`, { x: sample })
    for (const read of clients) {
      const [, json = ''] = /^data: (.*)\n\n$/.exec(await read()) ?? []
      expectNear((JSON.parse(json) as { y: number[] }).y, wanted[i])
    }
  }
  await app.close()
  for (const read of clients) expect(await read()).toBe('end')
})

test('with a horizon an output is an array of steps, as that of /predict is', async () => {
  const forecasts = new GRUModel(3, 8, 2, { horizon: 3, output: 'last' })
  const own = await service(forecasts)
  const first = torch
    .noGrad(
      () =>
        forecasts
          .clone()
          .eval()
          .forward(torch.tensor([samples[0] as number[]]).unsqueeze(1)) as Tensor,
    )
    .squeeze(0)
    .toArray() as number[][]
  const expectFirst = ({ y }: { y: unknown }): void => {
    const rows = y as number[][]
    expect(rows.length).toBe(3)
    for (const [i, row] of rows.entries()) expectNear(row, first[i])
  }
  expectFirst((await (await post(`${own.url}/predict`, { x: [samples[0]] })).json()) as { y: unknown })
  const response = await fetch(`${own.url}/sessions/a/events`)
  const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader()
  expect((await reader.read()).value).toBe('retry: 1000\n\n')
  expectFirst((await (await post(`${own.url}/sessions/a/steps`, { x: samples[0] })).json()) as { y: unknown })
  const [, event = ''] = /^data: (.*)\n\n$/.exec((await reader.read()).value ?? '') ?? []
  expectFirst(JSON.parse(event) as { y: unknown })
  const client = await new Client(socketUrl(own, '/session')).open()
  client.socket.send(JSON.stringify(samples[0]))
  expectFirst(await client.nextJson())
  // Bytes have no shape.
  const bytes = await numbersOf(
    await postBytes(`${own.url}/sessions/b/steps`, Float32Array.from(samples[0] as number[])),
  )
  expectNear(bytes, first.flat())
})

test('HEAD of events is answered', async () => {
  const own = await service(model)
  expect((await fetch(`${own.url}/sessions/q/events`, { method: 'HEAD' })).status).toBe(404)
})

describe('a WebSocket', () => {
  test('gets an answer to each message, in order, in its form', async () => {
    const own = await service(model)
    const client = await new Client(socketUrl(own, '/sessions/a')).open()
    for (const [i, sample] of samples.entries()) {
      // A sample alone, or as in a body of HTTP.
      if (i % 2 === 0) client.socket.send(JSON.stringify(i === 2 ? { x: sample } : sample))
      else client.socket.send(Float32Array.from(sample))
    }
    for (const i of samples.keys()) {
      if (i % 2 === 0) expectNear((await client.nextJson()).y, wanted[i])
      else expectNear((await client.next()) as Float32Array, wanted[i])
    }
    // The session outlives it, under its name.
    client.socket.close()
    expect(own.server.session('a').steps).toBe(6)
    expect(own.server.metrics().sessions.open).toBe(1)
  })

  test('without a name has a session of its own, which ends with it', async () => {
    const own = await service(model)
    const clients = await Promise.all([1, 2, 3].map(() => new Client(socketUrl(own, '/session')).open()))
    for (const i of [0, 1, 2]) {
      for (const { socket } of clients) socket.send(JSON.stringify(samples[i]))
      for (const client of clients) expectNear((await client.nextJson()).y, wanted[i])
    }
    expect(own.server.metrics().sessions.open).toBe(3)
    for (const { socket } of clients) socket.terminate()
    while (own.server.metrics().sessions.open > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  })

  test('that is none opens no session', async () => {
    const own = await service(model)
    const key = { upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13' }
    for (const path of ['/session', '/sessions/a', '/models/m/session']) {
      const plain = await fetch(own.url + path)
      expect([plain.status, plain.headers.get('upgrade'), await plain.json()]).toEqual([
        426,
        'websocket',
        {
          error: 'Upgrade Required',
          code: 'ERR_HTTP_UPGRADE_REQUIRED',
          message: 'this path is a WebSocket: connect to it with ws:// or wss://',
        },
      ])
      for (const headers of [{ ...key, 'sec-websocket-key': 'bad' }, key, { ...key, 'sec-websocket-version': '5' }]) {
        const sent = request(own.url + path, { headers }).end()
        const [response] = (await once(sent, 'response')) as [IncomingMessage]
        expect(response.statusCode).toBe(400)
        response.resume()
      }
    }
    expect(own.server.metrics().sessions.open).toBe(0)
  })

  test('is told mistakes, and goes on', async () => {
    const client = await new Client(socketUrl(await service(model), '/models/m/session')).open()
    client.socket.send('[1, 2')
    client.socket.send('[1, 2]')
    client.socket.send('[1, 2, null]')
    client.socket.send('{"x": 1}')
    client.socket.send('{"x": [1, 2, 3], "group": "a"}')
    client.socket.send(Float32Array.of(1, 2, Number.NaN))
    client.socket.send(Uint8Array.of(1))
    const codes = [
      'ERR_HTTP_JSON',
      'ERR_TORCH_SHAPE',
      'ERR_TORCH_TYPE',
      'ERR_TORCH_TYPE',
      'ERR_HTTP_JSON',
      'ERR_TORCH_NON_FINITE',
    ]
    for (const code of [...codes, 'ERR_TORCH_SHAPE']) expect((await client.nextJson()).code).toBe(code)
    client.socket.send(JSON.stringify(samples[0]))
    expectNear((await client.nextJson()).y, wanted[0])
  })

  test('that sends faster than it is served loses nothing', async () => {
    const client = await new Client(socketUrl(await service(model), '/session')).open()
    const many = torch.randn([500, 3], { generator })
    const outputs = torch.noGrad(() => model.clone().eval().forward(many.unsqueeze(1)).squeeze(1)) as Tensor
    for (const sample of many.toArray() as number[][]) client.socket.send(Float32Array.from(sample))
    for (const output of outputs.toArray() as number[][]) expectNear((await client.next()) as Float32Array, output)
  })

  test('is refused before it opens if there are too many, or the model is another', async () => {
    const own = await service(model, { maxConnections: 1 })
    await new Client(socketUrl(own, '/session')).open()
    expect(await refused(socketUrl(own, '/session'))).toBe(503)
    expect(await refused(socketUrl(own, '/nothing'))).toBe(404)
  })

  test('is closed as going away when the server closes, after its last answer', async () => {
    const own = await service(model)
    const client = await new Client(socketUrl(own, '/session')).open()
    client.socket.send(JSON.stringify(samples[0]))
    expectNear((await client.nextJson()).y, wanted[0])
    const closed = once(client.socket, 'close')
    await own.app.close()
    expect((await closed)[0]).toBe(1001)
  })

  test('of one of several processes has no name', async () => {
    const own = await service(model, { sessions: 'connection' })
    const client = await new Client(socketUrl(own, '/session')).open()
    client.socket.send(JSON.stringify(samples[0]))
    expectNear((await client.nextJson()).y, wanted[0])
    for (const response of [
      await post(`${own.url}/sessions/a/steps`, { x: samples[0] }),
      await fetch(`${own.url}/models/m/sessions/a/events`),
      await fetch(`${own.url}/sessions/a`, { method: 'DELETE' }),
    ]) {
      expect([response.status, await response.json()]).toEqual([
        404,
        {
          error: 'Not Found',
          code: 'ERR_HTTP_NO_SESSIONS',
          message: expect.stringMatching(/no sessions by name .*--processes.* at \/session /),
        },
      ])
    }
    expect(await refused(socketUrl(own, '/sessions/a'))).toBe(404)
  })
})
