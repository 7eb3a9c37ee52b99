import type { NamedBatch } from '../data/batch.ts'
import { torchError } from '../errors.ts'
import type { Metric } from '../metrics/metric.ts'
import type { Module } from '../nn/module.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { offload, tidy } from '../tensor/context.ts'
import type { Generator } from '../tensor/generator.ts'
import { forkRng } from '../tensor/random.ts'
import { type Device, isTensor, type Tensor } from '../tensor/tensor.ts'
import { Feed, type Ready } from './feed.ts'
import { onDevice } from './placement.ts'
import { Snapshot } from './snapshot.ts'
import type { Source } from './source.ts'
import type { Step } from './step.ts'
import type { Windows } from './units.ts'

/** The parts of a trainer that tools around a training run work with. */
export interface TrialParts {
  readonly modules: readonly Module[]
  readonly optimizer: Optimizer<{ lr: number }>
  readonly generator: Generator | undefined
  readonly metrics: readonly Metric<unknown>[]
  /** Whether metrics of windows are in the units of the data. */
  readonly inUnits: boolean
  readonly step: Step
  readonly device: Device
  /** Whether batches have to be moved there. */
  readonly moves: boolean
  readonly signal: AbortSignal | undefined
  /** Calls `fn` with the trainer's random numbers. */
  drawing<T>(fn: () => T): T
}

/** Runs `fn`, which may train on the sources, and gives back everything as it was. */
export async function trial<T>(
  parts: TrialParts,
  sources: readonly (Source | undefined)[],
  fn: () => Promise<T>,
): Promise<T> {
  const { step, generator } = parts
  const generators = [generator, ...sources.map((source) => source?.generator)]
  const snapshot = new Snapshot({ ...parts, scaler: step.scaler, generators })
  try {
    return await forkRng(() => parts.drawing(fn))
  } finally {
    step.reset()
    snapshot.restore()
    snapshot.dispose()
  }
}

/** An update of the weights. */
export interface Update {
  /** The mean loss over the targets of its batches. */
  readonly loss: number
  readonly samples: number
  readonly batches: number
  /** The shapes of the tensors of its first batch, by name; those of a list have a number: `state.0`. */
  readonly batch: Record<string, number[]>
}

/** The batches of a source, again and again, and steps with them. */
export class Batches {
  readonly #parts: TrialParts
  readonly #source: Source
  #feed: Feed | undefined

  constructor(parts: TrialParts, source: Source) {
    this.#parts = parts
    this.#source = source
  }

  /** The windows that the batches are of, if they are. */
  get windows(): Windows | undefined {
    return this.#source.windows
  }

  /** Updates the weights once, with as many batches as that takes. */
  async update(): Promise<Update> {
    const { step, device } = this.#parts
    let [sum, targets, samples, batches] = [0, 0, 0, 0]
    let shapes: Update['batch'] = {}
    do {
      const [loss, count] = await this.use(({ take, plan }) => {
        const batch = take()
        if (++batches === 1) shapes = shapesOf(batch)
        samples += plan.size
        const outcome = step.train(batch, device)
        return [onCpu(outcome.loss), isTensor(outcome.count) ? onCpu(outcome.count) : outcome.count]
      })
      const counted = typeof count === 'number' ? count : taken(count)
      sum += taken(loss) * counted
      targets += counted
    } while (!step.isUpdated)
    return { loss: sum / targets, samples, batches, batch: shapes }
  }

  /** Calls `fn` with the next batch, queued. Resolves when the device is done. */
  async use<T>(fn: (ready: Ready) => T): Promise<T> {
    const { device, step, signal } = this.#parts
    signal?.throwIfAborted()
    const ready = await this.#next()
    try {
      return await onDevice(device, () => offload(() => tidy(() => fn(ready))))
    } catch (error) {
      throw step.explained(error)
    } finally {
      ready.dispose()
    }
  }

  async #next(): Promise<Ready> {
    const { moves, device } = this.#parts
    const open = (): Feed => new Feed(this.#source, { device: moves ? device : undefined })
    this.#feed ??= open()
    const ready = await this.#feed.next()
    if (ready !== undefined) return ready
    this.#feed = open()
    const again = await this.#feed.next()
    if (again === undefined) throw torchError('ERR_TORCH_VALUE', 'Trainer: the data has no batches')
    return again
  }

  async close(): Promise<void> {
    await this.#feed?.close()
  }
}

function shapesOf(batch: NamedBatch): Record<string, number[]> {
  const shapes = Object.entries(batch).flatMap(([name, part]): [string, number[]][] => {
    if (part === undefined || typeof part === 'boolean') return []
    return isTensor(part) ? [[name, part.shape]] : part.map((one, i) => [`${name}.${i}`, one.shape])
  })
  return Object.fromEntries(shapes)
}

/** A number of a step, to be read when its step is done: see {@link taken}. */
export function onCpu(tensor: Tensor): Tensor {
  return tensor.detach().to({ device: 'cpu', dtype: 'float64', copy: true })
}

export function taken(tensor: Tensor): number {
  const value = tensor.item<number>()
  tensor.dispose()
  return value
}
