import { isArrayOf } from '../../array.ts'
import { checkOptions, invalid, requireChoice, requireInteger, requireNumber } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { isTensor, type Tensor } from '../../tensor/tensor.ts'
import { perGroup, requireOptimizer, type ScheduledOptimizer } from './groups.ts'
import { LRScheduler } from './scheduler.ts'

export interface ReduceLROnPlateauOptions {
  /** `'min'` if the metric shall fall, such as a loss; `'max'` if it shall rise. Default `'min'`. */
  mode?: 'min' | 'max'
  /** The factor, below 1. Default 0.1. */
  factor?: number
  /** The number of epochs without improvement that are tolerated. Default 10. */
  patience?: number
  /** What counts as an improvement. Default 1e-4. */
  threshold?: number
  /** Whether the threshold is relative to the best metric (`'rel'`) or absolute (`'abs'`). Default `'rel'`. */
  thresholdMode?: 'rel' | 'abs'
  /** The number of epochs after a reduction before bad ones count again. Default 0. */
  cooldown?: number
  /** The lowest learning rate, of all groups or of each. Default 0. */
  minLr?: number | readonly number[]
  /** A change by no more than this is not made. Default 1e-8. */
  eps?: number
}

/** @internal The names of {@link ReduceLROnPlateauOptions}. */
export const PLATEAU_OPTIONS = ['mode', 'factor', 'patience', 'threshold', 'thresholdMode', 'cooldown', 'minLr', 'eps']

/** The state of {@link ReduceLROnPlateau}. */
export type ReduceLROnPlateauState = {
  mode: 'min' | 'max'
  factor: number
  patience: number
  threshold: number
  thresholdMode: 'rel' | 'abs'
  cooldown: number
  /** The lowest learning rate of groups to come; `null` if it was given for each group. */
  defaultMinLr: number | null
  minLrs: readonly number[]
  eps: number
  /** The best metric; `null` before the first one. */
  best: number | null
  cooldownCounter: number
  numBadEpochs: number
}

/**
 * Multiplies the learning rates by `factor` when a metric, such as the loss of the validation, has not improved for more
 * than `patience` epochs.
 *
 * @example
 * const scheduler = new optim.lrScheduler.ReduceLROnPlateau(optimizer, { patience: 5 })
 * scheduler.step(validationLoss) // after each epoch
 * @throws {TorchError} for a factor of 1 or more, and other settings that make no sense.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
 */
export class ReduceLROnPlateau extends LRScheduler<ReduceLROnPlateauState> {
  constructor(optimizer: ScheduledOptimizer, options: ReduceLROnPlateauOptions = {}, ...none: undefined[]) {
    const { name } = new.target
    checkOptions(name, options, PLATEAU_OPTIONS, none)
    requireOptimizer(name, optimizer)
    const { mode = 'min', factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = 'rel' } = options
    const { cooldown = 0, minLr = 0, eps = 1e-8 } = options
    super(optimizer, {
      mode,
      factor,
      patience,
      threshold,
      thresholdMode,
      cooldown,
      defaultMinLr: typeof minLr === 'number' ? minLr : null,
      minLrs: perGroup(name, 'minLr', optimizer, minLr),
      eps,
      best: null,
      cooldownCounter: 0,
      numBadEpochs: 0,
    })
  }

  protected override check(state: ReduceLROnPlateauState): void {
    const { name } = this.constructor
    requireChoice(name, 'mode', state.mode, ['min', 'max'])
    requireChoice(name, 'thresholdMode', state.thresholdMode, ['rel', 'abs'])
    for (const field of ['factor', 'threshold', 'eps'] as const) requireNumber(name, field, state[field])
    if (!(state.factor < 1)) throw invalid(name, 'factor', 'below 1', state.factor, 'ERR_TORCH_VALUE')
    for (const field of ['patience', 'cooldown', 'cooldownCounter', 'numBadEpochs'] as const) {
      requireInteger(name, field, state[field], 0)
    }
    for (const field of ['defaultMinLr', 'best'] as const) {
      if (state[field] !== null) requireNumber(name, field, state[field])
    }
    if (!isArrayOf(state.minLrs, (one) => typeof one === 'number')) {
      throw invalid(name, 'minLrs', 'an array of numbers', state.minLrs)
    }
  }

  protected override get saved(): readonly ['lastEpoch', 'lastLr'] {
    return ['lastEpoch', 'lastLr']
  }

  protected override start(): void {
    this.lastEpoch = 0
    this.record()
  }

  /** PyTorch has infinity for a metric to come. */
  protected override translate(stateDict: Record<string, unknown>): Record<string, unknown> {
    const { best } = stateDict
    return typeof best === 'number' && !Number.isFinite(best) ? { ...stateDict, best: null } : stateDict
  }

  /** Whether bad epochs do not count at present. */
  get inCooldown(): boolean {
    return this.state.cooldownCounter > 0
  }

  /**
   * Takes note of the metric of an epoch, and reduces the learning rates if it is time.
   * @param metrics a number, or a tensor of one element
   */
  override step(metrics: number | Tensor): void {
    const current = isTensor(metrics) ? metrics.item() : metrics
    if (typeof current !== 'number') {
      throw invalid(`${this.constructor.name}.step`, 'metrics', 'a number or a Tensor of one element', metrics)
    }
    const { state } = this
    this.lastEpoch++
    if (this.#isBetter(current)) {
      state.best = current
      state.numBadEpochs = 0
    } else {
      state.numBadEpochs++
    }
    if (this.inCooldown) {
      state.cooldownCounter--
      state.numBadEpochs = 0
    }
    if (state.numBadEpochs > state.patience) {
      this.#reduce()
      state.cooldownCounter = state.cooldown
      state.numBadEpochs = 0
    }
    this.record()
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.state
    const best = this.state.best ?? (mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY)
    const sign = mode === 'min' ? -1 : 1
    const bar = thresholdMode === 'rel' ? best * (1 + sign * threshold) : best + sign * threshold
    return mode === 'min' ? metric < bar : metric > bar
  }

  #reduce(): void {
    const { groups, state } = this
    if (groups.length !== state.minLrs.length) {
      if (state.defaultMinLr === null) {
        throw torchError(
          'ERR_TORCH_RUNTIME',
          `${this.constructor.name}: The number of param groups in the optimizer (${groups.length}) differs from when the schedule was made (${state.minLrs.length}), and minLr was given for each: make a new schedule after adding a group`,
          { op: this.constructor.name },
        )
      }
      state.minLrs = groups.map(() => state.defaultMinLr as number)
    }
    groups.forEach((group, index) => {
      const reduced = Math.max(group.lr * state.factor, state.minLrs[index] as number)
      if (group.lr - reduced > state.eps) group.lr = reduced
    })
  }

  protected override getLr(): number[] {
    return this.groups.map(({ lr }) => lr)
  }
}
