import { expect, test } from 'vitest'
import { attribute } from '../../lib/inspect/index.ts'
import { GRUModel, LSTMModel } from '../../lib/models/index.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { describeCuda, useTf32 } from '../support/cuda.ts'

describeCuda('attribute on CUDA', () => {
  useTf32(false)

  test.each([
    ['gradients need cuDNN in training mode', GRUModel],
    ['and without its dropout', LSTMModel],
  ] as const)('as on the CPU: %s', async (_, Model) => {
    torch.manualSeed(2)
    const model = new Model(3, 8, 2, { output: 'last', numLayers: 2, dropout: 0.5, outputDropout: 0.5 })
    const x = torch.randn([7, 4, 3])
    const other = model.clone().to('cuda')
    const runs = [
      { nSteps: 10 },
      { method: 'gradientTimesInput' },
      { method: 'smoothGrad', ntSamples: 4 },
      { method: 'occlusion' },
    ] as const
    for (const options of runs) {
      const here = await attribute(model, x, { target: 1, lengths: [7, 3, 5, 7], ...options } as never)
      const there = await attribute(other, x.to('cuda'), { target: 1, lengths: [7, 3, 5, 7], ...options } as never)
      expect(there.attributions.device).toBe('cuda:0')
      expectClose(there.attributions.cpu(), here.attributions, { rtol: 1e-4, atol: 1e-5 })
    }
    expect([other.network.training, other.network.dropout]).toEqual([true, 0.5])
  })
})
