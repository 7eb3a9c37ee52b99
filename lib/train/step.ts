import { autocast, GradScaler } from '../amp/index.ts'
import type { Batch } from '../data/dataset.ts'
import { torchError } from '../errors.ts'
import type { Module } from '../nn/module.ts'
import { clipGradNorm } from '../nn/utils/index.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { inferenceMode } from '../tensor/context.ts'
import type { Device, Tensor } from '../tensor/tensor.ts'
import { directGradients, type Gradients } from './direct.ts'
import { type Criterion, criterionOf, type ResolvedOptions } from './options.ts'

/** A model that the trainer can train: one tensor in, one out. */
export interface TrainableModel extends Module {
  forward(input: Tensor): Tensor
  /** Whether its batches are (N, L, …) rather than (L, N, …). Default, where it does not say: `true`. */
  readonly batchFirst?: boolean
}

/** What a trainer does with a batch: nothing here reads a value, so all of it can be queued, or captured in a graph. */
export class Step {
  readonly #model: TrainableModel
  readonly #optimizer: Optimizer
  readonly #criterion: Criterion
  readonly #cast: ResolvedOptions['autocast']
  readonly #maxNorm: number | undefined
  readonly #direct: Gradients | undefined
  #scaling: { device: Device; scaler: GradScaler } | undefined

  constructor(
    model: TrainableModel,
    optimizer: Optimizer,
    { autocast, clipGradNorm, loss }: Pick<ResolvedOptions, 'autocast' | 'clipGradNorm' | 'loss'>,
  ) {
    if (autocast === 'float16' && !optimizer.isFused) {
      throw torchError(
        'ERR_TORCH_OPTION',
        "Trainer: autocast: 'float16' needs an optimizer that can leave a step out by itself; this one has a step of its own. Use 'bfloat16', or SGD, Adam or AdamW",
      )
    }
    this.#model = model
    this.#optimizer = optimizer
    this.#criterion = criterionOf(loss)
    this.#direct = autocast === undefined ? directGradients(model, loss) : undefined
    this.#cast = autocast
    this.#maxNorm = clipGradNorm
  }

  /** The scaler of float16's gradients. */
  get scaler(): GradScaler | undefined {
    return this.#scaling?.scaler
  }

  /** Makes the scaler, where one is needed; one that was elsewhere gives its state to the new one. */
  prepare(device: Device): void {
    if (this.#cast !== 'float16' || this.#scaling?.device === device) return
    const before = this.scaler?.stateDict()
    const scaler = new GradScaler(device)
    if (before !== undefined) scaler.loadStateDict(before)
    this.#scaling = { device, scaler }
  }

  /** Changes the weights, and gives the loss before. */
  train(batch: Batch, device: Device, rates?: readonly Tensor[]): Tensor {
    this.#model.train()
    this.#optimizer.zeroGrad()
    const direct = device === 'cpu' ? this.#direct?.(...batch) : undefined
    if (direct !== undefined) {
      this.#update(rates)
      return direct
    }
    const loss = this.#loss(batch, device)
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
    if (this.#maxNorm !== undefined) clipGradNorm(this.#model.parameters(), this.#maxNorm)
  }

  /** The loss in evaluation mode. */
  evaluate(batch: Batch, device: Device): Tensor {
    return evaluating(this.#model, () => inferenceMode(() => this.#loss(batch, device)))
  }

  /** The model's output in evaluation mode. */
  predict(input: Tensor, device: Device): Tensor {
    return evaluating(this.#model, () => inferenceMode(() => this.#casting(device, () => this.#model.forward(input))))
  }

  #loss([input, target]: Batch, device: Device): Tensor {
    return this.#casting(device, () => this.#criterion(this.#model.forward(input), target))
  }

  #casting<T>(device: Device, fn: () => T): T {
    if (this.#cast === undefined) return fn()
    return autocast(device === 'cpu' ? 'cpu' : 'cuda', fn, { dtype: this.#cast })
  }
}

/** Runs `fn` with all modules in evaluation mode, and puts each back into its own. */
export function evaluating<T>(model: Module, fn: () => T): T {
  const modules = [...model.modules()].map((module) => [module, module.training] as const)
  model.eval()
  try {
    return fn()
  } finally {
    for (const [module, training] of modules) module.training = training
  }
}
