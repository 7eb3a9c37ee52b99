// What holds between the functions, for random sizes and values.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

const F = nn.functional
const size = fc.integer({ min: 1, max: 5 })

function near(a: Tensor, b: Tensor, tolerance = 1e-10): void {
  expect(a.shape).toEqual(b.shape)
  expect(a.allclose(b, tolerance, tolerance)).toBe(true)
}

function check(sizes: number, property: (...sizes: number[]) => void): void {
  fc.assert(
    fc.property(fc.array(size, { minLength: sizes, maxLength: sizes }), fc.nat(1e6), (drawn, seed) => {
      torch.manualSeed(seed)
      torch.tidy(() => property(...drawn))
    }),
    { numRuns: 30 },
  )
}

const random = (...shape: number[]): Tensor => torch.randn(shape, { dtype: 'float64' })

test('softmax is a distribution, and logSoftmax its logarithm', () => {
  check(3, (a = 1, b = 1, c = 1) => {
    const x = random(a, b, c).mul(10)
    for (const dim of [0, 1, 2, -1]) {
      const p = F.softmax(x, dim)
      near(p.sum(dim), torch.onesLike(p.sum(dim)))
      near(F.logSoftmax(x, dim).exp(), p)
      near(F.softmin(x.neg(), dim), p)
    }
  })
})

test('losses are made of each other', () => {
  check(2, (n = 1, c = 1) => {
    const [x, y] = [random(n, c), random(n, c)]
    const classes = torch.randint(c, [n])
    const delta = (torch.rand([]).item() as number) + 0.1
    near(F.crossEntropy(x, classes), F.nllLoss(F.logSoftmax(x, 1), classes))
    near(F.huberLoss(x, y, { delta }), F.smoothL1Loss(x, y, { beta: delta }).mul(delta))
    near(F.smoothL1Loss(x, y, { beta: 0 }), F.l1Loss(x, y))
    near(F.binaryCrossEntropyWithLogits(x, y.sigmoid()), F.binaryCrossEntropy(x.sigmoid(), y.sigmoid()), 1e-8)
    near(F.gaussianNllLoss(x, y, 1).mul(2), F.mseLoss(x, y))
    near(F.poissonNllLoss(x, y), F.poissonNllLoss(x.exp(), y, { logInput: false, eps: 0 }))
    near(F.mseLoss(x, y, { weight: torch.onesLike(x) }), F.mseLoss(x, y))
    // A divergence is 0 of a distribution from itself, and cross entropy less entropy otherwise.
    const [log, p] = [F.logSoftmax(x, 1), F.softmax(y, 1)]
    near(F.klDiv(p.log(), p, { reduction: 'sum' }), torch.zeros([], { dtype: 'float64' }))
    near(F.klDiv(log, p, { reduction: 'batchmean' }), F.crossEntropy(x, p).add(p.mul(p.log()).sum().div(n)))
    near(F.klDiv(log, p.log(), { reduction: 'sum', logTarget: true }), F.klDiv(log, p, { reduction: 'sum' }))
  })
})

test('a CTC loss of one step a label is the cross entropy of its only alignment', () => {
  check(2, (steps = 1, classes = 1) => {
    // Neighbors differ: no blank has to stand between them.
    const target = torch.arange(steps).remainder(2).add(1)
    const logProbs = F.logSoftmax(random(steps, classes + 2), 1)
    const loss = F.ctcLoss(logProbs, target, torch.tensor(BigInt(steps)), torch.tensor(BigInt(steps)), {
      reduction: 'sum',
    })
    near(loss, F.nllLoss(logProbs, target, { reduction: 'sum' }), 1e-8)
  })
})

test('layers are what their formulas say', () => {
  check(4, (n = 1, c = 1, length = 1, out = 1) => {
    const x = random(n, c, length)
    const norm = F.layerNorm(x, [c, length], { eps: 0.5 })
    const flat = x.flatten(1)
    const [mean, variance] = [flat.mean(1, true), flat.var(1, { correction: 0, keepdim: true })]
    near(norm.flatten(1), flat.sub(mean).div(variance.add(0.5).sqrt()))
    near(F.batchNorm(x, torch.zeros([c], { dtype: 'float64' }), torch.ones([c], { dtype: 'float64' }), { eps: 0 }), x)
    // A table is a linear layer of one-hot vectors; a convolution of width 1 is one at each place.
    const [table, ids] = [random(c, out), torch.randint(c, [n, length])]
    near(F.embedding(ids, table), F.oneHot(ids, { numClasses: c }).double().matmul(table))
    const weight = random(out, c, 1)
    near(F.conv1d(x, weight), F.linear(x.transpose(1, 2), weight.squeeze(2)).transpose(1, 2))
    expect(F.conv1d(x, random(out, c, 3), null, { padding: 'same', dilation: 2 }).shape).toEqual([n, out, length])
    const [a, b, w] = [random(n, c), random(n, length), random(out, c, length)]
    near(F.bilinear(a, b, w), torch.einsum('ni,oij,nj->no', [a, w, b]))
  })
})

test('initializations keep their promises', () => {
  check(2, (rows = 1, columns = 1) => {
    const w = nn.init.orthogonal_(random(rows, columns))
    const gram = rows < columns ? w.matmul(w.t()) : w.t().matmul(w)
    near(gram, torch.eye(Math.min(rows, columns), { dtype: 'float64' }), 1e-8)
    const sparse = nn.init.sparse_(random(rows, columns), 0.4, 1)
    const zeros = sparse.eq(0).sum(0)
    near(zeros, torch.fullLike(zeros, Math.ceil(0.4 * rows)))
    const x = random(2, columns, 4)
    const kept = F.conv1d(x, nn.init.dirac_(random(columns, columns, 3)), null, { padding: 'same' })
    near(kept, x)
    near(F.linear(x.transpose(1, 2), nn.init.eye_(random(columns, columns))).transpose(1, 2), x)
  })
})

describe('quantileLoss', () => {
  const { quantileLoss } = nn.functional
  const forecast = torch.tensor([
    [1, 2, 4],
    [0, 0, 0],
  ])
  const target = torch.tensor([[3], [-1]])

  test('is the pinball loss of each quantile', () => {
    // e = target - input: 2, 1, -1 and -1, -1, -1.
    const each = [
      [0.1 * 2, 0.5 * 1, 0.1 * 1],
      [0.9 * 1, 0.5 * 1, 0.1 * 1],
    ]
    const quantiles = [0.1, 0.5, 0.9]
    expectClose(quantileLoss(forecast, target, { quantiles, reduction: 'none' }), each)
    expect(quantileLoss(forecast, target, { quantiles, reduction: 'sum' }).item()).toBeCloseTo(2.3, 5)
    expect(quantileLoss(forecast, target, { quantiles }).item()).toBeCloseTo(2.3 / 6, 5)
    expect(new nn.QuantileLoss({ quantiles }).forward(forecast, target).item()).toBeCloseTo(2.3 / 6, 5)
  })

  test('of the median is half of the absolute error', () => {
    const [x, y] = [torch.randn([4, 5, 1]), torch.randn([4, 5, 1])]
    expect(quantileLoss(x, y).item()).toBeCloseTo((nn.functional.l1Loss(x, y).item() as number) / 2, 6)
  })

  test('is least at the quantile', () => {
    const sample = torch.arange(0, 100).unsqueeze(1).to('float32')
    const at = (value: number): number =>
      quantileLoss(torch.full([100, 1], value), sample, { quantiles: [0.9] }).item() as number
    // Of 0 to 99, any number from 89 to 90 has a tenth above it.
    expect(at(89)).toBeLessThan(at(88))
    expect(at(90)).toBeLessThan(at(91))
    expect(at(89.5)).toBeCloseTo(at(89), 4)
  })

  test('has the gradients of what it computes', () => {
    const x = torch.randn([3, 2], { dtype: 'float64', requiresGrad: true })
    const y = torch.randn([3, 1], { dtype: 'float64', requiresGrad: true })
    expect(torch.autograd.gradcheck((a, b) => quantileLoss(a, b, { quantiles: [0.2, 0.7] }), [x, y])).toBe(true)
  })

  test('refuses quantiles and shapes that do not fit', () => {
    expectError(
      () => new nn.QuantileLoss({ quantiles: [0.5, 1] }),
      'ERR_TORCH_VALUE',
      'QuantileLoss: quantiles must be',
    )
    expectError(() => quantileLoss(forecast, target), 'ERR_TORCH_SHAPE', 'for 1 quantiles the input must be of shape')
    const quantiles = [0.1, 0.5, 0.9]
    expectError(() => quantileLoss(forecast, forecast, { quantiles }), 'ERR_TORCH_SHAPE', 'the target of shape (…, 1)')
    expectError(() => quantileLoss(1 as never, target), 'ERR_TORCH_TYPE', 'quantileLoss: input must be a Tensor, got 1')
    const integers = torch.tensor([[0n]])
    expectError(
      () => quantileLoss(integers, integers),
      'ERR_TORCH_DTYPE',
      'input must be of a floating dtype, got int64',
    )
    expectError(() => quantileLoss(forecast, target, { q: 1 } as never), 'ERR_TORCH_OPTION', "unknown option 'q'")
  })
})
