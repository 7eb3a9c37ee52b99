import { AsyncLocalStorage } from 'node:async_hooks'
import { checkOptions, invalid, requireBoolean, requireFunction } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { noGrad, tidy } from '../../tensor/context.ts'
import { setData } from '../../tensor/gradient.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { COPIED, type Copies } from '../clone.ts'
import { Module } from '../module.ts'
import { ModuleDict } from '../module-dict.ts'
import { type Buffer, Parameter } from '../parameter.ts'
import {
  addParametrization,
  type Parametrization,
  ParametrizationList,
  type RegisterParametrizationOptions,
  storedLike,
} from './parametrization-list.ts'
import { dictOf, isParametrized, type Parametrized, requireOwner, tensorOf } from './parametrized.ts'

export {
  isParametrized,
  type Parametrization,
  ParametrizationList,
  type Parametrized,
  type RegisterParametrizationOptions,
}

export interface RemoveParametrizationsOptions {
  /**
   * Whether the tensor keeps the value that it has now. With `false`, it becomes the stored tensor again, of which
   * there must be only one. Default `true`.
   */
  leaveParametrized?: boolean
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

/** Gives a module a class of its own over `Base`, for the properties that compute tensors. */
function specialize(module: Module, Base: abstract new (...args: never[]) => Module): void {
  abstract class Specialized extends Base {
    protected override [COPIED](source: this, copies: Copies): void {
      super[COPIED](source, copies)
      specialize(this, Base)
      for (const name of dictOf(this)?.keys() ?? []) compute(this, name)
    }
  }
  Object.defineProperty(Specialized, 'name', { value: `Parametrized${Base.name}` })
  Object.setPrototypeOf(module, Specialized.prototype)
}

/** Makes the tensor a property that its parametrizations compute, in the class that {@link specialize} has made. */
function compute(module: Module, name: string): void {
  const list = dictOf(module)?.get(name) as ParametrizationList
  Object.defineProperty(Object.getPrototypeOf(module), name, {
    get: () => current(list),
    set: (value: Tensor) => {
      list.rightInverse(value)
      caches.getStore()?.values.delete(list)
    },
    configurable: true,
  })
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
  ...none: undefined[]
): M & Parametrized {
  const op = 'registerParametrization'
  checkOptions(op, options, ['unsafe'], none)
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
    specialize(module, module.constructor as abstract new () => Module)
  }
  Reflect.deleteProperty(module, name)
  dictOf(module)?.set(name, list)
  compute(module, name)
  return module as M & Parametrized
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
  ...none: undefined[]
): M {
  const op = 'removeParametrizations'
  checkOptions(op, options, ['leaveParametrized'], none)
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
