import { HttpError } from './status.ts'

/** A connection that stays open: a WebSocket, or a stream of events. */
interface Connection {
  /** Ends it, after what it has begun. */
  end(): void
}

/** The open connections of a service. */
export class Connections {
  readonly #all = new Set<Connection>()
  readonly #max: number
  #isClosing = false

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#all.size
  }

  /** @throws {HttpError} if there is no room for one more. */
  requireRoom(): void {
    if (this.#isClosing) throw new HttpError(503, 'ERR_TORCH_CLOSED', 'the server is closing')
    if (this.#all.size < this.#max) return
    throw new HttpError(
      503,
      'ERR_TORCH_OVERLOADED',
      `${this.#max} connections of sessions are open, which is the most (maxConnections)`,
    )
  }

  add(connection: Connection): void {
    this.#all.add(connection)
  }

  delete(connection: Connection): void {
    this.#all.delete(connection)
  }

  /** Ends all of them, and takes no more. */
  close(): void {
    this.#isClosing = true
    for (const connection of [...this.#all]) connection.end()
  }
}
