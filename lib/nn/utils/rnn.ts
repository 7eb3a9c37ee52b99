export { invertPermutation, PackedSequence } from './packed-sequence.ts'
export {
  type PackPaddedSequenceOptions,
  type PadPackedSequenceOptions,
  packPaddedSequence,
  packSequence,
  padPackedSequence,
  unpackSequence,
} from './packing.ts'
export { type PadSequenceOptions, padSequence, unpadSequence } from './padding.ts'
export type { Lengths } from './sequences.ts'
