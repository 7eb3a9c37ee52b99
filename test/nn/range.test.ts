// Values out of range, where LibTorch looks at some and not at others: a value or a TorchError, and never a crash.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, test, vi } from 'vitest'
import { TorchError } from '../../lib/errors.ts'
import * as nn from '../../lib/nn/index.ts'
import { isTensor, type Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'

function backwardOf(result: unknown): void {
  if (isTensor(result) && result.requiresGrad && result.isLeaf === false) result.sum().backward()
}

beforeAll(() => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
})
afterAll(() => {
  vi.restoreAllMocks()
})

// Arguments that look right, but for their values and for the one or other size.
const near = (size: number) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(size) }, { weight: 1, arbitrary: fc.nat(4) })
const classes = (shape: number[], c: number): fc.Arbitrary<Tensor> =>
  fc.nat(1000).map((seed) => {
    torch.manualSeed(seed)
    return torch.randint(-1, c + 1, shape)
  })
const scores = (shape: number[]): fc.Arbitrary<Tensor> =>
  fc.nat(1000).map((seed) => {
    torch.manualSeed(seed)
    return torch.randn(shape, { requiresGrad: true })
  })
const reduction = fc.constantFrom('mean', 'sum', 'none')

function check<T extends unknown[]>(arbitrary: fc.Arbitrary<T>, fn: (...args: T) => unknown): void {
  fc.assert(
    fc.property(arbitrary, (args) => {
      torch.tidy(() => {
        try {
          backwardOf(fn(...args))
        } catch (error) {
          if (!(error instanceof TorchError)) throw error
        }
      })
    }),
    { numRuns: 300 },
  )
}

describe('values out of range', () => {
  test('of ctcLoss', () => {
    const length = fc.integer({ min: -2, max: 6 })
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 4 }),
    )
    const given = sizes.chain(([t, n, c]) =>
      fc.tuple(
        scores([t, n, c]),
        fc.oneof(classes([n, 4], c + 2), classes([n * 3], c + 2)),
        near(n).chain((count) => fc.array(length, { minLength: count, maxLength: count })),
        near(n).chain((count) => fc.array(length, { minLength: count, maxLength: count })),
        fc.record({ blank: fc.integer({ min: -1, max: c }), zeroInfinity: fc.boolean(), reduction }),
      ),
    )
    check(given, (logProbs, targets, inputLengths, targetLengths, options) =>
      nn.functional.ctcLoss(logProbs, targets, inputLengths, targetLengths, options as nn.functional.CTCOptions),
    )
  })

  test('of crossEntropy and nllLoss', () => {
    const given = fc.tuple(fc.nat(3), fc.nat(4)).chain(([n, c]) =>
      fc.tuple(
        scores([n, c]),
        near(n).chain((size) => classes([size], c)),
        fc.record({
          weight: fc.oneof(
            fc.constant(null),
            near(c).map((size) => torch.ones([size])),
          ),
          ignoreIndex: fc.integer({ min: -100, max: 3 }),
          reduction,
        }),
      ),
    )
    for (const fn of [nn.functional.crossEntropy, nn.functional.nllLoss]) {
      check(given, (input, target, options) => fn(input, target, options as nn.functional.NLLOptions))
    }
  })

  test('of embedding', () => {
    const given = fc.tuple(fc.nat(4), fc.nat(3)).chain(([rows, columns]) =>
      fc.tuple(
        classes([2, 2], rows),
        scores([rows, columns]),
        fc.record({
          paddingIdx: fc.oneof(fc.constant(null), fc.integer({ min: -5, max: 5 })),
          maxNorm: fc.constantFrom(null, 1, -1, Number.NaN),
          scaleGradByFreq: fc.boolean(),
        }),
      ),
    )
    check(given, (ids, weight, options) => nn.functional.embedding(ids, weight, options))
  })

  test('of batchNorm, layerNorm and conv1d', () => {
    const shape = fc.array(fc.nat(3), { minLength: 1, maxLength: 4 })
    const optional = fc.oneof(
      fc.constant(null),
      fc.nat(3).map((size) => torch.ones([size])),
    )
    const input = shape.chain(scores)
    check(fc.tuple(input, optional, optional, optional, fc.boolean()), (x, mean, variance, weight, training) =>
      nn.functional.batchNorm(x, mean, variance, { weight, bias: weight, training }),
    )
    check(fc.tuple(input, shape, optional), (x, size, weight) => nn.functional.layerNorm(x, size, { weight }))
    const setting = fc.integer({ min: -1, max: 4 })
    check(
      fc.tuple(
        input,
        input,
        optional,
        fc.record({ stride: setting, padding: setting, dilation: setting, groups: setting }),
      ),
      (x, weight, bias, options) => nn.functional.conv1d(x, weight, bias, options),
    )
  })
})
