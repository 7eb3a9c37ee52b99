import { checkOptions, invalid, requirePositive, requireString } from '../check.ts'

export interface SessionOptions {
  /** After how many ms without a step it is dropped, or saved in the store. Default: the server's `sessions.idle`. */
  idle?: number
  /** The group of the series, if each has scales of its own. */
  group?: string
  /** Where it begins: what {@link Session.save} returned. Default: the state in the store, or zeros. */
  state?: Uint8Array
}

/** What a server counts of its sessions. */
export interface SessionCounts {
  /** In memory. */
  open: number
  /** Of all that were opened. */
  opened: number
  /** Of those that got their state from the store. */
  restored: number
  /** How often a state was written into the store. */
  saved: number
  /** Dropped because they were idle, without a store. */
  dropped: number
  /** Refused because there were too many. */
  refused: number
  /** Failures of the store. */
  storeErrors: number
}

/** @throws {TorchError} for an unknown option or a wrong value. */
export function readSessionOptions(owner: string, options: SessionOptions): SessionOptions {
  checkOptions(owner, options, ['idle', 'group', 'state'])
  const { idle, group } = options
  if (idle !== undefined) requirePositive(owner, 'idle', idle)
  if (group !== undefined) requireString(owner, 'group', group)
  return options
}

/** @throws {TorchError} unless it can be the id of a session. */
export function requireId(owner: string, id: unknown): asserts id is string {
  requireString(owner, 'id', id)
  if (id === '' || id.length > 1024) throw invalid(owner, 'id', 'of 1 to 1024 letters', id, 'ERR_TORCH_VALUE')
}
