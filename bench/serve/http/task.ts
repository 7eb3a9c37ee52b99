/** What all sides of the HTTP benchmark serve: an LSTM with a head, (T, I) float32 in and (O) float32 out. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const [INPUT, HIDDEN, OUTPUT, STEPS] = [32, 128, 8, 50]
/** The most requests of a batch, of the sides that make batches. */
export const MAX_BATCH = 32

/** The parameters in PyTorch's layout, by the names of files in a folder. */
export const PARAMETERS = ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh', 'head_weight', 'head_bias'] as const
export type Parameters = Record<(typeof PARAMETERS)[number], Float32Array>

export function readParameters(folder: string): Parameters {
  const read = (name: string): Float32Array => new Float32Array(new Uint8Array(readFileSync(join(folder, name))).buffer)
  return Object.fromEntries(PARAMETERS.map((name) => [name, read(name)])) as Parameters
}

/** The head on the last outputs of a batch, (N, H) -> (N, O). */
export function head(hidden: Float32Array, { head_weight, head_bias }: Parameters): Float32Array[] {
  const rows = hidden.length / HIDDEN
  return Array.from({ length: rows }, (_, n) =>
    Float32Array.from({ length: OUTPUT }, (_, o) => {
      let sum = head_bias[o] as number
      for (let h = 0; h < HIDDEN; h++)
        sum += (head_weight[o * HIDDEN + h] as number) * (hidden[n * HIDDEN + h] as number)
      return sum
    }),
  )
}

/** Rows (T, I) as one array (T, N, I). */
export function gathered(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.length * STEPS * INPUT)
  for (const [n, row] of rows.entries()) {
    for (let t = 0; t < STEPS; t++) all.set(row.subarray(t * INPUT, (t + 1) * INPUT), (t * rows.length + n) * INPUT)
  }
  return all
}
