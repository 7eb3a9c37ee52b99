import { expect, test } from 'vitest'
import { LockedDropout, LSTM, utils } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

const [L, N, H] = [5, 3, 8] as const

/** The mask that `torch.dropout` draws, for one step. */
function maskOf(shape: number[], p: number): Tensor {
  torch.manualSeed(1)
  return torch
    .empty(shape)
    .bernoulli_(1 - p)
    .div(1 - p)
}

test.each([
  ['(L, N, H)', [L, N, H], [1, N, H], false],
  ['(N, L, H)', [N, L, H], [N, 1, H], true],
  ['(L, H)', [L, H], [1, H], false],
  ['(L, H) with batchFirst', [L, H], [1, H], true],
  ['(0, N, H)', [0, N, H], [1, N, H], false],
])('%s: one mask for all steps', async (_, shape, mask, batchFirst) => {
  const drop = new LockedDropout(0.25, { batchFirst })
  const x = torch.randn(shape, { requiresGrad: true })
  const expected = x.mul(maskOf(mask, 0.25))
  for (const queue of [<T>(run: () => T) => run(), torch.offload]) {
    torch.manualSeed(1)
    const output = await queue(() => drop.forward(x))
    expectClose(output, expected)
    const [grad, wanted] = [output, expected].map((each) => torch.autograd.grad(each.sum(), x, { retainGraph: true }))
    expectClose(grad?.[0] as Tensor, wanted?.[0] as Tensor)
  }
  expectClose(drop.eval().forward(x), x)
})

test('another mask at each forward, for a share p of the features', () => {
  const drop = new LockedDropout(0.3)
  const x = torch.ones([2, 50, 200])
  const [first, second] = [drop.forward(x), drop.forward(x)]
  expect(first.equal(second)).toBe(false)
  expect(first.eq(0).float().mean().item()).toBeCloseTo(0.3, 1)
  expect(new LockedDropout(0).forward(x).equal(x)).toBe(true)
  expect(new LockedDropout(1).forward(x).equal(x.mul(0))).toBe(true)
})

test.each([true, false])('packed sequences, sorted: %s', async (enforceSorted) => {
  const { packSequence, unpackSequence } = utils.rnn
  const lengths = enforceSorted ? [5, 3, 3] : [3, 5, 3]
  const sequences = lengths.map((length) => torch.randn([length, H]))
  const packed = packSequence(sequences, { enforceSorted })
  const drop = new LockedDropout(0.5)
  for (const queue of [<T>(run: () => T) => run(), torch.offload]) {
    const masked = await queue(() => drop.forward(packed))
    const masks = unpackSequence(masked).map((output, i) => output.div(sequences[i] as Tensor))
    for (const [i, mask] of masks.entries()) {
      // The same at all steps, of zeros and twos.
      expectClose(mask, mask.index(torch.slice(0, 1)).expand([lengths[i] as number, H]))
      expectClose(mask.mul(mask.sub(2)), mask.mul(0))
    }
    expect((masks[0] as Tensor).index(0).equal((masks[1] as Tensor).index(0))).toBe(false)
    masked.dispose()
    expect(packed.batchSizes.disposed).toBe(false)
  }
  const [same] = new LSTM(H, 4).forward(drop.eval().forward(packed))
  expect(same.data.shape).toEqual([11, 4])
  expectClose(drop.forward(packed).data, packed.data)
})

test('leaves nothing but the output behind', () => {
  const drop = new LockedDropout()
  const x = torch.ones([L, N, H])
  const packed = utils.rnn.packSequence([torch.ones([4, H]), torch.ones([2, H])])
  const { tensors } = torch.memory()
  const outputs = [drop.forward(x), drop.eval().forward(x)]
  expect(torch.memory().tensors - tensors).toBe(2)
  for (const output of outputs) output.dispose()
  drop.train().forward(packed).dispose()
  expect(torch.memory().tensors - tensors).toBe(0)
  expect(x.disposed).toBe(false)
})

test('is printed, and refuses what does not fit', () => {
  expect(String(new LockedDropout())).toBe('LockedDropout(p=0.5)')
  expect(String(new LockedDropout(0.25, { batchFirst: true }))).toBe('LockedDropout(p=0.25, batch_first=True)')
  const drop = new LockedDropout()
  expectError(
    () => drop.forward(torch.ones([3])),
    'ERR_TORCH_SHAPE',
    'Expected 2D or 3D input, but received a 1D input',
  )
  expectError(() => drop.forward([1] as never), 'ERR_TORCH_TYPE', 'input must be a Tensor, got [1]')
  expectError(() => new LockedDropout(-1), 'ERR_TORCH_VALUE', 'LockedDropout: p must be a number from 0 to 1, got -1')
  expectError(
    () => new LockedDropout(0.5, { batchFirst: 1 as never }),
    'ERR_TORCH_TYPE',
    'batchFirst must be a boolean',
  )
  expectError(() => new LockedDropout(0.5, { inplace: true } as never), 'ERR_TORCH_OPTION', "unknown option 'inplace'")
})
