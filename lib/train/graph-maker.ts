import type { Device } from '../tensor/device.ts'
import { automatic } from './automatic-graph.ts'
import { type Graph, type GraphGuard, Graphs } from './graph.ts'
import type { TrainerParts } from './parts.ts'
import type { RunnerOptions } from './runner.ts'
import type { Source } from './source.ts'

export type MakeGraphs = RunnerOptions['makeGraphs']

/** Makes the CUDA graphs of a trainer, where they are wanted and available. */
export class GraphMaker {
  readonly #parts: Pick<TrainerParts, 'model' | 'optimizer' | 'options'>
  // Gives a graph to capture into; throws if CUDA graphs are not available.
  readonly #capture: (device: Device) => Graph
  readonly #warnings = new Set<string>()
  #fallback: string | null = null

  constructor(parts: Pick<TrainerParts, 'model' | 'optimizer' | 'options'>, capture: (device: Device) => Graph) {
    this.#parts = parts
    this.#capture = capture
  }

  /** Why steps on a CUDA device ran without graphs since the last {@link forget}; `null` if none did. */
  get fallback(): string | null {
    return this.#fallback
  }

  forget(): void {
    this.#fallback = null
  }

  /** Graphs for a `fit` with these data, if they are wanted and available. */
  for(device: Device, { windows }: Source): MakeGraphs {
    const { model, optimizer, options } = this.#parts
    if (options.cudaGraph === false) return undefined
    if (options.cudaGraph === true) return this.make(device)
    const guard = automatic({ model, optimizer, options, device, windows })
    if (typeof guard !== 'string') return this.make(device, guard)
    if (device !== 'cpu') this.#fallBack(guard, false)
    return undefined
  }

  /** Graphs, if they are available. `guard`: nobody asked for them, so what is in their way is no reason to warn. */
  make(device: Device, guard?: GraphGuard): MakeGraphs {
    const warns = guard === undefined
    try {
      this.#capture(device).reset()
    } catch (error) {
      if (warns || device !== 'cpu') this.#fallBack((error as Error).message, warns)
      return undefined
    }
    return (queue) =>
      new Graphs({
        device,
        queue,
        make: () => this.#capture(device),
        onFallback: (reason) => this.#fallBack(reason, warns),
        guard,
      })
  }

  #fallBack(reason: string, warns: boolean): void {
    this.#fallback = reason
    if (!warns || this.#warnings.has(reason)) return
    this.#warnings.add(reason)
    process.emitWarning(`Trainer: cudaGraph: ${reason}`, { code: 'TORCH_CUDA_GRAPH' })
  }
}
