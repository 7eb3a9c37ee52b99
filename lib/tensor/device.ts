import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { Device } from './tensor.ts'

/** Whether text names a {@link Device}. */
export function isDevice(text: string): text is Device {
  return /^(cpu|cuda(:(0|[1-9]\d*))?)$/.test(text)
}

/** Whether text was meant for a device, and not for a dtype: also of those that other libraries name. */
export function isDeviceLike(text: string): boolean {
  return /^(cpu|cuda|gpu|nvidia|mps|xpu|hip|rocm)/i.test(text)
}

/** PyTorch's words for what names no device, and the name of a GPU for those who look for it. */
export function wrongDevice(kind: string): string {
  const hint = /^(gpu|nvidia|cuda|hip|rocm)$/i.test(kind) ? "; did you mean 'cuda'?" : ''
  return `Expected one of cpu, cuda device type at start of device string: ${kind}${hint}`
}

/**
 * Checks the name of a device, and returns it: PyTorch's `torch.device`. Whether the machine has the device shows when
 * it is used.
 *
 * @example torch.device('cuda:1'); torch.device('cuda', 1); torch.device('cpu')
 * @throws {TorchError} `ERR_TORCH_DEVICE` for text that names none.
 */
export function device(type: string, index?: number): Device {
  if (typeof type !== 'string') {
    throw torchError('ERR_TORCH_TYPE', `device(): argument 'type' must be str, not ${describe(type)}`, { op: 'device' })
  }
  const [, kind = '', given] = /^([^:]*)(?::(.*))?$/s.exec(type) ?? []
  if (kind !== 'cpu' && kind !== 'cuda') {
    throw torchError('ERR_TORCH_DEVICE', wrongDevice(kind), { op: 'device' })
  }
  if (given !== undefined && !/^(0|[1-9]\d{0,2})$/.test(given)) {
    throw torchError('ERR_TORCH_DEVICE', `Invalid device string: '${type}'`, { op: 'device' })
  }
  if (index !== undefined) {
    if (given !== undefined) {
      throw torchError(
        'ERR_TORCH_DEVICE',
        `type (string) must not include an index because index was passed explicitly: ${type}`,
        { op: 'device' },
      )
    }
    if (!Number.isSafeInteger(index)) {
      throw torchError('ERR_TORCH_TYPE', `device(): argument 'index' must be int, not ${describe(index)}`, {
        op: 'device',
      })
    }
    if (index < 0) throw torchError('ERR_TORCH_DEVICE', 'Device index must not be negative', { op: 'device' })
  }
  // There is one CPU.
  if (kind === 'cpu') return 'cpu'
  const number = given ?? index
  return number === undefined ? 'cuda' : `cuda:${Number(number)}`
}
