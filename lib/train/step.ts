import { autocast, GradScaler } from '../amp/index.ts'
import type { Batch } from '../data/dataset.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { RecurrentModel } from '../models/model.ts'
import { evaluating } from '../nn/evaluating.ts'
import type { Module } from '../nn/module.ts'
import { clipGradNorm_ } from '../nn/utils/index.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { inferenceMode } from '../tensor/context.ts'
import { type Device, isTensor, type Tensor } from '../tensor/tensor.ts'
import { type Criterion, criterionOf, type Owner } from './criterion.ts'
import { directGradients, type Gradients } from './direct.ts'
import { finiteLoss } from './divergence.ts'
import { explained } from './explanation.ts'
import type { ResolvedOptions } from './options.ts'

/** A model that the trainer can train: one tensor in, one out. */
export interface TrainableModel extends Module {
  forward(input: Tensor): Tensor
  /** Whether its batches are (N, L, …) rather than (L, N, …). Default: `true`. */
  readonly batchFirst?: boolean
}

export interface StepOptions extends Pick<ResolvedOptions, 'autocast' | 'clipGradNorm' | 'loss'> {
  owner: Owner
}

/** A trainer's work on one batch. Nothing here reads a value, so all of it can be queued, or captured in a graph. */
export class Step {
  readonly #owner: Owner
  readonly #model: TrainableModel
  readonly #optimizer: Optimizer
  readonly #criterion: Criterion
  readonly #loss: ResolvedOptions['loss']
  readonly #cast: ResolvedOptions['autocast']
  readonly #maxNorm: number | undefined
  readonly #direct: Gradients | undefined
  #scaling: { device: Device; scaler: GradScaler } | undefined

  constructor(model: TrainableModel, optimizer: Optimizer, { owner, autocast, clipGradNorm, loss }: StepOptions) {
    if (autocast === 'float16' && !optimizer.isFused) {
      throw torchError(
        'ERR_TORCH_OPTION',
        "Trainer: autocast: 'float16' needs an optimizer that can skip a step by itself; this one has its own step. Use 'bfloat16', or SGD, Adam or AdamW",
      )
    }
    this.#owner = owner
    this.#model = model
    this.#optimizer = optimizer
    this.#criterion = criterionOf(owner, loss, hasClassesLast(model))
    this.#loss = loss
    this.#direct = autocast === undefined ? directGradients(model, loss, owner === 'Trainer') : undefined
    this.#cast = autocast
    this.#maxNorm = clipGradNorm
  }

  /** The scaler of float16 gradients. */
  get scaler(): GradScaler | undefined {
    return this.#scaling?.scaler
  }

  /** Makes the scaler, if one is needed; a scaler on another device passes its state to the new one. */
  prepare(device: Device): void {
    if (this.#cast !== 'float16' || this.#scaling?.device === device) return
    const before = this.scaler?.stateDict()
    const scaler = new GradScaler(device)
    if (before !== undefined) scaler.loadStateDict(before)
    this.#scaling = { device, scaler }
  }

  /**
   * Updates the weights and returns the loss before the update. `finite`: on the CPU, fails before the update if the
   * loss is not finite.
   */
  train(batch: Batch, device: Device, rates?: readonly Tensor[], finite = false): Tensor {
    this.#model.train()
    this.#optimizer.zeroGrad()
    const direct = device === 'cpu' ? this.#direct?.(...batch) : undefined
    if (direct !== undefined) {
      if (finite) finiteLoss(direct)
      this.#update(rates)
      return direct
    }
    const loss = this.#lossOf(batch, device)
    if (finite && device === 'cpu') finiteLoss(loss)
    if (this.scaler !== undefined) {
      this.#scaled(this.scaler, loss, rates)
    } else {
      loss.backward()
      this.#update(rates)
    }
    return loss.detach()
  }

  #update(rates: readonly Tensor[] | undefined): void {
    this.#clip()
    this.#optimizer.step({ rates })
  }

  #scaled(scaler: GradScaler, loss: Tensor, rates: readonly Tensor[] | undefined): void {
    scaler.scale(loss).backward()
    if (this.#maxNorm !== undefined) {
      scaler.unscale_(this.#optimizer)
      this.#clip()
    }
    scaler.step(this.#optimizer, { rates })
    scaler.update()
  }

  #clip(): void {
    if (this.#maxNorm !== undefined) clipGradNorm_(this.#model.parameters(), this.#maxNorm)
  }

  /** The loss in evaluation mode. `finite`: on the CPU, fails if the loss is not finite. */
  evaluate(batch: Batch, device: Device, finite = false): Tensor {
    return evaluating(this.#model, () =>
      inferenceMode(() => {
        const loss = this.#lossOf(batch, device)
        return finite && device === 'cpu' ? finiteLoss(loss) : loss
      }),
    )
  }

  /** The model's output in evaluation mode. */
  predict(input: Tensor, device: Device): Tensor {
    return evaluating(this.#model, () => inferenceMode(() => this.#casting(device, () => this.#forward(input))))
  }

  /** An error of a step, with its meaning for the training. */
  explained(error: unknown): unknown {
    const loss = this.#loss
    const name =
      typeof loss === 'object' ? loss.constructor.name : `the loss${typeof loss === 'string' ? ` '${loss}'` : ''}`
    return explained(error, { owner: this.#owner, loss: name, batchFirst: this.#model.batchFirst ?? true })
  }

  #lossOf([input, target]: Batch, device: Device): Tensor {
    return this.#casting(device, () => this.#criterion(this.#forward(input), target))
  }

  #forward(input: Tensor): Tensor {
    const output: unknown = this.#model.forward(input)
    if (isTensor(output)) return output
    const hint = Array.isArray(output)
      ? '. Return only the output, without the state; SequenceModel turns a recurrent network into a model'
      : ''
    throw torchError(
      'ERR_TORCH_TYPE',
      `${this.#owner}: ${this.#model.constructor.name}.forward must return one Tensor, but it returned ${describe(output)}${hint}`,
    )
  }

  #casting<T>(device: Device, fn: () => T): T {
    if (this.#cast === undefined) return fn()
    return autocast(device === 'cpu' ? 'cpu' : 'cuda', fn, { dtype: this.#cast })
  }
}

/** Whether the last dimension of the model's output is that of a head's. */
function hasClassesLast(model: Module): boolean {
  const { forward } = RecurrentModel.prototype
  return model instanceof RecurrentModel && Object.getPrototypeOf(model).forward === forward
}
