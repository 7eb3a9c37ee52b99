import { checkOptions, invalid, requireBoolean, requireNone } from '../../check.ts'
import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'
import { noGrad, tidy } from '../../tensor/context.ts'
import { setData } from '../../tensor/gradient.ts'
import { isTensor, requireTensor, type Tensor } from '../../tensor/tensor.ts'
import type { Module } from '../module.ts'
import { ModuleList } from '../module-list.ts'
import { Buffer, Parameter } from '../parameter.ts'

/** A module that computes a tensor of another module from the tensors that are stored, and learned, in its place. */
export interface Parametrization extends Module {
  /** The tensor, from the one that is stored or, if `rightInverse` returns several, from all of them. */
  forward(...originals: Tensor[]): Tensor
  /**
   * What to store so that `forward` gives `value`: a tensor, or an array of several. It is called at registration, and
   * when a tensor is assigned. Without it, the tensor is stored as it is, and cannot be assigned.
   */
  rightInverse?: ((value: Tensor) => Tensor | readonly Tensor[]) | undefined
}

export interface RegisterParametrizationOptions {
  /**
   * Whether the parametrization may change the dtype and the shape of the tensor. It is then not run at registration.
   * Default `false`.
   */
  unsafe?: boolean
}

/** @internal A tensor that belongs to a module. */
export type Stored = Parameter | Buffer

/** @internal */
export const isStored = (value: unknown): value is Stored => value instanceof Parameter || value instanceof Buffer

/** @internal A tensor of the same kind: learned or not, saved or not. */
export function storedLike(original: Stored, value: Tensor): Stored {
  if (original instanceof Buffer) return new Buffer(value, { persistent: original.persistent })
  return new Parameter(value, { requiresGrad: original.requiresGrad })
}

const RESULT = 'the result of a parametrization'
const INVERSE = 'the result of rightInverse'

type Properties = Partial<Pick<Tensor, 'dtype' | 'device' | 'shape'>>

/** @throws {TorchError} unless `value` is a tensor with these properties. */
function requireLike(what: string, value: unknown, like: Properties): asserts value is Tensor {
  const op = 'parametrize'
  if (!isTensor(value)) throw invalid(op, what, 'a Tensor', value)
  for (const name of ['dtype', 'device', 'shape'] as const) {
    if (like[name] === undefined || String(like[name]) === String(value[name])) continue
    const [wanted, got] = [like[name], value[name]].map(describe)
    throw torchError('ERR_TORCH_VALUE', `${op}: ${what} must have the ${name} of the tensor, ${wanted}, got ${got}`, {
      op,
    })
  }
}

/**
 * The parametrizations of one tensor, in the order in which they apply, and what is stored for it: `original`, or
 * `original0`, `original1`, … if the first parametrization needs several tensors. Made by
 * {@link registerParametrization}, rarely by `new` from modules and the tensor to parametrize.
 *
 * @throws {TorchError} if a parametrization returns anything but tensors, or, unless `unsafe`, changes the dtype or the
 *   shape.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.ParametrizationList.html
 */
export class ParametrizationList extends ModuleList<Parametrization> {
  /** The stored tensor, if it is a single one. */
  declare readonly original?: Parameter | Buffer
  /** The stored tensors, if there are several. */
  readonly [name: `original${number}`]: Parameter | Buffer

  constructor(
    modules: Iterable<Parametrization>,
    original: Parameter | Buffer,
    options: RegisterParametrizationOptions = {},
    ...none: undefined[]
  ) {
    requireNone('ParametrizationList', none)
    super(modules)
    checkOptions('ParametrizationList', options, ['unsafe'], none)
    const { unsafe = false } = options
    requireBoolean('ParametrizationList', 'unsafe', unsafe)
    if (this.length === 0) throw torchError('ERR_TORCH_VALUE', 'ParametrizationList requires one or more modules.')
    if (!isStored(original)) throw invalid('ParametrizationList', 'original', 'a Parameter or a Buffer', original)
    const { dtype, device, shape } = original
    noGrad(() =>
      tidy(() => {
        const values = inverseOf(this, original, false)
        if (isTensor(values)) requireLike(INVERSE, values, { dtype, device })
        if (!unsafe) requireLike(RESULT, compute(this, isTensor(values) ? [values] : values), { dtype, shape })
        if (isTensor(values)) {
          // An optimizer may have the parameter already, so it stays the same object.
          if (values !== original) setData(original, values)
          Object.assign(this, { original })
        } else {
          for (const [i, value] of values.entries())
            Object.assign(this, { [`original${i}`]: storedLike(original, value) })
        }
      }),
    )
  }

  /** The stored tensors. */
  get originals(): (Parameter | Buffer)[] {
    return [...this.ownEntries()].flatMap(([, value]) => (isStored(value) ? [value] : []))
  }

  /** The parametrized tensor, computed anew at each call. */
  override forward(): Tensor {
    return compute(this, this.originals)
  }

  /**
   * Stores what gives `value`.
   * @throws {TorchError} if a parametrization has no `rightInverse`, or if that gives other dtypes or another number of
   *   tensors than are stored.
   */
  rightInverse(value: Tensor): void {
    requireTensor('ParametrizationList.rightInverse', 'value', value)
    noGrad(() =>
      tidy(() => {
        const values = inverseOf(this, value, true)
        const { originals } = this
        const list = isTensor(values) ? [values] : values
        if (isTensor(values) !== (this.original !== undefined) || list.length !== originals.length) {
          const message = `${INVERSE} must be as many tensors as are stored, ${originals.length}, got ${list.length}`
          throw torchError('ERR_TORCH_VALUE', message)
        }
        const pairs = originals.map((original, i) => [original, list[i] as Tensor] as const)
        for (const [{ dtype }, found] of pairs) requireLike(INVERSE, found, { dtype })
        // Copies, so that the memory of the value stays the caller's.
        for (const [original, found] of pairs) setData(original, found.clone())
      }),
    )
  }
}

function compute([first, ...rest]: ParametrizationList, originals: readonly Tensor[]): Tensor {
  return tidy(() => {
    const start: unknown = (first as Parametrization).forward(...originals)
    const value = rest.reduce<unknown>((input, next) => next.forward(input as Tensor), start)
    requireLike(RESULT, value, {})
    return value
  })
}

/** What to store for a value; `required`: throws if a parametrization has no inverse, instead of leaving it out. */
function inverseOf(list: ParametrizationList, value: Tensor, required: boolean): Tensor | readonly Tensor[] {
  return [...list].reduceRight<Tensor | readonly Tensor[]>((result, module, i) => {
    const { name } = module.constructor
    if (module.rightInverse === undefined) {
      if (!required) return result
      throw torchError('ERR_TORCH_NOT_IMPLEMENTED', `parametrization ${name} does not implement rightInverse.`)
    }
    const found: unknown = module.rightInverse(result as Tensor)
    if (isTensor(found)) return found
    if (i === 0 && Array.isArray(found) && found.length > 0 && found.every(isTensor)) return found
    throw invalid(name, INVERSE, i === 0 ? 'a Tensor or an array of Tensors' : 'a Tensor', found)
  }, value)
}

/** @internal Adds a parametrization of what those before it give. */
export function addParametrization(list: ParametrizationList, parametrization: Parametrization, unsafe: boolean): void {
  if (!unsafe) {
    noGrad(() =>
      tidy(() => {
        const before = list.forward()
        const { dtype, shape } = before
        const value: unknown = parametrization.forward(before)
        requireLike(RESULT, value, { dtype, shape })
        if (parametrization.rightInverse === undefined) return
        requireLike(INVERSE, parametrization.rightInverse(value), { dtype, shape })
      }),
    )
  }
  list.append(parametrization)
}
