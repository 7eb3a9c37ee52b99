import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { isPlain, unknownOption } from '../check.ts'
import { torchError } from '../errors.ts'
import { makeFolder } from '../io/folder.ts'
import { UsageError } from './problem.ts'
import { flagOf, type Given, IDLE, type Key, SETTINGS, type Setting, type Settings, TASK_PRESETS } from './settings.ts'

/** With what a run was made: not to be set. */
export interface About {
  readonly 'libtorch-rnn': string
  readonly libtorch: string
  readonly node: string
  readonly platform: string
  /** The SHA-256 of the data; `null` if they are several files. */
  readonly dataSha256: string | null
}

/** A file of settings. */
export interface Config {
  /** The path of the data. */
  readonly data: string | undefined
  readonly settings: Given
  readonly about: About | undefined
}

/**
 * Reads a file of settings: one object, with the keys of the settings, `data`, a path that starts from the folder of the
 * file, and `about` as runs write it.
 * @throws {UsageError} that names the key that is unknown or has a wrong value.
 */
export function readConfig(path: string): Config {
  const { data, about, settings } = readSettings(path, SETTINGS)
  return { data, about, settings: settings as Given }
}

/** What a file of settings has, by the table of all settings that it may have. */
export interface SettingsFile {
  readonly data: string | undefined
  readonly settings: Readonly<Record<string, unknown>>
  readonly about: About | undefined
}

/** The same for other settings. */
export function readSettings(path: string, table: Readonly<Record<string, Setting>>): SettingsFile {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`)
  }
  let found: unknown
  try {
    found = JSON.parse(content)
  } catch (error) {
    throw new UsageError(`${path} is not valid JSON: ${(error as Error).message}`)
  }
  if (!isPlain(found)) throw new UsageError(`${path} must be one JSON object of settings, such as {"hiddenSize": 64}`)
  const { data, about, ...settings } = found as Record<string, unknown>
  if (data !== undefined && typeof data !== 'string') throw new UsageError(`${path}: data must be the path of a file`)
  for (const [key, value] of Object.entries(settings)) {
    if (!Object.hasOwn(table, key)) {
      throw new UsageError(`${path}: ${unknownOption(key, ['data', ...Object.keys(table)])}`)
    }
    const { kind } = table[key] as Setting
    if (!kind.accepts(value)) {
      throw new UsageError(`${path}: ${key} must be ${kind.wanted}, in JSON, got ${JSON.stringify(value)}`)
    }
  }
  const folder = dirname(resolve(path))
  return {
    data: data === undefined ? undefined : relative(process.cwd(), resolve(folder, data)),
    settings,
    about: isPlain(about) ? (about as About) : undefined,
  }
}

/** Writes a file of settings, as a whole or not at all. */
export async function writeConfig(path: string, { data, settings, about }: SettingsFile): Promise<void> {
  const folder = dirname(resolve(path))
  const from = data === undefined ? {} : { data: relative(folder, resolve(data)) }
  await writeJSON(path, { ...from, ...settings, about })
}

/** @throws {TorchError} if the file cannot be written. */
export async function writeJSON(path: string, value: object): Promise<void> {
  try {
    await makeFolder(dirname(path))
    await writeFile(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`)
    await rename(`${path}.new`, path)
  } catch (cause) {
    throw torchError('ERR_TORCH_FILE', `${path} cannot be written: ${(cause as Error).message}`, { cause })
  }
}

/** The settings in which two files differ. */
export function differences(a: Given, b: Given): Key[] {
  const keys = Object.keys(SETTINGS) as Key[]
  return keys.filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]))
}

/** All settings: those that were given, and what the others are without. */
export function withPresets(given: Given): Settings {
  const own = TASK_PRESETS[given.task ?? 'forecast']
  const presets = Object.entries(SETTINGS).flatMap(([key, { preset }]: [string, Setting]) =>
    preset === undefined ? [] : [[key, preset]],
  )
  return { ...Object.fromEntries(presets), ...own, ...given } as Settings
}

/** The settings that have an effect on their task. */
export function withoutIdle(settings: Settings): Settings {
  const idle: readonly string[] = IDLE[settings.task]
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !idle.includes(key))) as unknown as Settings
}

/** @throws {UsageError} unless these settings were given. */
export function requireSettings<S extends Given, K extends Key>(
  given: S,
  keys: readonly K[],
): asserts given is S & Required<Pick<Given, K>> {
  const missing = keys.filter((key) => given[key] === undefined)
  if (missing.length === 0) return
  const lines = missing.map((key) => `${flagOf(key)}, ${SETTINGS[key].help},`)
  throw new UsageError(`${lines.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} needed`)
}
