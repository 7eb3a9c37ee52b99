import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TorchError } from '../../lib/errors.ts'
import { io, nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { LSTMModel } from '../../lib/models/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { formatsPath } from '../support/fixture.ts'
import { temporaryFolder } from '../support/folder.ts'
import { collectGarbage } from '../support/garbage.ts'

const { loadFile, loadFileSync, readHeader, readHeaderSync, saveFile, saveFileSync } = io

const DTYPES = [
  'bool',
  'uint8',
  'int8',
  'int16',
  'int32',
  'int64',
  'float16',
  'bfloat16',
  'float32',
  'float64',
  'complex64',
] as const

/** A file with this header and data. */
function compose(header: string | Uint8Array, data: string | Uint8Array = '', length?: bigint): string {
  const text = Buffer.from(header as string)
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(length ?? BigInt(text.length))
  const path = join(temporaryFolder(), 'x.safetensors')
  writeFileSync(path, Buffer.concat([prefix, text, Buffer.from(data as string)]))
  return path
}

function expectSame(actual: Record<string, Tensor>, expected: Record<string, Tensor>): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort())
  for (const [name, tensor] of Object.entries(expected)) {
    const other = actual[name] as Tensor
    expect([other.dtype, other.shape]).toEqual([tensor.dtype, tensor.shape])
    expect(Buffer.from(other.toTypedArray().buffer).equals(Buffer.from(tensor.toTypedArray().buffer)), name).toBe(true)
  }
}

describe('saveFile and loadFile', () => {
  const tensors = fc.dictionary(
    fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('__proto__', 'constructor', 'toString', '0', 'lstm.weight_ih_l0'),
    ),
    fc
      .record({ dtype: fc.constantFrom(...DTYPES), shape: fc.array(fc.nat(4), { maxLength: 4 }), seed: fc.nat(250) })
      .map(({ dtype, shape, seed }) =>
        torch
          .arange(
            0,
            shape.reduce((n, s) => n * s, 1),
          )
          .add(seed)
          .remainder(251)
          .reshape(shape)
          .to(dtype),
      ),
    { maxKeys: 8 },
  )

  test('bring back what they are given', () => {
    const path = join(temporaryFolder(), 'x.safetensors')
    fc.assert(
      fc.property(tensors, fc.dictionary(fc.string(), fc.string(), { maxKeys: 4 }), (given, metadata) => {
        saveFileSync(given, path, { metadata })
        expectSame(loadFileSync(path), given)
        const header = readHeaderSync(path)
        expect(Object.entries(header.metadata).sort()).toEqual(Object.entries(metadata).sort())
        expect(readFileSync(path).readBigUInt64LE() % 8n).toBe(0n)
      }),
      { numRuns: 150 },
    )
  })

  test.each(['lstm', 'gru', 'rnn', 'dtypes', 'empty'])(
    'write %s byte for byte as the safetensors library does',
    async (name) => {
      const file = formatsPath(`${name}.safetensors`)
      const { metadata } = await readHeader(file)
      const path = join(temporaryFolder(), 'x.safetensors')
      const options = Object.keys(metadata).length > 0 ? { metadata } : {}
      await saveFile(await loadFile(file), path, options)
      expect(readFileSync(path).equals(readFileSync(file))).toBe(true)
      saveFileSync(loadFileSync(file), path, options)
      expect(readFileSync(path).equals(readFileSync(file))).toBe(true)
    },
  )

  test('read every dtype that Python wrote', async () => {
    const tensors = await loadFile(pathToFileURL(formatsPath('dtypes.safetensors')))
    for (const [name, dtype] of Object.entries({
      BOOL: 'bool',
      BF16: 'bfloat16',
      F16: 'float16',
      I64: 'int64',
      U8: 'uint8',
    })) {
      const tensor = tensors[`x.${name}`] as Tensor
      expect(tensor.dtype).toBe(dtype)
      expect(tensor.toArray()).toEqual(
        dtype === 'bool'
          ? [
              [false, true],
              [true, true],
            ]
          : [
              [0, 1],
              [2, 3],
            ],
      )
    }
    expect(tensors['🙂']?.toArray()).toEqual([1])
    expect(Object.hasOwn(tensors, '__proto__')).toBe(true)
    expect(tensors.none?.shape).toEqual([0, 3])
    expect(tensors.scalar?.item()).toBe(1.5)
  })

  test('move the weights of a model', async () => {
    const path = join(temporaryFolder(), 'model.safetensors')
    const [from, to] = [new LSTMModel(2, 3, 1), new LSTMModel(2, 3, 1)]
    await saveFile(from.stateDict(), path)
    expect(to.loadStateDict(await loadFile(path))).toEqual({ missingKeys: [], unexpectedKeys: [] })
    const x = torch.randn([4, 1, 2])
    expect(to.forward(x).equal(from.forward(x))).toBe(true)
  })

  test('write views in row-major order, and only their part', async () => {
    const path = join(temporaryFolder(), 'x.safetensors')
    const base = torch.arange(0, 12).reshape([3, 4]).float()
    const views = { transposed: base.index(torch.slice(0, 1)).t(), rows: base.index(torch.slice(1, 3)) }
    await saveFile(
      { ...views, imaginary: (torch.ops.aten.imag as (x: Tensor) => Tensor)(torch.complex(base, base).conj()) },
      path,
    )
    const loaded = await loadFile(path)
    expect(loaded.transposed?.toArray()).toEqual([[0], [1], [2], [3]])
    expect(loaded.rows?.toArray()).toEqual([
      [4, 5, 6, 7],
      [8, 9, 10, 11],
    ])
    expect(loaded.imaginary?.neg().equal(base)).toBe(true)
    expect(readHeaderSync(path).tensors.rows).toEqual({ dtype: 'F32', shape: [2, 4], dataOffsets: [48, 80] })
  })

  test('write complex numbers, conjugated or not, as Python does', async () => {
    const path = join(temporaryFolder(), 'x.safetensors')
    const z = torch.complex(torch.tensor([1, 2]).float(), torch.tensor([3, -4]).float())
    const negative = torch.ops.unsafe.aten._neg_view as (x: Tensor) => Tensor
    await saveFile({ z, conjugate: z.clone().conj(), negative: negative(z.clone()) }, path)
    const loaded = await loadFile(path)
    expect(loaded.z?.dtype).toBe('complex64')
    expect(Object.fromEntries(Object.entries(loaded).map(([name, x]) => [name, x.toArray()]))).toEqual({
      z: [
        [1, 3],
        [2, -4],
      ],
      conjugate: [
        [1, -3],
        [2, 4],
      ],
      negative: [
        [-1, -3],
        [-2, 4],
      ],
    })
    expect(readHeaderSync(path).tensors.z).toEqual({ dtype: 'C64', shape: [2], dataOffsets: [32, 48] })
  })

  test('leave tensors of other dtypes alone, and load all others', async () => {
    // Written by the safetensors library.
    const path = formatsPath('foreign.safetensors')
    const foreign = {
      float4: ['F4', [4]],
      float8_e4m3fn: ['F8_E4M3', [2]],
      float8_e4m3fnuz: ['F8_E4M3FNUZ', [2]],
      float8_e5m2: ['F8_E5M2', [2]],
      float8_e8m0fnu: ['F8_E8M0', [2]],
      uint16: ['U16', [2]],
      uint32: ['U32', [2]],
      uint64: ['U64', [2]],
    } as const
    const { tensors } = await readHeader(path)
    for (const [name, [dtype, shape]] of Object.entries(foreign)) {
      expect(tensors[name]).toMatchObject({ dtype, shape })
      const message = new RegExp(
        `'${name}' has dtype ${dtype}, which cannot be loaded.*Load the other tensors with the option names`,
      )
      await expectRejection(loadFile(path, { names: [name] }), 'ERR_TORCH_FORMAT', message)
    }
    expectError(() => loadFileSync(path), 'ERR_TORCH_FORMAT', /has dtype U64, which cannot be loaded/)
    const names = Object.keys(tensors).filter((name) => !Object.hasOwn(foreign, name))
    const loaded = await loadFile(path, { names })
    expect(Object.fromEntries(Object.entries(loaded).map(([name, x]) => [name, x.toArray()]))).toEqual({
      BOOL: [true, true],
      U8: [1, 2],
      I8: [1, 2],
      I16: [1, 2],
      I32: [1, 2],
      I64: [1, 2],
      F16: [1.5, 2],
      BF16: [1.5, 2],
      F32: [1.5, 2],
      F64: [1.5, 2],
      C64: [
        [1.5, 0],
        [2, 0],
      ],
    })
  })

  test('do not keep gradients', () => {
    const path = join(temporaryFolder(), 'x.safetensors')
    saveFileSync({ w: new nn.Parameter(torch.ones([2])) }, path)
    expect(loadFileSync(path).w?.requiresGrad).toBe(false)
  })

  test('load the names that are asked for', async () => {
    const path = formatsPath('gru.safetensors')
    expect(Object.keys(await loadFile(path, { names: ['linear.bias'] }))).toEqual(['linear.bias'])
    expect(await loadFile(path, { names: [] })).toEqual({})
    await expectRejection(loadFile(path, { names: ['linear'] }), 'ERR_TORCH_VALUE', "has no tensor 'linear'")
    expectError(
      () => loadFileSync(path, { names: 'linear' as never }),
      'ERR_TORCH_TYPE',
      "array of strings, got 'linear'",
    )
  })

  test('work in offload, and refuse what is pending there', async () => {
    const path = join(temporaryFolder(), 'x.safetensors')
    saveFileSync({ x: torch.ones([2]) }, path)
    const doubled = await torch.offload(() => (loadFileSync(path).x as Tensor).mul(2))
    expect(doubled.toArray()).toEqual([2, 2])
    const error = await expectRejection(
      torch.offload(() => saveFileSync({ y: torch.ones([2]).add(1) }, path)),
      'ERR_TORCH_PENDING',
      'offload() cannot read a value',
    )
    expect(error.stack).toContain('safetensors.test.ts')
    expect(loadFileSync(path).x?.toArray()).toEqual([1, 1])
  })

  test('obey scopes, also when they fail', async () => {
    const path = formatsPath('lstm.safetensors')
    await collectGarbage()
    const before = torch.memory().tensors
    await torch.tidy(async () => Object.keys(await loadFile(path)).length)
    torch.tidy(() => void loadFileSync(path))
    expect(torch.memory().tensors).toBeLessThanOrEqual(before)
    const kept = await torch.tidy(async () => (await loadFile(path))['linear.bias'] as Tensor)
    expect(kept.shape).toEqual([2])
    expect(torch.memory().tensors).toBe(before + 1)
  })

  test('take a few MiB beside the tensors, and leave the event loop free', async () => {
    const path = join(temporaryFolder(), 'large.safetensors')
    const large = { a: torch.ones([64, 1 << 18]), b: torch.zeros([1 << 18, 16]).t() }
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    let turns = 0
    const timer = setInterval(() => {
      turns++
      most = Math.max(most, process.memoryUsage().arrayBuffers)
    })
    await saveFile(large, path)
    const loaded = await loadFile(path)
    clearInterval(timer)
    expect(loaded.a?.sum().item()).toBe(1 << 24)
    expect(most - before).toBeLessThan(16 << 20)
    expect(turns).toBeGreaterThan(10)
  })
})

describe('saveFile refuses', () => {
  const path = join('/nowhere', 'x.safetensors')
  const x = torch.arange(0, 6).float()

  test('what is no record of tensors', async () => {
    for (const wrong of [null, 1, [x], x, 'x']) {
      expectError(() => saveFileSync(wrong as never, path), 'ERR_TORCH_TYPE', 'expected an object of tensors by name')
    }
    expectError(() => saveFileSync({ x: 1 as never }, path), 'ERR_TORCH_TYPE', "'x' must be a Tensor, got 1")
    const map = new Map([['x', x]])
    expectError(
      () => saveFileSync(map as never, path),
      'ERR_TORCH_TYPE',
      'got Map: make one from pairs with Object.fromEntries()',
    )
    const linear = new nn.Linear(1, 1)
    expectError(() => saveFileSync(linear as never, path), 'ERR_TORCH_TYPE', 'got Linear: save its stateDict()')
    expectError(
      () => saveFileSync(linear.namedParameters() as never, path),
      'ERR_TORCH_TYPE',
      'make one from pairs with Object.fromEntries()',
    )
    const optimizer = new optim.Adam(linear.parameters())
    expectError(
      () => saveFileSync(optimizer.stateDict() as never, path),
      'ERR_TORCH_TYPE',
      /'state' must be a Tensor, got an object\. A file holds one flat object of tensors: .*'optimizer\.0\.expAvg': tensor/,
    )
    expectError(
      () => saveFileSync({ epoch: 3 as never }, path),
      'ERR_TORCH_TYPE',
      "'epoch' must be a Tensor, got 3. A number or text goes into the option metadata as a string",
    )
    const disposed = torch.ones([1])
    disposed.dispose()
    await expectRejection(saveFile({ disposed }, path), 'ERR_TORCH_DISPOSED', 'disposed')
  })

  test('names and dtypes that a file cannot have', () => {
    expectError(() => saveFileSync({ __metadata__: x }, path), 'ERR_TORCH_VALUE', "cannot be called '__metadata__'")
    expectError(() => saveFileSync({ '\ud800': x }, path), 'ERR_TORCH_VALUE', 'not valid Unicode')
    expectError(
      () => saveFileSync({ c: torch.complex(x, x).to('complex128') }, path),
      'ERR_TORCH_DTYPE',
      "'c' is complex128, which safetensors cannot hold",
    )
    const sparse = torch.ops.aten.to_sparse as (x: Tensor) => Tensor
    expectError(() => saveFileSync({ s: sparse(torch.eye(2)) }, path), 'ERR_TORCH_VALUE', 'to_dense')
  })

  test('memory under two names', () => {
    const names = /'a' and 'b' share memory.*Save one of them, or a clone/
    expectError(() => saveFileSync({ a: x, b: x }, path), 'ERR_TORCH_VALUE', names)
    expectError(
      () => saveFileSync({ a: x.index(torch.slice(0, 4)), b: x.index(torch.slice(3, 6)) }, path),
      'ERR_TORCH_VALUE',
      names,
    )
    expectError(
      () => saveFileSync({ a: x, c: x.index(torch.slice(0, 1)), b: x.index(torch.slice(5)) }, path),
      'ERR_TORCH_VALUE',
      'share memory',
    )
    const folder = temporaryFolder()
    saveFileSync({ a: x.index(torch.slice(0, 3)), b: x.index(torch.slice(3)) }, join(folder, 'x'))
    saveFileSync({ a: x, b: x.clone(), none: x.index(torch.slice(0, 0)) }, join(folder, 'x'))
    expect(loadFileSync(join(folder, 'x')).b?.toArray()).toEqual([0, 1, 2, 3, 4, 5])
  })

  test('options and metadata that it does not have', async () => {
    expectError(
      () => saveFileSync({ x }, path, { metdata: {} } as never),
      'ERR_TORCH_OPTION',
      "did you mean 'metadata'?",
    )
    await expectRejection(
      saveFile({ x }, path, { metadata: { epoch: 3 } as never }),
      'ERR_TORCH_TYPE',
      "metadata 'epoch' must be a string, got 3",
    )
    expectError(
      () => saveFileSync({ x }, path, { metadata: [] as never }),
      'ERR_TORCH_TYPE',
      'must be an object of strings',
    )
  })
})

describe('loadFile refuses', () => {
  const tensor = (dtype: string, shape: string, offsets: string): string =>
    `{"a":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}}`
  const good = tensor('U8', '[2]', '[0,2]')

  test.each<[string, string, string | Uint8Array, RegExp]>([
    ['an empty header', '', '', /expected '{', found the end/],
    ['something else than an object', '[1]', '', /expected '{', found '\['/],
    ['deep nesting', '['.repeat(100_000), '', /expected '{'/],
    ['an unfinished object', '{"a":', '', /expected '{', found the end/],
    ['text after the end', `${good}x`, 'ab', /extra text after the end/],
    [
      'a trailing comma',
      `{"a":{"dtype":"U8","shape":[2,],"data_offsets":[0,2]}}`,
      'ab',
      /shape must be a non-negative integer/,
    ],
    [
      'a name that comes twice',
      `{"a":${good.slice(5, -1)},"a":${good.slice(5, -1)}}`,
      'ab',
      /the name 'a' appears twice/,
    ],
    [
      'a key that comes twice',
      '{"a":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}}',
      'ab',
      /'dtype' appears twice/,
    ],
    [
      'the same name written differently',
      `{"a":${good.slice(5, -1)},"\\u0061":${good.slice(5, -1)}}`,
      'ab',
      /the name 'a' appears twice/,
    ],
    ['an unknown key', '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"x":1}}', 'ab', /no 'x'/],
    ['a missing key', '{"a":{"dtype":"U8","shape":[2]}}', 'ab', /needs dtype, shape and two data_offsets/],
    ['one offset', tensor('U8', '[2]', '[2]'), 'ab', /two data_offsets/],
    ['three offsets', tensor('U8', '[2]', '[0,2,2]'), 'ab', /more than 2 numbers/],
    ['metadata that is no text', '{"__metadata__":{"a":1}}', '', /expected '"', found '1'/],
    ['a bad escape', '{"\\x":1}', '', /not valid JSON/],
    ['a string without end', '{"abc\\"', '', /string does not end/],
    ['a negative size', tensor('U8', '[-2]', '[0,2]'), 'ab', /non-negative integer/],
    ['a fraction', tensor('U8', '[2.0]', '[0,2]'), 'ab', /non-negative integer/],
    ['an exponent', tensor('U8', '[2e0]', '[0,2]'), 'ab', /non-negative integer/],
    ['a leading zero', tensor('U8', '[02]', '[0,2]'), 'ab', /shape must be a non-negative integer/],
    ['a number beyond 2^53', tensor('U8', '[9007199254740993]', '[0,2]'), 'ab', /below 2\^53/],
    [
      'sizes whose product overflows',
      tensor('F64', '[4294967296,4294967296]', '[0,2]'),
      'ab',
      /do not fit F64 of shape/,
    ],
    ['a huge empty tensor with data', tensor('U8', '[0,4294967296,4294967296]', '[0,2]'), 'ab', /do not fit/],
    ['too many dimensions', tensor('U8', `[${new Array(65).fill(1)}]`, '[0,1]'), 'a', /more than 64 numbers/],
    ['offsets in the wrong order', tensor('U8', '[2]', '[2,0]'), 'ab', /should begin at 0/],
    ['offsets beyond the file', tensor('U8', '[3]', '[0,3]'), 'ab', /describes 3 bytes of data, but there are 2/],
    ['data that no tensor has', tensor('U8', '[2]', '[0,2]'), 'abc', /describes 2 bytes of data, but there are 3/],
    ['a hole before', tensor('U8', '[1]', '[1,2]'), 'ab', /should begin at 0, not at 1/],
    [
      'a hole between',
      `{"a":${tensor('U8', '[1]', '[0,1]').slice(5, -1)},"b":${tensor('U8', '[1]', '[2,3]').slice(5, -1)}}`,
      'abc',
      /'b' should begin at 1, not at 2/,
    ],
    [
      'tensors that overlap',
      `{"a":${good.slice(5, -1)},"b":${tensor('U8', '[2]', '[1,3]').slice(5, -1)}}`,
      'abc',
      /'b' should begin at 2, not at 1/,
    ],
    ['a size that does not fit', tensor('F32', '[2]', '[0,2]'), 'ab', /\[0, 2\], which do not fit F32 of shape \[2\]/],
    [
      'an unknown dtype',
      tensor('F3', '[2]', '[0,2]'),
      'ab',
      /'a' has dtype F3, which cannot be loaded; the dtypes are BOOL/,
    ],
    ['a dtype that LibTorch lacks', tensor('U16', '[1]', '[0,2]'), 'ab', /'a' has dtype U16, which cannot be loaded/],
    ['a dtype of another size', tensor('U16', '[1]', '[0,1]'), 'a', /do not fit U16 of shape \[1\]/],
    ['half a byte', tensor('F4', '[3]', '[0,2]'), 'ab', /do not fit F4 of shape \[3\]/],
    ['a part of a byte', tensor('F6_E2M3', '[3]', '[0,2]'), 'ab', /do not fit F6_E2M3 of shape \[3\]/],
    ['too many bytes of half bytes', tensor('F4', '[2]', '[0,2]'), 'ab', /do not fit F4 of shape/],
    ['an unknown dtype without data', tensor('X', '[2]', '[0,0]'), '', /do not fit X of shape \[2\]/],
    ['an unknown dtype with data of nothing', tensor('X', '[0]', '[0,2]'), 'ab', /do not fit X of shape \[0\]/],
    ['an unknown dtype that is too large', tensor('X', '[1]', '[0,33]'), 'a'.repeat(33), /do not fit X of shape \[1\]/],
    [
      'an unknown dtype that goes back',
      `{"a":${good.slice(5, -1)},"b":${tensor('X', '[1]', '[2,1]').slice(5, -1)}}`,
      'ab',
      /'b' has data_offsets \[2, 1\], which do not fit/,
    ],
    ['a dtype without end', tensor('F'.repeat(100), '[2]', '[0,2]'), 'ab', /a dtype is too long/],
    ['bytes that are no text', '', '', /./],
  ])('%s', async (name, header, data, message) => {
    const path = name === 'bytes that are no text' ? compose(Uint8Array.of(0x7b, 0xff, 0x7d)) : compose(header, data)
    expectError(() => loadFileSync(path), 'ERR_TORCH_FORMAT', message)
    const error = await expectRejection(loadFile(path), 'ERR_TORCH_FORMAT', message)
    expect(error.message).toContain(path)
    expect(error.stack).toContain('safetensors.test.ts')
  })

  test('lengths of the header that are beyond the file or reason', async () => {
    for (const [length, message] of [
      [13n, 'the header has 13 bytes, but the file ends after 20'],
      [100_000_001n, 'its header would have 100000001 bytes'],
      [(1n << 64n) - 1n, 'its header would have 18446744073709551615 bytes'],
    ] as const) {
      await expectRejection(loadFile(compose('{}          ', '', length)), 'ERR_TORCH_FORMAT', message)
    }
    const path = compose('')
    truncateSync(path, 7)
    expectError(() => readHeaderSync(path), 'ERR_TORCH_FORMAT', 'fewer than 8 bytes')
    truncateSync(path, 0)
    expectError(() => readHeaderSync(path), 'ERR_TORCH_FORMAT', 'fewer than 8 bytes')
  })

  test('nothing that is well-formed, if odd', () => {
    const path = compose(' { "__proto__" : { "shape" : [ ] , "data_offsets" : [ 0 , 1 ] , "dtype" : "U8" } }\n ', 'a')
    expect(Object.getOwnPropertyDescriptor(loadFileSync(path), '__proto__')?.value.item()).toBe(97)
    const odd = [
      ['U16', [0], 0],
      ['F4', [2, 3], 3],
      ['F4', [], 0.5],
      ['F6_E2M3', [4], 3],
      ['F6_E3M2', [8], 6],
      ['F8_E8M0', [3], 3],
      ['SOMETHING_NEW', [3], 2],
    ] as const
    for (const [dtype, shape, bytes] of odd) {
      const read = (): unknown =>
        readHeaderSync(
          compose(tensor(dtype, JSON.stringify(shape), `[0,${Math.ceil(bytes)}]`), 'x'.repeat(Math.ceil(bytes))),
        ).tensors.a
      if (Number.isInteger(bytes)) expect(read()).toEqual({ dtype, shape, dataOffsets: [0, bytes] })
      else expectError(read, 'ERR_TORCH_FORMAT', 'do not fit F4')
    }
  })

  test('sizes that LibTorch cannot hold beside a zero', () => {
    const sizes = [0, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
    const path = compose(tensor('U8', JSON.stringify(sizes), '[0,0]'))
    expectError(() => loadFileSync(path), 'ERR_TORCH_FORMAT', /do not fit U8 of shape/)
  })

  test('files that are not there, or none', async () => {
    const folder = temporaryFolder()
    await expectRejection(loadFile(join(folder, 'x')), 'ERR_TORCH_FILE', 'loadFile: ENOENT: no such file')
    await expectRejection(readHeader(folder), 'ERR_TORCH_FILE', 'is not a regular file')
    expectError(() => loadFileSync('/dev/zero'), 'ERR_TORCH_FILE', 'is not a regular file')
    expectError(() => loadFileSync('\0'), 'ERR_TORCH_FILE', 'null bytes')
    expectError(() => loadFileSync(new URL('http://example.org/x')), 'ERR_TORCH_FILE', 'must be of scheme file')
    expectError(() => loadFileSync(1 as never), 'ERR_TORCH_TYPE', 'path must be a string or a file: URL, got 1')
    expectError(() => loadFileSync(''), 'ERR_TORCH_TYPE', 'path must be')
  })

  test('the files of torch.save, and names their function', () => {
    expectError(() => loadFileSync(formatsPath('gru.pt')), 'ERR_TORCH_FORMAT', 'read it with torch.load')
  })

  test('devices and options that do not exist', async () => {
    const path = formatsPath('gru.safetensors')
    await expectRejection(
      loadFile(path, { device: 'gpu' as never }),
      'ERR_TORCH_DEVICE',
      "device must be 'cpu', 'cuda' or one such",
    )
    expectError(() => loadFileSync(path, { devise: 'cpu' } as never), 'ERR_TORCH_OPTION', "did you mean 'device'?")
  })

  test('damaged files, whatever is damaged, and leaves no tensor behind', async () => {
    const source = readFileSync(formatsPath('dtypes.safetensors'))
    const folder = temporaryFolder()
    const path = join(folder, 'x')
    await collectGarbage()
    const before = torch.memory().tensors
    const changes = fc.array(fc.tuple(fc.nat(source.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(changes, fc.option(fc.nat(source.length)), (changed, end) => {
        const bytes = Buffer.from(source)
        for (const [position, value] of changed) bytes[position] = value
        writeFileSync(path, bytes.subarray(0, end ?? undefined))
        try {
          torch.tidy(() => void loadFileSync(path))
        } catch (error) {
          expect((error as TorchError).code).toBe('ERR_TORCH_FORMAT')
        }
      }),
      { numRuns: 2000 },
    )
    expect(torch.memory().tensors).toBeLessThanOrEqual(before)
    expect(readdirSync(folder)).toEqual(['x'])
  })
})
