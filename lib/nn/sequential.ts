import { type TorchError, torchError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { BLANK, blankOf } from './clone.ts'
import { Modules } from './list.ts'
import { Module } from './module.ts'

/** A module that takes one tensor and returns one tensor. */
export type Layer = Module & { forward(input: Tensor): Tensor }

/**
 * Modules called one after the other, each with the output of the previous one. Their names are `0`, `1`, …, or the
 * property names of an object. The input has the shape that the first module takes, the output the shape that the last
 * one returns.
 *
 * @example
 * const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 1))
 * const named = new nn.Sequential({ hidden: new nn.Linear(4, 8), activation: new nn.Tanh() })
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 */
export class Sequential extends Modules<Layer> {
  constructor(modules: Readonly<Record<string, Layer>>)
  constructor(...modules: Layer[])
  constructor(...modules: (Layer | Readonly<Record<string, Layer>>)[]) {
    super()
    const [first] = modules
    const named =
      modules.length === 1 && typeof first === 'object' && first !== null && !(first instanceof Module)
        ? (first as Record<string, Layer>)
        : (modules as Layer[])
    for (const [name, module] of Object.entries(named)) this.addModule(name, module)
  }

  /** @internal */
  static override [BLANK](source: Module): object {
    return blankOf(Sequential, [], source)
  }

  /** @param input in the shape that the first module takes */
  override forward(input: Tensor): Tensor {
    let output = input
    for (const module of this) {
      output = module.forward(output)
      if (Array.isArray(output)) throw this.#wrongOutput(module)
    }
    return output
  }

  #wrongOutput(module: Module): TorchError {
    const place = [...this].indexOf(module as Layer)
    return torchError(
      'ERR_TORCH_TYPE',
      `Sequential: module ${place} (${module.constructor.name}) returned an array; modules here take and return one Tensor. Call a recurrent network yourself, and pass its output on`,
      { op: 'Sequential' },
    )
  }
}
