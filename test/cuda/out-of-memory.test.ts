import { expect, test } from 'vitest'
import { LSTM } from '../../lib/nn/index.ts'
import { torch } from '../../lib/torch.ts'
import { describeCuda } from '../support/cuda.ts'
import { expectError, expectRejection } from '../support/error.ts'

const device = 'cuda' as const

describeCuda('a GPU whose memory does not suffice', () => {
  /** Floats for twice the memory of the device. */
  const elements = (): number => Math.floor((2 * torch.cuda.memGetInfo().total) / 4)

  test('is a typed error, and the process goes on', async () => {
    const x = torch.ones([100, 100], { device })
    const expected = x.matmul(x).toArray()
    const message = /CUDA out of memory\. Tried to allocate/
    for (let i = 0; i < 3; i++) {
      expectError(() => torch.empty([elements()], { device }), 'ERR_TORCH_OUT_OF_MEMORY', message)
      await expectRejection(
        torch.offload(() => torch.empty([elements()], { device })),
        'ERR_TORCH_OUT_OF_MEMORY',
        message,
      )
    }
    expect(x.matmul(x).toArray()).toEqual(expected)
    await torch.cuda.synchronize()
    const network = new LSTM(4, 8, { device })
    const [output] = await torch.offload(() => network.forward(torch.randn([5, 2, 4], { device })))
    output.sum().backward()
    expect(network.weight_ih_l0?.grad?.isfinite().all().item()).toBe(true)
  })

  test('is tried again with the memory that the allocator keeps', () => {
    torch.cuda.emptyCache()
    const { free } = torch.cuda.memGetInfo()
    const part = Math.floor((0.6 * free) / 4)
    // Of another size than the next one, so that it cannot be used again as it is.
    torch.empty([Math.floor(part / 2)], { device }).dispose()
    torch.empty([Math.floor(part / 2)], { device }).dispose()
    const { num_alloc_retries: before = 0 } = torch.cuda.memoryStats()
    const whole = torch.empty([Math.floor(part * 1.3)], { device })
    expect(whole.numel * 4).toBeGreaterThan(0.7 * free)
    expect(torch.cuda.memoryStats().num_alloc_retries).toBeGreaterThan(before)
    whole.dispose()
    torch.cuda.emptyCache()
  })

  test('leaves nothing behind in a step that fails', async () => {
    const network = new LSTM(64, 512, { device })
    const train = (batch: number): Promise<void> =>
      torch.offload(() =>
        torch.tidy(() => {
          network.zeroGrad()
          network
            .forward(torch.zeros([2000, batch, 64], { device }))[0]
            .sum()
            .backward()
        }),
      )
    await train(1)
    await torch.cuda.synchronize()
    const before = torch.cuda.memoryAllocated()
    const rows = Math.ceil(torch.cuda.memGetInfo().total / (2000 * 64 * 4) / 4)
    await expectRejection(train(rows), 'ERR_TORCH_OUT_OF_MEMORY', /out of memory/)
    await train(1)
    await torch.cuda.synchronize()
    // The blocks of an allocator have sizes of their own: a megabyte is not a leak of gigabytes.
    expect(torch.cuda.memoryAllocated()).toBeLessThan(before + 2 ** 20)
  })
})
