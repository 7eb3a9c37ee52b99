import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, torchError } from '../errors.ts'
import { torch } from '../torch.ts'
import { type History, Trainer } from '../train/index.ts'
import { sha256Of } from './checksum.ts'
import { type About, writeConfig, writeJSON } from './config.ts'
import { type Errors, errorTable, headingFor, verdict } from './measure.ts'
import type { Output } from './output.ts'
import { FILES, type Plan } from './plan.ts'
import type { Settings } from './settings.ts'
import { classifyJob } from './tasks/classify.ts'
import { forecastJob } from './tasks/forecast.ts'
import type { Job } from './tasks/job.ts'
import { textJob } from './tasks/text.ts'
import { checkpointsIn, Ending, runOptions } from './training.ts'
import { VERSION } from './version.ts'

/** Tells what differs from the run that a file of settings comes from. */
export function compareAbout(then: About | undefined, now: About, output: Output): void {
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

  const job = await jobOf(plan.data, settings, output)
  const { model } = job
  const ending = new Ending()
  const trainer = new Trainer(model, { ...job.options, ...runOptions(plan.folder, output, ending) })
  await writeConfig(join(plan.folder, FILES.config), { data: plan.data, settings, about })
  output.detail(`${model}`)
  output.detail(`${model.countParameters()} parameters, on ${settings.device} with ${threads} threads`)
  output.note(job.size)

  const interrupted = await untilSignal(ending, async () => {
    await trainer.fit(job.train, {
      ...(job.validation === undefined ? {} : { validation: job.validation }),
      ...(plan.resumes ? { resume: checkpointsIn(plan.folder) } : {}),
    })
  })
  if (interrupted !== undefined) {
    output.note(`Stopped by ${interrupted}; go on with: npx libtorch-rnn train --out ${plan.folder} --resume`)
    process.exitCode = interrupted === 'SIGINT' ? 130 : 143
    return
  }

  const reason = ending.reason ?? null
  const { result, detail } = await finish(job, trainer, { folder: plan.folder, settings, about, reason })
  output.result(result, () => summary(result, settings.model, detail))
}

async function jobOf(data: string, settings: Settings, output: Output): Promise<Job> {
  switch (settings.task) {
    case 'forecast':
      return await forecastJob(data, settings, output)
    case 'classify':
      return await classifyJob(data, settings, output)
    case 'text':
      return await textJob(data, settings)
  }
}

/** Measures and saves the model of a `fit` that has ended, and writes down what it came to. */
export async function finish(
  job: Job,
  trainer: Trainer,
  { folder, settings, about, reason }: { folder: string; settings: Settings; about: About; reason: string | null },
): Promise<{ result: Result; detail: string | undefined }> {
  const part = job.test !== undefined ? 'test' : job.validation !== undefined ? 'validation' : null
  const held = part === null ? undefined : job[part]
  const errors = held === undefined ? null : await trainer.evaluate(held)
  const { bestEpoch, epochs, seconds } = courseOf(trainer.history as History)
  const path = join(folder, FILES.model)
  await job.save(path, { settings, about, epochs, bestEpoch })
  const result: Result = {
    model: path,
    epochs,
    bestEpoch,
    stopReason: reason,
    seconds,
    parameters: job.model.countParameters(),
    part,
    errors,
    naive: part === null ? {} : await job.compare(part),
  }
  const detail = part === null ? undefined : await job.detail?.(part)
  const whole = { ...result, ...detail?.result }
  await writeJSON(join(folder, FILES.result), whole)
  return { result: whole, detail: detail?.text }
}

/** What a run came to, as `--json` prints it. */
export interface Result {
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

function summary(
  { model, epochs, bestEpoch, stopReason, seconds, part, errors, naive }: Result,
  name: string,
  detail: string | undefined,
): string {
  const best = bestEpoch === null ? '' : `, the best is ${bestEpoch}`
  const why = stopReason === null ? '' : ` (${stopReason})`
  return [
    `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'} in ${seconds.toFixed(1)} s${why}${best}.`,
    ...(errors === null
      ? []
      : [`\n${headingFor(errors)} the ${part} part:`, errorTable(name, errors, naive), ...verdict(errors, naive)]),
    ...(detail === undefined ? [] : ['', detail, '']),
    `Saved ${model}`,
  ].join('\n')
}

/** With what a run is made. */
export async function aboutOf(data: string): Promise<About> {
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
