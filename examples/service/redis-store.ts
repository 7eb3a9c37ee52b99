import type { SessionStore } from 'libtorch-rnn/serve'

/** What is used of a client of `ioredis`. */
export interface RedisClient {
  getBuffer(key: string): Promise<Buffer | null>
  set(key: string, value: Buffer, expiry: 'PX', ms: number): Promise<unknown>
  del(key: string): Promise<unknown>
}

/**
 * Keeps the states of sessions in Redis, where the processes of a service that is started again, or moved, find them.
 *
 * @example
 * const server = await serve(file, { sessions: { idle: 60_000, store: new RedisStore(new Redis(), 'machine:') } })
 */
export class RedisStore implements SessionStore {
  readonly #client: RedisClient
  readonly #prefix: string
  readonly #expiry: number

  /** @param expiry after how many ms a state is forgotten that no step came for; default: a day */
  constructor(client: RedisClient, prefix = 'session:', expiry = 86_400_000) {
    this.#client = client
    this.#prefix = prefix
    this.#expiry = expiry
  }

  load(id: string): Promise<Uint8Array | null> {
    return this.#client.getBuffer(this.#prefix + id)
  }

  async save(id: string, bytes: Uint8Array): Promise<void> {
    const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    await this.#client.set(this.#prefix + id, value, 'PX', this.#expiry)
  }

  async delete(id: string): Promise<void> {
    await this.#client.del(this.#prefix + id)
  }
}
