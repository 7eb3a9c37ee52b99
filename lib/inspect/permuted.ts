import { type Batch, mapBatch, namedBatch } from '../data/batch.ts'
import type { Dataset } from '../data/dataset.ts'
import { Subset } from '../data/subset.ts'
import { isPromise, tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'
import type { Tensor } from '../tensor/tensor.ts'

/**
 * A dataset in which some features of each sample are those of another one, whole, with all their steps. The other's
 * steps are repeated if it is shorter, and cut if it is longer. A subset, so that a trainer knows the units of windows.
 *
 * @param donors from which sample each gets the features
 * @param features their numbers in the last dimension of the input
 */
export class Permuted extends Subset {
  readonly #donors: readonly number[]
  readonly #features: readonly number[]

  constructor(dataset: Dataset, donors: readonly number[], features: readonly number[]) {
    super(dataset, [...donors.keys()])
    this.#donors = donors
    this.#features = features
  }

  override batch(indices: readonly number[], batchFirst: boolean): Batch | Promise<Batch> {
    const own = super.batch(indices, batchFirst)
    const other = super.batch(
      indices.map((index) => this.#donors[index] as number),
      batchFirst,
    )
    const mix = ([one, donor]: readonly Batch[]): Batch => this.#mixed(one as Batch, donor as Batch, batchFirst)
    return isPromise(own) || isPromise(other) ? Promise.all([own, other]).then(mix) : mix([own, other])
  }

  #mixed(own: Batch, other: Batch, batchFirst: boolean): Batch {
    return tidy(() => {
      const features = tensor(this.#features, { dtype: 'int64', device: namedBatch(own).input.device })
      const donor = namedBatch(other)
      const given = donor.input.indexSelect(-1, features)
      const input = (mine: Tensor): Tensor => {
        const [from, to] = [donor.lengths, namedBatch(own).lengths]
        if (from === undefined || to === undefined) return mine.indexCopy(-1, features, given)
        const { steps, within } = repeated(listOf(from), listOf(to), mine, batchFirst)
        const dim = batchFirst ? 1 : 0
        const long = given.gather(dim, steps.expand([...steps.shape.slice(0, 2), given.size(-1)]))
        return mine.indexCopy(-1, features, long.where(within, mine.indexSelect(-1, features)))
      }
      return mapBatch(own, (part, name) => (name === 'input' ? input(part) : part))
    })
  }
}

function listOf(lengths: Tensor): number[] {
  return lengths.to('int32').toArray() as number[]
}

/**
 * For sequences that get the steps of others, again and again: which of them, and which steps are their own and not
 * padding; both (N, L, 1), or (L, N, 1).
 */
function repeated(
  from: readonly number[],
  to: readonly number[],
  { shape, device }: Tensor,
  batchFirst: boolean,
): { steps: Tensor; within: Tensor } {
  const numbers = Array.from({ length: shape[batchFirst ? 1 : 0] as number }, (_, step) => step)
  const laidOut = (rows: (number | boolean)[][], dtype: 'int64' | 'bool'): Tensor => {
    const made = tensor(rows, { dtype, device })
    return (batchFirst ? made : made.transpose(0, 1)).unsqueeze(-1)
  }
  return {
    steps: laidOut(
      from.map((length) => numbers.map((step) => step % length)),
      'int64',
    ),
    within: laidOut(
      to.map((length) => numbers.map((step) => step < length)),
      'bool',
    ),
  }
}
