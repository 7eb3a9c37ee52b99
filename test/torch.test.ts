import { availableParallelism } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import * as library from '../lib/index.ts'
import type { Packet } from '../lib/tensor/packet.ts'
import { torch } from '../lib/torch.ts'
import { expectClose } from './support/close.ts'
import { expectError } from './support/error.ts'

test('the package exports what its documentation names', () => {
  expect(Object.keys(library).sort()).toEqual([
    'LibTorchError',
    'ScriptModule',
    'Tensor',
    'TorchDisposedError',
    'TorchError',
    'TorchIndexError',
    'TorchOutOfMemoryError',
    'TorchShapeError',
    'TorchTypeError',
    'TorchValueError',
    'io',
    'nn',
    'optim',
    'torch',
  ])
  expect(torch.version).toMatch(/^\d+\.\d+\.\d+/)
})

describe('manualSeed', () => {
  test("reproduces PyTorch's streams", () => {
    torch.manualSeed(0)
    expectClose(torch.rand([3]), [0.49625658989, 0.76822179556, 0.08847743273])
    expectClose(torch.randn([3]), [0.3643381893634796, 0.13439632952213287, 0.16421625018119812])
    torch.manualSeed(0)
    expect(torch.randint(0, 1000, [5]).toArray()).toEqual([44, 239, 933, 760, 963])
  })

  test('takes numbers and bigints', () => {
    torch.manualSeed(0)
    const first = torch.randint(0, 1000, [5]).toArray()
    torch.manualSeed(0n)
    expect(torch.randint(0, 1000, [5]).toArray()).toEqual(first)
  })

  // Of torch 2.13 after torch.manual_seed(-1), which it takes for 2 ** 64 - 1.
  test('reaches all of 64 bits', () => {
    const drawn = [-1, 2n ** 64n - 1n].map((seed) => {
      torch.manualSeed(seed)
      return torch.randint(0, 1000, [5]).toArray()
    })
    expect(drawn).toEqual([
      [371, 978, 476, 639, 820],
      [371, 978, 476, 639, 820],
    ])
    expectError(() => torch.manualSeed(2n ** 64n), 'ERR_TORCH_TYPE', 'seed')
  })

  test('takes whole numbers only', () => {
    expectError(() => torch.manualSeed(1.5), 'ERR_TORCH_TYPE', 'seed')
    expectError(() => torch.manualSeed('1' as never), 'ERR_TORCH_TYPE', 'seed')
    expectError(() => torch.manualSeed(Number.NaN), 'ERR_TORCH_TYPE', 'seed')
  })
})

describe('threads', () => {
  const before = torch.getNumThreads()
  afterEach(() => torch.setNumThreads(before))

  test('are set for operations here and off the main thread', async () => {
    torch.setNumThreads(1)
    expect(torch.getNumThreads()).toBe(1)
    torch.setNumThreads(availableParallelism())
    expect(torch.getNumThreads()).toBe(availableParallelism())
    const x = torch.randn([64, 64])
    expectClose(await torch.offload(() => x.matmul(x)), x.matmul(x).toArray() as number[][])
  })

  test('are at least one', () => {
    for (const wrong of [0, -1]) expectError(() => torch.setNumThreads(wrong), 'ERR_TORCH_VALUE', /threads/)
    for (const wrong of [1.5, Number.NaN, '2', null]) {
      expectError(() => torch.setNumThreads(wrong as never), 'ERR_TORCH_TYPE', /threads/)
    }
  })
})

describe('memory', () => {
  test('counts tensors, and storages once', () => {
    const before = torch.memory()
    const x = torch.zeros([256, 256])
    const view = x.t()
    const small = torch.zeros([2], { dtype: 'float64' })
    expect(torch.memory()).toEqual({ tensors: before.tensors + 3, bytes: before.bytes + 256 * 256 * 4 + 16 })
    x.dispose()
    expect(torch.memory()).toEqual({ tensors: before.tensors + 2, bytes: before.bytes + 256 * 256 * 4 + 16 })
    view.dispose()
    small.dispose()
    expect(torch.memory()).toEqual(before)
  })
})

describe('ops', () => {
  const x = torch.tensor([1, -2, 3])
  const aten = torch.ops.aten as Record<string, Packet & Record<string, Packet>>
  const call = (name: string, overload?: string): Packet =>
    (overload === undefined ? aten[name] : aten[name]?.[overload]) as Packet

  test('reaches every operator of LibTorch by name and overload', () => {
    expectClose(call('relu')(x) as library.Tensor, [1, 0, 3])
    expectClose(call('add', 'Tensor')(x, x, { alpha: 2 }) as library.Tensor, [3, -6, 9])
    const [values, indices] = call('sort', 'default')(x) as [library.Tensor, library.Tensor]
    expectClose(values, [-2, 1, 3])
    expect(indices.toArray()).toEqual([1, 0, 2])
  })

  test('says which it has not, and what one takes', () => {
    expectError(() => call('no_such_operator'), 'ERR_TORCH_NOT_IMPLEMENTED', 'no_such_operator')
    expectError(() => call('add', 'Tensors'), 'ERR_TORCH_NOT_IMPLEMENTED', "no overload 'Tensors'; it has")
    expectError(() => call('relu')(3), 'ERR_TORCH_TYPE', 'input must be a Tensor, got 3')
    expectError(() => call('relu')(x, { inplace: true }), 'ERR_TORCH_OPTION', "unknown option 'inplace'")
  })
})
