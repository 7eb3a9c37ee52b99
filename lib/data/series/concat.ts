/** The chunks as one array. They are emptied: a chunk is freed as soon as it is copied. */
export function concat(chunks: Float64Array[]): Float64Array {
  const all = new Float64Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let position = 0
  for (const [i, chunk] of chunks.entries()) {
    all.set(chunk, position)
    position += chunk.length
    chunks[i] = new Float64Array(0)
  }
  return all
}
