import { messageOf, TorchError, torchError } from '../errors.ts'

/** @internal What a batch failed with, as an error of this library. */
export function failureOf(owner: string, thrown: unknown): TorchError {
  if (thrown instanceof TorchError) return thrown
  return torchError('ERR_TORCH_RUNTIME', `${owner}: the model failed: ${messageOf(thrown)}`, { cause: thrown })
}
