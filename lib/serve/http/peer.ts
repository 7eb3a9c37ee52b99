import { messageOf, torchError } from '../../errors.ts'

/**
 * Imports an optional package.
 *
 * @throws {TorchError} (rejects) with the command that installs `packages`, if it is missing.
 */
export async function peer<T>(what: string, packages: string, load: () => Promise<T>, without?: string): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    throw torchError(
      'ERR_TORCH_RUNTIME',
      `${what} needs a package: npm install ${packages}${without === undefined ? '' : `, or ${without}`} (${messageOf(cause).split('\n')[0]})`,
      { cause },
    )
  }
}

/** A package in CommonJS has its exports under `default` for an import of an ES module. */
export function defaultOf<T>(module: { readonly default: T } | T): T {
  return typeof module === 'object' && module !== null && 'default' in module ? module.default : (module as T)
}
