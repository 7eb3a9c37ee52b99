import { AsyncLocalStorage } from 'node:async_hooks'
import { checkOptions, invalid, requireBoolean, requireFunction, requireString } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { noGrad, tidy } from '../../tensor/context.ts'
import { setData } from '../../tensor/gradient.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { Dict } from '../dict.ts'
import { List } from '../list.ts'
import { Module } from '../module.ts'
import { ModuleDict } from '../module-dict.ts'
import { type Buffer, Parameter } from '../parameter.ts'
import {
  addParametrization,
  isStored,
  type Parametrization,
  ParametrizationList,
  type RegisterParametrizationOptions,
  storedLike,
} from './parametrization-list.ts'

export { type Parametrization, ParametrizationList, type RegisterParametrizationOptions }

export interface RemoveParametrizationsOptions {
  /**
   * Whether the tensor keeps the value that it has now. With `false`, it becomes the stored tensor again, of which
   * there must be only one. Default `true`.
   */
  leaveParametrized?: boolean
}

/** A module with parametrized tensors. */
export interface Parametrized {
  /** The parametrizations of each tensor, by its name. */
  readonly parametrizations: ModuleDict<Record<string, ParametrizationList>>
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
 * The tensor is computed at each reading, unless {@link cached}, so each forward of a module sees the present one, as
 * do recurrent networks. Like any result it is freed by the surrounding `tidy`. If the parametrization has a
 * `rightInverse`, the tensor can be assigned. Register before making the optimizer, unless there is a single original:
 * that stays the same parameter.
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
  if ([...parametrization.modules()].includes(module)) {
    throw torchError('ERR_TORCH_VALUE', `${op}: a module cannot parametrize its own tensor`, { op })
  }
  parametrization.train(module.training)
  const known = dictOf(module)
  if (known?.has(name)) {
    addParametrization(known.get(name), parametrization, unsafe)
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
