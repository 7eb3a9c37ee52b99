import { isDeepStrictEqual } from 'node:util'
import { checkOptions, invalid, requireString, requireSubclass } from '../check.ts'
import { markCopy } from '../copy.ts'
import { dispose } from '../dispose.ts'
import { torchError } from '../errors.ts'
import { opaque } from '../opaque.ts'
import { inferenceMode, noGrad, offload, tidy } from '../tensor/context.ts'
import { requireDevice } from '../tensor/device.ts'
import { type Device, requireTensor, type Tensor } from '../tensor/tensor.ts'
import { batchOf, checkUpdate, type MetricBatch, requireSameDevice, type UpdateOptions } from './batch.ts'
import { type Merge, type MetricState, State } from './state.ts'

export interface MetricOptions {
  /** The name of the result, in a history or a log. Default: the metric's own, such as `'mae'`. */
  name?: string
}

/**
 * The base class of all metrics. A metric keeps sums and counts over all batches, in float64 on their device, and
 * divides only at the end: batches of unequal size, masks and several processes give the same result as all data at
 * once.
 *
 * `update` reads no value: it can run within `torch.offload` and, after a first update outside, be captured in a CUDA
 * graph.
 *
 * @example
 * // A metric of your own: the sums to keep, what a batch adds to them, and the result.
 * class Bias extends Metric {
 *   override readonly higherIsBetter = false
 *   protected override readonly stateFields = ['error', 'count']
 *   protected override measure(batch: MetricBatch): MetricState {
 *     return { error: batch.sum(batch.output.sub(batch.target)), count: batch.count() }
 *   }
 *   protected override result({ error, count }: MetricState<'error' | 'count'>): Tensor {
 *     return error.div(count)
 *   }
 * }
 */
export abstract class Metric<Value = number> implements Disposable {
  static {
    markCopy(Metric)
  }

  /** The name by which options select a metric of this library: `'mae'`. */
  static readonly key: string | undefined = undefined
  /** The names of the options. A subclass with more of them adds its own: `[...super.options, 'threshold']`. */
  protected static readonly options: readonly string[] = ['name']

  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('Metric', 'use compute() or stateDict()')
  /** The name of the result. */
  readonly name: string
  /** Whether a larger result is better, as for an accuracy, or a smaller one, as for an error. */
  abstract readonly higherIsBetter: boolean
  /** The names of the sums. A sum `invalid` counts targets that cannot be measured; then there is no result. */
  protected abstract readonly stateFields: readonly string[]
  #made: State | undefined

  constructor(options: MetricOptions = {}, ...none: undefined[]) {
    const type = new.target
    requireSubclass(type, Metric, 'metrics.Accuracy', ['measure', 'result'])
    checkOptions(type.name, options, type.options, none)
    const { name = type.key ?? `${type.name.slice(0, 1).toLowerCase()}${type.name.slice(1)}` } = options
    requireString(type.name, 'name', name)
    this.name = name
  }

  /** What a batch adds to the state: a tensor for each of `stateFields`, computed without reading a value. */
  protected abstract measure(batch: MetricBatch): MetricState

  /** The result of the state: for numbers, a tensor of one element. */
  protected abstract result(state: MetricState): Tensor

  /** Whether the state grows: all that is measured is kept, concatenated, instead of its sum. */
  protected get appends(): boolean {
    return false
  }

  /** How the states of two parts of the data are combined, if not by adding them, field by field. */
  protected get merge(): Merge | undefined {
    return undefined
  }

  /** What valid targets are, for errors. */
  protected get validTargets(): string {
    return 'a valid target'
  }

  /** Output and target as `measure` gets them. @throws {TorchError} if their shapes or dtypes do not fit. */
  protected prepare(_owner: string, output: Tensor, target: Tensor): readonly [output: Tensor, target: Tensor] {
    return [output, target]
  }

  /** Whether the value is a number, as a `Trainer` and its history need it, and not a tensor. */
  get isScalar(): boolean {
    return true
  }

  /** The value of a result, a tensor on the CPU. `undefined`: there were no batches. */
  protected read(result: Tensor | undefined): Value {
    if (!this.isScalar) {
      if (result !== undefined) return result as Value
      const { name } = this.constructor
      const message = `${name}: there were no batches, so the number of classes is not known`
      throw torchError('ERR_TORCH_VALUE', message, { op: name })
    }
    const value = result === undefined ? Number.NaN : result.item()
    result?.dispose()
    return value as Value
  }

  get #state(): State {
    this.#made ??= new State(this.stateFields, this.appends, this.merge)
    return this.#made
  }

  #owner(method: string): string {
    return `${this.constructor.name}.${method}`
  }

  /**
   * Adds a batch. Nothing is recorded for gradients, and no value is read.
   *
   * @param output the model's output
   * @param target what it should be, on the same device
   * @throws {TorchError} `ERR_TORCH_SHAPE`, with both shapes, if they do not fit; for unknown options; for another device
   *   than that of the earlier batches.
   */
  update(output: Tensor, target: Tensor, options: UpdateOptions = {}): void {
    const owner = this.#owner('update')
    for (const [name, value] of Object.entries({ output, target })) {
      requireTensor(owner, name, value)
      if (!value.isComplex()) continue
      throw torchError('ERR_TORCH_DTYPE', `${owner}: ${name} must be real, got ${value.dtype}`, { op: owner })
    }
    checkUpdate(owner, options)
    requireSameDevice(owner, 'target', target, output.device)
    inferenceMode(() =>
      tidy(() => {
        const [own, wanted] = this.prepare(owner, output, target)
        this.#state.include(owner, this.measure(batchOf(owner, widened(own), widened(wanted), options)))
      }),
    )
  }

  /**
   * The result of all batches since the last `reset`, computed off the main thread after the operations that are queued
   * already. NaN if nothing counted.
   *
   * @throws {TorchError} (rejects) `ERR_TORCH_VALUE` if there were invalid targets, such as classes that do not exist.
   */
  async compute(): Promise<Value> {
    return this.#valueOf(await offload(() => this.#found()))
  }

  /** `compute`, waiting for the result. */
  computeSync(): Value {
    return this.#valueOf(this.#found())
  }

  /** On the CPU: the result, and the number of invalid targets if there is such a sum. */
  #found(): Tensor[] {
    if (this.#state.isEmpty) return []
    return noGrad(() =>
      tidy(() => {
        const state = this.#state.gathered()
        const result: unknown = this.result(state)
        requireTensor(this.constructor.name, 'what result returns', result)
        const found = [result, ...(state.invalid === undefined ? [] : [state.invalid.sum()])]
        // Copies: a result may be a part of the state.
        return found.map((one) => one.to({ device: 'cpu', copy: true }))
      }),
    )
  }

  #valueOf([result, invalid]: readonly Tensor[]): Value {
    const count = invalid?.item<number>() ?? 0
    invalid?.dispose()
    if (count === 0) return this.read(result)
    result?.dispose()
    const { name } = this.constructor
    throw torchError(
      'ERR_TORCH_VALUE',
      `${name}: ${count} of the targets ${count === 1 ? 'is' : 'are'} not ${this.validTargets}`,
      { op: name },
    )
  }

  /** Forgets all batches. Sums become 0 in place: a captured CUDA graph goes on adding to them. */
  reset(): void {
    this.#state.reset()
  }

  /**
   * Adds the batches of another metric of the same class and settings, such as that of another process. It may be on
   * another device.
   * @throws {TorchError} if class or settings differ, or the number of classes or outputs.
   */
  add(other: Metric<Value>): this {
    const owner = this.#owner('add')
    if (!(other instanceof Metric) || other.constructor !== this.constructor) {
      throw invalid(owner, 'other', `another ${this.constructor.name}`, other)
    }
    const differing = Object.entries(this).find(([key, value]) => !isSame(key, value, other[key as keyof typeof other]))
    if (differing !== undefined) {
      throw torchError('ERR_TORCH_VALUE', `${owner}: other has another setting of ${differing[0]}`, { op: owner })
    }
    if (other.#state.isEmpty) return this
    const { device } = this.#state
    inferenceMode(() =>
      tidy(() => {
        const state = other.#state.gathered()
        const entries = Object.entries(state).map(([field, one]) => [
          field,
          device === undefined ? one : one.to(device),
        ])
        this.#state.include(owner, Object.fromEntries(entries) as MetricState)
      }),
    )
    return this
  }

  /** Moves the state to a device. What has been captured in a CUDA graph must be captured again. */
  to(device: Device): this {
    requireDevice(this.#owner('to'), device)
    this.#state.to(device)
    return this
  }

  /** Copies of the sums, by name; empty before the first update. */
  stateDict(): MetricState {
    return this.#state.copies()
  }

  /**
   * Replaces the sums by copies of those in `stateDict`, on their device. What has been captured in a CUDA graph must be
   * captured again.
   * @throws {TorchError} if they are not those of such a metric.
   */
  loadStateDict(stateDict: MetricState): void {
    this.#state.load(this.#owner('loadStateDict'), stateDict)
  }

  /** Frees the state. A further update begins a new one. */
  dispose(): void {
    this.#state.dispose()
  }

  [dispose](): void {
    this.dispose()
  }
}

/** Sums of half-precision values would be right, but not the values. */
function widened(tensor: Tensor): Tensor {
  return ['float16', 'bfloat16'].includes(tensor.dtype) ? tensor.float() : tensor
}

/** Whether a property of two metrics has the same value, if it is a setting. */
function isSame(key: string, one: unknown, other: unknown): boolean {
  return key === 'name' || typeof one === 'function' || isDeepStrictEqual(one, other)
}
