import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { isDevice } from '../tensor/device.ts'

/** Throws unless the option `device` of the function `call` is one, or left out. */
export function checkDevice(call: string, device: unknown): void {
  if (device === undefined || (typeof device === 'string' && isDevice(device))) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${call}: device must be 'cpu', 'cuda' or one such as 'cuda:1', got ${describe(device)}`,
    { op: call },
  )
}
