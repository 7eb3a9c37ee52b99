// What is to be compared, before LibTorch is loaded: a mistake is told at once.
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { CompareSettings } from '../comparison.ts'
import { type About, readSettings, requireSettings } from '../config.ts'
import { requireOwn } from '../plan.ts'
import { UsageError } from '../problem.ts'
import { flagOf, type Given, METRICS, RECURRENT, type Settings } from '../settings.ts'
import { COMPARE, COMPARE_SETTINGS, PRESETS } from './settings.ts'

export interface ComparePlanOptions {
  /** A file of settings; flags come before it. */
  config?: string
  /** The folder of the comparison. */
  out?: string
  resume?: boolean
}

/** The settings of a comparison, in its folder. */
export const COMPARE_FILE = 'compare.json'

/** What a comparison that goes on may change: trainings that have ended stay as they are. */
const EXTENDABLE = ['models', 'hiddenSizes', 'seeds', 'lrs', 'by', 'threads']

type Values = Readonly<Record<string, unknown>>

export interface ComparePlan {
  readonly data: string
  readonly compare: CompareSettings
  /** What all trainings share. */
  readonly settings: Settings
  readonly about: About | undefined
  readonly folder: string
  /** Whether the folder has a comparison to go on with. */
  readonly resumes: boolean
}

/**
 * Finds out what to compare, from flags, the file of settings and the comparison that is resumed.
 * @throws {UsageError} if something is missing, or does not fit.
 */
export function comparePlanOf(given: Values, data: string | undefined, options: ComparePlanOptions): ComparePlan {
  const found = find(given, data, options)
  const all = { ...PRESETS, ...found.given }
  const own = Object.fromEntries(Object.keys(COMPARE).map((key) => [key, all[key]])) as unknown as CompareSettings
  const shared = Object.fromEntries(Object.entries(all).filter(([key]) => !(key in COMPARE))) as unknown as Settings
  requireShared(shared)
  const compare = {
    ...own,
    models: distinct(own.models),
    hiddenSizes: distinct(own.hiddenSizes),
    lrs: distinct(own.lrs),
    steps: own.steps ?? (own.seconds == null ? 1000 : null),
    seconds: own.seconds ?? null,
  }
  requireCompare(compare, shared, { all: found.given, flags: given })
  return { ...found, compare, settings: shared }
}

/** The networks without the weights that `--init` names. */
const LACKING_INIT: Readonly<Record<string, (model: Settings['model']) => boolean>> = {
  input: (model) => !isRecurrent(model),
  recurrent: (model) => !isRecurrent(model) || model === 'minGru',
  forgetBias: (model) => !['lstm', 'peepholeLstm'].includes(model),
}

const isRecurrent = (model: Settings['model']): boolean => (RECURRENT as readonly string[]).includes(model)

const distinct = <T>(list: readonly T[]): T[] => [...new Set(list)]

function requireShared(settings: Settings): void {
  requireSettings(settings as Given, ['time', 'target'])
  for (const part of ['validation', 'test'] as const) {
    if (settings[part] !== 'none') continue
    const use = part === 'test' ? 'networks are compared on it' : 'learning rates, epochs and networks are chosen by it'
    throw new UsageError(`--${part} none leaves out the ${part} part, and ${use}`)
  }
  const other = settings.metrics.find((name) => !(METRICS.forecast as readonly string[]).includes(name))
  if (other === undefined) return
  throw new UsageError(
    `--metrics ${other} cannot be measured on forecasts: choose among ${METRICS.forecast.join(', ')}`,
  )
}

function requireCompare(
  compare: CompareSettings,
  shared: Settings,
  given: { readonly all: Values; readonly flags: Values },
): void {
  const models = compare.models as Settings['model'][]
  if (models.length === 0) throw new UsageError('--models none leaves nothing to compare: name at least one network')
  const own = Object.fromEntries(Object.entries(given.all).filter(([key]) => !(key in COMPARE)))
  requireOwn(own as Given, models, given.flags as Given)
  if (given.flags.hiddenSizes !== undefined && models.every((model) => model === 'linear')) {
    throw new UsageError('--hidden-sizes has no effect on a linear')
  }
  for (const part of Object.keys(shared.init ?? {})) {
    const lacking = models.find((model) => LACKING_INIT[part]?.(model))
    if (lacking !== undefined)
      throw new UsageError(`--init ${part} has no effect on a ${lacking}: leave one of them out`)
  }
  const schedule = typeof shared.schedule === 'string' ? shared.schedule : shared.schedule?.name
  if (compare.steps === null && schedule !== undefined && !['constant', 'plateau'].includes(String(schedule))) {
    throw new UsageError(
      `--schedule ${schedule} depends on the number of steps: give --steps, with or without --seconds`,
    )
  }
}

interface Found {
  readonly data: string
  readonly given: Values
  readonly about: About | undefined
  readonly folder: string
  readonly resumes: boolean
}

function find(given: Values, data: string | undefined, { config, out, resume = false }: ComparePlanOptions): Found {
  const file = config === undefined ? undefined : readSettings(config, COMPARE_SETTINGS)
  const own = { data: data ?? file?.data, given: { ...file?.settings, ...given }, about: file?.about }
  const folder =
    out ?? (own.data === undefined ? undefined : join('runs', `${basename(own.data).replace(/\..*$/, '')}-compare`))
  if (folder === undefined) throw new UsageError('name the file with the data: npx libtorch-rnn compare data.csv …')
  const path = join(folder, COMPARE_FILE)
  if (!existsSync(path)) {
    if (existsSync(join(folder, 'run.json'))) throw new UsageError(`${folder} has a run: name another folder (--out)`)
    if (own.data !== undefined && resume) {
      throw new UsageError(`${folder} has no comparison to go on with: leave --resume out for a new one`)
    }
    if (own.data !== undefined) return { data: own.data, given: own.given, about: own.about, folder, resumes: false }
    throw new UsageError(
      resume
        ? `${folder} has no comparison to go on with: name the data and the settings for a new one`
        : 'name the file with the data: npx libtorch-rnn compare data.csv …',
    )
  }
  if (!resume) {
    throw new UsageError(`${folder} has a comparison: go on with it (--resume), or name another folder (--out)`)
  }
  return resumed(own, path, folder)
}

/** @throws {UsageError} for a setting that differs from that of the comparison, and that may not. */
function resumed(own: { data: string | undefined; given: Values }, path: string, folder: string): Found {
  const before = readSettings(path, COMPARE_SETTINGS)
  const given: Values = { ...before.settings, ...own.given }
  const text = (value: unknown): string => JSON.stringify(value ?? null)
  const changed = Object.keys(given).find(
    (key) => !EXTENDABLE.includes(key) && text(given[key]) !== text(before.settings[key]),
  )
  if (changed !== undefined) {
    throw new UsageError(
      `the comparison in ${folder} has ${flagOf(changed)} ${text(before.settings[changed])}, not ${text(given[changed])}: one that goes on can only change ${EXTENDABLE.map(flagOf).join(', ')}`,
    )
  }
  const data = own.data ?? before.data
  if (data === undefined) throw new UsageError(`${path} names no data: name the file`)
  return { data, given, about: before.about, folder, resumes: true }
}
