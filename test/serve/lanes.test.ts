// How many batches an engine gets, and how long each was computed.
import { expect, test } from 'vitest'
import { Lanes } from '../../lib/serve/lanes.ts'

test('each lane has a batch, and one more is ready', () => {
  const lanes = new Lanes(2)
  expect([lanes.areIdle, lanes.areFree, lanes.canPrepare]).toEqual([true, true, false])
  const first = lanes.begin(0)
  expect([lanes.areIdle, lanes.areFree, lanes.canPrepare]).toEqual([false, true, false])
  const second = lanes.begin(1)
  expect([lanes.areFree, lanes.canPrepare]).toEqual([false, true])
  const third = lanes.begin(2)
  expect([lanes.areFree, lanes.canPrepare]).toEqual([false, false])
  // The third one begins when the second one ends.
  expect(lanes.end(second, 10)).toBe(9)
  expect(lanes.end(third, 14)).toBe(4)
  expect(lanes.end(first, 15)).toBe(15)
  expect([lanes.count, lanes.areIdle]).toEqual([2, true])
})
