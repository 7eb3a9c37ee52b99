import { describe, expect, test } from 'vitest'
import { torch } from '../../lib/torch.ts'
import { expectError, expectRejection } from '../support/error.ts'

const { cuda } = torch
const available = cuda.isAvailable()

test.skipIf(available)('without CUDA the figures are 0, as in PyTorch (needs a machine without a CUDA device)', () => {
  expect(cuda.memoryStats()).toEqual({})
  for (const figure of [cuda.memoryAllocated, cuda.maxMemoryAllocated, cuda.memoryReserved, cuda.maxMemoryReserved])
    expect(figure()).toBe(0)
})

describe('pinned memory', () => {
  test('is not where tensors lie by default', () => {
    expect(torch.ones([2]).isPinned()).toBe(false)
    expect(torch.ones([2], { pinMemory: false }).isPinned()).toBe(false)
  })

  test('is asked for with a boolean', () => {
    expectError(() => torch.ones([2], { pinMemory: 1 as never }), 'ERR_TORCH_TYPE', "'pinMemory' must be bool")
    expectError(() => torch.tensor([2], { pinMemory: 1 as never }), 'ERR_TORCH_TYPE', 'pinMemory must be a boolean')
  })

  test.skipIf(available)('needs CUDA, and says so (needs a machine without a CUDA device)', async () => {
    const before = torch.memory().tensors
    for (const pin of [
      () => torch.tensor([1, 2], { pinMemory: true }),
      () => torch.zeros([2], { pinMemory: true }),
      () => torch.zerosLike(torch.keep(torch.ones([1])), { pinMemory: true }),
      () => torch.arange(3, { pinMemory: true }),
      () => torch.ones([2]).pinMemory(),
    ]) {
      expectError(() => torch.tidy(pin), 'ERR_TORCH_DEVICE', /CUDA|NVIDIA/)
    }
    expect(torch.memory().tensors).toBeLessThanOrEqual(before + 1)
    await expectRejection(
      torch.offload(() => torch.ones([2]).pinMemory()),
      'ERR_TORCH_DEVICE',
      /CUDA|NVIDIA/,
    )
  })
})

describe.skipIf(!available)('on a CUDA device (needs one)', () => {
  test('memory is counted, and comes back', () => {
    const before = cuda.memoryAllocated()
    cuda.resetPeakMemoryStats()
    const x = torch.ones([1 << 20], { device: 'cuda' })
    expect(cuda.memoryAllocated() - before).toBe(4 << 20)
    expect(cuda.maxMemoryAllocated() - before).toBe(4 << 20)
    expect(cuda.memoryReserved()).toBeGreaterThanOrEqual(cuda.memoryAllocated())
    expect(cuda.maxMemoryReserved()).toBeGreaterThanOrEqual(cuda.memoryReserved())
    x.dispose()
    expect(cuda.memoryAllocated()).toBe(before)
    cuda.emptyCache()
    const { free, total } = cuda.memGetInfo()
    expect(free).toBeGreaterThan(0)
    expect(free).toBeLessThan(total)
    expect(cuda.memoryStats().num_ooms).toBe(0)
  })

  test('tensors in pinned memory go there and back without waiting', async () => {
    const x = torch.arange(1000, { dtype: 'float32', pinMemory: true })
    expect(x.isPinned()).toBe(true)
    expect(x.pinMemory().equal(x)).toBe(true)
    const y = x.to({ device: 'cuda', nonBlocking: true }).mul(2)
    expect(y.isCuda).toBe(true)
    expectError(() => y.pinMemory(), 'ERR_TORCH_DEVICE', /pin/)
    const back = torch.empty([1000], { pinMemory: true })
    back.copy_(y, { nonBlocking: true })
    await cuda.synchronize()
    expect(back.index(999).item()).toBe(1998)
    expect(torch.tensor([1, 2], { pinMemory: true }).isPinned()).toBe(true)
  })

  test('running out of it is a typed error, after which all goes on', async () => {
    const { total } = cuda.memGetInfo()
    const tooMuch = (): unknown => torch.empty([total], { device: 'cuda' })
    const error = expectError(tooMuch, 'ERR_TORCH_OUT_OF_MEMORY', 'CUDA out of memory')
    expect(error.name).toBe('TorchOutOfMemoryError')
    await expectRejection(torch.offload(tooMuch), 'ERR_TORCH_OUT_OF_MEMORY', 'CUDA out of memory')
    expect(torch.ones([2], { device: 'cuda' }).sum().item()).toBe(2)
  })
})
