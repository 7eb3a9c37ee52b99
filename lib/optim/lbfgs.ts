import { isPlain, requireChoice, requireDict, requireInteger, requireNumber } from '../check.ts'
import { describe } from '../describe.ts'
import { type TorchError, torchError } from '../errors.ts'
import { type Coroutine, run, runSync } from '../io/coroutine.ts'
import { snakeCase } from '../nn/repr.ts'
import { enableGrad, isPromise, noGrad, tidy } from '../tensor/context.ts'
import { isComplex } from '../tensor/dtype.ts'
import { flatGradient } from '../tensor/gradient.ts'
import { tensorOp } from '../tensor/packet.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { Curvature, compute, values } from './curvature.ts'
import {
  Optimizer,
  type OptimizerStateDict,
  type ParamGroupOptions,
  type Params,
  type StepInputs,
} from './optimizer.ts'
import { requireNonNegatives } from './settings.ts'
import { type Point, strongWolfe } from './strong-wolfe.ts'

export interface LBFGSOptions {
  /** The length of an iteration's step, or the first one of a line search. Default 1. */
  lr: number
  /** The maximum number of iterations per step. Default 20. */
  maxIter: number
  /** The number of evaluations of the loss after which a step ends. Default: 1.25 maxIter, rounded down. */
  maxEval: number
  /** A step ends if no element of the gradient is larger. Default 1e-7. */
  toleranceGrad: number
  /** A step ends if the loss or all parameters change less. Default 1e-9. */
  toleranceChange: number
  /** The number of past changes from which the curvature is estimated. Default 100. */
  historySize: number
  /** Search along each direction for a point with the strong Wolfe conditions. Default `null`: go `lr` far. */
  lineSearch: 'strongWolfe' | null
}

/**
 * Clears the gradients, computes the loss and its gradients, and returns the loss, a Tensor of one element. Other
 * tensors that it creates are disposed.
 */
export type Closure = () => Tensor

/** How far to go along which direction, from where. */
interface Line {
  from: Tensor[]
  t: number
  direction: Tensor
}

const viewAsReal = tensorOp('aten::view_as_real')
const parts = (tensor: Tensor): Tensor => (isComplex(tensor.dtype) ? viewAsReal(tensor) : tensor)
const largest = (tensor: Tensor): Tensor => tensor.abs().max()

/**
 * L-BFGS (Liu and Nocedal, 1989), a quasi-Newton method for losses over the whole data: each iteration goes along the
 * negative gradient times an estimate of the inverse Hessian. It keeps up to `2 historySize + 2` vectors of all
 * parameters, which have one group and one device. Scalars are computed in float64, so that results in float32 can
 * differ from PyTorch's in the last digits.
 *
 * @example
 * const optimizer = new optim.LBFGS(model.parameters(), { lineSearch: 'strongWolfe' })
 * for (let i = 0; i < 10; i++) {
 *   const loss = await optimizer.stepAsync(() => {
 *     optimizer.zeroGrad()
 *     const loss = criterion.forward(model.forward(x), y)
 *     loss.backward()
 *     return loss
 *   })
 *   console.log(loss.item())
 * }
 * @throws {TorchError} if an option is unknown or out of range, or if there are several groups.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.LBFGS.html
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  protected override readonly stateFields = []
  #curvature = new Curvature()
  #stepping = false

  constructor(params: Params<LBFGSOptions>, options: Partial<LBFGSOptions> = {}, ...none: undefined[]) {
    const maxIter: unknown = options?.maxIter
    super(
      params,
      options,
      {
        lr: 1,
        maxIter: 20,
        maxEval: typeof maxIter === 'number' ? Math.max(1, Math.floor(maxIter * 1.25)) : 25,
        toleranceGrad: 1e-7,
        toleranceChange: 1e-9,
        historySize: 100,
        lineSearch: null,
      },
      none,
    )
  }

  override addParamGroup(group: ParamGroupOptions<LBFGSOptions>): void {
    if (this.paramGroups.length > 0) {
      throw torchError('ERR_TORCH_VALUE', "LBFGS doesn't support per-parameter options (parameter groups)")
    }
    super.addParamGroup(group)
  }

  protected override check(settings: LBFGSOptions): void {
    const { lr, maxIter, maxEval, toleranceGrad, toleranceChange, historySize, lineSearch } = settings
    requireNonNegatives('LBFGS', { lr })
    for (const [name, value] of Object.entries({ maxIter, maxEval, historySize })) {
      requireInteger('LBFGS', name, value, 1)
    }
    requireNumber('LBFGS', 'toleranceGrad', toleranceGrad)
    requireNumber('LBFGS', 'toleranceChange', toleranceChange)
    if (lineSearch !== null) requireChoice('LBFGS', 'lineSearch', lineSearch, ['strongWolfe'])
  }

  protected override update(): never {
    throw needsClosure(undefined)
  }

  /**
   * Takes up to `maxIter` iterations. The closure is called once at first, and then after each iteration but the last, or
   * as often as a line search needs it.
   *
   * @returns the loss before the step
   * @throws {TorchError} if the closure does not return a loss; `ERR_TORCH_PENDING` within `offload`, since values are
   *   read: use {@link stepAsync}.
   */
  override step(closure: Closure): Tensor
  /** Refused: without a closure there is no loss to evaluate. */
  override step(inputs?: StepInputs): never
  override step(closure?: unknown): Tensor {
    return tidy(() => noGrad(() => runSync(this.#alone(closure))))
  }

  /** The same as {@link step}, computed off the main thread. The closure must be synchronous. */
  async stepAsync(closure: Closure): Promise<Tensor> {
    return tidy(() => noGrad(() => run(this.#alone(closure))))
  }

  *#alone(closure: unknown): Coroutine<Tensor> {
    if (typeof closure !== 'function') throw needsClosure(closure)
    if (this.#stepping) throw torchError('ERR_TORCH_RUNTIME', 'LBFGS: the step before has not ended: await it')
    this.#stepping = true
    try {
      return yield* this.#iterate(closure as Closure)
    } finally {
      this.#stepping = false
    }
  }

  /** `LBFGS.step` of torch/optim/lbfgs.py. */
  *#iterate(closure: Closure): Coroutine<Tensor> {
    const { params, lr, maxIter, maxEval, toleranceGrad, toleranceChange, historySize, lineSearch } = this.#group
    const state = this.#curvature
    state.follow(this.#group.params[0]?.device ?? 'cpu')
    const { result, ...first } = yield* this.#evaluate(closure)
    let here: Omit<Point, 't' | 'slope'> = first
    let evaluations = 1
    state.funcEvals++
    if (here.size <= toleranceGrad) return result
    for (let n = 1; n <= maxIter; n++) {
      const { gradient } = here
      const direction = yield* state.next(gradient, historySize)
      state.prevLoss = here.loss
      const read = yield* values(() => [gradient.dot(direction), gradient.abs().sum(), largest(direction)])
      const [slope, sum, longest] = read as [number, number, number]
      state.t = state.nIter === 1 ? Math.min(1, 1 / sum) * lr : lr
      if (slope > -toleranceChange) break
      let more = 0
      if (lineSearch === null) {
        yield* compute(() => this.#move(state.t, direction))
        if (n < maxIter) {
          here = yield* this.#evaluate(closure)
          more = 1
        }
      } else {
        const from = yield* compute(() => params.map((param) => param.clone()))
        const found = yield* strongWolfe((t) => this.#evaluateAt(closure, { from, t, direction }), {
          start: { ...here, t: 0, slope },
          t: state.t,
          longest,
          toleranceChange,
          most: maxEval - evaluations,
        })
        here = found.point
        more = found.evaluations
        state.t = found.point.t
        yield* compute(() => this.#move(state.t, direction))
      }
      evaluations += more
      state.funcEvals += more
      if (evaluations >= maxEval || here.size <= toleranceGrad) break
      if (longest * Math.abs(state.t) <= toleranceChange) break
      if (Math.abs(here.loss - state.prevLoss) < toleranceChange) break
    }
    return result
  }

  /** The loss at a place of a line, to which the parameters move only for this. */
  *#evaluateAt(closure: Closure, line: Line): Coroutine<Point> {
    const { result: _, ...place } = yield* this.#evaluate(closure, line)
    const [slope] = (yield* values(() => [place.gradient.dot(line.direction)])) as [number]
    return { ...place, t: line.t, slope }
  }

  *#evaluate(closure: Closure, line?: Line): Coroutine<Omit<Point, 't' | 'slope'> & { result: Tensor }> {
    const { params } = this.#group
    const [result, gradient, size] = yield* compute(() =>
      tidy(() => {
        if (line !== undefined) this.#move(line.t, line.direction)
        const loss = enableGrad(() => lossOf(closure))
        const gradient = flatGradient(params)
        if (line !== undefined) {
          for (const [i, param] of params.entries()) param.copy_(line.from[i] as Tensor)
        }
        return [loss, gradient, largest(gradient)] as const
      }),
    )
    return { result, loss: result.item<number>(), gradient, size: size.item<number>() }
  }

  #move(t: number, direction: Tensor): void {
    tidy(() => {
      let offset = 0
      for (const param of this.#group.params) {
        const target = parts(param)
        target.add_(direction.narrow(0, offset, target.numel).viewAs(target), { alpha: t })
        offset += target.numel
      }
    })
  }

  get #group(): LBFGSOptions & { params: Tensor[] } {
    return this.paramGroups[0] as LBFGSOptions & { params: Tensor[] }
  }

  protected override line(name: string, value: unknown): string {
    if (name === 'lineSearch') return `line_search_fn: ${value === null ? 'None' : 'strong_wolfe'}`
    return COUNTS.includes(name) ? `${snakeCase(name)}: ${value}` : super.line(name, value)
  }

  /**
   * Settings, and a copy of the state as that of the first parameter, as in PyTorch: but all of it tensors, where PyTorch
   * has numbers, and lists of vectors as one tensor (K, N).
   */
  override stateDict(): OptimizerStateDict<LBFGSOptions> {
    const { paramGroups } = super.stateDict()
    return { state: this.#curvature.funcEvals === 0 ? {} : { 0: this.#curvature.stateDict() }, paramGroups }
  }

  /**
   * Loads the settings and a copy of the state, from {@link stateDict} or from PyTorch's `state_dict()`.
   *
   * @throws {TorchError} that names what does not fit. Nothing has changed then.
   */
  override loadStateDict(stateDict: OptimizerStateDict<LBFGSOptions>): void {
    const name = 'LBFGS.loadStateDict'
    const { state, ...rest } = requireDict(name, 'the state dict', stateDict)
    const { 0: saved, ...others } = requireDict(name, 'state', state)
    const [stray] = Object.keys(others)
    if (stray !== undefined) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${name}: there is state for parameter ${stray}, but LBFGS keeps all of it with parameter 0`,
      )
    }
    const where = `${name}: the state of parameter 0`
    const made =
      saved === undefined
        ? new Curvature()
        : noGrad(() => tidy(() => Curvature.from(saved, flatGradient(this.#group.params), where)))
    super.loadStateDict({ ...translated(rest), state: {} } as never)
    this.#curvature = made
  }
}

/** Settings that are integers. */
const COUNTS = ['maxIter', 'maxEval', 'historySize']

/** PyTorch's name of the line search in this library's words. */
function translated({ ...dict }: Record<string, unknown>): Record<string, unknown> {
  for (const [key, groups] of Object.entries(dict)) {
    if (!Array.isArray(groups)) continue
    dict[key] = groups.map((group: unknown) => {
      if (!isPlain(group) || !('line_search_fn' in group)) return group
      const { line_search_fn: name, ...rest } = group
      return { ...rest, lineSearch: name === 'strong_wolfe' ? 'strongWolfe' : name }
    })
  }
  return dict
}

function lossOf(closure: Closure): Tensor {
  const loss: unknown = closure()
  if (isTensor(loss) && loss.numel === 1) return loss
  const hint = isPromise(loss) ? ': it must be synchronous' : loss === undefined ? ': end it with `return loss`' : ''
  throw torchError(
    'ERR_TORCH_TYPE',
    `LBFGS: the closure must return the loss, a Tensor of one element, got ${describe(loss)}${hint}`,
  )
}

function needsClosure(given: unknown): TorchError {
  return torchError(
    'ERR_TORCH_TYPE',
    `LBFGS: step needs a function that clears the gradients, computes the loss, calls backward() and returns the loss, got ${describe(given)}`,
  )
}
