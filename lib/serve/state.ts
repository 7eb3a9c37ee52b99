import { crc32 } from 'node:zlib'
import { torchError } from '../errors.ts'

/** What a saved state begins with. */
const MAGIC = 'LRS2'
/** The magic, the CRC-32 of all that follows it (4 bytes), a hash of the model's kind (4), and the number of steps (8). */
const HEADER = 20
const CHECKED = 8

/** The state of a session, and how many steps led to it. */
export interface SavedState {
  readonly state: Float32Array
  readonly steps: number
}

/** FNV-1a, of 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** A number from 0 to 1 that a text always has. */
export const shareOf = (text: string): number => hashOf(`${text}\u0000${text}`) / 2 ** 32

/** @param kind what must be the same in a model that goes on from the state */
export function encodeState({ state, steps }: SavedState, kind: string): Uint8Array {
  const bytes = new Uint8Array(HEADER + 4 * state.length)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i)
  view.setUint32(8, hashOf(kind), true)
  view.setFloat64(12, steps, true)
  for (let i = 0; i < state.length; i++) view.setFloat32(HEADER + 4 * i, state[i] as number, true)
  view.setUint32(4, crc32(bytes.subarray(CHECKED)), true)
  return bytes
}

/** @throws {TorchError} `ERR_TORCH_FORMAT` unless the bytes are the state of such a model, in full. */
export function decodeState(owner: string, bytes: unknown, kind: string, size: number): SavedState {
  const reject = (problem: string): never => {
    throw torchError('ERR_TORCH_FORMAT', `${owner}: the saved state ${problem}`, { op: owner })
  }
  if (!ArrayBuffer.isView(bytes)) return reject('is no Uint8Array')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isOurs = view.byteLength >= HEADER && [...MAGIC].every((letter, i) => view.getUint8(i) === letter.charCodeAt(0))
  if (!isOurs) return reject('is not one that Session.save() returned')
  const checked = new Uint8Array(view.buffer, view.byteOffset + CHECKED, view.byteLength - CHECKED)
  if (view.getUint32(4, true) !== crc32(checked)) return reject('is damaged: its CRC-32 differs')
  if (view.getUint32(8, true) !== hashOf(kind)) return reject(`is of another kind of model than this one, ${kind}`)
  if (view.byteLength !== HEADER + 4 * size)
    return reject(`has ${view.byteLength} bytes instead of ${HEADER + 4 * size}`)
  const steps = view.getFloat64(12, true)
  const state = Float32Array.from({ length: size }, (_, i) => view.getFloat32(HEADER + 4 * i, true))
  if (!Number.isSafeInteger(steps) || steps < 0 || !state.every(Number.isFinite)) return reject('is damaged')
  return { state, steps }
}
