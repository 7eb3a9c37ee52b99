import { requireChoice } from '../check.ts'

/**
 * The activation function of the gates, with values in [0, 1]:
 * - `'sigmoid'`: 1 / (1 + exp(-x))
 * - `'hardSigmoid'`: min(max(x / 6 + 1/2, 0), 1)
 * - `'elliottSigmoid'`: (1 + x / (1 + |x|)) / 2, which saturates more slowly (Elliott, 1993)
 */
export type GateActivation = 'sigmoid' | 'hardSigmoid' | 'elliottSigmoid'

/**
 * The activation function of the candidate and of the cell state:
 * - `'tanh'`
 * - `'hardTanh'`: min(max(x, -1), 1)
 * - `'softsign'`: x / (1 + |x|)
 * - `'relu'`: max(x, 0); `'leakyRelu'`: x above 0, x / 100 below; `'elu'`: x above 0, exp(x) - 1 below
 * - `'sigmoid'`: 1 / (1 + exp(-x))
 * - `'identity'`: x
 *
 * With `'relu'`, `'leakyRelu'`, `'elu'` and `'identity'` states are unbounded: initialize or clip with care.
 */
export type Activation = 'tanh' | 'hardTanh' | 'softsign' | 'relu' | 'leakyRelu' | 'elu' | 'sigmoid' | 'identity'

const GATE_ACTIVATIONS = ['sigmoid', 'hardSigmoid', 'elliottSigmoid'] as const satisfies GateActivation[]
const ACTIVATIONS = [
  'tanh',
  'hardTanh',
  'softsign',
  'relu',
  'leakyRelu',
  'elu',
  'sigmoid',
  'identity',
] as const satisfies Activation[]

/** The activation functions of networks whose equations are not PyTorch's. */
export interface ActivationOptions {
  /** Default `'sigmoid'`. */
  gateActivation?: GateActivation
  /** Default `'tanh'`. */
  activation?: Activation
}

/** @internal The equations that `composite.cpp` computes at each step. */
export interface Equations {
  readonly gateActivation: GateActivation
  readonly activation: Activation
  readonly peephole: 'none' | 'diagonal' | 'full'
  readonly forgetInCandidate: boolean
  /** If `true`, z weighs the candidate; if `false`, h(t-1). */
  readonly updateIsCandidate: boolean
  readonly resetAfter: boolean
}

/** @internal PyTorch's equations. */
export const STANDARD = {
  gateActivation: 'sigmoid',
  activation: 'tanh',
  peephole: 'none',
  forgetInCandidate: false,
  updateIsCandidate: false,
  resetAfter: true,
} as const satisfies Equations

/** @internal The chosen functions, or the defaults. @throws {TorchError} if one is unknown. */
export function readActivations(module: string, options: ActivationOptions): Required<ActivationOptions> {
  const { gateActivation = 'sigmoid', activation = 'tanh' } = options
  requireChoice(module, 'gateActivation', gateActivation, GATE_ACTIVATIONS)
  requireChoice(module, 'activation', activation, ACTIVATIONS)
  return { gateActivation, activation }
}
