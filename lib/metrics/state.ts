import { requireDict, unknownOption } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { refuseCaptured } from '../tensor/capture.ts'
import { atOnce, inferenceMode, noGrad, tidy } from '../tensor/context.ts'
import { zeros } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import { type Device, isTensor, keep, type Tensor } from '../tensor/tensor.ts'

/** Tensors by the names of a metric's `stateFields`. */
export type MetricState<Field extends string = string> = Record<Field, Tensor>

/** The state of two parts of the data together; that without batches is 0. It changes neither. */
export type Merge = (one: MetricState, other: MetricState) => MetricState

/**
 * What a metric keeps: for each field a sum in float64, or what `merge` makes of two parts, or everything that was measured. All changes are made in
 * inferenceMode, since its tensors cannot be changed outside of it.
 */
export class State {
  readonly #fields: readonly string[]
  readonly #appends: boolean
  readonly #merge: Merge | undefined
  // A single tensor for a sum.
  readonly #tensors = new Map<string, Tensor[]>()

  constructor(fields: readonly string[], appends: boolean, merge?: Merge) {
    this.#fields = fields
    this.#appends = appends
    this.#merge = merge
  }

  /** Whether nothing has been included since the state was made or disposed. */
  get isEmpty(): boolean {
    return this.#tensors.size === 0
  }

  /** The device of the tensors, if there are any. */
  get device(): Device | undefined {
    return this.#first(this.#fields[0])?.device
  }

  #first(field: string | undefined): Tensor | undefined {
    return this.#tensors.get(field as string)?.[0]
  }

  /** Adds to the sums, or appends. @throws {TorchError} unless `measured` fits what is there; nothing is changed then. */
  include(owner: string, measured: MetricState): void {
    if (this.#appends) refuseCaptured(owner, 'its state grows with each batch')
    if (this.isEmpty) refuseCaptured(owner, 'its sums do not exist yet: update once before')
    const values = this.#fields.map(
      (field) => [field, this.#checked(owner, field, (measured as MetricState | undefined)?.[field])] as const,
    )
    inferenceMode(() => {
      if (this.#merge !== undefined) return this.#mergeWith(this.#merge, values)
      for (const [field, value] of values) {
        if (this.#appends) this.#tensors.set(field, [...(this.#tensors.get(field) ?? []), keep(value.clone())])
        else (this.#first(field) ?? this.#begin(field, value)).add_(value)
      }
    })
  }

  #mergeWith(merge: Merge, values: readonly (readonly [string, Tensor])[]): void {
    const kept = values.map(([field, value]) => [field, this.#first(field) ?? this.#begin(field, value)] as const)
    tidy(() => {
      const merged = merge(Object.fromEntries(kept) as MetricState, Object.fromEntries(values) as MetricState)
      for (const [field, tensor] of kept) tensor.copy_(merged[field] as Tensor)
    })
  }

  #checked(owner: string, field: string, value: unknown): Tensor {
    if (!isTensor(value)) {
      throw torchError(
        'ERR_TORCH_TYPE',
        `${owner}: measure must return a Tensor for '${field}', but it returned ${describe(value)}`,
        { op: owner },
      )
    }
    const known = this.#first(field)
    if (known === undefined) return value
    if (known.device !== value.device) {
      throw torchError(
        'ERR_TORCH_DEVICE',
        `${owner}: the batch is on ${value.device}, but the earlier ones were on ${known.device}: move the metric with to('${value.device}')`,
        { op: owner },
      )
    }
    if (!this.#appends && known.shape.join() !== value.shape.join()) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `${owner}: '${field}' of this batch has shape (${value.shape.join(', ')}), but that of the earlier ones has (${known.shape.join(', ')}): all batches must have the same number of classes or outputs`,
        { op: owner },
      )
    }
    return value
  }

  /** A new sum, made at once even within `offload`: it must survive a batch that fails. */
  #begin(field: string, { shape, device }: Tensor): Tensor {
    const sum = atOnce(() => keep(zeros(shape, { dtype: 'float64', device })))
    this.#tensors.set(field, [sum])
    return sum
  }

  /** One tensor for each field. */
  gathered(): MetricState {
    const entries = [...this.#tensors].map(([field, tensors]) => [
      field,
      tensors.length === 1 ? (tensors[0] as Tensor) : functions.cat(tensors),
    ])
    return Object.fromEntries(entries) as MetricState
  }

  /** Copies of {@link gathered} that the caller owns. */
  copies(): MetricState {
    return noGrad(() =>
      tidy(() => {
        const entries = Object.entries(this.gathered()).map(([field, tensor]) => [field, tensor.clone()])
        return Object.fromEntries(entries) as MetricState
      }),
    )
  }

  /** Replaces the state by copies of `saved`. @throws {TorchError} unless it has the fields; nothing is changed then. */
  load(owner: string, saved: unknown): void {
    const dict = requireDict(owner, 'the state dict', saved)
    for (const key of Object.keys(dict)) {
      if (this.#fields.includes(key)) continue
      throw torchError('ERR_TORCH_OPTION', `${owner}: ${unknownOption(key, this.#fields).replace('option', 'field')}`, {
        op: owner,
      })
    }
    // That of a metric without batches.
    const fields = Object.keys(dict).length === 0 ? [] : this.#fields
    const tensors = fields.map((field) => {
      const value = dict[field]
      if (isTensor(value) && !value.isComplex()) return [field, value] as const
      throw torchError(
        'ERR_TORCH_TYPE',
        `${owner}: '${field}' must be a real Tensor, got ${isTensor(value) ? value.dtype : describe(value)}`,
        { op: owner },
      )
    })
    inferenceMode(() => {
      const copies = tensors.map(([field, value]): [string, Tensor[]] => {
        const dtype = this.#appends ? value.dtype : 'float64'
        return [field, [keep(value.detach().to({ dtype, copy: true }))]]
      })
      this.#replace(copies)
    })
  }

  #replace(tensors: readonly [string, Tensor[]][]): void {
    this.dispose()
    for (const [field, list] of tensors) this.#tensors.set(field, list)
  }

  /** Moves the tensors to a device. */
  to(device: Device): void {
    inferenceMode(() => {
      const moved = [...this.#tensors].map(([field, tensors]): [string, Tensor[]] => {
        return [field, tensors.map((one) => keep(one.to({ device, copy: true })))]
      })
      this.#replace(moved)
    })
  }

  /** Sets the sums to 0, in place; forgets what was appended. */
  reset(): void {
    if (this.#appends) {
      this.dispose()
      return
    }
    inferenceMode(() => {
      for (const [sum] of this.#tensors.values()) sum?.zero_()
    })
  }

  dispose(): void {
    for (const tensors of this.#tensors.values()) for (const one of tensors) one.dispose()
    this.#tensors.clear()
  }
}
