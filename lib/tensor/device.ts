import { invalid, requireInteger, requireNone, requireString } from '../check.ts'
import { torchError } from '../errors.ts'
import type { DType } from './dtype.ts'

/**
 * The supported device types. To add one: a row here, and one in the same place of `kDeviceTypes` in
 * `native/runtime/mode.h`.
 */
const DEVICES = {
  cpu: { indexed: false, autocastDType: 'bfloat16' },
  cuda: { indexed: true, autocastDType: 'float16' },
} as const satisfies Record<string, { /** Whether there may be several. */ indexed: boolean; autocastDType: DType }>

/** The hardware type of a {@link Device}. */
export type DeviceType = keyof typeof DEVICES

/** The device of a tensor: `'cpu'`, `'cuda'` (the current CUDA device) or one such as `'cuda:1'`. */
export type Device =
  | DeviceType
  | `${{ [T in DeviceType]: (typeof DEVICES)[T]['indexed'] extends true ? T : never }[DeviceType]}:${number}`

export const DEVICE_TYPES = Object.keys(DEVICES) as DeviceType[]

/** The dtype that autocast uses for a device type by default. */
export const autocastDTypeOf = (type: DeviceType): DType => DEVICES[type].autocastDType

/** A value for each device type. */
export function perDeviceType<T>(make: (type: DeviceType) => T): Record<DeviceType, T> {
  return Object.fromEntries(DEVICE_TYPES.map((type) => [type, make(type)])) as Record<DeviceType, T>
}

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
  if (type === undefined || (index !== undefined && !DEVICES[type].indexed)) return undefined
  return { type, index: index === undefined ? undefined : Number(index) }
}

/** The type of a device. */
export function deviceTypeOf(device: Device): DeviceType {
  return (parseDevice(device) as Parts).type
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
  return `Expected one of ${DEVICE_TYPES.join(', ')} device type at start of device string: ${kind}${hint}`
}

/**
 * Checks the name of a device, and returns it: PyTorch's `torch.device`. Does not check whether the machine has the
 * device; using it does.
 *
 * @example torch.device('cuda:1'); torch.device('cuda', 1); torch.device('cpu')
 * @throws {TorchError} `ERR_TORCH_DEVICE` if the text is not a device name.
 */
export function device(type: string, index?: number, ...none: undefined[]): Device {
  requireNone('device', none)
  requireString('device', 'type', type)
  const [, kind = '', given] = /^([^:]*)(?::(.*))?$/s.exec(type) ?? []
  const known = DEVICE_TYPES.find((name) => name === kind)
  if (known === undefined) {
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
  const number = given ?? index
  return (number === undefined || !DEVICES[known].indexed ? known : `${known}:${Number(number)}`) as Device
}
