/**
 * An array of native code as one of this realm: in a test runner's (Jest's, Vitest's vm pools) it would not equal the
 * arrays of the tests.
 */
export function ours(array: Float32Array): Float32Array {
  if (array.constructor === Float32Array) return array
  return new Float32Array(array.buffer, array.byteOffset, array.length)
}
