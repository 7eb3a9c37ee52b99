import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'

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
