import { checkOptions, invalid, requireInteger, requireNumber, requireString } from '../check.ts'
import { torchError } from '../errors.ts'
import { opaque } from '../opaque.ts'
import { requireTensor, type Tensor } from '../tensor/tensor.ts'
import type { Event } from './event-file.ts'
import { EventWriter } from './event-writer.ts'
import { histogramsOf } from './histogram.ts'
import { imageOf } from './image.ts'

export interface SummaryWriterOptions {
  /** The step from which on TensorBoard drops what earlier files in the folder have, after a resumed run. Default: none. */
  purgeStep?: number
}

/**
 * Writes an event file for TensorBoard, `tensorboard --logdir runs`: PyTorch's `torch.utils.tensorboard.SummaryWriter`.
 * What is written is in the file when the promise resolves, so there is nothing to flush or to close. In a `fit`, the
 * callback `tensorBoard` writes the usual things by itself.
 *
 * @example
 * const writer = new SummaryWriter('runs/a')
 * await writer.addScalar('loss', 0.25, 1)
 * await writer.addHistogram('weights', model.linear.weight, 1)
 * @throws {TorchError} if `logDir` is no string, or for an unknown option.
 * @see https://docs.pytorch.org/docs/stable/tensorboard.html
 */
export class SummaryWriter {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('SummaryWriter', 'use logDir')
  /** The folder. */
  readonly logDir: string
  readonly #writer: EventWriter

  constructor(logDir: string, options: SummaryWriterOptions = {}, ...none: undefined[]) {
    requireString('SummaryWriter', 'logDir', logDir)
    checkOptions('SummaryWriter', options, ['purgeStep'], none)
    const { purgeStep } = options
    if (purgeStep !== undefined) requireInteger('SummaryWriter', 'purgeStep', purgeStep, 0)
    this.logDir = logDir
    this.#writer = new EventWriter('SummaryWriter', logDir, purgeStep)
  }

  /**
   * Adds a number, which is saved as float32.
   * @throws {TorchError} (rejects) for a wrong argument; `ERR_TORCH_FILE` if the file cannot be written, as by all methods.
   */
  async addScalar(tag: string, scalarValue: number, globalStep = 0): Promise<void> {
    requireNumber('SummaryWriter.addScalar', 'scalarValue', scalarValue)
    await this.#write('addScalar', tag, globalStep, { scalars: { [tag]: scalarValue } })
  }

  /**
   * Adds the distribution of values, of any shape, dtype and device, in TensorBoard's buckets. NaN and infinite values do
   * not count.
   * @throws {TorchError} (rejects) `ERR_TORCH_VALUE` if there are no others.
   */
  async addHistogram(tag: string, values: Tensor, globalStep = 0): Promise<void> {
    requireTensor('SummaryWriter.addHistogram', 'values', values)
    const histograms = await histogramsOf({ [tag]: values })
    if (Object.keys(histograms).length === 0) {
      throw torchError('ERR_TORCH_VALUE', 'SummaryWriter.addHistogram: values has no finite value')
    }
    await this.#write('addHistogram', tag, globalStep, { histograms })
  }

  /** Adds a text, in Markdown. */
  async addText(tag: string, textString: string, globalStep = 0): Promise<void> {
    requireString('SummaryWriter.addText', 'textString', textString)
    await this.#write('addText', tag, globalStep, { texts: { [tag]: textString } })
  }

  /**
   * Adds an image.
   *
   * @param image the bytes of a PNG file, such as a chart; or pixels (H, W), or (C, H, W) with 1, 3 or 4 channels, in
   *   uint8 or floating-point from 0 to 1
   * @throws {TorchError} (rejects) for anything else.
   */
  async addImage(tag: string, image: Uint8Array | Tensor, globalStep = 0): Promise<void> {
    const owner = 'SummaryWriter.addImage'
    await this.#write('addImage', tag, globalStep, { images: { [tag]: await imageOf(owner, image) } })
  }

  async #write(method: string, tag: unknown, step: unknown, event: Event): Promise<void> {
    const owner = `SummaryWriter.${method}`
    if (typeof tag !== 'string' || tag === '') throw invalid(owner, 'tag', 'a text that is not empty', tag)
    requireInteger(owner, 'globalStep', step, 0)
    await this.#writer.write([{ step, ...event }])
  }
}
