import { afterEach, describe, expect, test } from 'vitest'
import { native } from '../../lib/tensor/binding.ts'
import { torch } from '../../lib/torch.ts'
import { expectError, expectRejection } from '../support/error.ts'

const { backends } = torch
const { matmul } = backends.cuda
const { cudnn } = backends

afterEach(() => {
  torch.setFloat32MatmulPrecision('highest')
  torch.useDeterministicAlgorithms(false)
  Object.assign(cudnn, { enabled: true, benchmark: false, deterministic: false, allowTf32: true })
})

describe('the switches', () => {
  test('have the defaults of PyTorch', () => {
    expect(matmul.allowTf32).toBe(false)
    const { enabled, benchmark, deterministic, allowTf32 } = cudnn
    expect({ enabled, benchmark, deterministic, allowTf32 }).toEqual({
      enabled: true,
      benchmark: false,
      deterministic: false,
      allowTf32: true,
    })
    expect(torch.getFloat32MatmulPrecision()).toBe('highest')
    expect(torch.areDeterministicAlgorithmsEnabled()).toBe(false)
  })

  test.each(['enabled', 'benchmark', 'deterministic', 'allowTf32'] as const)('cudnn.%s turns', (name) => {
    const before = cudnn[name]
    cudnn[name] = !before
    expect(cudnn[name]).toBe(!before)
    cudnn[name] = before
    expect(cudnn[name]).toBe(before)
    expectError(
      () => {
        cudnn[name] = 1 as never
      },
      'ERR_TORCH_TYPE',
      `cudnn.${name} must be a boolean`,
    )
    expect(cudnn[name]).toBe(before)
  })

  test('TF32 for products is the precision of products', () => {
    matmul.allowTf32 = true
    expect(torch.getFloat32MatmulPrecision()).toBe('high')
    matmul.allowTf32 = false
    expect(torch.getFloat32MatmulPrecision()).toBe('highest')
    torch.setFloat32MatmulPrecision('medium')
    expect(torch.getFloat32MatmulPrecision()).toBe('medium')
    expect(matmul.allowTf32).toBe(true)
    expectError(
      () => {
        matmul.allowTf32 = 'no' as never
      },
      'ERR_TORCH_TYPE',
      'must be a boolean',
    )
    expectError(() => torch.setFloat32MatmulPrecision('exact' as never), 'ERR_TORCH_VALUE', "got 'exact'")
    expect(torch.getFloat32MatmulPrecision()).toBe('medium')
  })

  test('turn in order with what is queued', async () => {
    await torch.offload(() => {
      cudnn.benchmark = true
      expect(cudnn.benchmark).toBe(true)
      torch.setFloat32MatmulPrecision('high')
      expect(torch.getFloat32MatmulPrecision()).toBe('high')
    })
    expect(cudnn.benchmark).toBe(true)
    // What stands behind an operation that failed is skipped.
    await expectRejection(
      torch.offload(() => {
        torch.ones([2, 2]).matmul(torch.ones([3, 3]))
        cudnn.benchmark = false
      }),
      'ERR_TORCH_SHAPE',
      'cannot be multiplied',
    )
    expect(cudnn.benchmark).toBe(true)
  })

  test('cuDNN is there in the CUDA builds of LibTorch', () => {
    const { built } = native.cudaState()
    expect(cudnn.isAvailable()).toBe(built)
    if (built) expect(cudnn.version()).toBeGreaterThan(8000)
    else expect(cudnn.version()).toBeNull()
  })
})

describe('deterministic algorithms', () => {
  // put without accumulating has none: https://docs.pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
  const withoutOne = (): unknown =>
    torch.ones([4]).put(torch.tensor([0, 0], { dtype: 'int64' }), torch.tensor([1, 2]), false)

  test('throw where there is none', () => {
    withoutOne()
    torch.useDeterministicAlgorithms(true)
    expect(torch.areDeterministicAlgorithmsEnabled()).toBe(true)
    expect(torch.isDeterministicAlgorithmsWarnOnlyEnabled()).toBe(false)
    expectError(
      withoutOne,
      'ERR_TORCH_RUNTIME',
      "put_ does not have a deterministic implementation, but you set 'torch.useDeterministicAlgorithms(true)'",
    )
    torch.useDeterministicAlgorithms(true, { warnOnly: true })
    expect(torch.isDeterministicAlgorithmsWarnOnlyEnabled()).toBe(true)
    withoutOne()
    torch.useDeterministicAlgorithms(false)
    expect(torch.areDeterministicAlgorithmsEnabled()).toBe(false)
    withoutOne()
  })

  test('are asked for with booleans', () => {
    expectError(() => torch.useDeterministicAlgorithms(1 as never), 'ERR_TORCH_TYPE', 'mode must be a boolean')
    expectError(() => torch.useDeterministicAlgorithms(true, { warn: true } as never), 'ERR_TORCH_OPTION', "'warn'")
    expectError(
      () => torch.useDeterministicAlgorithms(true, { warnOnly: 1 as never }),
      'ERR_TORCH_TYPE',
      'warnOnly must be a boolean',
    )
    expect(torch.areDeterministicAlgorithmsEnabled()).toBe(false)
  })
})
