import { autocast, GradScaler } from '../amp/index.ts'
import { mapBatch, type NamedBatch } from '../data/batch.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { RecurrentModel } from '../models/model.ts'
import { evaluating } from '../nn/evaluating.ts'
import type { Module } from '../nn/module.ts'
import { ownNames } from '../nn/recurrent.ts'
import { clipGradNorm_, clipGradValue_ } from '../nn/utils/index.ts'
import { isFused } from '../optim/fused.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { inferenceMode, noGrad } from '../tensor/context.ts'
import { zeros } from '../tensor/creation.ts'
import { deviceTypeOf } from '../tensor/device.ts'
import type { DType } from '../tensor/dtype.ts'
import { type Device, isTensor, keep, type Tensor } from '../tensor/tensor.ts'
import { Auxiliary, type AuxiliaryLoss } from './auxiliary.ts'
import { CarriedState, requireStateful, type StatefulModel } from './carry.ts'
import { criterionOf, divisorOf, type MeanLoss, type Owner } from './criterion.ts'
import { type Direct, directOf } from './direct.ts'
import { finiteLoss } from './divergence.ts'
import { explained } from './explanation.ts'
import { hasSamplesFirst } from './layout.ts'
import { type Counted, countedOf } from './mask.ts'
import type { ResolvedOptions } from './resolved-options.ts'

/** What a batch has for the model besides its input: see {@link NamedBatch}. */
export type ModelParts = Omit<NamedBatch, 'input' | 'target' | 'mask' | 'weight' | 'first'>

/** A model that the trainer can train: one tensor in, one out. */
export interface TrainableModel extends Module {
  /** Also gets {@link ModelParts} if the batches have more than an input and a target. */
  forward(input: Tensor, parts?: never): Tensor
  /** Whether its batches are (N, L, …) rather than (L, N, …). Default: `true`. */
  readonly batchFirst?: boolean
}

/** Options of one step. */
interface TrainOptions {
  rates?: readonly Tensor[] | undefined
  finite?: boolean
  output?: boolean
}

export interface StepOptions extends Pick<ResolvedOptions, 'autocast' | 'clipGradNorm' | 'clipGradValue' | 'loss'> {
  owner: Owner
  /** To which batches are converted. Default: none. */
  dtype?: DType | undefined
  /** How many batches make one update. Default 1. */
  accumulateGradBatches?: number
  auxiliaryLosses?: readonly AuxiliaryLoss[]
  /** Whether a batch begins with the state of the one before. Default `false`. */
  carryState?: boolean
  /** Called after each update of the weights. */
  onUpdated?: () => void
}

/** The result of a step: the loss, and what metrics need. */
export interface Outcome extends MeanLoss {
  /** The model's output; `undefined` if the step did not make it. */
  readonly output: Tensor | undefined
  /** The target, in the dtype of the training. */
  readonly target: Tensor
  readonly counted: Counted
}

const ALL: Counted = { mask: undefined, weight: undefined }

/** A trainer's work on one batch. Nothing here reads a value, so all of it can be queued, or captured in a graph. */
export class Step {
  readonly #owner: Owner
  readonly #model: TrainableModel
  readonly #optimizer: Optimizer
  readonly #criterion: ReturnType<typeof criterionOf>
  readonly #loss: ResolvedOptions['loss']
  readonly #cast: ResolvedOptions['autocast']
  readonly #dtype: DType | undefined
  readonly #maxNorm: number | undefined
  readonly #maxValue: number | undefined
  readonly #accumulate: number
  // The batches since the last update, and the number of targets in them.
  #pending = 0
  #counted: Tensor | undefined
  readonly #carried: CarriedState | undefined
  readonly #auxiliary: Auxiliary | undefined
  readonly #onUpdated: () => void
  readonly #direct: Direct | undefined
  #scaling: { device: Device; scaler: GradScaler } | undefined

  constructor(model: TrainableModel, optimizer: Optimizer, options: StepOptions) {
    const {
      owner,
      autocast,
      loss,
      clipGradNorm,
      clipGradValue,
      accumulateGradBatches = 1,
      carryState = false,
    } = options
    if (autocast === 'float16' && !isFused(optimizer)) {
      throw torchError(
        'ERR_TORCH_OPTION',
        "Trainer: autocast: 'float16' needs an optimizer that can skip a step by itself; this one cannot. Use 'bfloat16', or SGD, Adam, AdamW or Adagrad",
      )
    }
    this.#owner = owner
    this.#model = model
    this.#optimizer = optimizer
    this.#criterion = criterionOf(owner, loss)
    this.#loss = loss
    const { auxiliaryLosses = [] } = options
    this.#auxiliary = auxiliaryLosses.length === 0 ? undefined : new Auxiliary(model, auxiliaryLosses)
    if (carryState) requireStateful(model)
    this.#carried = carryState ? new CarriedState() : undefined
    this.#onUpdated = options.onUpdated ?? (() => {})
    this.#direct =
      autocast === undefined && !carryState && this.#auxiliary === undefined
        ? directOf(model, loss, owner === 'Trainer')
        : undefined
    this.#cast = autocast
    this.#dtype = options.dtype
    this.#maxNorm = clipGradNorm
    this.#maxValue = clipGradValue
    this.#accumulate = accumulateGradBatches
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
   * loss is not finite. `output`: whether the output is needed.
   */
  train(given: NamedBatch, device: Device, options: TrainOptions = {}): Outcome {
    const { rates, finite = false, output = false } = options
    const batch = this.#converted(given)
    this.#model.train()
    if (this.#pending === 0) this.#optimizer.zeroGrad()
    if (this.#accumulate > 1) return this.#accumulated(batch, device, options)
    const direct = device === 'cpu' ? this.#direct : undefined
    const ready = output ? undefined : direct?.gradients(batch)
    if (ready !== undefined) {
      if (finite) finiteLoss(ready)
      this.#update(rates)
      return { loss: ready, count: batch.target.numel, output: undefined, target: batch.target, counted: ALL }
    }
    const outcome = this.#lossOf(batch, device, direct, this.#auxiliary)
    const { loss, total } = outcome
    if (finite && device === 'cpu') finiteLoss(total)
    if (this.scaler !== undefined) {
      this.#scaled(this.scaler, total, rates)
    } else {
      total.backward()
      this.#update(rates)
    }
    return { ...outcome, loss: loss.detach(), output: outcome.output?.detach() }
  }

  /** Whether the weights have been updated with all gradients. */
  get isUpdated(): boolean {
    return this.#pending === 0
  }

  /** Adds the gradients of the sum of a batch's losses, and updates the weights after enough batches. */
  #accumulated(batch: NamedBatch, device: Device, { rates, finite = false }: TrainOptions): Outcome {
    const direct = device === 'cpu' ? this.#direct : undefined
    const outcome = this.#lossOf(batch, device, direct, this.#auxiliary)
    const { loss, total, count } = outcome
    if (finite && device === 'cpu') finiteLoss(total)
    const sum = total.mul(count)
    if (this.scaler === undefined) sum.backward()
    else this.scaler.scale(sum).backward()
    noGrad(() => {
      const counted = isTensor(count) ? count.detach() : zeros([], { device: loss.device }).add(count)
      if (this.#counted === undefined) this.#counted = keep(counted.clone())
      else this.#counted.add_(counted)
    })
    if (++this.#pending === this.#accumulate) this.finish(rates)
    return { ...outcome, loss: loss.detach(), output: outcome.output?.detach() }
  }

  /** Updates the weights with the gradients of the batches since the last update, if there are any. */
  finish(rates?: readonly Tensor[]): void {
    const counted = this.#counted
    if (this.#pending === 0 || counted === undefined) return
    this.scaler?.unscale_(this.#optimizer)
    noGrad(() => {
      const divisor = divisorOf(counted)
      for (const { params } of this.#optimizer.paramGroups) for (const { grad } of params) grad?.div_(divisor)
    })
    counted.dispose()
    this.#counted = undefined
    this.#pending = 0
    if (this.scaler === undefined) this.#update(rates)
    else this.#scaledStep(this.scaler, rates)
  }

  /** The state that is carried to the next batch, if `carryState` was given. */
  get carried(): CarriedState | undefined {
    return this.#carried
  }

  /** Forgets the gradients of batches without an update, and the state of the last one. */
  reset(): void {
    this.#carried?.reset()
    this.#counted?.dispose()
    this.#counted = undefined
    this.#pending = 0
  }

  #update(rates: readonly Tensor[] | undefined): void {
    this.#clip()
    this.#optimizer.step({ rates })
    this.#onUpdated()
  }

  #scaled(scaler: GradScaler, loss: Tensor, rates: readonly Tensor[] | undefined): void {
    scaler.scale(loss).backward()
    if (this.#maxNorm !== undefined || this.#maxValue !== undefined) scaler.unscale_(this.#optimizer)
    this.#scaledStep(scaler, rates)
  }

  #scaledStep(scaler: GradScaler, rates: readonly Tensor[] | undefined): void {
    this.#clip()
    scaler.step(this.#optimizer, { rates })
    scaler.update()
    this.#onUpdated()
  }

  #clip(): void {
    if (this.#maxValue !== undefined) clipGradValue_(this.#model.parameters(), this.#maxValue)
    if (this.#maxNorm !== undefined) clipGradNorm_(this.#model.parameters(), this.#maxNorm)
  }

  /** The loss in evaluation mode. `finite`: on the CPU, fails if the loss is not finite. */
  evaluate(batch: NamedBatch, device: Device, finite = false): Outcome {
    return evaluating(this.#model, () =>
      inferenceMode(() => {
        const outcome = this.#lossOf(this.#converted(batch), device)
        if (finite && device === 'cpu') finiteLoss(outcome.loss)
        return outcome
      }),
    )
  }

  /** The model's output in evaluation mode. */
  predict(input: Tensor, device: Device): Tensor {
    return this.#predict(inDType(input, this.#dtype), device, undefined)
  }

  #predict(input: Tensor, device: Device, parts: ModelParts | undefined): Tensor {
    return evaluating(this.#model, () => inferenceMode(() => this.#casting(device, () => this.#forward(input, parts))))
  }

  /** The model's output for a batch, in evaluation mode. */
  output(given: NamedBatch, device: Device): Tensor {
    const batch = this.#converted(given)
    return this.#predict(batch.input, device, modelParts(batch))
  }

  /** A batch in the dtype of the training. */
  #converted(batch: NamedBatch): NamedBatch {
    const dtype = this.#dtype
    return dtype === undefined ? batch : mapBatch(batch, (tensor) => inDType(tensor, dtype))
  }

  /** An error of a step, with its meaning for the training. */
  explained(error: unknown): unknown {
    const loss = this.#loss
    const name =
      typeof loss === 'object' ? loss.constructor.name : `the loss${typeof loss === 'string' ? ` '${loss}'` : ''}`
    const outputs = this.#model instanceof RecurrentModel ? this.#model.linear.outFeatures : undefined
    const batchFirst = (this.#model.batchFirst ?? true) || hasSamplesFirst(this.#model)
    return explained(error, { owner: this.#owner, loss: name, batchFirst, outputs, names: ownNames(this.#model) })
  }

  #lossOf(batch: NamedBatch, device: Device, direct?: Direct, auxiliary?: Auxiliary): Outcome & { total: Tensor } {
    const batchFirst = this.#model.batchFirst ?? true
    const lossOf = (output: Tensor): Outcome => {
      const counted = countedOf(this.#owner, batch, hasSteps(this.#model, output, batch, batchFirst), batchFirst)
      return { ...this.#criterion(output, batch, counted), output, target: batch.target, counted }
    }
    return this.#casting(device, () => {
      if (auxiliary !== undefined) return auxiliary.run(batch, () => this.#outputOf(batch), lossOf)
      const outcome = lossOf(direct?.output(batch) ?? this.#outputOf(batch))
      return { ...outcome, total: outcome.loss }
    })
  }

  #outputOf(batch: NamedBatch): Tensor {
    const carried = this.#carried
    if (carried === undefined) return this.#forward(batch.input, modelParts(batch))
    if (batch.first === true) carried.reset()
    const parts = { ...modelParts(batch), ...carried.parts }
    const [output, state] = (this.#model as StatefulModel).forwardWithState(batch.input, parts)
    carried.set(state)
    return output
  }

  #forward(input: Tensor, parts: ModelParts | undefined): Tensor {
    const output: unknown =
      parts === undefined ? this.#model.forward(input) : this.#model.forward(input, parts as never)
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
    return autocast(deviceTypeOf(device), fn, { dtype: this.#cast })
  }
}

/** A tensor of floating-point numbers in another dtype. */
function inDType(tensor: Tensor, dtype: DType | undefined): Tensor {
  return dtype === undefined || tensor.dtype === dtype || !tensor.isFloatingPoint() ? tensor : tensor.to(dtype)
}

/** What a batch has for the model besides its input, if anything. */
function modelParts({ input, target, mask, weight, first, ...parts }: NamedBatch): ModelParts | undefined {
  return Object.keys(parts).length > 0 ? parts : undefined
}

/** Whether the output has one value, or vector, for each step of the input. */
function hasSteps(model: TrainableModel, output: Tensor, { input }: NamedBatch, batchFirst: boolean): boolean {
  if (model instanceof RecurrentModel) return model.output === 'sequence'
  const steps = batchFirst ? 1 : 0
  return output.ndim >= 3 && output.shape[steps] === input.shape[steps]
}
