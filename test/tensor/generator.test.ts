import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nn } from '../../lib/index.ts'
import type { Generator } from '../../lib/tensor/generator.ts'
import { op } from '../../lib/tensor/packet.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

interface Fixture {
  draws: Record<string, number[]>
  undirected: Record<string, number[]>
  inits: Record<string, number[]>
  defaultSeed: number
  negative: { initialSeed: string; rand: number[] }
}

const fixture = readFixture<Fixture>('generators')
const weights = () =>
  torch.tensor([
    [0.1, 0.2, 0.3, 0.4],
    [4, 3, 2, 1],
  ])

/** What is drawn in this order from one stream. */
const DRAWS: Record<string, (generator: Generator | null) => Tensor> = {
  rand: (generator) => torch.rand([5], { generator }),
  randn: (generator) => torch.randn([3], { generator }),
  'randn of many': (generator) => torch.randn([20], { generator }),
  randint: (generator) => torch.randint(-5, 1000, [6], { generator }),
  randperm: (generator) => torch.randperm(12, { generator }),
  bernoulli: (generator) => torch.bernoulli(weights().index(0), { generator }),
  multinomial: (generator) => torch.multinomial(weights(), 3, { generator }),
  uniform_: (generator) => torch.empty([4]).uniform_(-1, 3, { generator }),
  normal_: (generator) => torch.empty([4]).normal_(1, 2, { generator }),
  random_: (generator) => torch.empty([4]).random_({ generator }),
  bernoulli_: (generator) => torch.empty([4]).bernoulli_(0.5, { generator }),
  exponential_: (generator) => torch.empty([4]).exponential_(2, { generator }),
  rand_like: (generator) => torch.randLike(weights(), { generator }),
  randn_like: (generator) => torch.randnLike(weights(), { generator }),
  'rand of float64': (generator) => torch.rand([3], { generator, dtype: 'float64' }),
}

const made = (seed: number | bigint) => new torch.Generator().manualSeed(seed)

describe('draws', () => {
  test('from the default stream equal PyTorch', () => {
    torch.manualSeed(42)
    for (const [name, draw] of Object.entries(DRAWS)) expectClose(draw(null), fixture.draws[name] as number[])
  })

  test('from a generator equal PyTorch, and leave the default stream alone', () => {
    torch.manualSeed(1)
    const expected = torch.forkRng(() => torch.rand([3]).toArray())
    const generator = made(42)
    for (const [name, draw] of Object.entries(DRAWS)) expectClose(draw(generator), fixture.draws[name] as number[])
    expect(torch.rand([3]).toArray()).toEqual(expected)
  })

  test('of operations without the option equal PyTorch', () => {
    const x = torch.arange(1, 13, { dtype: 'float32' }).reshape([3, 4])
    torch.manualSeed(5)
    const lstm = new nn.LSTM(4, 3, { numLayers: 2, dropout: 0.5 })
    const undirected: Record<string, () => Tensor> = {
      randLike: () => torch.randLike(x),
      randnLike: () => torch.randnLike(x),
      dropout: () => nn.functional.dropout(x, { p: 0.5 }),
      'recurrent dropout': () => lstm.forward(x.unsqueeze(1))[0],
      linear: () => new nn.Linear(3, 2).weight,
    }
    for (const [name, draw] of Object.entries(undirected)) expectClose(draw(), fixture.undirected[name] as number[])
  })

  test('within offload keep their order', async () => {
    torch.manualSeed(42)
    const generator = made(42)
    const drawn = await torch.offload(() => Object.values(DRAWS).map((draw) => [draw(null), draw(generator)] as const))
    const again = await torch.offload(() => {
      generator.manualSeed(42)
      return torch.rand([5], { generator })
    })
    for (const [i, name] of Object.keys(DRAWS).entries()) {
      for (const tensor of drawn[i] as readonly Tensor[]) expectClose(tensor, fixture.draws[name] as number[])
    }
    expectClose(again, fixture.draws.rand as number[])
  })
})

test('initializations with a generator equal PyTorch', () => {
  const { init } = nn
  const calls: Record<string, (tensor: Tensor, generator: Generator) => Tensor> = {
    uniform_: (tensor, generator) => init.uniform_(tensor, -2, 1, { generator }),
    normal_: (tensor, generator) => init.normal_(tensor, 1, 0.5, { generator }),
    trunc_normal_: (tensor, generator) => init.truncNormal_(tensor, 0, 1, -1, 1.5, { generator }),
    xavier_uniform_: (tensor, generator) => init.xavierUniform_(tensor, 2, { generator }),
    xavier_normal_: (tensor, generator) => init.xavierNormal_(tensor, 2, { generator }),
    kaiming_uniform_: (tensor, generator) => init.kaimingUniform_(tensor, { generator }),
    kaiming_normal_: (tensor, generator) => init.kaimingNormal_(tensor, { generator }),
    orthogonal_: (tensor, generator) => init.orthogonal_(tensor, 1.5, { generator }),
  }
  torch.manualSeed(1)
  const state = torch.getRngState()
  for (const [name, call] of Object.entries(calls)) {
    expectClose(call(torch.zeros([4, 3]), made(11)), fixture.inits[name] as number[])
  }
  const sparse = () => init.sparse_(torch.zeros([6, 2]), 0.5, 1, { generator: made(3) })
  expect(sparse().equal(sparse())).toBe(true)
  expect(torch.getRngState().equal(state)).toBe(true)
})

describe('Generator', () => {
  test('starts with the seed of PyTorch, and takes others', () => {
    expect(new torch.Generator().initialSeed()).toBe(fixture.defaultSeed)
    expect(new torch.Generator({ device: 'cpu' }).device).toBe('cpu')
    const negative = made(-1)
    expect(negative.initialSeed()).toBe(BigInt(fixture.negative.initialSeed))
    expectClose(torch.rand([2], { generator: negative }), fixture.negative.rand as number[])
    expect(
      made(2n ** 64n - 1n)
        .getState()
        .equal(made(-1).getState()),
    ).toBe(true)
    expect(made(2 ** 53 - 1).initialSeed()).toBe(2 ** 53 - 1)
    const [one, other] = [new torch.Generator(), new torch.Generator()]
    const seed = one.seed()
    expect(one.initialSeed()).toBe(seed)
    expect(Number.isSafeInteger(seed)).toBe(true)
    expect(other.seed()).not.toBe(seed)
    expect(torch.rand([4], { generator: one }).equal(torch.rand([4], { generator: made(seed) }))).toBe(true)
  })

  test('goes on from a state, whatever was drawn (property)', () => {
    const names = fc.array(fc.constantFrom(...Object.keys(DRAWS)), { maxLength: 5 })
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), names, names, (seed, before, after) =>
        torch.tidy(() => {
          const draw = (generator: Generator | null, what: string[]) =>
            what.map((name) => DRAWS[name]?.(generator).toArray())
          const generator = made(seed)
          draw(generator, before)
          const state = generator.getState()
          const drawn = draw(generator, after)
          const copy = new torch.Generator().setState(state)
          expect(draw(copy, after)).toEqual(drawn)
          expect(copy.initialSeed()).toEqual(generator.initialSeed())
          torch.setRngState(state)
          expect(draw(null, after)).toEqual(drawn)
          expect(torch.getRngState().equal(copy.getState())).toBe(true)
        }),
      ),
      { numRuns: 40 },
    )
  })

  const rand = (generator: unknown) => torch.rand([2], { generator: generator as Generator })
  const stateOf = (change: (bytes: Uint8Array) => Uint8Array) =>
    torch.tensor(change(made(0).getState().toTypedArray() as Uint8Array))
  const withWords = (left: number, next: number) =>
    stateOf((bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      // CPUGeneratorImplState: the seed, `left`, whether it is seeded, `next`, and the table.
      view.setInt32(8, left, true)
      view.setBigUint64(16, BigInt(next), true)
      return bytes
    })

  test.each([
    [() => rand({}), 'ERR_TORCH_TYPE', "rand(): argument 'generator' must be torch.Generator, not an object"],
    [() => rand(7), 'ERR_TORCH_TYPE', "rand(): argument 'generator' must be torch.Generator, not 7"],
    [
      () => torch.empty([1]).uniform_({ generator: torch.ones([1]) as never }),
      'ERR_TORCH_TYPE',
      /uniform_\(\): argument 'generator' must be torch\.Generator, not Tensor/,
    ],
    [() => torch.zeros([1], { generator: made(0) } as never), 'ERR_TORCH_OPTION', /zeros: unknown option 'generator'/],
    [() => nn.init.normal_(torch.ones([1]), 0, 1, { seed: 1 } as never), 'ERR_TORCH_OPTION', /unknown option 'seed'/],
    [() => new torch.Generator('cpu' as never), 'ERR_TORCH_TYPE', /options must be an object/],
    [
      () => new torch.Generator({ device: 'meta' as never }),
      'ERR_TORCH_DEVICE',
      /must be 'cpu', 'cuda' or one such as 'cuda:1', got 'meta'/,
    ],
    [() => made(1.5), 'ERR_TORCH_TYPE', /'seed' must be int/],
    [() => made(2n ** 64n), 'ERR_TORCH_TYPE', /'seed' must be int/],
    [() => made('1' as never), 'ERR_TORCH_TYPE', /'seed' must be int/],
    [() => made(0).setState([] as never), 'ERR_TORCH_TYPE', 'setState: state must be a Tensor, got []'],
    [() => made(0).setState(torch.zeros([5056])), 'ERR_TORCH_TYPE', /RNG state must be a torch.ByteTensor/],
    [
      () => made(0).setState(torch.zeros([10], { dtype: 'uint8' })),
      'ERR_TORCH_SHAPE',
      /CPUGeneratorImplState of size 5056 but found the input RNG state size to be 10/,
    ],
    [() => torch.setRngState(stateOf((bytes) => bytes.slice(1))), 'ERR_TORCH_SHAPE', /size to be 5055/],
    [() => made(0).setState(torch.zeros([5056], { dtype: 'uint8' })), 'ERR_TORCH_RUNTIME', /mt19937/],
    [() => made(0).setState(withWords(624, 600)), 'ERR_TORCH_VALUE', /Invalid mt19937 state/],
    [() => made(0).setState(withWords(2, 624)), 'ERR_TORCH_VALUE', /Invalid mt19937 state/],
    [
      () => made(0).setState(op('aten::_efficientzerotensor')([5056], { dtype: 'uint8' }) as Tensor),
      'ERR_TORCH_RUNTIME',
      /Invalid mt19937 state/,
    ],
  ] as const)('refuses %s', (call, code, message) => {
    expectError(call, code, message)
  })

  test('takes the last state before the table is made anew', () => {
    expect(torch.rand([700], { generator: made(0).setState(withWords(1, 624)) }).shape).toEqual([700])
  })

  test.skipIf(torch.cuda.isAvailable())('of CUDA needs CUDA', () => {
    expectError(() => new torch.Generator({ device: 'cuda' }), 'ERR_TORCH_DEVICE', /CUDA/)
  })

  test('a state that does not fit leaves the generator as it was', async () => {
    const generator = made(4)
    const state = generator.getState()
    expect(() => generator.setState(withWords(3, 624))).toThrow()
    await expect(torch.offload(() => void generator.setState(torch.zeros([3])))).rejects.toMatchObject({
      code: 'ERR_TORCH_TYPE',
    })
    expect(generator.getState().equal(state)).toBe(true)
  })
})
