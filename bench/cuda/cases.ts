/** What is measured with CUDA, as data that both sides read: one training step of a recurrent layer and a linear head. */

export type Cell = 'LSTM' | 'GRU' | 'RNN'

/** `tf32` is float32 with products of 10 bits of mantissa, `bfloat16` autocast over float32 parameters. */
export type Precision = 'tf32' | 'bfloat16'

/** Who computes, and how: this library and Python, each step launched by itself or as a CUDA graph. */
export type Side = 'here' | 'hereGraph' | 'python' | 'pythonGraph'

export interface CudaCase {
  readonly name: string
  readonly cell: Cell
  readonly precision: Precision
  readonly input: number
  readonly hidden: number
  readonly output: number
  /** T, the length of the sequences. */
  readonly steps: number
  /** N, sequences in the batch. */
  readonly batch: number
  /** How many times as fast as a side of Python a side here is to be. */
  readonly goals: readonly Goal[]
}

export interface Goal {
  readonly side: Side
  readonly rival: Side
  readonly times: number
}

type Size = readonly [hidden: number, steps: number, batch: number]

const SIZES: readonly Size[] = [
  [64, 20, 16],
  [128, 50, 64],
  [512, 100, 64],
  [1024, 256, 128],
]
/** Enough to see on a machine without a GPU that the benchmark works. */
const TINY: readonly Size[] = [
  [8, 5, 4],
  [16, 6, 3],
]
const CELLS: readonly Cell[] = ['LSTM', 'GRU', 'RNN']
const PRECISIONS: readonly Precision[] = ['tf32', 'bfloat16']
/** From here on the GPU is busy with arithmetic; below, a step is mostly launches. */
const LARGE = 512

function goalsOf(hidden: number): Goal[] {
  const graphs: Goal = { side: 'hereGraph', rival: 'pythonGraph', times: 0.95 }
  return hidden < LARGE
    ? [{ side: 'hereGraph', rival: 'python', times: 2 }, graphs]
    : [{ side: 'here', rival: 'python', times: 0.98 }, graphs]
}

export function casesFor(device: 'cuda' | 'cpu'): CudaCase[] {
  const sizes = device === 'cuda' ? SIZES : TINY
  return CELLS.flatMap((cell) =>
    PRECISIONS.flatMap((precision) =>
      sizes.map(([hidden, steps, batch]) => ({
        name: `${cell} H=${hidden} T=${steps} N=${batch} ${precision}`,
        cell,
        precision,
        input: 64,
        hidden,
        output: 1,
        steps,
        batch,
        goals: device === 'cuda' ? goalsOf(hidden) : [],
      })),
    ),
  )
}

export function sidesFor(device: 'cuda' | 'cpu'): Side[] {
  return device === 'cuda' ? ['here', 'hereGraph', 'python', 'pythonGraph'] : ['here', 'python']
}
