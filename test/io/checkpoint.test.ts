import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TorchError } from '../../lib/errors.ts'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { formatsPath, readFixture } from '../support/fixture.ts'
import { temporaryFolder } from '../support/folder.ts'
import { collectGarbage, expectNoMoreTensors } from '../support/garbage.ts'
import { pickle, storage, text, uint32 } from '../support/pickle.ts'
import { readZip, writeZip } from '../support/zip.ts'

interface Values {
  [name: string]: unknown
  dtypes: Record<string, Tensor>
  base: Tensor
}

interface Expected {
  checkpoint: {
    epoch: number
    names: string[]
    exp_avg: Record<string, number[]>
    max_exp_avg_sq: Record<string, number[]>
    group: Record<string, unknown>
    lr: number
  }
}

const { checkpoint: expected } = readFixture<Expected>('formats/expected')

describe.each(['values', 'values-4', 'values-legacy', 'values-legacy-3', 'values-legacy-4', 'values-legacy-5'])(
  'torch.load of %s.pt',
  (name) => {
    const values = torch.loadSync<Values>(formatsPath(`${name}.pt`))
    const tensor = (key: string): Tensor => values[key] as Tensor

    test('reads all dtypes', () => {
      expect(Object.keys(values.dtypes)).toHaveLength(12)
      for (const [dtype, x] of Object.entries(values.dtypes)) {
        expect(x.dtype).toBe(dtype)
        const real =
          dtype === 'bool'
            ? [
                [false, true],
                [true, true],
              ]
            : [
                [0, 1],
                [2, 3],
              ]
        expect(x.toArray()).toEqual(
          dtype.startsWith('complex')
            ? [
                [1, 2],
                [3, -4],
              ]
            : real,
        )
      }
    })

    test('keeps strides, offsets and shared memory', () => {
      const { base } = values
      expectClose(tensor('transposed'), base.t().toArray() as number[][])
      expect(tensor('column').toArray()).toEqual([2, 8, 14, 20])
      expect([tensor('column').stride, tensor('column').storageOffset()]).toEqual([[6], 2])
      expect([tensor('tail').shape, tensor('tail').stride, tensor('tail').storageOffset()]).toEqual([
        [2, 5],
        [6, 1],
        13,
      ])
      expect([tensor('expanded').toArray(), tensor('expanded').stride]).toEqual([
        [
          [7, 7],
          [7, 7],
          [7, 7],
        ],
        [0, 0],
      ])
      expect(tensor('scalar').item()).toBe(2.5)
      expect(tensor('empty').shape).toEqual([0, 3])
      base.index(0, 2).fill_(100)
      expect(tensor('column').index(0).item()).toBe(100)
      expect(tensor('transposed').index(2, 0).item()).toBe(100)
      base.index(0, 2).fill_(2)
    })

    test('tells parameters and leaves', () => {
      expect(tensor('parameter')).toBeInstanceOf(nn.Parameter)
      expect([tensor('parameter').requiresGrad, tensor('parameter').isLeaf]).toEqual([true, true])
      expect(tensor('frozen')).toBeInstanceOf(nn.Parameter)
      expect(tensor('frozen').requiresGrad).toBe(false)
      expect(tensor('leaf')).not.toBeInstanceOf(nn.Parameter)
      tensor('leaf').pow(2).backward()
      expect(tensor('leaf').grad?.toArray()).toEqual([6])
      expect(values.base.requiresGrad).toBe(false)
    })

    test('reads numbers, text and bytes exactly', () => {
      const numbers = [
        0,
        255,
        256,
        65535,
        65536,
        -1,
        -(2 ** 31),
        2 ** 31,
        2 ** 53 - 1,
        2n ** 53n,
        -(2n ** 70n),
        0.5,
        -0,
        1e300,
      ]
      expect(values.numbers).toEqual(numbers)
      expect(values.special).toEqual([Infinity, -Infinity, Number.NaN])
      expect(values.text).toEqual(['', 'ascii', 'größe ✓ 🙂', 'x'.repeat(300)])
      expect(values.bytes).toEqual([Uint8Array.of(), Uint8Array.of(0, 255), Uint8Array.of(97, 98)])
      expect(values.complex).toEqual([1.5, -2])
    })

    test('reads containers', () => {
      expect(values.tuples).toEqual([[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]])
      expect(values.sets).toEqual([new Set(), new Set([1, 2])])
      expect(values.size).toEqual([2, 3])
      expect(values.torch).toEqual(['float32', 'bfloat16', 'cpu', 'cuda:1'])
      expect(values.counter).toEqual({ a: 2, b: 1, c: 1 })
      expect(Object.entries(values.ordered as object)).toEqual([
        ['z', 1],
        ['a', 2],
      ])
      expect(values.keys).toEqual([
        { 1: 'one', 2: 'two' },
        new Map([[[1, 2], 'tuple']]),
        new Map<unknown, number>([
          [null, 0],
          [true, 1],
        ]),
        new Map<unknown, string>([
          [0, 'int'],
          ['0', 'text'],
        ]),
        new Map([[0.5, 'half']]),
      ])
      expect(values.shared).toEqual([values.numbers, values.base])
      expect((values.shared as unknown[])[0]).toBe(values.numbers)
      expect((values.shared as unknown[])[1]).toBe(values.base)
    })

    test('lets no name reach a prototype', () => {
      const own = Object.getOwnPropertyDescriptor(values, '__proto__')?.value as object
      expect(Object.entries(own)).toEqual([
        ['__proto__', 1],
        ['constructor', 2],
      ])
      expect(Object.getPrototypeOf(values)).toBe(Object.prototype)
    })
  },
)

describe('torch.load', () => {
  test('reads a checkpoint with the state of an optimizer', async () => {
    interface Group {
      lr: number
      betas: number[]
      params: number[]
    }
    const loaded = await torch.load<{
      model: Record<string, Tensor>
      optimizer: { state: Record<number, Record<string, Tensor>>; param_groups: Group[] }
      scheduler: { milestones: object; _last_lr: number[]; last_epoch: number }
      epoch: number
      best: number
      args: object
    }>(formatsPath('checkpoint.pt'))
    expect(loaded.epoch).toBe(3)
    expect(loaded.best).toBe(Infinity)
    expect(loaded.args).toEqual({ hidden: [3, 4], name: 'größe ✓', resume: null, cuda: false })
    expect(Object.keys(loaded.model)).toEqual(expected.names)
    const { state, param_groups: groups } = loaded.optimizer
    expect(Object.keys(state)).toEqual(Object.keys(expected.exp_avg))
    for (const [i, one] of Object.entries(state)) {
      expect(one.step?.item()).toBe(3)
      expectClose((one.exp_avg as Tensor).flatten(), expected.exp_avg[i] as number[])
      expectClose((one.max_exp_avg_sq as Tensor).flatten(), expected.max_exp_avg_sq[i] as number[], { atol: 1e-12 })
    }
    expect(groups).toHaveLength(1)
    expect(groups[0]).toMatchObject(expected.group)
    expect(groups[0]?.betas).toEqual([0.9, 0.999])
    expect(loaded.scheduler).toMatchObject({ milestones: { 2: 1, 5: 2 }, last_epoch: 3, _last_lr: [expected.lr] })
  })

  test('turns the bytes of the other byte order', async () => {
    const loaded = await torch.load<Record<string, Tensor>>(formatsPath('big-endian.pt'))
    const arrays = Object.fromEntries(Object.entries(loaded).map(([name, x]) => [name, x.toArray()]))
    expect(arrays).toEqual({ a: [1.5, -2], b: [1, 2 ** 40], c: [3, -4], d: [[1, 2]], e: [true, false] })
  })

  test('obeys scopes, and works in offload', async () => {
    await collectGarbage()
    const before = torch.memory().tensors
    await torch.tidy(async () => void (await torch.load(formatsPath('checkpoint.pt'))))
    expect(torch.memory().tensors).toBeLessThanOrEqual(before)
    const bias = await torch.tidy(async () => {
      const loaded = await torch.load<Record<string, Tensor>>(formatsPath('gru.pt'))
      return loaded['linear.bias'] as Tensor
    })
    expect(torch.memory().tensors).toBe(before + 1)
    const doubled = await torch.offload(() => {
      const loaded = torch.loadSync<Record<string, Tensor>>(formatsPath('gru.pt'))
      return (loaded['linear.bias'] as Tensor).mul(2)
    })
    expect(doubled.equal(bias.mul(2))).toBe(true)
  })

  test.each([
    ['evil', /it needs builtins\.eval, and only tensors, containers, numbers and text are read/],
    ['module', /it needs __main__\.Model.*save its state_dict\(\) instead/],
    ['sparse', /it needs torch\._utils\._rebuild_sparse_tensor/],
    ['uint16', /it needs torch\.uint16/],
    ['conj', /marked as conj/],
    ['storage', /a bare storage/],
    ['cyclic', /a container contains itself/],
    ['script', /TorchScript archive: load it with torch\.jit\.load/],
  ])('refuses %s.pt with a reason', async (name, reason) => {
    const path = formatsPath(`${name}.pt`)
    const error = await expectRejection(torch.load(path), 'ERR_TORCH_FORMAT', reason)
    expect(error.message.startsWith(`torch.load: ${path}: `)).toBe(true)
    expect(error.stack?.split('\n')[1]).toContain('checkpoint.test.ts')
    expectError(() => torch.loadSync(path), 'ERR_TORCH_FORMAT', reason)
  })

  test('refuses what is no file of torch.save', async () => {
    const folder = temporaryFolder()
    const file = (name: string, bytes: Uint8Array | string): string => {
      writeFileSync(join(folder, name), bytes)
      return join(folder, name)
    }
    const neither = 'neither a zip archive nor a pickle of PyTorch'
    await expectRejection(torch.load(file('empty', '')), 'ERR_TORCH_FORMAT', neither)
    await expectRejection(torch.load(file('text', 'hello')), 'ERR_TORCH_FORMAT', neither)
    await expectRejection(torch.load(formatsPath('gru.safetensors')), 'ERR_TORCH_FORMAT', 'read it with loadFile')
    await expectRejection(torch.load(join(folder, 'no')), 'ERR_TORCH_FILE', 'ENOENT')
    await expectRejection(torch.load(folder), 'ERR_TORCH_FILE', 'is not a regular file')
    await expectRejection(torch.load(3 as never), 'ERR_TORCH_TYPE', 'path must be a string')
    const path = formatsPath('gru.pt')
    expectError(() => torch.loadSync(path, { device: 'tpu' as never }), 'ERR_TORCH_DEVICE', "got 'tpu'")
    expectError(() => torch.loadSync(path, { mapLocation: 'cpu' } as never), 'ERR_TORCH_OPTION', 'Options are device')
  })

  test.each(['gru', 'legacy', 'values', 'values-legacy', 'values-legacy-4'])(
    'refuses %s.pt that ends anywhere',
    (name) => {
      const bytes = readFileSync(formatsPath(`${name}.pt`))
      const path = join(temporaryFolder(), 'x.pt')
      for (let end = 0; end < bytes.length; end += 61) {
        writeFileSync(path, bytes.subarray(0, end))
        expectError(() => torch.loadSync(path), 'ERR_TORCH_FORMAT', /./)
      }
    },
  )

  test.each(['checkpoint', 'values', 'values-4', 'big-endian'])(
    'survives any damage to the contents of %s.pt that has right checksums',
    async (name) => {
      const entries = Object.entries(readZip(readFileSync(formatsPath(`${name}.pt`))))
      const path = join(temporaryFolder(), 'x.pt')
      await collectGarbage()
      const before = torch.memory().tensors
      const damage = fc.record({
        entry: fc.nat(entries.length - 1),
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        run: fc.uint8Array({ minLength: 1, maxLength: 8 }),
      })
      let loaded = 0
      fc.assert(
        fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), fc.boolean(), (all, onlyPickle) => {
          const copies = entries.map(([own, content]) => [own, Buffer.from(content)] as const)
          for (const { entry, at, run } of all) {
            const chosen = onlyPickle ? copies.find(([own]) => own.endsWith('data.pkl')) : copies[entry]
            const content = chosen?.[1] as Buffer
            content.set(run.subarray(0, content.length), Math.floor(at * Math.max(0, content.length - run.length)))
          }
          writeZip(path, Object.fromEntries(copies))
          try {
            torch.tidy(() => void torch.loadSync(path))
            loaded++
          } catch (error) {
            expect(['ERR_TORCH_FORMAT', 'ERR_TORCH_DEVICE']).toContain((error as TorchError).code)
          }
        }),
        { numRuns: 300 },
      )
      expect(loaded).toBeGreaterThan(0)
      await expectNoMoreTensors(before)
    },
  )

  test.each(['checkpoint', 'values', 'values-4', 'values-legacy', 'values-legacy-5', 'big-endian'])(
    'survives any damage to %s.pt',
    async (name) => {
      const source = readFileSync(formatsPath(`${name}.pt`))
      const path = join(temporaryFolder(), 'x.pt')
      await collectGarbage()
      const before = torch.memory().tensors
      const changes = fc.array(fc.tuple(fc.nat(source.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      fc.assert(
        fc.property(changes, (changed) => {
          const bytes = Buffer.from(source)
          for (const [position, value] of changed) bytes[position] = value
          writeFileSync(path, bytes)
          try {
            torch.tidy(() => void torch.loadSync(path))
          } catch (error) {
            expect(['ERR_TORCH_FORMAT', 'ERR_TORCH_DEVICE']).toContain((error as TorchError).code)
          }
        }),
        { numRuns: 400 },
      )
      await expectNoMoreTensors(before)
    },
  )
})

describe('the checksums of an archive', () => {
  test('find each flipped bit in what is loaded', () => {
    const path = join(temporaryFolder(), 'x.pt')
    const bytes = readFileSync(formatsPath('values.pt'))
    const contents = Object.entries(readZip(bytes)).filter(([name]) => /\.pkl$|\/data\/|order$/.test(name))
    expect(contents.length).toBeGreaterThan(15)
    let number = 0
    for (const [name, content] of contents) {
      for (let i = 0; i < content.length; i += 97) {
        const flip = (): void => void content.writeUInt8((content[i] as number) ^ (1 << (number % 8)), i)
        flip()
        writeFileSync(path, bytes)
        const message = `${name} is damaged: its content does not match its checksum`
        expectError(() => torch.loadSync(path), 'ERR_TORCH_FORMAT', message)
        flip()
        number++
      }
    }
    expect(number).toBeGreaterThan(30)
    writeFileSync(path, bytes)
    expect(Object.keys(torch.loadSync<Values>(path).dtypes)).toHaveLength(12)
  })

  test('are not asked for where PyTorch wrote none', async () => {
    const loaded = await torch.load<{ a: Tensor }>(formatsPath('unchecked.pt'))
    expect(loaded.a.toArray()).toEqual([1.5, -2])
  })

  test('leave no tensor behind where they do not fit', async () => {
    const bytes = readFileSync(formatsPath('gru.pt'))
    const [last, content] = Object.entries(readZip(bytes)).findLast(([name]) => name.includes('/data/')) as [
      string,
      Buffer,
    ]
    content.writeUInt8((content[0] as number) ^ 1)
    const path = join(temporaryFolder(), 'x.pt')
    writeFileSync(path, bytes)
    await collectGarbage()
    const before = torch.memory().tensors
    await expectRejection(torch.load(path), 'ERR_TORCH_FORMAT', `${last} is damaged`)
    expect(torch.memory().tensors).toBeLessThanOrEqual(before)
  })
})

/** A checkpoint with this pickle. */
function archive(data: Uint8Array, more: Record<string, string | Uint8Array> = {}): string {
  return writeZip(join(temporaryFolder(), 'x.pt'), { 'x/data.pkl': data, ...more })
}

/** A tensor over a storage of two floats. */
function tensor(
  offset: string,
  size: string,
  stride: string,
  rest = '\x89N',
  of = storage('0', 'FloatStorage', 'K\x02'),
): Buffer {
  return pickle('ctorch._utils\n_rebuild_tensor_v2\n(', of, offset, size, stride, rest, 'tR')
}

const two = { 'x/data/0': Uint8Array.of(0, 0, 0x80, 0x3f, 0, 0, 0, 0x40) }

describe('a hostile pickle', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['calls the system', pickle('cposix\nsystem\n', text('true'), 0x85, 'R'), /it needs posix\.system/],
    [
      'calls it by its name in Python 2',
      pickle('c__builtin__\neval\n', text('1'), 0x85, 'R'),
      /it needs builtins\.eval/,
    ],
    ['calls it by STACK_GLOBAL', pickle(text('os'), text('system'), 0x93), /it needs os\.system/],
    ['names a property of an object', pickle('c__proto__\nconstructor\n'), /it needs __proto__\.constructor/],
    ['names a property of torch', pickle('ctorch\nconstructor\n'), /it needs torch\.constructor/],
    ['names nothing', pickle(']K\x01', 0x93), /malformed pickle: a global has no name/],
    ['uses INST', pickle('(ios\nsystem\n'), /opcode 0x69 at byte 3 is not allowed/],
    ['uses an extension', pickle('\x82\x01'), /opcode 0x82/],
    ['has another protocol', Buffer.from('\x80\x01N.', 'latin1'), /protocol 1 is not supported/],
    ['calls a number', pickle('K\x01)R'), /calls 1/],
    ['calls a dtype', pickle('ctorch\nfloat32\n)R'), /calls 'float32'/],
    ['calls a storage', pickle('ctorch\nFloatStorage\n)R'), /calls torch\.FloatStorage/],
    ['calls with a list', pickle('ccollections\nOrderedDict\n]R'), /without a tuple of arguments/],
    [
      'makes a function its result',
      pickle('ccollections\nOrderedDict\n'),
      /it contains collections\.OrderedDict itself/,
    ],
    ['builds a list', pickle(']}b'), /sets attributes of \[\]/],
    ['takes from an empty stack', pickle('0'), /malformed pickle: stack underflow/],
    ['takes a mark', pickle('(R'), /malformed pickle: stack underflow/],
    ['pops to no mark', pickle('Kt', 't'), /malformed pickle: stack underflow/],
    ['ends with nothing', pickle(), /malformed pickle: stack underflow/],
    ['does not end', Buffer.from('\x80\x02N', 'latin1'), /the pickle ends early/],
    ['refers to nothing', pickle('h\x07'), /malformed pickle: the memo has no object 7/],
    ['appends to a tuple', pickle(')Na'), /appends to Tuple/],
    ['sets items of a list', pickle(']NNs'), /sets items of \[\]/],
    ['has half an item', pickle('}(Nu'), /a key without a value/],
    ['adds to a list', pickle('](N', 0x90), /adds to \[\]/],
    ['has a string beyond its end', pickle('X', uint32(0xffffffff)), /ends early/],
    ['has a string of 2^63 bytes', pickle(0x8d, uint32(0), uint32(0x80000000)), /ends early/],
    ['has bytes beyond its end', pickle(0x8e, uint32(0xffffffff), uint32(0)), /ends early/],
    ['has a number beyond its end', pickle(0x8b, uint32(4000)), /ends early/],
    ['has a number of 4 GB', pickle(0x8b, uint32(0xfffffff0)), /more digits than Python reads/],
    ['has a string that is no text', pickle('X', uint32(1), '\xff'), /not valid UTF-8/],
    ['holds itself', pickle(']q\x00h\x00a'), /a container contains itself/],
    ['holds itself by way of a dict', pickle('}q\x00K\x00]h\x00as'), /a container contains itself/],
    ['is deep', pickle('N', '\x85'.repeat(1_000_000)), /nested more than 1000 deep/],
    ['is many', pickle('(', ']'.repeat(6_000_000), 't'), /more objects than a checkpoint has/],
    ['remembers much', pickle('N', memos(7_000_000)), /more objects/],
    ['refers to something else', pickle('K\x01Q'), /something other than a storage/],
    ['has a storage without a type', pickle('(', text('storage'), 'NNNNtQ'), /something other than a storage/],
    [
      'has a storage of a negative size',
      pickle(storage('0', 'FloatStorage', 'J\xff\xff\xff\xff')),
      /description of a storage is invalid/,
    ],
    [
      'has a storage of a fraction',
      pickle(storage('0', 'FloatStorage', 'G\x3f\xe0\0\0\0\0\0\0')),
      /description of a storage is invalid/,
    ],
    [
      'has a storage that is not there',
      tensor('K\x00', 'K\x02\x85', 'K\x01\x85', '\x89N', storage('1', 'FloatStorage', 'K\x02')),
      /storage '1' is missing/,
    ],
    [
      'has a storage elsewhere',
      tensor('K\x00', 'K\x02\x85', 'K\x01\x85', '\x89N', storage('../data.pkl', 'FloatStorage', 'K\x02')),
      /is missing/,
    ],
    [
      'has a storage of another size',
      tensor('K\x00', 'K\x02\x85', 'K\x01\x85', '\x89N', storage('0', 'FloatStorage', 'K\x03')),
      /has 8 bytes instead of 12/,
    ],
    [
      'has a storage of 2^53 elements',
      tensor(
        'K\x00',
        'K\x02\x85',
        'K\x01\x85',
        '\x89N',
        storage('0', 'FloatStorage', '\x8a\x07\xff\xff\xff\xff\xff\xff\x1f'),
      ),
      /has 8 bytes instead of/,
    ],
    [
      'has a storage of two types',
      pickle(storage('0', 'FloatStorage', 'K\x02'), '0', storage('0', 'IntStorage', 'K\x02')),
      /described in two ways/,
    ],
    ['has a storage type of another kind', pickle('ctorch\nQInt8Storage\n'), /it needs torch\.QInt8Storage/],
    [
      'reads beyond a storage',
      tensor('K\x01', 'K\x02\x85', 'K\x01\x85'),
      /size \[2\] and stride \[1\] at 1 is beyond its storage of 2/,
    ],
    ['reads far beyond by strides', tensor('K\x00', 'K\x02\x85', 'J\xff\xff\xff\x7f\x85'), /is beyond its storage/],
    [
      'reads before a storage',
      tensor('J\xff\xff\xff\xff', 'K\x01\x85', 'K\x01\x85'),
      /storage_offset must be a non-negative integer, not -1/,
    ],
    [
      'has a negative stride',
      tensor('K\x01', 'K\x02\x85', 'J\xff\xff\xff\xff\x85'),
      /stride must be a tuple of at most 64 non-negative/,
    ],
    ['has a size of text', tensor('K\x00', `${text('a')}\x85`, 'K\x01\x85'), /size must be a tuple/],
    ['has more sizes than strides', tensor('K\x00', 'K\x01K\x01\x86', 'K\x01\x85'), /is beyond its storage/],
    ['has too many sizes', tensor('K\x00', `(${'K\x01'.repeat(65)}t`, `(${'K\x01'.repeat(65)}t`), /at most 64/],
    [
      'has sizes that overflow',
      tensor('K\x00', `(${'J\xff\xff\xff\x7f'.repeat(3)}t`, `(${'K\x00'.repeat(3)}t`),
      /is beyond its storage/,
    ],
    [
      'wants gradients of integers',
      tensor('K\x00', 'K\x02\x85', 'K\x01\x85', '\x88N', storage('0', 'IntStorage', 'K\x02')),
      /int32 cannot require a gradient/,
    ],
    [
      'has no tensor in a parameter',
      pickle('ctorch._utils\n_rebuild_parameter\n(NNNtR'),
      /a parameter needs a tensor, not null/,
    ],
    ['has a set of a number', pickle('c__builtin__\nset\nK\x01\x85R'), /a set is made from a list, not 1/],
    [
      'encodes in another way',
      pickle('c_codecs\nencode\n', text('a'), text('rot13'), '\x86R'),
      /bytes are encoded as 'rot13'/,
    ],
  ])('that %s is refused', (_, bytes, message) => {
    const path = archive(bytes, two)
    const error = expectError(() => torch.loadSync(path), 'ERR_TORCH_FORMAT', message)
    expect(error.message.length).toBeLessThan(600)
  })

  test('of a newer form is read, whose storages have no type', () => {
    const untyped = storage('0', 'UntypedStorage', 'K\x08')
    const bytes = pickle(
      'ctorch._utils\n_rebuild_tensor_v3\n(',
      untyped,
      'K\x01K\x01\x85K\x01\x85\x89Nctorch\nfloat32\ntR',
    )
    expect(torch.loadSync<Tensor>(archive(bytes, two)).toArray()).toEqual([2])
    const beyond = pickle('ctorch._utils\n_rebuild_tensor_v2\n(', untyped, 'K\x00K\x02\x85K\x01\x85\x89NtR')
    expectError(() => torch.loadSync(archive(beyond, two)), 'ERR_TORCH_FORMAT', 'has no dtype')
  })

  test('may share one object many times, and stretch one element far', () => {
    // Thirty levels of two references each: 2^30 leaves for who copies them.
    const bomb = pickle('N', ...Array.from({ length: 30 }, () => '2\x86'))
    let level = torch.loadSync<unknown[]>(archive(bomb))
    for (let i = 0; i < 30; i++) level = level[0] as unknown[]
    expect(level).toBe(null)
    const wide = torch.loadSync<Tensor>(archive(tensor('K\x01', 'J\xff\xff\xff\x7f\x85', 'K\x00\x85'), two))
    expect([wide.shape, wide.index(5).item()]).toEqual([[0x7fffffff], 2])
  })

  test('may be on a device that is not here, if told where to go', async () => {
    const bytes = tensor('K\x00', 'K\x02\x85', 'K\x01\x85', '\x89N', storage('0', 'FloatStorage', 'K\x02', 'mps'))
    const path = archive(bytes, two)
    await expectRejection(
      torch.load(path),
      'ERR_TORCH_DEVICE',
      "has tensors on 'mps', a device that this machine does not have: choose one, as in { device: 'cpu' }",
    )
    expect((await torch.load<Tensor>(path, { device: 'cpu' })).toArray()).toEqual([1, 2])
  })
})

/** LONG_BINPUT to as many places. */
function memos(count: number): Buffer {
  const bytes = Buffer.alloc(5 * count)
  for (let i = 0; i < count; i++) {
    bytes[5 * i] = 0x72
    bytes.writeUInt32LE(i, 5 * i + 1)
  }
  return bytes
}

describe('a hostile archive', () => {
  const good = tensor('K\x00', 'K\x02\x85', 'K\x01\x85')
  const edit = (path: string, change: (bytes: Buffer) => void): string => {
    const bytes = readFileSync(path)
    change(bytes)
    writeFileSync(path, bytes)
    return path
  }
  const directoryOf = (bytes: Buffer): number => bytes.readUInt32LE(bytes.length - 6)

  test('that is none of torch.save is refused', () => {
    const folder = temporaryFolder()
    expectError(
      () => torch.loadSync(writeZip(join(folder, 'a'), { 'a.txt': 'a' })),
      'ERR_TORCH_FORMAT',
      'has no data.pkl',
    )
    expectError(() => torch.loadSync(archive(good)), 'ERR_TORCH_FORMAT', "storage '0' is missing")
    expectError(
      () => torch.loadSync(archive(good, { ...two, 'x/byteorder': 'middle' })),
      'ERR_TORCH_FORMAT',
      "byte order is 'middle'",
    )
  })

  test('whose storages overlap is refused', () => {
    const many = Array.from({ length: 40 }, (_, i) => storage(String(i), 'FloatStorage', 'K\x40'))
    const data = pickle(
      '(',
      ...many.map((of) =>
        Buffer.concat([
          Buffer.from('ctorch._utils\n_rebuild_tensor_v2\n('),
          of,
          Buffer.from('K\x00K\x40\x85K\x01\x85\x89NtR', 'latin1'),
        ]),
      ),
      't',
    )
    const storages = Object.fromEntries(many.map((_, i) => [`x/data/${i}`, i === 0 ? new Uint8Array(256) : '']))
    const path = edit(archive(data, storages), (bytes) => {
      const first = bytes.indexOf('x/data/0') - 30
      for (let at = directoryOf(bytes); at < bytes.length - 22; at += 46 + bytes.readUInt16LE(at + 28)) {
        if (!bytes.toString('latin1', at + 46, at + 53).startsWith('x/data/')) continue
        bytes.writeUInt32LE(256, at + 20)
        bytes.writeUInt32LE(256, at + 24)
        bytes.writeUInt32LE(first, at + 42)
      }
    })
    expectError(() => torch.loadSync(path), 'ERR_TORCH_FORMAT', 'the files in the zip archive overlap')
  })

  test('with places and sizes beyond the file is refused', () => {
    for (const [change, message] of [
      [(b: Buffer) => b.writeUInt32LE(0x7fffffff, directoryOf(b) + 42), /the file ends early/],
      [(b: Buffer) => b.writeUInt32LE(0xffffffff, directoryOf(b) + 24), /damaged directory/],
      [(b: Buffer) => b.writeUInt32LE(0xfffffff, directoryOf(b) + 24), /damaged directory/],
      [(b: Buffer) => b.writeUInt16LE(8, directoryOf(b) + 10), /x\/data\.pkl is compressed/],
      [(b: Buffer) => b.writeUInt16LE(60000, b.length - 12), /damaged directory/],
      [(b: Buffer) => b.writeUInt32LE(0x7fffffff, b.length - 10), /damaged directory/],
      [(b: Buffer) => b.writeUInt32LE(0x7fffffff, b.length - 6), /damaged directory/],
      [(b: Buffer) => b.writeUInt32LE(0, 0), /neither a zip archive nor/],
    ] as const) {
      const path = edit(archive(good, two), change)
      expectError(() => torch.loadSync(path), 'ERR_TORCH_FORMAT', message)
    }
  })

  test('of the large form is read', () => {
    // The same entries, described by the records that archives beyond 4 GB have.
    const small = readFileSync(archive(good, two))
    const start = directoryOf(small)
    const parts = [small.subarray(0, start)]
    for (let at = start; at < small.length - 22; ) {
      const nameEnd = at + 46 + small.readUInt16LE(at + 28)
      const entry = Buffer.from(small.subarray(at, nameEnd))
      const extra = Buffer.alloc(28)
      extra.writeUInt16LE(1)
      extra.writeUInt16LE(24, 2)
      for (const [i, field] of [24, 20, 42].entries()) {
        extra.writeBigUInt64LE(BigInt(entry.readUInt32LE(field)), 4 + 8 * i)
        entry.writeUInt32LE(0xffffffff, field)
      }
      entry.writeUInt16LE(28, 30)
      parts.push(entry, extra)
      at = nameEnd
    }
    const size = parts.slice(1).reduce((sum, part) => sum + part.length, 0)
    const end64 = Buffer.alloc(56)
    end64.writeUInt32LE(0x06064b50)
    end64.writeBigUInt64LE(44n, 4)
    end64.writeBigUInt64LE(2n, 24)
    end64.writeBigUInt64LE(2n, 32)
    end64.writeBigUInt64LE(BigInt(size), 40)
    end64.writeBigUInt64LE(BigInt(start), 48)
    const locator = Buffer.alloc(20)
    locator.writeUInt32LE(0x07064b50)
    locator.writeBigUInt64LE(BigInt(start + size), 8)
    locator.writeUInt32LE(1, 16)
    const end = Buffer.from(small.subarray(-22))
    end.fill(0xff, 8, 20)
    const path = join(temporaryFolder(), 'x.pt')
    writeFileSync(path, Buffer.concat([...parts, end64, locator, end]))
    expect(torch.loadSync<Tensor>(path).toArray()).toEqual([1, 2])
  })
})
