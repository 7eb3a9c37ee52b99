let count = 0

/**
 * @internal Runs and counts a seeding. Captures made before it, such as CUDA graphs, may depend on the previous state.
 */
export function seeded(seed: () => void): void {
  seed()
  count++
}

/** @internal The number of seedings so far. */
export function seedings(): number {
  return count
}
