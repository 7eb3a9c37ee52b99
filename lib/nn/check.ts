import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

/** @throws {TorchError} where `value`, the argument `name` of `module`, is no integer of at least `least`. */
export function requireInteger(module: string, name: string, value: unknown, least: 0 | 1): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return
  const kind = least === 0 ? 'a non-negative' : 'a positive'
  throw torchError('ERR_TORCH_VALUE', `${module}: ${name} must be ${kind} integer, got ${describe(value)}`, {
    op: module,
  })
}

/** @throws {TorchError} where `value`, the option `name` of `module`, is no number. */
export function requireNumber(module: string, name: string, value: unknown): void {
  if (typeof value === 'number') return
  throw torchError('ERR_TORCH_TYPE', `${module}: ${name} must be a number, got ${describe(value)}`, { op: module })
}

/** @throws {TorchError} where `value`, the option `name` of `module` as PyTorch or else we spell it, is no boolean. */
export function requireBoolean(module: string, name: string, value: unknown): asserts value is boolean {
  if (typeof value === 'boolean') return
  throw torchError('ERR_TORCH_TYPE', `${name} should be of type bool, got: ${describe(value)}`, { op: module })
}

/** @throws {TorchError} where `p` is no probability. */
export function requireProbability(p: unknown): void {
  if (typeof p === 'number' && p >= 0 && p <= 1) return
  throw torchError('ERR_TORCH_VALUE', `dropout probability has to be between 0 and 1, but got ${describe(p)}`, {
    op: 'dropout',
  })
}

/** The row counted from the start. @throws {TorchError} where there is none. */
export function paddingRow(paddingIdx: number | null, rows: number): number | null {
  if (paddingIdx === null) return null
  if (!Number.isSafeInteger(paddingIdx) || paddingIdx >= rows || paddingIdx < -rows) {
    throw torchError('ERR_TORCH_VALUE', 'paddingIdx must be within numEmbeddings', { op: 'embedding' })
  }
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx
}

/** @throws {TorchError} where `value`, the argument `name` of `fn`, is no tensor. */
export function requireTensor(fn: string, name: string, value: unknown): asserts value is Tensor {
  if (isTensor(value)) return
  throw torchError('ERR_TORCH_TYPE', `${fn}(): argument '${name}' must be Tensor, not ${describe(value)}`, { op: fn })
}
