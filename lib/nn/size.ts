import { invalid } from '../check.ts'
import { torchError } from '../errors.ts'
import { python } from './repr.ts'

/** LibTorch's kernels compute with int32: some never return from a larger size, and others give wrong numbers. */
const MOST = 2 ** 31 - 1

export type HeightWidth = readonly [height: number, width: number]

/** Height and width, or one number for both. */
export type Size2d = number | HeightWidth

/** A size along each of `count` dimensions; a single number is repeated. */
export function sizesOf(value: number | readonly number[], count: number): number[] {
  return typeof value === 'number' ? new Array<number>(count).fill(value) : [...value]
}

/**
 * @throws {TorchError} unless `value`, the argument `name` of `module`, is an integer of at least `least` or, for
 *   several dimensions, an array with one such integer per dimension.
 */
export function requireSizes(module: string, name: string, value: unknown, least: 0 | 1, count: number): void {
  const values: unknown[] = Array.isArray(value) && count > 1 && value.length === count ? value : [value]
  for (const one of values) requireInt32(module, name, one)
  if (values.every((one) => Number.isSafeInteger(one) && (one as number) >= least)) return
  const kind = least === 0 ? 'a non-negative integer' : 'a positive integer'
  const array = count > 1 ? `, or an array of ${count}` : ''
  throw invalid(module, name, `${kind}${array}`, value, 'ERR_TORCH_VALUE')
}

/** @throws {TorchError} if a size is larger than LibTorch's kernels can count; other checks are theirs. */
export function requireInt32(op: string, name: string, value: unknown): void {
  const tooLarge = [value].flat().find((one) => typeof one === 'number' && Math.abs(one) > MOST)
  if (tooLarge !== undefined) throw invalid(op, name, `at most ${MOST}`, tooLarge, 'ERR_TORCH_VALUE')
}

/** Sizes as Python prints them: a single one as an integer, several as a tuple. */
export function sizesRepr(value: number | readonly (number | null)[]): string {
  return typeof value === 'number' ? String(value) : python(value)
}

/** Refuses a batch with a single value per channel, whose variance would be 0. */
export function requireSeveralValues(op: string, count: number, size: string): void {
  if (count !== 1) return
  const message = `Expected more than 1 value per channel when training, got input size ${size}`
  throw torchError('ERR_TORCH_VALUE', message, { op })
}

/** The row of an embedding, as a non-negative index. @throws {TorchError} if out of range. */
export function paddingRow(paddingIdx: number | null, rows: number): number | null {
  if (paddingIdx === null) return null
  if (!Number.isSafeInteger(paddingIdx) || paddingIdx >= rows || paddingIdx < -rows) {
    throw torchError('ERR_TORCH_VALUE', 'paddingIdx must be within numEmbeddings', { op: 'embedding' })
  }
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx
}
