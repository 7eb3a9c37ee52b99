import type { Module } from '../nn/module.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** How many versions have each tensor. */
const holders = new WeakMap<Tensor, number>()

/**
 * Notes that a version has the tensors of a module, which belongs to its server. Models that a function makes may share
 * them, also with those of another server.
 *
 * @returns ends this: disposes those that no other version has. Until then they are not kept: what the native engine has
 *   copied may be collected
 */
export function hold(module: Module): () => void {
  const tensors = [...new Set<Tensor>([...module.parameters(), ...module.buffers()])]
  for (const tensor of tensors) holders.set(tensor, (holders.get(tensor) ?? 0) + 1)
  const held = tensors.map((tensor) => new WeakRef(tensor))
  return () => {
    for (const reference of held.splice(0)) {
      const tensor = reference.deref()
      if (tensor === undefined) continue
      const others = (holders.get(tensor) as number) - 1
      holders.set(tensor, others)
      if (others === 0) tensor.dispose()
    }
  }
}
