/** A whole epoch: sequences of `steps` steps, of which each has one target. */
export interface FitCase {
  readonly name: string
  readonly cell: 'LSTM' | 'GRU'
  readonly input: number
  readonly hidden: number
  readonly steps: number
  readonly batch: number
  /** Whether the sequences have lengths from 1 to `steps`. */
  readonly lengths: boolean
}

export type Framework = 'torch' | 'lightning' | 'keras' | 'flax'

interface Comparison {
  /** What has to be there, in Python's words. */
  readonly imports: string
  /** Whether the number of threads can be set. */
  readonly threads: boolean
  /** Whether its steps give the same weights. */
  readonly sameSteps: boolean
}

/** A plain loop in PyTorch, and what others train with. */
export const FRAMEWORKS: Readonly<Record<Framework, Comparison>> = {
  torch: { imports: 'torch', threads: true, sameSteps: true },
  lightning: { imports: 'lightning', threads: true, sameSteps: true },
  keras: { imports: 'keras, tensorflow', threads: false, sameSteps: false },
  flax: { imports: 'flax, optax', threads: false, sameSteps: false },
}

const SIZES = [
  { input: 4, hidden: 32, steps: 20, batch: 32 },
  { input: 4, hidden: 128, steps: 20, batch: 64 },
  { input: 64, hidden: 256, steps: 50, batch: 64 },
]

export const CASES: readonly FitCase[] = SIZES.flatMap((size) =>
  (['LSTM', 'GRU'] as const).flatMap((cell) =>
    [false, true].map((lengths) => {
      const { input, hidden, steps, batch } = size
      const name = `${cell} I=${input} H=${hidden} T=${steps} N=${batch}${lengths ? ' lengths' : ''}`
      return { name, cell, ...size, lengths }
    }),
  ),
)
