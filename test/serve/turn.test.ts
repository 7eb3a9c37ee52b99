// What is done at the end of a turn of the event loop.
import { expect, test } from 'vitest'
import { EndOfTurn } from '../../lib/serve/turn.ts'

test('a function is called once at the end of each turn in which it was asked for', async () => {
  const calls: string[] = []
  const end = new EndOfTurn(() => {
    calls.push('end')
  })
  end.ask()
  end.ask()
  await Promise.resolve()
  calls.push('microtask')
  await new Promise((resolve) => setImmediate(resolve))
  expect(calls).toEqual(['microtask', 'end'])
  await new Promise((resolve) => setImmediate(resolve))
  expect(calls).toEqual(['microtask', 'end'])
  end.ask()
  await new Promise((resolve) => setImmediate(resolve))
  expect(calls).toEqual(['microtask', 'end', 'end'])
})
