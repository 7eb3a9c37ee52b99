import type { TorchError } from '../../lib/errors.ts'
import type { Engine, Sequence } from '../../lib/serve/engine.ts'

type Rows = readonly (Float32Array | TorchError)[]
type Stepped = Awaited<ReturnType<Engine['step']>>

/** A batch that an engine was given, which ends when the test says so. */
export interface FakeBatch {
  /** The first value of each sequence. */
  readonly first: readonly number[]
  /** Answers each sequence with the sum of its values. */
  finish(): void
  answer(rows: Rows): void
  fail(error: unknown): void
}

/** An engine of one feature whose batches end when the test says so, and whose states are the sums of their samples. */
export class FakeEngine implements Engine {
  readonly inputSize = 1
  readonly numEmbeddings = null
  readonly outputSize = 1
  readonly outputShape = [1]
  readonly perStep = false
  readonly stateSize = 1
  /** Those that have begun, in their order. */
  readonly batches: FakeBatch[] = []
  readonly stepBatches: {
    slots: number[]
    x: number[]
    finish(failed?: number[]): void
    fail(error: unknown): void
  }[] = []
  readonly slots = new Map<number, number>()
  isClosed = false
  #made = 0

  run(batch: readonly Sequence[]): Promise<Rows> {
    const sums = batch.map(({ data }) => Float32Array.of(Array.from(data).reduce((sum, value) => sum + value, 0)))
    return new Promise((resolve, reject) => {
      this.batches.push({
        first: batch.map(({ data }) => data[0] as number),
        finish: () => resolve(sums),
        answer: resolve,
        fail: reject,
      })
    })
  }

  openSlot(state?: Float32Array): number {
    const slot = this.#made++
    this.slots.set(slot, state?.[0] ?? 0)
    return slot
  }

  closeSlot(slot: number): void {
    if (!this.slots.delete(slot)) throw new Error(`slot ${slot} is not open`)
  }

  readSlot(slot: number): Float32Array {
    const state = this.slots.get(slot)
    if (state === undefined) throw new Error(`slot ${slot} is not open`)
    return Float32Array.of(state)
  }

  step(slots: Int32Array, x: Float32Array | Int32Array): Promise<Stepped> {
    const [own, values] = [Array.from(slots), Array.from(x)]
    if (new Set(own).size !== own.length) throw new Error('a slot is given twice')
    for (const slot of own) this.readSlot(slot)
    return new Promise((resolve, reject) => {
      const finish = (failed: number[] = []): void => {
        for (const [i, slot] of own.entries()) {
          if (!failed.includes(i)) this.slots.set(slot, (this.slots.get(slot) as number) + (values[i] as number))
        }
        resolve({ y: Float32Array.from(own, (slot) => this.slots.get(slot) as number), failed })
      }
      this.stepBatches.push({ slots: own, x: values, finish, fail: reject })
    })
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}

/** Lets everything happen that needs no time. */
export async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}
