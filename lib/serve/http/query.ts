import { checkOptions } from '../../check.ts'
import type { PredictOptions } from '../options.ts'
import { HttpError } from './status.ts'

const NONE = Object.freeze({})

/**
 * Options in the query of a request: `group`, `version` and `timeout` (ms).
 *
 * @param query as parsed by Fastify
 * @param most the longest that it may take, in ms
 * @throws {TorchError} for an unknown one
 * @throws {HttpError} for a wrong value
 */
export function readQuery(
  owner: string,
  query: unknown,
  most: number,
  known: readonly ('group' | 'version' | 'timeout')[],
): Pick<PredictOptions, 'group' | 'version' | 'deadline'> {
  const given = (query ?? NONE) as Record<string, unknown>
  let isEmpty = true
  for (const _ in given) isEmpty = false
  if (isEmpty && most === Number.POSITIVE_INFINITY) return NONE
  checkOptions(owner, { ...given }, known)
  const options: { group?: string; version?: string; deadline?: number } = {}
  for (const key of ['group', 'version'] as const) {
    const value = given[key]
    if (value === undefined) continue
    if (typeof value !== 'string') throw new HttpError(400, 'ERR_HTTP_QUERY', `${key} must be given once`)
    options[key] = value
  }
  const timeout = Math.min(most, given.timeout === undefined ? Number.POSITIVE_INFINITY : readTimeout(given.timeout))
  if (timeout < Number.POSITIVE_INFINITY) options.deadline = Date.now() + timeout
  return options
}

/** @throws {HttpError} unless it is a number of ms. */
export function readTimeout(value: unknown): number {
  const ms = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof ms === 'number' && ms > 0 && Number.isFinite(ms)) return ms
  throw new HttpError(400, 'ERR_HTTP_QUERY', `timeout must be a number of ms above 0, got ${JSON.stringify(value)}`)
}
