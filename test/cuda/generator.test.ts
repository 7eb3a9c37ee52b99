import { expect, test } from 'vitest'
import { nn } from '../../lib/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { Trainer } from '../../lib/train/index.ts'
import { describeCuda } from '../support/cuda.ts'
import { expectError } from '../support/error.ts'

const { cuda } = torch
const rand = (options: object = {}) => torch.rand([4], { device: 'cuda', ...options }).toArray()

test.skipIf(cuda.isAvailable())('without CUDA there is no state (needs a machine without a CUDA device)', () => {
  expectError(() => cuda.getRngState(), 'ERR_TORCH_DEVICE', /getRngState: .*CUDA/)
  expectError(() => cuda.setRngState(torch.ones([1])), 'ERR_TORCH_DEVICE', /setRngState: .*CUDA/)
  expectError(() => cuda.initialSeed(), 'ERR_TORCH_DEVICE', /initialSeed: .*CUDA/)
})

describeCuda('random numbers of a device', () => {
  test('come from a generator that is given, and leave the shared one alone', () => {
    const generator = new torch.Generator({ device: 'cuda' }).manualSeed(3)
    expect(generator.device).toBe('cuda:0')
    expect(generator.initialSeed()).toBe(3)
    cuda.manualSeed(1)
    const shared = cuda.getRngState()
    const state = generator.getState()
    const drawn = rand({ generator })
    expect(rand({ generator })).not.toEqual(drawn)
    generator.setState(state)
    expect(rand({ generator })).toEqual(drawn)
    expect(cuda.getRngState().equal(shared)).toBe(true)
    cuda.manualSeed(3)
    expect(rand()).toEqual(drawn)
    expect(cuda.initialSeed()).toBe(3)
  })

  test('go on from a state', () => {
    torch.manualSeed(5)
    rand()
    const state = cuda.getRngState()
    expect([state.dtype, state.device]).toEqual(['uint8', 'cpu'])
    const drawn = rand()
    cuda.setRngState(state)
    expect(rand()).toEqual(drawn)
    expectError(
      () => cuda.setRngState(torch.ones([3], { dtype: 'uint8' })),
      'ERR_TORCH_SHAPE',
      /RNG state is wrong size/,
    )
  })

  test('are as before after forkRng', async () => {
    torch.manualSeed(5)
    const expected = [rand(), torch.rand([2]).toArray()]
    torch.manualSeed(5)
    torch.forkRng(() => {
      torch.manualSeed(9)
      rand()
    })
    await torch.forkRng(async () => {
      rand()
      await Promise.resolve()
      rand()
    })
    expect([rand(), torch.rand([2]).toArray()]).toEqual(expected)
  })

  test('need a generator of their device', () => {
    expectError(
      () => rand({ generator: new torch.Generator() }),
      'ERR_TORCH_DEVICE',
      /Expected a 'cuda' device type for generator but found 'cpu'/,
    )
    expectError(
      () => torch.rand([2], { generator: new torch.Generator({ device: 'cuda' }) }),
      'ERR_TORCH_DEVICE',
      /Expected a 'cpu' device type for generator but found 'cuda'/,
    )
    expectError(() => new torch.Generator({ device: 'cuda:99' }), 'ERR_TORCH_VALUE', /invalid device cuda:99/)
  })

  test('of a trainer with a seed repeat, and a second fit draws others', async () => {
    const x = torch.linspace(0, 1, 64).reshape([16, 4])
    const data: [Tensor, Tensor] = [x, x.sum(1, true)]
    const run = async () => {
      const model = torch.forkRng(() => {
        torch.manualSeed(0)
        return new nn.Sequential(new nn.Linear(4, 8), new nn.Dropout(0.5), new nn.Linear(8, 1))
      })
      const options = { device: 'cuda', progress: false, epochs: 2, batchSize: 4, seed: 1, optimizer: 'sgd' } as const
      const trainer = new Trainer(model, { ...options, lr: 1e-12 })
      return [(await trainer.fit(data)).trainLosses, (await trainer.fit(data)).trainLosses]
    }
    const [first, second] = await run()
    expect(second).not.toEqual(first)
    expect(await run()).toEqual([first, second])
  })
})
