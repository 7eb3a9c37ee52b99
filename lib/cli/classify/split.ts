import { createHash } from 'node:crypto'
import { UsageError } from '../problem.ts'
import type { Settings } from '../settings.ts'
import type { Sequences } from './sequences.ts'

/** The numbers of the sequences of each part. */
export interface Split {
  readonly train: readonly number[]
  readonly validation: readonly number[]
  readonly test: readonly number[]
}

type Shares = Pick<Settings, 'validation' | 'test' | 'seed'>

/**
 * Deals sequences to the parts, each class by its share, and at least one of each class to the training part. Which ones
 * follows from the seed and their names, not from the order of the file.
 */
export function splitSequences({ names }: Sequences, classes: readonly number[], settings: Shares): Split {
  const { seed } = settings
  const shares = { validation: shareOf('validation', settings), test: shareOf('test', settings) }
  const byClass = new Map<number, number[]>()
  for (const [index, number] of classes.entries()) byClass.set(number, [...(byClass.get(number) ?? []), index])
  const parts = { train: [] as number[], validation: [] as number[], test: [] as number[] }
  const dealt = { seen: 0, validation: 0, test: 0 }
  for (const [, indices] of [...byClass].sort(([a], [b]) => a - b)) {
    const order = shuffled(indices, names, seed)
    dealt.seen += order.length
    for (const part of ['test', 'validation'] as const) {
      // What rounding leaves over goes to the next class, so that the part has its share in all.
      const due = Math.round(dealt.seen * shares[part]) - dealt[part]
      const taken = order.splice(0, Math.max(0, Math.min(due, order.length - 1)))
      dealt[part] += taken.length
      parts[part].push(...taken)
    }
    parts.train.push(...order)
  }
  for (const part of Object.values(parts)) part.sort((a, b) => a - b)
  return parts
}

function shareOf(part: 'validation' | 'test', settings: Shares): number {
  const share = settings[part]
  if (share === 'none') return 0
  if (typeof share === 'number') return share
  throw new UsageError(`--${part} of sequences is their share such as 0.2, or none, not ${share}`)
}

function shuffled(indices: readonly number[], names: readonly string[], seed: number): number[] {
  const keyOf = (index: number): string => createHash('sha256').update(`${seed} ${names[index]}`).digest('hex')
  const keyed = indices.map((index) => [keyOf(index), index] as const)
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, index]) => index)
}
