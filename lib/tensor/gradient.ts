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
): (Tensor | null)[] {
  checkOptions('grad', options, ['gradOutputs', 'retainGraph', 'createGraph', 'allowUnused'])
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

/** @internal The tensors of one fused step; each state list has the length of `params` or is omitted. */
export interface FusedLists {
  params: readonly Tensor[]
  momentumBuffers?: readonly Tensor[]
  expAvgs?: readonly Tensor[]
  expAvgSqs?: readonly Tensor[]
  maxExpAvgSqs?: readonly Tensor[]
  /** The step count of each parameter: one float32 number each, incremented by the call. */
  steps?: readonly Tensor[]
}

/**
 * @internal Inputs of a step that are one-element tensors: nothing has to wait for their values, and a CUDA graph reads
 * them again at each replay.
 */
export interface FusedScalars {
  /** Replaces `lr`. Float32 on CUDA. */
  lr?: Tensor | undefined
  /** The factor by which the gradients were scaled; the step divides them by it. */
  gradScale?: Tensor | undefined
  /** If it is 1, the step is skipped. */
  foundInf?: Tensor | undefined
}

/** The settings of one step of a fused optimizer; each algorithm uses some of them. */
export interface FusedHyper {
  lr: number
  weightDecay: number
  maximize: boolean
  momentum?: number
  dampening?: number
  nesterov?: boolean
  beta1?: number
  beta2?: number
  eps?: number
  amsgrad?: boolean
}

/**
 * @internal One optimizer step over `params` in one native call. It skips parameters without a gradient. SGD with
 * momentum needs `steps`, on the CPU.
 */
export function fusedStep(
  algorithm: 'sgd' | 'adam' | 'adamw',
  lists: FusedLists,
  hyper: FusedHyper,
  { lr, gradScale, foundInf }: FusedScalars = {},
): void {
  const states = algorithm === 'sgd' ? [lists.momentumBuffers] : [lists.expAvgs, lists.expAvgSqs, lists.maxExpAvgSqs]
  enter()
  native.fusedStep(
    algorithm,
    idsOf(lists.params),
    states.map((state) => idsOf(state ?? [])),
    idsOf(lists.steps ?? []),
    hyper,
    [lr, gradScale, foundInf].map((scalar) => idsOf(scalar === undefined ? [] : [scalar])),
  )
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
