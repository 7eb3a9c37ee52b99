// `torch.autograd.functional`.
import { isArrayOf } from '../array.ts'
import { checkOptions, requireBoolean, requireFunction, requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { enableGrad, isInferenceModeEnabled, tidy } from './context.ts'
import { onesLike, zeros, zerosLike } from './creation.ts'
import type { Differentiable } from './gradcheck.ts'
import { grad } from './gradient.ts'
import { functions } from './methods.ts'
import { isTensor, type Tensor } from './tensor.ts'

export interface FunctionalOptions {
  /**
   * Record the computation of the result, so that it can be differentiated, also with respect to the inputs. Default
   * `false`.
   */
  createGraph?: boolean
  /** Throw if an output does not depend on an input, instead of returning zeros. Default `false`. */
  strict?: boolean
}

/** One tensor or several, as a list. */
interface Given {
  readonly list: readonly Tensor[]
  readonly isOne: boolean
}

function givenOf(name: string, what: string, value: unknown): Given {
  if (isTensor(value)) return { list: [value], isOne: true }
  if (isArrayOf(value, isTensor) && value.length > 0) return { list: value, isOne: false }
  throw torchError(
    'ERR_TORCH_TYPE',
    `${name}: ${what} must be a Tensor or an array of Tensors, got ${describe(value)}`,
    {
      op: name,
    },
  )
}

function read(name: string, fn: unknown, options: FunctionalOptions): Required<FunctionalOptions> {
  requireFunction(name, 'fn', fn)
  if (isInferenceModeEnabled()) {
    throw torchError('ERR_TORCH_AUTOGRAD', `${name}: there are no gradients in inferenceMode: call it outside`, {
      op: name,
    })
  }
  checkOptions(name, options, ['createGraph', 'strict'])
  const { createGraph = false, strict = false } = options
  requireBoolean(name, 'createGraph', createGraph)
  requireBoolean(name, 'strict', strict)
  return { createGraph, strict }
}

/** The inputs for `fn`: detached from their graphs, unless the result is to be differentiated with respect to them. */
function prepared({ list }: Given, createGraph: boolean): Tensor[] {
  return list.map((input) => (createGraph && input.requiresGrad ? input.viewAs(input) : input.detach().requiresGrad_()))
}

/** The outputs of `fn`. */
function outputsOf(name: string, fn: Differentiable, inputs: readonly Tensor[], strict: boolean): Given {
  const outputs = givenOf(name, 'the output of the function', fn(...inputs))
  const constant = strict ? outputs.list.findIndex((output) => !output.requiresGrad) : -1
  if (constant >= 0) {
    throw torchError(
      'ERR_TORCH_AUTOGRAD',
      `${name}: Output ${constant} of the user-provided function does not require gradients. The outputs must be computed in a differentiable manner from the input when running in strict mode.`,
      { op: name },
    )
  }
  return outputs
}

/** The gradients of the inputs, or zeros for inputs without one. */
function gradientsOf(
  name: string,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  gradOutputs: readonly (Tensor | null)[],
  { createGraph, strict }: Required<FunctionalOptions>,
): Tensor[] {
  const moving = outputs.flatMap((output, i) =>
    output.requiresGrad && gradOutputs[i] ? [[output, gradOutputs[i]] as const] : [],
  )
  const found =
    moving.length === 0
      ? inputs.map(() => null)
      : grad(
          moving.map(([output]) => output),
          inputs,
          { gradOutputs: moving.map(([, seed]) => seed), retainGraph: true, createGraph, allowUnused: true },
        )
  const unused = strict ? found.indexOf(null) : -1
  if (unused >= 0) {
    throw torchError(
      'ERR_TORCH_AUTOGRAD',
      `${name}: The output of the user-provided function is independent of input ${unused}. This is not allowed in strict mode.`,
      { op: name },
    )
  }
  return found.map((gradient, i) => gradient ?? zerosLike(inputs[i] as Tensor))
}

const released = (tensors: readonly Tensor[], createGraph: boolean): Tensor[] =>
  tensors.map((tensor) => (createGraph ? tensor : tensor.detach()))

function vectorOf(name: string, v: unknown, like: Given, whose: string): Tensor[] {
  if (v === undefined || v === null) {
    if (like.list.length === 1 && like.list[0]?.numel === 1) return [onesLike(like.list[0])]
    throw torchError(
      'ERR_TORCH_VALUE',
      `${name}: The vector v can only be left out if the ${whose} is a single Tensor with a single element.`,
      { op: name },
    )
  }
  const { list } = givenOf(name, 'v', v)
  if (list.length !== like.list.length) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${name}: v must have as many Tensors as the ${whose}, ${like.list.length}, got ${list.length}`,
      { op: name },
    )
  }
  for (const [i, one] of list.entries()) {
    const [wanted, got] = [like.list[i] as Tensor, one].map(({ shape }) => `[${shape.join(', ')}]`)
    if (wanted === got) continue
    throw torchError('ERR_TORCH_SHAPE', `${name}: v has invalid size: should be ${wanted} but got ${got}`, { op: name })
  }
  return [...list]
}

/** The Jacobian of each output with respect to each input. */
function jacobians(
  name: string,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: Required<FunctionalOptions>,
): Tensor[][] {
  return outputs.map((output) => {
    const flat = output.reshape([-1])
    const rows = Array.from({ length: flat.numel }, (_, i) => {
      const element = flat.select(0, i)
      return gradientsOf(name, [element], inputs, [onesLike(element)], options)
    })
    return inputs.map((input, i) => {
      const shape = [...output.shape, ...input.shape]
      if (rows.length === 0) return zeros(shape, { dtype: input.dtype, device: input.device })
      return functions.stack(rows.map((row) => row[i] as Tensor)).view(shape)
    })
  })
}

/**
 * The Jacobian of a function: the derivative of each element of the output with respect to each element of the input.
 * Its shape is that of the output followed by that of the input. Several outputs or inputs give an array of Jacobians;
 * with both, `result[i][j]` is the Jacobian of output i with respect to input j. Takes one backward pass per element of
 * the output.
 *
 * @param inputs The arguments of `fn`: a tensor, or an array of tensors, one per argument.
 * @example torch.autograd.functional.jacobian((x) => x.exp(), torch.tensor([0, 1])) // (2, 2)
 * @throws {TorchError} with `strict`, if an output does not depend on an input.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.jacobian.html
 */
export function jacobian(fn: (input: Tensor) => Tensor, inputs: Tensor, options?: FunctionalOptions): Tensor
export function jacobian(
  fn: (input: Tensor) => readonly Tensor[],
  inputs: Tensor,
  options?: FunctionalOptions,
): Tensor[]
export function jacobian(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options?: FunctionalOptions,
): Tensor[]
export function jacobian(
  fn: (...inputs: Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  options?: FunctionalOptions,
): Tensor[][]
export function jacobian(
  fn: Differentiable,
  inputs: Tensor | readonly Tensor[],
  options: FunctionalOptions = {},
  ...none: undefined[]
): Tensor | Tensor[] | Tensor[][] {
  requireNone('jacobian', none)
  const settings = read('jacobian', fn, options)
  const given = givenOf('jacobian', 'inputs', inputs)
  return tidy(() =>
    enableGrad(() => {
      const own = prepared(given, settings.createGraph)
      const outputs = outputsOf('jacobian', fn, own, settings.strict)
      const found = jacobians('jacobian', outputs.list, own, settings).map((row) => released(row, settings.createGraph))
      if (!given.isOne) return outputs.isOne ? (found[0] as Tensor[]) : found
      const column = found.map(([only]) => only as Tensor)
      return outputs.isOne ? (column[0] as Tensor) : column
    }),
  )
}

/**
 * The Hessian (second derivatives) of a function with one output of one element. Its shape is that of the input, twice.
 * For several inputs, `result[i][j]` has the derivatives with respect to input i and input j.
 *
 * @throws {TorchError} if the output does not have exactly one element.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.hessian.html
 */
export function hessian(fn: (input: Tensor) => Tensor, inputs: Tensor, options?: FunctionalOptions): Tensor
export function hessian(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options?: FunctionalOptions,
): Tensor[][]
export function hessian(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: Tensor | readonly Tensor[],
  options: FunctionalOptions = {},
  ...none: undefined[]
): Tensor | Tensor[][] {
  requireNone('hessian', none)
  const settings = read('hessian', fn, options)
  const given = givenOf('hessian', 'inputs', inputs)
  return tidy(() =>
    enableGrad(() => {
      const own = prepared(given, settings.createGraph)
      const [, first] = gradient('hessian', fn, own, settings)
      const found = jacobians('hessian', first, own, settings).map((row) => released(row, settings.createGraph))
      return given.isOne ? (found[0]?.[0] as Tensor) : found
    }),
  )
}

/**
 * The product of a vector with the Jacobian of a function, as computed by `backward`.
 *
 * @param v Has the shape of the output; an array of tensors for several. Optional if the output has one element.
 * @returns the output, and the product, structured like the inputs
 * @see https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.vjp.html
 */
export function vjp<Output extends Tensor | readonly Tensor[]>(
  fn: (input: Tensor) => Output,
  inputs: Tensor,
  v?: Output | null,
  options?: FunctionalOptions,
): [output: Output, product: Tensor]
export function vjp<Output extends Tensor | readonly Tensor[]>(
  fn: (...inputs: Tensor[]) => Output,
  inputs: readonly Tensor[],
  v?: Output | null,
  options?: FunctionalOptions,
): [output: Output, product: Tensor[]]
export function vjp(
  fn: Differentiable,
  inputs: Tensor | readonly Tensor[],
  v?: Tensor | readonly Tensor[] | null,
  options: FunctionalOptions = {},
  ...none: undefined[]
): [Tensor | readonly Tensor[], Tensor | Tensor[]] {
  requireNone('vjp', none)
  const settings = read('vjp', fn, options)
  const given = givenOf('vjp', 'inputs', inputs)
  return tidy(() =>
    enableGrad(() => {
      const own = prepared(given, settings.createGraph)
      const outputs = outputsOf('vjp', fn, own, settings.strict)
      const seeds = vectorOf('vjp', v, outputs, 'output of the user-provided function')
      const found = gradientsOf('vjp', outputs.list, own, seeds, settings)
      return [
        inForm(outputs, released(outputs.list, settings.createGraph)),
        inForm(given, released(found, settings.createGraph)),
      ]
    }),
  )
}

/**
 * The product of the Jacobian of a function with a vector, by two backward passes.
 *
 * @param v Has the shape of the input; an array of tensors for several. Optional if the input has one element.
 * @returns the output, and the product, structured like the output
 * @see https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.jvp.html
 */
export function jvp<Output extends Tensor | readonly Tensor[]>(
  fn: (input: Tensor) => Output,
  inputs: Tensor,
  v?: Tensor | null,
  options?: FunctionalOptions,
): [output: Output, product: Output]
export function jvp<Output extends Tensor | readonly Tensor[]>(
  fn: (...inputs: Tensor[]) => Output,
  inputs: readonly Tensor[],
  v?: readonly Tensor[] | null,
  options?: FunctionalOptions,
): [output: Output, product: Output]
export function jvp(
  fn: Differentiable,
  inputs: Tensor | readonly Tensor[],
  v?: Tensor | readonly Tensor[] | null,
  options: FunctionalOptions = {},
  ...none: undefined[]
): [Tensor | readonly Tensor[], Tensor | readonly Tensor[]] {
  requireNone('jvp', none)
  const settings = read('jvp', fn, options)
  const given = givenOf('jvp', 'inputs', inputs)
  return tidy(() =>
    enableGrad(() => {
      const own = prepared(given, settings.createGraph)
      const directions = vectorOf('jvp', v, given, 'input to the user-provided function')
      const outputs = outputsOf('jvp', fn, own, settings.strict)
      // The gradients are linear in the seeds: their derivative with respect to the seeds is the product.
      const seeds = outputs.list.map((output) => zerosLike(output).requiresGrad_())
      const back = gradientsOf('jvp', outputs.list, own, seeds, { ...settings, createGraph: true })
      const found = gradientsOf('jvp', back, seeds, directions, { ...settings, strict: false })
      return [
        inForm(outputs, released(outputs.list, settings.createGraph)),
        inForm(outputs, released(found, settings.createGraph)),
      ]
    }),
  )
}

/** The scalar output of a function, and its gradients, recorded for differentiation. */
function gradient(
  name: string,
  fn: Differentiable,
  own: readonly Tensor[],
  settings: Required<FunctionalOptions>,
): [output: Tensor, gradients: Tensor[]] {
  const { list } = outputsOf(name, fn, own, settings.strict)
  const [output] = list
  if (list.length !== 1 || output?.numel !== 1) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${name}: The Tensor returned by the function passed to ${name} should contain a single element`,
      { op: name },
    )
  }
  return [output, gradientsOf(name, [output], own, [onesLike(output)], { ...settings, createGraph: true })]
}

/**
 * The product of a vector with the Hessian of a function, or of the Hessian with a vector: the Hessian is symmetric.
 */
function hessianProduct(
  name: string,
  fn: Differentiable,
  inputs: Tensor | readonly Tensor[],
  v: Tensor | readonly Tensor[] | null | undefined,
  options: FunctionalOptions,
): [output: Tensor, product: Tensor | Tensor[]] {
  const settings = read(name, fn, options)
  const given = givenOf(name, 'inputs', inputs)
  return tidy(() =>
    enableGrad(() => {
      const own = prepared(given, settings.createGraph)
      const vector = vectorOf(name, v, given, 'input to the user-provided function')
      const [output, first] = gradient(name, fn, own, settings)
      const found = gradientsOf(name, first, own, vector, settings)
      const [result] = released([output], settings.createGraph)
      return [result as Tensor, inForm(given, released(found, settings.createGraph))]
    }),
  )
}

/**
 * The product of a vector with the Hessian of a function with one output of one element, by two backward passes.
 *
 * @param v Has the shape of the input; an array of tensors for several. Optional if the input has one element.
 * @returns the output, and the product, structured like the inputs
 * @see https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.vhp.html
 */
export function vhp(
  fn: (input: Tensor) => Tensor,
  inputs: Tensor,
  v?: Tensor | null,
  options?: FunctionalOptions,
): [output: Tensor, product: Tensor]
export function vhp(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  v?: readonly Tensor[] | null,
  options?: FunctionalOptions,
): [output: Tensor, product: Tensor[]]
export function vhp(
  fn: Differentiable,
  inputs: Tensor | readonly Tensor[],
  v?: Tensor | readonly Tensor[] | null,
  options: FunctionalOptions = {},
  ...none: undefined[]
): [Tensor, Tensor | Tensor[]] {
  requireNone('vhp', none)
  return hessianProduct('vhp', fn, inputs, v, options)
}

/**
 * The product of the Hessian of a function with a vector. Equals {@link vhp}, since the Hessian is symmetric.
 *
 * @param v Has the shape of the input; an array of tensors for several. Optional if the input has one element.
 * @returns the output, and the product, structured like the inputs
 * @see https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.hvp.html
 */
export function hvp(
  fn: (input: Tensor) => Tensor,
  inputs: Tensor,
  v?: Tensor | null,
  options?: FunctionalOptions,
): [output: Tensor, product: Tensor]
export function hvp(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  v?: readonly Tensor[] | null,
  options?: FunctionalOptions,
): [output: Tensor, product: Tensor[]]
export function hvp(
  fn: Differentiable,
  inputs: Tensor | readonly Tensor[],
  v?: Tensor | readonly Tensor[] | null,
  options: FunctionalOptions = {},
  ...none: undefined[]
): [Tensor, Tensor | Tensor[]] {
  requireNone('hvp', none)
  return hessianProduct('hvp', fn, inputs, v, options)
}

function inForm({ isOne }: Given, list: Tensor[]): Tensor | Tensor[] {
  return isOne ? (list[0] as Tensor) : list
}
