import { mapBatch, type NamedBatch, tensorsOf } from '../data/batch.ts'
import type { BatchPlan } from '../data/loader.ts'
import { dispose } from '../dispose.ts'
import { torchError } from '../errors.ts'
import type { Metric } from '../metrics/metric.ts'
import type { LearningRates } from '../optim/rates.ts'
import { isPromise, offload, tidy } from '../tensor/context.ts'
import { zeros } from '../tensor/creation.ts'
import { type Device, isTensor, keep, type Tensor } from '../tensor/tensor.ts'
import { type NonFinite, refusedLoss } from './divergence.ts'
import { Feed, type Ready } from './feed.ts'
import type { Graphs } from './graph.ts'
import { Inspection, read } from './inspection.ts'
import { type Convert, convertedOf, type Extra, measure, resultsOf } from './measurement.ts'
import { Pace } from './pace.ts'
import type { Pass, PassOptions, PassResult, PassState } from './pass.ts'
import { onDevice } from './placement.ts'
import type { Source } from './source.ts'
import type { Outcome } from './step.ts'
import { Turns } from './turns.ts'
import { inUnits, updateOptions } from './units.ts'

export interface RunnerOptions {
  /** The device of the model. */
  device: Device
  /** Whether batches have to be moved there. */
  moves: boolean
  /** Computes the loss of a batch, and may update the weights with it. Everything is queued. */
  step(batch: NamedBatch, rates: readonly Tensor[] | undefined): Outcome
  /** What to measure at each step. */
  metrics: readonly Metric<unknown>[]
  /** Whether their results may be tensors, which then become nested arrays. */
  arrays?: boolean
  /** Whether metrics of windows are in the units of the data. */
  inUnits: boolean
  /** Makes graphs to run steps with; its argument queues work. */
  makeGraphs?: ((queue: <T>(fn: () => T) => Promise<T>) => Graphs) | undefined
  /** What a graph of a step depends on besides its batch. */
  signature(): string
  /** @internal The learning rates for a graph to read. */
  rates?: LearningRates | undefined
  /** What to do about a non-finite loss. */
  nonFinite: NonFinite
  /**
   * Whether losses can be checked after each step. With `'throw'`, `step` then fails by itself if one is not finite.
   */
  exact: boolean
  /** The origin of a non-finite loss. `late`: the weights have changed since. */
  cause(plan: BatchPlan, late: boolean): Promise<string>
  /** An error of a step, with an explanation. */
  explained(error: unknown): unknown
}

/** The most steps that are queued at a time on the CPU, so that none has to wait for the event loop. */
const QUEUED = 4

/** A step that has been queued. */
interface Queued {
  readonly step: number
  readonly ready: Ready
  readonly running: Promise<void>
}

/** Runs a step for each batch of a pass, and sums the losses on their device: nothing waits for a value. */
export class Runner implements Disposable {
  readonly #options: RunnerOptions
  // The sum of the losses of all targets, and the number of those targets: what is not known in advance, and what is.
  readonly #total: Tensor
  readonly #count: Tensor
  #known = 0
  readonly #inspection: Inspection
  readonly #pace: Pace
  readonly #graphs: Graphs | undefined
  /** Whether steps may be queued before others have run. */
  readonly #ahead: boolean
  // A result of the last step: a step that begins by reading it is skipped if that one failed, or was itself skipped.
  #last: Tensor | undefined
  // Whether a step could not be queued as a whole.
  #broken = false

  constructor(options: RunnerOptions) {
    this.#options = options
    const { device, makeGraphs } = options
    this.#total = keep(zeros([], { dtype: 'float64', device }))
    this.#count = keep(zeros([], { dtype: 'float64', device }))
    this.#inspection = new Inspection(this.#total, options)
    this.#pace = onDevice(device, () => new Pace(device))
    this.#graphs = makeGraphs?.((fn) => this.#queue(fn))
    // A warning looks at the sum of losses between two steps.
    this.#ahead = device === 'cpu' && this.#graphs === undefined && !this.#inspection.isBetween
  }

  /** Runs a step for each batch. */
  async pass(source: Source, options: PassOptions): Promise<PassResult> {
    const { device, moves, metrics, inUnits, arrays = false } = this.#options
    const ahead = device !== 'cpu' || this.#graphs !== undefined
    const feed = new Feed(source, { device: moves || ahead ? device : undefined, ahead })
    const converted = convertedOf(source, { metrics, inUnits, captures: this.#graphs !== undefined })
    const pass: Pass = {
      ...options,
      windows: source.windows,
      converted,
      steps: source.length,
      step: 0,
      isLeft: false,
      recent: [],
      inspected: performance.now(),
    }
    // What has not settled before will not settle now.
    const close = async (): Promise<void> => {
      const closing = feed.close()
      if (pass.isLeft) closing.catch(() => {})
      else await closing
    }
    try {
      await this.#start(feed, pass)
      await this.#run(feed, pass, source.own)
      await close()
      if (pass.isLeft && pass.step === 0) return { loss: Number.NaN, metrics: {}, isWhole: false }
      if (pass.step === 0) throw torchError('ERR_TORCH_VALUE', 'Trainer: the data has no batches')
      const total = await this.#inspection.inspect(pass)
      const count = await this.#counted()
      if (count === 0) {
        throw torchError('ERR_TORCH_VALUE', `Trainer: ${pass.name}: no target counts: masks and weights leave out all`)
      }
      return { loss: total / count, metrics: await resultsOf(metrics, arrays), isWhole: !pass.isLeft }
    } catch (error) {
      // The first error counts.
      await close().catch(() => {})
      throw error
    } finally {
      this.#last?.dispose()
      this.#last = undefined
      this.#broken = false
    }
  }

  /** What a checkpoint within a pass needs. All steps so far must have run. */
  stateDict(): PassState {
    const metrics = this.#options.metrics.map((metric): [string, Record<string, Tensor>] => [
      metric.name,
      metric.stateDict(),
    ])
    return { total: this.#total, count: this.#count.add(this.#known), metrics: Object.fromEntries(metrics) }
  }

  async #start(feed: Feed, pass: Pass): Promise<void> {
    const { metrics } = this.#options
    this.#known = 0
    await offload(() => {
      this.#total.zero_()
      this.#count.zero_()
      this.#inspection.begin()
      for (const metric of metrics) metric.reset()
    })
    if (pass.resumed === undefined) return
    const { steps, state, ready } = pass.resumed
    this.#total.copy_(state.total)
    this.#count.copy_(state.count)
    for (const metric of metrics) metric.loadStateDict(state.metrics[metric.name] ?? {})
    await feed.skip(steps)
    pass.step = steps
    ready()
  }

  /** The mean loss so far. All steps so far must have run. */
  async meanLoss(): Promise<number> {
    return (await read(this.#total)) / (await this.#counted())
  }

  /** The number of targets so far. */
  async #counted(): Promise<number> {
    return this.#known + (await read(this.#count))
  }

  async #run(feed: Feed, pass: Pass, own: boolean): Promise<void> {
    const queued: Queued[] = []
    const wait = async (most: number): Promise<void> => {
      for (let next = queued[0]; next !== undefined && queued.length > most; next = queued[0]) {
        await this.#finish(next, pass, own)
        queued.shift()
      }
    }
    const settled = (): Promise<void> => wait(0)
    const turns = new Turns()
    try {
      for (let ready = await next(feed, pass); ready !== undefined; ready = await next(feed, pass)) {
        const waiting = pass.begin?.()
        if (isPromise(waiting)) await waiting
        const running = this.#take(ready, pass)
        // The error is that of the first one.
        running.catch(() => {})
        queued.push({ step: ++pass.step, ready, running })
        feed.prepare()
        // The user's own code must not run beside a step.
        const isAhead = this.#ahead && own && ready.plan.queueable && !this.#broken
        await wait(isAhead ? QUEUED - 1 : 0)
        await turns.next()
        const ending = pass.end?.(pass.step, settled)
        if ((isPromise(ending) ? await ending : ending) === true) break
      }
      // Why it is left may be an error.
      if (pass.isLeft) await pass.begin?.()
      await settled()
    } finally {
      for (const { running, ready } of queued) {
        await running.catch(() => {})
        ready.dispose()
      }
    }
  }

  /** Waits for a step. */
  async #finish({ step, ready, running }: Queued, pass: Pass, own: boolean): Promise<void> {
    try {
      await running
    } catch (error) {
      pass.failed?.(step - 1)
      throw await this.#explained(error, ready.plan, pass, step)
    }
    await this.#pace.wait()
    await this.#inspection.look(ready.plan, pass, step, own)
    ready.dispose()
  }

  #take({ plan, take }: Ready, { windows, converted }: Pass): Promise<void> {
    const { step, signature, rates } = this.#options
    const { size } = plan
    const convert = converted && ((values: Tensor) => inUnits(values, converted, plan))
    const extra = windows && ((metric: Metric<unknown>) => updateOptions(metric, windows, plan))
    const work = (batch: NamedBatch, tensors?: readonly Tensor[]): void => {
      this.#add(step(batch, tensors), convert, extra)
    }
    if (this.#graphs === undefined) return this.#queue(() => work(take()))
    const batch = take()
    return this.#graphs.run(tensorsOf(batch), {
      run: (inputs) => {
        let i = 0
        return work(
          mapBatch(batch, () => inputs[i++] as Tensor),
          rates?.tensors,
        )
      },
      signature: signature(),
      variant: `${size} ${Object.keys(batch).join()}`,
    })
  }

  #add(outcome: Outcome, convert: Convert | undefined, extra: Extra | undefined): void {
    const { loss, count } = outcome
    measure(this.#options.metrics, outcome, convert, extra)
    if (isTensor(count)) {
      const added = count.to('float64')
      this.#total.addcmul_(loss.to('float64'), added)
      this.#count.add_(added)
    } else {
      this.#total.add_(loss, { alpha: count })
      // A graph is captured once, and replayed for each batch.
      if (this.#graphs === undefined) this.#known += count
      else this.#count.add_(count)
    }
    this.#inspection.add()
  }

  async #explained(error: unknown, plan: BatchPlan, pass: Pass, step: number): Promise<unknown> {
    const value = refusedLoss(error)
    if (value === undefined) return this.#options.explained(error)
    return torchError(
      'ERR_TORCH_NON_FINITE',
      await this.#inspection.sentence(pass, { step, value, plan, late: false }),
      {
        cause: error,
      },
    )
  }

  #queue<T>(fn: () => T): Promise<T> {
    const { device, rates } = this.#options
    const before = this.#last
    const queued = onDevice(device, () =>
      offload(() =>
        tidy(() => {
          // Fails with the step before, and then nothing of this one is done.
          before?.detach()
          if (this.#graphs !== undefined) rates?.refresh()
          this.#broken = true
          const result = fn()
          this.#pace.mark()
          if (this.#ahead) this.#last = keep(this.#total.detach())
          this.#broken = false
          return result
        }),
      ),
    )
    if (this.#last !== before) before?.dispose()
    return queued
  }

  dispose(): void {
    this.#graphs?.dispose()
    this.#options.rates?.dispose()
    this.#total.dispose()
    this.#count.dispose()
    this.#inspection.dispose()
  }

  [dispose](): void {
    this.dispose()
  }
}

/** The next batch, if it comes. */
async function next(feed: Feed, pass: Pass): Promise<Ready | undefined> {
  if (pass.ending === undefined) return await feed.next()
  let ready: Ready | undefined
  const has = await pass.ending.settled(async () => {
    const coming = await feed.next()
    if (pass.isLeft) coming?.dispose()
    else ready = coming
  })
  pass.isLeft = !has
  return ready
}
