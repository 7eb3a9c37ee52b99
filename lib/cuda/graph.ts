import { checkOptions, invalid, requireFunction } from '../check.ts'
import { torchError } from '../errors.ts'
import type { GraphHandle } from '../native/addon.ts'
import { whyNotConnected } from '../native/cuda.ts'
import { opaque } from '../opaque.ts'
import { native } from '../tensor/binding.ts'
import { enter, isPromise, offload } from '../tensor/context.ts'
import { requireCudaAddon, why } from './device.ts'

export interface CaptureOptions {
  /**
   * A captured graph whose memory this one works in too. The two must then be replayed in the order in which they were
   * captured, one at a time, and what one of them computed is gone when the other has been replayed.
   */
  pool?: CUDAGraph
}

/**
 * Work of a CUDA device that is captured once and then launched as a whole: PyTorch's `torch.cuda.CUDAGraph`. Where
 * kernels are small, launching them one by one takes longer than they do.
 *
 * A graph repeats the kernels with the addresses that they were captured with: write new inputs into the same tensors
 * (`copy_`), and read the results from the tensors that `capture` gave. Numbers of JavaScript, such as a learning rate,
 * shapes, and the branches taken are those of the capture. Dropout draws anew with each replay.
 *
 * Run `fn` a few times in `torch.offload` before it is captured: what libraries set up at a thread's first call cannot be
 * captured. Let go of the losses of those runs, whose graphs of autograd belong to another stream.
 *
 * @example
 * const graph = new torch.cuda.CUDAGraph()
 * await torch.offload(() => torch.tidy(() => void model.forward(x)))
 * const y = await graph.capture(() => torch.noGrad(() => model.forward(x)))
 * for (const batch of batches) {
 *   x.copy_(batch)
 *   graph.replay()
 *   console.log(y)
 * }
 * @throws {TorchError} `ERR_TORCH_DEVICE` where CUDA cannot be used, `ERR_TORCH_NOT_IMPLEMENTED` where this library was
 *   built without CUDA's headers.
 * @see https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
 */
export class CUDAGraph {
  /** @internal */
  readonly toJSON: () => never = opaque('CUDAGraph', 'it belongs to this process')
  readonly #handle: GraphHandle

  constructor() {
    requireCudaAddon('CUDAGraph')
    this.#handle = native.cudaGraph()
  }

  /** Why there are no CUDA graphs here, or `null` where there are. */
  static why(): string | null {
    return why() ?? whyNotConnected()
  }

  /**
   * Captures what the synchronous function `fn` gives the current device, on a stream of its own, instead of running it.
   * Resolves with the result of `fn`, whose tensors keep their memory in the graph and have values after the first
   * {@link replay}. As with `offload`, operations are queued for a thread of their own; what else this thread computes
   * waits until they are captured.
   *
   * Tensors that `fn` only uses must live as long as the graph. Those that it made and does not return are gone.
   *
   * @throws {TorchError} (rejects) where an operation fails or cannot be captured, such as reading a value of the
   *   device or copying to it from memory that is not pinned. The graph is then as it was before.
   */
  async capture<T>(fn: () => T, options: CaptureOptions = {}): Promise<T> {
    requireFunction('capture', 'fn', fn)
    checkOptions('capture', options, ['pool'])
    const { pool } = options
    if (pool !== undefined && !(pool instanceof CUDAGraph)) {
      throw invalid('capture', 'pool', 'a CUDAGraph', pool)
    }
    return offload(() => {
      enter()
      native.beginGraph(this.#handle, pool === undefined ? null : pool.#handle)
      let failed = true
      try {
        const result = fn()
        if (isPromise(result)) {
          result.then(undefined, () => {})
          throw torchError('ERR_TORCH_TYPE', 'capture: fn must be synchronous, but it returned a Promise')
        }
        failed = false
        return result
      } finally {
        native.endGraph(this.#handle, failed)
      }
    })
  }

  /**
   * Launches the graph on the current stream of the device it was captured on. Within `offload` it is queued.
   * @throws {TorchError} where nothing has been captured.
   */
  replay(): void {
    enter()
    native.replayGraph(this.#handle)
  }

  /**
   * Drops what was captured, after which the graph can capture anew. Memory goes back where no tensor is in it and no
   * other graph shares it. Within `offload` it is queued.
   */
  reset(): void {
    native.resetGraph(this.#handle)
  }
}
