import { requireDict } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { type Coroutine, perform } from '../io/coroutine.ts'
import { camelCase } from '../ops/schema.ts'
import { offload, tidy } from '../tensor/context.ts'
import { tensor as make, zeros } from '../tensor/creation.ts'
import { tensorOp } from '../tensor/packet.ts'
import { type Device, isTensor, keep, type Tensor } from '../tensor/tensor.ts'

const stack = tensorOp('aten::stack')

/** Runs tensor operations: queued, in the asynchronous form. */
export function compute<T>(work: () => T): Coroutine<T> {
  return perform(work, () => offload(work))
}

/** The values of the tensors that `work` computes, of one element each. */
export function* values(work: () => Tensor[]): Coroutine<number[]> {
  const tensors = yield* compute(() => tidy(work))
  return tensors.map((tensor) => tensor.item<number>())
}

/** The vectors of all parameters that LBFGS keeps, by PyTorch's names. */
interface Vectors {
  d: Tensor | undefined
  prevFlatGrad: Tensor | undefined
  oldDirs: Tensor[]
  oldStps: Tensor[]
}

/** What LBFGS knows from past iterations: changes of gradients and parameters, from which it estimates the curvature. */
export class Curvature {
  funcEvals = 0
  nIter = 0
  t = 0
  prevLoss = 0
  #scale = 1
  /** 1 / yᵀs for each change. */
  #ro: number[] = []
  #vectors: Vectors = { d: undefined, prevFlatGrad: undefined, oldDirs: [], oldStps: [] }

  #forget(): void {
    for (const vector of [...this.#vectors.oldDirs, ...this.#vectors.oldStps]) vector.dispose()
    this.#vectors = { ...this.#vectors, oldDirs: [], oldStps: [] }
    this.#ro = []
    this.#scale = 1
  }

  /** The next direction, given the gradient where the last one has led; at first, down the gradient. */
  *next(gradient: Tensor, historySize: number): Coroutine<Tensor> {
    const { d, prevFlatGrad } = this.#vectors
    this.nIter++
    if (this.nIter === 1) this.#forget()
    else if (d !== undefined && prevFlatGrad !== undefined) yield* this.#learn(gradient, [d, prevFlatGrad], historySize)
    const [made, copy] = yield* compute(() => [this.#direction(gradient), gradient.clone()] as const)
    d?.dispose()
    prevFlatGrad?.dispose()
    this.#vectors = { ...this.#vectors, d: keep(made), prevFlatGrad: keep(copy) }
    return made
  }

  *#learn(gradient: Tensor, [d, before]: [Tensor, Tensor], historySize: number): Coroutine<void> {
    const { oldDirs, oldStps } = this.#vectors
    const [y, s] = yield* compute(() => [gradient.sub(before), d.mul(this.t)] as const)
    const [ys, yy] = (yield* values(() => [y.dot(s), y.dot(y)])) as [number, number]
    if (!(ys > 1e-10)) return
    while (oldDirs.length >= historySize) {
      for (const list of [oldDirs, oldStps]) list.shift()?.dispose()
      this.#ro.shift()
    }
    oldDirs.push(keep(y))
    oldStps.push(keep(s))
    this.#ro.push(1 / ys)
    this.#scale = ys / yy
  }

  /** The negative gradient times the estimated inverse Hessian: Nocedal and Wright, algorithm 7.4. */
  #direction(gradient: Tensor): Tensor {
    const { oldDirs, oldStps } = this.#vectors
    return tidy(() => {
      const q = gradient.neg()
      const shares: Tensor[] = []
      for (let i = oldDirs.length - 1; i >= 0; i--) {
        const [y, s] = [oldDirs[i] as Tensor, oldStps[i] as Tensor]
        const share = s.dot(q).mul(this.#ro[i] as number)
        q.addcmul_(y, share, { value: -1 })
        shares.unshift(share)
      }
      q.mul_(this.#scale)
      for (const [i, share] of shares.entries()) {
        const [y, s] = [oldDirs[i] as Tensor, oldStps[i] as Tensor]
        q.addcmul_(s, share.sub(y.dot(q).mul(this.#ro[i] as number)))
      }
      return q
    })
  }

  /** Moves the vectors. */
  follow(device: Device): void {
    const moved = (vector: Tensor): Tensor => (vector.device === device ? vector : keep(vector.to(device)))
    const { d, prevFlatGrad, oldDirs, oldStps } = this.#vectors
    this.#vectors = {
      d: d && moved(d),
      prevFlatGrad: prevFlatGrad && moved(prevFlatGrad),
      oldDirs: oldDirs.map(moved),
      oldStps: oldStps.map(moved),
    }
  }

  /** Copies as tensors: of numbers (), of lists (K) and (K, N), of vectors (N). */
  stateDict(): Record<string, Tensor> {
    const { d, prevFlatGrad, oldDirs, oldStps } = this.#vectors
    const counts = { funcEvals: this.funcEvals, nIter: this.nIter }
    const state = Object.fromEntries(
      Object.entries(counts).map(([name, value]) => [name, make(value, { dtype: 'int64' })]),
    )
    if (d === undefined || prevFlatGrad === undefined) return state
    const numbers = { t: this.t, ro: this.#ro, HDiag: this.#scale, prevLoss: this.prevLoss }
    for (const [name, value] of Object.entries(numbers)) state[name] = make(value, { dtype: 'float64' })
    for (const [name, list] of Object.entries({ oldDirs, oldStps })) {
      state[name] = list.length > 0 ? stack(list) : zeros([0, d.numel], { dtype: d.dtype, device: d.device })
    }
    return { ...state, d: d.clone(), prevFlatGrad: prevFlatGrad.clone() }
  }

  /**
   * The state of {@link stateDict}, or of PyTorch, which has lists of tensors, copied to vectors like another one.
   * @throws {TorchError} if anything does not fit.
   */
  static from(saved: unknown, like: Tensor, where: string): Curvature {
    const state = Object.fromEntries(
      Object.entries(requireDict(where, 'the state', saved)).map(([name, value]) => [camelCase(name), value]),
    )
    const unknown = Object.keys(state).find((name) => !NAMES.includes(name))
    if (unknown !== undefined) {
      throw torchError(
        'ERR_TORCH_OPTION',
        `${where} has '${unknown}', which LBFGS does not keep; it keeps ${NAMES.join(', ')}`,
      )
    }
    const made = new Curvature()
    made.funcEvals = numberOf(state, 'funcEvals', where)
    made.nIter = numberOf(state, 'nIter', where)
    // After a step that found nothing to do, there is nothing else.
    if (made.nIter === 0) return made
    made.t = numberOf(state, 't', where)
    made.prevLoss = numberOf(state, 'prevLoss', where)
    made.#scale = numberOf(state, 'HDiag', where)
    made.#ro = listOf(state, 'ro', where).map((_, i, list) => numberOf(list as never, i, `${where}: ro`))
    const vector = (value: unknown, name: string): Tensor => {
      if (isTensor(value) && value.shape.join() === like.shape.join()) {
        return value.to({ dtype: like.dtype, device: like.device, copy: true })
      }
      const got = isTensor(value) ? `shape [${value.shape.join(', ')}]` : describe(value)
      throw torchError(
        'ERR_TORCH_SHAPE',
        `${where} has '${name}' of ${got}: it must be a Tensor of shape [${like.shape.join(', ')}]`,
      )
    }
    const vectors = (name: string): Tensor[] => listOf(state, name, where).map((value) => vector(value, name))
    const [oldDirs, oldStps] = [vectors('oldDirs'), vectors('oldStps')]
    if (oldDirs.length !== oldStps.length || oldDirs.length !== made.#ro.length) {
      throw torchError('ERR_TORCH_VALUE', `${where} has lists of different lengths: oldDirs, oldStps and ro`)
    }
    const [d, prevFlatGrad] = [vector(state.d, 'd'), vector(state.prevFlatGrad, 'prevFlatGrad')]
    for (const one of [d, prevFlatGrad, ...oldDirs, ...oldStps]) keep(one)
    made.#vectors = { d, prevFlatGrad, oldDirs, oldStps }
    return made
  }
}

/** `al` is PyTorch's room for intermediate results. */
const NAMES = ['funcEvals', 'nIter', 'd', 't', 'oldDirs', 'oldStps', 'ro', 'HDiag', 'prevFlatGrad', 'prevLoss', 'al']

function numberOf(state: Record<string | number, unknown>, name: string | number, where: string): number {
  const value = state[name]
  if (typeof value === 'number') return value
  if (isTensor(value) && value.numel === 1) return Number(value.item())
  throw torchError(
    'ERR_TORCH_TYPE',
    `${where}: '${name}' must be a number or a Tensor of one element, got ${describe(value)}`,
  )
}

function listOf(state: Record<string, unknown>, name: string, where: string): unknown[] {
  const value = state[name]
  if (Array.isArray(value)) return value
  if (isTensor(value) && value.ndim > 0) return value.unbind()
  throw torchError('ERR_TORCH_TYPE', `${where}: '${name}' must be a list of Tensors, got ${describe(value)}`)
}
