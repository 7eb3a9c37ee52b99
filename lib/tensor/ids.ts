import type { Id } from '../native/addon.ts'

// Allocating a typed array for each list would cost more than the rest of a small call.
const memory = new Uint32Array(1 << 14)
const LONGEST = 1 << 10
let used = 0

/** @internal The ids for a native call. Pass them on immediately, since later lists reuse the same memory. */
export function listOf(ids: readonly Id[]): Uint32Array {
  if (ids.length > LONGEST) return Uint32Array.from(ids)
  if (used + ids.length > memory.length) used = 0
  const list = memory.subarray(used, used + ids.length)
  for (let i = 0; i < ids.length; i++) memory[used + i] = ids[i] as Id
  used += ids.length
  return list
}
