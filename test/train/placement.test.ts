import { describe, expect, test, vi } from 'vitest'
import { Linear, type Module, ReLU, Sequential } from '../../lib/nn/index.ts'
import { native } from '../../lib/tensor/binding.ts'
import { deviceOf, onDevice, place, requireUsable } from '../../lib/train/placement.ts'
import { expectError } from '../support/error.ts'

// A machine with one GPU, of which only the name is used.
vi.mock('../../lib/cuda/index.ts', () => ({
  isAvailable: () => true,
  deviceCount: () => 1,
  currentDevice: () => 0,
  why: () => null,
}))

describe('requireUsable', () => {
  test.each(['cpu', 'cuda', 'cuda:0'])('takes %s', (device) => {
    requireUsable(device)
  })

  test('refuses devices that are not there, and what is none', () => {
    expectError(
      () => requireUsable('cuda:3'),
      'ERR_TORCH_DEVICE',
      /there is no device 'cuda:3'; the number of CUDA devices is 1/,
    )
    for (const none of ['cuda:-1', 'cuda:01', 'tpu', '', 3, null, undefined]) {
      const code = typeof none === 'string' ? 'ERR_TORCH_DEVICE' : 'ERR_TORCH_TYPE'
      expectError(() => requireUsable(none), code, /device must be 'cpu', 'cuda' or one such as 'cuda:1'/)
    }
  })
})

test('place moves modules that are elsewhere, and names the device by its number', () => {
  class Watched extends Linear {
    moves: unknown[] = []
    override to(target: Parameters<Module['to']>[0]): this {
      this.moves.push(target)
      return this
    }
  }
  const [model, empty] = [new Watched(2, 1), new ReLU()]
  expect(place([model, empty], 'cpu')).toBe('cpu')
  expect(model.moves).toEqual([])
  expect(place([model, empty], 'cuda')).toBe('cuda:0')
  expect(model.moves).toEqual([{ device: 'cuda:0' }])
})

test('a model is where its first tensor is', () => {
  expect(deviceOf(new Sequential(new ReLU(), new Linear(1, 1)))).toBe('cpu')
  expect(deviceOf(new ReLU())).toBe('cpu')
})

test('onDevice sets the current device for what is queued, and puts it back', () => {
  const before = native.cudaDevice()
  const seen: number[] = []
  expect(onDevice('cuda:1', () => seen.push(native.cudaDevice()))).toBe(1)
  expect(() =>
    onDevice('cuda:1', () => {
      throw new Error('of the step')
    }),
  ).toThrow('of the step')
  expect(onDevice('cpu', () => native.cudaDevice())).toBe(before)
  expect([seen, native.cudaDevice()]).toEqual([[1], before])
})
