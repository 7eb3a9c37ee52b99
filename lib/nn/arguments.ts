import { checkOptions, requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import { isTensor } from '../tensor/tensor.ts'

/**
 * Checks the options of a constructor whose last argument they are. Refuses tensors, which {@link checkOptions} would
 * accept since they have no enumerable properties.
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
