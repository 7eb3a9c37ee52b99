import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

describe('tensor', () => {
  test('takes its dtype from the data', () => {
    expect(torch.tensor([1, 2]).dtype).toBe('float32')
    expect(torch.tensor([1n, -2n]).dtype).toBe('int64')
    expect(torch.tensor([true, false]).dtype).toBe('bool')
    expect(torch.tensor(new Float64Array(2)).dtype).toBe('float64')
    expect(torch.tensor(new BigInt64Array(2)).dtype).toBe('int64')
    expect(torch.tensor(new Uint8Array(2)).dtype).toBe('uint8')
    expect(torch.tensor([]).dtype).toBe('float32')
  })

  test('keeps shapes, also empty and 0-dimensional ones', () => {
    expect(torch.tensor(5).shape).toEqual([])
    expect(torch.tensor([]).shape).toEqual([0])
    expect(torch.tensor([[], []]).shape).toEqual([2, 0])
    expect(torch.tensor([[[1], [2]]]).shape).toEqual([1, 2, 1])
    expect(torch.tensor(new Float32Array(6), { shape: [2, 3] }).shape).toEqual([2, 3])
  })

  test('reads the bits of half precision', () => {
    const bits = new Uint16Array([0x3c00, 0xc000, 0x7c00])
    expect(torch.tensor(bits, { dtype: 'float16' }).toArray()).toEqual([1, -2, Number.POSITIVE_INFINITY])
    expect(torch.tensor(new Uint16Array([0x3f80, 0xc000]), { dtype: 'bfloat16' }).toArray()).toEqual([1, -2])
    expect([...torch.tensor([1, -2], { dtype: 'float16' }).toTypedArray()]).toEqual([0x3c00, 0xc000])
    expectError(() => torch.tensor(bits), 'ERR_TORCH_DTYPE', /bits of float16 or bfloat16/)
  })

  test('copies: the source can change afterwards', () => {
    const source = new Float32Array([1, 2])
    const copy = torch.tensor(source)
    source[0] = 9
    expect(copy.toArray()).toEqual([1, 2])
  })

  test('reads a SharedArrayBuffer', () => {
    const shared = new Float32Array(new SharedArrayBuffer(8))
    shared.set([3, 4])
    expect(torch.tensor(shared).toArray()).toEqual([3, 4])
  })

  test('holds int64 beyond the safe integers', () => {
    const big = torch.tensor([2n ** 60n, -1n])
    expect([...big.toTypedArray()]).toEqual([2n ** 60n, -1n])
    expectError(() => big.toArray(), 'ERR_TORCH_VALUE', /toTypedArray/)
    expectError(() => big.index(0).item(), 'ERR_TORCH_VALUE', /toTypedArray/)
    expect(big.index(1).item()).toBe(-1)
  })

  test('gives back what it was given (property)', () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 })
    fc.assert(
      fc.property(shapes, fc.constantFrom('float32', 'float64', 'int32', 'int64', 'uint8'), (shape, dtype) => {
        torch.tidy(() => {
          const count = shape.reduce((a, b) => a * b, 1)
          const values = Array.from({ length: count }, (_, i) => i)
          const made = torch.tensor(Float64Array.from(values), { shape, dtype })
          expect(made.shape).toEqual(shape)
          expect(Array.from(made.toTypedArray(), Number)).toEqual(values)
          const nested = made.toArray()
          if (!shape.includes(0)) expect(torch.tensor(nested, { dtype }).equal(made)).toBe(true)
        })
      }),
    )
  })

  test.each([
    [[[1], [1, 2]], 'ERR_TORCH_SHAPE', 'expected sequence of length 1 at dim 1 (got 2)'],
    [[1, [2]], 'ERR_TORCH_SHAPE', 'ragged'],
    [['a'], 'ERR_TORCH_TYPE', "not numeric: 'a'"],
    [[null], 'ERR_TORCH_TYPE', 'not numeric: null'],
    [undefined, 'ERR_TORCH_TYPE', 'not numeric: undefined'],
    [new Uint32Array(2), 'ERR_TORCH_TYPE', 'Uint32Array has no counterpart'],
  ] as const)('refuses %j', (data, code, message) => {
    expectError(() => torch.tensor(data as never), code, message)
  })

  // What torch 2.13 does with the same numbers; a boolean is what Python makes of it.
  test.each([
    ['uint8', 255, 255],
    ['uint8', -1, 255],
    ['uint8', -255, 1],
    ['int8', -128, -128],
    ['int32', 2.9, 2],
    ['int32', -2.9, -2],
    ['int64', -(2n ** 63n), -(2n ** 63n)],
    ['bool', Number.NaN, true],
    ['bool', -0, false],
  ] as const)('%s of %s', (dtype, value, expected) => {
    const [element] = torch.tensor([value], { dtype }).toTypedArray()
    expect(dtype === 'bool' ? element === 1 : element).toBe(expected)
  })

  test.each([
    ['uint8', 256],
    ['uint8', -256],
    ['uint8', -0.5],
    ['uint8', 255.9],
    ['int8', 128],
    ['int8', -129n],
    ['int16', 40_000],
    ['int32', 2 ** 31],
    ['int32', Number.NaN],
    ['int64', Number.POSITIVE_INFINITY],
    ['int64', 2 ** 70],
    ['int64', 2n ** 63n],
  ] as const)('%s cannot hold %s', (dtype, value) => {
    expectError(
      () => torch.tensor([value], { dtype }),
      'ERR_TORCH_VALUE',
      /cannot be converted to type .* without overflow/,
    )
  })

  test('refuses what does not fit', () => {
    expectError(
      () => torch.tensor(new Float32Array(5), { shape: [2, 3] }),
      'ERR_TORCH_VALUE',
      /shape '\[2, 3\]' is invalid for input of size 5/,
    )
    expectError(() => torch.tensor([1], { dtype: 'float31' as never }), 'ERR_TORCH_DTYPE', /dtype must be one of/)
    expectError(() => torch.tensor([1], { dtyp: 'float32' } as never), 'ERR_TORCH_OPTION', /did you mean 'dtype'/)
    expectError(
      () => torch.tensor([Number.NaN], { dtype: 'int64' }),
      'ERR_TORCH_VALUE',
      /value NaN cannot be converted to type int64 without overflow/,
    )
    expectError(() => torch.tensor(torch.ones([1]) as never), 'ERR_TORCH_TYPE', /already/)
    let deep: unknown = 1
    for (let i = 0; i < 100; i++) deep = [deep]
    expectError(() => torch.tensor(deep as never), 'ERR_TORCH_VALUE', /nested more than 64 deep/)
  })
})

describe('factories', () => {
  test('fill', () => {
    expect(torch.zeros([2, 2]).toArray()).toEqual([
      [0, 0],
      [0, 0],
    ])
    expect(torch.ones([3], { dtype: 'int64' }).toArray()).toEqual([1, 1, 1])
    expect(torch.full([2], 2.5).toArray()).toEqual([2.5, 2.5])
    expect(torch.full([1], 7n).dtype).toBe('int64')
    expect(torch.full([1], true).dtype).toBe('bool')
    expect(torch.eye(2, 3).toArray()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ])
    expect(torch.eye(2, { dtype: 'bool' }).toArray()).toEqual([
      [true, false],
      [false, true],
    ])
    expect(torch.empty([2, 0]).shape).toEqual([2, 0])
  })

  test('count', () => {
    expect(torch.arange(3).toArray()).toEqual([0, 1, 2])
    expect(torch.arange(3).dtype).toBe('int64')
    expect(torch.arange(1, 4, { dtype: 'float64' }).toArray()).toEqual([1, 2, 3])
    expect(torch.arange(3n).dtype).toBe('int64')
    expectClose(torch.arange(0, 1, 0.25), [0, 0.25, 0.5, 0.75])
    expectClose(torch.linspace(0, 1, 5), [0, 0.25, 0.5, 0.75, 1])
    expectClose(torch.logspace(0, 2, 3), [1, 10, 100])
    expectClose(torch.logspace(0, 3, 4, { base: 2 }), [1, 2, 4, 8])
  })

  test('follow another tensor', () => {
    const like = torch.ones([2], { dtype: 'float64' })
    for (const made of [
      torch.zerosLike(like),
      torch.onesLike(like),
      torch.fullLike(like, 3),
      torch.randLike(like),
      torch.randnLike(like),
      torch.emptyLike(like),
    ]) {
      expect([made.shape, made.dtype]).toEqual([[2], 'float64'])
    }
    expect(torch.fullLike(like, 3).toArray()).toEqual([3, 3])
  })

  // Values of torch 2.13 after torch.manual_seed(42).
  test("draw PyTorch's random numbers", () => {
    torch.manualSeed(42)
    expectClose(torch.rand([3]), [0.8822692632675171, 0.9150039553642273, 0.38286375999450684])
    expectClose(torch.randn([2]), [-0.829319179058075, -1.6137069463729858])
    torch.manualSeed(42)
    expect(torch.randint(0, 10, [5]).toArray()).toEqual([2, 7, 6, 4, 6])
    torch.manualSeed(42)
    expect(torch.randperm(6).toArray()).toEqual([0, 3, 2, 4, 1, 5])
    torch.manualSeed(42)
    expectClose(torch.empty([3]).normal_(1, 2), [1.673380732536316, 1.25761878490448, 1.4689247608184814])
    expect(torch.bernoulli(torch.full([6], 0.5)).toArray()).toEqual([0, 1, 0, 0, 0, 0])
    expect(torch.dropout(torch.ones([6]), 0.5, true).toArray()).toEqual([0, 2, 2, 2, 2, 0])
  })

  test('track gradients when asked', () => {
    expect(torch.zeros([1], { requiresGrad: true }).requiresGrad).toBe(true)
    expect(torch.zeros([1]).requiresGrad).toBe(false)
    expectError(
      () => torch.zeros([1], { dtype: 'int64', requiresGrad: true }),
      'ERR_TORCH_DTYPE',
      /[Oo]nly Tensors of floating point/,
    )
  })

  test.each([
    [() => torch.zeros([-1]), 'ERR_TORCH_SHAPE', /negative/],
    [() => torch.zeros([Number.NaN]), 'ERR_TORCH_TYPE', /must be tuple of ints/],
    [() => torch.zeros([1.5]), 'ERR_TORCH_TYPE', /must be tuple of ints/],
    [() => torch.zeros('3' as never), 'ERR_TORCH_TYPE', /must be tuple of ints, not '3'/],
    [() => torch.zeros([1e15]), 'ERR_TORCH_OUT_OF_MEMORY', /^zeros: 3\.6 PiB could not be allocated on the CPU$/],
    [() => torch.zeros([2 ** 40, 2 ** 40]), 'ERR_TORCH_OUT_OF_MEMORY', /overflow/],
    [() => torch.zeros([2], { device: 'gpu' as never }), 'ERR_TORCH_DEVICE', /Expected one of cpu, cuda/],
    [() => torch.arange(0, 5, 0), 'ERR_TORCH_VALUE', /step must be nonzero/],
    [() => torch.linspace(0, 1, -1), 'ERR_TORCH_VALUE', /number of steps must be non-negative/],
    [() => torch.arange(0, 5, 1, 2 as never), 'ERR_TORCH_TYPE', /takes 3 positional arguments but 4 were given/],
    [
      () => torch.randint(...([0, 5, [1], {}, 1] as unknown as [number, number[]])),
      'ERR_TORCH_TYPE',
      /takes 4 positional arguments but 5/,
    ],
    [
      () => torch.zeros([1], { requiresGrad: 'no' as never }),
      'ERR_TORCH_TYPE',
      /requiresGrad must be a boolean, got 'no'/,
    ],
    [() => torch.tensor([1], { requiresGrad: 1 as never }), 'ERR_TORCH_TYPE', /requiresGrad must be a boolean, got 1/],
    [() => torch.randint(5, 5, [1]), 'ERR_TORCH_VALUE', /random_ expects 'from' to be less than 'to'/],
  ] as const)('refuse %s', (make, code, message) => {
    expectError(make, code, message)
  })
})
