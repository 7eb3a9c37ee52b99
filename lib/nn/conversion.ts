import { checkOptions } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { noGrad } from '../tensor/context.ts'
import { isDeviceLike } from '../tensor/device.ts'
import type { DType } from '../tensor/dtype.ts'
import { setData } from '../tensor/gradient.ts'
import type { Device, Tensor, ToOptions } from '../tensor/tensor.ts'

/** The dtypes of tensors that `to` converts. */
export const FLOATING = /^(float|bfloat|complex)/
/** The dtypes of tensors that `float`, `double`, … convert. */
export const REAL = /^b?float/

/**
 * The argument of `Module.to` as options.
 *
 * @throws {TorchError} if it is none, or has a dtype that parameters cannot have.
 */
export function conversionOf(target: DType | Device | Pick<ToOptions, 'dtype' | 'device' | 'nonBlocking'>): ToOptions {
  if (typeof target === 'object' && target !== null) {
    checkOptions('to', target, ['dtype', 'device', 'nonBlocking'])
    return requireFloating(target)
  }
  if (typeof target !== 'string')
    throw torchError('ERR_TORCH_TYPE', `Module.to: expected a dtype, a device or options, got ${describe(target)}`)
  return requireFloating(isDeviceLike(target) ? { device: target as Device } : { dtype: target as DType })
}

function requireFloating(options: ToOptions): ToOptions {
  if (options.dtype !== undefined && !FLOATING.test(options.dtype)) {
    throw torchError(
      'ERR_TORCH_TYPE',
      `nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.${options.dtype}`,
    )
  }
  return options
}

function converted(tensor: Tensor, { dtype, ...rest }: ToOptions, floating: RegExp): Tensor {
  return tensor.to({ ...rest, ...(dtype !== undefined && floating.test(tensor.dtype) ? { dtype } : {}) })
}

function convert(tensor: Tensor, options: ToOptions, floating: RegExp): void {
  const other = converted(tensor, options, floating)
  setData(tensor, other)
  other.dispose()
}

/**
 * Converts tensors and their gradients in place: those whose dtype matches `floating` get the dtype of the options, all of
 * them the device.
 */
export function convertAll(tensors: readonly Tensor[], options: ToOptions, floating: RegExp): void {
  noGrad(() => {
    for (const tensor of tensors) {
      convert(tensor, options, floating)
      const gradient = tensor.grad
      if (gradient === null) continue
      tensor.grad = null
      tensor.grad = converted(gradient, options, floating)
    }
  })
}
