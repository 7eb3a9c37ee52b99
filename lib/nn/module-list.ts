import { requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import { Modules } from './list.ts'
import type { Module } from './module.ts'

/**
 * A list of modules. They belong to the module that contains the list: `layers.0.weight`.
 *
 * @example
 * layers = new nn.ModuleList([new nn.Linear(4, 4), new nn.Linear(4, 4)])
 * for (const layer of this.layers) x = layer.forward(x)
 * this.layers[0]
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
 */
export class ModuleList<M extends Module = Module> extends Modules<M> {
  constructor(modules: Iterable<M> = [], ...none: undefined[]) {
    super()
    requireNone(new.target.name, none)
    this.extend(modules)
  }

  override forward(): unknown {
    throw torchError('ERR_TORCH_NOT_IMPLEMENTED', 'Module [ModuleList] is missing the required "forward" function')
  }

  /** Prints equal neighbors in one line, like PyTorch. */
  override toString(): string {
    const blocks: { from: number; to: number; text: string }[] = []
    for (const [i, module] of [...this].entries()) {
      const last = blocks.at(-1)
      if (last?.text === String(module)) last.to = i
      else blocks.push({ from: i, to: i, text: String(module) })
    }
    if (blocks.length === 0) return `${this.constructor.name}()`
    const lines = blocks.map(({ from, to, text }) =>
      from === to ? `(${from}): ${text}` : `(${from}-${to}): ${to - from + 1} x ${text}`,
    )
    return `${this.constructor.name}(\n${lines.map((line) => `  ${line.replaceAll('\n', '\n  ')}`).join('\n')}\n)`
  }
}
