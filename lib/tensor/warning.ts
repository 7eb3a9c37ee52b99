import { native } from './binding.ts'

const warned = new Set<string>()

/** @internal Emits a Node.js warning, each message only once, since the same operation often warns at each step. */
export function warnOnce(message: string): void {
  if (warned.has(message)) return
  warned.add(message)
  process.emitWarning(message)
}

// Receives LibTorch's warnings, including those from the thread of `offload`.
native.onWarning(warnOnce)
