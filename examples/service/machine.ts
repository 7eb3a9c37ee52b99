/** A simulated machine, whose temperature swings with two loads. */
export class Machine {
  #time = 0
  #random: number

  constructor(seed: number) {
    this.#random = seed
  }

  /** The next measurement, in °C. */
  next(): number {
    const t = this.#time++
    return 60 + 10 * Math.sin((2 * Math.PI * t) / 40) + 4 * Math.sin((2 * Math.PI * t) / 13) + this.#noise() * 0.4
  }

  /** About normal: the sum of three uniform numbers (mulberry32). */
  #noise(): number {
    let sum = -1.5
    for (let i = 0; i < 3; i++) {
      this.#random = (this.#random + 0x6d2b79f5) | 0
      let bits = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random)
      bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
      sum += ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
    }
    return sum * 2
  }
}
