import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import { native } from '../../lib/tensor/binding.ts'
import { torch } from '../../lib/torch.ts'
import { expectError, expectRejection } from '../support/error.ts'

const { cuda, device } = torch
const { built, devices } = native.cudaState()

describe('device', () => {
  test('checks a name and returns it', () => {
    expect(device('cpu')).toBe('cpu')
    expect(device('cpu', 0)).toBe('cpu')
    expect(device('cuda')).toBe('cuda')
    expect(device('cuda:1')).toBe('cuda:1')
    expect(device('cuda', 0)).toBe('cuda:0')
  })

  // The words of torch.device in PyTorch 2.13.
  test.each([
    [['cuda:-1'], "Invalid device string: 'cuda:-1'"],
    [['cuda:01'], "Invalid device string: 'cuda:01'"],
    [['cuda:'], "Invalid device string: 'cuda:'"],
    [['cuda:one'], "Invalid device string: 'cuda:one'"],
    [['gpu'], "Expected one of cpu, cuda device type at start of device string: gpu; did you mean 'cuda'?"],
    [['CUDA'], "Expected one of cpu, cuda device type at start of device string: CUDA; did you mean 'cuda'?"],
    [[''], 'Expected one of cpu, cuda device type at start of device string: '],
    [['cuda:1', 0], 'type (string) must not include an index because index was passed explicitly: cuda:1'],
  ])('refuses %j', (args, message) => {
    expect(expectError(() => device(...(args as [string])), 'ERR_TORCH_DEVICE', '').message).toBe(message)
  })

  test('refuses other types', () => {
    expectError(() => device('cuda', -1), 'ERR_TORCH_VALUE', 'device: index must be a non-negative integer, got -1')
    expectError(() => device(1 as never), 'ERR_TORCH_TYPE', 'device: type must be a string, got 1')
    expectError(
      () => device('cuda', '1' as never),
      'ERR_TORCH_TYPE',
      "device: index must be a non-negative integer, got '1'",
    )
    expectError(() => device('cuda', 0.5), 'ERR_TORCH_VALUE', 'device: index must be a non-negative integer, got 0.5')
  })
})

/** What another process, with this environment, says of CUDA. */
function whyWith(env: NodeJS.ProcessEnv): string | null {
  const script = `import('${new URL('../../dist/torch.js', import.meta.url)}').then(({ torch }) =>
    console.log(JSON.stringify(torch.cuda.why())))`
  const { stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', env: { ...process.env, ...env } })
  return JSON.parse(stdout) as string | null
}

describe.skipIf(devices > 0)('without a CUDA device (needs a machine without)', () => {
  test('says why, and what to do about it', () => {
    expect(cuda.isAvailable()).toBe(false)
    expect(cuda.deviceCount()).toBe(0)
    if (built) expect(cuda.why()).toMatch(/NVIDIA|CUDA/)
    else {
      expect(cuda.why()).toBe(
        'Torch not compiled with CUDA enabled: this LibTorch runs only on the CPU. `npx libtorch-rnn install --cuda` installs the CUDA build.',
      )
    }
    // A driver would be needed to hide devices from it.
    expect(whyWith({ CUDA_VISIBLE_DEVICES: '' })).toBe(cuda.why())
  })

  test('does nothing where PyTorch does nothing', () => {
    cuda.manualSeed(0)
    cuda.manualSeedAll(0n)
    cuda.emptyCache()
    expect(cuda.isBf16Supported()).toBe(false)
    expect(torch.tensor([1]).isCuda).toBe(false)
  })

  test.each([
    ['currentDevice', () => cuda.currentDevice()],
    ['setDevice', () => cuda.setDevice(0)],
    ['synchronizeSync', () => cuda.synchronizeSync()],
    ['memGetInfo', () => cuda.memGetInfo()],
    ['resetPeakMemoryStats', () => cuda.resetPeakMemoryStats()],
    ['Event', () => new cuda.Event()],
  ])('%s throws with the reason', (name, call) => {
    expect(expectError(call, 'ERR_TORCH_DEVICE', '').message).toBe(`${name}: ${cuda.why()}`)
  })

  test('synchronize rejects with the reason', async () => {
    await expectRejection(cuda.synchronize(), 'ERR_TORCH_DEVICE', cuda.why() as string)
  })

  test('moving there throws, and what was to move stays as it is', () => {
    const says = built ? 'NVIDIA' : 'Torch not compiled with CUDA enabled'
    const lstm = new nn.LSTM(2, 3)
    const before = lstm.allWeights.flat().map((weight) => weight.toArray())
    for (const move of [
      () => torch.ones([1]).cuda(),
      () => torch.ones([1]).to('cuda:1'),
      () => torch.ones([1], { device: 'cuda' }),
      () => new nn.LSTM(2, 3, { device: 'cuda' }),
      () => lstm.cuda(),
      () => lstm.to('cuda'),
    ]) {
      expectError(move, 'ERR_TORCH_DEVICE', says)
    }
    expect(lstm.allWeights.flat().map((weight) => weight.toArray())).toEqual(before)
    expect(lstm.cpu()).toBe(lstm)
  })
})

test('cuda() takes CUDA devices only', () => {
  expectError(
    () => torch.ones([1]).cuda('cpu'),
    'ERR_TORCH_DEVICE',
    "cuda: device must be 'cuda' or one such as 'cuda:1', got 'cpu'",
  )
  expectError(
    () => new nn.GRU(1, 1).cuda(0 as never),
    'ERR_TORCH_DEVICE',
    "cuda: device must be 'cuda' or one such as 'cuda:1', got 0",
  )
  expectError(
    () => torch.ones([1]).cuda('cuda', { async: true } as never),
    'ERR_TORCH_OPTION',
    "unknown option 'async'",
  )
})

test('options of events are checked', () => {
  expectError(() => new cuda.Event({ timing: true } as never), 'ERR_TORCH_OPTION', "unknown option 'timing'")
  expectError(() => new cuda.Event({ enableTiming: 1 as never }), 'ERR_TORCH_TYPE', 'enableTiming must be a boolean')
})

describe.skipIf(devices === 0)('with a CUDA device (needs one)', () => {
  test('is there', () => {
    expect(cuda.why()).toBeNull()
    expect(cuda.deviceCount()).toBe(devices)
    expect(cuda.currentDevice()).toBe(0)
    cuda.setDevice('cuda:0')
    expect(torch.ones([1], { device: 'cuda' }).device).toBe('cuda:0')
    expectError(() => cuda.setDevice(devices), 'ERR_TORCH_DEVICE', `invalid device ${devices}`)
    expectError(() => cuda.setDevice(-1), 'ERR_TORCH_VALUE', 'device must be')
    expectError(() => cuda.setDevice('cpu'), 'ERR_TORCH_VALUE', 'Expected a cuda device, but got: cpu')
    expect(cuda.isBf16Supported()).toBe(true)
  })

  test('repeats its random numbers', () => {
    cuda.manualSeed(1)
    const first = torch.randn([4], { device: 'cuda' }).toArray()
    cuda.manualSeedAll(1)
    expect(torch.randn([4], { device: 'cuda' }).toArray()).toEqual(first)
    torch.manualSeed(1)
    expect(torch.randn([4], { device: 'cuda' }).toArray()).toEqual(first)
  })

  test('events measure its work, also what is queued', async () => {
    const x = torch.randn([512, 512], { device: 'cuda' })
    const [start, end] = [new cuda.Event({ enableTiming: true }), new cuda.Event({ enableTiming: true })]
    start.record()
    const done = torch.offload(() => {
      const y = x.matmul(x)
      end.record()
      return y
    })
    await done
    await end.synchronize()
    expect(end.query()).toBe(true)
    expect(start.elapsedTime(end)).toBeGreaterThan(0)
    await cuda.synchronize()
    cuda.synchronizeSync('cuda:0')
    end.synchronizeSync()
    expectError(() => start.elapsedTime(new cuda.Event({ enableTiming: true })), 'ERR_TORCH_RUNTIME', /event/i)
    await expectRejection(
      torch.offload(() => cuda.synchronizeSync()),
      'ERR_TORCH_PENDING',
      'cannot wait',
    )
  })
})

describe('tensors on several devices', () => {
  // The device that has no memory is everywhere.
  const meta = { device: 'meta' as never }
  const [here, there] = [torch.ones([5, 2, 3]), torch.ones([5, 2, 3], meta)]
  const state = torch.ones([1, 2, 4], meta)

  // The words of PyTorch 2.13.
  describe.each([nn.RNN, nn.LSTM, nn.GRU])('%o', (Network) => {
    // Their states differ, which is of no matter here.
    const create = (options?: object): nn.GRU => new Network(3, 4, options) as nn.GRU
    const network = create()
    const states = (network instanceof nn.LSTM ? [state, state] : state) as never

    test('refuses them', () => {
      for (const [call, message] of [
        [
          () => network.forward(there),
          'Input and parameter tensors are not at the same device, found input tensor at meta and parameter tensor at cpu',
        ],
        [
          () => create(meta).forward(here),
          'Input and parameter tensors are not at the same device, found input tensor at cpu and parameter tensor at meta',
        ],
        [
          () => network.forward(here, states),
          'Input and hidden tensors are not at the same device, found input tensor at cpu and hidden tensor at meta',
        ],
      ] as const) {
        expect(expectError(call, 'ERR_TORCH_DEVICE', '').message).toBe(message)
      }
    })

    test('refuses them in the queue', async () => {
      await expectRejection(
        torch.offload(() => network.forward(there)),
        'ERR_TORCH_DEVICE',
        'not at the same device',
      )
    })
  })

  test('losses and operations refuse them', () => {
    const message = 'Expected all tensors to be on the same device, but found at least two devices'
    for (const call of [
      () => nn.functional.mseLoss(here, there),
      () => nn.functional.l1Loss(here, there),
      () => nn.functional.crossEntropy(here, there),
      () => here.add(there),
      () => new nn.PeepholeLSTM(3, 4).forward(there),
    ]) {
      expectError(call, 'ERR_TORCH_DEVICE', message)
    }
  })

  test.skipIf(devices === 0)('on CUDA, in words that name the two (needs a CUDA device)', () => {
    const onCuda = here.cuda()
    const message = /Expected all tensors to be on the same device|not at the same device/
    for (const call of [
      () => new nn.Linear(3, 4).forward(onCuda),
      () => new nn.Linear(3, 4).cuda().forward(here),
      () => new nn.LSTM(3, 4).cuda().forward(here),
      () => new nn.GRUCell(3, 4).forward(onCuda.index(0)),
      () => new nn.ChungGRU(3, 4).forward(onCuda),
      () => nn.functional.mseLoss(onCuda, here),
      () => torch.cat([onCuda, here]),
      () => onCuda.matmul(here.transpose(1, 2)),
    ]) {
      expectError(call, 'ERR_TORCH_DEVICE', message)
    }
  })
})
