import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { noGrad, tidy } from '../tensor/context.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { RecurrentModule } from './recurrent.ts'

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

const GATE_ACTIVATIONS: readonly GateActivation[] = ['sigmoid', 'hardSigmoid', 'elliottSigmoid']
const ACTIVATIONS: readonly Activation[] = [
  'tanh',
  'hardTanh',
  'softsign',
  'relu',
  'leakyRelu',
  'elu',
  'sigmoid',
  'identity',
]

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

/** @internal @throws {TorchError} for a word that is not among `known`. */
export function requireOneOf(module: string, option: string, value: unknown, known: readonly string[]): void {
  if (typeof value === 'string' && known.includes(value)) return
  const list = known.map((word) => `'${word}'`).join(', ')
  throw torchError('ERR_TORCH_VALUE', `${module}: unknown ${option} ${describe(value)}. Select from ${list}.`, {
    op: module,
  })
}

/** @internal The functions chosen, with the defaults. @throws {TorchError} for unknown ones. */
export function readActivations(module: string, options: ActivationOptions): Required<ActivationOptions> {
  const { gateActivation = 'sigmoid', activation = 'tanh' } = options
  requireOneOf(module, 'gateActivation', gateActivation, GATE_ACTIVATIONS)
  requireOneOf(module, 'activation', activation, ACTIVATIONS)
  return { gateActivation, activation }
}

/** @internal The options to build another network of the same layers, dtype and device with. */
export function sharedOptions(module: RecurrentModule) {
  const { numLayers, bias, batchFirst, dropout, bidirectional, weight_ih_l0 } = module
  const { dtype, device } = weight_ih_l0 as Tensor
  return { numLayers, bias, batchFirst, dropout, bidirectional, dtype, device }
}

/** @internal Copies values into the parameters of a new network, layer by layer and direction by direction. */
export function copyWeights<Role extends string>(
  source: RecurrentModule,
  target: RecurrentModule,
  valuesOf: (source: (role: string) => Tensor) => Partial<Record<Role, Tensor>>,
): void {
  const directions = source.bidirectional ? ['', '_reverse'] : ['']
  const at = (module: RecurrentModule, role: string, suffix: string): Tensor =>
    module[`${role}_${suffix}` as `weight_${string}`] as Tensor
  noGrad(() =>
    tidy(() => {
      for (let layer = 0; layer < source.numLayers; layer++) {
        for (const direction of directions) {
          const suffix = `l${layer}${direction}`
          const values = valuesOf((role) => at(source, role, suffix))
          for (const [role, value] of Object.entries<Tensor | undefined>(values)) {
            if (value !== undefined) at(target, role, suffix).copy_(value)
          }
        }
      }
    }),
  )
  target.train(source.training)
}

/** @internal What an option adds to how a network prints: nothing where it has its default. */
export function optionRepr(options: Record<string, string | boolean>, defaults: Record<string, unknown>): string {
  return Object.entries(options)
    .filter(([name, value]) => value !== defaults[name])
    .map(([name, value]) => {
      const python = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
      return `, ${python}=${typeof value === 'boolean' ? (value ? 'True' : 'False') : `'${value}'`}`
    })
    .join('')
}
