import { type Batch, mapBatch, type NamedBatch, namedBatch, tensorsOf } from '../data/batch.ts'
import type { BatchPlan, BatchPlans } from '../data/loader.ts'
import { torchError } from '../errors.ts'
import { isPromise, offload, retain, tidy } from '../tensor/context.ts'
import { tensorOp } from '../tensor/packet.ts'
import { type Device, keep, type Tensor } from '../tensor/tensor.ts'
import type { Source } from './source.ts'
import { Turns } from './turns.ts'

/** The next batch, ready to use. */
export interface Ready {
  readonly plan: BatchPlan
  /** Its tensors; the ones made here belong to the scope of the call. */
  take(): NamedBatch
  /** Frees the tensors that were made ahead. */
  dispose(): void
}

export interface FeedOptions {
  /** The device to move the batches to. Default: they are not moved. */
  device?: Device | undefined
  /** With a device: make each batch before its step, in a separate `offload`. Default `false`: as part of the step. */
  ahead?: boolean
}

const transpose = tensorOp('aten::transpose.int')
/** The parts of a batch that have the layout of the output. */
const TARGETS: readonly string[] = ['target', 'mask', 'weight']
const toDevice = tensorOp('libtorch_rnn::to_device')

/** @internal A tensor on a device; from the CPU to CUDA it is copied through pinned memory. */
export function moved(tensor: Tensor, device: Device): Tensor {
  return toDevice(tensor, device)
}

/** A batch on a device, except its lengths: packing reads them on the CPU. */
export function movedBatch(batch: NamedBatch, device: Device): NamedBatch {
  return mapBatch(batch, (tensor, name) => (name === 'lengths' ? tensor : moved(tensor, device)))
}

/** A batch whose targets (h, N, O), and what counts of them, are (N, h, O). */
function samplesFirst(batch: NamedBatch): NamedBatch {
  if (batch.target.ndim < 3) return batch
  return mapBatch(batch, (tensor, name) =>
    TARGETS.includes(name) && tensor.ndim >= 2 ? transpose(tensor, 0, 1) : tensor,
  )
}

/**
 * The batches of one pass, each on the device of the model. With `ahead`, the next batch is loaded, pinned and sent
 * while the device works on the previous one; there are never more than two.
 */
export class Feed {
  readonly #source: Source
  readonly #plans: BatchPlans
  readonly #device: Device | undefined
  readonly #ahead: boolean
  #coming: Promise<Ready | undefined> | undefined
  #ended = false

  constructor(source: Source, { device, ahead = false }: FeedOptions = {}) {
    this.#source = source
    this.#plans = source.plans()
    this.#device = device
    this.#ahead = ahead && device !== undefined
  }

  /** The next batch, or `undefined` after the last. */
  next(): Promise<Ready | undefined> {
    const coming = this.#coming ?? this.#make()
    this.#coming = undefined
    return coming
  }

  /** Passes over batches without making them. */
  async skip(batches: number): Promise<void> {
    const turns = new Turns()
    for (let i = 0; i < batches; i++) {
      const { done } = await this.#plans.next()
      await turns.next()
      if (!done) continue
      this.#ended = true
      throw torchError(
        'ERR_TORCH_VALUE',
        `resume: the checkpoint was written after ${batches} batches of an epoch, but the data has only ${i}`,
      )
    }
  }

  /** Starts preparing the next batch. Call it when the step of the previous one has been queued. */
  prepare(): void {
    if (!this.#ahead || !this.#source.own || this.#ended) return
    this.#coming ??= this.#make()
    // The error goes to whoever asks for the batch.
    this.#coming.catch(() => {})
  }

  /** Ends the pass early, as leaving a `for await` does. */
  async close(): Promise<void> {
    const coming = await this.#coming?.catch(() => undefined)
    coming?.dispose()
    if (this.#ended) return
    this.#ended = true
    await this.#plans.return?.(undefined)
  }

  async #make(): Promise<Ready | undefined> {
    const result = this.#plans.next()
    // Awaits only if it must: the batch should be queued right behind the running step.
    const { done, value } = isPromise(result) ? await result : result
    if (done) {
      this.#ended = true
      return undefined
    }
    if (!value.queueable) return this.#called(value)
    const load = (): NamedBatch => this.#moved(value.load() as Batch)
    if (!this.#ahead) return { plan: value, take: load, dispose: () => {} }
    return this.#sent(value, load)
  }

  /** A batch made by the user's code, which may be async and must not be queued, because it may read values. */
  async #called(plan: BatchPlan): Promise<Ready> {
    const { result, release } = retain(() => plan.load())
    try {
      const batch = isPromise(result) ? await result : result
      const take = (): NamedBatch => this.#moved(batch)
      if (!this.#ahead) return { plan, take, dispose: release }
      const ready = await this.#sent(plan, take)
      release()
      return ready
    } catch (error) {
      release()
      throw error
    }
  }

  /** A batch made ahead of its step. */
  async #sent(plan: BatchPlan, make: () => NamedBatch): Promise<Ready> {
    const batch = await offload(() => tidy(() => mapBatch(make(), keep)))
    const dispose = (): void => {
      for (const tensor of tensorsOf(batch)) tensor.dispose()
    }
    return { plan, take: () => batch, dispose }
  }

  #moved(batch: Batch): NamedBatch {
    const named = this.#source.samplesFirst === true ? samplesFirst(namedBatch(batch)) : namedBatch(batch)
    return this.#device === undefined ? named : movedBatch(named, this.#device)
  }
}
