import { invalid, requireNone } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { CudaProperties } from '../native/addon.ts'
import { whyNotConnected } from '../native/cuda.ts'
import { WITHOUT_CUDA } from '../native/libtorch.ts'
import { native } from '../tensor/binding.ts'
import { atOnce, enter, offload } from '../tensor/context.ts'
import { ones } from '../tensor/creation.ts'
import { parseDevice } from '../tensor/device.ts'
import { narrowed, setState } from '../tensor/generator.ts'
import { seeded } from '../tensor/seed.ts'
import { type Device, type Tensor, wrap } from '../tensor/tensor.ts'

/** A CUDA device: a name such as `'cuda:1'`, an index, or `'cuda'` for the current one. */
export type CudaDevice = Device | number

type State = ReturnType<typeof native.cudaState>

let known: State | undefined

/** Cached: LibTorch counts the devices only once per process. */
function state(): State {
  known ??= native.cudaState()
  return known
}

/** Whether LibTorch can use a CUDA device; if not, {@link why} gives the reason. */
export function isAvailable(): boolean {
  return state().devices > 0
}

/** Why CUDA cannot be used, and what to do about it; `null` if it can. */
export function why(): string | null {
  const { built, devices, problem } = state()
  if (devices > 0) return null
  if (!built) return WITHOUT_CUDA
  const hidden = process.env.CUDA_VISIBLE_DEVICES
  const said = problem ?? 'No CUDA GPUs are available'
  if (hidden === undefined || !/No CUDA GPUs|no CUDA-capable device/.test(said)) return said
  return `${said}: the environment variable CUDA_VISIBLE_DEVICES, which names those to use, is '${hidden}'`
}

/** The number of CUDA devices; 0 if CUDA cannot be used. */
export function deviceCount(): number {
  return state().devices
}

/** @internal Throws if CUDA cannot be used. */
export function requireCuda(op: string): void {
  const reason = why()
  if (reason !== null) throw torchError('ERR_TORCH_DEVICE', `${op}: ${reason}`, { op })
}

/** @internal The index of a device, by default the current one. Throws if CUDA does not have it. */
export function indexOf(op: string, device: CudaDevice | undefined): number {
  requireCuda(op)
  const index = device === undefined || device === 'cuda' ? native.cudaDevice() : numberOf(op, device)
  if (index < deviceCount()) return index
  const count = deviceCount() === 1 ? 'there is 1 CUDA device' : `there are ${deviceCount()} CUDA devices`
  throw torchError('ERR_TORCH_DEVICE', `${op}: invalid device ${describe(device)}: ${count}`, { op })
}

function numberOf(op: string, device: CudaDevice): number {
  const parts = parseDevice(device)
  if (parts?.type === 'cuda' && parts.index !== undefined) return parts.index
  if (typeof device === 'number' && Number.isSafeInteger(device) && device >= 0) return device
  throw invalid(op, 'device', "'cuda', one such as 'cuda:1', or its number", device, 'ERR_TORCH_DEVICE')
}

/** @internal Throws if CUDA, or the addon for CUDA's own classes, cannot be used. */
export function requireCudaAddon(op: string): void {
  requireCuda(op)
  const reason = whyNotConnected()
  if (reason !== null) throw torchError('ERR_TORCH_NOT_IMPLEMENTED', `${op}: ${reason}`, { op })
}

function propertiesOf(op: string, device: CudaDevice | undefined): CudaProperties {
  const index = indexOf(op, device)
  requireCudaAddon(op)
  return native.cudaProperties(index)
}

/**
 * The properties of a device (default: the current one).
 *
 * @throws {TorchError} `ERR_TORCH_NOT_IMPLEMENTED` if this library was built without CUDA's headers.
 */
export function getDeviceProperties(device?: CudaDevice): CudaProperties {
  return propertiesOf('getDeviceProperties', device)
}

/** The name of a device, such as `NVIDIA H100 80GB HBM3`; see {@link getDeviceProperties}. */
export function getDeviceName(device?: CudaDevice): string {
  return propertiesOf('getDeviceName', device).name
}

/** The compute capability of a device, such as `[9, 0]`; see {@link getDeviceProperties}. */
export function getDeviceCapability(device?: CudaDevice): [major: number, minor: number] {
  const { major, minor } = propertiesOf('getDeviceCapability', device)
  return [major, minor]
}

/** The index of the current device, which `'cuda'` refers to. */
export function currentDevice(): number {
  requireCuda('currentDevice')
  return native.cudaDevice()
}

/**
 * Sets {@link currentDevice} for this JavaScript thread, including operations that it queues with `offload` from now
 * on.
 */
export function setDevice(device: CudaDevice): void {
  native.setCudaDevice(indexOf('setDevice', device))
}

/**
 * Resolves when the device has finished all queued work, including work from `offload`. Does not block the event loop.
 *
 * @param device Default: the current one.
 */
export async function synchronize(device?: CudaDevice): Promise<void> {
  const index = indexOf('synchronize', device)
  await offload(() => {})
  await native.cudaSynchronize(index, false)
}

/** {@link synchronize}, blocking. */
export function synchronizeSync(device?: CudaDevice): void {
  native.cudaSynchronize(indexOf('synchronizeSync', device), true)
}

/** Seeds the random numbers of the current device. Does nothing if CUDA cannot be used. */
export function manualSeed(seed: number | bigint): void {
  if (isAvailable()) seedDevice(native.cudaDevice(), seed)
}

/** Seeds the random numbers of all devices. Does nothing if CUDA cannot be used. */
export function manualSeedAll(seed: number | bigint): void {
  for (let device = 0; device < deviceCount(); device++) seedDevice(device, seed)
}

function seedDevice(device: number, seed: number | bigint): void {
  seeded(() => native.seedGenerator(native.cudaGenerator(device), seed))
}

/** The state of the random numbers of a device (default: the current one): bytes (uint8) in PyTorch's format. */
export function getRngState(device?: CudaDevice): Tensor {
  const generator = native.cudaGenerator(indexOf('getRngState', device))
  const scope = enter()
  return wrap(native.generatorState(generator), scope)
}

/**
 * Restores a state returned by {@link getRngState}.
 * @throws {TorchError} if `state` is not such a state.
 */
export function setRngState(state: Tensor, device?: CudaDevice, ...none: undefined[]): void {
  requireNone('setRngState', none)
  const generator = native.cudaGenerator(indexOf('setRngState', device))
  seeded(() => setState('setRngState', generator, state))
}

/** The seed of the current device's random numbers, as a bigint if it exceeds 2^53 - 1. */
export function initialSeed(): number | bigint {
  return narrowed(native.initialSeed(native.cudaGenerator(indexOf('initialSeed', undefined))))
}

const bfloat16 = new Map<number, boolean>()

/** Whether the current device supports bfloat16, in hardware or by emulation; `false` if CUDA cannot be used. */
export function isBf16Supported(): boolean {
  if (!isAvailable()) return false
  const device = native.cudaDevice()
  let supported = bfloat16.get(device)
  if (supported === undefined) {
    supported = computesBfloat16(`cuda:${device}`)
    bfloat16.set(device, supported)
  }
  return supported
}

function computesBfloat16(device: Device): boolean {
  try {
    atOnce(() => ones([1], { device, dtype: 'bfloat16' }).dispose())
    return true
  } catch {
    return false
  }
}
