import { afterEach, expect, test } from 'vitest'
import { GRU, LSTM, RNN } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { describeCuda } from '../support/cuda.ts'

const KINDS = Object.entries({ RNN, LSTM, GRU }) as [string, typeof LSTM][]
const options = { device: 'cuda', dtype: 'float64' } as const

describeCuda('gradients on the GPU', () => {
  afterEach(() => {
    torch.backends.cudnn.enabled = true
  })

  test.each(KINDS)('%s: gradients equal differences, with cuDNN and without', (_, Network) => {
    const network = new Network(2, 3, { ...options, numLayers: 2, bidirectional: true })
    const x = torch.randn([3, 2, 2], { ...options, requiresGrad: true })
    for (const enabled of [true, false]) {
      torch.backends.cudnn.enabled = enabled
      const forward = (input: Tensor): Tensor => network.forward(input)[0]
      // Atomic additions of cuDNN's make the last digits vary.
      expect(torch.autograd.gradcheck(forward, x, { nondetTol: 1e-12 })).toBe(true)
    }
  })

  test.each(KINDS)('%s: second derivatives, without cuDNN', (_, Network) => {
    const network = new Network(2, 3, options)
    const x = torch.randn([3, 2, 2], { ...options, requiresGrad: true })
    const forward = (input: Tensor): Tensor => network.forward(input)[0]
    const slope = (): Tensor => {
      const [gradient] = torch.autograd.grad(forward(x).sum(), x, { createGraph: true })
      return (gradient as Tensor).square().sum()
    }
    const message = /Double backwards is not supported for CuDNN RNNs due to limitations in the CuDNN API/
    expect(() => slope().backward()).toThrow(message)
    torch.backends.cudnn.enabled = false
    slope().backward()
    expect(torch.autograd.gradgradcheck(forward, x)).toBe(true)
  })
})
