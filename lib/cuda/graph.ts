import { checkOptions, invalid, requireFunction, requireNone } from '../check.ts'
import { torchError } from '../errors.ts'
import type { GraphHandle } from '../native/addon.ts'
import { whyNotConnected } from '../native/cuda.ts'
import { opaque } from '../opaque.ts'
import { native } from '../tensor/binding.ts'
import { captured } from '../tensor/capture.ts'
import { enter, isPromise, offload } from '../tensor/context.ts'
import { requireCudaAddon, why } from './device.ts'

export interface CaptureOptions {
  /**
   * A captured graph whose memory pool this one shares. The two must then be replayed in the order in which they were
   * captured, one at a time, and replaying one overwrites the results of the other.
   */
  pool?: CUDAGraph
}

/**
 * Work for a CUDA device that is captured once and then launched as a whole: PyTorch's `torch.cuda.CUDAGraph`. This
 * pays off for small kernels, which take longer to launch one by one than to run.
 *
 * A graph replays the kernels with the captured memory addresses: write new inputs into the same tensors (`copy_`), and
 * read the results from the tensors that `capture` returned. JavaScript numbers, such as a learning rate, shapes, and
 * branches taken stay as they were during the capture. Dropout draws new random numbers at each replay.
 *
 * Run `fn` a few times in `torch.offload` before capturing it: the setup that libraries do at a thread's first call
 * cannot be captured. Release the losses of those runs, since their autograd graphs belong to another stream.
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
 * @throws {TorchError} `ERR_TORCH_DEVICE` if CUDA cannot be used, `ERR_TORCH_NOT_IMPLEMENTED` if this library was built
 *   without CUDA's headers.
 * @see https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
 */
export class CUDAGraph {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('CUDAGraph', 'it belongs to this process')
  readonly #handle: GraphHandle

  constructor(...none: undefined[]) {
    requireNone('CUDAGraph', none)
    requireCudaAddon('CUDAGraph')
    this.#handle = native.cudaGraph()
  }

  /** Why CUDA graphs cannot be used, or `null` if they can. */
  static why(): string | null {
    return why() ?? whyNotConnected()
  }

  /**
   * Captures the work that the synchronous function `fn` queues on the current device, on a separate stream, instead of
   * running it. Resolves with the result of `fn`, whose tensors have their memory in the graph and get values with the
   * first {@link replay}. As with `offload`, operations are queued for a background thread; other operations of this
   * thread wait until the capture is done.
   *
   * Tensors that `fn` uses but did not create must live as long as the graph. Tensors that it creates and does not
   * return are disposed.
   *
   * @throws {TorchError} (rejects) if an operation fails or cannot be captured, such as reading a value from the device
   *   or copying to it from memory that is not pinned. The graph is then unchanged.
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
        const result = captured(fn)
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
   * Launches the graph on the current stream of the device it was captured on. Within `offload`, the launch is queued.
   * @throws {TorchError} if nothing has been captured.
   */
  replay(): void {
    enter()
    native.replayGraph(this.#handle)
  }

  /**
   * Discards the capture, so that the graph can capture again. Its memory is freed unless a tensor or another graph
   * still uses it. Within `offload`, the reset is queued.
   */
  reset(): void {
    native.resetGraph(this.#handle)
  }
}
