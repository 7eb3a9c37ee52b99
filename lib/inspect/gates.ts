import type { LSTMState } from '../nn/lstm.ts'
import type { Module } from '../nn/module.ts'
import { RECURRENCES, type Recurrence } from '../nn/recurrence.ts'
import type { PackedSequence } from '../nn/utils/rnn.ts'
import { noGrad, offload, tidy } from '../tensor/context.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Place, padded, traceRun } from './run.ts'

/**
 * What one layer and direction did at all steps: (L, N, H) each, in the layout of the input. By `kind`:
 * - `'LSTM'`: input gate `i`, forget gate `f`, candidate `g`, output gate `o`; cell state `c` and hidden state `h` after
 *   the step
 * - `'GRU'`: reset gate `r`, update gate `z`, candidate `n`, and `h`. In GRU, z is the share of h(t-1) that is kept; in
 *   ChungGRU, the share that is replaced.
 * - `'MinGRU'`: update gate `z`, candidate `n`, and `h`
 * - `'RNN'`: `h`
 *
 * `GateTrace<'LSTM'>` is the trace of an LSTM.
 */
export type GateTrace<
  Kind extends (typeof RECURRENCES)[Recurrence]['family'] = (typeof RECURRENCES)[Recurrence]['family'],
> = Kind extends string
  ? Place & { kind: Kind } & Record<
        Extract<(typeof RECURRENCES)[Recurrence], { family: Kind }>['traced'][number],
        Tensor
      >
  : never

/** The arguments of a model's forward: an input, and optionally a state. */
export type ModelInputs = readonly (Tensor | PackedSequence | LSTMState | null)[]

/**
 * Runs a model, and returns what the gates of its recurrent networks were at each step: `i`, `f`, `g`, `o`, `c`, `h` of
 * an LSTM and so on, by the names in the formulas of their classes ({@link GateTrace} lists them), for each layer and
 * direction. A step of the reverse direction is stored at the position of its input. Shapes are (L, N, H), or (N, L, H)
 * with batchFirst, or (L, H) without a batch; packed sequences are padded with 0.
 *
 * No gradients are recorded. The networks run step by step here, even if there are faster kernels.
 *
 * @param model a recurrent network, such as an LSTM, or a model that contains some
 * @param inputs the arguments of the model's forward: an input, and optionally a state
 * @returns one trace for each layer and direction, in the order in which they ran
 * @throws {TorchError} (rejects) if no recurrent network runs.
 * @example
 * for (const trace of await traceGates(lstm, x)) {
 *   if (trace.kind === 'LSTM') console.log(trace.layer, trace.f.mean().item())
 * }
 */
export async function traceGates(model: Module, ...inputs: ModelInputs): Promise<GateTrace[]> {
  return offload(() => traceGatesSync(model, ...inputs))
}

/** {@link traceGates} on this thread, which blocks. */
export function traceGatesSync(model: Module, ...inputs: ModelInputs): GateTrace[] {
  return tidy(() =>
    noGrad(() =>
      traceRun('traceGates', 'gates', model, () => model.forward(...(inputs as never[]))).traces.map(
        ({ place, module, recurrence, tensors, packed }) => {
          const { family, traced } = RECURRENCES[recurrence]
          const gates = tensors.map((tensor) => padded(tensor, packed, module.batchFirst))
          const byName = Object.fromEntries(traced.map((name, i) => [name, gates[i]]))
          return { ...place, kind: family, ...byName } as unknown as GateTrace
        },
      ),
    ),
  )
}
