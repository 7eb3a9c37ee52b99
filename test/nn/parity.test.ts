import { describe, expect, test } from 'vitest'
import { torch } from '../../lib/torch.ts'
import { parityCases as cases, expectParity, nameOf, type ParityCase, runParityCase } from '../support/parity.ts'

// More threads only get in each other's way on problems this small.
torch.setNumThreads(1)

/** How a module computes: its options beyond those of the cases. */
const BACKENDS: Record<string, object> = {
  LibTorch: { backend: 'libtorch' },
  'the fused kernels': { backend: 'auto' },
}

const TOLERANCE = { float32: 1e-5, float64: 1e-10 }

const isCell = (one: ParityCase): boolean => one.kind.endsWith('Cell')
const GROUPS: Record<string, ParityCase[]> = {
  'random configurations': cases.filter((one) => !isCell(one) && one.order === undefined && one.train === undefined),
  cells: cases.filter((one) => isCell(one) && one.order === undefined),
  'dropout with the same seed': cases.filter((one) => one.train !== undefined),
  'second derivatives': cases.filter((one) => one.order === 2),
}

test('the fixture covers what it promises', () => {
  const counts = Object.fromEntries(Object.entries(GROUPS).map(([name, group]) => [name, group.length]))
  expect(counts).toEqual({
    'random configurations': 480,
    cells: 60,
    'dropout with the same seed': 40,
    'second derivatives': 60,
  })
  const has = (what: (one: ParityCase) => boolean): number => cases.filter(what).length
  expect(has((one) => one.lengths !== undefined && one.enforceSorted === false && one.state)).toBeGreaterThan(50)
  expect(has((one) => one.lengths !== undefined && one.options.projSize !== undefined)).toBeGreaterThan(10)
  expect(has((one) => one.batch === null && one.options.bidirectional === true)).toBeGreaterThan(10)
})

describe.each(Object.entries(BACKENDS))('%s equals PyTorch', (_, options) => {
  describe.each(Object.entries(GROUPS))('%s', (_, group) => {
    test.each(group.map((one) => [nameOf(one), one] as const))('%s', (_, one) => {
      torch.tidy(() => expectParity(one, runParityCase(one, isCell(one) ? {} : options), TOLERANCE))
    })
  })
})
