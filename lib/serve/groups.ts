/** How many are worked on at a time. */
const AT_ONCE = 64

/** Calls `fn` for each, a few at a time, so that neither the event loop nor a store has all of them at once. */
export async function inGroups<T>(items: readonly T[], fn: (item: T) => Promise<void> | void): Promise<void> {
  for (let start = 0; start < items.length; start += AT_ONCE) {
    await Promise.all(items.slice(start, start + AT_ONCE).map(fn))
    await new Promise((resolve) => setImmediate(resolve))
  }
}
