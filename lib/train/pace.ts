import { Event } from '../cuda/index.ts'
import type { Device } from '../tensor/tensor.ts'

/** Steps that a GPU may have before it while more are queued: enough that it never waits for the program. */
const AHEAD = 8

/**
 * Keeps a program from running ahead of a GPU without end: each step that is queued holds a batch in pinned memory, and
 * an abort would come late. On the CPU, where a step is done when its promise resolves, it does nothing.
 */
export class Pace {
  readonly #events: Event[]
  #steps = 0

  constructor(device: Device) {
    this.#events = device === 'cpu' ? [] : Array.from({ length: AHEAD }, () => new Event())
  }

  /** Marks the end of a step: to be called in its `offload`. */
  mark(): void {
    this.#events[this.#steps++ % AHEAD]?.record()
  }

  /** Waits, without blocking, until no more than {@link AHEAD} steps are before the device. */
  async wait(): Promise<void> {
    const oldest = this.#steps < AHEAD ? undefined : this.#events[this.#steps % AHEAD]
    if (oldest !== undefined && !oldest.query()) await oldest.synchronize()
  }
}
