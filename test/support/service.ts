import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterEach } from 'vitest'
import { type ServeAppOptions, serveApp } from '../../lib/serve/http/index.ts'
import { type ServeOptions, type Server, serve } from '../../lib/serve/index.ts'
import type { ModelSource } from '../../lib/serve/model.ts'

export interface Service {
  readonly app: FastifyInstance
  readonly server: Server
  /** `http://127.0.0.1:1234` */
  readonly url: string
}

const open: Service[] = []

/** A service of the model `m`, at a port of its own, until the test has ended. */
export async function service(
  source: ModelSource,
  options: Omit<ServeAppOptions, 'models'> = {},
  serveOptions: ServeOptions = {},
): Promise<Service> {
  const server = await serve(source, serveOptions)
  // The pages take a tenth of a second, and few tests are about them.
  const app = await serveApp({ models: { m: server }, logger: false, openapi: false, metrics: false, ...options })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const made = { app, server, url: `http://127.0.0.1:${port}` }
  open.push(made)
  return made
}

afterEach(async () => {
  for (const { app, server } of open.splice(0)) {
    app.server.closeAllConnections()
    await app.close()
    await server.close()
  }
})

/** Sends JSON. */
export async function post(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return await fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  })
}

/** Sends the bytes of numbers. */
export async function postBytes(
  url: string,
  values: Float32Array | Int32Array | Uint8Array,
  init: RequestInit = {},
): Promise<Response> {
  return await fetch(url, {
    method: 'POST',
    body: new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength),
    ...init,
    headers: { 'content-type': 'application/octet-stream', ...init.headers },
  })
}

/** The numbers in the bytes of an answer. */
export const numbersOf = async (response: Response): Promise<Float32Array> =>
  new Float32Array(await response.arrayBuffer())
