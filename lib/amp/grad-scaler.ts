import { checkOptions, invalid, requireBoolean, requireInteger, requireNone, requirePositive } from '../check.ts'
import { isAvailable } from '../cuda/index.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { opaque } from '../opaque.ts'
import { isFused } from '../optim/fused.ts'
import { Optimizer, type StepInputs } from '../optim/optimizer.ts'
import { atOnce, noGrad, tidy } from '../tensor/context.ts'
import { full, zeros } from '../tensor/creation.ts'
import { requireDevice } from '../tensor/device.ts'
import { scaleOutput, unscaleGradients } from '../tensor/gradient.ts'
import { tensorOp } from '../tensor/packet.ts'
import { type Device, isTensor, keep, type Tensor } from '../tensor/tensor.ts'

export interface GradScalerOptions {
  /** The initial scale. Default 65536. */
  initScale?: number
  /** The factor applied to the scale after `growthInterval` consecutive steps without Inf or NaN. Default 2. */
  growthFactor?: number
  /** The factor applied to the scale after a step with Inf or NaN gradients. Default 0.5. */
  backoffFactor?: number
  /** Default 2000. */
  growthInterval?: number
  /** If `false`, nothing is scaled, and `step` just calls the optimizer's. Default `true`. */
  enabled?: boolean
}

/** The result of {@link GradScaler.stateDict}; empty if the scaler is disabled. */
export interface GradScalerState {
  scale: number
  growthFactor: number
  backoffFactor: number
  growthInterval: number
  /** The number of consecutive steps without Inf or NaN. */
  growthTracker: number
}

/** Anything with parameter groups and a step: an {@link Optimizer}, including one with a custom step. */
export interface Stepping<A extends unknown[]> {
  readonly paramGroups: readonly { params: Iterable<Tensor> }[]
  step(...args: A): unknown
}

interface OptimizerProgress {
  stage: 'ready' | 'unscaled' | 'stepped'
  /** 1 if a gradient was Inf or NaN, else 0. */
  foundInf?: Tensor
}

interface Scaling {
  readonly scale: Tensor
  readonly growthTracker: Tensor
}

const updateScale = tensorOp('aten::_amp_update_scale_')
const maximum = tensorOp('aten::maximum')

/**
 * Prevents underflow of small float16 gradients: the loss is multiplied by a scale before `backward`, the gradients are
 * divided by it before the step, and a step with Inf or NaN gradients is skipped. None of this waits for a value from
 * the device: the optimizer's kernel itself skips the step and does not count it.
 *
 * The first argument is the device of the scale: `'cuda'` (the default) or `'cpu'`. If it is CUDA and there is none,
 * the scaler warns and is disabled.
 *
 * @example
 * const scaler = new torch.amp.GradScaler('cuda')
 * const loss = torch.autocast('cuda', () => criterion.forward(model.forward(x), y), { dtype: 'float16' })
 * optimizer.zeroGrad()
 * scaler.scale(loss).backward()
 * scaler.unscale_(optimizer) // only needed to clip or inspect gradients
 * nn.utils.clipGradNorm_(model.parameters(), 1)
 * scaler.step(optimizer)
 * scaler.update()
 * @throws {TorchError} if an option is unknown, or a value is invalid.
 * @see https://docs.pytorch.org/docs/stable/amp.html#gradient-scaling
 */
export class GradScaler {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('GradScaler', 'use stateDict()')
  readonly #device: Device
  readonly #enabled: boolean
  #growthFactor: number
  #backoffFactor: number
  #growthInterval: number
  // The initial state of `#scaling`, used at the first call of `scale`.
  #initScale: number
  #initGrowthTracker = 0
  #scaling: Scaling | undefined
  readonly #progress = new Map<object, OptimizerProgress>()

  constructor(device: Device = 'cuda', options: GradScalerOptions = {}, ...none: undefined[]) {
    requireNone('GradScaler', none)
    checkOptions('GradScaler', options, ['initScale', 'growthFactor', 'backoffFactor', 'growthInterval', 'enabled'])
    const {
      initScale = 2 ** 16,
      growthFactor = 2,
      backoffFactor = 0.5,
      growthInterval = 2000,
      enabled = true,
    } = options
    requireDevice('GradScaler', device)
    requireBoolean('GradScaler', 'enabled', enabled)
    this.#device = device
    this.#enabled = enabled && (device === 'cpu' || isAvailable())
    if (enabled && !this.#enabled) {
      process.emitWarning('torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.')
    }
    requireScale('initScale', initScale)
    requireGrowth(growthFactor)
    requireBackoff(backoffFactor)
    requireInteger('GradScaler', 'growthInterval', growthInterval, 1)
    this.#initScale = initScale
    this.#growthFactor = growthFactor
    this.#backoffFactor = backoffFactor
    this.#growthInterval = growthInterval
  }

  /**
   * Multiplies the outputs, a tensor or an array of tensors, by the scale. If disabled, returns them unchanged.
   */
  scale<T extends Tensor | readonly Tensor[]>(outputs: T): T {
    if (!this.#enabled) return outputs
    if (isTensor(outputs)) return scaleOutput(outputs, this.#begin().scale) as T
    if (!Array.isArray(outputs)) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `outputs must be a Tensor or an iterable of Tensors, got ${describe(outputs)}`,
        { op: 'GradScaler.scale' },
      )
    }
    return (outputs as readonly Tensor[]).map((output) => this.scale(output)) as unknown as T
  }

  /**
   * Divides the gradients of the optimizer's parameters by the scale, so that you can clip or inspect them before
   * {@link step}. Otherwise `step` does it.
   *
   * @throws {TorchError} if it has already been called since the last {@link update}, or if no parameter has a
   *   gradient.
   */
  unscale_<A extends unknown[]>(optimizer: Stepping<A>): void {
    requireOptimizer('unscale_', optimizer)
    if (!this.#enabled) return
    const { scale } = this.#require('unscale_')
    const progress = this.#progressOf(optimizer)
    if (progress.stage === 'unscaled') {
      throw torchError(
        'ERR_TORCH_RUNTIME',
        'unscale_() has already been called on this optimizer since the last update().',
      )
    }
    if (progress.stage === 'stepped') {
      throw torchError('ERR_TORCH_RUNTIME', 'unscale_() is being called after step().')
    }
    // The reciprocal of a power of two is exact; for other numbers it is more accurate in float64.
    noGrad(() => tidy(() => this.#check(optimizer, progress, scale.double().reciprocal().float(), false)))
    progress.stage = 'unscaled'
  }

  /**
   * Takes the optimizer's step with unscaled gradients, or skips it if one of them is Inf or NaN. An optimizer with a
   * custom `step` receives the further arguments; deciding whether to call it requires reading a value from the device.
   *
   * @throws {TorchError} if it has already been called since the last {@link update}, if {@link scale} has not been
   *   called before, or if no parameter has a gradient.
   */
  step<A extends unknown[]>(optimizer: Stepping<A>, ...args: A): void {
    requireOptimizer('step', optimizer)
    if (!this.#enabled) {
      optimizer.step(...args)
      return
    }
    if (typeof args[0] === 'function') {
      throw torchError('ERR_TORCH_RUNTIME', 'Closure use is not currently supported if GradScaler is enabled.')
    }
    const { scale } = this.#require('step')
    const progress = this.#progressOf(optimizer)
    if (progress.stage === 'stepped') {
      throw torchError('ERR_TORCH_RUNTIME', 'step() has already been called since the last update().')
    }
    if (optimizer instanceof Optimizer && isFused(optimizer)) {
      this.#stepFused(optimizer, progress, scale, args[0] as StepInputs | undefined)
    } else {
      if (progress.stage === 'ready') this.unscale_(optimizer)
      if (progress.foundInf?.item() === 0) optimizer.step(...args)
    }
    progress.stage = 'stepped'
  }

  /** LibTorch's optimizer kernels unscale gradients and skip steps themselves. */
  #stepFused(optimizer: Optimizer, progress: OptimizerProgress, scale: Tensor, inputs: StepInputs = {}): void {
    const unscaled = progress.stage === 'unscaled'
    if (!unscaled)
      noGrad(() => tidy(() => this.#check(optimizer, progress, full([], 1, { device: this.#device }), true)))
    optimizer.step({ ...inputs, foundInf: progress.foundInf, gradScale: unscaled ? undefined : scale })
  }

  /**
   * Adapts the scale, depending on whether {@link step} found Inf or NaN. Call it at the end of each iteration.
   *
   * @param newScale Sets the scale instead: a number, or a tensor of one element.
   * @throws {TorchError} if there was no step since the last call.
   */
  update(newScale?: number | Tensor): void {
    if (!this.#enabled) return
    const { scale, growthTracker } = this.#require('update')
    noGrad(() =>
      tidy(() => {
        if (newScale === undefined) {
          const found = [...this.#progress.values()].flatMap(({ foundInf }) => foundInf ?? [])
          if (found.length === 0) {
            throw torchError('ERR_TORCH_RUNTIME', 'No inf checks were recorded prior to update.')
          }
          const any = found.reduce((one, other) => maximum(one, other))
          updateScale(scale, growthTracker, any, this.#growthFactor, this.#backoffFactor, this.#growthInterval)
        } else if (isTensor(newScale)) {
          if (newScale.numel !== 1 || newScale.requiresGrad) {
            throw torchError(
              'ERR_TORCH_VALUE',
              'newScale should be a number, or a tensor of one element that does not require gradients',
            )
          }
          scale.copy_(newScale.reshape([]))
        } else {
          requireScale('newScale', newScale)
          scale.fill_(newScale)
        }
      }),
    )
    for (const { foundInf } of this.#progress.values()) foundInf?.dispose()
    this.#progress.clear()
  }

  /** The scale, or 1 if disabled. Reads it from the device, which waits for all work queued there. */
  getScale(): number {
    if (!this.#enabled) return 1
    return this.#scaling === undefined ? this.#initScale : this.#scaling.scale.item<number>()
  }

  /** The factor applied to the scale after `growthInterval` consecutive steps without Inf or NaN. */
  getGrowthFactor(): number {
    return this.#growthFactor
  }

  /** Sets {@link getGrowthFactor}: above 1. */
  setGrowthFactor(newFactor: number): void {
    requireGrowth(newFactor)
    this.#growthFactor = newFactor
  }

  /** The factor applied to the scale after a step with Inf or NaN. */
  getBackoffFactor(): number {
    return this.#backoffFactor
  }

  /** Sets {@link getBackoffFactor}: between 0 and 1. */
  setBackoffFactor(newFactor: number): void {
    requireBackoff(newFactor)
    this.#backoffFactor = newFactor
  }

  /** The number of consecutive steps without Inf or NaN after which the scale grows. */
  getGrowthInterval(): number {
    return this.#growthInterval
  }

  /** Sets {@link getGrowthInterval}: a positive integer. */
  setGrowthInterval(newInterval: number): void {
    requireInteger('GradScaler', 'newInterval', newInterval, 1)
    this.#growthInterval = newInterval
  }

  /** Whether the scaler is enabled: `false` if it was made for CUDA and there is none. */
  isEnabled(): boolean {
    return this.#enabled
  }

  /** The state for a checkpoint. Call it after {@link update}. Empty if disabled. */
  stateDict(): GradScalerState | Record<string, never> {
    if (!this.#enabled) return {}
    return {
      scale: this.getScale(),
      growthFactor: this.#growthFactor,
      backoffFactor: this.#backoffFactor,
      growthInterval: this.#growthInterval,
      growthTracker: this.#scaling?.growthTracker.item<number>() ?? this.#initGrowthTracker,
    }
  }

  /** Restores a state returned by {@link stateDict}. Does nothing if disabled. */
  loadStateDict(stateDict: GradScalerState | Record<string, never>): void {
    if (!this.#enabled) return
    if (typeof stateDict !== 'object' || stateDict === null) {
      throw torchError('ERR_TORCH_TYPE', `expected the state dict of a GradScaler, got ${describe(stateDict)}`)
    }
    if (Object.keys(stateDict).length === 0) {
      throw torchError(
        'ERR_TORCH_RUNTIME',
        'The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler.',
      )
    }
    const { scale, growthFactor, backoffFactor, growthInterval, growthTracker } = stateDict as GradScalerState
    requireScale('scale', scale)
    requireGrowth(growthFactor)
    requireBackoff(backoffFactor)
    requireInteger('GradScaler', 'growthInterval', growthInterval, 1)
    requireInteger('GradScaler', 'growthTracker', growthTracker, 0)
    this.#initScale = scale
    this.#initGrowthTracker = growthTracker
    this.#growthFactor = growthFactor
    this.#backoffFactor = backoffFactor
    this.#growthInterval = growthInterval
    this.#scaling?.scale.fill_(scale)
    this.#scaling?.growthTracker.fill_(growthTracker)
  }

  /** Created on first use, and immediately, even within `offload`, since it must survive a failed step. */
  #begin(): Scaling {
    const device = this.#device
    this.#scaling ??= atOnce(() =>
      noGrad(() => ({
        scale: keep(full([], this.#initScale, { dtype: 'float32', device })),
        growthTracker: keep(full([], this.#initGrowthTracker, { dtype: 'int32', device })),
      })),
    )
    return this.#scaling
  }

  #require(name: string): Scaling {
    if (this.#scaling === undefined) {
      throw torchError(
        'ERR_TORCH_RUNTIME',
        `Attempted ${name} but _scale is None.  This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration.`,
      )
    }
    return this.#scaling
  }

  #progressOf(optimizer: object): OptimizerProgress {
    const progress = this.#progress.get(optimizer) ?? { stage: 'ready' }
    this.#progress.set(optimizer, progress)
    return progress
  }

  #check(
    { paramGroups }: Pick<Stepping<never>, 'paramGroups'>,
    progress: OptimizerProgress,
    inverse: Tensor,
    allowFloat16: boolean,
  ): void {
    const foundInf = zeros([], { device: this.#device })
    const params = paramGroups.flatMap((group) => [...group.params])
    unscaleGradients(params, foundInf, inverse, allowFloat16)
    progress.foundInf = keep(foundInf)
  }
}

function requireOptimizer(name: string, value: unknown): void {
  const given = value as Partial<Stepping<never>> | null | undefined
  if (typeof given?.step === 'function' && Array.isArray(given.paramGroups)) return
  throw invalid(`GradScaler.${name}`, 'optimizer', 'an Optimizer', value)
}

function requireGrowth(factor: unknown): void {
  if (typeof factor === 'number' && factor > 1) return
  throw invalid('GradScaler', 'growthFactor', 'a number above 1', factor, 'ERR_TORCH_VALUE')
}

function requireBackoff(factor: unknown): void {
  if (typeof factor === 'number' && factor < 1 && factor > 0) return
  throw invalid('GradScaler', 'backoffFactor', 'a number between 0 and 1', factor, 'ERR_TORCH_VALUE')
}

function requireScale(name: string, scale: unknown): void {
  requirePositive('GradScaler', name, scale)
  if (scale === Number.POSITIVE_INFINITY) throw invalid('GradScaler', name, 'a finite number', scale, 'ERR_TORCH_VALUE')
}
