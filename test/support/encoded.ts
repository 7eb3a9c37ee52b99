import { expect } from 'vitest'
import type { DType } from '../../lib/tensor/dtype.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from './close.ts'

/** A tensor in a fixture. */
export interface Encoded {
  dtype: DType
  shape: number[]
  data: number[]
}

export function decode({ dtype, shape, data }: Encoded): Tensor {
  return torch.tensor(data, { dtype }).reshape(shape).clone()
}

/** Expects elements within PyTorch's rounding errors: 1e-5 in float32, 1e-10 in float64; gradients are sums of such. */
export function expectNumbers(actual: Tensor, expected: readonly number[], factor = 1): void {
  const [rtol, atol] = actual.dtype === 'float64' ? [1e-10, 1e-12] : [1e-5, 1e-6]
  const values = Array.from(actual.toTypedArray(), Number)
  expectClose(values, expected, { rtol: rtol * factor, atol: atol * factor })
}

export function expectTensor(actual: Tensor, expected: Encoded): void {
  expect({ dtype: actual.dtype, shape: actual.shape }).toEqual({ dtype: expected.dtype, shape: expected.shape })
  expectNumbers(actual, expected.data)
}

/** A loss whose gradient differs from element to element, as in scripts/fixtures/layers.py. */
export function weightedSum(tensor: Tensor, count: number): Tensor {
  const weights = torch.arange(count).mul(7).remainder(11).sub(5).div(4)
  return tensor.flatten().mul(weights.typeAs(tensor)).sum()
}
