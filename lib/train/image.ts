import { isUint8Array } from 'node:util/types'
import { invalid } from '../check.ts'
import { torchError } from '../errors.ts'
import { noGrad, offload, tidy } from '../tensor/context.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import type { Image } from './event-file.ts'
import { encodePng, pngHeader } from './png.ts'

/**
 * An image: a PNG file as it is, or the pixels (H, W), or (C, H, W) with 1, 3 or 4 channels; uint8, or floating-point from
 * 0 to 1.
 *
 * @throws {TorchError} (rejects) for anything else.
 */
export async function imageOf(owner: string, image: unknown): Promise<Image> {
  if (isTensor(image)) return await ofPixels(owner, image)
  if (!isUint8Array(image)) throw invalid(owner, 'image', 'a Tensor or the bytes of a PNG file', image)
  const header = pngHeader(image)
  if (header !== undefined) return { ...header, png: image }
  throw torchError('ERR_TORCH_FORMAT', `${owner}: image must be a PNG file: these bytes are none`, { op: owner })
}

async function ofPixels(owner: string, pixels: Tensor): Promise<Image> {
  const { shape, dtype } = pixels
  const isFloat = pixels.isFloatingPoint()
  const [channels, height, width] = (shape.length === 2 ? [1, ...shape] : shape) as [number, number, number]
  if (![2, 3].includes(shape.length) || ![1, 3, 4].includes(channels) || pixels.numel === 0) {
    const wanted = '(height, width), or (channels, height, width) with 1, 3 or 4 channels'
    throw torchError('ERR_TORCH_SHAPE', `${owner}: image must be of shape ${wanted}, got (${shape.join(', ')})`)
  }
  if (!isFloat && dtype !== 'uint8') {
    throw torchError('ERR_TORCH_DTYPE', `${owner}: image must be of uint8, or floating-point from 0 to 1, got ${dtype}`)
  }
  const data = await tidy(async () => {
    const bytes = await offload(() =>
      noGrad(() =>
        tidy(() => {
          const rows = pixels.reshape([channels, height, width]).permute([1, 2, 0])
          // Rounded down, as PyTorch's SummaryWriter does.
          const scaled = isFloat ? rows.float().mul(255).clamp(0, 255).to('uint8') : rows
          return scaled.contiguous().to('cpu')
        }),
      ),
    )
    return bytes.toTypedArray() as Uint8Array
  })
  return { width, height, channels, png: await encodePng({ width, height, channels, data }) }
}
