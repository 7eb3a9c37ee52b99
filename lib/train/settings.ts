import { inspect, isDeepStrictEqual } from 'node:util'
import { Module } from '../nn/module.ts'
import type { State } from './checkpoint.ts'
import type { TrainerOptions } from './options.ts'

/** The options that decide what a `fit` computes, as a checkpoint keeps them. */
export type Settings = { readonly [name: string]: State }

/** Those that count only within an epoch, whose sums a checkpoint has. */
const WITHIN = ['metrics', 'metricUnits']

/** The settings that options stand for. */
export function settingsOf(options: TrainerOptions): Settings {
  const { optimizer = 'adam', loss = 'mse', schedule, weightDecay, auxiliaryLosses = [], metrics = [] } = options
  return {
    batchSize: options.batchSize ?? 32,
    sequenceLength: options.sequenceLength ?? null,
    shuffle: options.carryState === true ? false : (options.shuffle ?? true),
    carryState: options.carryState ?? false,
    accumulateGradBatches: options.accumulateGradBatches ?? 1,
    optimizer: typeof optimizer === 'function' ? 'a function' : optimizer,
    lr: typeof optimizer === 'function' ? null : (options.lr ?? 1e-3),
    weightDecay: typeof weightDecay === 'object' ? { biases: true, ...weightDecay } : (weightDecay ?? null),
    schedule: schedule === undefined ? null : scheduleNamed(schedule),
    loss: nameOf(loss),
    auxiliaryLosses: auxiliaryLosses.map(({ weight = 1 }) => weight),
    clipGradNorm: options.clipGradNorm ?? null,
    clipGradValue: options.clipGradValue ?? null,
    movingAverage: options.movingAverage ?? null,
    dtype: options.dtype ?? null,
    autocast: options.autocast ?? null,
    metrics: metrics.map((metric) => (typeof metric === 'string' ? metric : metric.name)),
    metricUnits: options.metricUnits ?? 'data',
  }
}

function scheduleNamed(schedule: NonNullable<TrainerOptions['schedule']>): State {
  if (typeof schedule === 'string') return { name: schedule }
  return 'make' in schedule ? 'of your own' : ({ ...schedule } as unknown as State)
}

function nameOf(loss: NonNullable<TrainerOptions['loss']>): string {
  if (typeof loss === 'string') return loss
  if (loss instanceof Module) return String(loss)
  return typeof loss === 'object' ? String(loss?.constructor?.name) : 'a function'
}

/**
 * What is not as it was, in words: `its batchSize was 32, and is 16 now`; `undefined` if all is.
 *
 * @param isWithin whether the checkpoint was written within an epoch
 */
export function changeOf(before: Settings, now: Settings, isWithin: boolean): string | undefined {
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  for (const name of names) {
    if (WITHIN.includes(name) && !isWithin) continue
    const [old, own] = [before, now].map((settings) => (Object.hasOwn(settings, name) ? settings[name] : null))
    if (!isDeepStrictEqual(old, own)) return `its ${name} was ${shown(old)}, and is ${shown(own)} now`
  }
  return undefined
}

function shown(value: State | undefined): string {
  return value === null ? 'not set' : inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: 3 })
}
