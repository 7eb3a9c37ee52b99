import { beforeEach, expect, test, vi } from 'vitest'
import { Pace } from '../../lib/train/pace.ts'

/** The events that were made, each with what the device has done of it. */
const events = vi.hoisted(() => [] as { recorded: number; reached: boolean; waited: number }[])
vi.mock('../../lib/cuda/index.ts', () => ({
  Event: class {
    readonly state = { recorded: 0, reached: false, waited: 0 }
    constructor() {
      events.push(this.state)
    }
    record(): void {
      this.state.recorded++
      this.state.reached = false
    }
    query(): boolean {
      return this.state.reached
    }
    async synchronize(): Promise<void> {
      this.state.waited++
      this.state.reached = true
    }
  },
}))

beforeEach(() => {
  events.length = 0
})

test('on a GPU, a step waits for the one eight steps before it', async () => {
  const pace = new Pace('cuda:0')
  const waits: number[] = []
  for (let step = 1; step <= 10; step++) {
    pace.mark()
    await pace.wait()
    waits.push(events.reduce((sum, { waited }) => sum + waited, 0))
  }
  expect(events).toHaveLength(8)
  // After the eighth step for the first, after the ninth for the second, …
  expect(waits).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 2, 3])
  expect(events.map(({ waited }) => waited)).toEqual([1, 1, 1, 0, 0, 0, 0, 0])
})

test('a device that keeps up is not waited for', async () => {
  const pace = new Pace('cuda:0')
  for (let step = 1; step <= 20; step++) {
    pace.mark()
    for (const event of events) event.reached = true
    await pace.wait()
  }
  expect(events.every(({ waited }) => waited === 0)).toBe(true)
  expect(events.reduce((sum, { recorded }) => sum + recorded, 0)).toBe(20)
})

test('on the CPU there is nothing to wait for', async () => {
  const pace = new Pace('cpu')
  for (let step = 1; step <= 20; step++) pace.mark()
  await pace.wait()
  expect(events).toEqual([])
})
