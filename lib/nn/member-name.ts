import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'

/**
 * @param kind what is to be registered, for errors
 * @param replaceable the class of values that may be replaced
 * @throws {TorchError} unless a module can have a member of this name.
 */
export function requireName(
  module: object,
  kind: string,
  name: unknown,
  replaceable: abstract new (...args: never[]) => object,
): asserts name is string {
  const { name: op } = module.constructor
  if (typeof name !== 'string') {
    throw torchError('ERR_TORCH_TYPE', `${kind} name should be a string. Got ${describe(name)}`, { op })
  }
  const own: unknown = Object.hasOwn(module, name) ? module[name as keyof typeof module] : undefined
  const wrong =
    name in module && own !== null && !(own instanceof replaceable)
      ? `attribute '${name}' already exists`
      : name.includes('.')
        ? `${kind} name can't contain ".", got: ${name}`
        : name === ''
          ? `${kind} name can't be empty string ""`
          : undefined
  if (wrong !== undefined) throw torchError('ERR_TORCH_VALUE', wrong, { op })
}

/** @throws {TorchError} unless the path of a member is a string. */
export function requirePath(name: string, path: unknown): void {
  if (typeof path === 'string') return
  throw torchError('ERR_TORCH_TYPE', `${name}: the path must be a string, got ${describe(path)}`, { op: name })
}
