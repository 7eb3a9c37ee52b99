import type { CalendarInput } from './calendar.ts'
import type { Storage } from './storage.ts'
import type { Rows, Table } from './table.ts'

/** Consecutive steps of one group without a gap. */
export interface Segment extends Rows {
  /** The group's index. */
  readonly group: number
}

/** What a series holds: its parts and windows are made from it. */
export interface Contents {
  /** The name of the column of times. */
  readonly time: string
  readonly table: Table
  readonly segments: readonly Segment[]
  readonly targets: readonly string[]
  readonly inputs: readonly string[]
  readonly calendar: readonly CalendarInput[]
  readonly autoregressive: boolean
  /** Whether missing values are marked. */
  readonly masked: boolean
  /** Where the tensors of its parts are. */
  readonly storage: Storage
}
