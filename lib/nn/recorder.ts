import type { Tensor } from '../tensor/tensor.ts'
import type { Recurrence, RecurrentModule } from './recurrent.ts'
import type { PackedSequence } from './utils/rnn.ts'

/** @internal What to record of a network that runs: its gates, or zeros added to its states to take gradients at. */
export type Recording = 'gates' | 'probes'

/** @internal What was recorded of one layer and direction, in one run of a recurrent network. */
export interface Recorded {
  readonly module: RecurrentModule
  readonly recurrence: Recurrence
  readonly layer: number
  readonly reverse: boolean
  /** In the order of `composite.h`. */
  readonly tensors: readonly Tensor[]
  /** The input, where it was packed: the tensors are packed as it is. */
  readonly packed: PackedSequence | null
}

/** @internal Collects what the recurrent networks that run meanwhile have to show: see {@link record}. */
export class Recorder {
  readonly what: Recording
  readonly runs: Recorded[] = []

  constructor(what: Recording) {
    this.what = what
  }

  add(
    module: RecurrentModule,
    recurrence: Recurrence,
    tensors: readonly Tensor[],
    packed: PackedSequence | null,
  ): void {
    const directions = module.bidirectional ? 2 : 1
    const count = tensors.length / (module.numLayers * directions)
    for (let i = 0; i < module.numLayers * directions; i++) {
      const layer = Math.floor(i / directions)
      const own = tensors.slice(i * count, (i + 1) * count)
      this.runs.push({ module, recurrence, layer, reverse: i % directions === 1, tensors: own, packed })
    }
  }
}

let recorder: Recorder | undefined

/** @internal The recorder of the {@link record} that is under way. */
export function currentRecorder(): Recorder | undefined {
  return recorder
}

/** @internal Calls `fn`, in which every recurrent network runs step by step, and tells what was recorded of them. */
export function record<T>(what: Recording, fn: () => T): { result: T; runs: readonly Recorded[] } {
  const outer = recorder
  recorder = new Recorder(what)
  const { runs } = recorder
  try {
    return { result: fn(), runs }
  } finally {
    recorder = outer
  }
}
