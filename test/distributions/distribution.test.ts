import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { Normal as Entry } from '../../lib/distributions/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

const { Bernoulli, Categorical, Normal, klDivergence } = torch.distributions

interface Encoded {
  shape: number[]
  data: (number | string)[]
}
type Data = number | Data[]
interface Case {
  kind: 'Normal' | 'Bernoulli' | 'Categorical'
  parameters: Record<string, Data>
  others: Record<string, Data>
  values: Data
  sample: { sampleShape: number[]; values: Encoded }[]
  rsample?: { sampleShape: number[]; values: Encoded }[]
  [result: string]: unknown
}

const fixture = readFixture<Case[]>('distributions')

const number = (value: number | string): number =>
  typeof value === 'string' ? Number(value.replace('inf', 'Infinity')) : value

function expectValues(actual: Tensor, expected: Encoded): void {
  expect(actual.shape).toEqual(expected.shape)
  expectClose(actual.flatten().toArray() as number[], expected.data.map(number), { rtol: 2e-6, atol: 1e-6 })
}

function make(kind: Case['kind'], parameters: Record<string, Data>) {
  const given = Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, Array.isArray(value) ? torch.tensor(value) : value]),
  ) as Record<string, never>
  if (kind === 'Normal') return new Normal(given.loc as never, given.scale as never)
  return kind === 'Bernoulli' ? new Bernoulli(given) : new Categorical(given)
}

describe.each(fixture.map((one) => [one.kind, JSON.stringify(one.parameters), one] as const))(
  '%s %s',
  (kind, _, one) => {
    const p = make(kind, one.parameters)
    const values = torch.tensor(one.values, kind === 'Categorical' ? { dtype: 'int64' } : {})

    test('prints as PyTorch does', () => {
      expect([String(p), inspect(make(kind, one.others))]).toEqual([one.text, one.otherText])
    })

    test('draws what PyTorch draws', () => {
      for (const form of ['sample', 'rsample'] as const) {
        if (one[form] === undefined) continue
        torch.manualSeed(7)
        for (const { sampleShape, values } of one[form]) {
          const drawn = (p as InstanceType<typeof Normal>)[form](sampleShape)
          expect(drawn.shape).toEqual(values.shape)
          // Bit for bit: the numbers in the file have all their digits.
          expect(drawn.flatten().toArray()).toEqual(values.data)
          expect(drawn.requiresGrad).toBe(false)
        }
      }
    })

    test.each(['mean', 'variance', 'stddev', 'mode', 'probs', 'logits'])('%s', (name) => {
      if (name in one) expectValues((p as unknown as Record<string, Tensor>)[name] as Tensor, one[name] as Encoded)
    })

    test('entropy, logProb and the divergence', () => {
      expectValues(p.entropy(), one.entropy as Encoded)
      expectValues(p.logProb(values), one.logProb as Encoded)
      expectValues(klDivergence(p, make(kind, one.others)), one.klDivergence as Encoded)
    })

    test('cdf and icdf', () => {
      if (!(p instanceof Normal)) return
      expectValues(p.cdf(values), one.cdf as Encoded)
      expectValues(p.icdf(torch.tensor(0.3)), one.icdf as Encoded)
    })
  },
)

test('gradients flow through rsample and logProb, and not through sample', () => {
  const [loc, scale] = [torch.tensor([1], { requiresGrad: true }), torch.tensor([2], { requiresGrad: true })]
  const normal = new Normal(loc, scale)
  expect(normal.sample().requiresGrad).toBe(false)
  const drawn = normal.rsample()
  drawn.sum().backward()
  expect(loc.grad?.item()).toBe(1)
  expect(scale.grad?.item()).toBeCloseTo((drawn.item<number>() - 1) / 2, 5)
  const logits = torch.zeros([3], { requiresGrad: true })
  new Categorical({ logits }).logProb(torch.tensor(1n)).backward()
  expectClose(logits.grad?.toArray() as number[], [-1 / 3, 2 / 3, -1 / 3])
})

test('numbers take the dtype of tensors', () => {
  const normal = new Normal(torch.zeros([2], { dtype: 'float64' }), 2)
  expect([normal.scale.dtype, normal.scale.shape, normal.batchShape]).toEqual(['float64', [2], [2]])
  expect(normal.sample([3]).dtype).toBe('float64')
  expect(new Bernoulli({ probs: 0.5 }).batchShape).toEqual([])
  const categorical = new Categorical({ logits: torch.zeros([2, 3, 4]) })
  expect([categorical.batchShape, categorical.numEvents, categorical.sample([5]).dtype]).toEqual([[2, 3], 4, 'int64'])
  expect(new Normal(0, 1).sample([0, 2]).shape).toEqual([0, 2])
})

test('the entry point and torch have the same classes', () => {
  expect(Entry).toBe(Normal)
})

test('within offload, values are not looked at', async () => {
  torch.manualSeed(7)
  const drawn = await torch.offload(() => new Normal(torch.zeros([2]), -1).logProb(torch.ones([2])))
  expect(drawn.shape).toEqual([2])
  const sample = await torch.offload(() => new Categorical({ probs: torch.ones([3]) }).sample([4]))
  expect(sample.shape).toEqual([4])
})

describe('what cannot be is refused', () => {
  const one = torch.ones([1])
  test.each<[string, () => unknown, Parameters<typeof expectError>[1], RegExp]>([
    [
      'a negative scale',
      () => new Normal(0, torch.tensor([1, -2])),
      'ERR_TORCH_VALUE',
      /Normal: scale \(of shape \[2\]\) must be greater than 0, but these are not:\ntensor\(\[-2\.\]\)/,
    ],
    ['NaN', () => new Normal(Number.NaN, 1), 'ERR_TORCH_VALUE', /Normal: loc .* must be real numbers/],
    ['a probability', () => new Bernoulli({ probs: 1.5 }), 'ERR_TORCH_VALUE', /Bernoulli: probs .* between 0 and 1/],
    ['weights', () => new Categorical({ probs: torch.tensor([1, -1]) }), 'ERR_TORCH_VALUE', /Categorical: probs/],
    ['no weight', () => new Categorical({ probs: torch.zeros([2]) }), 'ERR_TORCH_VALUE', /greater than 0/],
    [
      'both',
      () => new Bernoulli({ probs: 0.5, logits: 0 }),
      'ERR_TORCH_VALUE',
      /Either probs or logits must be specified, but not/,
    ],
    ['neither', () => new Categorical({}), 'ERR_TORCH_VALUE', /Either probs or logits/],
    [
      'a single number',
      () => new Categorical({ logits: torch.tensor(1) }),
      'ERR_TORCH_SHAPE',
      /at least one-dimensional/,
    ],
    [
      'a text',
      () => new Normal('0' as never, 1),
      'ERR_TORCH_TYPE',
      /Normal: loc must be a Tensor or a number, got '0'/,
    ],
    ['an option', () => new Normal(0, 1, { validate: true } as never), 'ERR_TORCH_OPTION', /unknown option 'validate'/],
    ['shapes', () => new Normal(torch.zeros([2]), torch.ones([3])), 'ERR_TORCH_SHAPE', /size/],
    [
      'a value',
      () => new Bernoulli({ probs: one.div(2) }).logProb(one.div(2)),
      'ERR_TORCH_VALUE',
      /Bernoulli.logProb: value .* must be 0 or 1/,
    ],
    [
      'a class',
      () => new Categorical({ probs: torch.ones([3]) }).logProb(torch.tensor(3n)),
      'ERR_TORCH_VALUE',
      /integers from 0 to 2/,
    ],
    [
      'no tensor',
      () => new Normal(0, 1).logProb(1 as never),
      'ERR_TORCH_TYPE',
      /logProb: value must be a Tensor, got 1/,
    ],
    [
      'a size',
      () => new Normal(0, 1).sample(3 as never),
      'ERR_TORCH_TYPE',
      /sample: sampleShape must be an array of sizes, got 3/,
    ],
    [
      'two kinds',
      () => klDivergence(new Normal(0, 1), new Bernoulli({ probs: 0.5 })),
      'ERR_TORCH_NOT_IMPLEMENTED',
      /got Normal and Bernoulli/,
    ],
    ['no distribution', () => klDivergence(1 as never, 2 as never), 'ERR_TORCH_NOT_IMPLEMENTED', /got 1 and 2/],
  ])('%s', (_, call, code, message) => {
    expectError(call, code, message)
  })

  test('unless it is not to be checked', () => {
    expect(new Normal(0, -1, { validateArgs: false }).scale.item()).toBe(-1)
    const wide = new Bernoulli({ probs: 0.5, validateArgs: false })
    expect(wide.logProb(torch.tensor(0.5)).item()).toBeCloseTo(Math.log(0.5), 5)
  })
})
