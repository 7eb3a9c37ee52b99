/** @internal Whether `value` is an array whose elements all fit. A hole is an element, too: `every` would leave it out. */
export function isArrayOf<T>(value: unknown, fits: (element: unknown) => element is T): value is T[]
export function isArrayOf(value: unknown, fits: (element: unknown) => boolean): value is unknown[]
export function isArrayOf(value: unknown, fits: (element: unknown) => boolean): boolean {
  return Array.isArray(value) && Array.from(value).every((element) => fits(element))
}
