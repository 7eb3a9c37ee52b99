import { requireNone } from '../../check.ts'
import { tensorOp } from '../../tensor/packet.ts'
import type { Tensor } from '../../tensor/tensor.ts'

const ops = { linear: tensorOp('aten::linear'), bilinear: tensorOp('aten::bilinear') }

/** x Aᵀ + b: (…, in) -> (…, out), with the weight A (out, in). */
export function linear(input: Tensor, weight: Tensor, bias: Tensor | null = null, ...none: undefined[]): Tensor {
  requireNone('linear', none)
  return ops.linear(input, weight, bias)
}

/** x1ᵀ A x2 + b: (…, in1), (…, in2) -> (…, out), with the weight A (out, in1, in2). */
export function bilinear(
  input1: Tensor,
  input2: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  ...none: undefined[]
): Tensor {
  requireNone('bilinear', none)
  return ops.bilinear(input1, input2, weight, bias)
}
