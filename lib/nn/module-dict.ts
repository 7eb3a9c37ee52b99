import { invalid, requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import { Dict, type DictEntries } from './dict.ts'
import { Module } from './module.ts'

/**
 * Modules by name, in insertion order. They belong to the module that contains the dictionary: `heads.price.weight`.
 *
 * @example
 * heads = new nn.ModuleDict({ price: new nn.Linear(8, 1), volume: new nn.Linear(8, 1) })
 * this.heads.get('price').forward(x)
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleDict.html
 */
export class ModuleDict<T extends Record<string, Module> = Record<string, Module>> extends Dict<T> {
  constructor(modules: DictEntries<T> = {} as T, ...none: undefined[]) {
    super()
    requireNone(new.target.name, none)
    this.update(modules)
  }

  protected override get kind(): 'module' {
    return 'module'
  }

  protected override elementOf(value: unknown): T[keyof T] {
    if (value instanceof Module) return value as T[keyof T]
    throw invalid('ModuleDict', 'module', 'a Module', value)
  }

  override addModule(name: string, module: Module): void {
    this.set(name, module as T[string])
  }

  override forward(): never {
    throw torchError('ERR_TORCH_NOT_IMPLEMENTED', 'Module [ModuleDict] is missing the required "forward" function')
  }
}
