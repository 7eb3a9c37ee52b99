import { isMap } from 'node:util/types'
import { isPlain } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { setOwn } from '../io/record.ts'
import type { NativeValue } from '../native/addon.ts'
import type { Scope } from '../tensor/scope.ts'
import { idOf, isTensor, type Tensor, wrap } from '../tensor/tensor.ts'

/**
 * A value that TorchScript takes or returns: a tensor, an int or float, a bool, a str, a list or tuple (an array), a
 * dict (an object if its keys are strings, else a Map), None (`null`).
 */
export type ScriptValue =
  | Tensor
  | number
  | bigint
  | boolean
  | string
  | null
  | readonly ScriptValue[]
  | ReadonlyMap<ScriptValue, ScriptValue>
  | { readonly [name: string]: ScriptValue }

/** TorchScript's types nest no deeper than someone has written them. */
const DEEPEST = 64

/** The value in the form that native code reads. `place` names it in errors. */
export function toNative(value: unknown, place: string, depth = 0): NativeValue {
  if (depth > DEEPEST) {
    throw torchError('ERR_TORCH_VALUE', `${place} is nested more than ${DEEPEST} deep, or contains itself`)
  }
  if (isTensor(value)) return { tensor: idOf(value) }
  if (Array.isArray(value)) return value.map((item) => toNative(item, place, depth + 1))
  switch (typeof value) {
    case 'undefined':
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'string':
      return value
    case 'object':
      if (value === null) return null
      if (isMap(value) || isPlain(value)) {
        const entries = isMap(value) ? [...value] : Object.entries(value)
        return {
          entries: entries.map(([key, item]) => [toNative(key, place, depth + 1), toNative(item, place, depth + 1)]),
        }
      }
  }
  throw torchError('ERR_TORCH_TYPE', `${place}: TorchScript has no value for ${describe(value)}`)
}

/** A value from native code; its tensors belong to `scope`. */
export function fromNative(value: NativeValue, scope: Scope | undefined): ScriptValue {
  if (typeof value !== 'object' || value === null) return value ?? null
  if (Array.isArray(value)) return (value as readonly NativeValue[]).map((item) => fromNative(item, scope))
  if ('tensor' in value) return wrap(value.tensor, scope)
  const { entries } = value as { entries: readonly (readonly [NativeValue, NativeValue])[] }
  const pairs = entries.map(([key, item]) => [fromNative(key, scope), fromNative(item, scope)] as const)
  if (!pairs.every(([key]) => typeof key === 'string')) return new Map(pairs)
  const object: Record<string, ScriptValue> = {}
  for (const [key, item] of pairs) setOwn(object, key as string, item)
  return object
}
