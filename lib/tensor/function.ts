import { requireBoolean } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { Id } from '../native/addon.ts'
import { native } from './binding.ts'
import { enableGrad, enter, isGradEnabled, isOffloading, isPromise, noGrad, tidy } from './context.ts'
import { idOf, idsOf, isTensor, type Tensor, wrap } from './tensor.ts'

/** What `forward` is given of the call that it computes. */
interface Call {
  readonly needsInputGrad: readonly boolean[]
  saved: readonly (Tensor | null)[]
  constant: readonly Tensor[]
  materialize: boolean
}

let contextOf: (call: Call) => FunctionContext
let callOf: (context: FunctionContext) => Call

/**
 * What `forward` and `backward` of a {@link AutogradFunction} share: the `ctx` of PyTorch. It can have other properties, too,
 * for numbers and the like. A tensor among them would keep its graph in memory, and its changes in place would go
 * unnoticed: tensors go through {@link saveForBackward}.
 */
export class FunctionContext {
  readonly #call: Call

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

  /** In `forward`: keeps inputs, outputs or other tensors for `backward`, which gets them from {@link savedTensors}. */
  saveForBackward(...tensors: (Tensor | null)[]): void {
    for (const tensor of tensors) if (tensor !== null) idOf(tensor, 'saveForBackward')
    this.#call.saved = tensors
  }

  /** In `backward`: what `forward` has saved. */
  get savedTensors(): readonly (Tensor | null)[] {
    return this.#call.saved
  }

  /** In `forward`: names outputs that have no gradient, such as positions. */
  markNonDifferentiable(...tensors: Tensor[]): void {
    for (const tensor of tensors) idOf(tensor, 'markNonDifferentiable')
    this.#call.constant = tensors
  }

  /**
   * In `forward`: whether `backward` gets zeros for the gradient of an output that nothing depends on, rather than
   * `null`. Default `true`.
   */
  setMaterializeGrads(materialize: boolean): void {
    requireBoolean('setMaterializeGrads', 'value', materialize)
    this.#call.materialize = materialize
  }
}

/** What {@link AutogradFunction.apply} calls. */
export interface FunctionClass<Arguments extends unknown[], Result> {
  readonly name: string
  forward(ctx: FunctionContext, ...args: Arguments): Result
  backward(ctx: FunctionContext, ...gradOutputs: Tensor[]): Tensor | null | readonly (Tensor | null | undefined)[]
}

let door: object | undefined

/**
 * An operation with a backward pass of its own: PyTorch's `torch.autograd.Function`. A subclass has a static `forward`, in
 * which nothing is recorded for gradients, and a static `backward`, which takes the gradient of each output and returns
 * that of each argument of `forward`: `null` for what is no tensor, or needs none. `apply` calls it.
 *
 * `backward` can be differentiated where it consists of operations on tensors: `createGraph` records them.
 *
 * JavaScript runs on its own thread only. So `apply` throws within `offload`, where a gradient is needed, and
 * `backward()` of a graph with such a function throws within `offload`, and where the tensors are on CUDA.
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
    throw torchError(
      'ERR_TORCH_TYPE',
      `${new.target.name}: there are no objects of it: call ${new.target.name}.apply()`,
    )
  }

  /**
   * Calls `forward`. What it returns has `backward` as its `gradFn`, where one of the arguments needs a gradient.
   * @throws {TorchError} where `forward` or `backward` is missing or returns something else than tensors, and
   *   `ERR_TORCH_NOT_IMPLEMENTED` within `offload` where a gradient is needed.
   */
  static apply<Arguments extends unknown[], Result extends Tensor | readonly Tensor[]>(
    this: FunctionClass<Arguments, Result>,
    ...args: Arguments
  ): Result {
    // biome-ignore lint/complexity/noThisInStatic: the subclass
    return apply(this, args)
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
      `${name}.apply: the backward of a torch.autograd.Function is JavaScript, which does not run in the thread of offload: call it outside, or within noGrad`,
      { op: name },
    )
  }
  const call: Call = { needsInputGrad, saved: [], constant: [], materialize: true }
  const ctx = contextOf(call)
  const result = noGrad(() => type.forward(ctx, ...args))
  const outputs = outputsOf(name, result)
  const { saved, constant, materialize } = call
  call.saved = []
  call.constant = []
  if (!needed) return result
  door ??= native.functionDoor()
  const scope = enter()
  const kept = saved.filter((tensor) => tensor !== null)
  const places = saved.map((tensor) => tensor !== null)
  const made = native.applyFunction(
    door,
    `${name}Backward`,
    backwardOf(type, ctx, args.map(isTensor), places),
    idsOf(args.filter(isTensor)),
    idsOf(outputs),
    idsOf(kept),
    idsOf(constant),
    materialize,
  )
  const wrapped = outputs.map((output, i) => {
    const id = made[i] as Id | null
    return id === null ? output : wrap(id, scope)
  })
  return (isTensor(result) ? wrapped[0] : wrapped) as Result
}

function checkClass(type: { forward?: unknown; backward?: unknown }): string {
  const name = typeof type === 'function' ? (type as { name: string }).name : describe(type)
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

/** What native code calls in the backward pass. */
function backwardOf(
  type: Pick<FunctionClass<never[], unknown>, 'name' | 'backward'>,
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
          const found = gradientsOf(type, type.backward(ctx, ...(gradOutputs as Tensor[])), areTensors)
          native.functionGradients(
            door as object,
            found.map((gradient) => (gradient === null ? null : idOf(gradient))),
          )
        } finally {
          call.saved = []
        }
      }),
    )
  }
}

/** The gradients of the arguments that are tensors. */
function gradientsOf(
  { name }: { readonly name: string },
  returned: unknown,
  areTensors: readonly boolean[],
): (Tensor | null)[] {
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
