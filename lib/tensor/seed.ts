import { native } from './binding.ts'

let count = 0

/**
 * Seeds the random numbers of all devices, so that they repeat and equal those of PyTorch after
 * `torch.manual_seed(seed)`.
 */
export function manualSeed(seed: number | bigint): void {
  seeded(() => native.manualSeed(seed))
}

/** @internal Counts a seeding: what was recorded before it, such as a CUDA graph, may hold on to the state before. */
export function seeded(seed: () => void): void {
  seed()
  count++
}

/** @internal How many seedings there have been. */
export function seedings(): number {
  return count
}
