import {
  checkOptions,
  invalid,
  isPlain,
  requireBoolean,
  requireFunction,
  requireInteger,
  requireString,
} from '../../check.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Callback } from '../callback.ts'
import type { Image } from '../event-file.ts'
import { EventWriter } from '../event-writer.ts'
import { histogramsOf } from '../histogram.ts'
import type { EpochResult } from '../history.ts'
import { imageOf } from '../image.ts'
import type { Run } from '../run.ts'

/** Images by tag: the bytes of PNG files, or pixels as `SummaryWriter.addImage` takes them. */
export type Images = Readonly<Record<string, Uint8Array | Tensor>>

export interface TensorBoardOptions {
  /** How many steps lie between two entries of `step/lr` and `step/loss`. Default 50. */
  everySteps?: number
  /**
   * Whether the distributions of all parameters, `weights/…`, and of their gradients in the last step, `gradients/…`, are
   * written after each epoch. Default `false`.
   */
  histograms?: boolean
  /** Texts in Markdown by tag, written at the start, such as what a run is for. Default: none. */
  texts?: Readonly<Record<string, string>>
  /** Images to write after each epoch, such as charts. It may be async. Default: none. */
  images?: (run: Run) => Images | Promise<Images>
}

/**
 * Writes event files for TensorBoard: `tensorboard --logdir runs`. At the start, the modules of the model as the text
 * `model`. After each epoch, all numbers of its result as `epoch/trainLoss` and so on, and if asked for, histograms and
 * images; every so many steps, `step/lr`, the learning rate of the first parameter group, and `step/loss`, the mean
 * training loss of the epoch so far. All of them over the number of steps.
 *
 * A `fit` that is resumed continues the curves; what had been written after its checkpoint is replaced. Any other `fit`
 * begins anew: TensorBoard drops what earlier ones have written to the same folder, so give each a folder.
 *
 * @example
 * new Trainer(model, { checkpoint: 'runs/a', callbacks: [tensorBoard('runs/a', { histograms: true })] })
 * @param folder is created if it does not exist
 * @throws {TorchError} for an unknown option or an invalid value; `ERR_TORCH_FILE` (`fit` rejects) if the folder cannot
 *   be written to.
 * @see https://docs.pytorch.org/docs/stable/tensorboard.html
 */
export function tensorBoard(folder: string, options: TensorBoardOptions = {}, ...none: undefined[]): Callback {
  const owner = 'tensorBoard'
  requireString(owner, 'folder', folder)
  checkOptions(owner, options, ['everySteps', 'histograms', 'texts', 'images'], none)
  const { everySteps = 50, histograms = false, texts = {}, images } = options
  requireInteger(owner, 'everySteps', everySteps, 1)
  requireBoolean(owner, 'histograms', histograms)
  if (!isPlain(texts)) throw invalid(owner, 'texts', 'an object of texts by tag', texts)
  for (const [tag, text] of Object.entries(texts)) requireString(owner, `texts.${tag}`, text)
  if (images !== undefined) requireFunction(owner, 'images', images)
  let writer: EventWriter | undefined
  const write = async (...events: Parameters<EventWriter['write']>[0]): Promise<void> => await writer?.write(events)
  return {
    everySteps,
    async onFitStart({ step, model }) {
      // The start of a session takes back all that was written for its step and later ones.
      writer = new EventWriter(owner, folder, step + 1)
      const modules = String(model).replaceAll(/^/gm, '    ')
      await write({ step, texts: { model: modules, ...texts } })
    },
    async onStepEnd(run) {
      const [{ lr } = {}] = run.optimizer.paramGroups
      await write({
        step: run.step,
        scalars: { ...(lr === undefined ? {} : { 'step/lr': lr }), 'step/loss': await run.loss() },
      })
    },
    async onEpochEnd(run) {
      const { step, result } = run
      const shown = images === undefined ? undefined : await imagesIn(owner, await images(run))
      await write({
        step,
        scalars: scalarsOf(result as EpochResult),
        ...(histograms ? { histograms: await histogramsOf(parametersOf(run)) } : {}),
        ...(shown === undefined ? {} : { images: shown }),
      })
    },
  }
}

function scalarsOf(result: EpochResult): Record<string, number> {
  const entries = Object.entries(result).flatMap(([name, value]) =>
    typeof value === 'number' ? [[name === 'epoch' ? name : `epoch/${name}`, value] as const] : [],
  )
  return Object.fromEntries(entries)
}

/** The parameters, and the gradients of those that have one, by tag. */
function parametersOf({ model }: Run): Record<string, Tensor> {
  const entries = [...model.namedParameters()].flatMap(([name, parameter]): [string, Tensor][] => {
    const { grad } = parameter
    return [[`weights/${name}`, parameter], ...(grad === null ? [] : [[`gradients/${name}`, grad] as [string, Tensor]])]
  })
  return Object.fromEntries(entries)
}

async function imagesIn(owner: string, images: unknown): Promise<Record<string, Image>> {
  if (!isPlain(images)) throw invalid(owner, 'what images returns', 'an object of images by tag', images)
  const entries = Object.entries(images).map(async ([tag, image]) => [tag, await imageOf(owner, image)] as const)
  return Object.fromEntries(await Promise.all(entries))
}
