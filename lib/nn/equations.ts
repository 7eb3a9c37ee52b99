import { requireChoice } from '../check.ts'

/**
 * What squashes a gate's sum into [0, 1]:
 * - `'sigmoid'`: 1 / (1 + exp(-x))
 * - `'hardSigmoid'`: min(max(x / 6 + 1/2, 0), 1)
 * - `'elliottSigmoid'`: (1 + x / (1 + |x|)) / 2, which saturates more slowly (Elliott, 1993)
 */
export type GateActivation = 'sigmoid' | 'hardSigmoid' | 'elliottSigmoid'

/**
 * What a candidate and a cell go through:
 * - `'tanh'`
 * - `'hardTanh'`: min(max(x, -1), 1)
 * - `'softsign'`: x / (1 + |x|)
 * - `'relu'`: max(x, 0); `'leakyRelu'`: x above 0, x / 100 below; `'elu'`: x above 0, exp(x) - 1 below
 * - `'sigmoid'`: 1 / (1 + exp(-x))
 * - `'identity'`: x
 *
 * With `'relu'`, `'leakyRelu'`, `'elu'` and `'identity'` states have no bound: initialize or clip with care.
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

/** The functions that a network with equations of its own lets one choose. */
export interface ActivationOptions {
  /** Default `'sigmoid'`. */
  gateActivation?: GateActivation
  /** Default `'tanh'`. */
  activation?: Activation
}

/** @internal What `composite.cpp` computes at each step. */
export interface Equations {
  readonly gateActivation: GateActivation
  readonly activation: Activation
  readonly peephole: 'none' | 'diagonal' | 'full'
  readonly forgetInCandidate: boolean
  /** Whether z weighs the candidate rather than h(t-1). */
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

/** @internal The functions chosen, with the defaults. @throws {TorchError} for unknown ones. */
export function readActivations(module: string, options: ActivationOptions): Required<ActivationOptions> {
  const { gateActivation = 'sigmoid', activation = 'tanh' } = options
  requireChoice(module, 'gateActivation', gateActivation, GATE_ACTIVATIONS)
  requireChoice(module, 'activation', activation, ACTIVATIONS)
  return { gateActivation, activation }
}
