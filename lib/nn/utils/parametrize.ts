import { AsyncLocalStorage } from 'node:async_hooks'
import { checkOptions, invalid, requireBoolean, requireFunction, requireString } from '../../check.ts'
import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'
import { noGrad, tidy } from '../../tensor/context.ts'
import { setData } from '../../tensor/gradient.ts'
import { isTensor, requireTensor, type Tensor } from '../../tensor/tensor.ts'
import { Dict } from '../dict.ts'
import { List } from '../list.ts'
import { Module } from '../module.ts'
import { ModuleDict } from '../module-dict.ts'
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
  rightInverse?(value: Tensor): Tensor | readonly Tensor[]
}

export interface RegisterParametrizationOptions {
  /**
   * Whether the parametrization may change the dtype and the shape of the tensor. It is then not run at registration.
   * Default `false`.
   */
  unsafe?: boolean
}

export interface RemoveParametrizationsOptions {
  /**
   * Whether the tensor keeps the value that it has now. With `false`, it becomes the stored tensor again, of which there
   * must be only one. Default `true`.
   */
  leaveParametrized?: boolean
}

/** A module with parametrized tensors. */
export interface Parametrized {
  /** The parametrizations of each tensor, by its name. */
  readonly parametrizations: ModuleDict<Record<string, ParametrizationList>>
}

/** A tensor that belongs to a module. */
type Stored = Parameter | Buffer

const isStored = (value: unknown): value is Stored => value instanceof Parameter || value instanceof Buffer

/** A tensor of the same kind: learned or not, saved or not. */
function storedLike(original: Stored, value: Tensor): Stored {
  if (original instanceof Buffer) return new Buffer(value, { persistent: original.persistent })
  return new Parameter(value, { requiresGrad: original.requiresGrad })
}

const RESULT = 'the result of a parametrization'
const INVERSE = 'the result of rightInverse'

type Properties = Partial<Pick<Tensor, 'dtype' | 'device' | 'shape'>>

/** @throws {TorchError} unless `value` is a tensor with these properties. */
function requireLike(what: string, value: unknown, like: Properties): asserts value is Tensor {
  const op = 'registerParametrization'
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
 * {@link registerParametrization}, rarely by `new`.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.ParametrizationList.html
 */
export class ParametrizationList extends ModuleList<Parametrization> {
  /** The stored tensor, if it is a single one. */
  declare readonly original?: Parameter | Buffer
  /** The stored tensors, if there are several. */
  readonly [name: `original${number}`]: Parameter | Buffer

  /**
   * @param original the tensor to parametrize
   * @throws {TorchError} if a parametrization returns anything but tensors, or, unless `unsafe`, changes the dtype or the
   *   shape.
   */
  constructor(
    modules: Iterable<Parametrization>,
    original: Parameter | Buffer,
    options: RegisterParametrizationOptions = {},
  ) {
    super(modules)
    checkOptions('ParametrizationList', options, ['unsafe'])
    const { unsafe = false } = options
    requireBoolean('ParametrizationList', 'unsafe', unsafe)
    if (this.length === 0) throw torchError('ERR_TORCH_VALUE', 'ParametrizationList requires one or more modules.')
    if (!isStored(original)) throw invalid('ParametrizationList', 'original', 'a Parameter or a Buffer', original)
    const { dtype, device, shape } = original
    noGrad(() =>
      tidy(() => {
        const values = this.#inverse(original, false)
        if (isTensor(values)) requireLike(INVERSE, values, { dtype, device })
        if (!unsafe) requireLike(RESULT, this.#compute(isTensor(values) ? [values] : values), { dtype, shape })
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
    return this.#compute(this.originals)
  }

  #compute(originals: readonly Tensor[]): Tensor {
    const [first, ...rest] = this
    return tidy(() => {
      const start: unknown = (first as Parametrization).forward(...originals)
      const value = rest.reduce<unknown>((input, next) => next.forward(input as Tensor), start)
      requireLike(RESULT, value, {})
      return value
    })
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
        const values = this.#inverse(value, true)
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

  #inverse(value: Tensor, required: boolean): Tensor | readonly Tensor[] {
    return [...this].reduceRight<Tensor | readonly Tensor[]>((result, module, i) => {
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
  register(parametrization: Parametrization, unsafe: boolean): void {
    if (!unsafe) {
      noGrad(() =>
        tidy(() => {
          const before = this.forward()
          const { dtype, shape } = before
          const value: unknown = parametrization.forward(before)
          requireLike(RESULT, value, { dtype, shape })
          if (parametrization.rightInverse === undefined) return
          requireLike(INVERSE, parametrization.rightInverse(value), { dtype, shape })
        }),
      )
    }
    this.append(parametrization)
  }
}

function dictOf(module: Module): Parametrized['parametrizations'] | undefined {
  const { parametrizations } = module as Partial<Parametrized>
  return parametrizations instanceof ModuleDict ? parametrizations : undefined
}

function requireOwner(op: string, module: unknown, name: unknown): asserts module is Module {
  if (!(module instanceof Module)) throw invalid(op, 'module', 'a Module', module)
  requireString(op, 'name', name)
}

/** @internal The parameter or buffer, or what its parametrizations give. @throws {TorchError} if there is none. */
export function tensorOf(op: string, module: Module, name: string): Tensor {
  requireOwner(op, module, name)
  if (isParametrized(module, name)) return module[name as keyof Module] as unknown as Tensor
  const kind = module.constructor.name
  if (module instanceof Dict || module instanceof List) {
    const message = `${op}: the elements of a ${kind} cannot be parametrized; parametrize a property of a module`
    throw torchError('ERR_TORCH_VALUE', message, { op })
  }
  const own: unknown = Object.hasOwn(module, name) ? module[name as keyof Module] : undefined
  if (isStored(own)) return own
  const hint = name.includes('.') ? '; pass the module that has it, getSubmodule(path), and its name there' : ''
  throw torchError('ERR_TORCH_VALUE', `${op}: ${kind} has no parameter or buffer '${name}'${hint}`, { op })
}

interface Cache {
  readonly values: Map<ParametrizationList, Tensor>
  /** Runs a function with the scope and the modes around the cache: a `tidy` within would free the tensor too soon. */
  readonly outside: <T>(fn: () => T) => T
}

const caches = new AsyncLocalStorage<Cache>()

/** The tensor of the cache, if there is one, or a new one. */
function current(list: ParametrizationList): Tensor {
  const cache = caches.getStore()
  if (cache === undefined) return list.forward()
  let value = cache.values.get(list)
  if (value === undefined || value.disposed) {
    value = cache.outside(() => list.forward())
    cache.values.set(list, value)
  }
  return value
}

/**
 * Runs `fn`, which may be async, in which each parametrized tensor is computed only once: for a cell in a loop, or a
 * module that is used several times. Parameters that change within it do not change these tensors; tensors that are
 * assigned do.
 *
 * @example
 * const cell = nn.utils.parametrizations.weightDrop(new nn.LSTMCell(4, 8), 'weight_hh')
 * let state: nn.LSTMState | null = null
 * nn.utils.parametrize.cached(() => {
 *   for (const x of sequence) state = cell.forward(x, state) // all steps with the same dropped weights
 * })
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.cached.html
 */
export function cached<T>(fn: () => T): T {
  requireFunction('cached', 'fn', fn)
  if (caches.getStore() !== undefined) return fn()
  return caches.run({ values: new Map(), outside: AsyncLocalStorage.snapshot() }, fn)
}

/** Gives a module a class of its own, for the properties that compute tensors. */
function specialize(module: Module): void {
  const Base = module.constructor as new (...args: never[]) => object
  const name = `Parametrized${Base.name}`
  const { [name]: Class } = { [name]: class extends Base {} }
  Object.setPrototypeOf(module, (Class as typeof Base).prototype)
}

/**
 * Computes a parameter or buffer of a module from another tensor: reading `module[name]` then gives
 * `parametrization.forward(original)`. What is learned, and what the state dictionary has, is the original, under the
 * name `parametrizations.<name>.original`; if the parametrization needs several tensors, `original0`, `original1`, ….
 * Several parametrizations of one tensor apply one after the other.
 *
 * The tensor is computed at each reading, unless {@link cached}, so each forward of a module sees the present one, as do
 * recurrent networks. Like any result it is freed by the surrounding `tidy`. If the parametrization has a `rightInverse`, the tensor can be
 * assigned. Register before making the optimizer, unless there is a single original: that stays the same parameter.
 *
 * @example
 * class Symmetric extends nn.Module {
 *   forward(x: Tensor): Tensor {
 *     return x.triu().add(x.triu(1).T)
 *   }
 *   rightInverse(x: Tensor): Tensor {
 *     return x.triu()
 *   }
 * }
 * const { registerParametrization } = nn.utils.parametrize
 * const linear = registerParametrization(new nn.Linear(3, 3), 'weight', new Symmetric())
 * linear.weight // symmetric
 *
 * @returns the module, whose class is now a subclass, `ParametrizedLinear`
 * @throws {TorchError} if the module has no such tensor, or the parametrization changes its dtype or shape without
 *   `unsafe`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.register_parametrization.html
 */
export function registerParametrization<M extends Module>(
  module: M,
  name: string,
  parametrization: Parametrization,
  options: RegisterParametrizationOptions = {},
): M & Parametrized {
  const op = 'registerParametrization'
  checkOptions(op, options, ['unsafe'])
  const { unsafe = false } = options
  requireBoolean(op, 'unsafe', unsafe)
  requireOwner(op, module, name)
  if (!(parametrization instanceof Module)) throw invalid(op, 'parametrization', 'a Module', parametrization)
  parametrization.train(module.training)
  const known = dictOf(module)
  if (known?.has(name)) {
    known.get(name).register(parametrization, unsafe)
    return module as M & Parametrized
  }
  const original = tensorOf(op, module, name) as Parameter | Buffer
  const list = new ParametrizationList([parametrization], original, { unsafe })
  if (known === undefined) {
    module.addModule('parametrizations', new ModuleDict())
    specialize(module)
  }
  Reflect.deleteProperty(module, name)
  Object.defineProperty(Object.getPrototypeOf(module), name, {
    get: () => current(list),
    set: (value: Tensor) => {
      list.rightInverse(value)
      caches.getStore()?.values.delete(list)
    },
    configurable: true,
  })
  dictOf(module)?.set(name, list)
  return module as M & Parametrized
}

/**
 * Whether a tensor of the module is parametrized; without a name, whether any is.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.is_parametrized.html
 */
export function isParametrized(module: Module, name?: string): boolean {
  requireOwner('isParametrized', module, name ?? '')
  const dict = dictOf(module)
  return dict !== undefined && (name === undefined ? dict.size > 0 : dict.has(name))
}

/**
 * The class of the module; if it is parametrized, the one from before.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.type_before_parametrizations.html
 */
export function typeBeforeParametrizations(module: Module): Module['constructor'] {
  const type = isParametrized(module) ? Object.getPrototypeOf(Object.getPrototypeOf(module)) : module
  return (type as Module).constructor
}

/**
 * Makes a parametrized tensor a parameter or buffer again, with its present value. What is random or differs between
 * training and evaluation is fixed as it is now: call `eval` before, or use `leaveParametrized: false`.
 *
 * @returns the module
 * @throws {TorchError} if the tensor is not parametrized, or with `leaveParametrized: false` if several are stored.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.remove_parametrizations.html
 */
export function removeParametrizations<M extends Module>(
  module: M,
  name: string,
  options: RemoveParametrizationsOptions = {},
): M {
  const op = 'removeParametrizations'
  checkOptions(op, options, ['leaveParametrized'])
  const { leaveParametrized = true } = options
  requireBoolean(op, 'leaveParametrized', leaveParametrized)
  requireOwner(op, module, name)
  const dict = dictOf(module)
  if (!dict?.has(name)) {
    const message = `${op}: ${module.constructor.name} does not have a parametrization on ${name}`
    throw torchError('ERR_TORCH_VALUE', message, { op })
  }
  const list = dict.get(name)
  if (list.original === undefined && !leaveParametrized) {
    throw torchError(
      'ERR_TORCH_VALUE',
      'Cannot leave unparametrized (`leaveParametrized: false`) a tensor that is parametrized in terms of a sequence of tensors.',
      { op },
    )
  }
  const stored = noGrad(() =>
    tidy(() => {
      const { original = list.original0 as Parameter | Buffer } = list
      if (!leaveParametrized) return original
      const value = list.forward()
      if (list.original === undefined) return storedLike(original, value)
      if (value !== original) setData(original, value)
      return original
    }),
  )
  const type: object = Object.getPrototypeOf(module)
  Reflect.deleteProperty(type, name)
  dict.pop(name)
  if (dict.size === 0) {
    Reflect.deleteProperty(module, 'parametrizations')
    Object.setPrototypeOf(module, Object.getPrototypeOf(type))
  }
  if (stored instanceof Parameter) module.registerParameter(name, stored)
  else module.registerBuffer(name, stored, { persistent: stored.persistent })
  return module
}
