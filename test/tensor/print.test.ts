import { afterEach, expect, test } from 'vitest'
import { type Tensor, torch } from '../../lib/index.ts'
import type { DType } from '../../lib/tensor/dtype.ts'
import type { PrintOptions } from '../../lib/tensor/format.ts'
import { expectError } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

type Element = number | boolean | string | [Element, Element]

interface Case {
  values: Element[]
  shape: number[]
  dtype: DType
  options: Partial<PrintOptions>
  requiresGrad: boolean
  gradFn: boolean
  text: string
}

const WORDS: Record<string, number> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity, '-0.0': -0 }

function numbers(values: readonly Element[]): number[] {
  return values.map((value) => (typeof value === 'string' ? (WORDS[value] as number) : Number(value)))
}

function tensorOf({ values, shape, dtype, requiresGrad, gradFn }: Case): Tensor {
  const parts = values as [Element, Element][]
  const data =
    dtype === 'complex64'
      ? torch.complex(
          torch.tensor(numbers(parts.map(([real]) => real)), { dtype: 'float32' }),
          torch.tensor(numbers(parts.map(([, imaginary]) => imaginary)), { dtype: 'float32' }),
        )
      : torch.tensor(new Float64Array(numbers(values))).to(dtype)
  const tensor = data.reshape(shape).requiresGrad_(requiresGrad)
  return gradFn ? tensor.neg().neg() : tensor
}

afterEach(() => torch.setPrintOptions({ profile: 'default' }))

test.each(
  readFixture<Case[]>('print').map(
    (one) => [`${one.dtype} [${one.shape}] ${JSON.stringify(one.options)}`, one] as const,
  ),
)('%s', (_, one) => {
  torch.setPrintOptions({ profile: 'default', ...one.options })
  expect(String(tensorOf(one))).toBe(one.text)
})

test('a disposed tensor can be inspected, but has no text', async () => {
  const { inspect } = await import('node:util')
  const x = torch.ones([2])
  expect(inspect(x)).toBe('tensor([1., 1.])')
  x.dispose()
  expect(inspect(x)).toBe('tensor(<disposed>)')
  expectError(() => String(x), 'ERR_TORCH_DISPOSED', 'disposed')
})

// As torch 2.13 prints them.
test('a tensor on the meta device has a shape and no elements', () => {
  const device = 'meta' as never
  expect(String(torch.zeros([1], { device }))).toBe("tensor(..., device='meta', size=(1,))")
  expect(String(torch.zeros([2, 3], { device, dtype: 'int32' }))).toBe(
    "tensor(..., device='meta', size=(2, 3), dtype=torch.int32)",
  )
  expect(String(torch.zeros([0], { device, dtype: 'int64' }))).toBe(
    "tensor(..., device='meta', size=(0,), dtype=torch.int64)",
  )
})

test('options are read back, reset by a profile, and refused where they are wrong', () => {
  torch.setPrintOptions({ precision: 2, sciMode: true })
  expect(torch.getPrintOptions()).toMatchObject({ precision: 2, sciMode: true, threshold: 1000 })
  torch.setPrintOptions({ profile: 'short' })
  expect(torch.getPrintOptions()).toEqual({ precision: 2, threshold: 1000, edgeItems: 2, lineWidth: 80, sciMode: null })
  torch.setPrintOptions({ profile: 'full' })
  expect(torch.getPrintOptions().threshold).toBe(Infinity)
  expectError(() => torch.setPrintOptions({ precision: -1 }), 'ERR_TORCH_VALUE', 'precision')
  expectError(() => torch.setPrintOptions({ edgeItems: 0 }), 'ERR_TORCH_VALUE', 'edgeItems')
  expectError(() => torch.setPrintOptions({ lineWidth: 1.5 }), 'ERR_TORCH_VALUE', 'lineWidth')
  expectError(() => torch.setPrintOptions({ sciMode: 'yes' as never }), 'ERR_TORCH_TYPE', 'sciMode')
  expectError(() => torch.setPrintOptions({ profile: 'long' as never }), 'ERR_TORCH_VALUE', 'profile')
  expectError(() => torch.setPrintOptions({ edgeitems: 2 } as never), 'ERR_TORCH_OPTION', "did you mean 'edgeItems'")
})
