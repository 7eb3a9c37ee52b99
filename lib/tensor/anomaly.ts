import { checkOptions, requireBoolean, requireFunction, requireNone } from '../check.ts'
import { native } from './binding.ts'
import { isPromise } from './context.ts'

export interface AnomalyOptions {
  /** Whether NaN gradients throw an error. Default `true`. */
  checkNan?: boolean
}

function read(name: string, options: AnomalyOptions): boolean {
  checkOptions(name, options, ['checkNan'])
  const { checkNan = true } = options
  requireBoolean(name, 'checkNan', checkNan)
  return checkNan
}

/**
 * Runs `fn`, which may be async, and makes every `backward` in it throw as soon as a gradient is NaN. The error names
 * the function that computed the gradient, such as `SqrtBackward0`. If the corresponding forward operation also ran
 * within `fn`, LibTorch prints its stack trace (of machine code addresses) to standard error.
 *
 * This is slow, and applies to the whole process while `fn` runs, including other code that runs at the same time.
 *
 * @example
 * torch.autograd.detectAnomaly(() => model.forward(x).sum().backward())
 * @throws {TorchError} `ERR_TORCH_RUNTIME`: "Function 'SqrtBackward0' returned nan values in its 0th output."
 * @see https://docs.pytorch.org/docs/stable/autograd.html#torch.autograd.detect_anomaly
 */
export function detectAnomaly<T>(fn: () => T, options: AnomalyOptions = {}, ...none: undefined[]): T {
  requireNone('detectAnomaly', none)
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
 * Switches the checks of {@link detectAnomaly} on or off permanently.
 * @see https://docs.pytorch.org/docs/stable/autograd.html#torch.autograd.set_detect_anomaly
 */
export function setDetectAnomaly(mode: boolean, options: AnomalyOptions = {}, ...none: undefined[]): void {
  requireNone('setDetectAnomaly', none)
  requireBoolean('setDetectAnomaly', 'mode', mode)
  native.setAnomalyDetection(mode, read('setDetectAnomaly', options))
}

/** Whether {@link detectAnomaly} or {@link setDetectAnomaly} is active. */
export function isAnomalyEnabled(): boolean {
  return native.anomalyDetection()[0]
}

/** Whether NaN gradients throw an error while {@link isAnomalyEnabled} is true. */
export function isAnomalyCheckNanEnabled(): boolean {
  return native.anomalyDetection()[1]
}
