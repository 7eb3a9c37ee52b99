import { currentDevice, deviceCount, isAvailable, why } from '../cuda/index.ts'
import { torchError } from '../errors.ts'
import type { Module } from '../nn/module.ts'
import { native } from '../tensor/binding.ts'
import { parseDevice, requireDevice } from '../tensor/device.ts'
import type { Device, Tensor } from '../tensor/tensor.ts'

/** @throws {TorchError} unless `device` is a device that this machine has. */
export function requireUsable(device: unknown): asserts device is Device {
  requireDevice('Trainer', device)
  if (device === 'cpu') return
  if (!isAvailable()) throw torchError('ERR_TORCH_DEVICE', `Trainer: device '${device}' cannot be used: ${why()}`)
  if (indexOf(device) < deviceCount()) return
  throw torchError(
    'ERR_TORCH_DEVICE',
    `Trainer: there is no device '${device}'; the number of CUDA devices is ${deviceCount()}`,
  )
}

function indexOf(device: Device): number {
  return parseDevice(device)?.index ?? currentDevice()
}

function* tensorsOf(module: Module): Generator<Tensor> {
  yield* module.parameters()
  yield* module.buffers()
}

/** The device of a model: that of its first parameter or buffer. */
export function deviceOf(model: Module): Device {
  for (const tensor of tensorsOf(model)) return tensor.device
  return 'cpu'
}

/** Moves modules to a device, unless they are already there. Returns the device with its index. */
export function place(modules: readonly Module[], device: Device): Device {
  const target: Device = device === 'cpu' ? device : `cuda:${indexOf(device)}`
  for (const module of modules) {
    if ([...tensorsOf(module)].some((tensor) => tensor.device !== target)) module.to({ device: target })
  }
  return target
}

/** Runs the synchronous `fn` with `device` as the current one, to which events and graphs belong. */
export function onDevice<T>(device: Device, fn: () => T): T {
  if (device === 'cpu') return fn()
  const before = native.cudaDevice()
  native.setCudaDevice(indexOf(device))
  try {
    return fn()
  } finally {
    native.setCudaDevice(before)
  }
}
