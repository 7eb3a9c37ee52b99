import type { WebSocket } from '@fastify/websocket'
import type { Session } from '../session.ts'
import { requireFinite } from './body.ts'
import { failureOf, HttpError, hungUp } from './status.ts'

/** How often a client must show that it is there, in ms. */
const HEARTBEAT = 30_000
/** How many messages wait before the connection is read no further, and when it is again. */
const [MOST_WAITING, FEW_WAITING] = [64, 16]
/** How long a client may take for the last messages, in ms. */
const LINGER = 2000

export const GOING_AWAY = 1001
export const CLOSING = 'the server is closing'

/** What a message carries. */
interface Sample {
  readonly isBinary: boolean
  readonly data: Buffer
}

/** Reads a sample of a message, in which the session finds further mistakes. */
type Read = (bytes: Buffer, isBinary: boolean) => Float32Array | number | number[]

/**
 * One WebSocket of a session: each message is a sample, and gets one answer, in order. A message of JSON is answered
 * with `{ "y": […] }`, one of bytes (float32) with bytes; each that fails with `{ "error", "code", "message" }`.
 */
export class SessionSocket {
  readonly #socket: WebSocket
  readonly #session: Session
  readonly #read: Read
  readonly #timeout: number
  readonly #publish: (y: Float32Array) => void
  readonly #arrays: (y: Float32Array) => unknown
  readonly #waiting: Sample[] = []
  readonly #gone = new AbortController()
  readonly #timer: NodeJS.Timeout
  #isWorking = false
  #isPaused = false
  #isEnding = false
  #isAlive = true

  constructor(
    socket: WebSocket,
    session: Session,
    {
      read,
      timeout,
      publish,
      arrays,
    }: {
      read: Read
      timeout: number
      publish: (y: Float32Array) => void
      /** An output as JSON has it. */
      arrays: (y: Float32Array) => unknown
    },
  ) {
    this.#socket = socket
    this.#session = session
    this.#read = read
    this.#timeout = timeout
    this.#publish = publish
    this.#arrays = arrays
    socket.on('message', (data, isBinary) => this.#receive({ data: data as Buffer, isBinary }))
    socket.on('pong', () => {
      this.#isAlive = true
    })
    socket.once('close', () => {
      clearInterval(this.#timer)
      this.#waiting.length = 0
      this.#gone.abort(hungUp)
    })
    this.#timer = setInterval(() => this.#beat(), HEARTBEAT).unref()
  }

  #beat(): void {
    if (!this.#isAlive && !this.#isPaused) this.#socket.terminate()
    this.#isAlive = false
    this.#socket.ping()
  }

  #receive(sample: Sample): void {
    this.#isAlive = true
    if (this.#isEnding) return
    this.#waiting.push(sample)
    if (this.#waiting.length >= MOST_WAITING && !this.#isPaused) {
      this.#isPaused = true
      this.#socket.pause()
    }
    if (!this.#isWorking) void this.#work()
  }

  async #work(): Promise<void> {
    this.#isWorking = true
    for (let sample = this.#waiting.shift(); sample !== undefined; sample = this.#waiting.shift()) {
      if (this.#isPaused && this.#waiting.length <= FEW_WAITING) {
        this.#isPaused = false
        this.#socket.resume()
      }
      const answer = await this.#answer(sample)
      // Waits until it is written, so that answers do not pile up for a client who does not read.
      if (answer !== undefined) await new Promise<void>((resolve) => this.#socket.send(answer, () => resolve()))
    }
    this.#isWorking = false
    if (this.#isEnding) this.#socket.close(GOING_AWAY, CLOSING)
  }

  async #answer({ data, isBinary }: Sample): Promise<string | Float32Array | undefined> {
    try {
      const deadline = this.#timeout === Number.POSITIVE_INFINITY ? {} : { deadline: Date.now() + this.#timeout }
      const sample = this.#read(data, isBinary)
      const y = (await this.#session.step(sample, { signal: this.#gone.signal, ...deadline })) as ArrayLike<number>
      const values = y instanceof Float32Array ? y : Float32Array.from(y)
      this.#publish(values)
      if (isBinary) return values
      requireFinite(values)
      return JSON.stringify({ y: this.#arrays(values) })
    } catch (error) {
      return error === hungUp ? undefined : JSON.stringify(failureOf(error).body)
    }
  }

  /** Answers what was received, and closes it. */
  end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    if (!this.#isWorking) this.#socket.close(GOING_AWAY, CLOSING)
    setTimeout(() => this.#socket.terminate(), LINGER).unref()
  }
}

/** A sample, or `{ "x": … }` as in a body of HTTP. @throws {HttpError} unless it is JSON. */
export function parseSample(bytes: Buffer): number | number[] {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new HttpError(400, 'ERR_HTTP_JSON', `a message must be JSON, or bytes: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value as number | number[]
  const keys = Object.keys(value)
  if (keys.length === 1 && 'x' in value) return value.x as number | number[]
  throw new HttpError(
    400,
    'ERR_HTTP_JSON',
    `a message must be a sample, or an object { "x": … } with nothing else, got one with ${keys.join(', ') || 'nothing'}`,
  )
}
