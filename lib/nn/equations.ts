import { requireChoice, requireProbability } from '../check.ts'

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

/** Zoneout, for networks whose equations are not PyTorch's. */
export interface ZoneoutOptions {
  /**
   * The probability that a unit keeps its previous h instead of the new one, drawn in training for each step, sequence
   * and unit. In evaluation, h is the mean of the two with this weight: `zoneout` h(t-1) + (1 - `zoneout`) h(t).
   * Default 0.
   *
   * @see Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", arXiv:1606.01305
   */
  zoneout?: number
}

/** Layer normalization, for networks whose equations are not PyTorch's. */
export interface LayerNormalizationOptions {
  /** Whether what the weights give is normalized at each step, as in Ba et al., 2016. Default `false`. */
  layerNorm?: boolean
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
  /** The probabilities that a unit keeps its previous h and c. */
  readonly zoneout: number
  readonly cellZoneout: number
}

/** @internal PyTorch's equations. */
export const STANDARD = {
  gateActivation: 'sigmoid',
  activation: 'tanh',
  peephole: 'none',
  forgetInCandidate: false,
  updateIsCandidate: false,
  resetAfter: true,
  zoneout: 0,
  cellZoneout: 0,
} as const satisfies Equations

/** @internal The chosen functions, or the defaults. @throws {TorchError} if one is unknown. */
export function readActivations(module: string, options: ActivationOptions): Required<ActivationOptions> {
  const { gateActivation = 'sigmoid', activation = 'tanh' } = options
  requireChoice(module, 'gateActivation', gateActivation, GATE_ACTIVATIONS)
  requireChoice(module, 'activation', activation, ACTIVATIONS)
  return { gateActivation, activation }
}

/** @internal The probabilities, or the defaults. @throws {TorchError} if one is not from 0 to 1. */
export function readZoneout<Name extends string>(
  module: string,
  options: { readonly [name in Name]?: number },
  names: readonly Name[],
): Record<Name, number> {
  const values = names.map((name) => [name, options[name] ?? 0] as const)
  for (const [name, value] of values) requireProbability(module, name, value)
  return Object.fromEntries(values) as Record<Name, number>
}
