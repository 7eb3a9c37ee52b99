import { checkOptions, requireBoolean, requireChoice, requireFunction } from '../check.ts'
import { isAvailable, isBf16Supported } from '../cuda/device.ts'
import { torchError } from '../errors.ts'
import { native } from '../tensor/binding.ts'
import { type Autocast, currentAutocast, inAutocast } from '../tensor/context.ts'
import { autocastDTypeOf, DEVICE_TYPES, type DeviceType, perDeviceType } from '../tensor/device.ts'
import { type DType, scalarTypeOf } from '../tensor/dtype.ts'

export interface AutocastOptions {
  /** The dtype to compute in. Default: that of the enclosing context, else float16 on CUDA and bfloat16 on the CPU. */
  dtype?: 'float16' | 'bfloat16'
  /** `false` disables autocast inside an enclosing context. Default `true`. */
  enabled?: boolean
  /**
   * Whether casts of parameters are cached until the outermost context ends. Default: as in the enclosing context, else
   * `true`.
   */
  cacheEnabled?: boolean
}

const NONE: Omit<Autocast, 'context'> = {
  casts: perDeviceType((type) => ({ enabled: false, dtype: autocastDTypeOf(type) })),
  cache: true,
}

function requireType(op: string, deviceType: unknown): asserts deviceType is DeviceType {
  requireChoice(op, 'deviceType', deviceType, DEVICE_TYPES)
}

/** Whether autocast is possible with this dtype. Warns when PyTorch does. */
function canCast(deviceType: DeviceType, dtype: DType): boolean {
  if (deviceType === 'cuda' && !isAvailable()) {
    process.emitWarning('CUDA is not available. Disabling autocast.')
    return false
  }
  if (dtype !== 'float16' && dtype !== 'bfloat16') {
    const name = deviceType.toUpperCase()
    process.emitWarning(
      `In ${name} autocast, but the target dtype is not supported. Disabling autocast.\n${name} Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.`,
    )
    return false
  }
  if (deviceType === 'cuda' && dtype === 'bfloat16' && !isBf16Supported()) {
    throw torchError(
      'ERR_TORCH_DTYPE',
      'Current CUDA Device does not support bfloat16. Please switch dtype to float16.',
      { op: 'autocast' },
    )
  }
  return true
}

/**
 * Runs `fn`, which may be async, in mixed precision: operations that benefit run in `dtype`, those that need the
 * precision in float32. PyTorch's `torch.autocast`. Wrap the forward pass and the loss; call `backward()` outside.
 * float16 needs a gradient scaler.
 *
 * Parameters are cast once for the outermost context: do not change them within it.
 *
 * On the CPU, recurrent networks then use LibTorch's kernels instead of this library's fused ones.
 *
 * @example
 * const loss = torch.autocast('cuda', () => criterion.forward(model.forward(x), y), { dtype: 'bfloat16' })
 * loss.backward()
 * @see https://docs.pytorch.org/docs/stable/amp.html
 */
export function autocast<T>(
  deviceType: DeviceType,
  fn: () => T,
  options: AutocastOptions = {},
  ...none: undefined[]
): T {
  requireType('autocast', deviceType)
  requireFunction('autocast', 'fn', fn)
  checkOptions('autocast', options, ['dtype', 'enabled', 'cacheEnabled'], none)
  const outer = currentAutocast()
  const { cache, casts } = outer ?? NONE
  const { dtype = casts[deviceType].dtype, enabled = true, cacheEnabled = cache } = options
  scalarTypeOf(dtype)
  requireBoolean('autocast', 'enabled', enabled)
  requireBoolean('autocast', 'cacheEnabled', cacheEnabled)
  const inner = {
    cache: cacheEnabled,
    casts: { ...casts, [deviceType]: { enabled: enabled && canCast(deviceType, dtype), dtype } },
  }
  if (outer !== undefined) return inAutocast({ ...inner, context: outer.context }, fn, () => {})
  const context = native.openAutocast()
  return inAutocast({ ...inner, context }, fn, () => native.closeAutocast(context))
}

/** Whether autocast is enabled for this device type. */
export function isAutocastEnabled(deviceType: DeviceType): boolean {
  requireType('isAutocastEnabled', deviceType)
  return currentAutocast()?.casts[deviceType].enabled ?? false
}

/** The dtype that {@link autocast} uses for this device type if none is given. */
export function getAutocastDtype(deviceType: DeviceType): DType {
  requireType('getAutocastDtype', deviceType)
  return (currentAutocast() ?? NONE).casts[deviceType].dtype
}
