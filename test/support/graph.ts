import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import type { Graph } from '../../lib/train/graph.ts'

/**
 * A fake CUDA graph: it keeps the function, and calls it at each replay. Like CUDA's, capturing does not run anything.
 */
export class FakeGraph implements Graph {
  captures = 0
  replays = 0
  resets = 0
  #fn: (() => unknown) | undefined
  #result: Tensor | undefined
  readonly #hasResult: boolean

  constructor(hasResult = false) {
    this.#hasResult = hasResult
  }

  async capture<T>(fn: () => T): Promise<T> {
    this.captures++
    this.#fn = fn
    // A result needs a value. Only functions without side effects have one, so they are run here.
    if (!this.#hasResult) return undefined as T
    const result = await torch.offload(fn)
    this.#result = result as Tensor
    return result
  }

  replay(): void {
    if (this.#fn === undefined) throw new Error('nothing was captured')
    this.replays++
    const again = this.#fn() as Tensor
    if (!this.#hasResult) return
    torch.inferenceMode(() => this.#result?.copy_(again))
    again.dispose()
  }

  reset(): void {
    this.resets++
    this.#fn = undefined
  }
}
