/** The number of elements; NaN if LibTorch could not represent it or the strides. */
export function numelOf(shape: readonly number[]): number {
  // LibTorch's strides count a dimension of size 0 as one of size 1.
  const extent = shape.reduce((product, size) => product * Math.max(size, 1), 1)
  if (!Number.isSafeInteger(extent)) return Number.NaN
  return shape.includes(0) ? 0 : extent
}
