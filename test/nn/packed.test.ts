import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TorchError } from '../../lib/errors.ts'
import { GRU, LSTM, type LSTMState, type RecurrentModule, RNN, utils } from '../../lib/nn/index.ts'
import { packingOf } from '../../lib/nn/utils/packed-sequence.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { collectGarbage } from '../support/garbage.ts'

const {
  invertPermutation,
  PackedSequence,
  packPaddedSequence,
  packSequence,
  padPackedSequence,
  padSequence,
  unpackSequence,
  unpadSequence,
} = utils.rnn

const int64 = { dtype: 'int64' } as const
const a = torch.tensor([1, 2, 3])
const b = torch.tensor([4, 5])
const c = torch.tensor([6])

/** Lists of random sequences (L, 5, …) with up to three more dimensions, and their lengths in disorder. */
function sequences(): Tensor[][] {
  const lengths = [4, 25, 1, 49, 9, 36, 16]
  return [[], [4], [4, 4], [4, 4, 4]].map((trailing) => lengths.map((length) => torch.rand([length, 5, ...trailing])))
}

function expectSame(actual: readonly Tensor[], expected: readonly Tensor[]): void {
  expect(actual.length).toBe(expected.length)
  for (const [i, tensor] of actual.entries()) expect(tensor.equal(expected[i] as Tensor)).toBe(true)
}

// The behaviours of PyTorch's test/nn/test_packed_sequence.py.

test.each(['float32', 'float64', 'float16', 'int64', 'int32', 'int16', 'int8', 'uint8'] as const)(
  'a packed sequence converts to %s as its data does, sorted or not',
  (dtype) => {
    for (const enforceSorted of [true, false]) {
      const packed = packSequence([a, b, c], { enforceSorted }).to(dtype)
      expect(packed.batchSizes.dtype).toBe('int64')
      expect(packed.sortedIndices?.dtype).toBe(enforceSorted ? undefined : 'int64')
      const [padded, lengths] = padPackedSequence(packed, { batchFirst: true })
      expect(padded.dtype).toBe(dtype)
      expect(padded.float().toArray()).toEqual([
        [1, 2, 3],
        [4, 5, 0],
        [6, 0, 0],
      ])
      expect(lengths.toArray()).toEqual([3, 2, 1])
    }
  },
)

test('to, cpu, float, double and long give a sequence of its own', () => {
  const packed = packSequence([c, a], { enforceSorted: false })
  for (const other of [packed.to('cpu'), packed.cpu(), packed.float(), packed.double(), packed.long()]) {
    expect(other.sortedIndices?.toArray()).toEqual([1, 0])
    other.dispose()
    expect(other.data.disposed && other.batchSizes.disposed && other.unsortedIndices?.disposed).toBe(true)
  }
  expect(unpackSequence(packed).map(String)).toEqual([String(c), String(a)])
  expectError(() => packed.to('float31' as never), 'ERR_TORCH_DTYPE', /float31/)
})

test('sequences of another order are an error where sorted ones are asked for', () => {
  const padded = padSequence([torch.ones([22, 3]), torch.ones([25, 3])])
  expectError(() => packPaddedSequence(padded, [22, 25]), 'ERR_TORCH_RUNTIME', /must be sorted in decreasing order/)
  expectError(
    () => packSequence([b, c, a]),
    'ERR_TORCH_RUNTIME',
    /pass \{ enforceSorted: false \} to packPaddedSequence/,
  )
})

test('pads the rows of a tensor like a list', () => {
  const list = padSequence([torch.tensor([[7, 6]]), torch.tensor([[-7, -1]])])
  const rows = padSequence(torch.tensor([[[7, 6]], [[-7, -1]]]))
  expect(rows.toArray()).toEqual(list.toArray())
  expect(rows.shape).toEqual([1, 2, 2])
})

test('totalLength pads further, and must not be less than the longest sequence', () => {
  const packed = packSequence([a, b, c])
  for (const batchFirst of [true, false]) {
    for (const totalLength of [-1, 0, 2]) {
      expectError(
        () => padPackedSequence(packed, { batchFirst, totalLength }),
        'ERR_TORCH_VALUE',
        `Expected totalLength to be at least the length of the longest sequence in input, but got totalLength=${totalLength} and max sequence length being 3`,
      )
    }
    const [plain] = padPackedSequence(packed, { batchFirst })
    for (const extra of [0, 1, 8]) {
      const [padded, lengths] = padPackedSequence(packed, { batchFirst, totalLength: 3 + extra })
      const zeros = torch.zeros(batchFirst ? [3, extra] : [extra, 3])
      expect(padded.toArray()).toEqual(torch.cat([plain, zeros], batchFirst ? 1 : 0).toArray())
      expect(lengths.toArray()).toEqual([3, 2, 1])
    }
  }
})

test('padSequence', () => {
  const expected = [
    [4, 5, 0],
    [1, 2, 3],
    [6, 0, 0],
  ]
  expect(padSequence([b, a, c], { batchFirst: true }).toArray()).toEqual(expected)
  expect(padSequence([b, a, c]).toArray()).toEqual(torch.tensor(expected).t().toArray())
  expect(padSequence(new Set([b, a, c]), { batchFirst: true, paddingValue: 1 }).toArray()).toEqual([
    [4, 5, 1],
    [1, 2, 3],
    [6, 1, 1],
  ])
  expect(padSequence([b, a, c], { batchFirst: true, paddingSide: 'left', paddingValue: -0.5 }).toArray()).toEqual([
    [-0.5, 4, 5],
    [1, 2, 3],
    [-0.5, -0.5, 6],
  ])
  for (const list of sequences()) {
    const expected = torch.stack(
      list.map((sequence) => {
        const [length = 0, ...rest] = sequence.shape
        return torch.cat([sequence, torch.zeros([49 - length, ...rest])])
      }),
    )
    expect(padSequence(list, { batchFirst: true }).equal(expected)).toBe(true)
    expect(padSequence(list).equal(expected.transpose(0, 1))).toBe(true)
  }
})

test('unpadSequence undoes padSequence', () => {
  for (const list of [[a, b, c], ...sequences()]) {
    const lengths = list.map((sequence) => sequence.size(0))
    for (const batchFirst of [true, false]) {
      const padded = padSequence(list, { batchFirst })
      expectSame(unpadSequence(padded, lengths, { batchFirst }), list)
      expectSame(unpadSequence(padded, torch.tensor(lengths, int64), { batchFirst }), list)
    }
  }
})

test('packSequence', () => {
  const packed = packSequence([a, b, c], { enforceSorted: false })
  expect(packed.batchSizes.toArray()).toEqual([3, 2, 1])
  expect(packed.data.toArray()).toEqual([1, 4, 6, 2, 5, 3])
  expect(packed.sortedIndices?.toArray()).toEqual([0, 1, 2])
  expect(packed.unsortedIndices?.toArray()).toEqual([0, 1, 2])
  const unsorted = packSequence([b, c, a], { enforceSorted: false })
  expect(unsorted.batchSizes.toArray()).toEqual([3, 2, 1])
  expect(unsorted.data.toArray()).toEqual([1, 4, 6, 2, 5, 3])
  expect(unsorted.sortedIndices?.toArray()).toEqual([2, 0, 1])
  expect(unsorted.unsortedIndices?.toArray()).toEqual([1, 2, 0])
  const sorted = packSequence([a, b, c])
  expect(sorted.data.toArray()).toEqual([1, 4, 6, 2, 5, 3])
  expect([sorted.sortedIndices, sorted.unsortedIndices]).toEqual([null, null])
})

test('packSequence is padSequence and packPaddedSequence, which padPackedSequence undoes', () => {
  for (const list of sequences()) {
    const sorted = [...list].sort((a, b) => b.size(0) - a.size(0))
    for (const [given, enforceSorted] of [
      [sorted, true],
      [sorted, false],
      [list, false],
    ] as const) {
      const lengths = given.map((sequence) => sequence.size(0))
      const packed = packSequence(given, { enforceSorted })
      for (const batchFirst of [true, false]) {
        const padded = padSequence(given, { batchFirst })
        const [unpacked, counts] = padPackedSequence(packed, { batchFirst })
        expectSame([unpacked], [padded])
        expect(counts.toArray()).toEqual(lengths)
        const again = packPaddedSequence(padded, lengths, { batchFirst, enforceSorted })
        expectSame([again.data, ...packingOf(again)], [packed.data, ...packingOf(packed)])
      }
    }
  }
})

test('unpackSequence undoes packSequence', () => {
  for (const list of [[a, b, c], ...sequences()]) {
    expectSame(unpackSequence(packSequence(list, { enforceSorted: false })), list)
  }
})

test.each([[[10, 8, 4, 2, 2, 2, 1]], [[8, 8, 8, 8]], [[1]]])(
  'packPaddedSequence lays %j out step by step and gives each step its gradient',
  (sorted) => {
    const longest = sorted[0] as number
    for (const shuffled of [false, true]) {
      const order = shuffled
        ? [...sorted.keys()].sort((i, j) => ((i * 5 + 3) % 7) - ((j * 5 + 3) % 7))
        : sorted.map((_, i) => i)
      const lengths = order.map((i) => sorted[i] as number)
      for (const batchFirst of [false, true]) {
        const rows = torch
          .arange(longest * lengths.length * 2)
          .float()
          .reshape([longest, lengths.length, 2])
        const input = (batchFirst ? rows.transpose(0, 1) : rows).detach().requiresGrad_()
        const packed = packPaddedSequence(input, lengths, { batchFirst, enforceSorted: !shuffled })
        const batchSizes = Array.from({ length: longest }, (_, t) => sorted.filter((length) => length > t).length)
        expect(packed.batchSizes.toArray()).toEqual(batchSizes)
        const positions = lengths
          .map((_, i) => i)
          .sort((i, j) => (lengths[j] as number) - (lengths[i] as number) || i - j)
        const expected = batchSizes.flatMap((count, t) =>
          positions.slice(0, count).map((n) => rows.index(t, n).toArray()),
        )
        expect(packed.data.toArray()).toEqual(expected)

        const [unpacked, counts] = padPackedSequence(packed, { batchFirst })
        expect(counts.toArray()).toEqual(lengths)
        const weight = torch.randn(unpacked.shape)
        unpacked.mul(weight).sum().backward()
        const valid = torch.arange(longest).unsqueeze(1).lt(torch.tensor(lengths).unsqueeze(0)).unsqueeze(2)
        const mask = batchFirst ? valid.transpose(0, 1) : valid
        expectClose(input.grad as Tensor, weight.mul(mask).toArray() as number[])
      }
    }
  },
)

test('prints as PyTorch does', () => {
  expect(String(packSequence([c, a], { enforceSorted: false }))).toBe(
    'PackedSequence(data=tensor([1., 6., 2., 3.]), batch_sizes=tensor([2, 1, 1]), sorted_indices=tensor([1, 0]), unsorted_indices=tensor([1, 0]))',
  )
  expect(String(packSequence([c]))).toBe(
    'PackedSequence(data=tensor([6.]), batch_sizes=tensor([1]), sorted_indices=None, unsorted_indices=None)',
  )
})

test('invertPermutation', () => {
  expect(invertPermutation(torch.tensor([2, 0, 3, 1], int64)).toArray()).toEqual([1, 3, 0, 2])
  expect(invertPermutation(null)).toBe(null)
  expectError(() => invertPermutation([1, 0] as never), 'ERR_TORCH_TYPE', /must be a Tensor/)
})

const MODULES = {
  RNN: (options: object) => new RNN(2, 3, options),
  GRU: (options: object) => new GRU(2, 3, options),
  LSTM: (options: object) => new LSTM(2, 3, options),
  'LSTM with a projection': (options: object) => new LSTM(2, 3, { ...options, projSize: 2 }),
}

test.each(Object.entries(MODULES))(
  '%s reads packed sequences as it reads each alone, with its own state',
  (_, make) => {
    const module = make({ numLayers: 2, bidirectional: true, dtype: 'float64' })
    const list = [2, 5, 1, 5].map((length) => torch.randn([length, 2], { dtype: 'float64' }))
    const widths = module instanceof LSTM ? [module.projSize || 3, 3] : [3]
    const state = widths.map((width) => torch.randn([4, 4, width], { dtype: 'float64' }))
    const run = (input: Tensor | utils.rnn.PackedSequence, [h, c]: Tensor[]) =>
      module instanceof LSTM
        ? module.forward(input as Tensor, [h, c] as unknown as LSTMState)
        : module.forward(input as Tensor, h)
    const [packed, finals] = run(packSequence(list, { enforceSorted: false }), state) as [unknown, Tensor | Tensor[]]
    expect(packed).toBeInstanceOf(PackedSequence)
    const outputs = unpackSequence(packed as utils.rnn.PackedSequence)
    for (const [n, sequence] of list.entries()) {
      const [output, alone] = run(
        sequence,
        state.map((tensor) => tensor.index('...', n, torch.slice())),
      ) as [Tensor, Tensor | Tensor[]]
      expectClose(outputs[n] as Tensor, output.toArray() as number[], { rtol: 1e-12, atol: 1e-12 })
      for (const [i, final] of [finals].flat().entries()) {
        expectClose(final.index('...', n, torch.slice()), ([alone].flat()[i] as Tensor).toArray() as number[], {
          rtol: 1e-12,
          atol: 1e-12,
        })
      }
    }
  },
)

test('everything can wait in an offload, the lengths too', async () => {
  const lstm = new LSTM(2, 3)
  const x = torch.randn([4, 3, 2])
  const lengths = torch.tensor([2, 4, 1], int64)
  const work = (enforceSorted: boolean) => (): [Tensor, Tensor, Tensor] => {
    const order = enforceSorted ? [4, 2, 1] : lengths.add(0)
    const packed = packPaddedSequence(x.mul(2), order, { enforceSorted })
    const [output, [hN]] = lstm.forward(packed)
    const [padded, counts] = padPackedSequence(output, { totalLength: 5 })
    return [padded, hN, counts]
  }
  for (const enforceSorted of [true, false]) {
    const later = await torch.offload(work(enforceSorted))
    expectSame(later, work(enforceSorted)())
  }
  const list = await torch.offload(() => unpackSequence(packSequence([a.mul(1), b.mul(1)])))
  expectSame(list, [a, b])
  await expect(torch.offload(() => packPaddedSequence(x, lengths.sub(4), { enforceSorted: false }))).rejects.toThrow(
    'Length of all samples has to be greater than 0',
  )
})

test('a scope keeps a packed sequence that it returns', () => {
  const packed = torch.tidy(() => packSequence([a.mul(1), c.mul(1)], { enforceSorted: false }))
  expect(unpackSequence(packed).map((tensor) => tensor.toArray())).toEqual([[1, 2, 3], [6]])
})

test('an output and its input are disposed apart', () => {
  const gru = new GRU(1, 2)
  const input = packSequence([torch.ones([1, 1]), torch.ones([2, 1])], { enforceSorted: false })
  const [output] = gru.forward(input)
  input.dispose()
  expect(output.batchSizes.toArray()).toEqual([2, 1])
  expect(unpackSequence(output).map(({ shape }) => shape)).toEqual([
    [1, 2],
    [2, 2],
  ])
})

test('any lengths in any order survive packing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }),
      fc.boolean(),
      (lengths, batchFirst) =>
        torch.tidy(() => {
          const list = lengths.map((length) => torch.rand([length, 2]))
          const packed = packPaddedSequence(padSequence(list, { batchFirst }), lengths, {
            batchFirst,
            enforceSorted: false,
          })
          expectSame(unpackSequence(packed), list)
          const sizes = packed.batchSizes.toArray() as number[]
          expect(sizes.length).toBe(Math.max(...lengths))
          expect(sizes.reduce((sum, size) => sum + size)).toBe(packed.data.size(0))
          const { sortedIndices, unsortedIndices } = packed as { sortedIndices: Tensor; unsortedIndices: Tensor }
          expect(sortedIndices.index(unsortedIndices).toArray()).toEqual(lengths.map((_, i) => i))
        }),
    ),
  )
})

test('batch sizes in memory of any layout are read alike', () => {
  const gru = new GRU(2, 3)
  const data = torch.randn([6, 2])
  const plain = torch.tensor([2, 2, 2], int64)
  const [expected] = gru.forward(new PackedSequence(data, plain))
  for (const batchSizes of [
    torch.tensor([2], int64).expand([3]),
    torch.tensor([2, 9, 2, 9, 2, 9], int64).index(torch.slice(0, 6, 2)),
  ]) {
    expect(batchSizes.isContiguous()).toBe(false)
    const [output] = gru.forward(new PackedSequence(data, batchSizes))
    expectSame([output.data], [expected.data])
    expectSame(padPackedSequence(output), padPackedSequence(expected))
  }
})

test('refuses indices that are no permutation of the sequences', () => {
  const { data, batchSizes } = packSequence([a.unsqueeze(1), b.unsqueeze(1)])
  const gru = new GRU(1, 2)
  for (const [indices, code, message] of [
    [
      torch.tensor([0], int64),
      'ERR_TORCH_VALUE',
      /a permutation of its 2 sequences, but got a tensor of the shape \[1\]/,
    ],
    [torch.tensor([[0, 1]], int64), 'ERR_TORCH_VALUE', /a permutation of its 2 sequences/],
    [torch.tensor([0, 2], int64), 'ERR_TORCH_INDEX', /out of/],
  ] as const) {
    const identity = torch.tensor([0, 1], int64)
    expectError(() => gru.forward(new PackedSequence(data, batchSizes, identity, indices)), code, message)
    expectError(() => padPackedSequence(new PackedSequence(data, batchSizes, identity, indices)), code, message)
  }
  expectError(() => new PackedSequence(data, batchSizes, null, batchSizes), 'ERR_TORCH_VALUE', /without sortedIndices/)
  expectError(
    () => new PackedSequence(data, [2, 2] as never),
    'ERR_TORCH_TYPE',
    /batchSizes must be a Tensor, got \[2, 2\]/,
  )
  expectError(() => new PackedSequence(data, batchSizes, [0, 1] as never), 'ERR_TORCH_TYPE', /sortedIndices must be/)
})

test.each([
  [() => packPaddedSequence(a, [3], { batchFrist: true } as never), 'ERR_TORCH_OPTION', /did you mean 'batchFirst'/],
  [
    () => packPaddedSequence(a, [3], { batchFirst: 1 as never }),
    'ERR_TORCH_TYPE',
    /batchFirst must be a boolean, got 1/,
  ],
  [
    () => packPaddedSequence(a, [1.5]),
    'ERR_TORCH_TYPE',
    /lengths must be a Tensor or an array of integers, got \[1.5\]/,
  ],
  [() => packSequence([a], { batchFirst: true } as never), 'ERR_TORCH_OPTION', /unknown option 'batchFirst'/],
  [() => packSequence('abc' as never), 'ERR_TORCH_TYPE', /packSequence: sequences must be an iterable of Tensors/],
  [() => padPackedSequence(a as never), 'ERR_TORCH_TYPE', /sequence must be a PackedSequence, got Tensor/],
  [
    () => padPackedSequence(packSequence([a]), { totalLength: 3.5 }),
    'ERR_TORCH_VALUE',
    /totalLength must be an integer, got 3.5/,
  ],
  [
    () => padPackedSequence(packSequence([a]), { paddingValue: '0' as never }),
    'ERR_TORCH_TYPE',
    /must be a number, got '0'/,
  ],
  [() => padSequence([a], { totalLength: 3 } as never), 'ERR_TORCH_OPTION', /unknown option 'totalLength'/],
  [() => unpadSequence(a.unsqueeze(1), torch.tensor([[3]], int64)), 'ERR_TORCH_VALUE', /lengths of the shape \[1, 1\]/],
  [() => unpackSequence([a] as never), 'ERR_TORCH_TYPE', /sequence must be a PackedSequence, got an array/],
  [() => new GRU(1, 1).forward([a] as never), 'ERR_TORCH_TYPE', /expected a Tensor, got an array/],
] as const)('refuses %s', (call, code, message) => {
  expectError(call, code, message)
})

test('a disposed packed sequence is an error', () => {
  const packed = packSequence([a.unsqueeze(1)])
  packed.dispose()
  expectError(() => padPackedSequence(packed), 'ERR_TORCH_DISPOSED', /disposed/)
  expectError(() => new GRU(1, 1).forward(packed), 'ERR_TORCH_DISPOSED', /disposed/)
  expect(inspect(packed)).toBe('PackedSequence(<disposed>)')
})

test('nothing is left behind but what is returned', async () => {
  await collectGarbage()
  const grows = (by: number, fn: () => unknown): void => {
    const { tensors } = torch.memory()
    const kept = fn()
    expect(torch.memory().tensors - tensors).toBe(by)
    expect(kept).toBeDefined()
  }
  const lstm = new LSTM(2, 3)
  const x = torch.randn([4, 3, 2])
  const packed = packPaddedSequence(x, [2, 4, 1], { enforceSorted: false })
  grows(4, () => packPaddedSequence(x, [2, 4, 1], { enforceSorted: false }))
  grows(2, () => packPaddedSequence(x, [4, 2, 1]))
  grows(2, () => padPackedSequence(packed))
  grows(1, () => padSequence(x))
  grows(3, () => unpadSequence(x, [2, 4, 1]))
  grows(3, () => unpackSequence(packed))
  grows(4, () => packed.double())
  grows(6, () => lstm.forward(packed))
  grows(0, () => torch.tidy(() => lstm.forward(packed)[0].data.shape))
  grows(0, () => expectError(() => packPaddedSequence(x, [0, 4, 1], { enforceSorted: false }), 'ERR_TORCH_VALUE', /./))
})

test('any lengths of any input give a packed sequence or a TorchError', () => {
  const size = fc.integer({ min: 0, max: 4 })
  const length = fc.oneof(
    fc.integer({ min: -1, max: 5 }),
    fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
  )
  fc.assert(
    fc.property(
      fc.array(size, { maxLength: 3 }),
      fc.array(length, { maxLength: 4 }),
      fc.boolean(),
      fc.boolean(),
      (...args) =>
        torch.tidy(() => {
          const [shape, lengths, batchFirst, enforceSorted] = args
          for (const given of [lengths, torch.tensor(lengths, int64)]) {
            try {
              const packed = packPaddedSequence(torch.randn(shape), given, { batchFirst, enforceSorted })
              expect(padPackedSequence(packed)[1].toArray()).toEqual(lengths)
            } catch (error) {
              if (!(error instanceof TorchError)) throw error
            }
          }
        }),
    ),
    { numRuns: 500 },
  )
})

test('any parts of a packed sequence give numbers or a TorchError', () => {
  const networks = [new LSTM(2, 3, { bidirectional: true }), new GRU(2, 3, { numLayers: 2 }), new RNN(2, 3)]
  const sizes = fc.oneof(
    fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }).map((list) => list.sort((a, b) => b - a)),
    fc.array(fc.integer({ min: -2, max: 5 }), { maxLength: 4 }),
    fc.constant([Number.MAX_SAFE_INTEGER, 1]),
  )
  const indices = fc.option(fc.array(fc.integer({ min: -1, max: 4 }), { maxLength: 4 }))
  fc.assert(
    fc.property(
      sizes,
      fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 3 }),
      indices,
      indices,
      fc.constantFrom('int64', 'int32', 'float32'),
      (batchSizes, shape, sorted, unsorted, dtype) =>
        torch.tidy(() => {
          const index = (list: number[] | null): Tensor | null => list && torch.tensor(list, int64)
          const make = (): utils.rnn.PackedSequence =>
            new PackedSequence(
              torch.randn([...shape, 2]),
              torch.tensor(batchSizes, { dtype: dtype as 'int64' }),
              index(sorted),
              index(unsorted),
            )
          for (const use of [padPackedSequence, unpackSequence, ...networks.map((network) => forwardOf(network))]) {
            try {
              use(make())
            } catch (error) {
              expect(error).toBeInstanceOf(TorchError)
            }
          }
        }),
    ),
    { numRuns: 500 },
  )
})

function forwardOf(network: RecurrentModule): (packed: utils.rnn.PackedSequence) => unknown {
  return (packed) => network.forward(packed)[0].data.sum().backward()
}
