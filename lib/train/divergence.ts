import type { NamedBatch } from '../data/batch.ts'
import { TorchError } from '../errors.ts'
import type { Module } from '../nn/module.ts'
import { offload, tidy } from '../tensor/context.ts'
import { tensorOp } from '../tensor/packet.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** What a trainer does about a loss that is NaN or infinite. */
export type NonFinite = 'throw' | 'warn' | 'ignore'

/** Larger outputs come from diverging weights: the squares of only slightly larger ones overflow float32. */
const LARGE = 1e15

/** @throws {TorchError} (on the thread that computes the loss) for a non-finite loss on the CPU. */
export const finiteLoss = tensorOp('libtorch_rnn::finite_loss')

/** The value of a loss that {@link finiteLoss} rejected; `undefined` for any other error. */
export function refusedLoss(error: unknown): string | undefined {
  const value = error instanceof TorchError ? /the loss is not finite: (\S+)/.exec(error.message)?.[1] : undefined
  return value?.replace(/-?nan/, 'NaN').replace('inf', 'Infinity')
}

interface Suspects {
  batch: NamedBatch
  /** The indices of the samples in the data, and the dimension that counts them. */
  indices: readonly number[] | undefined
  batchFirst: boolean
  model: Module
  predict(batch: NamedBatch): Tensor
  /** Whether the loss has already changed the weights. */
  late: boolean
}

interface Place {
  index: number[]
  value: string
}

/** The place of a non-finite value in a tensor. */
async function placeIn(tensor: Tensor): Promise<Place | undefined> {
  const [position, value] = await offload(() =>
    tidy(() => {
      const flat = tensor.detach().flatten()
      const at = flat.isfinite().logicalNot().to('uint8').argmax(0, true)
      return [at, flat.indexSelect(0, at).to('float64')] as const
    }),
  )
  const [number, found] = [position.item<number>(), value.item<number>()]
  position.dispose()
  value.dispose()
  if (Number.isFinite(found)) return undefined
  const index: number[] = []
  let rest = Number(number)
  for (const size of tensor.shape.toReversed()) {
    index.unshift(rest % size)
    rest = Math.floor(rest / size)
  }
  return { index, value: String(found) }
}

/** A sentence that says where a non-finite loss comes from, and what to do about it. */
export async function causeOf({ batch, indices, batchFirst, model, predict, late }: Suspects): Promise<string> {
  const { mask } = batch
  for (const name of ['input', 'target', 'weight'] as const) {
    const tensor = batch[name]
    if (tensor === undefined || tensor.numel === 0 || (name === 'target' && mask !== undefined)) continue
    const place = await placeIn(tensor)
    if (place === undefined) continue
    const sample = indices?.[place.index[batchFirst || tensor.ndim < 3 ? 0 : 1] as number]
    const where = sample === undefined ? '' : `, in sample ${sample} of the data,`
    return `It began in the data: ${name}[${place.index.join(', ')}]${where} is ${place.value}. Fill or drop missing values`
  }
  const remedy = 'a lower lr, or clipGradNorm, keeps the weights in bounds'
  if (late) return `The data of that step are finite; the weights have been changed since. Usually, ${remedy}`
  for (const [name, parameter] of model.namedParameters()) {
    const place = parameter.numel === 0 ? undefined : await placeIn(parameter)
    if (place === undefined) continue
    return `It began in a parameter: ${name}[${place.index.join(', ')}] has been ${place.value} since the previous step, or since it was loaded: ${remedy}`
  }
  const output = await offload(() => tidy(() => predict(batch)))
  const place = await placeIn(output)
  const most = await greatestOf(output)
  output.dispose()
  if (place === undefined && most > LARGE) {
    return `The model's outputs have grown to ${most.toPrecision(3)}: ${remedy}`
  }
  const weight = batch.weight === undefined ? 0 : await greatestOf(batch.weight)
  if (place === undefined && weight > LARGE) {
    return `The weights of the batch go up to ${weight.toPrecision(3)}, and the loss is a sum over them: scale them down`
  }
  if (place === undefined) {
    return 'It began in the loss function: output and target are finite. It may take the logarithm of 0 or divide by 0, or targets are outside its domain'
  }
  const [name, size] = await greatest(model)
  return `It began in the model: its output[${place.index.join(', ')}] is ${place.value}, although input and parameters are finite (the largest is ${size.toPrecision(3)}, in ${name}): ${remedy}`
}

/** The largest absolute value; 0 if there are no elements. */
async function greatestOf(tensor: Tensor): Promise<number> {
  if (tensor.numel === 0) return 0
  const most = await offload(() => tidy(() => tensor.detach().abs().max().to('float64')))
  const value = most.item<number>()
  most.dispose()
  return value
}

/** The parameter with the largest absolute value. */
async function greatest(model: Module): Promise<[name: string, size: number]> {
  let found: [name: string, size: number] = ['none', 0]
  for (const [name, parameter] of model.namedParameters()) {
    const size = await greatestOf(parameter)
    if (size >= found[1]) found = [name, size]
  }
  return found
}
