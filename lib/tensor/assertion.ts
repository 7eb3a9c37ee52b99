import { tensorOp } from './packet.ts'
import type { Tensor } from './tensor.ts'

const assertAsync = tensorOp('aten::_assert_async.msg')

/**
 * Requires values on the CPU to be at least 0, without waiting: within `offload` the check is queued, and later
 * operations are skipped if it fails. Nothing is checked on a GPU, where a failed assertion would end its use.
 *
 * @param except where values may be anything: bool, broadcastable to `value`
 * @throws {TorchError} `ERR_TORCH_VALUE` for values below 0 or NaN; within `offload`, that rejects.
 */
export function assertNonNegative(owner: string, name: string, value: Tensor, except?: Tensor): void {
  if (value.device !== 'cpu') return
  const fits = value.ge(0)
  assertAsync(
    (except === undefined ? fits : fits.logicalOr(except)).all(),
    `${owner}: ${name} must be non-negative, but there are values below 0 or NaN`,
  )
}
