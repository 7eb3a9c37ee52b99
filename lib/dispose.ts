/**
 * The name of the method that `using` calls. A realm of a test runner (Vitest's vm pools) lacks
 * `Symbol.dispose` on Node 20 and 22; compilers of `using` fall back on this one there. For the same reason the library
 * itself has no `using`.
 */
export const dispose: typeof Symbol.dispose = Symbol.dispose ?? (Symbol.for('Symbol.dispose') as typeof Symbol.dispose)

/** The same for `await using`. */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for('Symbol.asyncDispose') as typeof Symbol.asyncDispose)
