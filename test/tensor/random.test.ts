// Random numbers of the default stream: one per environment, and one per trainer with a seed.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { nn } from '../../lib/index.ts'
import { op } from '../../lib/tensor/packet.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { formatsPath, readFixture } from '../support/fixture.ts'

const fixture = readFixture<{
  draws: Record<string, number[]>
  state: { seed: number; bytes: string; next: number[] }
  sequence: number[]
  scripted: Record<string, number[]>
}>('generators')

const INDEX = new URL('../../dist/index.js', import.meta.url).href

/** What a worker posts, which runs `body` and ends. */
async function fromWorker<T>(body: string): Promise<T> {
  const code = `import { parentPort } from 'node:worker_threads'; import { nn, torch } from '${INDEX}'; ${body}`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
  const [message] = (await once(worker, 'message')) as [T]
  await worker.terminate()
  return message
}

describe('environments', () => {
  test('four workers with one seed draw the same at once, which is what PyTorch draws', async () => {
    const draw = `
      torch.manualSeed(0)
      const sequence = []
      for (let i = 0; i < 50; i++) sequence.push(torch.randn([10]).sum().item())
      const more = torch.randn([3000, 100]).sum().item()
      const offloaded = await torch.offload(() => torch.rand([3]))
      parentPort.postMessage({ sequence, more, offloaded: offloaded.toArray() })`
    const results = await Promise.all(
      [0, 1, 2, 3].map(() => fromWorker<{ sequence: number[]; more: number; offloaded: number[] }>(draw)),
    )
    expectClose(results[0]?.sequence ?? [], fixture.sequence, { atol: 1e-5 })
    for (const result of results) expect(result).toEqual(results[0])
  })

  test('a worker that seeds and draws leaves this thread alone', async () => {
    torch.manualSeed(42)
    const expected = torch.randn([1000]).toArray()
    torch.manualSeed(42)
    const worker = fromWorker<number>(`
      torch.manualSeed(1)
      for (let i = 0; i < 2000; i++) { torch.randn([10]); nn.functional.dropout(torch.ones([10])) }
      parentPort.postMessage(torch.initialSeed())`)
    const drawn: unknown[] = []
    for (let i = 0; i < 100; i++) {
      drawn.push(...(torch.randn([10]).toArray() as number[]))
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(await worker).toBe(1)
    // Ten at a time are drawn otherwise than a thousand at once: both are compared with themselves.
    torch.manualSeed(42)
    expect(drawn).toEqual(Array.from({ length: 100 }, () => torch.randn([10]).toArray() as number[]).flat())
    expect(torch.initialSeed()).toBe(42)
    torch.manualSeed(42)
    expect(torch.randn([1000]).toArray()).toEqual(expected)
  })

  test('each starts with a seed of its own', async () => {
    const seeds = await Promise.all([0, 1].map(() => fromWorker<number>('parentPort.postMessage(torch.initialSeed())')))
    expect(new Set(seeds).size).toBe(2)
  })
})

const call = (name: string, ...args: unknown[]) => {
  const result = op(`aten::${name}`)(...args)
  return (Array.isArray(result) ? result[0] : result) as Tensor
}
const query = () => torch.ones([1, 2, 9, 4])
const lstm = new nn.LSTM(3, 4, { numLayers: 2, dropout: 0.5 })
const gru = new nn.GRU(3, 4, { numLayers: 2, dropout: 0.5 })
const peephole = new nn.PeepholeLSTM(3, 4, { numLayers: 2, dropout: 0.5 })
const sequence = torch.ones([7, 2, 3])
const withLibTorch = <T>(network: { backend: string }, fn: () => T): T => {
  const before = network.backend
  network.backend = 'libtorch'
  try {
    return fn()
  } finally {
    network.backend = before
  }
}

/** Operations that draw without being told what from: composites, what LibTorch calls inside, and recurrent networks. */
const DRAWING: Record<string, () => Tensor> = {
  randLike: () => torch.randLike(torch.ones([9])),
  randint_like: () => call('randint_like', torch.ones([9]), 100),
  dropout: () => nn.functional.dropout(torch.ones([30])),
  dropout_: () => nn.functional.dropout(torch.ones([30]), { inplace: true }),
  native_dropout: () => call('native_dropout', torch.ones([30]), 0.5, true),
  alpha_dropout: () => call('alpha_dropout', torch.ones([30]), 0.5, true),
  feature_dropout: () => call('feature_dropout', torch.ones([9, 9, 2]), 0.5, true),
  feature_alpha_dropout: () => call('feature_alpha_dropout', torch.ones([9, 9, 2]), 0.5, true),
  rrelu: () => call('rrelu', torch.full([9], -1), 0.1, 0.9, true),
  attention: () =>
    call(
      'scaled_dot_product_attention',
      query(),
      query(),
      torch.arange(72).view([1, 2, 9, 4]).to({ dtype: 'float32' }),
      { dropoutP: 0.5 },
    ),
  'normal of numbers': () => call('normal.float_float', 0, 1, [9]),
  'normal of tensors': () => call('normal.Tensor_Tensor', torch.ones([9]), torch.ones([9])),
  poisson: () => call('poisson', torch.full([9], 10)),
  binomial: () => call('binomial', torch.full([9], 100), torch.full([9], 0.5)),
  gamma: () => call('_standard_gamma', torch.ones([9])),
  dirichlet: () => call('_sample_dirichlet', torch.ones([9])),
  cauchy_: () => call('cauchy_', torch.ones([9])),
  geometric_: () => call('geometric_', torch.ones([9]), 0.1),
  log_normal_: () => call('log_normal_', torch.ones([9])),
  'functional uniform': () => call('uniform', torch.ones([9])),
  'functional normal': () => call('normal_functional', torch.ones([9])),
  'complex numbers': () => torch.randn([9], { dtype: 'complex64' }).abs(),
  bfloat16: () => torch.randn([9], { dtype: 'bfloat16' }),
  lstm: () => lstm.forward(sequence)[0],
  gru: () => gru.forward(sequence)[0],
  peepholes: () => peephole.forward(sequence)[0],
  "LibTorch's lstm": () => withLibTorch(lstm, () => lstm.forward(sequence)[0]),
  truncNormal_: () => nn.init.truncNormal_(torch.ones([30])),
  orthogonal_: () => nn.init.orthogonal_(torch.ones([4, 4])),
  sparse_: () => nn.init.sparse_(torch.ones([9, 9]), 0.5),
  Linear: () => new nn.Linear(3, 4).weight,
}

describe.each(Object.entries(DRAWING))('%s', (_, draw) => {
  const values = () => torch.tidy(() => draw().to({ dtype: 'float64' }).toArray())

  test('repeats with the seed, also without autograd and in offload', async () => {
    torch.manualSeed(3)
    const first = values()
    expect(values()).not.toEqual(first)
    torch.manualSeed(3)
    expect(values()).toEqual(first)
    // LibTorch computes in another order where it records nothing.
    torch.manualSeed(3)
    expectClose(torch.noGrad(values) as number[], first as number[])
    torch.manualSeed(3)
    expectClose(await torch.offload(() => torch.tidy(() => draw().to({ dtype: 'float64' }))), first as number[])
  })

  test('draws from a fork where it is called in one', () => {
    torch.manualSeed(3)
    const state = torch.getRngState()
    const first = torch.forkRng(values)
    expect(torch.getRngState().equal(state)).toBe(true)
    expect(values()).toEqual(first)
    expect(torch.getRngState().equal(state)).toBe(false)
  })
})

describe('a program of TorchScript', () => {
  const script = torch.jit.loadSync(formatsPath('drawing.pt'))
  const x = torch.ones([3])

  test('draws what it draws in PyTorch, also in tasks that it forks', async () => {
    torch.manualSeed(6)
    expectClose(script.runSync<Tensor>('forward', x), fixture.scripted.forward as number[])
    for (let i = 0; i < 5; i++) {
      torch.manualSeed(6)
      expectClose(script.runSync<Tensor>('forked', x), fixture.scripted.forked as number[])
      torch.manualSeed(6)
      expectClose(await torch.offload(() => script.runSync<Tensor>('forked', x)), fixture.scripted.forked as number[])
    }
  })

  test('draws from a fork of the random numbers', () => {
    torch.manualSeed(6)
    const state = torch.getRngState()
    expectClose(
      torch.forkRng(() => script.runSync<Tensor>('forked', x)),
      fixture.scripted.forked as number[],
    )
    expect(torch.getRngState().equal(state)).toBe(true)
  })
})

describe('the state', () => {
  test('equals that of PyTorch byte by byte, and PyTorch draws go on here', () => {
    const { seed, bytes, next } = fixture.state
    torch.manualSeed(seed)
    torch.randn([3])
    const state = torch.getRngState()
    expect([state.dtype, state.shape]).toEqual(['uint8', [5056]])
    expect(Buffer.from(state.toTypedArray() as Uint8Array).toString('base64')).toBe(bytes)
    expectClose(torch.randn([5]), next)
    torch.manualSeed(1)
    torch.setRngState(torch.tensor(new Uint8Array(Buffer.from(bytes, 'base64'))))
    expectClose(torch.randn([5]), next)
    expect(torch.initialSeed()).toBe(seed)
  })

  test('is read and set in order within offload', async () => {
    torch.manualSeed(8)
    const [state, first, second] = await torch.offload(() => {
      torch.rand([3])
      const state = torch.getRngState()
      const first = torch.rand([4])
      torch.setRngState(state)
      return [state, first, torch.rand([4])] as const
    })
    expect(second.equal(first)).toBe(true)
    torch.setRngState(state)
    expect(torch.rand([4]).equal(first)).toBe(true)
  })

  test('seed() takes another one each time', () => {
    const seed = torch.seed()
    expect(torch.initialSeed()).toBe(seed)
    expect(torch.seed()).not.toBe(seed)
  })

  test.each([
    [() => torch.manualSeed('1' as never), 'ERR_TORCH_TYPE', /seed must be an integer/],
    [() => torch.setRngState(undefined as never), 'ERR_TORCH_TYPE', 'setRngState: state must be a Tensor'],
    [() => torch.setRngState(torch.ones([5056], { dtype: 'int8' })), 'ERR_TORCH_TYPE', /must be a torch.ByteTensor/],
    [() => torch.forkRng(1 as never), 'ERR_TORCH_TYPE', 'forkRng: fn must be a function, got 1'],
  ] as const)('refuses %s', (call, code, message) => {
    expectError(call, code, message)
  })
})

describe('forkRng', () => {
  test('may seed without a trace, also where it fails', () => {
    torch.manualSeed(2)
    const expected = torch.forkRng(() => torch.rand([3]).toArray())
    torch.forkRng(() => torch.manualSeed(9))
    expect(() =>
      torch.forkRng(() => {
        torch.rand([3])
        throw new Error('within')
      }),
    ).toThrow('within')
    expect(torch.initialSeed()).toBe(2)
    expect(torch.rand([3]).toArray()).toEqual(expected)
  })

  test('lasts through awaits, and concurrent ones do not mix', async () => {
    const draw = async (seed: number) => {
      torch.manualSeed(seed)
      const drawn: unknown[] = []
      for (let i = 0; i < 5; i++) {
        await new Promise((resolve) => setTimeout(resolve, seed % 3))
        drawn.push(torch.rand([2]).toArray(), (await torch.offload(() => torch.rand([2]))).toArray())
      }
      return drawn
    }
    torch.manualSeed(7)
    const outside = torch.forkRng(() => torch.rand([2]).toArray())
    const alone = [await torch.forkRng(() => draw(1)), await torch.forkRng(() => draw(2))]
    const together = await Promise.all([torch.forkRng(() => draw(1)), torch.forkRng(() => draw(2))])
    expect(together).toEqual(alone)
    expect(torch.rand([2]).toArray()).toEqual(outside)
  })

  test('nests', () => {
    torch.manualSeed(4)
    const drawn = torch.forkRng(() => {
      const first = torch.rand([1]).item()
      const inner = torch.forkRng(() => torch.rand([1]).item())
      return [first, inner, torch.rand([1]).item()]
    })
    expect(drawn[2]).toBe(drawn[1])
    expect(torch.rand([1]).item()).toBe(drawn[0])
  })
})
