import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { isTensor } from '../tensor/tensor.ts'

/**
 * Refuses arguments beyond those that a constructor or a method takes, which JavaScript would ignore without a word. To have
 * them, its last parameter is `...none: never[]`.
 */
export function requireNone(name: string, none: readonly unknown[]): void {
  if (none.every((value) => value === undefined)) return
  throw torchError('ERR_TORCH_TYPE', `${name}: more arguments than it takes: ${none.map(describe).join(', ')}`, {
    op: name,
  })
}

/** {@link checkOptions} of a constructor that takes nothing after the options; a tensor, which has no properties, is none. */
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
