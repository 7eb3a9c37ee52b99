import { expect, test } from 'vitest'
import type { FunctionContext } from '../../lib/tensor/function.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { describeCuda } from '../support/cuda.ts'
import { expectError } from '../support/error.ts'

class Double extends torch.autograd.Function {
  static forward(_: FunctionContext, x: Tensor): Tensor {
    return x.mul(2)
  }
  static backward(_: FunctionContext, gradOutput: Tensor): Tensor {
    return gradOutput.mul(2)
  }
}

describeCuda('a function with a backward of its own, on CUDA', () => {
  test('is computed, and its backward is an error that says why', () => {
    const x = torch.ones([2], { device: 'cuda', requiresGrad: true })
    const y = Double.apply(x)
    expect([y.cpu().toArray(), y.gradFn]).toEqual([[2, 2], 'DoubleBackward'])
    expectError(() => y.sum().backward(), 'ERR_TORCH_NOT_IMPLEMENTED', /DoubleBackward is JavaScript, .* of the CPU/)
  })
})
