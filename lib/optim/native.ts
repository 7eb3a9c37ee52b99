import { checkOptions } from '../check.ts'
import { refuseCaptured } from '../tensor/capture.ts'
import { optimizerStep, type StepScalars } from '../tensor/gradient.ts'
import type { Device, Tensor } from '../tensor/tensor.ts'
import { checkGroups, Optimizer, type StepInputs } from './optimizer.ts'

/** An optimizer whose step is one native call per group: an algorithm of native/optim. */
export abstract class NativeOptimizer<Settings extends object> extends Optimizer<Settings> {
  /** The name of the algorithm in native/optim. */
  protected abstract readonly algorithm: string

  /** The settings in the order in which the algorithm reads them, first the learning rate. */
  protected abstract list(settings: Settings): (number | boolean)[]

  /** Whether the algorithm reads the single numbers of the state. They are then on the CPU. */
  protected readonly readsNumbers: boolean = false

  protected override singleDevice(param: Tensor): Device {
    return this.readsNumbers ? 'cpu' : param.device
  }

  /**
   * Updates the parameters by their gradients. Parameters without a gradient do not change.
   *
   * @param inputs what a captured step passes
   * @throws {TorchError} if a CUDA graph is being captured and the step depends on how many there have been
   */
  override step(inputs: StepInputs = {}): void {
    // The rates are those of the groups.
    checkOptions('step', inputs, ['rates'])
    checkGroups(this)
    if (this.readsNumbers) {
      refuseCaptured(`a step of ${this.constructor.name}`, 'the CPU reads how many steps there have been')
    }
    for (const group of this.paramGroups) this.stepOf(group.params, group, {})
  }

  protected override update(parameter: Tensor, _gradient: Tensor, _state: unknown, settings: Settings): void {
    this.stepOf([parameter], settings, {})
  }

  /** One step of some parameters with the same settings. */
  protected stepOf(params: readonly Tensor[], settings: Settings, scalars: StepScalars): void {
    const states = params.map((param) => this.stateOf(param, settings))
    const listOf = (name: string): Tensor[] =>
      this.keeps(name, settings) ? states.map((state) => state[name] as Tensor) : []
    const singles = this.stateFields.filter((name) => this.singleFields.includes(name))
    const tensors = this.stateFields.filter((name) => !singles.includes(name))
    optimizerStep(
      this.algorithm,
      { params, states: tensors.map(listOf), singles: singles.map(listOf) },
      this.list(settings),
      scalars,
    )
  }
}
