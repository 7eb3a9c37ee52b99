import { invalid } from '../check.ts'
import { torchError } from '../errors.ts'
import { Module } from '../nn/module.ts'
import { type LayerTrace, type TraceKind, trace } from '../nn/tracer.ts'
import { PackedSequence, padPackedSequence } from '../nn/utils/rnn.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** The place of a trace in a model. */
export interface Place {
  /** The name of the recurrent network within the model; `''` if it is the model itself. */
  module: string
  /** The layer of that network, from 0. */
  layer: number
  /** The direction in which it reads. */
  direction: 'forward' | 'reverse'
}

/** @internal The trace of one layer and direction, and its place in the model. */
export type PlacedTrace = LayerTrace & { readonly place: Place }

/** @internal Runs a model with `forward`, and returns the traces of its recurrent networks. */
export function traceRun<Output>(
  name: string,
  kind: TraceKind,
  model: Module,
  forward: () => Output,
): { output: Output; traces: readonly PlacedTrace[] } {
  if (!(model instanceof Module)) {
    throw invalid(name, 'model', 'a Module', model)
  }
  const { result, traces } = trace(kind, forward)
  if (traces.length === 0) {
    throw torchError('ERR_TORCH_VALUE', `${name}: no recurrent network ran in ${model.constructor.name}.forward`, {
      op: name,
    })
  }
  const names = new Map([...model.namedModules()].map(([path, module]) => [module, path]))
  return {
    output: result,
    traces: traces.map((each) => {
      const { module, layer, reverse } = each
      return { ...each, place: { module: names.get(module) ?? '', layer, direction: reverse ? 'reverse' : 'forward' } }
    }),
  }
}

/** @internal A traced tensor as (L, N, H), or (N, L, H), even if it is packed like the input. */
export function padded(tensor: Tensor, packed: PackedSequence | null, batchFirst = false): Tensor {
  if (packed === null) return tensor
  const { batchSizes, sortedIndices, unsortedIndices } = packed
  return padPackedSequence(new PackedSequence(tensor, batchSizes, sortedIndices, unsortedIndices), { batchFirst })[0]
}
