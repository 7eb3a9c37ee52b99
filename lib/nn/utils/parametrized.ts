import { invalid, requireNone, requireString } from '../../check.ts'
import { torchError } from '../../errors.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { Dict } from '../dict.ts'
import { List } from '../list.ts'
import { Module } from '../module.ts'
import { ModuleDict } from '../module-dict.ts'
import { isStored, type ParametrizationList } from './parametrization-list.ts'

/** A module with parametrized tensors. */
export interface Parametrized {
  /** The parametrizations of each tensor, by its name. */
  readonly parametrizations: ModuleDict<Record<string, ParametrizationList>>
}

/** The parametrizations of a module, or `undefined` if there are none. */
export function dictOf(module: Module): Parametrized['parametrizations'] | undefined {
  const { parametrizations } = module as Partial<Parametrized>
  return parametrizations instanceof ModuleDict ? parametrizations : undefined
}

/** @throws {TorchError} unless `module` is one, and `name` can be that of a tensor. */
export function requireOwner(op: string, module: unknown, name: unknown): asserts module is Module {
  if (!(module instanceof Module)) throw invalid(op, 'module', 'a Module', module)
  requireString(op, 'name', name)
}

/**
 * Whether a tensor of the module is parametrized; without a name, whether any is.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.is_parametrized.html
 */
export function isParametrized(module: Module, name?: string, ...none: undefined[]): boolean {
  requireNone('isParametrized', none)
  requireOwner('isParametrized', module, name ?? '')
  const dict = dictOf(module)
  return dict !== undefined && (name === undefined ? dict.size > 0 : dict.has(name))
}

/** The parameter or buffer, or what its parametrizations give. @throws {TorchError} if there is none. */
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
