import type { TorchError } from '../errors.ts'
import type { Queue, Waiting } from './request.ts'
import type { Session } from './session.ts'
import type { Step, Stepped } from './stepper.ts'
import type { Version } from './version.ts'

/**
 * - `loading`: its state is being fetched
 * - `ready`: in memory
 * - `saving`: in memory, on the way to the store
 * - `closing`: all its steps are done, and the store is being told
 * - `gone`: not in memory; in the store, unless it has an `end`
 */
export type Status = 'loading' | 'ready' | 'saving' | 'closing' | 'gone'

/** What comes after the steps before it; called with an error if these cannot be done. */
export type Then = (error?: unknown) => void

/** The state of a session while it is in memory. */
export class SessionState implements Stepped, Queue {
  readonly id: string
  readonly group: string | undefined
  idle: number
  status: Status = 'loading'
  version: Version
  slot = -1
  steps = 0
  /** How many steps led to the state in the store; -1 if that is of another kind. */
  saved = 0
  /** When its last step ended, as of `performance.now()`. */
  used: number
  /** Whether one of its steps is in the stepper. */
  busy = false
  readonly pending: (Step | Then)[] = []
  /** Why it can take no step any more. */
  end: TorchError | undefined
  /** Settles when it is closed: it takes no more steps. */
  closing: Promise<void> | undefined
  session: Session | undefined
  /** The last of what the store is asked about it, in order: an older state must not follow a newer one. */
  asked: Promise<unknown> | undefined

  constructor(id: string, group: string | undefined, idle: number, version: Version, now: number) {
    this.id = id
    this.group = group
    this.idle = idle
    this.version = version
    this.used = now
  }

  /** Gives a step up that waits for others. */
  remove(step: Waiting): void {
    const index = this.pending.indexOf(step as Step)
    if (index >= 0) this.pending.splice(index, 1)
  }

  free(stepped: boolean, now: number): void {
    this.busy = false
    this.used = now
    if (stepped) this.steps += 1
    this.move()
    this.next()
  }

  /** Goes on with what waits, if it can. */
  next(): void {
    while (!this.busy && this.status === 'ready' && this.pending.length > 0) {
      const item = this.pending.shift() as Step | Then
      if (typeof item === 'function') item()
      else this.begin(item, item.sample as Float32Array | Int32Array)
    }
  }

  /** Hands a step to the stepper. */
  begin(step: Step, sample: Float32Array | Int32Array): void {
    this.move()
    this.busy = true
    step.queue = this.version.stepper
    try {
      this.version.stepper.add(step, sample)
    } catch (error) {
      this.busy = false
      step.reject(error, 'failed')
    }
  }

  /** Goes over to the version that follows its own, if that gets no more: with its state, or without if it has others. */
  move(): void {
    const { engine, successor, stateKind } = this.version
    if (successor === undefined || this.busy) return
    const next = successor(this.id)
    if (this.slot < 0) {
      this.version = next
      return
    }
    const state = next.stateKind === stateKind ? engine.readSlot(this.slot) : undefined
    let slot: number
    try {
      slot = next.engine.openSlot(state)
    } catch {
      // There is no memory for it: it stays where it is, and tries again.
      return
    }
    engine.closeSlot(this.slot)
    this.version = next
    this.slot = slot
    if (state === undefined) {
      this.steps = 0
      this.saved = -1
    }
  }

  /** Forgets its state. What waits for it ends with `error`. */
  leave(error: TorchError | undefined): void {
    if (this.slot >= 0) this.version.engine.closeSlot(this.slot)
    this.slot = -1
    this.status = 'gone'
    this.end = error
    for (const item of this.pending.splice(0)) {
      if (typeof item === 'function') item(error)
      else item.reject(error, 'rejected')
    }
  }
}
