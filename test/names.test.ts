// The page that tells what is missing can neither hide a name nor go on naming one that is there by now.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CHECKOUT } from './support/checkout.ts'
import { compare, NAMES, OTHERWISE, page } from './support/names.ts'

test('docs/missing.md is what `npm run missing` writes', () => {
  expect(readFileSync(join(CHECKOUT, 'docs/missing.md'), 'utf8')).toBe(page())
})

test('every name of PyTorch is here, elsewhere, in another form, or listed as missing', () => {
  for (const [namespace, names] of Object.entries(NAMES)) {
    const { here, elsewhere, otherwise, missing } = compare(namespace)
    expect([...here, ...elsewhere.map(([name]) => name), ...otherwise, ...missing].sort()).toEqual([...names].sort())
  }
  expect(compare('torch').here).toEqual(expect.arrayContaining(['zeros', 'manual_seed', 'unique', 'inference_mode']))
  expect(compare('torch').missing).toEqual(expect.arrayContaining(['compile', 'stft']))
  expect(compare('torch.Tensor').here).toEqual(expect.arrayContaining(['T', 'add_', 'is_contiguous', 'retain_grad']))
  expect(compare('torch.Tensor').missing).toContain('register_hook')
  expect(compare('torch.distributions').here).toContain('kl_divergence')
})

test('what is said to have another form is not here by its own name', () => {
  const used = Object.keys(NAMES).flatMap((namespace) =>
    compare(namespace).otherwise.map((name) => `${namespace}.${name}`),
  )
  expect(used.sort()).toEqual(Object.keys(OTHERWISE).sort())
})
