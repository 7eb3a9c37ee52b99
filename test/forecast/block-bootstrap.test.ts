import { expect, test } from 'vitest'
import { blockBootstrap } from '../../lib/forecast/index.ts'
import { torch } from '../../lib/index.ts'
import { expectRejection } from '../support/error.ts'

const noise = (n: number, seed: number): Float64Array =>
  torch.tidy(
    () =>
      torch
        .randn([n], { dtype: 'float64', generator: new torch.Generator().manualSeed(seed) })
        .toTypedArray() as Float64Array,
  )

test('of independent losses it is the interval of the normal distribution', async () => {
  const n = 400
  const [a, b] = [noise(n, 1), noise(n, 2)]
  const d = a.map((value, i) => value - (b[i] as number))
  const mean = d.reduce((x, y) => x + y, 0) / n
  const error = Math.sqrt(d.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n / n)
  const found = await blockBootstrap(a, b, { blockLength: 1, samples: 5000 })
  expect(found.difference).toBeCloseTo(mean, 12)
  expect((found.lower - mean) / error).toBeCloseTo(-1.96, 0)
  expect((found.upper - mean) / error).toBeCloseTo(1.96, 0)
  expect(found).toMatchObject({ blockLength: 1, origins: n })
})

test('losses that depend on those before have a wider interval with blocks', async () => {
  const n = 600
  const steps = noise(n, 3)
  const walk = new Float64Array(n)
  for (let i = 1; i < n; i++) walk[i] = 0.9 * (walk[i - 1] as number) + (steps[i] as number)
  const zero = new Float64Array(n)
  const width = async (blockLength: number): Promise<number> => {
    const { lower, upper } = await blockBootstrap(walk, zero, { blockLength })
    return upper - lower
  }
  // Of an autoregression with 0.9, the standard error is √(1.9 / 0.1) ≈ 4.4 times as large.
  expect((await width(40)) / (await width(1))).toBeGreaterThan(3)
})

test('seeds are noise, too', async () => {
  const flat = (value: number): number[] => Array.from({ length: 50 }, () => value)
  const apart = await blockBootstrap([flat(1), flat(2), flat(3)], flat(2.5))
  expect(apart.difference).toBeCloseTo(-0.5, 12)
  expect(apart.lower).toBeLessThan(-1)
  expect(apart.upper).toBeGreaterThan(0)
  const alone = await blockBootstrap([flat(2)], flat(2.5))
  expect([alone.lower, alone.upper]).toEqual([-0.5, -0.5])
  expect(alone.pValue).toBeCloseTo(2 / 2001, 12)
})

test('the same seed draws the same, equal losses have p 1, missing ones are left out', async () => {
  const [a, b] = [noise(60, 1), noise(60, 2)]
  const first = await blockBootstrap(a, b, { seed: 3 })
  expect(await blockBootstrap(a, b, { seed: 3 })).toEqual(first)
  expect(await blockBootstrap(a, b, { seed: 4 })).not.toEqual(first)
  expect(first.blockLength).toBe(4)
  expect(await blockBootstrap([...a, Number.NaN], [...b, 0], { seed: 3 })).toEqual(first)
  expect(await blockBootstrap(a, a)).toMatchObject({ difference: 0, lower: 0, upper: 0, pValue: 1 })
  const narrow = await blockBootstrap(a, b, { level: 0.5 })
  expect(narrow.upper - narrow.lower).toBeLessThan(first.upper - first.lower)
})

test('mistakes are told', async () => {
  const a = noise(10, 1)
  await expectRejection(blockBootstrap(a, [1]), 'ERR_TORCH_VALUE', /same origins, but there are 10 and 1/)
  await expectRejection(blockBootstrap([1], [1]), 'ERR_TORCH_VALUE', /at least 2 origins/)
  await expectRejection(blockBootstrap(a, a, { blockLength: 11 }), 'ERR_TORCH_VALUE', /11, but there are 10 origins/)
  await expectRejection(blockBootstrap(a, a, { level: 1 }), 'ERR_TORCH_VALUE', /between 0 and 1, got 1/)
  await expectRejection(blockBootstrap(a, a, { samples: 0 }), 'ERR_TORCH_VALUE', /samples/)
  await expectRejection(blockBootstrap(a, a, { block: 1 } as never), 'ERR_TORCH_OPTION', /unknown option 'block'/)
  await expectRejection(blockBootstrap([a, 'b'] as never, a), 'ERR_TORCH_TYPE', /a\[1\] must be an array of numbers/)
  await expectRejection(blockBootstrap(a, [...a.slice(1), Infinity]), 'ERR_TORCH_NON_FINITE', /b has an infinite loss/)
})
