import { checkOptions, requireBoolean, requireFunction } from '../check.ts'
import { native } from './binding.ts'
import { isPromise } from './context.ts'

export interface AnomalyOptions {
  /** Whether a gradient that is NaN is an error. Default `true`. */
  checkNan?: boolean
}

function read(name: string, options: AnomalyOptions): boolean {
  checkOptions(name, options, ['checkNan'])
  const { checkNan = true } = options
  requireBoolean(name, 'checkNan', checkNan)
  return checkNan
}

/**
 * Runs `fn`, which may be async, and makes each `backward` in it throw where it computes a gradient that is NaN: the error
 * names the function that computed it, such as `SqrtBackward0`. For what was computed forward within `fn`, LibTorch also writes
 * to standard error where that was called, in addresses of machine code.
 *
 * It is slow, and holds for the whole process while `fn` runs: for what runs at the same time as well.
 *
 * @example
 * torch.autograd.detectAnomaly(() => model.forward(x).sum().backward())
 * @throws {TorchError} `ERR_TORCH_RUNTIME`: "Function 'SqrtBackward0' returned nan values in its 0th output."
 * @see https://docs.pytorch.org/docs/stable/autograd.html#torch.autograd.detect_anomaly
 */
export function detectAnomaly<T>(fn: () => T, options: AnomalyOptions = {}): T {
  requireFunction('detectAnomaly', 'fn', fn)
  const checkNan = read('detectAnomaly', options)
  const before = native.anomalyDetection()
  const restore = (): void => native.setAnomalyDetection(...before)
  native.setAnomalyDetection(true, checkNan)
  let result: T
  try {
    result = fn()
  } catch (error) {
    restore()
    throw error
  }
  if (!isPromise(result)) {
    restore()
    return result
  }
  return Promise.resolve(result).finally(restore) as T
}

/**
 * Switches on or off what {@link detectAnomaly} does, until it is switched again.
 * @see https://docs.pytorch.org/docs/stable/autograd.html#torch.autograd.set_detect_anomaly
 */
export function setDetectAnomaly(mode: boolean, options: AnomalyOptions = {}): void {
  requireBoolean('setDetectAnomaly', 'mode', mode)
  native.setAnomalyDetection(mode, read('setDetectAnomaly', options))
}

/** Whether {@link detectAnomaly} or {@link setDetectAnomaly} is in force. */
export function isAnomalyEnabled(): boolean {
  return native.anomalyDetection()[0]
}

/** Whether a gradient that is NaN is an error where {@link isAnomalyEnabled} is true. */
export function isAnomalyCheckNanEnabled(): boolean {
  return native.anomalyDetection()[1]
}
