import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { noGrad } from '../tensor/context.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

/** Parameters and buffers by PyTorch's names: `lstm.weight_ih_l0`. */
export type StateDict = Record<string, Tensor>

/** The result of {@link Module.loadStateDict}. */
export interface LoadResult {
  /** Names in the module but not in the dictionary. */
  missingKeys: string[]
  /** Names in the dictionary but not in the module. */
  unexpectedKeys: string[]
}

/**
 * Copies the values of `given` into the tensors of the same names.
 *
 * @param module the class of the module, for errors
 * @throws {TorchError} listing missing and unexpected names (if strict) and mismatched sizes (always). Nothing is copied
 *   in that case.
 */
export function copyInto(module: string, own: StateDict, given: Readonly<StateDict>, strict: boolean): LoadResult {
  const missingKeys = Object.keys(own).filter((name) => !Object.hasOwn(given, name))
  const unexpectedKeys = Object.keys(given).filter((name) => !Object.hasOwn(own, name))
  const pairs = Object.entries(own).flatMap(([name, tensor]) =>
    Object.hasOwn(given, name) ? [[name, tensor, given[name]] as const] : [],
  )
  const problems: string[] = []
  const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')
  if (strict && unexpectedKeys.length > 0) problems.push(`Unexpected key(s) in state_dict: ${list(unexpectedKeys)}. `)
  if (strict && missingKeys.length > 0) problems.unshift(`Missing key(s) in state_dict: ${list(missingKeys)}. `)
  for (const [name, tensor, value] of pairs) {
    if (!isTensor(value)) {
      problems.push(
        `While copying the parameter named "${name}", expected torch.Tensor or Tensor-like object from checkpoint but received ${describe(value)}`,
      )
    } else if (value.shape.join() !== tensor.shape.join()) {
      problems.push(
        `size mismatch for ${name}: copying a param with shape torch.Size([${value.shape.join(', ')}]) from checkpoint, the shape in current model is torch.Size([${tensor.shape.join(', ')}]).`,
      )
    }
  }
  if (problems.length > 0) {
    throw torchError('ERR_TORCH_VALUE', `Error(s) in loading state_dict for ${module}:\n\t${problems.join('\n\t')}`)
  }
  noGrad(() => {
    for (const [, tensor, value] of pairs) tensor.copy_(value as Tensor)
  })
  return { missingKeys, unexpectedKeys }
}
