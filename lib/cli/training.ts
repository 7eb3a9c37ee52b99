import { join } from 'node:path'
import {
  type AuxiliaryLoss,
  activationRegularization,
  type Callback,
  csvLogger,
  l1Regularization,
  type TrainerOptions,
  temporalActivationRegularization,
} from '../train/index.ts'
import { numberText, type Output } from './output.ts'
import type { Settings } from './settings.ts'

/** The folder of a run's checkpoints. */
export const checkpointsIn = (folder: string): string => join(folder, 'checkpoints')

/** The options of a trainer that settings stand for. */
export function trainingOptions(settings: Settings, metrics: NonNullable<TrainerOptions['metrics']>): TrainerOptions {
  const { epochs, maxSteps, maxSeconds, batchSize, optimizer, lr, loss, accumulateGradBatches } = settings
  const { weightDecay, decayBiases, schedule, patience, seed, nonFinite, shuffle, device, cudaGraph } = settings
  const { metricUnits, restoreBest, clipGradNorm, clipGradValue, movingAverage, monitor, autocast } = settings
  const { init, dtype } = settings
  return {
    epochs,
    batchSize,
    optimizer,
    lr,
    loss,
    accumulateGradBatches,
    metrics,
    metricUnits,
    restoreBest,
    shuffle,
    nonFinite,
    seed,
    device: device as NonNullable<TrainerOptions['device']>,
    clipGradNorm,
    auxiliaryLosses: auxiliaryLosses(settings),
    ...(maxSteps === undefined ? {} : { maxSteps }),
    ...(maxSeconds === undefined ? {} : { maxSeconds }),
    ...(weightDecay === undefined ? {} : { weightDecay: { value: weightDecay, biases: decayBiases } }),
    ...(schedule === undefined ? {} : { schedule: schedule as NonNullable<TrainerOptions['schedule']> }),
    ...(clipGradValue === undefined ? {} : { clipGradValue }),
    ...(movingAverage === undefined ? {} : { movingAverage }),
    ...(monitor === undefined ? {} : { monitor }),
    ...(patience === 0 ? {} : { patience }),
    ...(autocast === undefined ? {} : { autocast }),
    ...(init === undefined ? {} : { init: init as NonNullable<TrainerOptions['init']> }),
    ...(dtype === undefined ? {} : { dtype }),
    ...(cudaGraph === undefined ? {} : { cudaGraph }),
  }
}

function auxiliaryLosses(settings: Settings): AuxiliaryLoss[] {
  const { activationRegularization: ar, temporalActivationRegularization: tar, l1Regularization: l1 } = settings
  return [
    ...(ar === undefined ? [] : [activationRegularization(ar)]),
    ...(tar === undefined ? [] : [temporalActivationRegularization(tar)]),
    ...(l1 === undefined ? [] : [l1Regularization(l1)]),
  ]
}

/** How a run is kept in its folder and shown. */
export function runOptions(folder: string, output: Output, ending: Ending): TrainerOptions {
  return {
    checkpoint: checkpointsIn(folder),
    onSignal: 'checkpoint',
    progress: !output.quiet && !output.verbose,
    callbacks: [csvLogger(join(folder, 'history.csv')), ending, ...(output.verbose ? [epochLines(output)] : [])],
  }
}

/** Remembers why a `fit` ended early. */
export class Ending implements Callback {
  reason: string | undefined
  onFitEnd = ({ stopReason }: { stopReason: string | undefined }): void => {
    this.reason = stopReason
  }
}

/** A line with all results of each epoch. */
function epochLines(output: Output): Callback {
  return {
    onEpochEnd({ result }) {
      const cells = Object.entries(result ?? {}).map(([name, value]) => `${name} ${numberText(value ?? Number.NaN)}`)
      output.detail(cells.join('  '))
    },
  }
}
