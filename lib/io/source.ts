import { torchError } from '../errors.ts'
import { noGrad, offload, tidy } from '../tensor/context.ts'
import { type MemoryRange, memoryRange, version } from '../tensor/memory.ts'
import { op } from '../tensor/packet.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Coroutine, perform } from './coroutine.ts'

/** A tensor to write, and its version when it was passed in. */
export interface Source {
  name: string
  tensor: Tensor
  version: number
  range: MemoryRange
}

/** Dense tensors have no sparse dimensions. */
const isSparse = (tensor: Tensor): boolean => Number(op('aten::sparse_dim')(tensor)) > 0

/** @throws {TorchError} for a sparse tensor. */
export function sourceOf(name: string, tensor: Tensor): Source {
  if (isSparse(tensor)) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `'${name}' is a sparse tensor, and only dense ones can be written: torch.ops.aten.to_dense(tensor) makes one`,
    )
  }
  return { name, tensor, version: version(tensor), range: memoryRange(tensor) }
}

/** The elements in row-major order on the CPU. */
function pack(tensor: Tensor): Tensor {
  return noGrad(() => {
    const resolved = op('aten::resolve_neg')(op('aten::resolve_conj')(tensor.detach().cpu())) as Tensor
    return resolved.contiguous()
  })
}

/** Calls `use` with a tensor whose memory has the elements in row-major order, on the CPU. */
export function* withBytes<T>(
  { tensor, range }: Pick<Source, 'tensor' | 'range'>,
  use: (tensor: Tensor) => Coroutine<T>,
): Coroutine<T> {
  if (range.plain) return yield* use(tensor)
  const packed = yield* perform(
    () => tidy(() => pack(tensor)),
    () => offload(() => tidy(() => pack(tensor))),
  )
  try {
    return yield* use(packed)
  } finally {
    packed.dispose()
  }
}

export function checkUnchanged(call: string, { name, tensor, ...before }: Source): void {
  if (version(tensor) === before.version && memoryRange(tensor).first === before.range.first) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${call}: '${name}' was changed while it was written. Await ${call} before the next step, or save clones. The file is as it was before.`,
    { op: call },
  )
}
