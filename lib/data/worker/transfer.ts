import { torchError } from '../../errors.ts'
import { tidy } from '../../tensor/context.ts'
import { tensor } from '../../tensor/creation.ts'
import type { TypedArray } from '../../tensor/data.ts'
import type { DType } from '../../tensor/dtype.ts'
import { tensorOp } from '../../tensor/packet.ts'
import { isTensor, type Tensor } from '../../tensor/tensor.ts'
import { type Batch, namedBatch } from '../batch.ts'

interface SentTensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: TypedArray
}

const viewAsComplex = tensorOp('aten::view_as_complex')

/** A batch as threads send it to each other. */
export interface SentBatch {
  /** Whether it is [input, target]. */
  readonly isPair: boolean
  readonly parts: readonly (readonly [name: string, part: SentTensor | readonly SentTensor[] | boolean])[]
}

/** A batch as a message, and the memory that the message takes with it. */
export function encodeBatch(batch: Batch): { sent: SentBatch; memory: ArrayBuffer[] } {
  const memory: ArrayBuffer[] = []
  const encode = (name: string, part: Tensor): SentTensor => {
    if (part.device !== 'cpu') {
      throw torchError(
        'ERR_TORCH_DEVICE',
        `a dataset in a worker must make tensors on the CPU, but '${name}' is on ${part.device}`,
      )
    }
    const { dtype, shape } = part
    const data = part.detach().toTypedArray()
    memory.push(data.buffer as ArrayBuffer)
    return { dtype, shape, data }
  }
  const parts = Object.entries(namedBatch(batch)).flatMap(([name, part]) => {
    if (part === undefined) return []
    const sent = isTensor(part)
      ? encode(name, part)
      : typeof part === 'boolean'
        ? part
        : part.map((one) => encode(name, one))
    return [[name, sent] as const]
  })
  return { sent: { isPair: Array.isArray(batch), parts }, memory }
}

function decode({ dtype, shape, data }: SentTensor): Tensor {
  if (dtype !== 'complex64' && dtype !== 'complex128') return tensor(data, { dtype, shape: [...shape] })
  return tidy(() => viewAsComplex(tensor(data, { shape: [...shape, 2] })))
}

/** The batch with new tensors. */
export function decodeBatch({ isPair, parts }: SentBatch): Batch {
  const entries = parts.map(([name, part]) => {
    if (typeof part === 'boolean') return [name, part]
    return [name, 'dtype' in part ? decode(part) : part.map(decode)]
  })
  const batch = Object.fromEntries(entries) as Exclude<Batch, readonly unknown[]>
  return isPair ? [batch.input, batch.target] : batch
}
