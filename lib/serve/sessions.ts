import { LONGEST_DELAY } from '../check.ts'
import { messageOf, type TorchError, torchError } from '../errors.ts'
import { Archive, bytesOf, storeError } from './archive.ts'
import { inGroups } from './groups.ts'
import { IdleWatch } from './idle-watch.ts'
import type { Tally } from './metrics.ts'
import type { Settings } from './options.ts'
import { Patience } from './patience.ts'
import { type Limits, stackless } from './request.ts'
import { Room } from './room.ts'
import { type Session, sessionOf } from './session.ts'
import { readSessionOptions, requireId, type SessionCounts, type SessionOptions } from './session-options.ts'
import { SessionState } from './session-state.ts'
import { decodeState, type SavedState } from './state.ts'
import { Step } from './stepper.ts'
import type { Version } from './version.ts'

/** The sessions of a server. A new one belongs to the version that `versionOf` tells. */
export class Sessions {
  readonly #states = new Map<string, SessionState>()
  readonly #settings: Settings['sessions']
  readonly #queue: Settings['queue']
  readonly #tally: Tally
  readonly #versionOf: (id: string) => Version
  readonly counts: SessionCounts = {
    open: 0,
    opened: 0,
    restored: 0,
    saved: 0,
    dropped: 0,
    refused: 0,
    storeErrors: 0,
  }
  readonly #archive: Archive
  readonly #idle = new IdleWatch(
    () => this.#states.values(),
    (state) => this.#retire(state),
  )
  readonly #room: Room
  #writer: NodeJS.Timeout | undefined
  /** Whether it takes no more steps, and whether all are closed. */
  #stopped = false
  #closed = false

  constructor(
    { sessions, queue }: Pick<Settings, 'sessions' | 'queue'>,
    tally: Tally,
    versionOf: (id: string) => Version,
  ) {
    this.#settings = sessions
    this.#queue = queue
    this.#tally = tally
    this.#versionOf = versionOf
    this.#archive = new Archive(sessions.store, this.counts)
    this.#room = new Room(this.#states, sessions.max, this.#archive, (state) => this.#retire(state))
    const { interval } = sessions
    if (interval < Number.POSITIVE_INFINITY) {
      this.#writer = setInterval(() => void this.#writeChanged(), Math.min(LONGEST_DELAY, Math.max(1, interval)))
      this.#writer.unref()
    }
  }

  get size(): number {
    return this.#states.size
  }

  /** The session of this id, or a new one. */
  open(id: unknown, options: SessionOptions = {}): Session {
    const owner = 'session'
    this.#requireOpen(owner)
    requireId(owner, id)
    const { idle, group, state } = readSessionOptions(owner, options)
    const known = this.#states.get(id)
    if (known !== undefined && known.closing === undefined) {
      if (state !== undefined || (group !== undefined && group !== known.group)) {
        const what = state === undefined ? `in group '${known.group}'` : 'with a state of its own'
        throw torchError('ERR_TORCH_VALUE', `session: '${id}' is open already, ${what}: close() it first`)
      }
      if (idle !== undefined) this.#idle.watch(known, idle)
      return known.session as Session
    }
    return this.#make(id, group, idle ?? this.#settings.idle, state).session as Session
  }

  #requireOpen(owner: string): void {
    if (this.#stopped) throw stackless('ERR_TORCH_CLOSED', `${owner}: the server is closed`)
  }

  /** Takes no more steps and sessions. */
  stop(): void {
    this.#stopped = true
    this.#idle.stop()
    this.#room.stop()
    clearInterval(this.#writer)
  }

  #make(id: string, group: string | undefined, idle: number, given: Uint8Array | undefined): SessionState {
    const version = this.#versionOf(id)
    const { engine, stateKind, units } = version
    if (stateKind === null) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `session: a ${version.model} cannot be stepped${version.reason === null ? ', since it reads its inputs from the end, too' : ''}: predict() with whole sequences`,
        { op: 'session' },
      )
    }
    units?.requireGroup('session', group)
    const saved = given === undefined ? undefined : decodeState('session', given, stateKind, engine.stateSize as number)
    const { max } = this.#settings
    const isFull = this.#states.size >= max && !this.#states.has(id)
    if (isFull && (!this.#archive.exists || this.#states.size >= 2 * max)) {
      this.counts.refused += 1
      // Nobody else may ask again after a burst, or after the store has failed.
      void this.#room.make()
      throw stackless('ERR_TORCH_OVERLOADED', this.#fullMessage())
    }
    const before = this.#states.get(id)?.closing ?? this.#archive.deleting(id)
    const state = new SessionState(id, group, idle, version, performance.now())
    state.session = sessionOf(this, state)
    this.#states.set(id, state)
    this.counts.opened += 1
    const room = isFull ? this.#room.make() : this.#room.making
    // Without a store there is nothing to wait for.
    if (before === undefined && room === undefined && (saved !== undefined || !this.#archive.exists)) {
      this.#begin(state, saved)
    } else void this.#load(state, saved, before, room)
    this.#idle.watch(state, idle)
    return state
  }

  #fullMessage(): string {
    const { max } = this.#settings
    const open = `session: ${this.#states.size} sessions are open`
    if (!this.#archive.exists) return `${open}, which is the most (sessions.max)`
    const why = this.#archive.fails
      ? 'the store fails, so that idle ones stay in memory'
      : 'idle ones go to the store: try again later'
    return `${open}, twice as many as there should be in memory (sessions.max, ${max}), and ${why}`
  }

  /** Opens a slot for the state, or zeros. */
  #begin(state: SessionState, saved: SavedState | undefined): void {
    state.slot = state.version.engine.openSlot(saved?.state)
    state.steps = saved?.steps ?? 0
    state.status = 'ready'
    state.next()
  }

  async #load(
    state: SessionState,
    given: SavedState | undefined,
    before: Promise<unknown> | undefined,
    room: Promise<void> | undefined,
  ): Promise<void> {
    try {
      await before
      await room
      const saved = given ?? (await this.#archive.load(state))
      if (given === undefined && saved !== undefined) state.saved = saved.steps
      if (this.#closed) throw stackless('ERR_TORCH_CLOSED', 'session: the server is closed')
      this.#begin(state, saved)
    } catch (error) {
      this.#forget(state)
      state.leave(storeError('load', state.id, error))
      // The next step asks the store again.
      if (!this.#closed) state.end = undefined
    }
  }

  /** Writes the states that have changed, each between two of its steps. */
  async #writeChanged(): Promise<void> {
    const isIn = ({ status, closing }: SessionState): boolean => status === 'ready' && closing === undefined
    const changed = [...this.#states.values()].filter((state) => isIn(state) && state.steps !== state.saved)
    await inGroups(changed, async (state) => {
      try {
        await this.#after(state, async () => {
          if (isIn(state)) await this.#archive.write(state)
        })
      } catch {
        // It is counted, and tried again the next time.
      }
    })
  }

  #forget(state: SessionState): void {
    if (this.#states.get(state.id) === state) this.#states.delete(state.id)
  }

  /** The state of a session that is not in memory any more, for the function `owner`. */
  revive(owner: string, state: SessionState): SessionState {
    this.#requireOpen(owner)
    if (state.end !== undefined) throw state.end
    const known = this.#states.get(state.id)
    if (known !== undefined && known.closing === undefined) return known
    return this.#make(state.id, state.group, state.idle, undefined)
  }

  step(state: SessionState, sample: Float32Array | Int32Array, limits: Limits): Promise<Float32Array> {
    const tally = this.#tally
    if (this.#stopped) {
      tally.rejected += 1
      throw stackless('ERR_TORCH_CLOSED', 'step: the server is closed')
    }
    if (state.closing !== undefined) throw closedError(state.id)
    if (tally.queued >= this.#queue.steps) {
      tally.rejected += 1
      throw stackless(
        'ERR_TORCH_OVERLOADED',
        `step: ${tally.queued} steps wait, which is the most (queue.steps): try again later`,
      )
    }
    const now = performance.now()
    const step = new Step(state, tally, limits, this.#queue.timeout, now)
    const { stepper } = state.version
    const { isBusy } = stepper
    step.wait(state, now, isBusy)
    if (!isBusy && this.#queue.timeout < Number.POSITIVE_INFINITY) stepper.hope(step)
    if (state.status === 'ready' && !state.busy) state.begin(step, sample)
    else {
      step.sample = sample.slice()
      state.pending.push(step)
    }
    return step.promise
  }

  /** Calls `fn` after what was asked of a session before, at once: a moment later it may have left the memory. */
  async #after<T>(state: SessionState, fn: () => T | Promise<T>): Promise<T> {
    if (state.status === 'ready' && !state.busy && state.pending.length === 0) return await fn()
    return await new Promise<T>((resolve, reject) => {
      state.pending.push((error) => {
        if (error !== undefined) return reject(error)
        try {
          resolve(fn())
        } catch (failure) {
          reject(failure)
        }
      })
    })
  }

  async save(state: SessionState): Promise<Uint8Array> {
    if (state.closing !== undefined) throw closedError(state.id)
    return await this.#after(state, () => bytesOf(state))
  }

  /** Ends a session that is in memory, or is on its way there. */
  async close(state: SessionState): Promise<void> {
    state.closing ??= this.#close(state)
    await state.closing
  }

  /**
   * Ends the session of an id, which may be in the store only.
   *
   * @returns false if there is none
   */
  async closeId(id: unknown): Promise<boolean> {
    const owner = 'closeSession'
    this.#requireOpen(owner)
    requireId(owner, id)
    const state = this.#states.get(id)
    if (state === undefined) return await this.#archive.deleteId(id)
    const isFirst = state.closing === undefined
    await this.close(state)
    return isFirst
  }

  async #close(state: SessionState): Promise<void> {
    const begin = (): void => {
      state.status = 'closing'
    }
    try {
      // A state that is being saved must not come into the store after it was deleted there.
      await this.#after(state, begin)
    } catch {
      // It could not be loaded: then there is nothing to wait for.
      begin()
    }
    try {
      await this.#archive.delete(state)
    } finally {
      this.#forget(state)
      state.leave(closedError(state.id))
    }
  }

  /** Takes a session out of memory that no step has come for: into the store, or for good. */
  async #retire(state: SessionState): Promise<void> {
    if (state.status !== 'ready' || state.busy || state.pending.length > 0) return
    if (!this.#archive.exists) {
      this.#forget(state)
      this.counts.dropped += 1
      state.leave(
        stackless(
          'ERR_TORCH_CLOSED',
          `session: '${state.id}' was dropped after ${state.idle} ms without a step: open a new one, or serve with a store`,
        ),
      )
      return
    }
    state.status = 'saving'
    try {
      await this.#archive.write(state)
    } catch {
      if (state.status !== 'saving') return
      // It stays in memory, and is tried again after as long a time.
      state.used = performance.now()
      this.#resume(state)
      return
    }
    // The server may have been closed.
    if (state.status !== 'saving') return
    if (state.pending.length > 0) this.#resume(state)
    else {
      this.#forget(state)
      state.leave(undefined)
    }
  }

  #resume(state: SessionState): void {
    state.status = 'ready'
    this.#idle.watch(state, state.idle)
    state.next()
  }

  /** Moves all sessions of a version, as long as it gets no more, to those that follow it. */
  async leave(version: Version): Promise<void> {
    while (version.successor !== undefined) {
      const states = [...this.#states.values()].filter((state) => state.version === version)
      if (states.length === 0) return
      await inGroups(states, (state) => state.move())
      // Those of which a step is being computed move when it is done.
      if (states.some((state) => state.version === version)) await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  /** Gives up the steps that wait for others of their sessions. */
  clear(error: TorchError): void {
    for (const { pending } of this.#states.values()) {
      for (const item of [...pending]) if (typeof item !== 'function') item.reject(error, 'rejected')
    }
  }

  /**
   * Closes all sessions, of which no step waits or runs; with a store their states are saved, as far as that takes no
   * longer than `patience` ms.
   *
   * @throws {TorchError} (rejects) if some could not be saved; all are closed, and their states are kept for
   *   {@link saveLeft}.
   */
  async end(patience = Number.POSITIVE_INFINITY): Promise<void> {
    this.stop()
    const closed = stackless('ERR_TORCH_CLOSED', 'session: the server is closed')
    this.#closed = true
    const states = [...this.#states.values()]
    const errors: unknown[] = []
    const patient = new Patience(patience)
    await inGroups(states, async (state) => {
      if (this.#archive.exists && state.slot >= 0 && state.status !== 'closing') {
        try {
          await patient.wait(() => this.#archive.write(state))
        } catch (error) {
          errors.push(error)
          this.#archive.keep(state)
        }
      }
      this.#forget(state)
      state.leave(closed)
    })
    patient.end()
    requireSaved(errors, states.length)
  }

  /** How many states {@link end} could not save. */
  get left(): number {
    return this.#archive.left
  }

  /**
   * Saves the states that {@link end} could not save.
   *
   * @throws {TorchError} (rejects) if some could not be saved; they are kept.
   */
  async saveLeft(patience: number): Promise<void> {
    const { left } = this
    const patient = new Patience(patience)
    const errors = await this.#archive.writeLeft(patient)
    patient.end()
    requireSaved(errors, left)
  }
}

/** @throws {TorchError} if there are errors of saving `count` sessions. */
function requireSaved(errors: readonly unknown[], count: number): void {
  if (errors.length === 0) return
  const [first] = errors
  const message = `close: ${errors.length} of ${count} sessions could not be saved: ${messageOf(first)}`
  throw torchError('ERR_TORCH_RUNTIME', message, { cause: first })
}

const closedError = (id: string): TorchError => stackless('ERR_TORCH_CLOSED', `session: '${id}' was closed`)
