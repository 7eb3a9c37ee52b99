import { isArrayOf } from '../array.ts'
import { invalid } from '../check.ts'
import { torchError } from '../errors.ts'

/** Where a window starts and how long it is, in each dimension but that of the sequences. */
export type Window = readonly { readonly start: number; readonly length: number }[]

/** The window's ranges in a tensor in which `dim` is the dimension of the sequences. */
export function rangesOf(window: Window, dim: number): { axis: number; start: number; length: number }[] {
  return window.map((range, i) => ({ ...range, axis: i < dim ? i : i + 1 }))
}

/**
 * All places of a window that slides over features of these sizes. The last one in a dimension ends with it, and may be
 * shorter.
 *
 * @throws {TorchError} unless shape and strides are positive integers, one for each dimension, and every feature is in a
 *   window.
 */
export function slidingWindows(owner: string, sizes: readonly number[], shape: unknown, strides: unknown): Window[] {
  const lengths = checked(owner, 'slidingWindowShapes', shape, sizes, 1)
  const steps = checked(owner, 'strides', strides ?? lengths, sizes)
  const wide = lengths.findIndex((length, i) => length > (sizes[i] as number))
  if (wide >= 0) {
    const message = `slidingWindowShapes: a window of ${lengths[wide]} is longer than the input, ${sizes[wide]}`
    throw torchError('ERR_TORCH_VALUE', `${owner}: ${message}, in dimension ${wide}`, { op: owner })
  }
  const far = steps.findIndex((step, i) => step > (lengths[i] as number))
  if (far >= 0) {
    const message = `strides of ${steps[far]} leave features out: at most the window's ${lengths[far]}`
    throw torchError('ERR_TORCH_VALUE', `${owner}: ${message}, in dimension ${far}`, { op: owner })
  }
  return sizes.reduce<Window[]>(
    (windows, size, i) => {
      const [length, step] = [lengths[i] as number, steps[i] as number]
      const count = 1 + Math.ceil((size - length) / step)
      const ranges = Array.from({ length: count }, (_, k) => ({
        start: k * step,
        length: Math.min(length, size - k * step),
      }))
      return windows.flatMap((window) => ranges.map((range) => [...window, range]))
    },
    [[]],
  )
}

/** One positive integer for each dimension. */
function checked(owner: string, name: string, given: unknown, sizes: readonly number[], missing?: number): number[] {
  const list = given === undefined && missing !== undefined ? sizes.map(() => missing) : given
  const fits = isArrayOf(list, (size) => Number.isSafeInteger(size) && (size as number) >= 1)
  if (fits && list.length === sizes.length) return list as number[]
  const dims = sizes.length === 2 ? '[steps, features]' : `${sizes.length}`
  throw invalid(owner, name, `an array of positive integers, ${dims}`, given, 'ERR_TORCH_VALUE')
}
