// Recurrent networks computed by hand with plain numbers: each step of each sequence follows the formulas.
import type { Activation, GateActivation, RecurrentModule } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'

export type Vector = number[]
export type Matrix = number[][]

export const FUNCTIONS: Record<Activation | GateActivation, (x: number) => number> = {
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  hardSigmoid: (x) => Math.min(Math.max(x / 6 + 1 / 2, 0), 1),
  elliottSigmoid: (x) => (1 + x / (1 + Math.abs(x))) / 2,
  tanh: Math.tanh,
  hardTanh: (x) => Math.min(Math.max(x, -1), 1),
  softsign: (x) => x / (1 + Math.abs(x)),
  relu: (x) => Math.max(x, 0),
  leakyRelu: (x) => (x > 0 ? x : x / 100),
  elu: (x) => (x > 0 ? x : Math.exp(x) - 1),
  identity: (x) => x,
}

export function times(matrix: Matrix, vector: Vector): Vector {
  return matrix.map((row) => row.reduce((sum, weight, k) => sum + weight * (vector[k] as number), 0))
}

/** Rows k n to (k + 1) n, of a matrix or a vector. */
export function part<T>(rows: readonly T[], k: number, n: number): T[] {
  return rows.slice(k * n, (k + 1) * n)
}

/** Layer normalization of a whole vector, with one gain per element. */
export function normalized(vector: Vector, gain: Vector): Vector {
  const mean = vector.reduce((sum, x) => sum + x, 0) / vector.length
  const variance = vector.reduce((sum, x) => sum + (x - mean) ** 2, 0) / vector.length
  return vector.map((x, j) => ((gain[j] as number) * (x - mean)) / Math.sqrt(variance + 1e-5))
}

/** Makes weights larger than they start, so that gates and activations leave their linear part, and gains unequal. */
export function spread(module: RecurrentModule): void {
  for (const [name, parameter] of module.namedParameters()) {
    torch.noGrad(() => (name.includes('_ln_') ? parameter.add_(torch.randnLike(parameter)) : parameter.mul_(3)))
  }
}

/** The hidden state, which is the output, and for an LSTM the cell state. */
export type StepState = readonly [h: Vector, c?: Vector]

/** One step of one sequence: `weights` are those of the layer and direction, without `_l0`. */
export type Step = (x: Vector, state: StepState, weights: Record<string, never>) => StepState

/** All layers, directions and sequences; (L, N, I) in, (L, N, …) out, and the final states (layers * D, N, …). */
export function bySteps(
  module: RecurrentModule,
  step: Step,
  input: number[][][],
  states: number[][][][],
): { output: number[][][]; finals: number[][][][] } {
  const weights = Object.fromEntries([...module.namedParameters()].map(([name, value]) => [name, value.toArray()]))
  const directions = module.bidirectional ? ['', '_reverse'] : ['']
  const finals: number[][][][] = states.map(() => [])
  let x = input
  for (let layer = 0; layer < module.numLayers; layer++) {
    const outputs = directions.map((direction, d) => {
      const suffix = `_l${layer}${direction}`
      const own = Object.fromEntries(
        Object.entries(weights)
          .filter(([name]) => name.endsWith(suffix))
          .map(([name, value]) => [name.slice(0, -suffix.length), value]),
      ) as Record<string, never>
      const steps = d === 0 ? x.map((_, t) => t) : x.map((_, t) => x.length - 1 - t)
      const output: number[][][] = x.map(() => [])
      const last = (x[0] as Matrix).map((_, n) => {
        let state = states.map((each) => each[layer * directions.length + d]?.[n]) as unknown as StepState
        for (const t of steps) {
          state = step(x[t]?.[n] as Vector, state, own)
          ;(output[t] as Matrix)[n] = state[0]
        }
        return state
      })
      for (const [s, final] of finals.entries()) final.push(last.map((state) => state[s] as Vector))
      return output
    })
    x = x.map((row, t) => row.map((_, n) => outputs.flatMap((output) => output[t]?.[n] as Vector)))
  }
  return { output: x, finals }
}

export function arrays<T>(tensor: Tensor): T {
  return tensor.toArray() as T
}
