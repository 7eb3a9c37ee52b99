import { Event } from '../cuda/index.ts'
import type { Device } from '../tensor/tensor.ts'

/** The most steps that may be pending on a GPU: enough that it never waits for the program. */
const AHEAD = 8

/**
 * Limits how far a program runs ahead of a GPU: each queued step holds a batch in pinned memory, and would delay an
 * abort. It does nothing on the CPU, where a step is finished when its promise resolves.
 */
export class Pace {
  readonly #events: Event[]
  #steps = 0

  constructor(device: Device) {
    this.#events = device === 'cpu' ? [] : Array.from({ length: AHEAD }, () => new Event())
  }

  /** Marks the end of a step. Call it in the step's `offload`. */
  mark(): void {
    this.#events[this.#steps++ % AHEAD]?.record()
  }

  /** Waits, without blocking, until at most {@link AHEAD} steps are pending on the device. */
  async wait(): Promise<void> {
    const oldest = this.#steps < AHEAD ? undefined : this.#events[this.#steps % AHEAD]
    if (oldest !== undefined && !oldest.query()) await oldest.synchronize()
  }
}
