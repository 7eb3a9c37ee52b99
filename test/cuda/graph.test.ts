import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, test } from 'vitest'
import { findBinaries } from '../../lib/native/binaries.ts'
import { whyNotConnected } from '../../lib/native/cuda.ts'
import * as nn from '../../lib/nn/index.ts'
import { native } from '../../lib/tensor/binding.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'

const { CUDAGraph } = torch.cuda
const { built } = native.cudaState()
const reason = CUDAGraph.why()

describe.skipIf(torch.cuda.isAvailable())('without a CUDA device (needs a machine without)', () => {
  test('there are no graphs, and it is said why', () => {
    expect(reason).toBe(torch.cuda.why())
    expect(expectError(() => new CUDAGraph(), 'ERR_TORCH_DEVICE', '').message).toBe(`CUDAGraph: ${reason}`)
    for (const name of ['getDeviceName', 'getDeviceCapability', 'getDeviceProperties'] as const)
      expect(expectError(() => torch.cuda[name](), 'ERR_TORCH_DEVICE', '').message).toBe(`${name}: ${reason}`)
  })
})

const SETTINGS = {
  name: 'GRU',
  inputSize: 2,
  hiddenSize: 3,
  numLayers: 1,
  projSize: 0,
  bias: true,
  batchFirst: false,
  bidirectional: false,
  backend: 'auto',
} as const

describe('the addon for CUDA', () => {
  test.runIf(built && existsSync(findBinaries().cuda))('fits the main one (where both were built for CUDA)', () => {
    expect(whyNotConnected()).toBeNull()
  })

  test.skipIf(built)('is not there with a LibTorch for the CPU, and nothing else is taken for it', () => {
    expect(existsSync(findBinaries().cuda)).toBe(false)
    expectError(() => native.connectCuda({}), 'ERR_TORCH_TYPE', 'of another version')
    expectError(
      () => native.connectCuda(native.recurrentModule('GRU', SETTINGS, [])),
      'ERR_TORCH_TYPE',
      'of another version',
    )
    expectError(() => native.cudaGraph(), 'ERR_TORCH_DEVICE', 'not loaded')
  })
})

describe.skipIf(reason !== null)('a CUDA graph (needs a CUDA device and the addon for CUDA)', () => {
  const device = 'cuda'
  const x = reason === null ? torch.ones([4, 3], { device }) : torch.ones([1])

  afterAll(() => torch.cuda.synchronizeSync())

  test('repeats what was recorded, with the values that are there', async () => {
    const graph = new CUDAGraph()
    const run = (): Tensor => x.mul(2).add(1)
    await torch.offload(() => torch.tidy(() => void run()))
    const y = await graph.capture(() => torch.tidy(run))
    for (const value of [1, 5]) {
      x.fill_(value)
      graph.replay()
      expectClose(y.cpu(), torch.full([4, 3], 2 * value + 1))
    }
    await torch.offload(() => {
      x.fill_(3)
      graph.replay()
    })
    expectClose(y.cpu(), torch.full([4, 3], 7))
    graph.reset()
    expectError(() => graph.replay(), 'ERR_TORCH_DEVICE', 'without a preceding successful capture')
    // Its memory stays with the tensor.
    expectClose(y.cpu(), torch.full([4, 3], 7))
  })

  test('trains a recurrent network as the same steps do one by one', async () => {
    const losses = async (captured: boolean): Promise<number[]> => {
      torch.manualSeed(0)
      const lstm = new nn.LSTM(3, 8).cuda()
      const [input, target] = [torch.randn([5, 4, 3], { device }), torch.randn([5, 4, 8], { device })]
      const step = (): Tensor =>
        torch.tidy(() => {
          lstm.zeroGrad()
          const [output] = lstm.forward(input)
          const loss = nn.functional.mseLoss(output, target)
          loss.backward()
          torch.noGrad(() => {
            for (const parameter of lstm.parameters()) parameter.sub_((parameter.grad as Tensor).mul(0.1))
          })
          return loss.detach()
        })
      const seen: number[] = []
      for (let i = 0; i < 3; i++) {
        const loss = await torch.offload(step)
        seen.push(loss.item() as number)
        loss.dispose()
      }
      const graph = captured ? new CUDAGraph() : undefined
      const kept = await graph?.capture(step)
      for (let i = 0; i < 3; i++) {
        graph?.replay()
        seen.push((kept ?? (await torch.offload(step))).item() as number)
      }
      return seen
    }
    expectClose(await losses(true), await losses(false), { rtol: 1e-4 })
  })

  test('draws dropout anew with each replay', async () => {
    const ones = torch.ones([1000], { device })
    const run = (): Tensor => nn.functional.dropout(ones, { p: 0.5 })
    run().dispose()
    const graph = new CUDAGraph()
    const y = await graph.capture(run)
    graph.replay()
    const first = y.clone()
    graph.replay()
    expect(y.equal(first)).toBe(false)
  })

  test.each<[string, () => unknown, RegExp]>([
    ['an operation that fails', () => x.matmul(x), /cannot be multiplied/],
    ['one that reads from the device', () => x.nonzero(), /captur/],
    ['one that asks for a value', () => x.sum().item(), /cannot read a value/],
    [
      'an error of JavaScript',
      () => {
        x.add(1)
        throw new Error('mine')
      },
      /mine/,
    ],
    ['an async function', async () => x.add(1), /takes a synchronous function/],
  ])('%s ends the recording, and all goes on', async (_, fn, message) => {
    const graph = new CUDAGraph()
    await expect(graph.capture(fn)).rejects.toThrow(message)
    expectError(() => graph.replay(), 'ERR_TORCH_DEVICE', 'without a preceding successful capture')
    expect(torch.rand([3], { device }).add(1).shape).toEqual([3])
    const y = await graph.capture(() => x.add(1))
    x.fill_(1)
    graph.replay()
    expectClose(y.cpu(), torch.full([4, 3], 2))
  })

  test('is recorded once, and shares its memory when asked', async () => {
    const [first, second] = [new CUDAGraph(), new CUDAGraph()]
    const y = await first.capture(() => x.add(1))
    await expect(first.capture(() => x.add(2))).rejects.toThrow('already owns a captured graph')
    const z = await second.capture(() => x.add(2), { pool: first })
    x.fill_(1)
    first.replay()
    second.replay()
    expectClose(y.cpu(), torch.full([4, 3], 2))
    expectClose(z.cpu(), torch.full([4, 3], 3))
    await expectRejection(
      new CUDAGraph().capture(() => x, { pool: new CUDAGraph() }),
      'ERR_TORCH_VALUE',
      'pool',
    )
    await expectRejection(
      first.capture(() => x, { pool: 1 as never }),
      'ERR_TORCH_TYPE',
      "'pool' must be CUDAGraph",
    )
    await expectRejection(
      first.capture(() => x, { share: first } as never),
      'ERR_TORCH_OPTION',
      "'share'",
    )
    await expectRejection(first.capture(3 as never), 'ERR_TORCH_TYPE', 'takes a function')
  })

  test('leaves work on this thread alone', async () => {
    const graph = new CUDAGraph()
    const captured = graph.capture(() => {
      let y = x
      for (let i = 0; i < 200; i++) y = y.add(1)
      return y
    })
    const here = torch.rand([100], { device }).sum().item()
    expect(here).toBeGreaterThan(0)
    const y = await captured
    x.fill_(0)
    graph.replay()
    expectClose(y.cpu(), torch.full([4, 3], 200))
  })

  test('a worker can be terminated in the middle of a recording', async () => {
    const script = `
      const { parentPort } = require('node:worker_threads')
      import(${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}).then(async ({ torch }) => {
        const x = torch.ones([4], { device: 'cuda' })
        const graph = new torch.cuda.CUDAGraph()
        await graph.capture(() => {
          for (let i = 0; i < 100; i++) x.add(1).dispose()
          parentPort.postMessage('recording')
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000)
        })
      })`
    const worker = new Worker(script, { eval: true })
    await new Promise((resolve) => worker.once('message', resolve))
    await worker.terminate()
    const y = await new CUDAGraph().capture(() => x.add(1))
    expect(y.shape).toEqual([4, 3])
  })

  test('tells what the device is', () => {
    const { name, major, totalMemory, multiProcessorCount } = torch.cuda.getDeviceProperties()
    expect(torch.cuda.getDeviceName()).toBe(name)
    expect(torch.cuda.getDeviceCapability('cuda:0')[0]).toBe(major)
    expect(name.length).toBeGreaterThan(0)
    expect(totalMemory).toBeGreaterThan(1e9)
    expect(multiProcessorCount).toBeGreaterThan(0)
  })
})
