import type { Coroutine } from '../io/coroutine.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** A point on the line of a search. */
export interface Point {
  /** How far along the direction. */
  t: number
  loss: number
  /** The gradient of the loss, flat, and its largest absolute element. */
  gradient: Tensor
  size: number
  /** The derivative of the loss by `t`. */
  slope: number
}

export interface Search {
  /** The end of the line. */
  start: Point
  /** The first step along it. */
  t: number
  /** The largest absolute element of the direction. */
  longest: number
  toleranceChange: number
  /** The maximum number of points after the first. */
  most: number
}

/** The conditions' constants: sufficient decrease, and curvature. */
const [C1, C2] = [1e-4, 0.9]

/** The place of the minimum of the cubic polynomial through two points with their slopes, within bounds. */
function cubicMinimum(a: Point, b: Point, least = Math.min(a.t, b.t), most = Math.max(a.t, b.t)): number {
  const [left, right] = a.t <= b.t ? [a, b] : [b, a]
  const d1 = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.t - b.t)
  const square = d1 ** 2 - a.slope * b.slope
  if (!(square >= 0)) return (least + most) / 2
  const d2 = Math.sqrt(square)
  const share = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2)
  return Math.min(Math.max(right.t - (right.t - left.t) * share, least), most)
}

/**
 * A line search for a point with the strong Wolfe conditions: `_strong_wolfe` of torch/optim/lbfgs.py.
 *
 * @returns the point, and how many have been evaluated
 * @see Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6
 */
export function* strongWolfe(
  evaluate: (t: number) => Coroutine<Point>,
  search: Search,
): Coroutine<{ point: Point; evaluations: number }> {
  const { start, most } = search
  const rises = (point: Point): boolean => point.loss > start.loss + C1 * point.t * start.slope
  const isFlat = (point: Point): boolean => Math.abs(point.slope) <= -C2 * start.slope
  let [previous, point] = [start, yield* evaluate(search.t)]
  let bracket: [Point, Point] | undefined
  let count = 0
  while (count < most) {
    const passed = rises(point) || (count > 1 && point.loss >= previous.loss)
    if (!passed && isFlat(point)) return { point, evaluations: count + 1 }
    if (passed || point.slope >= 0) {
      bracket = [previous, point]
      break
    }
    const t = cubicMinimum(previous, point, point.t + 0.01 * (point.t - previous.t), point.t * 10)
    previous = point
    point = yield* evaluate(t)
    count++
  }
  return yield* zoom(evaluate, search, bracket ?? [start, point], count, { rises, isFlat })
}

interface Conditions {
  rises: (point: Point) => boolean
  isFlat: (point: Point) => boolean
}

/** Narrows a bracket around a point that meets the conditions, after `count` points. */
function* zoom(
  evaluate: (t: number) => Coroutine<Point>,
  { longest, toleranceChange, most }: Search,
  bracket: [Point, Point],
  count: number,
  { rises, isFlat }: Conditions,
): Coroutine<{ point: Point; evaluations: number }> {
  // Whether the last point was near the edge.
  let atEdge = false
  let low: 0 | 1 = bracket[0].loss <= bracket[1].loss ? 0 : 1
  while (count < most && !(Math.abs(bracket[1].t - bracket[0].t) * longest < toleranceChange)) {
    const [left, right] = [Math.min(bracket[0].t, bracket[1].t), Math.max(bracket[0].t, bracket[1].t)]
    let t = cubicMinimum(...bracket)
    const margin = 0.1 * (right - left)
    const isNear = Math.min(right - t, t - left) < margin
    const moves: boolean = isNear && (atEdge || t >= right || t <= left)
    if (moves) t = Math.abs(t - right) < Math.abs(t - left) ? right - margin : left + margin
    atEdge = isNear && !moves
    const point = yield* evaluate(t)
    count++
    if (rises(point) || point.loss >= bracket[low].loss) {
      bracket[1 - low] = point
      low = bracket[0].loss <= bracket[1].loss ? 0 : 1
      continue
    }
    const other = bracket[1 - low] as Point
    const done = isFlat(point)
    if (!done && point.slope * (other.t - bracket[low].t) >= 0) bracket[1 - low] = bracket[low]
    bracket[low] = point
    if (done) break
  }
  return { point: bracket[low], evaluations: count + 1 }
}
