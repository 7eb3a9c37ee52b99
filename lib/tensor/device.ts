import { invalid, requireInteger, requireString } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Device } from './tensor.ts'

/** The supported device types. */
export const DEVICE_TYPES = ['cpu', 'cuda'] as const

/** The hardware type of a {@link Device}. */
export type DeviceType = (typeof DEVICE_TYPES)[number]

/** The parts of a {@link Device}. */
interface Parts {
  readonly type: DeviceType
  /** The index of the device; `undefined` for the current one, and for the CPU. */
  readonly index: number | undefined
}

/** The parts of a device name, or `undefined` if `value` is not one. */
export function parseDevice(value: unknown): Parts | undefined {
  const [, name, index] = (typeof value === 'string' && /^([a-z]+)(?::(0|[1-9]\d*))?$/.exec(value)) || []
  const type = DEVICE_TYPES.find((known) => known === name)
  // There is only one CPU device.
  if (type === undefined || (type === 'cpu' && index !== undefined)) return undefined
  return { type, index: index === undefined ? undefined : Number(index) }
}

/** @throws {TorchError} unless `value`, the argument or option `name` of `owner`, names a {@link Device}. */
export function requireDevice(owner: string, value: unknown, name = 'device'): asserts value is Device {
  if (parseDevice(value) !== undefined) return
  const code = typeof value === 'string' ? 'ERR_TORCH_DEVICE' : 'ERR_TORCH_TYPE'
  throw invalid(owner, name, "'cpu', 'cuda' or one such as 'cuda:1'", value, code)
}

/** @throws {TorchError} unless `value` names a CUDA device. */
export function requireCudaDevice(owner: string, value: unknown): void {
  if (parseDevice(value)?.type === 'cuda') return
  throw invalid(owner, 'device', "'cuda' or one such as 'cuda:1'", value, 'ERR_TORCH_DEVICE')
}

/** Whether the text was meant as a device rather than a dtype, including device names of other libraries. */
export function isDeviceLike(text: string): boolean {
  return /^(cpu|cuda|gpu|nvidia|mps|xpu|hip|rocm)/i.test(text)
}

/** PyTorch's error message for an unknown device type, with a hint for those who meant a GPU. */
export function wrongDevice(kind: string): string {
  const hint = /^(gpu|nvidia|cuda|hip|rocm)$/i.test(kind) ? "; did you mean 'cuda'?" : ''
  return `Expected one of cpu, cuda device type at start of device string: ${kind}${hint}`
}

/**
 * Checks the name of a device, and returns it: PyTorch's `torch.device`. Does not check whether the machine has the
 * device; using it does.
 *
 * @example torch.device('cuda:1'); torch.device('cuda', 1); torch.device('cpu')
 * @throws {TorchError} `ERR_TORCH_DEVICE` if the text is not a device name.
 */
export function device(type: string, index?: number): Device {
  requireString('device', 'type', type)
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
    requireInteger('device', 'index', index, 0)
  }
  // There is only one CPU device.
  if (kind === 'cpu') return 'cpu'
  const number = given ?? index
  return number === undefined ? 'cuda' : `cuda:${Number(number)}`
}
