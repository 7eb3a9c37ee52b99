import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { TorchError } from '../../lib/errors.ts'
import { nn, optim, ScriptModule, type Tensor, torch } from '../../lib/index.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { formatsPath, readFixture } from '../support/fixture.ts'
import { temporaryFolder } from '../support/folder.ts'
import { collectGarbage } from '../support/garbage.ts'
import { readZip, writeZip } from '../support/zip.ts'

interface Expected {
  script: {
    input: number[]
    state: [number[], number[]]
    output: number[]
    withState: number[]
    hidden: [number[], number[]]
    traced: number[]
    names: string[]
    parameters: string[]
    grad: number[]
  }
}

const { script: expected } = readFixture<Expected>('formats/expected')
const PATH = formatsPath('script.pt')
const x = torch.tensor(expected.input).reshape([2, 5, 3])

describe('torch.jit.load', () => {
  test.each(['sync', 'async'])('gives the module of Python, %s', async (form) => {
    const model = form === 'sync' ? torch.jit.loadSync(PATH) : await torch.jit.load(pathToFileURL(PATH))
    expect(model).toBeInstanceOf(ScriptModule)
    expect(model).toBeInstanceOf(nn.Module)
    expectClose(model.forward(x).flatten(), expected.output)
    expect(String(model)).toBe('ScriptModule(original_name=Network)')
    expect(model.methods).toEqual(expect.arrayContaining(['forward', 'encode', 'kinds']))
  })

  test('leaves the event loop and the lane in order', async () => {
    const before = torch.zeros([1])
    const [model] = await Promise.all([
      torch.jit.load(PATH),
      torch.offload(() => void before.add_(1)),
      torch.jit.load(formatsPath('traced.pt')),
    ])
    expect(before.item()).toBe(1)
    expect(model.forward(x).shape).toEqual([2, 5, 2])
    const inside = await torch.offload(() => torch.jit.loadSync(PATH).forward(x))
    expectClose(inside.flatten(), expected.output)
  })

  test('loads what was traced, and what was frozen', async () => {
    const traced = await torch.jit.load(formatsPath('traced.pt'))
    expectClose(traced.forward(x).flatten(), expected.traced)
    const frozen = await torch.jit.load(formatsPath('frozen.pt'), { device: 'cpu' })
    expect([...frozen.parameters()]).toEqual([])
    expect(frozen.eval().training).toBe(false)
    expect(frozen.train().training).toBe(false)
    expect(frozen.forward(x).shape).toEqual([2, 5, 2])
  })

  test('refuses other files, and says whose they are', async () => {
    const load = torch.jit.load
    await expectRejection(load(formatsPath('gru.pt')), 'ERR_TORCH_FORMAT', 'read it with torch.load')
    await expectRejection(load(formatsPath('legacy.pt')), 'ERR_TORCH_FORMAT', 'not a TorchScript archive')
    await expectRejection(load(formatsPath('gru.safetensors')), 'ERR_TORCH_FORMAT', 'not a TorchScript archive')
    await expectRejection(load(join(temporaryFolder(), 'no.pt')), 'ERR_TORCH_FILE', 'ENOENT')
    await expectRejection(load(temporaryFolder()), 'ERR_TORCH_FILE', 'is not a regular file')
    await expectRejection(load(7 as never), 'ERR_TORCH_TYPE', 'path must be a string')
    await expectRejection(load(PATH, { device: 'tpu' as never }), 'ERR_TORCH_DEVICE', "got 'tpu'")
    expectError(() => torch.jit.loadSync(PATH, { map: 1 } as never), 'ERR_TORCH_OPTION', "unknown option 'map'")
    // @ts-expect-error
    expectError(() => new ScriptModule(Symbol('x'), {}), 'ERR_TORCH_TYPE', 'use torch.jit.load')
  })

  test('says that a device is not here', async () => {
    let available = true
    try {
      torch.zeros([1], { device: 'cuda' })
    } catch {
      available = false
    }
    if (available) expect((await torch.jit.load(PATH, { device: 'cuda' })).forward(x.cuda()).shape).toEqual([2, 5, 2])
    else await expectRejection(torch.jit.load(PATH, { device: 'cuda' }), 'ERR_TORCH_DEVICE', /CUDA|NVIDIA/)
  })

  test('finds any damage to what is in the file, and says it in one line', async () => {
    const path = join(temporaryFolder(), 'x.pt')
    let number = 0
    for (const name of Object.keys(readZip(readFileSync(PATH)))) {
      for (let i = 0; ; i += 101) {
        const bytes = readFileSync(PATH)
        const content = readZip(bytes)[name] as Buffer
        if (i >= content.length) break
        const byte = content[i] as number
        // One bit, or all that follows in this file.
        if (number++ % 2 === 0) content.writeUInt8(byte ^ (1 << (number % 8)), i)
        else content.fill(byte ^ 255, i)
        writeFileSync(path, bytes)
        const message = `${path}: ${name} is damaged: its content does not match its checksum`
        const error = expectError(() => torch.jit.loadSync(path), 'ERR_TORCH_FORMAT', message)
        expect(error.message).not.toContain('\n')
        if (i === 0) await expectRejection(torch.jit.load(path), 'ERR_TORCH_FORMAT', message)
      }
    }
    expect(number).toBeGreaterThan(100)
  })

  test('refuses a file that ends anywhere', () => {
    const source = readFileSync(PATH)
    const path = join(temporaryFolder(), 'x.pt')
    for (let end = 0; end < source.length; end += 313) {
      writeFileSync(path, source.subarray(0, end))
      const error = expectError(() => torch.jit.loadSync(path), 'ERR_TORCH_FORMAT', path)
      expect(error.message).not.toContain('\n')
    }
  })

  test('reads what Python has deflated, and finds the damage to it', async () => {
    const path = join(temporaryFolder(), 'x.pt')
    writeZip(path, readZip(readFileSync(PATH)), { deflate: (name) => name.includes('/code/') })
    const bytes = readFileSync(path)
    expect(bytes.length).toBeLessThan(readFileSync(PATH).length)
    expectClose((await torch.jit.load(path)).forward(x).flatten(), expected.output)
    expectClose(torch.jit.loadSync(path).forward(x).flatten(), expected.output)
    const at = bytes.indexOf('code/__torch__.py') + 40
    for (let i = 0; i < 200; i += 10) {
      const damaged = Buffer.from(bytes)
      damaged.writeUInt8((damaged[at + i] as number) ^ 1, at + i)
      writeFileSync(path, damaged)
      await expectRejection(torch.jit.load(path), 'ERR_TORCH_FORMAT', 'code/__torch__.py is damaged')
      expectError(() => torch.jit.loadSync(path), 'ERR_TORCH_FORMAT', 'code/__torch__.py is damaged')
    }
  })

  test('lives through code and debug files that are wrong with right checksums', () => {
    const folder = temporaryFolder()
    const entries = readZip(readFileSync(PATH))
    const rnn = 'script/code/__torch__/torch/nn/modules/rnn.py'
    // The last of them is the caller's: an error there names no other.
    const changes = [
      ['torch.index_select', 'torch.index_solect'],
      ['expected_input_dim', 'unexpected_input_dim'],
      ['torch.unsqueeze', 'torch.unsqueezo'],
      ['def forward__0', 'def forward__0'],
    ] as const
    const debugFiles = ['', '\x80\x02X', '\x80\x02K\x01.', '\x80\x02(K\x01t.']
    const paths = changes.flatMap(([from, to], i) =>
      debugFiles.map((debug, j) => {
        const code = String(entries[rnn])
        const at = code.lastIndexOf(from)
        expect(at).toBeGreaterThan(0)
        return writeZip(join(folder, `${i}-${j}.pt`), {
          ...entries,
          [rnn]: `${code.slice(0, at)}${to}${code.slice(at + from.length)}`,
          [`${rnn}.debug_pkl`]: Buffer.from(debug, 'latin1'),
        })
      }),
    )
    const code = `
      import { torch } from '${new URL('../../dist/index.js', import.meta.url).href}'
      for (const path of JSON.parse(process.argv[1])) {
        for (const load of [torch.jit.load, torch.jit.loadSync]) {
          try {
            const model = await load(path)
            try { model.forward(torch.ones([2, 5, 3])); console.log('ran') } catch (error) { console.log('loaded', error.name) }
          } catch (error) { console.log(error.code, error.message.includes('\\n')) }
        }
      }`
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', code, JSON.stringify(paths)], {
      encoding: 'utf8',
    })
    expect(output).toBe(`${'ERR_TORCH_FORMAT false\n'.repeat(2 * 3 * 4)}${'ran\n'.repeat(2 * 4)}`)
  })
})

describe('a ScriptModule', () => {
  const model = torch.jit.loadSync(PATH)

  test('takes and gives every kind of value', () => {
    const state = expected.state.map((one) => torch.tensor(one).reshape([1, 2, 4]))
    expectClose(model.forward(x, state).flatten(), expected.withState)
    expectClose(model.forward(x, null).flatten(), expected.output)
    expectClose(model.forward(x, undefined).flatten(), expected.output)
    const [output, [h, c]] = model.runSync<[Tensor, [Tensor, Tensor]]>('encode', x)
    expect(output.shape).toEqual([2, 5, 4])
    expectClose(h.flatten(), expected.hidden[0])
    expectClose(c.flatten(), expected.hidden[1])
    expect(model.runSync('kinds', 1, 2, true, 'a')).toEqual([2, 4, false, 'a!', null])
    expect(model.runSync('kinds', 2n, 2.5, false, 'größe', 7)).toEqual([3, 5, true, 'größe!', 7])
    expect(model.runSync<Tensor>('total', [x, x.mul(2)], [1, 0.5]).equal(x.mul(2))).toBe(true)
    expect(model.runSync<Tensor[]>('split', x).map((part) => part.shape)).toEqual([
      [5, 3],
      [5, 3],
    ])
    expect(model.runSync('histogram', [1, 2, 2])).toEqual(
      new Map([
        [1, 1],
        [2, 2],
      ]),
    )
    const nested = [
      [1, { a: [1, 2.5] }],
      [2, {}],
    ]
    expect(model.runSync('nested', nested)).toEqual(nested)
    expect(model.runSync('nested', [])).toEqual([])
    expect(model.runSync('area', [2, 3])).toBe(6)
    expect(model.runSync('where', 'cpu')).toBe('cpu')
    expect(model.runSync('big')).toBe(9007199254740993n)
    const any = [1, 0.5, 'a', null, true, { b: [2] }]
    expect(model.runSync('anything', any)).toEqual(any)
    expect(model.runSync<Tensor>('anything', x).equal(x)).toBe(true)
    const found = model.runSync<Record<string, Tensor>>('lookup', new Map([['__proto__', x]]), ['__proto__'])
    expect(Object.keys(found)).toEqual(['__proto__'])
    const y = torch.zeros([2])
    expect(model.runSync('nothing', y)).toBe(null)
    expect(y.toArray()).toEqual([1, 1])
  })

  test.each<[string, () => unknown, TorchError['code'], RegExp | string]>([
    ['no such method', () => model.runSync('nope'), 'ERR_TORCH_VALUE', /no method 'nope'; methods are forward, /],
    ['a method without a name', () => model.runSync(1 as never), 'ERR_TORCH_TYPE', 'must be a string, got 1'],
    ['too few', () => model.forward(), 'ERR_TORCH_TYPE', "forward: missing 1 required positional argument: 'x'"],
    [
      'too many',
      () => model.forward(x, null, x),
      'ERR_TORCH_TYPE',
      /forward: takes 2 positional arguments but 3 were given: forward\(/,
    ],
    [
      'undefined',
      () => model.runSync('kinds', undefined as never, 1, true, ''),
      'ERR_TORCH_TYPE',
      'kinds: n must be an integer',
    ],
    ['a number as a tensor', () => model.forward(1), 'ERR_TORCH_TYPE', 'forward: x must be a Tensor'],
    ['a fraction as an int', () => model.runSync('kinds', 1.5, 1, true, ''), 'ERR_TORCH_TYPE', 'n must be an integer'],
    ['a string as a float', () => model.runSync('kinds', 1, '1', true, ''), 'ERR_TORCH_TYPE', 'f must be a number'],
    ['a number as a bool', () => model.runSync('kinds', 1, 1, 1, ''), 'ERR_TORCH_TYPE', 'flag must be a boolean'],
    ['null as a string', () => model.runSync('kinds', 1, 1, true, null), 'ERR_TORCH_TYPE', 'text must be a string'],
    [
      'a number in a list of tensors',
      () => model.runSync('total', [x, 1], [1]),
      'ERR_TORCH_TYPE',
      'xs[1] must be a Tensor',
    ],
    ['no list', () => model.runSync('total', x, [1]), 'ERR_TORCH_TYPE', 'xs must be List[Tensor]'],
    ['no dict', () => model.runSync('lookup', [x], []), 'ERR_TORCH_TYPE', 'table must be Dict[str, Tensor]'],
    [
      'a dict of something else',
      () => model.runSync('lookup', { a: 1 }, []),
      'ERR_TORCH_TYPE',
      'table[a] must be a Tensor',
    ],
    ['a tuple of another length', () => model.forward(x, [x]), 'ERR_TORCH_TYPE', 'state must be Tuple[Tensor, Tensor]'],
    [
      'deep inside',
      () => model.runSync('nested', [[1, { a: ['b'] }]]),
      'ERR_TORCH_TYPE',
      'value[0][1][a][0] must be a number',
    ],
    [
      'a function',
      () => model.forward((() => 1) as never),
      'ERR_TORCH_TYPE',
      'argument 1: TorchScript has no value for a function',
    ],
    ['a date', () => model.forward(new Date() as never), 'ERR_TORCH_TYPE', 'no value for Date'],
    ['a wrong device', () => model.runSync('where', 'tpu'), 'ERR_TORCH_DEVICE', /tpu/],
  ])('refuses %s', (_, call, code, message) => {
    const error = expectError(call, code, message)
    expect(error.stack?.split('\n')[1]).toContain('script.test.ts')
  })

  test('refuses what holds itself, and what is disposed', () => {
    const cyclic: unknown[] = []
    cyclic.push(cyclic)
    expectError(
      () => model.runSync('anything', cyclic as never),
      'ERR_TORCH_VALUE',
      'nested more than 64 deep, or contains itself',
    )
    const gone = torch.ones([1])
    gone.dispose()
    expectError(() => model.forward(gone), 'ERR_TORCH_DISPOSED', 'disposed')
  })

  test('says in one line what the script says, and keeps the trace', async () => {
    const error = expectError(
      () => model.runSync('fail', 3),
      'ERR_TORCH_RUNTIME',
      'fail: ValueError: x must not be positive, got 3',
    )
    expect(error.message).not.toContain('\n')
    expect((error.cause as Error).message).toContain('Traceback of TorchScript')
    const shapes = expectError(() => model.forward(torch.ones([2, 5, 4])), 'ERR_TORCH_SHAPE', 'Expected 3, got 4')
    expect(shapes.message.split('\n')).toHaveLength(1)
    expect(shapes.shapes).toEqual([[2, 5, 4]])
    const rejected = await expectRejection(model.run('fail', 3), 'ERR_TORCH_RUNTIME', 'x must not be positive, got 3')
    expect(rejected.message).not.toContain('\n')
    expect(rejected.stack).toContain('script.test.ts')
    await expectRejection(
      torch.offload(() => model.forward(torch.ones([2, 5, 4]))),
      'ERR_TORCH_SHAPE',
      'Expected 3, got 4',
    )
    expect(model.runSync('fail', -1)).toBe(-1)
  })

  test('runs on another thread', async () => {
    expectClose((await model.run<Tensor>('forward', x)).flatten(), expected.output)
    expect(await model.run('kinds', 1, 2, true, 'a')).toEqual([2, 4, false, 'a!', null])
    const [sum, [h]] = await torch.offload(() => {
      // The input is pending, too.
      const [output, state] = model.runSync<[Tensor, [Tensor, Tensor]]>('encode', x.mul(1))
      return [output.sum(), state] as const
    })
    const [output] = model.runSync<[Tensor, [Tensor, Tensor]]>('encode', x)
    expectClose(sum, output.sum().item() as number)
    expectClose((h as Tensor).flatten(), expected.hidden[0])
    const parts = await torch.offload(() => model.runSync<Tensor[]>('split', x.mul(2)))
    expect((parts[1] as Tensor).equal(x.mul(2).index(1))).toBe(true)
    await expectRejection(
      torch.offload(() => model.runSync('nope')),
      'ERR_TORCH_VALUE',
      "no method 'nope'",
    )
  })

  test('takes modes along', async () => {
    expect(model.forward(x).requiresGrad).toBe(true)
    expect(torch.noGrad(() => model.forward(x)).requiresGrad).toBe(false)
    expect(torch.inferenceMode(() => model.forward(x)).isInference()).toBe(true)
    expect((await torch.noGrad(() => model.run<Tensor>('forward', x))).requiresGrad).toBe(false)
  })

  test('obeys scopes', async () => {
    await collectGarbage()
    const before = torch.memory().tensors
    torch.tidy(() => void model.runSync('encode', x))
    torch.tidy(() => void model.runSync('lookup', { a: x }, ['a']))
    await torch.tidy(async () => void (await model.run('split', x)))
    await torch.offload(() => torch.tidy(() => void model.runSync('encode', x)))
    expect(torch.memory().tensors).toBeLessThanOrEqual(before)
    const kept = torch.tidy(() => model.runSync<Tensor[]>('split', x)[0] as Tensor)
    expect(kept.shape).toEqual([5, 3])
  })

  test('has the names of Python, and a parameter under two names once', () => {
    expect(Object.keys(model.stateDict()).sort()).toEqual([...expected.names].sort())
    expect([...model.namedParameters()].map(([name]) => name)).toEqual(expected.parameters)
    expect([...model.namedBuffers()].map(([name, buffer]) => [name, buffer.toArray()])).toEqual([['scale', [2]]])
    expect([...model.parameters()].every((parameter) => parameter instanceof nn.Parameter)).toBe(true)
    const own = [...model.parameters()]
    expect([...model.parameters()].every((parameter, i) => parameter === own[i])).toBe(true)
  })
})

describe('a ScriptModule can be', () => {
  test('trained', () => {
    const model = torch.jit.loadSync(PATH)
    model.forward(x).square().sum().backward()
    const weight = Object.fromEntries(model.namedParameters())['linear.weight'] as nn.Parameter
    expectClose((weight.grad as Tensor).flatten(), expected.grad)
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 })
    const losses = Array.from({ length: 20 }, () =>
      torch.tidy(() => {
        optimizer.zeroGrad()
        const loss = model.forward(x).square().sum()
        loss.backward()
        optimizer.step()
        return loss.item() as number
      }),
    )
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2)
  })

  test('given to a Trainer', async () => {
    const model = torch.jit.loadSync(PATH)
    const trainer = new Trainer(model, { epochs: 4, batchSize: 2, lr: 0.05, shuffle: false, progress: false })
    const target = torch.zeros([2, 5, 2])
    const history = await trainer.fit({ [Symbol.iterator]: () => [[x, target] as [Tensor, Tensor]][Symbol.iterator]() })
    expect(history.trainLosses.at(-1)).toBeLessThan(history.trainLosses[0] as number)
  })

  test('set to training and back', async () => {
    const model = torch.jit.loadSync(PATH)
    expect(model.training).toBe(false)
    expect(model.forward(x).allclose(model.forward(x))).toBe(true)
    expect(model.train()).toBe(model)
    expect(model.training).toBe(true)
    torch.manualSeed(0)
    // Dropout is active in a module below.
    expect(model.forward(x).allclose(model.forward(x))).toBe(false)
    await torch.offload(() => {
      model.eval()
      return model.forward(x)
    })
    expectClose(model.forward(x).flatten(), expected.output)
    expectError(() => model.train(1 as never), 'ERR_TORCH_VALUE', 'boolean')
  })

  test('converted, in place', () => {
    const model = torch.jit.loadSync(PATH)
    const before = [...model.parameters()]
    expect(model.to('float64')).toBe(model)
    expect(model.forward(x.double()).dtype).toBe('float64')
    expectClose(model.forward(x.double()).flatten(), expected.output)
    expect([...model.parameters()].map((parameter) => parameter.dtype)).toEqual(before.map(() => 'float64'))
    expect([...model.parameters()][0]).toBe(before[0])
    expect(model.to({ device: 'cpu', dtype: 'float32' }).forward(x).dtype).toBe('float32')
  })

  test('given other weights', () => {
    const [from, to] = [torch.jit.loadSync(PATH), torch.jit.loadSync(PATH)]
    torch.noGrad(() => {
      for (const parameter of from.parameters()) parameter.mul_(0.5)
    })
    expect(to.forward(x).allclose(from.forward(x))).toBe(false)
    expect(to.loadStateDict(from.stateDict()).missingKeys).toEqual([])
    expect(to.forward(x).allclose(from.forward(x))).toBe(true)
    expectError(() => to.loadStateDict({}), 'ERR_TORCH_VALUE', /Missing key\(s\) in state_dict: /)
  })

  test('part of another module', () => {
    class Outer extends nn.Module {
      inner = torch.jit.loadSync(PATH)
      head = new nn.Linear(2, 1)
      override forward(input: Tensor): Tensor {
        return this.head.forward(this.inner.forward(input))
      }
    }
    const outer = new Outer()
    expect(outer.forward(x).shape).toEqual([2, 5, 1])
    expect(outer.train().inner.training).toBe(true)
    expect(outer.inner.forward(x).allclose(outer.inner.forward(x))).toBe(false)
    expect(outer.eval().inner.training).toBe(false)
    expectClose(outer.inner.forward(x).flatten(), expected.output)
    const names = [...expected.names.map((name) => `inner.${name}`), 'head.weight', 'head.bias']
    expect(Object.keys(outer.stateDict()).sort()).toEqual(names.sort())
    expect([...outer.parameters()]).toHaveLength(expected.parameters.length + 2)
    const weight = Object.fromEntries(outer.namedParameters())['inner.linear.weight'] as nn.Parameter
    outer.forward(x).sum().backward()
    expect(weight.grad?.shape).toEqual([2, 4])
  })
})
