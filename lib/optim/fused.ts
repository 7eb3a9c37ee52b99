import { checkOptions } from '../check.ts'
import { NativeOptimizer } from './native.ts'
import { checkGroups, type StepInputs } from './optimizer.ts'

/**
 * An optimizer with a fused kernel in LibTorch, whose step never waits for a value. The kernels process dense tensors of
 * equal layout, dtype and device; tensor operations do the rest, such as a parameter that is a view of part of a tensor.
 */
export abstract class FusedOptimizer<Settings extends object> extends NativeOptimizer<Settings> {
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
      this.stepOf(group.params, group, { gradScale, foundInf, lr: rates?.[index] })
    })
  }
}

/** @internal Whether the optimizer's step takes all inputs as tensors, so that no value has to be read first. */
export function isFused(optimizer: object): boolean {
  return optimizer instanceof FusedOptimizer && optimizer.step === FusedOptimizer.prototype.step
}
