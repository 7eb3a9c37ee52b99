import { torchError } from '../errors.ts'

let capturing = false

/** @internal Runs `fn`, whose operations are captured to be repeated: what would repeat wrongly is refused. */
export function captured<T>(fn: () => T): T {
  const outer = capturing
  capturing = true
  try {
    return fn()
  } finally {
    capturing = outer
  }
}

/** @internal Throws within {@link captured}: `what` depends on values of the CPU, which a repetition does not read. */
export function refuseCaptured(what: string): void {
  if (!capturing) return
  throw torchError('ERR_TORCH_RUNTIME', `${what} cannot be captured in a CUDA graph: its lengths are read by the CPU`)
}
