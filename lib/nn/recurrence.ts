import type { Activation } from './equations.ts'

interface Row {
  /** Recurrences of one family have the same gates and states: the `kind` of their traces. */
  readonly family: string
  /** The number of weight rows per unit. */
  readonly gates: number
  readonly states: readonly string[]
  /** The gates and states that can be traced at each step, in the order of its step in `recurrence.cpp`. */
  readonly traced: readonly string[]
  /** The activation of the candidate and of an LSTM's cell state, in PyTorch's equations. */
  readonly activation: Activation
}

/**
 * The properties of each recurrence. To add a recurrence, add a row here, its step and row in
 * `native/recurrent/recurrence.cpp`, and a module such as `min-gru.ts` with its line in `index.ts`.
 */
export const RECURRENCES = {
  RNN_TANH: { family: 'RNN', gates: 1, states: ['h'], traced: ['h'], activation: 'tanh' },
  RNN_RELU: { family: 'RNN', gates: 1, states: ['h'], traced: ['h'], activation: 'relu' },
  LSTM: { family: 'LSTM', gates: 4, states: ['h', 'c'], traced: ['i', 'f', 'g', 'o', 'c', 'h'], activation: 'tanh' },
  GRU: { family: 'GRU', gates: 3, states: ['h'], traced: ['r', 'z', 'n', 'h'], activation: 'tanh' },
  MIN_GRU: { family: 'MinGRU', gates: 2, states: ['h'], traced: ['z', 'n', 'h'], activation: 'identity' },
} as const satisfies Record<string, Row>

/** The names of the recurrences. */
export type Recurrence = keyof typeof RECURRENCES
