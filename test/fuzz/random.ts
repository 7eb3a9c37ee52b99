/** Random numbers that depend on a seed alone: mulberry32. */
export class Random {
  #state: number

  constructor(seed: number, stream = 0) {
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(stream + 1, 0xc2b2ae35)
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `least` up to, not including, `below`. */
  int(least: number, below: number): number {
    return least + Math.floor(this.next() * (below - least))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(0, values.length)] as T
  }

  /** Up to `most` values. */
  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.int(0, most + 1) }, make)
  }
}
