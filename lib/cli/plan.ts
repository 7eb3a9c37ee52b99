// What a command is to train, before LibTorch is loaded: a mistake is told at once.
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Config, differences, readConfig, requireSettings, withoutIdle, withPresets } from './config.ts'
import type { OutputOptions } from './output.ts'
import { UsageError } from './problem.ts'
import {
  flagOf,
  type Given,
  IDLE,
  type Key,
  METRICS,
  RECURRENT,
  SETTINGS,
  type Setting,
  type Settings,
  WINDOWED,
} from './settings.ts'

export interface TrainOptions extends OutputOptions {
  /** A file of settings; flags come before it. */
  config?: string
  /** The folder of the run. */
  out?: string
  resume?: boolean
}

/** The files of a run. */
export const FILES = { config: 'run.json', result: 'result.json', model: 'model.safetensors' } as const

/** What a resumed run may change. */
const EXTENDABLE: readonly Key[] = ['epochs', 'maxSteps', 'maxSeconds', 'threads']

/** What is to be trained, and where. */
export interface Plan {
  readonly data: string
  readonly settings: Settings
  /** The settings that were asked for: the others have their values without. */
  readonly given: Given
  /** Of the run that the settings come from. */
  readonly about: Config['about']
  readonly folder: string
  /** Whether the folder has a run to go on with. */
  readonly resumes: boolean
}

type Found = Omit<Plan, 'settings'>

/**
 * Finds out what to train, from flags, the file of settings and the run that is resumed.
 * @throws {UsageError} if something is missing, or does not fit.
 */
export function planOf(given: Given, data: string | undefined, options: TrainOptions): Plan {
  const found = find(given, data, options)
  const settings = withPresets(found.given)
  requireTask(found.given, settings)
  requireOwn(found.given, [settings.model], given)
  if (settings.validation === 'none' && (found.given.intervals?.length ?? 0) > 0) {
    throw new UsageError('--intervals come from the errors on the validation part: give --validation')
  }
  return { ...found, settings: withoutIdle(withoutLacking(settings)) }
}

/** @throws {UsageError} for settings and metrics that are not of the task, or that it lacks. */
function requireTask(given: Given, settings: Settings): void {
  const { task } = settings
  if (task !== 'forecast' && (WINDOWED as readonly string[]).includes(settings.model)) {
    throw new UsageError(
      `--model ${settings.model} can only forecast: with --task ${task} choose among ${RECURRENT.join(', ')}`,
    )
  }
  if (task === 'forecast') requireSettings(settings, ['time', 'target'])
  if (task === 'classify') {
    requireSettings(settings, ['label'])
    const ofSteps = (['time', 'timeFormat'] as const).find((key) => given[key] !== undefined)
    if (ofSteps !== undefined && given.sequence === undefined) {
      throw new UsageError(`${flagOf(ofSteps)} has no effect without --sequence: each row is a sequence then`)
    }
  }
  const idle = IDLE[task].find((key) => given[key] !== undefined)
  if (idle !== undefined) throw new UsageError(`${flagOf(idle)} has no effect with --task ${task}`)
  const other = settings.metrics.find((name) => !(METRICS[task] as readonly string[]).includes(name))
  if (other === undefined) return
  throw new UsageError(
    `--metrics ${other} cannot be measured with --task ${task}: choose among ${METRICS[task].join(', ')}`,
  )
}

function find(given: Given, data: string | undefined, { config, out, resume = false }: TrainOptions): Found {
  const file = config === undefined ? undefined : readConfig(config)
  const own: Config = { data: data ?? file?.data, settings: { ...file?.settings, ...given }, about: file?.about }
  const folder = out ?? (own.data === undefined ? undefined : join('runs', basename(own.data).replace(/\..*$/, '')))
  if (folder === undefined) throw new UsageError('name the file with the data: npx libtorch-rnn train data.csv …')
  const path = join(folder, FILES.config)
  if (!existsSync(path)) {
    if (own.data !== undefined && resume) {
      throw new UsageError(`${folder} has no run to go on with: leave --resume out for a new one`)
    }
    if (own.data !== undefined) {
      return { data: own.data, given: own.settings, about: own.about, folder, resumes: false }
    }
    throw new UsageError(
      resume
        ? `${folder} has no run to go on with: name the data and the settings for a new one`
        : 'name the file with the data: npx libtorch-rnn train data.csv …',
    )
  }
  if (!resume) {
    throw new UsageError(`${folder} has a run: go on with it (--resume), or name another folder (--out)`)
  }
  return resumed(own, readConfig(path), folder)
}

/** @throws {UsageError} for a setting that differs from that of the run, and that may not. */
function resumed(own: Config, run: Config, folder: string): Found {
  const settings = { ...run.settings, ...own.settings }
  const changed = differences(run.settings, settings).find((key) => !EXTENDABLE.includes(key))
  if (changed !== undefined) {
    throw new UsageError(
      `the run in ${folder} has ${flagOf(changed)} ${JSON.stringify(run.settings[changed] ?? null)}, not ${JSON.stringify(settings[changed])}: a run that goes on can only change ${EXTENDABLE.map(flagOf).join(', ')}`,
    )
  }
  const data = own.data ?? run.data
  if (data === undefined) throw new UsageError(`${join(folder, FILES.config)} names no data: name the file`)
  return { data, given: settings, about: run.about, folder, resumes: true }
}

/** The settings that only some networks have. */
export const OWN = {
  rnn: ['nonlinearity', 'backend'],
  lstm: ['projSize', 'backend'],
  gru: ['backend'],
  peepholeLstm: [
    'projSize',
    'peephole',
    'forgetInCandidate',
    'gateActivation',
    'activation',
    'layerNorm',
    'zoneout',
    'cellZoneout',
  ],
  chungGru: ['resetAfter', 'innerBias', 'gateActivation', 'activation', 'layerNorm', 'zoneout'],
  minGru: ['zoneout'],
  linear: [],
  transformer: [],
} as const satisfies Record<Settings['model'], readonly Key[]>

/** Terms of the loss that read hidden states. */
const OF_HIDDEN = ['activationRegularization', 'temporalActivationRegularization'] as const

/** The settings of all recurrent networks that others do not have. */
const LACKING: Partial<Record<Settings['model'], readonly Key[]>> = {
  linear: ['hiddenSize', 'numLayers', 'output', 'dropout', 'outputDropout', 'bidirectional', ...OF_HIDDEN],
  transformer: ['bidirectional', 'bias', ...OF_HIDDEN],
}

/** Whether a setting has an effect on a network. */
function applies(key: Key, model: Settings['model']): boolean {
  const isOwn = Object.values(OWN).some((keys) => (keys as readonly Key[]).includes(key))
  return isOwn ? (OWN[model] as readonly Key[]).includes(key) : LACKING[model]?.includes(key) !== true
}

/** The settings that have an effect on their network. */
export function withoutLacking(settings: Settings): Settings {
  const entries = Object.entries(settings).filter(([key]) => applies(key as Key, settings.model))
  return Object.fromEntries(entries) as unknown as Settings
}

/**
 * @param flags what was given on the command line; of a file, which may have all settings, those without an effect may
 *   have their values by default
 * @throws {UsageError} for a setting that none of the networks has: it would have no effect.
 */
export function requireOwn(given: Given, models: readonly Settings['model'][], flags: Given): void {
  for (const key of Object.keys(given) as Key[]) {
    if (given[key] === undefined || models.some((model) => applies(key, model))) continue
    const { preset }: Setting = SETTINGS[key]
    if (flags[key] === undefined && JSON.stringify(given[key]) === JSON.stringify(preset)) continue
    const having = (Object.keys(OWN) as Settings['model'][]).filter((model) => applies(key, model))
    throw new UsageError(
      `${flagOf(key)} has no effect on a ${models.join(' or a ')}: it is a setting of ${having.join(', ')}`,
    )
  }
}
