// The service of the soak and of the overload, as a process: `service.ts FILE SERVE_OPTIONS`. Sends its port when it listens,
// and what is seen of it when it is asked.
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type ServeOptions, serve } from 'libtorch-rnn/serve'
import { serveApp } from 'libtorch-rnn/serve/fastify'

/** What is seen of the process. */
export interface Seen {
  /** In MB. */
  readonly rss: number
  /** Delays of the event loop since it was asked before, beyond the resolution of 1 ms: the 99th percentile, in ms. */
  readonly delay: number
  readonly served: number
  readonly rejected: number
  readonly timedOut: number
}

const [file = '', options = '{}'] = process.argv.slice(2)
const server = await serve(file, JSON.parse(options) as ServeOptions)
const app = await serveApp({ models: { m: server }, logger: false, openapi: false, websocket: false })
await app.listen({ port: 0, host: '127.0.0.1' })
const delays = monitorEventLoopDelay({ resolution: 1 })
delays.enable()
process.on('message', () => {
  const { served, rejected, timedOut } = server.metrics()
  const seen: Seen = {
    rss: process.memoryUsage.rss() / 2 ** 20,
    delay: Math.max(0, delays.percentile(99) / 1e6 - 1),
    ...{ served, rejected, timedOut },
  }
  delays.reset()
  process.send?.(seen)
})
// Whoever started it has gone.
process.on('disconnect', () => process.exit())
process.send?.((app.server.address() as AddressInfo).port)
