import type { Signature } from '../input.ts'
import type { Server } from '../server.ts'
import { HttpError } from './status.ts'

/** How old a backlog may be that an answer tells, in ms. */
const STALE = 200

/** The server of one model, under its name. */
export class ServedModel {
  readonly name: string
  readonly server: Server
  /** The same for all versions, see {@link Server.reload}. */
  readonly signature: Signature
  readonly #hasStates: boolean
  #retryAfter = 1
  #asked = Number.NEGATIVE_INFINITY

  constructor(name: string, server: Server) {
    this.name = name
    this.server = server
    const { stateSize, ...signature } = server.describe()
    this.signature = signature
    this.#hasStates = stateSize !== null
  }

  /** Whether it can be stepped. */
  get hasStates(): boolean {
    return this.#hasStates
  }

  /** The seconds after which a request that was refused may come again. */
  get retryAfter(): number {
    const now = performance.now()
    if (now - this.#asked > STALE) {
      this.#asked = now
      this.#retryAfter = Math.max(1, Math.ceil(this.server.metrics().backlog / 1000))
    }
    return this.#retryAfter
  }

  /** @throws {HttpError} unless there is such a version. */
  requireVersion(version: string | undefined): void {
    if (version === undefined) return
    const names = this.server.versions().map(({ name }) => name)
    if (names.includes(version)) return
    throw new HttpError(
      404,
      'ERR_HTTP_NO_VERSION',
      `model '${this.name}' has no version '${version}', only ${names.join(', ')}`,
    )
  }
}

/** Models by their names. */
export class ServedModels {
  readonly #all: ReadonlyMap<string, ServedModel>
  /** That of the paths without a name. */
  readonly first: ServedModel

  constructor(models: ReadonlyMap<string, Server>) {
    this.#all = new Map([...models].map(([name, server]) => [name, new ServedModel(name, server)]))
    const [first] = this.#all.values()
    this.first = first as ServedModel
  }

  [Symbol.iterator](): IterableIterator<ServedModel> {
    return this.#all.values()
  }

  /**
   * The model of a path; the first one if the path has no name.
   *
   * @throws {HttpError} if there is none of this name.
   */
  get(name: string | undefined): ServedModel {
    if (name === undefined) return this.first
    const model = this.#all.get(name)
    if (model !== undefined) return model
    throw new HttpError(
      404,
      'ERR_HTTP_NO_MODEL',
      `there is no model '${name}', only ${[...this.#all.keys()].join(', ')}`,
    )
  }
}
