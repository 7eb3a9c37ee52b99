import { checkOptions, invalid, requireNone, requirePositive } from '../check.ts'
import { opaque } from '../opaque.ts'
import { Optimizer } from '../optim/optimizer.ts'
import { tidy } from '../tensor/context.ts'
import { requireTensor, type Tensor } from '../tensor/tensor.ts'
import { refuseClosure } from './optimizer.ts'
import type { TrainerOptions } from './options.ts'
import { Step, type TrainableModel } from './step.ts'

export interface TrainingStepOptions extends Pick<TrainerOptions, 'loss' | 'clipGradNorm' | 'clipGradValue'> {
  /** The optimizer of the model's parameters. */
  optimizer: Optimizer
}

/**
 * A step for your own training loop, the same as {@link Trainer}'s: `zeroGrad`, forward, loss, backward, clipping, and
 * the optimizer. On the CPU, a recurrent network with a linear head is trained by the losses of this library without
 * autograd's graph of the model; small models train nearly twice as fast.
 *
 * @example
 * const step = new TrainingStep(model, { optimizer: new optim.Adam(model.parameters()), clipGradNorm: 1 })
 * for (const [input, target] of loader) console.log(step.run(input, target).item())
 * @throws {TorchError} for an unknown option or an invalid value.
 */
export class TrainingStep {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('TrainingStep', 'use the state of its model and optimizer')
  readonly #step: Step

  constructor(model: TrainableModel, options: TrainingStepOptions, ...none: undefined[]) {
    requireNone('TrainingStep', none)
    if (typeof model?.forward !== 'function' || typeof model.parameters !== 'function') {
      throw invalid('TrainingStep', 'model', 'a Module', model)
    }
    checkOptions('TrainingStep', options, ['optimizer', 'loss', 'clipGradNorm', 'clipGradValue'])
    const { optimizer, loss = 'mse', clipGradNorm, clipGradValue } = options
    if (!(optimizer instanceof Optimizer)) {
      throw invalid('TrainingStep', 'optimizer', 'an Optimizer', optimizer)
    }
    refuseClosure('TrainingStep', optimizer)
    for (const [name, value] of Object.entries({ clipGradNorm, clipGradValue })) {
      if (value !== undefined) requirePositive('TrainingStep', name, value)
    }
    const owner = 'TrainingStep'
    this.#step = new Step(model, optimizer, { owner, autocast: undefined, clipGradNorm, clipGradValue, loss })
  }

  /**
   * Updates the weights with a batch, on this thread, or queued within `torch.offload`.
   *
   * @param input the model's input, on the model's device
   * @param target the loss's target
   * @returns the loss before the update, without a graph
   */
  run(input: Tensor, target: Tensor): Tensor {
    for (const [name, value] of Object.entries({ input, target })) {
      requireTensor('TrainingStep', name, value)
    }
    // The device only matters for mixed precision, which is not used here.
    try {
      return tidy(() => this.#step.train({ input, target }, 'cpu').loss)
    } catch (error) {
      throw this.#step.explained(error)
    }
  }
}
