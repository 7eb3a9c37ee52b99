import { readFile } from 'node:fs/promises'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { type ServeOptions, type Server, serve } from 'libtorch-rnn/serve'
import { servePlugin } from 'libtorch-rnn/serve/fastify'
import { Machine } from './machine.ts'
import { HORIZON } from './train.ts'

/** What the page gets for each measurement. */
export interface Message {
  /** Counts the measurements. */
  readonly time: number
  /** In °C. */
  readonly value: number
  /** The next ones, as the model sees them coming. */
  readonly forecast: number[]
}

export interface ServiceOptions {
  /** The time from one measurement to the next, in ms. */
  interval?: number
  logger?: FastifyServerOptions['logger']
  sessions?: ServeOptions['sessions']
}

/** A service that watches one machine: a page at `/`, its data at `/live`, and all of servePlugin under `/api`. */
export async function makeService(
  file: string,
  { interval = 100, logger = true, sessions = {} }: ServiceOptions = {},
): Promise<{ app: FastifyInstance; server: Server }> {
  const server = await serve(file, { sessions })
  const app = Fastify({ logger })
  await app.register(servePlugin, { models: { machine: server }, prefix: '/api' })

  const page = await readFile(new URL('page.html', import.meta.url))
  app.get('/', (_, reply) => reply.type('text/html; charset=utf-8').send(page))

  // servePlugin brought WebSockets; this path is the service's own.
  app.get('/live', { websocket: true }, (socket) => {
    for (const message of history) socket.send(JSON.stringify(message))
  })

  const machine = new Machine(Date.now())
  const session = server.session('machine')
  const history: Message[] = []
  let time = 0
  const measure = async (): Promise<void> => {
    const value = machine.next()
    const forecast = await session.step([value])
    const message = { time: time++, value, forecast: forecast.slice(0, HORIZON) }
    history.push(message)
    if (history.length > 200) history.shift()
    const text = JSON.stringify(message)
    for (const client of app.websocketServer.clients) client.send(text)
  }
  const timer = setInterval(() => {
    measure().catch((error: unknown) => app.log.error({ err: error }, 'a measurement is lost'))
  }, interval)
  app.addHook('preClose', (done) => {
    clearInterval(timer)
    done()
  })
  return { app, server }
}
