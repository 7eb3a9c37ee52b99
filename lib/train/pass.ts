import type { BatchPlan } from '../data/loader.ts'
import type { NestedArray } from '../tensor/data.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Ending } from './ending.ts'
import type { Windows } from './units.ts'

/** The sums of a pass so far. */
export interface PassState {
  total: Tensor
  count: Tensor
  metrics: Record<string, Record<string, Tensor>>
}

/** A pass to continue. */
export interface Resumed {
  /** The number of steps that are done. */
  readonly steps: number
  /** The state of the runner after them: see {@link Runner.stateDict}. */
  readonly state: PassState
  /** Called when those batches have been passed over. */
  ready(): void
}

export interface PassOptions {
  /** A description of the pass, for errors. */
  name: string
  /** Called before each step. It may be async, and end the pass by throwing. */
  begin?(): unknown
  /**
   * Called after a step has been queued, with the number of steps so far. It may be async; `true` ends the pass. What
   * reads or changes anything of a step must await `settled` first: that all of them have run.
   */
  end?(step: number, settled: () => Promise<void>): unknown
  /** Called if a step fails, with the number of steps that have run: those queued after it have been skipped. */
  failed?(steps: number): void
  /** When to wait no more for data that do not come. */
  ending?: Ending
  resumed?: Resumed | undefined
}

/** The means over all targets of a pass. */
export interface PassResult {
  loss: number
  /** The values of the metrics, by their names: numbers, unless they may be arrays. */
  metrics: Record<string, NestedArray>
  /** Whether all data have come. */
  isWhole: boolean
}

/** One pass over the data. */
export interface Pass extends PassOptions {
  /** The windows that the data are, if they are. */
  readonly windows: Windows | undefined
  /** The same, if metrics are to be in their units. */
  readonly converted: Windows | undefined
  readonly steps: number | undefined
  step: number
  /** Whether data that do not come are no longer waited for. */
  isLeft: boolean
  /** The steps since the last check of a GPU, if their batches can be made again. */
  recent: { step: number; plan: BatchPlan }[]
  inspected: number
}
