import { type Batch, namedBatch } from '../data/batch.ts'
import type { BatchPlan } from '../data/loader.ts'
import { isFused } from '../optim/fused.ts'
import { LearningRates } from '../optim/rates.ts'
import { offload, retain } from '../tensor/context.ts'
import type { Device } from '../tensor/device.ts'
import { causeOf, type NonFinite } from './divergence.ts'
import { movedBatch } from './feed.ts'
import { signatureOf } from './graph.ts'
import type { GraphMaker, MakeGraphs } from './graph-maker.ts'
import type { TrainerParts } from './parts.ts'
import { Runner, type RunnerOptions } from './runner.ts'
import type { Source } from './source.ts'
import type { Step } from './step.ts'

/** How a pass in evaluation mode differs from others. */
export interface EvaluatingOptions extends Partial<Pick<RunnerOptions, 'metrics' | 'arrays'>> {
  /** Default: that of evaluations. */
  step?: Step | undefined
}

/** Makes the runners of a trainer's passes. */
export class Runners {
  readonly #parts: TrainerParts
  readonly #graphs: GraphMaker

  constructor(parts: TrainerParts, graphs: GraphMaker) {
    this.#parts = parts
    this.#graphs = graphs
  }

  /** Whether batches have to be moved to the device. */
  moves(device: Device): boolean {
    return this.#parts.options.device !== undefined || device !== 'cpu'
  }

  training(device: Device, source: Source): Runner {
    const { options, optimizer, step, modules } = this.#parts
    const { nonFinite, metrics, metricUnits } = options
    // An optimizer with its own step reads its rates as numbers.
    const rates = isFused(optimizer) ? this.#rates() : undefined
    return new Runner({
      device,
      moves: this.moves(device),
      step: (batch, rates) =>
        step.train(batch, device, { rates, finite: nonFinite === 'throw', output: metrics.length > 0 }),
      metrics,
      inUnits: metricUnits === 'data',
      makeGraphs: this.#graphs.for(device, source),
      signature: () => signatureOf(modules, optimizer, rates),
      rates,
      nonFinite,
      exact: device === 'cpu',
      ...this.#reasons(device),
    })
  }

  evaluating(
    device: Device,
    nonFinite: NonFinite,
    makeGraphs: MakeGraphs,
    { step = this.#parts.evaluation, ...measuring }: EvaluatingOptions = {},
  ): Runner {
    const { options, modules } = this.#parts
    return new Runner({
      device,
      moves: this.moves(device),
      step: (batch) => step.evaluate(batch, device, nonFinite === 'throw'),
      metrics: options.metrics,
      ...measuring,
      inUnits: options.metricUnits === 'data',
      makeGraphs,
      signature: () => signatureOf(modules),
      nonFinite,
      exact: device === 'cpu',
      ...this.#reasons(device),
    })
  }

  /** Explains a failed step for a runner. */
  #reasons(device: Device): Pick<RunnerOptions, 'cause' | 'explained'> {
    const { model, step, evaluation } = this.#parts
    const cause = async (plan: BatchPlan, late: boolean): Promise<string> => {
      const { result, release } = retain(() => (plan.queueable ? offload(() => plan.load() as Batch) : plan.load()))
      try {
        return await causeOf({
          batch: namedBatch(await result),
          indices: plan.indices,
          batchFirst: model.batchFirst ?? true,
          model,
          predict: (batch) => evaluation.output(movedBatch(batch, device), device),
          late,
        })
      } finally {
        release()
      }
    }
    return { cause, explained: (error) => step.explained(error) }
  }

  #rates(): LearningRates | undefined {
    const { optimizer } = this.#parts
    return optimizer.paramGroups.every(({ lr }) => typeof lr === 'number') ? new LearningRates(optimizer) : undefined
  }
}
