import { checkOptions } from '../check.ts'
import { type FusedHyper, type FusedLists, fusedStep } from '../tensor/gradient.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkGroups, Optimizer, type StepInputs } from './optimizer.ts'

/** The description of an optimizer for native code: the name of the algorithm, and the settings of a group. */
export interface FusedSettings {
  algorithm: 'sgd' | 'adam' | 'adamw'
  hyper: FusedHyper
}

/**
 * An optimizer whose step is one native call per group and never waits for a value. LibTorch's fused kernels process
 * dense tensors of equal layout, dtype and device; tensor operations do the rest, such as a parameter that is a view of
 * part of a tensor.
 */
export abstract class FusedOptimizer<Settings extends object> extends Optimizer<Settings> {
  protected abstract fused(settings: Settings): FusedSettings

  /**
   * Updates the parameters by their gradients. Parameters without a gradient do not change.
   *
   * @param inputs what a `GradScaler` or a captured step passes
   */
  override step(inputs: StepInputs = {}): void {
    checkOptions('step', inputs, ['gradScale', 'foundInf', 'rates'])
    checkGroups(this)
    const { gradScale, foundInf, rates } = inputs
    this.paramGroups.forEach((group, index) => {
      this.#stepGroup(group.params, group, { gradScale, foundInf, lr: rates?.[index] })
    })
  }

  protected override update(parameter: Tensor, _gradient: Tensor, _state: unknown, settings: Settings): void {
    this.#stepGroup([parameter], settings, {})
  }

  #stepGroup(params: readonly Tensor[], settings: Settings, scalars: Parameters<typeof fusedStep>[3]): void {
    const states = params.map((param) => this.stateOf(param, settings))
    const lists: Record<string, Tensor[]> = {}
    for (const name of this.stateFields) {
      if (!this.keeps(name, settings)) continue
      lists[name === 'step' ? 'steps' : `${name}s`] = states.map((state) => state[name] as Tensor)
    }
    const { algorithm, hyper } = this.fused(settings)
    fusedStep(algorithm, { params, ...lists } as FusedLists, hyper, scalars)
  }
}

/** @internal Whether the optimizer's step takes all inputs as tensors, so that no value has to be read first. */
export function isFused(optimizer: object): boolean {
  return optimizer instanceof FusedOptimizer && optimizer.step === FusedOptimizer.prototype.step
}
