import { dispose } from '../dispose.ts'
import { torchError } from '../errors.ts'
import type { LearningRates } from '../optim/rates.ts'
import { offload, tidy } from '../tensor/context.ts'
import { zeros } from '../tensor/creation.ts'
import { type Device, keep, type Tensor } from '../tensor/tensor.ts'
import { Feed, type Ready } from './feed.ts'
import type { Graphs } from './graph.ts'
import { Pace } from './pace.ts'
import { onDevice } from './placement.ts'
import type { Source } from './source.ts'

export interface RunnerOptions {
  /** Where the model is. */
  device: Device
  /** Whether batches have to be brought there. */
  moves: boolean
  /** The loss of a batch, with which it may also change the weights. Everything is queued. */
  step(batch: readonly Tensor[], rates: readonly Tensor[] | undefined): Tensor
  /** Graphs to run steps by; `makeGraphs` is given how to queue one. */
  makeGraphs?: ((queue: <T>(fn: () => T) => Promise<T>) => Graphs) | undefined
  /** What a graph of a step depends on besides its batch. */
  signature(): string
  /** The learning rates that a graph is to read. */
  rates?: LearningRates | undefined
}

/** Takes a step with each batch of a pass, and adds up the losses where they are: nothing waits for a value. */
export class Runner implements Disposable {
  readonly #options: RunnerOptions
  readonly #total: Tensor
  readonly #pace: Pace
  readonly #graphs: Graphs | undefined

  constructor(options: RunnerOptions) {
    this.#options = options
    const { device, makeGraphs } = options
    this.#total = keep(zeros([], { dtype: 'float64', device }))
    this.#pace = onDevice(device, () => new Pace(device))
    this.#graphs = makeGraphs?.((fn) => this.#queue(fn))
  }

  /** The mean loss over all samples. `begin` is called before each step, and can end the pass by throwing. */
  async mean(source: Source, begin: () => void): Promise<number> {
    const { device, moves } = this.#options
    const ahead = device !== 'cpu' || this.#graphs !== undefined
    const feed = new Feed(source, { device: moves || ahead ? device : undefined, ahead })
    try {
      const samples = await this.#pass(feed, begin)
      if (samples === 0) throw torchError('ERR_TORCH_VALUE', 'Trainer: the data has no batches')
      // Read on the lane, which waits for the device.
      const total = await offload(() => this.#total.to('cpu'))
      const loss = total.item<number>() / samples
      total.dispose()
      return loss
    } catch (error) {
      // What went wrong first counts.
      await feed.close().catch(() => {})
      throw error
    }
  }

  async #pass(feed: Feed, begin: () => void): Promise<number> {
    let samples = 0
    await offload(() => void this.#total.zero_())
    for (let ready = await feed.next(); ready !== undefined; ready = await feed.next()) {
      try {
        begin()
        const running = this.#run(ready)
        feed.prepare()
        await running
        await this.#pace.wait()
      } finally {
        ready.dispose()
      }
      samples += ready.size
    }
    return samples
  }

  #run({ size, take }: Ready): Promise<void> {
    const { step, signature, rates } = this.#options
    const work = (batch: readonly Tensor[], tensors?: readonly Tensor[]): void =>
      void this.#total.add_(step(batch, tensors), { alpha: size })
    if (this.#graphs === undefined) return this.#queue(() => work(take()))
    return this.#graphs.run(take(), {
      run: (batch) => work(batch, rates?.tensors),
      signature: signature(),
      variant: size,
    })
  }

  #queue<T>(fn: () => T): Promise<T> {
    const { device, rates } = this.#options
    return onDevice(device, () =>
      offload(() =>
        tidy(() => {
          if (this.#graphs !== undefined) rates?.refresh()
          const result = fn()
          this.#pace.mark()
          return result
        }),
      ),
    )
  }

  dispose(): void {
    this.#graphs?.dispose()
    this.#options.rates?.dispose()
    this.#total.dispose()
  }

  [dispose](): void {
    this.dispose()
  }
}
