// What is given up when a signal is aborted, or a client hangs up.
import { expect, test } from 'vitest'
import { HangUp, onAbort } from '../../lib/serve/signal.ts'

test('a client that hangs up gives up its request once, unless that is done', () => {
  const reasons: unknown[] = []
  const request = { abort: (reason: unknown) => void reasons.push(reason) }
  const client = new HangUp()
  expect([client.aborted, client.reason]).toEqual([false, undefined])
  onAbort(client, request)
  client.abort('gone')
  client.abort('again')
  expect([client.aborted, client.reason, reasons]).toEqual([true, 'gone', ['gone']])
  const other = new HangUp()
  onAbort(other, request)()
  other.abort('late')
  expect(reasons).toEqual(['gone'])
})

test('a signal of many requests has one listener, and gives up those that are not done', () => {
  const controller = new AbortController()
  const reasons: unknown[] = []
  const ends = Array.from({ length: 20 }, (_, i) =>
    onAbort(controller.signal, { abort: (reason) => void reasons.push([i, reason]) }),
  )
  for (const end of ends.slice(2)) end()
  controller.abort('stop')
  expect(reasons).toEqual([
    [0, 'stop'],
    [1, 'stop'],
  ])
})
