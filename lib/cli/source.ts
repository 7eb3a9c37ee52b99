// Which model and which data a command reads, before LibTorch is loaded.
import { createWriteStream, existsSync, statSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { messageOf, TorchError, torchError } from '../errors.ts'
import { COMPARISON } from './comparison.ts'
import { readConfig } from './config.ts'
import { FILES } from './plan.ts'
import { UsageError } from './problem.ts'

/** A model to use, and the data to use it on. */
export interface Located {
  /** The file of the model. */
  readonly model: string
  /** The path of the data; `-` is standard input. */
  readonly data: string | undefined
  /** Whether the data are those of the run, because no others were named. */
  readonly isOwn: boolean
}

/**
 * Finds the model, which is a file, or in the folder of a run; without data, those of the run are meant.
 * @throws {UsageError} if there is no such file.
 */
export function locate(model: string, data: string | undefined): Located {
  if (!existsSync(model)) throw new UsageError(`there is no model or run ${model}`)
  if (!statSync(model).isDirectory()) return { model, data, isOwn: false }
  const path = join(model, FILES.model)
  if (!existsSync(path)) {
    const hint = existsSync(join(model, FILES.config)) ? `: its run is not over, train --out ${model} --resume` : ''
    throw new UsageError(`${model} has no ${FILES.model}${hint}`)
  }
  if (data !== undefined) return { model: path, data, isOwn: false }
  const config = join(model, FILES.config)
  return { model: path, data: existsSync(config) ? readConfig(config).data : undefined, isOwn: true }
}

/** The same for a command that needs data. */
export function locateBoth(model: string, data: string | undefined): Located & { readonly data: string } {
  const found = locate(model, data)
  if (found.data !== undefined) return { ...found, data: found.data }
  throw new UsageError(`name the file with the data after ${model}, or - for standard input`)
}

/** The folder of a run that is over. @throws {UsageError} if it is none. */
export function requireRun(folder: string): string {
  if (!existsSync(folder)) throw new UsageError(`there is no run ${folder}`)
  if (existsSync(join(folder, COMPARISON))) return folder
  if (existsSync(join(folder, FILES.result)) && existsSync(join(folder, FILES.model))) return folder
  const hint = existsSync(join(folder, FILES.config))
    ? `its run is not over, train --out ${folder} --resume`
    : 'name the folder of a run'
  throw new UsageError(`${folder} has no ${FILES.result}: ${hint}`)
}

/** What standard input can be. */
export const FORMATS = ['csv', 'tsv', 'jsonl', 'parquet'] as const
export type Format = (typeof FORMATS)[number]

/** Calls `work` with the path of the data. Standard input becomes a file for the time of it. */
export async function withData<T>(
  data: string,
  format: Format | 'txt',
  work: (path: string) => Promise<T>,
): Promise<T> {
  if (data !== '-') return await work(data)
  const folder = await mkdtemp(join(tmpdir(), 'libtorch-rnn-'))
  const path = join(folder, `input.${format}`)
  try {
    await pipeline(process.stdin, createWriteStream(path))
    return await work(path)
  } catch (error) {
    if (!(error instanceof TorchError) || !error.message.includes(path)) throw error
    throw torchError(error.code, error.message.replaceAll(path, 'standard input'), { cause: error })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** @throws {TorchError} if the file cannot be read, or is empty. */
export async function readText(path: string): Promise<string> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw torchError('ERR_TORCH_FILE', `${path} cannot be read: ${messageOf(cause)}`, { cause })
  }
  if (text !== '') return text
  throw torchError('ERR_TORCH_VALUE', `${path} is empty`)
}

/** The query in a file whose name ends in .sql, else the file itself. */
export async function sourceOf(data: string): Promise<string | { sql: string }> {
  return data.endsWith('.sql') ? { sql: await readText(data) } : data
}
