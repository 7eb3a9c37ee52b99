// Outputs and gradients on the GPU against PyTorch's on the CPU, and against the CPU where there is no fixture.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { torch } from '../../lib/torch.ts'
import { describeCuda, useTf32 } from '../support/cuda.ts'
import {
  parityCases as cases,
  expectEqualRuns,
  expectParity,
  nameOf,
  type ParityCase,
  runParityCase,
} from '../support/parity.ts'

const named = (some: readonly ParityCase[]) => some.map((one) => [nameOf(one), one] as const)

// Dropout has random numbers of its own on each device.
const FIRST_ORDER = cases.filter((one) => one.order === undefined && one.train === undefined)
const SECOND_ORDER = cases.filter((one) => one.order === 2)
const TF32 = FIRST_ORDER.filter((one) => one.dtype === 'float32')

test('all options are among the configurations', () => {
  const has = (what: (one: ParityCase) => boolean): number => FIRST_ORDER.filter(what).length
  for (const kind of ['RNN', 'LSTM', 'GRU', 'RNNCell', 'LSTMCell', 'GRUCell']) {
    expect(has((one) => one.kind === kind)).toBeGreaterThan(10)
  }
  expect(has((one) => one.options.projSize !== undefined && one.options.bidirectional === true)).toBeGreaterThan(10)
  expect(has((one) => one.lengths !== undefined && one.options.numLayers !== undefined)).toBeGreaterThan(10)
  expect(has((one) => one.options.batchFirst === true && one.lengths !== undefined)).toBeGreaterThan(10)
  expect(has((one) => one.options.nonlinearity === 'relu')).toBeGreaterThan(10)
  expect(has((one) => one.options.bias === false)).toBeGreaterThan(10)
  expect(has((one) => one.batch === null)).toBeGreaterThan(10)
})

describeCuda('on the GPU, as PyTorch on the CPU', () => {
  const TOLERANCE = { float32: 1e-4, float64: 1e-9 }

  describe('without TF32', () => {
    useTf32(false)

    test.each(named(FIRST_ORDER))('%s', (_, one) => {
      torch.tidy(() => expectParity(one, runParityCase(one, {}, { device: 'cuda' }), TOLERANCE))
    })

    describe('second derivatives, without cuDNN', () => {
      beforeAll(() => {
        torch.backends.cudnn.enabled = false
      })
      afterAll(() => {
        torch.backends.cudnn.enabled = true
      })

      test.each(named(SECOND_ORDER))('%s', (_, one) => {
        torch.tidy(() => expectParity(one, runParityCase(one, {}, { device: 'cuda' }), TOLERANCE))
      })
    })
  })

  // Its products keep three digits, which weights as great as the fixture's make fewer step by step.
  describe('with TF32, and weights of the size of a new network', () => {
    useTf32(true)

    test.each(named(TF32))('%s', (_, one) => {
      const weightScale = 1 / Math.sqrt(one.hiddenSize)
      torch.tidy(() => {
        const expected = runParityCase(one, {}, { weightScale })
        expectEqualRuns(runParityCase(one, {}, { device: 'cuda', weightScale }), expected, 1e-2)
      })
    })
  })
})
