import { type InspectOptions, inspect } from 'node:util'
import {
  checkOptions,
  invalid,
  requireChoice,
  requireNone,
  requireNonNegative,
  requireProbability,
  requireSignal,
} from '../check.ts'
import { asyncDispose } from '../dispose.ts'
import { messageOf, torchError } from '../errors.ts'
import type { Description, Metrics } from './description.ts'
import { type Form, formed, formOf, type Input, type Output, readInput } from './input.ts'
import { Counters } from './metrics.ts'
import { type ModelSource, versionOf } from './model.ts'
import {
  type CloseOptions,
  type PredictOptions,
  type ReloadOptions,
  readOptions,
  readPredict,
  type ServeOptions,
  type Settings,
} from './options.ts'
import { Request, stackless } from './request.ts'
import type { Session } from './session.ts'
import type { SessionOptions } from './session-options.ts'
import { Sessions } from './sessions.ts'
import type { HangUp } from './signal.ts'
import { requireSame, type Version } from './version.ts'
import { type Routes, requireName, type VersionInfo, Versions } from './versions.ts'

/** A server that closes at once still saves its sessions, in ms. */
const LEAST_TO_SAVE = 1000

const CONSTRUCT = Symbol('construct')

/** @internal {@link Server.predict} for a client that may hang up. Throws what is wrong with the request. */
export let predictFor: (
  server: Server,
  x: Float32Array | Int32Array,
  options: PredictOptions,
  client: HangUp,
) => Promise<Float32Array>

/**
 * Computes requests in batches, and steps of sessions together, off the event loop. Made by {@link serve}.
 */
export class Server {
  readonly #settings: Settings
  readonly #counters = new Counters()
  readonly #versions: Versions
  readonly #sessions: Sessions
  #state: Metrics['state'] = 'open'
  #closing: Promise<void> | undefined
  /** All that have requests, also those that nobody can get any more. */
  readonly #alive = new Set<Version>()
  /** What versions have to end. */
  readonly #pending = new Set<Promise<unknown>>()

  static {
    predictFor = (server, x, options, client) =>
      server.#predict(x, 'typed', readPredict('predict', options), client) as Promise<Float32Array>
  }

  /** @internal */
  static async [CONSTRUCT](source: ModelSource, options: ServeOptions): Promise<Server> {
    const server = new Server(CONSTRUCT, readOptions(options))
    const version = await versionOf(source, server.#settings, server.#counters)
    server.#add(version, undefined, 1)
    return server
  }

  // Protected, so that `new Server()` does not compile.
  protected constructor(key: symbol, settings: Settings) {
    if (key !== CONSTRUCT) throw torchError('ERR_TORCH_TYPE', 'new Server() has no model: use serve(source)')
    this.#settings = settings
    this.#versions = new Versions((version) => void this.#track(this.#end(version)))
    this.#sessions = new Sessions(settings, this.#counters.steps, (id) => this.#versions.ofSession(id))
  }

  /**
   * Computes one sequence.
   *
   * @param x (steps, inputSize) values in the units of the data, or (steps) tokens: a typed array, which must not change
   *   before the promise settles, nested arrays, or a tensor
   * @returns in the form of `x`: (outputSize), (horizon, outputSize), or with a row for each step (steps, …)
   * @throws {TorchError} (rejects) `ERR_TORCH_OVERLOADED` if too many wait already; `ERR_TORCH_TIMEOUT` if it took
   *   longer than it may; `ERR_TORCH_NON_FINITE` for NaN or infinity; `ERR_TORCH_CLOSED` by a closed server;
   *   `ERR_TORCH_SHAPE` or `ERR_TORCH_TYPE` if the model does not take it. With the signal's reason if it is aborted.
   */
  predict<X extends Input>(x: X, options?: PredictOptions): Promise<Output<X>> {
    try {
      return this.#predict(x, formOf(x), readPredict('predict', options)) as Promise<Output<X>>
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #predict(x: Input, form: Form, options: PredictOptions, client?: HangUp): Promise<Output<Input>> {
    const { requests } = this.#counters
    const { queue } = this.#settings
    this.#requireOpen('predict')
    if (requests.queued >= queue.max) {
      requests.rejected += 1
      throw stackless(
        'ERR_TORCH_OVERLOADED',
        `predict: ${requests.queued} requests wait, which is the most (queue.max): try again later`,
      )
    }
    const { signal, group } = options
    requireSignal('predict', signal)
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (client?.aborted) return Promise.reject(client.reason)
    const version =
      options.version === undefined ? this.#versions.next() : this.#versions.get('predict', options.version)
    const { signature, units } = version
    let sequence = readInput('predict', x, signature, options.shape)
    if (units !== undefined) {
      units.requireGroup('predict', group)
      if (signature.numEmbeddings === null) {
        const data = new Float32Array(sequence.data.length)
        units.scale('predict', sequence.data as Float32Array, data, group)
        sequence = { data, steps: sequence.steps }
      }
    } else if (group !== undefined) throw invalid('predict', 'group', 'left out: the model has no scaler', group)
    const now = performance.now()
    const order = now - (options.priority ?? 0) * queue.aging
    const limits = client === undefined ? options : { ...options, signal: client }
    const request = new Request(sequence, order, requests, limits, queue.timeout, now)
    version.requests += 1
    version.batcher.add(request, now)
    const { promise } = request
    if (units === undefined && form === 'typed') return promise
    return promise.then((output) => {
      units?.invert('predict', output, output, group)
      return formed(output, form, signature)
    })
  }

  /**
   * The session of an id, which keeps the state between steps; a new one, unless it is open already. With a store, its
   * state is fetched from there before the first step.
   *
   * @throws {TorchError} `ERR_TORCH_OVERLOADED` if too many are open; `ERR_TORCH_VALUE` if the model cannot be stepped;
   *   `ERR_TORCH_FORMAT` if `state` is not one of such a model; `ERR_TORCH_CLOSED` by a closed server.
   */
  session(id: string, options: SessionOptions = {}, ...none: undefined[]): Session {
    requireNone('session', none)
    return this.#sessions.open(id, options)
  }

  /**
   * Ends the session of an id after the steps that were called before; its state is forgotten, also by the store. As
   * {@link Session.close}, without opening a session that there is not.
   *
   * @returns (resolves with) whether there was one, in memory or in the store
   * @throws {TorchError} (rejects) `ERR_TORCH_RUNTIME` if the store fails; `ERR_TORCH_CLOSED` by a closed server.
   */
  async closeSession(id: string, ...none: undefined[]): Promise<boolean> {
    requireNone('closeSession', none)
    return await this.#sessions.closeId(id)
  }

  /**
   * Makes and warms up another version, and exchanges it for the present ones between two batches: requests that were
   * called before end on these. Sessions go on with their states. If it fails, nothing has changed.
   *
   * @returns the name of the version
   * @throws {TorchError} (rejects) as {@link serve}; `ERR_TORCH_SHAPE` if it does not take and give what the present one
   *   does; `ERR_TORCH_VALUE` if it cannot go on from the states of the sessions.
   */
  async reload(source: ModelSource, options: ReloadOptions = {}, ...none: undefined[]): Promise<string> {
    const owner = 'reload'
    requireNone(owner, none)
    checkOptions(owner, options, ['name', 'share', 'sessions'])
    this.#requireOpen(owner)
    const { share = 1, sessions = 'keep' } = options
    requireProbability(owner, 'share', share)
    requireChoice(owner, 'sessions', sessions, ['keep', 'reset'])
    const { name } = options
    if (name !== undefined) requireName(owner, this.#versions, name)
    const version = await versionOf(source, this.#settings, this.#counters)
    try {
      this.#requireOpen(owner)
      if (name !== undefined) requireName(owner, this.#versions, name)
      requireSame(version, this.#versions.main, { count: this.#sessions.size, become: sessions })
    } catch (error) {
      await version.close()
      throw error
    }
    this.#add(version, name, share)
    this.#moveSessions()
    return version.name
  }

  /** The versions that get requests, and those that {@link rollback} would bring back. */
  versions(): VersionInfo[] {
    return this.#versions.list()
  }

  /**
   * Sets the shares of the requests. Versions that are left out get none, and are kept for {@link rollback} only. Each
   * session stays with one version.
   *
   * @example server.route({ v1: 0.9, v2: 0.1 })
   */
  route(routes: Routes, ...none: undefined[]): void {
    requireNone('route', none)
    this.#requireOpen('route')
    this.#versions.route(routes)
    this.#moveSessions()
  }

  /**
   * Goes back to the versions and shares before the last {@link reload} or {@link route}, once: those before these are
   * not kept.
   *
   * @throws {TorchError} `ERR_TORCH_VALUE` if there is nothing to go back to.
   */
  rollback(...none: undefined[]): void {
    requireNone('rollback', none)
    this.#requireOpen('rollback')
    this.#versions.rollback()
    this.#moveSessions()
  }

  #moveSessions(): void {
    for (const version of this.#versions) {
      if (version.successor !== undefined) void this.#track(this.#sessions.leave(version))
    }
  }

  /** Ends what a version has that nobody can get any more. */
  async #end(version: Version): Promise<void> {
    await Promise.all([version.batcher.drained(), this.#sessions.leave(version)])
    this.#alive.delete(version)
    try {
      await version.close()
    } catch (error) {
      // Nobody waits for this.
      process.emitWarning(`libtorch-rnn: version ${version.name} could not be closed: ${messageOf(error)}`)
    }
  }

  /** Makes it known. */
  #add(version: Version, name: string | undefined, share: number): void {
    version.name = name ?? this.#versions.newName()
    this.#alive.add(version)
    this.#versions.add(version, share)
  }

  async #track<T>(promise: Promise<T>): Promise<T> {
    this.#pending.add(promise)
    try {
      return await promise
    } finally {
      this.#pending.delete(promise)
    }
  }

  /** What it takes and gives. */
  describe(): Description {
    const { signature, units, stateKind, engine } = this.#versions.main
    return {
      ...signature,
      stateSize: stateKind === null ? null : engine.stateSize,
      scaled: units !== undefined,
      versions: this.versions(),
    }
  }

  /** The most requests that wait, `queue.max`. */
  get queueMax(): number {
    return this.#settings.queue.max
  }

  /** What it has done since it began, and is doing. */
  metrics(): Metrics {
    const { requests, steps, sizes } = this.#counters
    return {
      state: this.#state,
      ...requests.counts(),
      batchSizes: Object.fromEntries([...sizes].sort(([a], [b]) => a - b)),
      batchLimit: this.#versions.main.batcher.limit,
      backlog: [...this.#alive].reduce((sum, { batcher }) => sum + batcher.backlog, 0),
      steps: steps.counts(),
      sessions: { ...this.#sessions.counts, open: this.#sessions.size },
      versions: this.versions(),
    }
  }

  #requireOpen(owner: string): void {
    if (this.#state === 'open') return
    if (owner === 'predict') this.#counters.requests.rejected += 1
    throw stackless('ERR_TORCH_CLOSED', `${owner}: the server is ${this.#state}`)
  }

  /**
   * Takes no more requests and steps, ends those that it has, saves the sessions in the store if there is one, and frees
   * the models.
   *
   * @throws {TorchError} (rejects) if sessions could not be saved; the rest is done all the same. Their states are kept,
   *   and another call tries to save them again.
   */
  async close(options: CloseOptions = {}, ...none: undefined[]): Promise<void> {
    requireNone('close', none)
    checkOptions('close', options, ['drain'])
    const { drain = 5000 } = options
    requireNonNegative('close', 'drain', drain)
    this.#closing ??= this.#closeOrSave(drain)
    await this.#closing
  }

  /** Closes it; if it is closed, saves what could not be saved. */
  async #closeOrSave(drain: number): Promise<void> {
    try {
      if (this.#state === 'closed') await this.#sessions.saveLeft(Math.max(LEAST_TO_SAVE, drain))
      else await this.#close(drain)
    } catch (error) {
      if (this.#sessions.left > 0) this.#closing = undefined
      throw error
    }
  }

  async #close(drain: number): Promise<void> {
    this.#state = 'closing'
    this.#sessions.stop()
    const { requests, steps } = this.#counters
    const quiet = Promise.all([requests.quiet(), steps.quiet()])
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      if (drain < 2 ** 31) timer = setTimeout(resolve, drain)
    })
    await Promise.race([quiet, late])
    clearTimeout(timer)
    const closed = (owner: string) =>
      stackless('ERR_TORCH_CLOSED', `${owner}: the server was closed, and this had not begun after ${drain} ms`)
    const closedStep = closed('step')
    this.#sessions.clear(closedStep)
    for (const { batcher, stepper } of this.#alive) {
      batcher.clear(closed('predict'))
      stepper.clear(closedStep)
    }
    await quiet
    try {
      await this.#sessions.end(Math.max(LEAST_TO_SAVE, drain))
    } finally {
      await Promise.allSettled([...this.#pending])
      this.#alive.clear()
      this.#state = 'closed'
      for (const version of this.#versions) await version.close()
    }
  }

  /** Its state, its versions with their shares, and what waits and runs. */
  [inspect.custom](_depth?: number, options?: InspectOptions): string {
    const { requests, steps } = this.#counters
    const summary = {
      state: this.#state,
      versions: Object.fromEntries(
        this.#versions.list().map(({ name, model, engine, share }) => [name, { model, engine, share }]),
      ),
      queued: requests.queued + steps.queued,
      running: requests.running + steps.running,
      sessions: this.#sessions.size,
    }
    return `Server ${inspect(summary, options)}`
  }

  /** {@link close}, for `await using`. */
  async [asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * Serves a model: requests become batches, off the event loop.
 *
 * @example
 * const server = await serve('model.safetensors', { batch: { max: 64 }, queue: { max: 1000, timeout: 250 } })
 * const y = await server.predict(x)
 * await server.close()
 * @param source a path, a module, or a function that makes one: see {@link ModelSource}
 * @throws {TorchError} (rejects) for a model that cannot be loaded, made or computed, or does not fit the options.
 */
export async function serve(source: ModelSource, options: ServeOptions = {}, ...none: undefined[]): Promise<Server> {
  requireNone('serve', none)
  return await Server[CONSTRUCT](source, options)
}
