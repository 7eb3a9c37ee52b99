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

/** @internal Throws within {@link captured}: a replay would not repeat `what`, for the reason `why`. */
export function refuseCaptured(what: string, why = 'its lengths are read by the CPU'): void {
  if (!capturing) return
  throw torchError('ERR_TORCH_RUNTIME', `${what} cannot be captured in a CUDA graph: ${why}`)
}
