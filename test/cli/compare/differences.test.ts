import { expect, test } from 'vitest'
import { type Contestant, differencesOf } from '../../../lib/cli/compare/differences.ts'
import { torch } from '../../../lib/index.ts'

const noise = (n: number, seed: number): Float64Array =>
  torch.tidy(
    () =>
      torch
        .randn([n], { dtype: 'float64', generator: new torch.Generator().manualSeed(seed) })
        .toTypedArray() as Float64Array,
  )
const contestant = (name: string, mean: number, seeds: readonly number[]): Contestant => ({
  name,
  losses: seeds.map((seed) => noise(200, seed).map((value) => mean + 0.3 * value)),
})

test('a large difference is clear, a small one is not, and p are adjusted together', async () => {
  const [large, small] = await differencesOf(
    contestant('a', 1, [1, 2]),
    [contestant('b', 2, [3, 4]), contestant('c', 1.01, [5])],
    3,
  )
  expect(large).toMatchObject({ a: 'a', b: 'b', isClear: true, dieboldMariano: { weights: 'uniform' } })
  expect(large?.difference).toBeCloseTo(-1, 1)
  expect(large?.relative).toBeCloseTo(-0.5, 1)
  expect(large?.bootstrap.upper).toBeLessThan(0)
  expect(large?.bootstrap).toMatchObject({ level: 0.95, blockLength: 6, samples: 2000 })
  expect(small).toMatchObject({ b: 'c', isClear: false })
  const { pValue, adjusted } = large?.dieboldMariano ?? { pValue: 1, adjusted: 0 }
  expect(adjusted).toBeCloseTo(2 * pValue, 12)
})

test('seeds that differ more than the networks do are noise', async () => {
  const flat = (value: number, seed: number): Float64Array => noise(200, seed).map((one) => value + 0.01 * one)
  const unsteady = { name: 'a', losses: [flat(1, 1), flat(2, 2), flat(3, 3)] }
  const [found] = await differencesOf(unsteady, [{ name: 'b', losses: [flat(2.2, 4)] }], 1)
  // Over the origins alone it is clear.
  expect(found?.dieboldMariano?.adjusted).toBeLessThan(1e-6)
  expect(found?.isClear).toBe(false)
})

test('two that are the same cannot be tested, and are not apart', async () => {
  const one = contestant('a', 1, [1])
  const [found] = await differencesOf(one, [{ ...one, name: 'b' }], 1)
  expect(found).toMatchObject({ difference: 0, relative: 0, dieboldMariano: null, isClear: false })
})
