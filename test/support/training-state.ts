import { torch } from '../../lib/index.ts'
import type { Trainer } from '../../lib/train/index.ts'

/** Values of all that training changes, to compare. */
export function stateOf({ model, optimizer, generator, scaler }: Trainer): unknown {
  const values = (tensors: Iterable<readonly [string, { toArray(): unknown }]>): unknown[] =>
    [...tensors].map(([name, tensor]) => [name, tensor.toArray()])
  const { state, paramGroups } = optimizer.stateDict()
  return {
    parameters: values(model.namedParameters()),
    buffers: values(model.namedBuffers()),
    gradients: [...model.parameters()].map(({ grad }) => grad?.toArray()),
    modes: [...model.modules()].map(({ training }) => training),
    optimizer: Object.entries(state).flatMap(([number, own]) =>
      values(Object.entries(own)).map((one) => [number, one]),
    ),
    paramGroups,
    scaler: scaler?.stateDict(),
    generator: generator?.getState().toArray(),
    random: torch.getRngState().toArray(),
  }
}
