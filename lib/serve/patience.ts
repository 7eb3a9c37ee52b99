import { LONGEST_DELAY } from '../check.ts'
import { torchError } from '../errors.ts'

/** Waits for others, but not longer than so many ms for all of them together. */
export class Patience {
  readonly #ms: number
  readonly #late: Promise<void>
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(ms: number) {
    this.#ms = ms
    this.#late = new Promise((resolve) => {
      if (ms > LONGEST_DELAY) return
      this.#timer = setTimeout(() => {
        this.#isOver = true
        resolve()
      }, ms)
    })
  }

  /** @throws {TorchError} (rejects) `ERR_TORCH_TIMEOUT` if the time is over; as `fn` does. */
  async wait(fn: () => Promise<void>): Promise<void> {
    const late = async (): Promise<never> => {
      await this.#late
      throw torchError('ERR_TORCH_TIMEOUT', `the store took longer than ${this.#ms} ms`)
    }
    await (this.#isOver ? late() : Promise.race([fn(), late()]))
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}
