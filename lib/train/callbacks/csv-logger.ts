import { appendFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { requireNone, requireString } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { makeFolder } from '../../io/folder.ts'
import type { Callback } from '../callback.ts'
import type { EpochResult } from '../history.ts'

/**
 * Writes the results of each epoch as a row of a CSV file: its columns are those of the first row.
 *
 * @param path is created with its folder, and overwritten, except when a `fit` is resumed
 */
export function csvLogger(path: string, ...none: undefined[]): Callback {
  requireString('csvLogger', 'path', path)
  requireNone('csvLogger', none)
  let columns: string[] | undefined
  const row = (result: EpochResult): string => `${(columns ?? []).map((name) => result[name] ?? '').join(',')}\n`
  const begin = async (epochs: readonly EpochResult[]): Promise<void> => {
    columns = Object.keys(epochs[0] ?? {})
    await makeFolder(dirname(path))
    await writeFile(path, `${columns.join(',')}\n${epochs.map(row).join('')}`)
  }
  const guarded = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      throw torchError('ERR_TORCH_FILE', `csvLogger: cannot write ${path}: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }
  return {
    onFitStart() {
      columns = undefined
    },
    // The rows before a resumed epoch are written again: the program may have ended after it wrote some, but before its
    // checkpoint.
    onEpochEnd: ({ history, result }) =>
      guarded(() => (columns === undefined ? begin(history.epochs) : appendFile(path, row(result as EpochResult)))),
  }
}
