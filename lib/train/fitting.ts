import { messageOf } from '../errors.ts'
import type { AveragedModel } from '../optim/swa-utils/index.ts'
import type { Device } from '../tensor/device.ts'
import { averagesOf } from './averages.ts'
import type { Callbacks } from './callback.ts'
import type { Ending } from './ending.ts'
import { runEpochs } from './fit.ts'
import type { GraphMaker } from './graph-maker.ts'
import type { History } from './history.ts'
import { Interruption } from './interruption.ts'
import type { TrainerParts } from './parts.ts'
import { scheduledRates } from './rates.ts'
import { Checkpoints } from './resume.ts'
import { close, Run } from './run.ts'
import type { Runners } from './runners.ts'
import { learnScales } from './scales.ts'
import type { Signals } from './signals.ts'
import type { Source } from './source.ts'
import { Step, type TrainableModel } from './step.ts'
import { fitScales } from './units.ts'

/** What one `fit` works with, besides the parts of its trainer. */
export interface Fit {
  source: Source
  held: Source | undefined
  device: Device
  history: History
  callbacks: Callbacks
  ending: Ending
  signals: Signals | undefined
  signal: AbortSignal | undefined
  /** Whether an abort of the signal is a regular end. */
  resolves: boolean
  resume: string | undefined
}

/** Runs a `fit`: sets up what lasts as long as it, and frees that at its end. */
export async function runFit(parts: TrainerParts, runners: Runners, graphs: GraphMaker, fit: Fit): Promise<void> {
  const { model, optimizer, generator, options, step, evaluation } = parts
  const { source, held, device, history, callbacks, ending, signals, signal, resolves, resume } = fit
  const { epochs, maxSteps, maxSeconds, nonFinite, schedule, monitor, metrics, metricUnits } = options
  const { signalFolder: folder, accumulateGradBatches, settings } = options
  if (source.windows !== undefined) await fitScales(metrics, source.windows, metricUnits === 'scaled')
  const updates = updatesOf(parts, source)
  const averaged = average(parts, updates)
  parts.averaged = averaged
  const rates = schedule && scheduledRates(schedule, { optimizer, epochs, maxSteps, monitor, updates })
  const training = runners.training(device, source)
  const validated = averaged?.module ?? model
  const validation = averaged && new Step(validated, optimizer, { ...options, owner: 'Trainer' })
  const validating =
    held === undefined
      ? undefined
      : runners.evaluating(device, nonFinite, graphs.for(device, held), { step: validation })
  const modules = averaged === undefined ? parts.modules : [...parts.modules, averaged]
  const { carried, scaler } = step
  const saved = {
    settings,
    modules,
    optimizer,
    rates,
    scaler,
    generator,
    source,
    training,
    carried,
    callbacks,
    history,
  }
  const checkpoints = new Checkpoints(saved)
  const save = (path: string): Promise<void> => checkpoints.save(path, run)
  const loss = (): Promise<number> => training.meanLoss()
  const batches = source.length
  const run = new Run({
    model,
    validated,
    optimizer,
    history,
    epochs,
    batches,
    resume,
    loss,
    save,
    onStop: () => ending.ask(),
  })
  const interruption =
    signals === undefined || folder === undefined ? undefined : new Interruption({ signals, run, checkpoints, folder })
  const check = (): void => {
    if (signal?.aborted !== true) return
    if (!resolves) signal.throwIfAborted()
    run.stop(`aborted: ${messageOf(signal.reason)}`)
  }
  try {
    const resumed = resume === undefined ? undefined : await checkpoints.load(resume, run)
    learnScales(model, source)
    await runEpochs({
      run,
      callbacks,
      held,
      source,
      training,
      validating,
      rates,
      maxSteps,
      maxSeconds,
      accumulateGradBatches,
      isUpdated: () => step.isUpdated,
      finish: () => step.finish(),
      begin: () => checkpoints.begin(),
      passed: () => {
        step.reset()
        validation?.reset()
        evaluation.reset()
      },
      end: () => {
        if (averaged !== undefined) model.loadStateDict(averaged.module.stateDict())
      },
      check,
      ending,
      interruption,
      resumed,
    })
  } catch (error) {
    await callbacks.exception(run, error)
    throw error
  } finally {
    parts.averaged = undefined
    run[close]()
    await checkpoints.close()
    training.dispose()
    validating?.dispose()
  }
}

/** The updates of the weights in an epoch, if their number is known. */
function updatesOf({ options }: TrainerParts, { length }: Source): number | undefined {
  return length === undefined ? undefined : Math.ceil(length / options.accumulateGradBatches)
}

/** The model that averages the weights in this `fit`, if they are to be averaged. */
function average(
  { model, options }: TrainerParts,
  updates: number | undefined,
): AveragedModel<TrainableModel> | undefined {
  const { movingAverage, epochs, maxSteps } = options
  if (movingAverage === undefined) return undefined
  return averagesOf(model, movingAverage, Math.min(maxSteps, updates === undefined ? Infinity : epochs * updates))
}
