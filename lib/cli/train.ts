import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { WindowDataset } from '../data/index.ts'
import { messageOf, TorchError, torchError } from '../errors.ts'
import { type Calibration, calibrate } from '../forecast/index.ts'
import type { RecurrentModel } from '../models/index.ts'
import { torch } from '../torch.ts'
import { type History, Trainer } from '../train/index.ts'
import { sha256Of } from './checksum.ts'
import { type About, writeConfig, writeJSON } from './config.ts'
import { type Errors, errorTable, maseScaleOf, metricsFor, naiveErrors, verdict } from './measure.ts'
import { toJSON } from './metadata.ts'
import { modelOf } from './network.ts'
import type { Output } from './output.ts'
import { FILES, type Plan } from './plan.ts'
import { type Parts, readSeries, requireUsable, seriesOptions, splitSeries } from './series.ts'
import { checkpointsIn, Ending, runOptions, trainingOptions } from './training.ts'
import { VERSION } from './version.ts'

/** Tells what differs from the run that a file of settings comes from. */
function compareAbout(then: About | undefined, now: About, output: Output): void {
  if (then === undefined) return
  const differ = (['libtorch-rnn', 'libtorch', 'platform'] as const).filter((key) => then[key] !== now[key])
  for (const key of differ)
    output.warn(`the run was made with ${key} ${then[key]}, this is ${now[key]}: weights may differ`)
  if (then.dataSha256 !== now.dataSha256) output.warn('the data are not those of the run')
}

/** Trains a network on a file. */
export async function train(plan: Plan, output: Output): Promise<void> {
  const about = await aboutOf(plan.data)
  compareAbout(plan.about, about, output)
  if (plan.settings.threads !== undefined) torch.setNumThreads(plan.settings.threads)
  const threads = torch.getNumThreads()
  const settings = { ...plan.settings, threads }

  const series = await readSeries(plan.data, seriesOptions(settings), output, settings.mmap)
  requireUsable(series, settings.horizon, plan.data, output)
  const parts = await splitSeries(series, settings)
  const { past, horizon, season, seed, device } = settings
  torch.manualSeed(seed)
  const { inputSize, outputSize } = series
  const model = modelOf(settings, { inputSize, outputSize, horizon, output: settings.output })
  const ending = new Ending()
  const metrics = metricsFor({ metrics: settings.metrics, season, maseScale: undefined })
  const trainer = new Trainer(model, {
    ...trainingOptions(settings, metrics),
    ...runOptions(plan.folder, output, ending),
  })
  await writeConfig(join(plan.folder, FILES.config), { data: plan.data, settings, about })
  output.detail(`${model}`)
  output.detail(`${model.countParameters()} parameters, on ${device} with ${threads} threads`)
  const [validated, tested] = [parts.validation?.length ?? 0, parts.test?.length ?? 0]
  output.note(`${parts.train.length} windows to train on, ${validated} to validate, ${tested} to test`)

  const interrupted = await untilSignal(ending, async () => {
    await trainer.fit(parts.train, {
      ...(parts.validation === undefined ? {} : { validation: parts.validation }),
      ...(plan.resumes ? { resume: checkpointsIn(plan.folder) } : {}),
    })
  })
  if (interrupted !== undefined) {
    output.note(`Stopped by ${interrupted}; go on with: npx libtorch-rnn train --out ${plan.folder} --resume`)
    process.exitCode = interrupted === 'SIGINT' ? 130 : 143
    return
  }

  const [part, held] = heldOut(parts)
  const measures = { metrics: settings.metrics, season, maseScale: maseScaleOf(metrics) }
  const errors = held === undefined ? null : await trainer.evaluate(held)
  // What reads windows has them in float32.
  model.to('float32')
  const { bestEpoch, epochs, seconds } = courseOf(trainer.history as History)
  const calibration = await calibrated(model, parts, settings.intervals, output)
  const path = join(plan.folder, FILES.model)
  const metadata = toJSON({
    task: 'forecast',
    series: seriesOptions(settings),
    past,
    horizon,
    ...(calibration === undefined ? {} : { calibration }),
    measures,
    training: { settings, about, epochs, bestEpoch },
  })
  await model.save(path, { scaler: parts.train.scaler, metadata })
  const result: Result = {
    model: path,
    epochs,
    bestEpoch,
    stopReason: ending.reason ?? null,
    seconds,
    parameters: model.countParameters(),
    part,
    errors,
    naive: held === undefined ? {} : await naiveErrors(held, measures),
  }
  await writeJSON(join(plan.folder, FILES.result), result)
  output.result(result, () => summary(result, settings.model))
}

/** What a run came to, as `--json` prints it. */
interface Result {
  readonly model: string
  readonly epochs: number
  readonly bestEpoch: number | null
  readonly stopReason: string | null
  readonly seconds: number
  readonly parameters: number
  /** The part of the data on which errors were measured. */
  readonly part: 'test' | 'validation' | null
  readonly errors: Errors | null
  readonly naive: Readonly<Record<string, Errors>>
}

function summary({ model, epochs, bestEpoch, stopReason, seconds, part, errors, naive }: Result, name: string): string {
  const best = bestEpoch === null ? '' : `, the best is ${bestEpoch}`
  const why = stopReason === null ? '' : ` (${stopReason})`
  return [
    `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'} in ${seconds.toFixed(1)} s${why}${best}.`,
    ...(errors === null
      ? []
      : [`\nErrors on the ${part} part:`, errorTable(name, errors, naive), '', verdict(errors, naive)]),
    `Saved ${model}`,
  ].join('\n')
}

async function aboutOf(data: string): Promise<About> {
  return {
    'libtorch-rnn': VERSION,
    libtorch: torch.version,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    dataSha256: await checksumOf(data),
  }
}

/** The checksum of the data; `null` for a pattern of several files. */
async function checksumOf(data: string): Promise<string | null> {
  if (/[*?[]/.test(data) && !existsSync(data)) return null
  try {
    return await sha256Of(data)
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const problem = missing ? 'there is no such file' : messageOf(cause)
    throw torchError('ERR_TORCH_FILE', `${data} cannot be read: ${problem}`, { cause })
  }
}

function courseOf(history: History): { epochs: number; bestEpoch: number | null; seconds: number } {
  return { epochs: history.epochs.length, bestEpoch: history.best?.epoch ?? null, seconds: history.seconds }
}

/** The part to measure errors on: the one that the model had the least part in. */
function heldOut({ test, validation }: Parts): [Result['part'], WindowDataset | undefined] {
  if (test !== undefined) return ['test', test]
  return validation === undefined ? [null, undefined] : ['validation', validation]
}

/** Runs a `fit`. Returns the signal that ended it, whose checkpoint it has written. */
async function untilSignal(ending: Ending, work: () => Promise<unknown>): Promise<NodeJS.Signals | undefined> {
  let received: NodeJS.Signals | undefined
  const listener = (signal: NodeJS.Signals): void => {
    if (received !== undefined) process.exit(signal === 'SIGINT' ? 130 : 143)
    received = signal
  }
  const names = ['SIGINT', 'SIGTERM'] as const
  for (const name of names) process.on(name, listener)
  try {
    await work()
  } finally {
    for (const name of names) process.off(name, listener)
  }
  return received !== undefined && ending.reason === received ? received : undefined
}

/** The windows that an interval of a level needs. */
const windowsFor = (level: number): number => Math.ceil(level / (1 - level) - 1e-9)

/** Measures how far forecasts are off on the validation part, for their intervals. */
async function calibrated(
  model: RecurrentModel,
  { validation }: Parts,
  levels: readonly number[],
  output: Output,
): Promise<Calibration | undefined> {
  if (validation === undefined) return undefined
  const possible = levels.filter((level) => windowsFor(level) <= validation.length)
  const most = Math.max(...levels)
  if (possible.length < levels.length) {
    output.warn(
      `the ${validation.length} windows of the validation part are too few for intervals of ${most}, which need ${windowsFor(most)}`,
    )
  }
  if (possible.length === 0) return undefined
  try {
    return await calibrate(model, validation, { levels: possible })
  } catch (error) {
    // The model is worth keeping without them.
    if (!(error instanceof TorchError) || error.code !== 'ERR_TORCH_VALUE') throw error
    output.warn(`forecasts will have no intervals: ${error.message.replace(/^calibrate: /, '')}`)
    return undefined
  }
}
