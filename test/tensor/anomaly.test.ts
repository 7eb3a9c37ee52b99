import { afterEach, describe, expect, test } from 'vitest'
import { torch } from '../../lib/torch.ts'
import { expectError, expectRejection } from '../support/error.ts'

const { detectAnomaly, setDetectAnomaly } = torch.autograd

// 0 · ∞: NaN in the gradient of the square root.
function spoilt(): void {
  const x = torch.zeros([2], { requiresGrad: true })
  x.sqrt().mul(0).sum().backward()
}

afterEach(() => setDetectAnomaly(false))

const SENTENCE = /Function 'SqrtBackward0' returned nan values in its 0th output/

describe('detectAnomaly', () => {
  test('names the function whose gradient is NaN', () => {
    spoilt()
    expectError(() => detectAnomaly(spoilt), 'ERR_TORCH_RUNTIME', SENTENCE)
    expect(torch.isAnomalyEnabled()).toBe(false)
    spoilt()
  })

  test('lets other gradients pass, and NaN where that is wanted', () => {
    const x = torch.ones([2], { requiresGrad: true })
    expect(detectAnomaly(() => x.mul(3).sum()).item()).toBe(6)
    detectAnomaly(spoilt, { checkNan: false })
  })

  test('lasts as long as an async function', async () => {
    const done = detectAnomaly(async () => {
      await new Promise((resolve) => setImmediate(resolve))
      spoilt()
    })
    expect([torch.isAnomalyEnabled(), torch.isAnomalyCheckNanEnabled()]).toEqual([true, true])
    await expectRejection(done, 'ERR_TORCH_RUNTIME', SENTENCE)
    expect(torch.isAnomalyEnabled()).toBe(false)
  })

  test('holds for what is queued', async () => {
    await expectRejection(
      detectAnomaly(() => torch.offload(spoilt)),
      'ERR_TORCH_RUNTIME',
      SENTENCE,
    )
    await torch.offload(spoilt)
  })
})

test('setDetectAnomaly holds until it is switched off', () => {
  setDetectAnomaly(true)
  expectError(spoilt, 'ERR_TORCH_RUNTIME', SENTENCE)
  setDetectAnomaly(true, { checkNan: false })
  expect([torch.isAnomalyEnabled(), torch.isAnomalyCheckNanEnabled()]).toEqual([true, false])
  spoilt()
  setDetectAnomaly(false)
  spoilt()
})

test('wrong arguments', () => {
  expectError(() => detectAnomaly(1 as never), 'ERR_TORCH_TYPE', /detectAnomaly: fn must be a function, got 1/)
  expectError(() => detectAnomaly(spoilt, { nan: true } as never), 'ERR_TORCH_OPTION', /unknown option 'nan'/)
  expectError(() => setDetectAnomaly(1 as never), 'ERR_TORCH_TYPE', /mode must be a boolean, got 1/)
  expect(torch.isAnomalyEnabled()).toBe(false)
})
