import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LSTM } from '../../lib/nn/index.ts'
import { native } from '../../lib/tensor/binding.ts'
import { torch } from '../../lib/torch.ts'
import { parityCases as cases, expectParity, nameOf, type ParityCase, runParityCase } from '../support/parity.ts'

// More threads only get in each other's way on problems this small.
torch.setNumThreads(1)

interface Backend {
  /** The module's options beyond those of the cases. */
  options: object
  /** Of the fused kernels, which compute in float32 only. */
  instructionSet?: string
}

const BACKENDS: Record<string, Backend> = {
  LibTorch: { options: { backend: 'libtorch' } },
  ...Object.fromEntries(
    native
      .instructionSets()
      .map((instructionSet) => [
        `the fused kernels with ${instructionSet}`,
        { options: { backend: 'auto' }, instructionSet },
      ]),
  ),
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

describe.each(Object.entries(BACKENDS))('%s equals PyTorch', (_, { options, instructionSet }) => {
  const before = native.instructionSet()
  beforeAll(() => {
    if (instructionSet === undefined) return
    native.instructionSet(instructionSet)
    expect(new LSTM(2, 3, options).explainBackend(torch.zeros([1, 2])).backend).toBe('fused')
  })
  afterAll(() => {
    native.instructionSet(before)
  })

  const applies = (one: ParityCase): boolean =>
    instructionSet === undefined || (one.dtype === 'float32' && !isCell(one))
  const groups = Object.entries(GROUPS).map(([name, group]) => [name, group.filter(applies)] as const)
  describe.each(groups.filter(([, group]) => group.length > 0))('%s', (_, group) => {
    test.each(group.map((one) => [nameOf(one), one] as const))('%s', (_, one) => {
      torch.tidy(() => expectParity(one, runParityCase(one, isCell(one) ? {} : options), TOLERANCE))
    })
  })
})
