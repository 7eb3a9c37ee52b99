import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'

/** How the elementwise losses are reduced: to their mean, to their sum, or not at all. */
export type Reduction = 'mean' | 'sum' | 'none'

export interface ReductionOptions {
  /** Default `'mean'`. */
  reduction?: Reduction
}

const REDUCTIONS: Record<Reduction, number> = { none: 0, mean: 1, sum: 2 }

/** ATen's number for a reduction. @throws {TorchError} if it is unknown. */
export function reductionOf(reduction: Reduction = 'mean'): number {
  if (!Object.hasOwn(REDUCTIONS, reduction)) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${typeof reduction === 'string' ? reduction : describe(reduction)} is not a valid value for reduction`,
    )
  }
  return REDUCTIONS[reduction]
}
