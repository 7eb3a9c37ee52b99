import type { FastifyReply } from 'fastify'
import { HangUp } from '../signal.ts'
import { hungUp } from './status.ts'

/** A signal that is aborted when the connection closes before the answer is written. */
export function hangUpSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  const { raw } = reply
  if (raw.destroyed) controller.abort(hungUp)
  else {
    raw.once('close', () => {
      if (!raw.writableFinished) controller.abort(hungUp)
    })
  }
  return controller.signal
}

/** The same for a single request. */
export function hangUpOf({ raw }: FastifyReply): HangUp {
  const client = new HangUp()
  if (raw.destroyed) client.abort(hungUp)
  else {
    raw.once('close', () => {
      if (!raw.writableFinished) client.abort(hungUp)
    })
  }
  return client
}
