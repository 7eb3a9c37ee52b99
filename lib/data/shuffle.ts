/**
 * Random numbers from [0, 1) that repeat with the seed.
 * @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c Mulberry32, by Tommy Ettinger
 */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296
  }
}

/** The numbers 0 … n - 1 in random order, by Fisher and Yates. */
export function permutation(n: number, seed: number): number[] {
  const random = generator(seed)
  const order = Array.from({ length: n }, (_, i) => i)
  for (let last = n - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = order[last] as number
    order[last] = order[other] as number
    order[other] = kept
  }
  return order
}
