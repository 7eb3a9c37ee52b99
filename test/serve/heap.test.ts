// The queue's order, with requests that are taken out of its middle.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Heap } from '../../lib/serve/heap.ts'
import { Tally } from '../../lib/serve/metrics.ts'
import { Request } from '../../lib/serve/request.ts'

const tally = new Tally()
const request = (order: number): Request =>
  new Request({ data: new Float32Array(1), steps: 1 }, order, tally, {}, Number.POSITIVE_INFINITY, 0)

test('those of the same order come out in that of their calls', () => {
  const heap = new Heap()
  const all = [2, 1, 2, 1, 2, 1].map(request)
  for (const one of all) heap.push(one)
  const wanted = [1, 3, 5, 0, 2, 4].map((i) => all[i])
  expect(all.map(() => heap.pop())).toEqual(wanted)
  expect(heap.pop()).toBe(undefined)
})

test('whatever is put in and taken out, the first comes first', () => {
  const event = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('push' as const), order: fc.integer({ min: 0, max: 60 }) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat(1000) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('pop' as const) }) },
  )
  fc.assert(
    fc.property(fc.array(event, { minLength: 100, maxLength: 250 }), (events) => {
      const heap = new Heap()
      let wanted: Request[] = []
      const sorted = (): Request[] => wanted.toSorted((a, b) => a.order - b.order || a.number - b.number)
      for (const one of events) {
        if (one.kind === 'push') {
          const made = request(one.order)
          wanted.push(made)
          heap.push(made)
        } else if (wanted.length > 0) {
          const gone = one.kind === 'pop' ? sorted()[0] : wanted[one.which % wanted.length]
          if (one.kind === 'pop') expect(heap.pop()).toBe(gone)
          else heap.remove(gone as Request)
          expect(gone?.index).toBe(-1)
          wanted = wanted.filter((other) => other !== gone)
        }
        expect(heap.size).toBe(wanted.length)
        expect(new Set(heap)).toEqual(new Set(wanted))
      }
      for (const one of sorted()) expect(heap.pop()).toBe(one)
    }),
    { numRuns: 60 },
  )
})
