import { requireBoolean } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { Id } from '../native/addon.ts'
import { native } from './binding.ts'
import { enableGrad, enter, isGradEnabled, isOffloading, isPromise, noGrad, tidy } from './context.ts'
import { idOf, idsOf, isTensor, type Tensor, wrap } from './tensor.ts'

/** The state of one call. */
interface Call {
  readonly needsInputGrad: readonly boolean[]
  saved: readonly (Tensor | null)[]
  constant: readonly Tensor[]
  changed: readonly Tensor[]
  materialize: boolean
}

let contextOf: (call: Call) => FunctionContext
let callOf: (context: FunctionContext) => Call

/**
 * The context that `forward` and `backward` of an {@link AutogradFunction} share: PyTorch's `ctx`. You can add
 * properties of your own, for numbers and the like. Do not add tensors, as they would keep their graph in memory and
 * in-place changes would go undetected; use {@link saveForBackward} instead.
 */
export class FunctionContext {
  readonly #call: Call;
  /** Your own properties. */
  [property: string]: unknown

  private constructor(call: Call) {
    this.#call = call
  }

  static {
    contextOf = (call) => new FunctionContext(call)
    callOf = (context) => context.#call
  }

  /** For each argument of `forward`, whether it is a tensor that needs a gradient. */
  get needsInputGrad(): readonly boolean[] {
    return this.#call.needsInputGrad
  }

  /**
   * In `forward`: saves inputs, outputs or other tensors for `backward`, which reads them from {@link savedTensors}.
   */
  saveForBackward(...tensors: (Tensor | null)[]): void {
    for (const tensor of tensors) if (tensor !== null) idOf(tensor, 'saveForBackward')
    this.#call.saved = tensors
  }

  /** In `backward`: the tensors that `forward` saved. */
  get savedTensors(): readonly (Tensor | null)[] {
    return this.#call.saved
  }

  /** In `forward`: marks outputs that have no gradient, such as indices. */
  markNonDifferentiable(...tensors: Tensor[]): void {
    for (const tensor of tensors) idOf(tensor, 'markNonDifferentiable')
    this.#call.constant = tensors
  }

  /**
   * In `forward`: marks inputs that it has changed in place. Each must be returned as an output. Then `apply` returns
   * the same tensor, whose gradient goes through `backward`.
   */
  markDirty(...tensors: Tensor[]): void {
    for (const tensor of tensors) idOf(tensor, 'markDirty')
    this.#call.changed = tensors
  }

  /**
   * In `forward`: whether `backward` gets zeros rather than `null` as the gradient of an unused output. Default `true`.
   */
  setMaterializeGrads(materialize: boolean): void {
    requireBoolean('setMaterializeGrads', 'value', materialize)
    this.#call.materialize = materialize
  }
}

/** The static methods that {@link AutogradFunction.apply} calls. */
export interface FunctionClass<Arguments extends unknown[], Result> {
  readonly name: string
  forward(ctx: FunctionContext, ...args: Arguments): Result
  backward(ctx: FunctionContext, ...gradOutputs: Tensor[]): Tensor | null | readonly (Tensor | null | undefined)[]
}

let bridge: object | undefined

/**
 * An operation with a custom backward pass: PyTorch's `torch.autograd.Function`. A subclass has a static `forward`,
 * which runs without recording operations for gradients, and a static `backward`, which takes the gradient of each
 * output and returns the gradient of each argument of `forward`: `null` for an argument that is not a tensor or needs
 * no gradient. Call it through `apply`.
 *
 * `backward` can itself be differentiated if it consists of tensor operations: `createGraph` records them.
 *
 * JavaScript runs only on its own thread. Therefore `apply` throws within `offload` if a gradient is needed, and
 * `backward()` through such a function throws within `offload` and for CUDA tensors.
 *
 * @example
 * class Square extends torch.autograd.Function {
 *   static forward(ctx: FunctionContext, x: Tensor): Tensor {
 *     ctx.saveForBackward(x)
 *     return x.mul(x)
 *   }
 *   static backward(ctx: FunctionContext, gradOutput: Tensor): Tensor {
 *     const [x] = ctx.savedTensors as [Tensor]
 *     return gradOutput.mul(x).mul(2)
 *   }
 * }
 * Square.apply(torch.tensor([3], { requiresGrad: true })).sum().backward()
 * @see https://docs.pytorch.org/docs/stable/autograd.html#torch.autograd.Function
 */
export class AutogradFunction {
  protected constructor() {
    const name = nameOf(new.target)
    throw torchError('ERR_TORCH_TYPE', `${name}: it cannot be constructed; call ${name}.apply()`)
  }

  /**
   * Calls `forward`. If an argument needs a gradient, the results have `backward` as their `gradFn`.
   * @throws {TorchError} if `forward` or `backward` is missing or does not return tensors; `ERR_TORCH_NOT_IMPLEMENTED`
   *   within `offload` if a gradient is needed.
   */
  static apply<Arguments extends unknown[], Result extends Tensor | readonly Tensor[]>(
    this: FunctionClass<Arguments, Result>,
    ...args: Arguments
  ): Result {
    // biome-ignore lint/complexity/noThisInStatic: the subclass
    const type = this as FunctionClass<Arguments, Result> | undefined
    if (type === undefined) {
      throw torchError('ERR_TORCH_TYPE', 'apply must be called on its class, as in Square.apply(x)', { op: 'apply' })
    }
    return apply(type, args)
  }
}

function apply<Arguments extends unknown[], Result extends Tensor | readonly Tensor[]>(
  type: FunctionClass<Arguments, Result>,
  args: Arguments,
): Result {
  const name = checkClass(type)
  const needsInputGrad = args.map((arg) => isGradEnabled() && isTensor(arg) && arg.requiresGrad)
  const needed = needsInputGrad.includes(true)
  if (needed && isOffloading()) {
    throw torchError(
      'ERR_TORCH_NOT_IMPLEMENTED',
      `${name}.apply: the backward of a torch.autograd.Function is JavaScript, which cannot run on the thread of offload: call it outside offload, or within noGrad`,
      { op: name },
    )
  }
  const call: Call = { needsInputGrad, saved: [], constant: [], changed: [], materialize: true }
  const ctx = contextOf(call)
  const result = noGrad(() => type.forward(ctx, ...args))
  const outputs = outputsOf(name, result)
  const { saved, constant, changed, materialize } = call
  call.saved = []
  call.constant = []
  call.changed = []
  if (!changed.every((tensor) => outputs.includes(tensor))) {
    throw torchError(
      'ERR_TORCH_AUTOGRAD',
      `${name}.forward: Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified inplace must all be outputs of the Function.`,
      { op: name },
    )
  }
  if (!needed) return result
  bridge ??= native.functionBridge()
  const scope = enter()
  const kept = saved.filter((tensor) => tensor !== null)
  const places = saved.map((tensor) => tensor !== null)
  const made = native.applyFunction(
    bridge,
    `${name}Backward`,
    backwardOf(type, name, ctx, args.map(isTensor), places),
    idsOf(args.filter(isTensor)),
    idsOf(outputs),
    idsOf(kept),
    idsOf(constant),
    idsOf(changed),
    materialize,
  )
  const wrapped = outputs.map((output, i) => {
    const id = made[i] as Id | null
    return id === null ? output : wrap(id, scope)
  })
  return (isTensor(result) ? wrapped[0] : wrapped) as Result
}

/** The name of a class, which a class expression without a name would inherit from its base. */
function nameOf(type: unknown): string {
  if (type === AutogradFunction) return 'torch.autograd.Function'
  if (typeof type !== 'function') return describe(type)
  const own: unknown = Object.getOwnPropertyDescriptor(type, 'name')?.value
  return typeof own === 'string' && own !== '' ? own : 'a class without a name'
}

function checkClass(type: { forward?: unknown; backward?: unknown }): string {
  const name = nameOf(type)
  for (const method of ['forward', 'backward'] as const) {
    if (typeof type?.[method] === 'function') continue
    throw torchError(
      'ERR_TORCH_NOT_IMPLEMENTED',
      `${name}.apply: a subclass of torch.autograd.Function needs a static method '${method}'`,
      { op: name },
    )
  }
  return name
}

function outputsOf(name: string, result: unknown): readonly Tensor[] {
  if (isTensor(result)) return [result]
  if (Array.isArray(result) && result.length > 0 && result.every(isTensor)) return result
  const hint = isPromise(result) ? ': it cannot be async' : ''
  throw torchError(
    'ERR_TORCH_TYPE',
    `${name}.forward must return a Tensor or an array of Tensors, got ${describe(result)}${hint}`,
    { op: name },
  )
}

/** The function that native code calls in the backward pass. */
function backwardOf(
  type: Pick<FunctionClass<never[], unknown>, 'backward'>,
  name: string,
  ctx: FunctionContext,
  areTensors: readonly boolean[],
  places: readonly boolean[],
): (gradients: (Id | null)[], saved: (Id | null)[], grad: boolean) => void {
  return (gradients, saved, grad) => {
    const call = callOf(ctx)
    const record = grad ? enableGrad : noGrad
    tidy(() =>
      record(() => {
        const scope = enter()
        const tensorsOf = (ids: readonly (Id | null)[]): (Tensor | null)[] =>
          ids.map((id) => (id === null ? null : wrap(id, scope)))
        const gradOutputs = tensorsOf(gradients)
        const kept = tensorsOf(saved).values()
        call.saved = places.map((place) => (place ? (kept.next().value ?? null) : null))
        try {
          const found = gradientsOf(name, type.backward(ctx, ...(gradOutputs as Tensor[])), areTensors)
          native.functionGradients(
            bridge as object,
            found.map((gradient) => (gradient === null ? null : idOf(gradient))),
          )
        } finally {
          call.saved = []
        }
      }),
    )
  }
}

/** The gradients of those arguments that are tensors. */
function gradientsOf(name: string, returned: unknown, areTensors: readonly boolean[]): (Tensor | null)[] {
  const list: unknown[] = Array.isArray(returned) ? returned : [returned]
  const given = list.map((gradient) => gradient ?? null)
  const wrong = given.findIndex((gradient) => gradient !== null && !isTensor(gradient))
  if (wrong >= 0) {
    const hint = isPromise(given[wrong]) ? ': it cannot be async' : ''
    throw torchError(
      'ERR_TORCH_TYPE',
      `${name}.backward must return a Tensor or null for each argument of forward, got ${describe(given[wrong])}${hint}`,
      { op: name },
    )
  }
  if (given.length < areTensors.length || given.slice(areTensors.length).some((gradient) => gradient !== null)) {
    throw torchError(
      'ERR_TORCH_AUTOGRAD',
      `${name}.backward returned an incorrect number of gradients (expected ${areTensors.length}, got ${given.length})`,
      { op: name },
    )
  }
  const extra = areTensors.findIndex((isOne, i) => !isOne && given[i] !== null)
  if (extra >= 0) {
    throw torchError(
      'ERR_TORCH_AUTOGRAD',
      `${name}.backward returned a gradient at position ${extra}, but the argument there is not a Tensor: return null for it`,
      { op: name },
    )
  }
  return given.filter((_, i) => areTensors[i]) as (Tensor | null)[]
}
