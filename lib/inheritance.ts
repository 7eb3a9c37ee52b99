/**
 * Whether `object` does what `Class` defines: it is an instance, and neither a subclass nor the object itself puts
 * anything under a name that the class or its bases have. What a subclass adds under other names does not count.
 */
export function keeps(object: object, Class: abstract new (...args: never[]) => object): boolean {
  const original: object = Class.prototype
  let level = object
  while (level !== original) {
    for (const name of Object.getOwnPropertyNames(level)) {
      if (name in original && name !== 'constructor') return false
    }
    for (const symbol of Object.getOwnPropertySymbols(level)) if (symbol in original) return false
    const next: unknown = Object.getPrototypeOf(level)
    if (typeof next !== 'object' || next === null) return false
    level = next
  }
  return true
}
