import { native } from './binding.ts'

const warned = new Set<string>()

/** @internal A warning of Node's: each message once, since what warns is often done at each step. */
export function warnOnce(message: string): void {
  if (warned.has(message)) return
  warned.add(message)
  process.emitWarning(message)
}

// What LibTorch warns of, also on the thread of `offload`.
native.onWarning(warnOnce)
