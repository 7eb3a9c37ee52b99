import { getHeapStatistics } from 'node:v8'

/** What one file may make in memory beside its tensors, in bytes. */
const MOST = 1 << 28
/** What any file may make, however full the heap seems to be: much of that may be garbage. */
const LEAST = 1 << 23
/** The charges are estimates, and what is read is converted once more. */
const SHARE = 4

/** What all files have made that are being read. */
let making = 0

/**
 * What the content of a file may still make. Its bytes are on a disk, but a byte of a pickle can be a list, and when the
 * heap of V8 is full, the process ends: so all is charged before it is made.
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

  /** What has been charged is the caller's now. */
  close(): void {
    making -= this.#made
    this.#made = 0
  }
}
