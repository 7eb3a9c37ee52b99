import { checkOptions, invalid, requireBoolean, requireFunction } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { COPIED, type Copies } from '../../nn/clone.ts'
import { Module } from '../../nn/module.ts'
import { Buffer } from '../../nn/parameter.ts'
import { isOffloading, noGrad, tidy } from '../../tensor/context.ts'
import { zeros } from '../../tensor/creation.ts'
import { requireDevice } from '../../tensor/device.ts'
import { type Device, isTensor, type Tensor } from '../../tensor/tensor.ts'
import { type AvgFn, getSwaMultiAvgFn, type MultiAvgFn } from './averages.ts'

export interface AveragedModelOptions {
  /** The device of the averages. Default: that of the model. */
  device?: Device
  /** How to average one tensor. At most one of the two functions; the default is the mean of all values. */
  avgFn?: AvgFn
  /** How to average lists of tensors, such as {@link getEmaMultiAvgFn}. */
  multiAvgFn?: MultiAvgFn
  /** Average the buffers, too, such as the statistics of batch norm, instead of copying them. Default `false`. */
  useBuffers?: boolean
}

/** How many values are in the averages, where that cannot be read: within `offload`. */
const counts = new WeakMap<AveragedModel, number>()

/**
 * A copy of a model whose weights are averages of the model's: stochastic weight averaging (Izmailov et al., 2018), or
 * an exponential moving average. The state dictionary is PyTorch's: `n_averaged`, and the copy's under `module.`.
 *
 * @example
 * const averaged = new optim.swaUtils.AveragedModel(model, { multiAvgFn: optim.swaUtils.getEmaMultiAvgFn(0.99) })
 * // After each step of the optimizer:
 * averaged.updateParameters(model)
 * // In the end:
 * averaged.eval().forward(x)
 * @throws {TorchError} if both functions are given.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.AveragedModel.html
 */
export class AveragedModel<M extends Module = Module> extends Module {
  /** The model with the averages. */
  readonly module: M
  /** How many values are in the averages, an int64. */
  n_averaged: Buffer
  /** The option `avgFn`, or `null`. */
  readonly avgFn: AvgFn | null
  /** The option `multiAvgFn`, or `null`. */
  readonly multiAvgFn: MultiAvgFn | null
  /** Whether buffers are averaged. */
  readonly useBuffers: boolean

  constructor(model: M, options: AveragedModelOptions = {}, ...none: undefined[]) {
    super()
    const { name } = new.target
    if (!(model instanceof Module)) throw invalid(name, 'model', 'a Module', model)
    checkOptions(name, options, ['device', 'avgFn', 'multiAvgFn', 'useBuffers'], none)
    const { device, avgFn, multiAvgFn, useBuffers = false } = options
    if (avgFn !== undefined) requireFunction(name, 'avgFn', avgFn)
    if (multiAvgFn !== undefined) requireFunction(name, 'multiAvgFn', multiAvgFn)
    requireBoolean(name, 'useBuffers', useBuffers)
    if (device !== undefined) requireDevice(name, device)
    if (avgFn !== undefined && multiAvgFn !== undefined) {
      const message = `${name}: Only one of avgFn and multiAvgFn should be provided`
      throw torchError('ERR_TORCH_OPTION', message, { op: name })
    }
    this.module = model.clone()
    if (device !== undefined) this.module.to(device)
    this.n_averaged = new Buffer(zeros([], { dtype: 'int64', ...(device === undefined ? {} : { device }) }))
    this.avgFn = avgFn ?? null
    this.multiAvgFn = multiAvgFn ?? null
    this.useBuffers = useBuffers
    // Known before a step that is queued, which cannot read it.
    counts.set(this, 0)
  }

  /** The output of the averaged model. */
  override forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    return this.module.forward(...inputs) as ReturnType<M['forward']>
  }

  /**
   * Adds the present weights of the model to the averages; the first time, copies them. On CUDA this waits for the
   * device, unless it is called within `offload`.
   *
   * @throws {TorchError} unless the model has the parameters and buffers of the one that was copied.
   */
  updateParameters(model: Module): void {
    const { name } = this.constructor
    if (!(model instanceof Module)) throw invalid(`${name}.updateParameters`, 'model', 'a Module', model)
    const averaged = [...this.module.parameters()] as Tensor[]
    const current = [...model.parameters()] as Tensor[]
    const buffers = [...this.module.buffers()] as Tensor[]
    const currentBuffers = [...model.buffers()] as Tensor[]
    requireSame(name, averaged, current)
    requireSame(name, buffers, currentBuffers)
    if (this.useBuffers) {
      averaged.push(...buffers.splice(0))
      current.push(...currentBuffers.splice(0))
    }
    const count = (isOffloading() ? counts.get(this) : undefined) ?? Number(this.n_averaged.item())
    noGrad(() =>
      tidy(() => {
        const values = averaged.map((average, index) => (current[index] as Tensor).detach().to(average.device))
        const averages = averaged.map((average) => average.detach())
        if (count === 0) copyAll(averages, values)
        else this.average(averages, values, count)
        copyAll(buffers, currentBuffers)
        this.n_averaged.add_(1)
      }),
    )
    counts.set(this, count + 1)
  }

  /** Updates the averages, in which there are `count` values. */
  protected average(averaged: readonly Tensor[], current: readonly Tensor[], count: number): void {
    const { avgFn } = this
    if (avgFn !== null) {
      averaged.forEach((average, index) => {
        const next = avgFn(average, current[index] as Tensor, count)
        if (!isTensor(next)) throw invalid(this.constructor.name, 'the result of avgFn', 'a Tensor', next)
        average.copy_(next)
      })
      return
    }
    const multiAvgFn = this.multiAvgFn ?? getSwaMultiAvgFn()
    for (const indices of groupsOf(averaged)) {
      const pick = (tensors: readonly Tensor[]): Tensor[] => indices.map((index) => tensors[index] as Tensor)
      multiAvgFn(pick(averaged), pick(current), count)
    }
  }

  /** @internal */
  protected override [COPIED](source: this, copies: Copies): void {
    super[COPIED](source, copies)
    const count = counts.get(source)
    if (count !== undefined) counts.set(this, count)
  }

  /** The number in a loaded state is read at the next update. */
  protected override onReplaced(): void {
    counts.delete(this)
    // Known before a step that is queued, which cannot read it.
    if (!isOffloading()) counts.set(this, Number(this.n_averaged.item()))
  }
}

/** @throws {TorchError} unless two models have tensors of equal shapes. */
function requireSame(name: string, own: readonly Tensor[], other: readonly Tensor[]): void {
  const shapes = (tensors: readonly Tensor[]): string => tensors.map(({ shape }) => `[${shape.join(', ')}]`).join(' ')
  if (shapes(own) === shapes(other)) return
  throw torchError(
    'ERR_TORCH_SHAPE',
    `${name}: the model must have the parameters and buffers of the one that is averaged, ${shapes(own) || 'none'}, got ${shapes(other) || 'none'}`,
    { op: name },
  )
}

function copyAll(targets: readonly Tensor[], sources: readonly Tensor[]): void {
  targets.forEach((target, index) => {
    target.detach().copy_((sources[index] as Tensor).detach())
  })
}

/** The indices of the tensors of each device and dtype. */
function groupsOf(tensors: readonly Tensor[]): number[][] {
  const groups = new Map<string, number[]>()
  tensors.forEach(({ device, dtype }, index) => {
    const key = `${device} ${dtype}`
    groups.set(key, [...(groups.get(key) ?? []), index])
  })
  return [...groups.values()]
}
