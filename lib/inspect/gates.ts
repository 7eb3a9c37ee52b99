import type { LSTMState } from '../nn/lstm.ts'
import type { Module } from '../nn/module.ts'
import { RECURRENCES } from '../nn/recurrence.ts'
import type { PackedSequence } from '../nn/utils/rnn.ts'
import { noGrad, offload, tidy } from '../tensor/context.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Place, padded, traceRun } from './run.ts'

/** The gates, candidate and states of an LSTM at all steps: (L, N, H) each, in the layout of the input. */
export interface LSTMTrace extends Place {
  kind: 'LSTM'
  /** Input gate, forget gate, candidate, output gate. */
  i: Tensor
  f: Tensor
  g: Tensor
  o: Tensor
  /** Cell and hidden state after the step. */
  c: Tensor
  h: Tensor
}

/** The gates, candidate and state of a GRU at all steps: (L, N, H) each, in the layout of the input. */
export interface GRUTrace extends Place {
  kind: 'GRU'
  /**
   * Reset gate, update gate, candidate. In GRU, z is the share of h(t-1) that is kept; in ChungGRU, the share that is
   * replaced.
   */
  r: Tensor
  z: Tensor
  n: Tensor
  /** The hidden state after the step. */
  h: Tensor
}

/** The state of an RNN at all steps: (L, N, H), in the layout of the input. */
export interface RNNTrace extends Place {
  kind: 'RNN'
  /** The hidden state after the step. */
  h: Tensor
}

/** The gate, candidate and state of a MinGRU at all steps: (L, N, H) each, in the layout of the input. */
export interface MinGRUTrace extends Place {
  kind: 'MinGRU'
  /** Update gate, candidate. */
  z: Tensor
  n: Tensor
  /** The hidden state after the step. */
  h: Tensor
}

export type GateTrace = LSTMTrace | GRUTrace | RNNTrace | MinGRUTrace

/** The arguments of a model's forward: an input, and optionally a state. */
export type ModelInputs = readonly (Tensor | PackedSequence | LSTMState | null)[]

/**
 * Runs a model, and returns what the gates of its recurrent networks were at each step: `i`, `f`, `g`, `o`, `c`, `h` of
 * an LSTM, `r`, `z`, `n`, `h` of a GRU, `z`, `n`, `h` of a MinGRU, `h` of an RNN, by the names in the formulas of
 * {@link LSTM} and {@link GRU}, for each layer and direction. A step of the reverse direction is stored at the position
 * of its input. Shapes are (L, N, H), or (N, L, H) with batchFirst, or (L, H) without a batch; packed sequences are
 * padded with 0.
 *
 * No gradients are recorded. The networks run step by step here, even if there are faster kernels.
 *
 * @param model RNN, LSTM, GRU, PeepholeLSTM, ChungGRU or MinGRU, or a model that contains some of them
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
