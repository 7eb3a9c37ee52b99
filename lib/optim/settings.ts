import { isArrayOf } from '../array.ts'
import { invalid, requireNonNegative } from '../check.ts'

/** @throws {TorchError} unless each of the settings is a number of at least 0. */
export function requireNonNegatives(optimizer: string, settings: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(settings)) requireNonNegative(optimizer, name, value)
}

/** @throws {TorchError} unless `value`, the setting `name`, is an array of two numbers. */
export function requirePair(
  optimizer: string,
  name: string,
  value: unknown,
): asserts value is readonly [number, number] {
  if (isArrayOf(value, (number) => typeof number === 'number') && value.length === 2) return
  throw invalid(optimizer, name, 'an array of two numbers', value)
}

/** @throws {TorchError} unless `betas` are two decay rates of running averages, each from 0 to below 1. */
export function requireBetas(optimizer: string, betas: unknown): void {
  requirePair(optimizer, 'betas', betas)
  for (const beta of betas) {
    if (!(beta >= 0 && beta < 1)) throw invalid(optimizer, 'betas', 'from 0 to below 1', betas, 'ERR_TORCH_VALUE')
  }
}
