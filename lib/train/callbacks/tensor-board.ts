import { Buffer } from 'node:buffer'
import { appendFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { checkOptions, requireInteger, requireString } from '../../check.ts'
import { messageOf, torchError } from '../../errors.ts'
import { makeFolder } from '../../io/folder.ts'
import type { Callback } from '../callback.ts'
import { type Event, encodeEvent } from '../event-file.ts'
import type { EpochResult } from '../history.ts'
import type { Run } from '../run.ts'

export interface TensorBoardOptions {
  /** How many steps lie between two entries of `step/lr` and `step/loss`. Default 50. */
  everySteps?: number
}

/** Files of one process within one second have different names. */
let files = 0

/**
 * Writes event files for TensorBoard: `tensorboard --logdir runs`. After each epoch, all numbers of its result as
 * `epoch/trainLoss` and so on; every so many steps, `step/lr`, the learning rate of the first parameter group, and
 * `step/loss`, the mean training loss of the epoch so far. All of them over the number of steps.
 *
 * A `fit` that is resumed continues the curves; what had been written after its checkpoint is replaced. Any other `fit`
 * begins anew: TensorBoard drops what earlier ones have written to the same folder, so give each a folder.
 *
 * @example
 * new Trainer(model, { checkpoint: 'runs/a', callbacks: [tensorBoard('runs/a')] })
 * @param folder is created if it does not exist
 * @throws {TorchError} for an unknown option or an invalid value; `ERR_TORCH_FILE` (`fit` rejects) if the folder cannot
 *   be written to.
 * @see https://docs.pytorch.org/docs/stable/tensorboard.html
 */
export function tensorBoard(folder: string, options: TensorBoardOptions = {}, ...none: undefined[]): Callback {
  const owner = 'tensorBoard'
  requireString(owner, 'folder', folder)
  checkOptions(owner, options, ['everySteps'], none)
  const { everySteps = 50 } = options
  requireInteger(owner, 'everySteps', everySteps, 1)
  let file = ''
  const write = async (events: readonly Event[]): Promise<void> => {
    const wallTime = Date.now() / 1000
    try {
      await makeFolder(folder)
      await appendFile(file, Buffer.concat(events.map((event) => encodeEvent({ wallTime, ...event }))))
    } catch (error) {
      throw torchError('ERR_TORCH_FILE', `${owner}: cannot write to ${folder}: ${messageOf(error)}`, { cause: error })
    }
  }
  return {
    everySteps,
    async onFitStart({ step }) {
      const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0')
      file = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${files++}`)
      // The start of a session takes back all that was written for its step and later ones.
      await write([{ fileVersion: 'brain.Event:2' }, { step: step + 1, isStart: true }])
    },
    async onStepEnd(run) {
      const [{ lr } = {}] = run.optimizer.paramGroups
      await write([
        { step: run.step, scalars: { ...(lr === undefined ? {} : { 'step/lr': lr }), 'step/loss': await run.loss() } },
      ])
    },
    onEpochEnd: ({ step, result }: Run) => write([{ step, scalars: scalarsOf(result as EpochResult) }]),
  }
}

function scalarsOf(result: EpochResult): Record<string, number> {
  const entries = Object.entries(result).flatMap(([name, value]) =>
    typeof value === 'number' ? [[name === 'epoch' ? name : `epoch/${name}`, value] as const] : [],
  )
  return Object.fromEntries(entries)
}
