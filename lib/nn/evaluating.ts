import type { Module } from './module.ts'

/** @internal Runs `fn` with all modules in evaluation mode, and restores the mode of each. */
export function evaluating<T>(model: Module, fn: () => T): T {
  const modules = [...model.modules()].map((module) => [module, module.training] as const)
  model.eval()
  try {
    return fn()
  } finally {
    for (const [module, training] of modules) module.training = training
  }
}
