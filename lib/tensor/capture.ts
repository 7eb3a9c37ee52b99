import { torchError } from '../errors.ts'

let capturing = false

/** @internal Runs `fn`, whose operations are recorded to be repeated: what would repeat wrongly is refused. */
export function recorded<T>(fn: () => T): T {
  const outer = capturing
  capturing = true
  try {
    return fn()
  } finally {
    capturing = outer
  }
}

/** @internal Throws within {@link recorded}: `what` depends on values of the CPU, which a repetition does not read. */
export function refuseRecorded(what: string): void {
  if (!capturing) return
  throw torchError('ERR_TORCH_RUNTIME', `${what} cannot be captured in a CUDA graph: its lengths are read by the CPU`)
}
