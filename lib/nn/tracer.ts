import type { Tensor } from '../tensor/tensor.ts'
import type { Module } from './module.ts'
import type { Recurrence } from './recurrence.ts'
import type { PackedSequence } from './utils/packed-sequence.ts'

/**
 * @internal What to trace in a running network: its gates, or zeros ("probes") added to its states, at which gradients
 * are taken.
 */
export type TraceKind = 'gates' | 'probes'

/** @internal A recurrent network that is running. */
export interface TraceableModule extends Module {
  readonly numLayers: number
  readonly bidirectional: boolean
  readonly batchFirst: boolean
}

/** @internal The trace of one layer and direction in one run of a recurrent network. */
export interface LayerTrace {
  readonly module: TraceableModule
  readonly recurrence: Recurrence
  readonly layer: number
  readonly reverse: boolean
  /** The tensors listed in `traced` of the recurrence's row, in that order; or the zeros for each state. */
  readonly tensors: readonly Tensor[]
  /** The input, if it was packed; the tensors are packed in the same way. */
  readonly packed: PackedSequence | null
}

/** @internal Collects the traces of the recurrent networks that run while it is active: see {@link trace}. */
export class Tracer {
  readonly kind: TraceKind
  readonly traces: LayerTrace[] = []

  constructor(kind: TraceKind) {
    this.kind = kind
  }

  add(
    module: TraceableModule,
    recurrence: Recurrence,
    tensors: readonly Tensor[],
    packed: PackedSequence | null,
  ): void {
    const directions = module.bidirectional ? 2 : 1
    const count = tensors.length / (module.numLayers * directions)
    for (let i = 0; i < module.numLayers * directions; i++) {
      const layer = Math.floor(i / directions)
      const own = tensors.slice(i * count, (i + 1) * count)
      this.traces.push({ module, recurrence, layer, reverse: i % directions === 1, tensors: own, packed })
    }
  }
}

let tracer: Tracer | undefined

/** @internal The tracer of the {@link trace} in progress. */
export function currentTracer(): Tracer | undefined {
  return tracer
}

/** @internal Calls `fn`, in which every recurrent network runs step by step, and returns their traces. */
export function trace<T>(kind: TraceKind, fn: () => T): { result: T; traces: readonly LayerTrace[] } {
  const outer = tracer
  tracer = new Tracer(kind)
  const { traces } = tracer
  try {
    return { result: fn(), traces }
  } finally {
    tracer = outer
  }
}
