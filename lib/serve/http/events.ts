import type { FastifyReply } from 'fastify'
import type { Signature } from '../input.ts'
import { stepToArrays } from './body.ts'
import type { Connections } from './connections.ts'

/** How often a comment is sent, in ms, so that no proxy takes the connection for dead. */
const HEARTBEAT = 15_000
/** The most bytes that wait for a client who reads slowly; then it has to connect again. */
const MOST_WAITING = 1 << 20

/** One client that receives the outputs of a session as server-sent events. */
class Watcher {
  readonly #reply: FastifyReply
  readonly #timer: NodeJS.Timeout

  constructor(reply: FastifyReply) {
    this.#reply = reply
    this.#timer = setInterval(() => this.#write(':\n\n'), HEARTBEAT).unref()
  }

  #write(text: string): void {
    const { raw } = this.#reply
    if (raw.writableLength > MOST_WAITING) raw.destroy()
    else raw.write(text)
  }

  send(data: string): void {
    this.#write(`data: ${data}\n\n`)
  }

  end(): void {
    clearInterval(this.#timer)
    this.#reply.raw.end()
  }
}

/** Who watches which session. */
export class Events {
  readonly #watchers = new Map<string, Set<Watcher>>()
  readonly #connections: Connections

  constructor(connections: Connections) {
    this.#connections = connections
  }

  /** Sends an output to those who watch a session. */
  publish(key: string, y: Float32Array, signature: Signature): void {
    const watchers = this.#watchers.get(key)
    if (watchers === undefined) return
    const data = JSON.stringify({ y: stepToArrays(y, signature) })
    for (const watcher of watchers) watcher.send(data)
  }

  /** Turns an answer into a stream of events, until the client closes it. */
  watch(key: string, reply: FastifyReply): void {
    this.#connections.requireRoom()
    reply.hijack()
    const { raw } = reply
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value)
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' })
    raw.write('retry: 1000\n\n')
    const watcher = new Watcher(reply)
    const watchers = this.#watchers.get(key) ?? new Set()
    this.#watchers.set(key, watchers.add(watcher))
    this.#connections.add(watcher)
    raw.once('close', () => {
      watcher.end()
      this.#connections.delete(watcher)
      watchers.delete(watcher)
      if (watchers.size === 0) this.#watchers.delete(key)
    })
  }
}
