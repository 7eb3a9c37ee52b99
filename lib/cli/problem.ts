import { CommanderError } from 'commander'
import { TorchError } from '../errors.ts'
import { styled } from './output.ts'
import { flagOf, SETTINGS } from './settings.ts'

/** A command that cannot be understood: it ends with the exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Exit codes of all commands. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const

/** The names of calls at the start of a message, such as `Series.from: `, which users of commands do not know. */
const CALL =
  /^(?:(?:[A-Z]\w+(?:\.\w+)?|calibrate|examine|forecast|generateStream|loadModel|serve|fit|evaluate|predict): )+/

/** The message of an error as commands show it: what it says of options it says of flags. */
export function messageFor(error: Error): string {
  return error.message
    .replace(/^error: /, '')
    .replace(CALL, '')
    .replaceAll(/\b(\w+): ('[^']*'(?:, '[^']*')*(?: or '[^']*')?)/g, (all, key: string, list: string) =>
      Object.hasOwn(SETTINGS, key) ? `${flagOf(key)} ${unquoted(list)}` : all,
    )
    .replaceAll(/\{ sql: "([^"]*)" \}/g, 'a query in a file, data.sql: $1')
    .replaceAll(
      'apart in groups, or aggregate the rows in SQL; a',
      'apart with --group, or aggregate the rows in a query, data.sql; a',
    )
    .replaceAll('see series.gaps, and ', '')
    .replaceAll(/\bin futureInputs\b/g, 'in the file of --future')
    .replaceAll(/\bfutureInputs\b/g, 'the file of --future')
}

/** The texts of a list as they are written on a command line. */
function unquoted(list: string): string {
  return list.replaceAll(/'([^']*)'/g, (quoted, word: string) => (/^[\w.%-]+$/.test(word) ? word : quoted))
}

/**
 * Tells what went wrong, and sets the exit code. A mistake of the user's is a sentence; a fault of this library is
 * thrown again, with its trace.
 */
export function report(error: unknown, json: boolean): void {
  if (error instanceof CommanderError && error.exitCode === 0) {
    process.exitCode = EXIT.ok
    return
  }
  if (!(error instanceof TorchError || error instanceof UsageError || error instanceof CommanderError)) throw error
  const message = messageFor(error)
  process.exitCode = error instanceof TorchError ? EXIT.failed : EXIT.usage
  const code = error instanceof TorchError ? error.code : 'ERR_USAGE'
  if (json) console.log(JSON.stringify({ error: { code, message } }, null, 2))
  // Commander has said it.
  if (error instanceof CommanderError) return
  process.stderr.write(`${styled(process.stderr, 'red', 'error:')} ${message}\n`)
}
