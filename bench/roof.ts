import { execFileSync } from 'node:child_process'
import { type Case, workOf } from './cases.ts'

interface Measured {
  lanes: number
  flops: number
  bfloat16Flops: number
  reading: { bytes: number; rate: number }[]
}

/** What the machine can do at most, measured: see roof.cpp. */
export class Roof {
  readonly #program: string
  readonly #sizes: number[]
  readonly #threads: readonly number[]
  readonly #best = new Map<number, Measured>()

  constructor(program: string, cases: readonly Case[], threads: readonly number[]) {
    this.#program = program
    this.#threads = threads
    const weights = cases.map((one) => workOf(one)?.weightBytes ?? 0).filter((bytes) => bytes > 0)
    this.#sizes = [...new Set([...weights, ...weights.flatMap((bytes) => threads.map((n) => bytes / n))])]
  }

  /** Measures; called again, it keeps the better figures, as others may have used the machine meanwhile. */
  measure(): void {
    for (const threads of this.#threads) {
      const args = [threads, ...this.#sizes].map(String)
      const now = JSON.parse(execFileSync(this.#program, args, { encoding: 'utf8' })) as Measured
      const before = this.#best.get(threads) ?? now
      this.#best.set(threads, {
        lanes: now.lanes,
        flops: Math.max(before.flops, now.flops),
        bfloat16Flops: Math.max(before.bfloat16Flops, now.bfloat16Flops),
        reading: now.reading.map(({ bytes, rate }, i) => ({
          bytes,
          rate: Math.max(rate, before.reading[i]?.rate ?? 0),
        })),
      })
    }
  }

  #reading(threads: number, bytes: number): number {
    const { reading } = this.#best.get(threads) as Measured
    return reading.reduce((a, b) => (Math.abs(b.bytes - bytes) < Math.abs(a.bytes - bytes) ? b : a)).rate
  }

  /** The least seconds that a case can take: its arithmetic, or the reading of its weights at every step. */
  seconds(one: Case, threads: number): number | undefined {
    const work = workOf(one)
    const rates = this.#best.get(threads)
    if (work === undefined || rates === undefined) return undefined
    const half = 'dtype' in one && one.dtype === 'bfloat16'
    const arithmetic = work.flops / ((half && rates.bfloat16Flops) || rates.flops)
    if (work.weightBytes === 0) return arithmetic
    return Math.max(arithmetic, (work.weightBytes * work.reads) / this.#reading(threads, work.weightBytes / threads))
  }

  toJSON(): object {
    return Object.fromEntries(this.#best)
  }
}
