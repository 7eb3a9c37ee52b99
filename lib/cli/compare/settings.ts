// The settings of a comparison: its own, and those of `train` that all its trainings share.
import type { CompareSettings } from '../comparison.ts'
import { withoutIdle, withPresets } from '../config.ts'
import type { Part } from '../flags.ts'
import { choice, choicesOf, count, counts, positive, positives } from '../kind.ts'
import { withoutLacking } from '../plan.ts'
import {
  DATA,
  MACHINE,
  MODEL,
  RECURRENT,
  type Setting,
  type Settings,
  setting,
  TASK,
  TRAINING,
  WINDOWED,
  WINDOWS,
} from '../settings.ts'

export const COMPARE = {
  models: setting(choicesOf(...RECURRENT, ...WINDOWED), 'the networks', ['rnn', 'lstm', 'gru']),
  hiddenSizes: setting(counts, 'the units of each layer, for each network that has some', [32, 64]),
  seeds: setting(count, 'how many seeds, from 0 on', 3),
  lrs: setting(
    positives,
    'the learning rates to try with the first seed; each network and size gets the one with the least validation loss',
    [1e-3, 3e-3, 1e-2],
  ),
  steps: setting(count, 'the updates of the weights of each training; 1000 without --seconds'),
  seconds: setting(positive, 'the most seconds of each training'),
  by: setting(choice('mae', 'rmse'), 'the error by which networks are compared', 'mae'),
} as const satisfies Readonly<Record<keyof CompareSettings, Setting>>

/** The settings of `train` that a comparison chooses itself, or has no use for. */
const EXCLUDED: readonly string[] = [
  'model',
  'hiddenSize',
  'lr',
  'seed',
  'epochs',
  'maxSteps',
  'maxSeconds',
  'monitor',
  'restoreBest',
  'metricUnits',
]

const without = (part: Part): Part =>
  Object.fromEntries(Object.entries(part).filter(([key]) => !EXCLUDED.includes(key)))

/** All settings of a comparison, by the part of help texts in which they are. */
export const COMPARE_PARTS: Readonly<Record<string, Part>> = {
  Comparison: COMPARE,
  Data: DATA,
  Windows: WINDOWS,
  Network: without(MODEL),
  // Each training has its whole budget, unless it is told to end earlier.
  Training: { ...without(TRAINING), patience: { ...TRAINING.patience, preset: 0 } },
  Machine: MACHINE,
}

export const COMPARE_SETTINGS: Readonly<Record<string, Setting>> = Object.assign({}, ...Object.values(COMPARE_PARTS))

/** What all trainings have without a setting. */
export const PRESETS = { ...presetsOf(TASK), ...presetsOf(COMPARE_SETTINGS) }

function presetsOf(part: Part): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(part).flatMap(([key, { preset }]) => (preset === undefined ? [] : [[key, preset]])),
  )
}

/** A network with a size. */
export interface Candidate {
  readonly name: string
  readonly model: Settings['model']
  /** `null` if it has none. */
  readonly hiddenSize: number | null
}

/** The networks of a comparison, in the order in which they were named. */
export function candidatesOf({ models, hiddenSizes }: CompareSettings): Candidate[] {
  return (models as Settings['model'][]).flatMap((model): Candidate[] =>
    model === 'linear'
      ? [{ name: model, model, hiddenSize: null }]
      : hiddenSizes.map((hiddenSize) => ({ name: `${model}-${hiddenSize}`, model, hiddenSize })),
  )
}

/** The settings of one training, as `train` takes them. */
export function runSettings(
  shared: Settings,
  { steps, seconds }: CompareSettings,
  { model, hiddenSize }: Candidate,
  { lr, seed }: { lr: number; seed: number },
): Settings {
  const settings = {
    // Those that a comparison has no use for are as in any training.
    ...withPresets({}),
    ...shared,
    model,
    ...(hiddenSize === null ? {} : { hiddenSize }),
    lr,
    seed,
    // Each has at least one step: they do not limit what has a budget of its own.
    epochs: steps ?? 1_000_000,
    ...(steps === null ? {} : { maxSteps: steps }),
    ...(seconds === null ? {} : { maxSeconds: seconds }),
  }
  return withoutIdle(withoutLacking(settings))
}
