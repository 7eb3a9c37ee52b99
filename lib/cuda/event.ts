import { checkOptions, invalid, requireBoolean, requireNone } from '../check.ts'
import type { CudaEvent } from '../native/addon.ts'
import { opaque } from '../opaque.ts'
import { native } from '../tensor/binding.ts'
import { offload } from '../tensor/context.ts'
import { requireCuda } from './device.ts'

export interface EventOptions {
  /** Whether the event records the time, for {@link Event.elapsedTime}. Default `false`. */
  enableTiming?: boolean
}

/**
 * A marker in the work queued on a CUDA device: PyTorch's `torch.cuda.Event`.
 *
 * @example
 * const [start, end] = [true, true].map((enableTiming) => new torch.cuda.Event({ enableTiming }))
 * start.record()
 * model.forward(x)
 * end.record()
 * await end.synchronize()
 * console.log(start.elapsedTime(end)) // milliseconds on the device
 * @see https://docs.pytorch.org/docs/stable/generated/torch.cuda.Event.html
 * @throws {TorchError} `ERR_TORCH_DEVICE` if CUDA cannot be used.
 */
export class Event {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('Event', 'it belongs to this process')
  readonly #handle: CudaEvent

  constructor(options: EventOptions = {}, ...none: undefined[]) {
    requireNone('Event', none)
    checkOptions('Event', options, ['enableTiming'])
    const { enableTiming = false } = options
    requireBoolean('Event', 'enableTiming', enableTiming)
    requireCuda('Event')
    this.#handle = native.cudaEvent(enableTiming)
  }

  /** Records the event after all work queued on the current device so far. Within `offload`, this is queued, too. */
  record(): void {
    native.cudaRecordEvent(this.#handle)
  }

  /** Whether the device has reached the event; also `true` if the event was never recorded. */
  query(): boolean {
    return native.cudaQueryEvent(this.#handle)
  }

  /** Resolves when the device has reached the event. Does not block the event loop. */
  async synchronize(): Promise<void> {
    await offload(() => {})
    await native.cudaSynchronizeEvent(this.#handle, false)
  }

  /** {@link synchronize}, blocking. */
  synchronizeSync(): void {
    native.cudaSynchronizeEvent(this.#handle, true)
  }

  /**
   * Milliseconds from this event to `end`. Both need `enableTiming` and must have been reached.
   * @throws {TorchError} if either was not recorded, or has not been reached.
   */
  elapsedTime(end: Event): number {
    if (!(end instanceof Event)) {
      throw invalid('elapsedTime', 'end', 'an Event', end)
    }
    return native.cudaElapsedTime(this.#handle, end.#handle)
  }
}
