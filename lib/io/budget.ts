import { getHeapStatistics } from 'node:v8'

/** The memory that one file may use besides its tensors, in bytes. */
const MOST = 1 << 28
/** The memory that any file may use, however full the heap seems to be: much of it may be garbage. */
const LEAST = 1 << 23
/** The charges are estimates, and the result is converted once more. */
const SHARE = 4

/** The memory charged for all files that are being read. */
let making = 0

/**
 * The memory that the content of a file may still use. A single byte of a pickle can create a list, and the process
 * ends when V8's heap is full: so everything is charged before it is made.
 */
export class Budget {
  readonly #refuse: () => never
  readonly #room: number
  #made = 0

  constructor(refuse: () => never) {
    const { heap_size_limit: limit, used_heap_size: used } = getHeapStatistics()
    this.#refuse = refuse
    this.#room = Math.max(LEAST, (limit - used) / SHARE)
  }

  get made(): number {
    return this.#made
  }

  charge(bytes: number): void {
    const made = this.#made + bytes
    if (made > MOST || (made > LEAST && making + bytes > this.#room)) this.#refuse()
    this.#made += bytes
    making += bytes
  }

  /** Ends the charges: the memory belongs to the caller now. */
  close(): void {
    making -= this.#made
    this.#made = 0
  }
}
