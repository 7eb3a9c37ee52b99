import { isArrayOf } from '../../array.ts'
import { checkOptions, invalid, requireBoolean, requireNone } from '../../check.ts'
import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'
import { tidy } from '../../tensor/context.ts'
import { tensor } from '../../tensor/creation.ts'
import { tensorOp } from '../../tensor/packet.ts'
import { requireTensor, type Tensor } from '../../tensor/tensor.ts'
import { inScales, type Scaler, type ScalerConfig } from './scaler.ts'

/** Scalers of one feature each, by column; undefined for a column that is not scaled. */
type ColumnScalers = readonly (Scaler | undefined)[]

/** A {@link SeriesScaler} as plain JSON. */
export interface SeriesScalerConfig {
  readonly type: 'series'
  readonly targets: readonly string[]
  readonly inputs: readonly string[]
  /** Null if all groups have the same scales, or there are none. */
  readonly groups: readonly string[] | null
  /** By group, or only once, and by column: targets first. */
  readonly scalers: readonly (readonly (ScalerConfig | null)[])[]
  /** Missing unless targets are differences. */
  readonly difference?: number
}

export interface InverseOptions {
  /** The group of each sample; needed if each group has scales of its own. */
  groups?: readonly string[]
  /** Whether samples are the first dimension, not the second. Default `true`. */
  batchFirst?: boolean
}

/** @internal */
export const COLUMNS_OF = Symbol('COLUMNS_OF')
/** @internal */
export const INVERSE = Symbol('INVERSE')

const OWNER = 'SeriesScaler.inverseTransform'
const stack = tensorOp('aten::stack')
const select = tensorOp('aten::select.int')

/**
 * The scales of the columns of a `Series`, of each group by itself where there are groups, fitted on its training part.
 * It comes from `series.split`, or with `scalerFrom(config)` from a model's file.
 */
export class SeriesScaler {
  readonly targets: readonly string[]
  readonly inputs: readonly string[]
  /** The groups with scales of their own; undefined if all have the same, or there are none. */
  readonly groups: readonly string[] | undefined
  /** Targets are what their values add to those so many steps before; undefined if they are the values. */
  readonly difference: number | undefined
  readonly #scalers: readonly ColumnScalers[]
  #places: ReadonlyMap<string, number> | undefined

  /** @internal */
  constructor(
    targets: readonly string[],
    inputs: readonly string[],
    groups: readonly string[] | undefined,
    scalers: readonly ColumnScalers[],
    difference?: number,
    ...none: undefined[]
  ) {
    requireNone('SeriesScaler', none)
    this.targets = targets
    this.inputs = inputs
    this.groups = groups
    this.difference = difference
    this.#scalers = scalers
  }

  /** @internal The scalers of a group's columns. */
  [COLUMNS_OF](owner: string, group: string | undefined): ColumnScalers {
    if (this.groups === undefined) return this.#scalers[0] as ColumnScalers
    const found = group === undefined ? undefined : this.#scalers[this.#placeOf(group) ?? -1]
    if (found !== undefined) return found
    throw torchError(
      'ERR_TORCH_VALUE',
      `${owner}: the scaler was not fitted on ${group === undefined ? 'a series without groups' : `group '${group}'`}`,
      {
        op: owner,
      },
    )
  }

  #placeOf(group: string): number | undefined {
    this.#places ??= new Map(this.groups?.map((name, place) => [name, place]))
    return this.#places.get(group)
  }

  /**
   * Turns the output of a model back into the units of the targets. `output` is of shape (N, …, O) or, without
   * `batchFirst` and with three or more dimensions, (L, N, …, O), where O is the number of targets.
   * @throws {TorchError} if `groups` is missing, or has another length than N; or if targets are differences, whose values
   *   depend on those before: then the `inverseTransform` of windows, or of `series.latest`, knows these.
   */
  inverseTransform(output: Tensor, options: InverseOptions = {}): Tensor {
    requireTensor(OWNER, 'output', output)
    checkOptions(OWNER, options, ['groups', 'batchFirst'])
    const { groups, batchFirst = true } = options
    requireBoolean(OWNER, 'batchFirst', batchFirst)
    if (this.difference !== undefined) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${OWNER}: targets are differences of ${this.difference} steps: use inverseTransform of windows, or of series.latest, which know the values before`,
        { op: OWNER },
      )
    }
    return this[INVERSE](output, { groups, batchFirst })
  }

  /**
   * @internal The same. `starts`: what is added to differences before a logarithm is undone, of a shape that broadcasts to
   * that of the output.
   */
  [INVERSE](
    output: Tensor,
    { groups, batchFirst, starts }: { groups: unknown; batchFirst: boolean; starts?: Tensor },
  ): Tensor {
    const size = this.targets.length
    if (output.ndim < 1 || output.size(-1) !== size) {
      throw torchError(
        'ERR_TORCH_SHAPE',
        `${OWNER}: output must be of shape (…, ${size}), for ${size === 1 ? 'the target' : 'the targets'} ${this.targets.join(', ')}, got (${output.shape.join(', ')})`,
        {
          op: OWNER,
          shapes: [output.shape],
        },
      )
    }
    const rows = this.groups === undefined ? this.#scalers : this.#ofSamples(groups, output, batchFirst)
    // Samples are the only dimension along which scales differ.
    const shape = output.shape.slice(0, -1).map(() => 1)
    if (this.groups !== undefined) shape[sampleDim(output, batchFirst)] = rows.length
    return tidy(() => {
      const columns = this.targets.map((_, k) =>
        inverse(
          select(output, -1, k),
          rows.map((row) => row[k]),
          shape,
          starts === undefined ? undefined : select(starts, -1, k),
        ),
      )
      return stack(columns, -1)
    })
  }

  #ofSamples(groups: unknown, output: Tensor, batchFirst: boolean): ColumnScalers[] {
    if (groups === undefined) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${OWNER}: each group has scales of its own: give the group of each sample, { groups }`,
        {
          op: OWNER,
        },
      )
    }
    if (!isArrayOf(groups, (name): name is string => typeof name === 'string')) {
      throw invalid(OWNER, 'groups', 'an array of strings', groups)
    }
    const samples = output.ndim < 2 ? undefined : output.size(sampleDim(output, batchFirst))
    if (groups.length === samples) return groups.map((name) => this[COLUMNS_OF](OWNER, name))
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${OWNER}: ${describe(groups)} of ${groups.length} groups does not fit an output of shape (${output.shape.join(', ')})`,
      {
        op: OWNER,
        shapes: [output.shape],
      },
    )
  }

  /** Plain JSON for the file of a model; `scalerFrom` makes the scaler again. */
  get config(): SeriesScalerConfig {
    return {
      type: 'series',
      targets: [...this.targets],
      inputs: [...this.inputs],
      groups: this.groups === undefined ? null : [...this.groups],
      scalers: this.#scalers.map((row) => row.map((scaler) => scaler?.config ?? null)),
      ...(this.difference === undefined ? {} : { difference: this.difference }),
    }
  }
}

function sampleDim(output: Tensor, batchFirst: boolean): number {
  return batchFirst || output.ndim < 3 ? 0 : 1
}

/** One target's values in its units. All `scalers` are of one kind, with the same offset. */
function inverse(values: Tensor, scalers: ColumnScalers, shape: readonly number[], starts: Tensor | undefined): Tensor {
  if (scalers[0] === undefined)
    return starts === undefined ? values : values.add(starts.to(values.device)).to(values.dtype)
  const { offset } = scalers[0]
  const all = (which: 'center' | 'scale'): Float64Array =>
    Float64Array.from(scalers, (scaler) => scaler?.scales[which][0] as number)
  const [center, scale] = [all('center'), all('scale')]
  if (starts !== undefined) {
    // In float64: levels may be large beside what is added to them.
    const steps = values.double().mul(tensor(scale, { dtype: 'float64', device: values.device, shape }))
    const levels = steps.add(starts.to(values.device))
    return (offset === undefined ? levels : levels.exp().sub(offset)).to(values.dtype)
  }
  return inScales(values, [...center, ...scale], (x, options) => {
    const scaled = x.mul(tensor(scale, { ...options, shape })).add(tensor(center, { ...options, shape }))
    return offset === undefined ? scaled : scaled.exp().sub(offset)
  })
}
