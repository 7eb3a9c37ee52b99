import { readdir, realpath, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { checkOptions, requireInteger, requireString } from '../../check.ts'
import { describe } from '../../describe.ts'
import { torchError } from '../../errors.ts'
import { copyFile } from '../../io/atomic.ts'
import { run as runCoroutine } from '../../io/coroutine.ts'
import { makeFolder } from '../../io/folder.ts'
import { type Callback, FOLDER } from '../callback.ts'
import { FolderLock } from '../folder-lock.ts'
import { isBetter, MONITOR, type MonitorOptions, monitored, requireMonitor } from '../monitor.ts'
import type { Run } from '../run.ts'

export interface CheckpointOptions extends MonitorOptions {
  /** How many epochs lie between two checkpoints. Default 1. */
  everyEpochs?: number
  /** How many steps lie between two more checkpoints, within epochs. Default: none. */
  everySteps?: number
  /** How many of the last checkpoints to keep. Default 1. */
  keep?: number
}

const NAME = /^step-(\d+)\.safetensors$/
const BEST = 'best.safetensors'

/** The newest checkpoint of a folder; `undefined` if it has none, or does not exist. */
export async function newestIn(folder: string): Promise<string | undefined> {
  const [newest] = await checkpointsIn(folder)
  return newest === undefined ? undefined : join(folder, newest)
}

/** The other checkpoints of a folder: the older ones, the newest first, and that of the best epoch. */
export async function othersIn(folder: string): Promise<string[]> {
  const older = (await checkpointsIn(folder)).slice(1)
  return [...older, BEST].map((name) => join(folder, name))
}

/** The names of a folder's checkpoints, the newest first. */
async function checkpointsIn(folder: string): Promise<string[]> {
  return (await namesIn(folder)).filter((name) => NAME.test(name)).sort((a, b) => stepOf(b) - stepOf(a))
}

const stepOf = (name: string): number => Number(NAME.exec(name)?.[1])

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw torchError('ERR_TORCH_FILE', `checkpoint: cannot read ${folder}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/**
 * The newest files are the ones that are kept and resumed: those of another run, with more steps, would win over the
 * files of this one.
 *
 * @throws {TorchError} if a folder has checkpoints that the run does not continue.
 */
async function requireOwn(folder: string, { resume, step }: Run): Promise<void> {
  const [newest] = await checkpointsIn(folder)
  const found = newest ?? (await namesIn(folder)).find((name) => name === BEST)
  if (found === undefined) return
  if (resume === undefined || !(await isWithin(resume, folder))) {
    const last = newest === undefined ? '' : `, the last of step ${stepOf(newest)}`
    throw torchError(
      'ERR_TORCH_FILE',
      `checkpoint: ${folder} has checkpoints of another fit${last}, and this one does not continue it: go on with fit(data, { resume: ${describe(folder)} }), or name another folder`,
    )
  }
  if (newest === undefined || stepOf(newest) <= step) return
  throw torchError(
    'ERR_TORCH_FILE',
    `checkpoint: ${folder} has a checkpoint of step ${stepOf(newest)}, but this fit goes on from step ${step}: remove the later ones, or name another folder`,
  )
}

async function copied(path: string, target: string): Promise<void> {
  await runCoroutine(copyFile('checkpoint', path, target))
}

/** Whether a path is a folder, or a file in it. */
async function isWithin(path: string, folder: string): Promise<boolean> {
  return (await realpath(path.endsWith('.safetensors') ? dirname(path) : path)) === (await realpath(folder))
}

/** Writes a checkpoint into a folder, and removes all but the newest `keep`. Returns its path. */
export async function writeCheckpoint(folder: string, run: Run, keep = 1): Promise<string> {
  const path = join(folder, `step-${String(run.step).padStart(9, '0')}.safetensors`)
  await run.save(path)
  const old = (await checkpointsIn(folder)).slice(keep)
  await Promise.all(old.map((name) => rm(join(folder, name), { force: true })))
  return path
}

/**
 * Writes the whole state of a `fit` into a folder, from which `fit(data, { resume: folder })` continues: after each
 * epoch, or more often. `step-….safetensors` are the last ones, `best.safetensors` is that of the best epoch. A folder
 * belongs to one run: `fit` rejects with `ERR_TORCH_FILE` if it has checkpoints that the `fit` does not continue.
 *
 * @example new Trainer(model, { callbacks: [checkpoint('runs/a', { everySteps: 1000, keep: 3 })] })
 * @param folder is created if it does not exist
 */
export function checkpoint(folder: string, options: CheckpointOptions = {}, ...none: undefined[]): Callback {
  const owner = 'checkpoint'
  requireString(owner, 'folder', folder)
  checkOptions(owner, options, ['everyEpochs', 'everySteps', 'keep', 'monitor', 'mode'], none)
  const { everyEpochs = 1, everySteps, keep = 1 } = options
  requireInteger(owner, 'everyEpochs', everyEpochs, 1)
  if (everySteps !== undefined) requireInteger(owner, 'everySteps', everySteps, 1)
  requireInteger(owner, 'keep', keep, 1)
  requireMonitor(owner, options)
  let best: number | undefined
  let lock: FolderLock | undefined
  const release = (): void => {
    lock?.release()
    lock = undefined
  }
  const write = (run: Run): Promise<string> => writeCheckpoint(folder, run, keep)
  const callback: Callback & { [FOLDER]: string; [MONITOR]: string | undefined } = {
    [FOLDER]: folder,
    [MONITOR]: options.monitor,
    name: owner,
    ...(everySteps === undefined ? {} : { everySteps, onStepEnd: write }),
    async onFitStart(run) {
      if (run.history.epochs.length === 0) best = undefined
      try {
        await makeFolder(folder)
      } catch (error) {
        throw torchError(
          'ERR_TORCH_FILE',
          `checkpoint: cannot make the folder ${folder}: ${(error as Error).message}`,
          {
            cause: error,
          },
        )
      }
      lock = new FolderLock(owner, folder)
      await requireOwn(folder, run)
    },
    onFitEnd: release,
    onException: release,
    async onEpochEnd(run) {
      const value = monitored(owner, run, options)
      const improves = isBetter(value, best, options.mode)
      if (improves) best = value
      const isDue = run.epoch % everyEpochs === 0 || run.stopReason !== undefined || run.epoch === run.epochs
      const path = isDue ? await write(run) : undefined
      if (!improves) return
      // Not a second name for the same file: one that is damaged should leave the other.
      if (path === undefined) await run.save(join(folder, BEST))
      else await copied(path, join(folder, BEST))
    },
    stateDict: () => ({ best }),
    loadStateDict(state) {
      best = (state as { best?: number }).best
    },
  }
  return callback
}
