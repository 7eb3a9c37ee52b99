import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { tensor } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

/** The parameters of a distribution as tensors of a common shape; numbers get the dtype and device of the tensors. */
export function broadcast(name: string, parameters: Record<string, unknown>): Tensor[] {
  const values = Object.entries(parameters)
  const like = values.find(([, value]) => isTensor(value))?.[1] as Tensor | undefined
  const tensors = values.map(([parameter, value]) => {
    if (isTensor(value)) return value
    if (typeof value === 'number') {
      return tensor(value, like === undefined ? {} : { dtype: like.dtype, device: like.device })
    }
    throw torchError('ERR_TORCH_TYPE', `${name}: ${parameter} must be a Tensor or a number, got ${describe(value)}`, {
      op: name,
    })
  })
  return functions.broadcastTensors(tensors)
}

/** Which of `probs` and `logits` is given. */
export function given(name: string, { probs, logits }: { probs?: unknown; logits?: unknown }): 'probs' | 'logits' {
  if ((probs === undefined) !== (logits === undefined)) return probs === undefined ? 'logits' : 'probs'
  throw torchError('ERR_TORCH_VALUE', `${name}: Either probs or logits must be specified, but not both.`, { op: name })
}

// The machine epsilon of each dtype.
const EPSILON = { float16: 2 ** -10, bfloat16: 2 ** -7, float32: 2 ** -23, float64: 2 ** -52 }

/** Clamps probabilities so that their logarithms are finite. */
export function clampProbs(probs: Tensor): Tensor {
  const epsilon = EPSILON[probs.dtype as keyof typeof EPSILON] ?? EPSILON.float32
  return probs.clamp(epsilon, 1 - epsilon)
}
