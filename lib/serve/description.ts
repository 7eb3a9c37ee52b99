import type { Signature } from './input.ts'
import type { Counts } from './metrics.ts'
import type { SessionCounts } from './session-options.ts'
import type { VersionInfo } from './versions.ts'

/** What a server has done since it began, and is doing: plain JSON. The counts are those of requests. */
export interface Metrics extends Counts {
  readonly state: 'open' | 'closing' | 'closed'
  /** How often a batch had so many requests. */
  readonly batchSizes: Readonly<Record<string, number>>
  /** The most requests of a batch: `batch.max`, or less for `batch.latency`. */
  readonly batchLimit: number
  /** About how long a request would wait that came now, in ms. */
  readonly backlog: number
  /** Of the steps of sessions. */
  readonly steps: Counts
  readonly sessions: Readonly<SessionCounts>
  readonly versions: readonly VersionInfo[]
}

/** What a server takes and gives. */
export interface Description extends Signature {
  readonly versions: readonly VersionInfo[]
  /** The numbers of a session's state, or null if there are no sessions. */
  readonly stateSize: number | null
  /** Whether inputs and outputs are converted by a scaler. */
  readonly scaled: boolean
}
