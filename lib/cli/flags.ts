import { type Command, InvalidArgumentError, Option } from 'commander'
import { flagOf, type Given, type Setting } from './settings.ts'

/** A part of the table of settings. */
export type Part = Readonly<Record<string, Setting>>

/** The help of a setting with its choices and its value without one. */
export function helpOf({ kind, help, preset }: Setting): string {
  if (preset === true) return `turns off: ${help}`
  const notes = [
    ...(kind.choices === undefined ? [] : [`choices: ${kind.choices.join(', ')}`]),
    ...(preset === undefined || preset === false ? [] : [`default: ${shown(preset)}`]),
  ]
  return notes.length === 0 ? help : `${help} (${notes.join('; ')})`
}

const shown = (value: unknown): string => (Array.isArray(value) ? value.join(',') : String(value))

/** What a flag looks like in help texts: `--hidden-size <n>`, `--no-shuffle`. */
export function termOf(key: string, { kind, preset }: Setting): string {
  if (kind.placeholder !== '') return `${flagOf(key)} ${kind.placeholder}`
  return preset === true ? `--no-${flagOf(key).slice(2)}` : flagOf(key)
}

/** Adds the flags of settings to a command, under a heading of its help. */
export function addFlags(command: Command, heading: string, part: Part): Command {
  for (const [key, setting] of Object.entries(part)) {
    const term = termOf(key, setting)
    command.addOption(optionFor(term, setting, helpOf(setting)).helpGroup(heading))
    if (setting.kind.placeholder !== '') continue
    // The other direction overrides a file of settings.
    const other = term.startsWith('--no-') ? flagOf(key) : `--no-${flagOf(key).slice(2)}`
    command.addOption(new Option(other).hideHelp())
  }
  return command
}

function optionFor(term: string, { kind }: Setting, help: string): Option {
  const option = new Option(term, help)
  if (kind.placeholder === '') return option
  const isList = kind.placeholder.endsWith(',…>')
  return option.argParser((text: string, previous: unknown) => {
    const value: unknown = kind.parse(text)
    if (!kind.accepts(value)) throw new InvalidArgumentError(`It must be ${kind.wanted}.`)
    if (!isList || previous === undefined) return value
    return Array.isArray(value)
      ? [...(previous as unknown[]), ...value]
      : { ...(previous as object), ...(value as object) }
  })
}

/** The settings that were given as flags. */
export function readFlags(command: Command, parts: readonly Part[]): Given {
  const options = command.opts<Record<string, unknown>>()
  return Object.fromEntries(
    parts
      .flatMap((part) => Object.keys(part))
      .filter((key) => command.getOptionValueSource(key) === 'cli')
      .map((key) => [key, options[key]]),
  )
}
