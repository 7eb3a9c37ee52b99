import { checkOptions } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { isTensor } from '../tensor/tensor.ts'

/**
 * Refuses arguments beyond those that a constructor or a method takes: JavaScript would ignore them. The last parameter of
 * such a function is `...none: never[]`.
 */
export function requireNone(name: string, none: readonly unknown[]): void {
  if (none.every((value) => value === undefined)) return
  throw torchError('ERR_TORCH_TYPE', `${name}: got more arguments than it takes: ${none.map(describe).join(', ')}`, {
    op: name,
  })
}

/**
 * Checks the options of a constructor that takes nothing after them. Tensors are refused: they have no enumerable properties,
 * so {@link checkOptions} accepts them.
 */
export function checkArguments(
  name: string,
  options: unknown,
  known: readonly string[],
  none: readonly unknown[],
): void {
  if (isTensor(options)) {
    throw torchError('ERR_TORCH_TYPE', `${name}: options must be an object, got a Tensor; tensors are for forward`, {
      op: name,
    })
  }
  checkOptions(name, options, known)
  requireNone(name, none)
}
