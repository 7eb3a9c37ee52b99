import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { isGradEnabled, isOffloading } from '../tensor/context.ts'
import { AutogradFunction, type FunctionContext } from '../tensor/function.ts'
import { op } from '../tensor/packet.ts'
import { isTensor, keep, type Tensor } from '../tensor/tensor.ts'
import { warnOnce } from '../tensor/warning.ts'
import type { Module } from './module.ts'

/** The gradients of the inputs or outputs of a module; `null` for what is no tensor or has no gradient. */
export type GradientList = readonly (Tensor | null)[]

/** What a backward hook returns: `undefined` or `null` to change nothing. */
export type HookGradients = GradientList | Tensor | null | undefined

/** A function that runs after the gradients of a module's inputs are computed. Its result replaces them. */
export type BackwardHook<M extends Module = Module> = (
  module: M,
  gradInput: GradientList,
  gradOutput: GradientList,
) => HookGradients

/** A function that runs before the gradients of a module's inputs are computed. Its result replaces `gradOutput`. */
export type BackwardPreHook<M extends Module = Module> = (module: M, gradOutput: GradientList) => HookGradients

/** What gradients go through on their way, and whether missing ones are zeros. */
interface Passage {
  readonly materialize: boolean
  through(gradients: GradientList): GradientList
}

/** Passes tensors on, and their gradients through a function. */
class BackwardHookFunction extends AutogradFunction {
  static forward(ctx: FunctionContext, passage: Passage, ...tensors: Tensor[]): Tensor[] {
    ctx.setMaterializeGrads(passage.materialize)
    ctx.markNonDifferentiable(...tensors.filter((_, i) => ctx.needsInputGrad[i + 1] === false))
    ctx.passage = passage
    return tensors
  }

  static backward(ctx: FunctionContext, ...gradients: (Tensor | null)[]): (Tensor | null)[] {
    return [null, ...(ctx.passage as Passage).through(gradients)]
  }
}

/** The tensors of a list and their places. */
interface Places {
  readonly length: number
  readonly indices: readonly number[]
}

/**
 * The backward hooks of one call of `forward`: PyTorch's `torch.utils.hooks.BackwardHook`. Hooks are JavaScript, so it
 * throws within `offload` if gradients are recorded.
 */
export class BackwardPass {
  readonly #module: Module
  readonly #hooks: readonly BackwardHook[]
  readonly #preHooks: readonly BackwardPreHook[]
  #inputs: Places | undefined
  #inputLength = 0
  #gradOutput: GradientList | undefined

  constructor(module: Module, hooks: readonly BackwardHook[], preHooks: readonly BackwardPreHook[]) {
    this.#module = module
    this.#hooks = hooks
    this.#preHooks = preHooks
    if (!isOffloading() || !isGradEnabled()) return
    const { name } = module.constructor
    throw torchError(
      'ERR_TORCH_NOT_IMPLEMENTED',
      `${name}.forward: it has backward hooks, which are JavaScript and cannot run on the thread of offload, as in a Trainer: remove them, or train outside of offload`,
      { op: name },
    )
  }

  /** The inputs, whose gradients go through the hooks. */
  inputs(given: readonly unknown[]): readonly unknown[] {
    this.#inputLength = given.length
    const [inputs, places] = this.#connect(given, true, (gradients) => this.#atInputs(gradients))
    this.#inputs = places
    return inputs
  }

  /** The output, whose gradients go through the hooks. */
  output(output: unknown): unknown {
    const list: readonly unknown[] = Array.isArray(output) ? output : [output]
    const [outputs] = this.#connect(list, false, (gradients, places) => this.#atOutputs(gradients, places))
    return Array.isArray(output) ? outputs : outputs[0]
  }

  #connect(
    list: readonly unknown[],
    materialize: boolean,
    through: (gradients: GradientList, places: Places) => GradientList,
  ): [list: readonly unknown[], places: Places | undefined] {
    const indices = list.flatMap((value, i) => (isTensor(value) ? [i] : []))
    const tensors = indices.map((i) => list[i] as Tensor)
    if (!isGradEnabled() || !tensors.some(({ requiresGrad }) => requiresGrad)) return [list, undefined]
    const places = { length: list.length, indices }
    const passage: Passage = { materialize, through: (gradients) => through(gradients, places) }
    const connected = BackwardHookFunction.apply(passage, ...tensors)
    const result = [...list]
    for (const [i, index] of indices.entries()) result[index] = connected[i]
    return [result, places]
  }

  #atOutputs(gradients: GradientList, places: Places): GradientList {
    let gradOutput: GradientList = spread(gradients, places)
    for (const hook of this.#preHooks) {
      gradOutput = this.#answer('pre-hook', 'output', hook(this.#module, gradOutput), gradOutput)
    }
    if (this.#inputs === undefined) this.#withoutInputs(gradOutput)
    // Kept until the gradients reach the inputs; the originals may belong to a hook, or to the tidy of this function.
    else this.#gradOutput = gradOutput.map((gradient) => gradient && keep(alias(gradient)))
    return places.indices.map((index) => gradOutput[index] ?? null)
  }

  #withoutInputs(gradOutput: GradientList): void {
    if (this.#hooks.length === 0) return
    warnOnce(
      'Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for more details.',
    )
    const none = Array.from({ length: this.#inputLength }, () => null)
    for (const hook of this.#hooks) {
      const returned = this.#answer('hook', 'input', hook(this.#module, none, gradOutput), none)
      if (returned.every((gradient) => gradient === null)) continue
      throw this.#error(
        'Backward hook for Modules where no input requires gradient should always return null or null for all gradients.',
      )
    }
  }

  #atInputs(gradients: GradientList): GradientList {
    const kept = this.#gradOutput
    // These gradients did not come from the module's output.
    if (kept === undefined || this.#inputs === undefined) return gradients
    this.#gradOutput = undefined
    // What a hook gets belongs to the tidy of this function.
    const gradOutput = kept.map((gradient) => gradient && alias(gradient))
    for (const gradient of kept) gradient?.dispose()
    let gradInput: GradientList = spread(gradients, this.#inputs)
    for (const hook of this.#hooks) {
      gradInput = this.#answer('hook', 'input', hook(this.#module, gradInput, gradOutput), gradInput)
    }
    return this.#inputs.indices.map((index) => gradInput[index] ?? null)
  }

  /** The gradients after a hook. @throws {TorchError} if it returned anything else. */
  #answer(kind: 'hook' | 'pre-hook', of: 'input' | 'output', returned: unknown, before: GradientList): GradientList {
    if (returned === undefined || returned === null) return before
    const list: readonly unknown[] = Array.isArray(returned) ? returned : [returned]
    const wrong = list.findIndex((gradient) => gradient !== null && !isTensor(gradient))
    if (wrong >= 0) {
      throw this.#error(
        `the backward ${kind} must return undefined, or a Tensor or null for each ${of}, but it returned ${describe(list[wrong])}`,
      )
    }
    if (list.length === before.length) return list as GradientList
    throw this.#error(
      `the backward ${kind} returned an invalid number of gradients for the ${of}s, got ${list.length}, but expected ${before.length}`,
    )
  }

  #error(message: string): Error {
    const { name } = this.#module.constructor
    return torchError('ERR_TORCH_AUTOGRAD', `${name}: ${message}`, { op: name })
  }
}

function alias(tensor: Tensor): Tensor {
  return op('aten::alias')(tensor) as Tensor
}

/** Gradients of the tensors of a list, at the places of these. */
function spread(gradients: GradientList, { length, indices }: Places): (Tensor | null)[] {
  const result: (Tensor | null)[] = Array.from({ length }, () => null)
  for (const [i, index] of indices.entries()) result[index] = gradients[i] ?? null
  return result
}
