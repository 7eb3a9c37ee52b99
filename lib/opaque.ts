import * as threads from 'node:worker_threads'
import { torchError } from './errors.ts'

/**
 * @internal `toJSON` of an object that holds more than its properties show. To be a property of the object itself, a new
 * function for each: then no function that compares objects takes two of them for equal, `JSON.stringify` says what to
 * write instead, and `structuredClone` and `postMessage` refuse it, on every Node.
 */
export function opaque(name: string, advice: string): () => never {
  return function toJSON() {
    throw torchError('ERR_TORCH_TYPE', `${name}: its contents are not in its properties; ${advice}`, { op: name })
  }
}

/** @internal Makes `structuredClone` and `postMessage` refuse an object, from Node 22.10 on. */
export const markAsUncloneable: (object: object) => void =
  (threads as { markAsUncloneable?: (object: object) => void }).markAsUncloneable ?? (() => {})
