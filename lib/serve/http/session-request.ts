import type { FastifyRequest } from 'fastify'
import { torchError } from '../../errors.ts'
import type { Session } from '../session.ts'
import type { SessionOptions } from '../session-options.ts'
import { parseNumbers } from './body.ts'
import type { ServedModel, ServedModels } from './model.ts'
import { readQuery } from './query.ts'

/** What the path of a request about a session has. */
export interface SessionParams {
  model?: string
  id: string
}

/** Paths of the first model, and of each by its name. */
export const PREFIXES = ['', '/models/:model'] as const

export const modelOf = (models: ServedModels, { params }: FastifyRequest): ServedModel =>
  models.get((params as SessionParams).model)

/** Under what a session's outputs are published. */
export const keyOf = ({ name }: ServedModel, id: string): string => `${name}/${id}`

/** The session that a request is about. */
export function openSession(model: ServedModel, request: FastifyRequest, id: string): Session {
  const { group } = readQuery('session', request.query, Number.POSITIVE_INFINITY, ['group', 'timeout'])
  const options: SessionOptions = group === undefined ? {} : { group }
  return model.server.session(id, options)
}

/** A token in bytes is a number. */
export function readBytes(bytes: Buffer, { signature }: ServedModel): Float32Array | number {
  const values = parseNumbers('step', bytes, signature)
  if (values instanceof Float32Array) return values
  if (values.length === 1) return values[0] as number
  throw torchError('ERR_TORCH_SHAPE', `step: the sample must be one token, got ${values.length}`, { op: 'step' })
}
