let count = 0

/** @internal Counts a seeding: what was captured before it, such as a CUDA graph, may hold on to the state before. */
export function seeded(seed: () => void): void {
  seed()
  count++
}

/** @internal How many seedings there have been. */
export function seedings(): number {
  return count
}
