// One training of a comparison: an ordinary run, in a folder of its own.
import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TorchError, torchError } from '../../errors.ts'
import { csvLogger, Trainer } from '../../train/index.ts'
import { type ComparedRun, MOST_EPOCHS, type RunEpoch } from '../comparison.ts'
import { type About, writeConfig, writeJSON } from '../config.ts'
import type { Output } from '../output.ts'
import { FILES } from '../plan.ts'
import type { Settings } from '../settings.ts'
import { type ForecastData, forecastJobOn } from '../tasks/forecast.ts'
import type { Job } from '../tasks/job.ts'
import { finish, type Result } from '../train.ts'
import { Ending } from '../training.ts'

/** What all trainings of a comparison have in common. */
export interface Shared {
  readonly data: string
  readonly content: ForecastData
  readonly about: About
  readonly output: Output
  /** The errors of naive forecasts, which are the same for all. */
  readonly naive: Job['compare']
  readonly signal: AbortSignal
}

/** What a training came to, as its folder has it. */
type Ended = Result | { readonly hasDiverged: true; readonly message: string }

/**
 * Trains a network, unless its folder says that this was done.
 *
 * @param folder of the run
 * @returns without `isCounted`, which the other runs decide
 */
export async function runOf(
  folder: string,
  settings: Settings,
  shared: Shared,
): Promise<Omit<ComparedRun, 'isCounted' | 'folder'>> {
  const ended = (await readEnded(folder)) ?? (await trained(folder, settings, shared))
  const { lr, seed } = settings
  const history = await readHistory(join(folder, 'history.csv'))
  if ('hasDiverged' in ended) {
    const seconds = history.reduce((sum, epoch) => sum + (epoch.seconds ?? 0), 0)
    const { message } = ended
    return {
      ...{ seed, lr, hasDiverged: true, epochs: history.length, bestEpoch: null, stopReason: message, seconds },
      ...{ validationLoss: null, errors: null, history: thinned(history, null) },
    }
  }
  const { epochs, bestEpoch, stopReason, seconds, errors } = ended
  const best = history.find(({ epoch }) => epoch === bestEpoch)
  return {
    ...{ seed, lr, hasDiverged: false, epochs, bestEpoch, stopReason, seconds, errors },
    validationLoss: best?.validationLoss ?? null,
    history: thinned(history, bestEpoch),
  }
}

async function readEnded(folder: string): Promise<Ended | undefined> {
  const path = join(folder, FILES.result)
  if (!existsSync(path)) return undefined
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Ended
  } catch (cause) {
    throw torchError('ERR_TORCH_FORMAT', `${path} is damaged: remove ${folder} to train this network again`, { cause })
  }
}

async function trained(folder: string, settings: Settings, shared: Shared): Promise<Ended> {
  const { content, about, data, output, signal } = shared
  signal.throwIfAborted()
  // What was interrupted begins anew: it is short.
  await rm(folder, { recursive: true, force: true })
  const job = { ...forecastJobOn(content, settings, output), compare: shared.naive }
  const ending = new Ending()
  const callbacks = [csvLogger(join(folder, 'history.csv')), ending]
  const trainer = new Trainer(job.model, { ...job.options, progress: false, callbacks })
  await writeConfig(join(folder, FILES.config), { data, settings, about })
  try {
    await trainer.fit(job.train, { ...(job.validation === undefined ? {} : { validation: job.validation }), signal })
  } catch (error) {
    if (!(error instanceof TorchError) || error.code !== 'ERR_TORCH_NON_FINITE') throw error
    const ended = { hasDiverged: true, message: error.message } as const
    await writeJSON(join(folder, FILES.result), ended)
    return ended
  }
  signal.throwIfAborted()
  const { result } = await finish(job, trainer, { folder, settings, about, reason: ending.reason ?? null })
  return result
}

/** The rows that a `csvLogger` has written; none if there was no epoch. */
async function readHistory(path: string): Promise<RunEpoch[]> {
  if (!existsSync(path)) return []
  const [heading = '', ...lines] = (await readFile(path, 'utf8')).trim().split('\n')
  const names = heading.split(',')
  return lines.map((line) => {
    const cells = line.split(',')
    const entries = names.map((name, i): [string, number] => [name, Number(cells[i])])
    return Object.fromEntries(entries.filter(([, value], i) => cells[i] !== '' && Number.isFinite(value))) as RunEpoch
  })
}

/** Some of the epochs, spread evenly, and the best one. */
export function thinned(history: readonly RunEpoch[], bestEpoch: number | null): RunEpoch[] {
  if (history.length <= MOST_EPOCHS) return [...history]
  const last = history.length - 1
  // Room for the best one.
  const chosen = new Set(Array.from({ length: MOST_EPOCHS - 1 }, (_, i) => Math.round((i * last) / (MOST_EPOCHS - 2))))
  return history.filter(({ epoch }, i) => chosen.has(i) || epoch === bestEpoch)
}
