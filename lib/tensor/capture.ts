import { torchError } from '../errors.ts'

let capturing = false

/**
 * @internal Runs `fn` while its operations are captured for replay. Operations that could not be replayed correctly are
 * refused.
 */
export function captured<T>(fn: () => T): T {
  const outer = capturing
  capturing = true
  try {
    return fn()
  } finally {
    capturing = outer
  }
}

/** @internal Throws within {@link captured}: `what` depends on CPU values, which a replay does not read again. */
export function refuseCaptured(what: string, reason: string): void {
  if (!capturing) return
  throw torchError('ERR_TORCH_RUNTIME', `${what} cannot be captured in a CUDA graph: ${reason}`)
}
