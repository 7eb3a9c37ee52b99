import { checkOptions, requireBoolean } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { native } from './binding.ts'
import { enter } from './context.ts'
import { op } from './packet.ts'
import { backward, extend, idOf, idsOf, isTensor, receiverOf, type Tensor, wrap } from './tensor.ts'

export { backward }

export interface GradOptions {
  /** Gradients with respect to each output. Optional for outputs of one element. */
  gradOutputs?: readonly Tensor[]
  retainGraph?: boolean
  createGraph?: boolean
  /** Return `null` for an input that the outputs do not depend on, instead of throwing. Default `false`. */
  allowUnused?: boolean
}

/**
 * The sum of the gradients of `outputs` with respect to each of `inputs`, without changing their `grad`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad.html
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions & { allowUnused: true },
): (Tensor | null)[]
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options?: GradOptions,
): Tensor[]
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
  ...none: undefined[]
): (Tensor | null)[] {
  checkOptions('grad', options, ['gradOutputs', 'retainGraph', 'createGraph', 'allowUnused'], none)
  const { gradOutputs = [], createGraph = false, retainGraph = createGraph, allowUnused = false } = options
  for (const [name, value] of Object.entries({ createGraph, retainGraph, allowUnused }))
    requireBoolean('grad', name, value)
  const scope = enter()
  const ids = native.gradients(list(outputs), list(inputs), idsOf(gradOutputs), retainGraph, createGraph, allowUnused)
  return ids.map((id) => (id === null ? null : wrap(id, scope)))
}

function list(tensors: Tensor | readonly Tensor[]): Uint32Array {
  if (isTensor(tensors)) return idsOf([tensors])
  if (!Array.isArray(tensors))
    throw torchError('ERR_TORCH_TYPE', `expected a Tensor or an array of them, got ${describe(tensors)}`)
  return idsOf(tensors)
}

/** @internal Gives a parameter the storage, dtype and device of another tensor; the parameter stays the same object. */
export function setData(target: Tensor, data: Tensor): void {
  enter()
  native.setData(idOf(target), idOf(data))
}

/** @internal */
export function totalNorm(tensors: Iterable<Tensor>, normType: number, errorIfNonfinite: boolean): Tensor {
  const scope = enter()
  return wrap(native.totalNorm(idsOf(tensors), normType, errorIfNonfinite), scope)
}

/** @internal */
export function clipGradsWithNorm(parameters: Iterable<Tensor>, maxNorm: number, total: Tensor): void {
  enter()
  native.clipGradsWithNorm(idsOf(parameters), maxNorm, idsOf([total]))
}

/** @internal */
export function clipGradNorm(
  parameters: Iterable<Tensor>,
  maxNorm: number,
  normType: number,
  errorIfNonfinite: boolean,
): Tensor {
  const scope = enter()
  return wrap(native.clipGradNorm(idsOf(parameters), maxNorm, normType, errorIfNonfinite), scope)
}

/** @internal */
export function clipGradValue(parameters: Iterable<Tensor>, clipValue: number): void {
  enter()
  native.clipGradValue(idsOf(parameters), clipValue)
}

/** @internal */
export function zeroGrad(parameters: Iterable<Tensor>, setToNone: boolean): void {
  enter()
  native.zeroGrad(idsOf(parameters), setToNone)
}

/** @internal What a step of an optimizer changes. Lists of the state have the length of `params` or are empty. */
export interface StepLists {
  params: readonly Tensor[]
  /** State in the shape of the parameters, by kind. */
  states: readonly (readonly Tensor[])[]
  /** State of single numbers, by kind: first the step counters, float32, which the call increments. */
  singles: readonly (readonly Tensor[])[]
}

/**
 * Inputs of a step that are one-element tensors: nothing has to wait for their values, and a CUDA graph reads
 * them again at each replay.
 */
export interface StepScalars {
  /** Replaces the learning rate. Float32 on CUDA. */
  lr?: Tensor | undefined
  /** The factor by which the gradients were scaled; the step divides them by it. */
  gradScale?: Tensor | undefined
  /** If it is 1, the step is skipped. */
  foundInf?: Tensor | undefined
}

/**
 * @internal One step of an algorithm of native/optim in one native call. It skips parameters without a gradient.
 *
 * @param settings in the order in which the algorithm reads them, first the learning rate
 */
export function optimizerStep(
  algorithm: string,
  { params, states, singles }: StepLists,
  settings: readonly (number | boolean)[],
  { lr, gradScale, foundInf }: StepScalars = {},
): void {
  enter()
  native.optimizerStep(
    algorithm,
    idsOf(params),
    states.map((state) => idsOf(state)),
    singles.map((single) => idsOf(single)),
    settings,
    [lr, gradScale, foundInf].map((scalar) => idsOf(scalar === undefined ? [] : [scalar])),
  )
}

/** @internal The gradients of `params` as one vector, with zeros for missing ones; complex ones count twice. */
export function flatGradient(params: readonly Tensor[]): Tensor {
  const scope = enter()
  return wrap(native.flatGradient(idsOf(params)), scope)
}

/** @internal The product of an output and a scale, on the output's device. */
export function scaleOutput(output: Tensor, scale: Tensor): Tensor {
  const scope = enter()
  return wrap(native.scaleOutput(idsOf([output, scale])), scope)
}

/**
 * @internal Multiplies the gradients of `params` by `inverse`, and sets `foundInf` to 1 if any is not finite.
 * @throws {TorchError} if no parameter has a gradient, or if any gradient is float16 and `allowFloat16` is false.
 */
export function unscaleGradients(
  params: Iterable<Tensor>,
  foundInf: Tensor,
  inverse: Tensor,
  allowFloat16: boolean,
): void {
  enter()
  native.unscaleGradients(idsOf(params), idsOf([foundInf, inverse]), allowFloat16)
}

/** Methods for the gradients of non-leaf tensors. */
export class TensorGradients {
  /**
   * Makes {@link backward} store the gradient of this non-leaf tensor in {@link grad}, as it always does for leaves.
   * @throws {TorchError} if the tensor does not require a gradient.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.retain_grad.html
   */
  retainGrad(this: Tensor): void {
    op('aten::retain_grad')(receiverOf(this))
  }

  /** Whether the tensor is not a leaf and {@link retainGrad} was called on it. */
  get retainsGrad(): boolean {
    return op('aten::retains_grad')(receiverOf(this)) as boolean
  }
}

extend(TensorGradients)
