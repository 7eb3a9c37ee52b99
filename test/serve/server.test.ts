// Requests, by both engines: what they give, how they fail, and that none of them is lost.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, RNNModel } from '../../lib/models/index.ts'
import {
  MemoryStore,
  type ModelSource,
  type OutputArray,
  type ServeOptions,
  type Server,
  serve,
} from '../../lib/serve/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { formatsPath } from '../support/fixture.ts'
import { temporaryFolder } from '../support/folder.ts'
import { collectGarbage, expectNoMoreTensors } from '../support/garbage.ts'

torch.setNumThreads(1)
const generator = new torch.Generator().manualSeed(1)
const random = (...shape: number[]): Tensor => torch.randn(shape, { generator })
const valuesOf = (tensor: Tensor): Float32Array => tensor.toTypedArray() as Float32Array
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function expectNear(found: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(found.length).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++) expect(found[i]).toBeCloseTo(wanted[i] as number, 5)
}

const open: Server[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

const last = (): GRUModel => new GRUModel(2, 4, 1, { output: 'last' })

describe.each(['native', 'tensor'] as const)('by the %s engine', (engine) => {
  async function started(source: ModelSource, options: ServeOptions = {}): Promise<Server> {
    const server = await serve(source, { engine, ...options })
    open.push(server)
    return server
  }

  describe.each([
    ['last', () => new LSTMModel(3, 8, 2, { output: 'last' })],
    ['sequence', () => new GRUModel(3, 8, 2)],
    ['sequence, batchFirst', () => new GRUModel(3, 8, 2, { batchFirst: true })],
    ['horizon', () => new GRUModel(3, 8, 2, { output: 'last', horizon: 4 })],
    ['mean, bidirectional', () => new LSTMModel(3, 5, 2, { output: 'mean', bidirectional: true, numLayers: 2 })],
    ['max', () => new RNNModel(3, 5, 2, { output: 'max', outputDropout: 0.5 })],
  ] as const)('a model with output %s', (_, make) => {
    test('gives each request what forward gives it', async () => {
      const model = make()
      const server = await started(model, { batch: { max: 7 } })
      expect(model.training).toBe(true)
      const alone = model.clone().eval()
      await fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 }), async (lengths) => {
          const inputs = lengths.map((length) => random(length, 3))
          const outputs = await Promise.all(inputs.map((x) => server.predict(valuesOf(x))))
          for (const [i, x] of inputs.entries()) {
            const wanted = torch.noGrad(() => alone.forward(x.unsqueeze(model.batchFirst ? 0 : 1)))
            expectNear(outputs[i] as Float32Array, valuesOf(wanted))
          }
        }),
        { numRuns: 15 },
      )
      const { served, batches, queued, running } = server.metrics()
      expect(served).toBeGreaterThan(batches)
      expect([queued, running]).toEqual([0, 0])
    })

    test('answers in the form of the input', async () => {
      const server = await started(make)
      const x = random(4, 3)
      const typed = await server.predict(valuesOf(x))
      const tensor = await server.predict(x)
      const nested = await server.predict(x.toArray() as number[][])
      const { outputShape, perStep } = server.describe()
      expect(tensor.shape).toEqual(perStep ? [4, ...outputShape] : outputShape)
      expect(valuesOf(tensor)).toEqual(typed)
      expect(nested).toEqual(tensor.toArray())
    })
  })

  test('what is served is a snapshot', async () => {
    const model = last()
    const server = await started(model)
    const x = Float32Array.of(1, 2)
    const before = await server.predict(x)
    torch.noGrad(() => model.linear.weight.mul_(2))
    expect(await server.predict(x)).toEqual(before)
  })

  test('a file, with its scaler', async () => {
    const path = join(temporaryFolder(), 'model.safetensors')
    const model = last()
    await model.save(path)
    const server = await started(path)
    expect(server.describe()).toEqual({
      inputSize: 2,
      numEmbeddings: null,
      outputShape: [1],
      perStep: false,
      steps: null,
      maxSteps: null,
      stateSize: 4,
      scaled: false,
      versions: server.versions(),
    })
    const x = random(3, 2)
    expectNear(await server.predict(valuesOf(x)), valuesOf(torch.noGrad(() => model.forward(x.unsqueeze(1)))))
  })

  test('tokens', async () => {
    const model = new LSTMModel(3, 4, 2, { embedding: 6, output: 'last' })
    const server = await started(model)
    const good = torch.noGrad(() => model.eval().forward(torch.tensor([[5], [0]], { dtype: 'int64' })))
    expectNear(await server.predict(Int32Array.of(5, 0)), valuesOf(good))
    expectNear((await server.predict([5, 0])) as number[], valuesOf(good))
    await expectRejection(server.predict([5, 6]), 'ERR_TORCH_INDEX', /there are 6 tokens, from 0 to 5.* step 1 has/)
    await expectRejection(server.predict([-1]), 'ERR_TORCH_INDEX', /there are 6 tokens/)
    const session = server.session('a')
    await session.step(5)
    expectNear(await session.step(0), valuesOf(good))
    await expectRejection(session.step(6), 'ERR_TORCH_INDEX', /there are 6 tokens/)
    await expectRejection(session.step(0.5), 'ERR_TORCH_TYPE', /must be a token, an integer, got 0.5/)
    expect(session.steps).toBe(2)
  })

  test('overload is an answer at once', async () => {
    const server = await started(last, { queue: { max: 3 } })
    const x = new Float32Array(4)
    const all = await Promise.allSettled(Array.from({ length: 5 }, () => server.predict(x)))
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'])
    const { reason } = all[4] as PromiseRejectedResult
    await expectRejection(Promise.reject(reason), 'ERR_TORCH_OVERLOADED', /3 requests wait/)
    expect(server.metrics()).toMatchObject({ served: 3, rejected: 2 })
    expect(Error.stackTraceLimit).toBeGreaterThan(0)
  })

  test('a row that fails fails alone', async () => {
    const server = await started(last)
    const good = new Float32Array(4).fill(0.5)
    const [a, bad, b] = await Promise.allSettled([
      server.predict(good),
      server.predict(Float32Array.of(1, 2, Number.NaN, 3)),
      server.predict(good),
    ])
    expect(a).toEqual(b)
    const { reason } = bad as PromiseRejectedResult
    await expectRejection(Promise.reject(reason), 'ERR_TORCH_NON_FINITE', /feature 0 of step 1 is NaN/)
    expect(server.metrics()).toMatchObject({ served: 2, failed: 1, batches: 1 })
  })

  test('NaN is computed if it may be, and touches no other row', async () => {
    const server = await started(last, { rejectNonFinite: false })
    const good = new Float32Array(4).fill(0.5)
    const wanted = await server.predict(good)
    const [a, bad, b] = await Promise.all([
      server.predict(good),
      server.predict(new Float32Array(4).fill(Number.NaN)),
      server.predict(good),
    ])
    expect([a, b]).toEqual([wanted, wanted])
    expect(bad).toEqual(Float32Array.of(Number.NaN))
  })

  test('10,000 requests of unequal lengths under cancellation, reload and failing rows', async () => {
    const model = new GRUModel(2, 6, 1, { output: 'last' })
    const server = await started(model, { batch: { max: 32 }, queue: { max: 20_000 } })
    const inputs = Array.from({ length: 100 }, (_, i) => random(1 + (i % 12), 2))
    const wanted = inputs.map((x) => valuesOf(torch.noGrad(() => model.eval().forward(x.unsqueeze(1))))[0] as number)
    const counts = { served: 0, failed: 0, aborted: 0 }
    const reason = new Error('gone')
    const asked: Promise<void>[] = []
    for (let i = 0; i < 10_000; i++) {
      const which = (i * 31) % inputs.length
      const data = valuesOf(inputs[which] as Tensor)
      const spoils = i % 17 === 0
      if (spoils) data[0] = Number.NaN
      const controller = i % 7 === 0 ? new AbortController() : undefined
      const signal = controller === undefined ? {} : { signal: controller.signal }
      asked.push(
        server.predict(data, { ...signal, priority: i % 3 }).then(
          ([value]) => {
            counts.served += 1
            expect(spoils).toBe(false)
            expect(Math.abs((value as number) - (wanted[which] as number))).toBeLessThan(1e-5)
          },
          (error: unknown) => {
            if (error === reason) counts.aborted += 1
            else {
              counts.failed += 1
              expect([spoils, (error as { code: string }).code]).toEqual([true, 'ERR_TORCH_NON_FINITE'])
            }
          },
        ),
      )
      if (controller !== undefined) setTimeout(() => controller.abort(reason), i % 5)
      if (i % 40 === 0) await turn()
      if (i % 2000 === 1000) asked.push(server.reload(() => model.clone()).then(() => {}))
    }
    await Promise.all(asked)
    expect(counts.served + counts.failed + counts.aborted).toBe(10_000)
    expect(server.metrics()).toMatchObject({ ...counts, queued: 0, running: 0, rejected: 0, timedOut: 0 })
    expect(counts.served).toBeGreaterThan(7000)
    expect(counts.aborted).toBeGreaterThan(0)
  })

  test('sessions keep their state, and those of many are computed together', async () => {
    const model = new LSTMModel(2, 4, 1)
    const server = await started(model)
    const x = random(6, 2)
    const wanted = valuesOf(torch.noGrad(() => model.clone().eval().forward(x)))
    const sessions = Array.from({ length: 50 }, (_, i) => server.session(`s${i}`))
    const rows = valuesOf(x)
    const outputs = await Promise.all(
      sessions.map((session) =>
        Promise.all(Array.from({ length: 6 }, (_, i) => session.step(rows.slice(2 * i, 2 * i + 2)))),
      ),
    )
    for (const steps of outputs) {
      expectNear(
        steps.map((step) => step[0] as number),
        wanted,
      )
    }
    expect(server.metrics().steps).toMatchObject({ served: 300, batches: 6 })
    expect(server.metrics().sessions).toMatchObject({ open: 50, opened: 50 })
  })

  test('NaN never enters the state of a session', async () => {
    const server = await started(() => new GRUModel(2, 4, 1))
    const [a, b] = [server.session('a'), server.session('b')]
    const good = Float32Array.of(0.5, -0.5)
    for (let i = 0; i < 5; i++) {
      const spoilt = a.step(Float32Array.of(Number.NaN, 1))
      const steps = [a.step(good), b.step(good)]
      await expectRejection(spoilt, 'ERR_TORCH_NON_FINITE', /state is as it was/)
      const [own, other] = await Promise.all(steps)
      expect(own).toEqual(other)
    }
    expect(await a.save()).toEqual(await b.save())
  })

  test('a closed server has ended what it had, and takes no more', async () => {
    const server = await started(() => new GRUModel(2, 4, 1), { batch: { max: 2 } })
    const session = server.session('a')
    const x = Float32Array.of(1, 2)
    const asked = [...Array.from({ length: 9 }, () => server.predict(x)), session.step(x), session.step(x)]
    const closing = server.close()
    await expectRejection(server.predict(x), 'ERR_TORCH_CLOSED', /predict: the server is closing/)
    await expectRejection(session.step(x), 'ERR_TORCH_CLOSED', /closed/)
    await expectRejection(server.reload(last), 'ERR_TORCH_CLOSED', /reload: the server is closing/)
    expectError(() => server.session('b'), 'ERR_TORCH_CLOSED', /closed/)
    await Promise.all(asked)
    await closing
    await server.close()
    expect(server.metrics()).toMatchObject({ state: 'closed', served: 9, queued: 0, running: 0 })
    await expectRejection(server.predict(x), 'ERR_TORCH_CLOSED', /the server is closed/)
    await expectRejection(session.step(x), 'ERR_TORCH_CLOSED', /^step: the server is closed$/)
    await expectRejection(session.save(), 'ERR_TORCH_CLOSED', /^save: the server is closed$/)
    expectError(() => server.route({ v1: 1 }), 'ERR_TORCH_CLOSED', /route: the server is closed/)
    expectError(() => server.rollback(), 'ERR_TORCH_CLOSED', /closed/)
  })

  test('a closed server that could not save its sessions saves them when it is closed again', async () => {
    const store = new MemoryStore()
    const server = await started(last(), { sessions: { store } })
    const x = new Float32Array(2)
    await Promise.all(['a', 'b'].map((id) => server.session(id).step(x)))
    const save = vi.spyOn(store, 'save').mockImplementation(() => {
      throw new Error('no connection')
    })
    const message = /^close: 2 of 2 sessions could not be saved: .*: no connection$/
    await expectRejection(server.close(), 'ERR_TORCH_RUNTIME', message)
    expect(server.metrics().state).toBe('closed')
    const both = await Promise.allSettled([server.close(), server.close()])
    for (const one of both) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'ERR_TORCH_RUNTIME' } })
    expect(save).toHaveBeenCalledTimes(4)
    save.mockRestore()
    await server.close()
    expect(store.size).toBe(2)
    await server.close()
    expect(server.metrics().sessions).toMatchObject({ saved: 2, open: 0 })
  })

  test('what is not done when the time to close is over is given up', async () => {
    const server = await started(() => new GRUModel(2, 4, 1), { batch: { max: 1, wait: 0 } })
    const x = Float32Array.of(1, 2)
    const asked = Array.from({ length: 1000 }, () => server.predict(x))
    const session = server.session('a')
    const steps = Array.from({ length: 20 }, () => session.step(x))
    const settled = Promise.allSettled([...asked, ...steps])
    await server.close({ drain: 0 })
    const all = await settled
    const closed = all.filter((one) => one.status === 'rejected' && one.reason.code === 'ERR_TORCH_CLOSED')
    expect(closed.length).toBeGreaterThan(0)
    for (const [i, one] of all.entries()) {
      if (one.status === 'fulfilled') continue
      expect(one.reason.message).toBe(
        `${i < 1000 ? 'predict' : 'step'}: the server was closed, and this had not begun after 0 ms`,
      )
    }
    const { rejected, queued, running, steps: ofSteps } = server.metrics()
    expect([rejected + ofSteps.rejected, queued, running, ofSteps.queued]).toEqual([closed.length, 0, 0, 0])
  })

  test('tensors belong to the scope of their own caller', async () => {
    const server = await started(last)
    const x = random(3, 2)
    let escaped: Promise<Tensor> | undefined
    const [kept] = await Promise.all([
      server.predict(x),
      torch.tidy(async () => {
        escaped = server.predict(x)
        await escaped
      }),
    ])
    expect(kept.disposed).toBe(false)
    expect(valuesOf(kept).length).toBe(1)
    expect((await escaped)?.disposed).toBe(true)
  })

  test('requests do not block the event loop, nor it them', async () => {
    const server = await started(() => new LSTMModel(16, 512, 1, { output: 'last' }), { batch: { max: 16 } })
    const asked = Array.from({ length: 64 }, () => server.predict(new Float32Array(16 * 100)))
    let turns = 0
    let isDone = false
    void Promise.all(asked).then(() => {
      isDone = true
    })
    while (!isDone) {
      await turn()
      turns += 1
    }
    expect(turns).toBeGreaterThan(3)
  })
})

test('several lanes and threads give the same as one', async () => {
  const model = new LSTMModel(3, 256, 2, { output: 'last', numLayers: 2 })
  const one = await serve(model, { batch: { max: 5 } })
  const several = await serve(model, { batch: { max: 5 }, lanes: 2, threads: 2 })
  open.push(one, several)
  const inputs = Array.from({ length: 60 }, (_, i) => valuesOf(random(100 + ((i * 7) % 20), 3)))
  const wanted = await Promise.all(inputs.map((x) => one.predict(x)))
  const asked = Promise.all(inputs.map((x) => several.predict(x)))
  let most = 0
  while (several.metrics().served < inputs.length) {
    await turn()
    most = Math.max(most, several.metrics().running)
  }
  expect(most).toBeGreaterThan(5)
  for (const [i, output] of (await asked).entries()) expectNear(output, wanted[i] as Float32Array)
})

test('weights in bfloat16 give nearly the same', async () => {
  const model = new LSTMModel(8, 32, 4, { output: 'last' })
  const [exact, rounded] = [await serve(model), await serve(model, { dtype: 'bfloat16' })]
  open.push(exact, rounded)
  const x = valuesOf(random(20, 8))
  const [a, b] = [await exact.predict(x), await rounded.predict(x)]
  expect(b).not.toEqual(a)
  for (const [i, value] of a.entries()) expect(Math.abs(value - (b[i] as number))).toBeLessThan(0.02)
})

describe('what cannot be served is refused', () => {
  test.each<[string, unknown, object, string, RegExp]>([
    [
      'nothing',
      undefined,
      {},
      'ERR_TORCH_TYPE',
      /source must be a path, a Module, or a function that makes one, got undefined/,
    ],
    ['a file that is not there', '/no/such/file', {}, 'ERR_TORCH_FILE', /no\/such\/file/],
    [
      'a module of unknown sizes',
      new nn.Tanh(),
      {},
      'ERR_TORCH_OPTION',
      /Tanh does not say what it takes: give \{ input: \{ size \} \}/,
    ],
    [
      'tensors with lanes',
      new nn.Tanh(),
      { lanes: 2 },
      'ERR_TORCH_OPTION',
      /only the native engine has the option lanes.*a Tanh is not one of the models.*; tensors have one lane/,
    ],
    [
      'tensors with threads',
      last(),
      { engine: 'tensor', threads: 2 },
      'ERR_TORCH_OPTION',
      /option threads.*torch.setNumThreads/,
    ],
    [
      'tensors with bfloat16',
      last(),
      { engine: 'tensor', dtype: 'bfloat16' },
      'ERR_TORCH_OPTION',
      /option dtype.*model.to/,
    ],
    [
      'a module that is not native',
      new nn.Tanh(),
      { engine: 'native' },
      'ERR_TORCH_NOT_IMPLEMENTED',
      /the native engine cannot be used: a Tanh is not/,
    ],
    ...[new GRUModel(256, 4, 1), new nn.Tanh()].map(
      (source) =>
        [
          `more steps than a sequence can have, of a ${source.constructor.name}`,
          source,
          { input: { steps: 1 << 24, size: 256 }, warmup: false },
          'ERR_TORCH_VALUE',
          /input.steps is 16777216, and a step has 256 values: .* at most 2\^31 - 1, which are 8388607 steps/,
        ] as [string, unknown, object, string, RegExp],
    ),
  ])('%s', async (_, source, options, code, message) => {
    await expectRejection(serve(source as ModelSource, options), code as 'ERR_TORCH_TYPE', message)
  })

  test('a file that is no model', async () => {
    const path = join(temporaryFolder(), 'text.safetensors')
    writeFileSync(path, 'no weights')
    await expectRejection(serve(path), 'ERR_TORCH_FORMAT', /text.safetensors/)
  })
})

describe.each(['native', 'tensor'] as const)('what a model of the %s engine holds', (engine) => {
  const disposed = (model: GRUModel): boolean[] => [...new Set([...model.parameters()].map((one) => one.disposed))]

  test('of a function is disposed when no version has it any more', async () => {
    const made: GRUModel[] = []
    const make = (): GRUModel => {
      made.push(last())
      return made.at(-1) as GRUModel
    }
    const server = await serve(make, { engine })
    await server.reload(make)
    // The first one can be brought back until the third one comes.
    expect(made.map(disposed)).toEqual([[false], [false]])
    await server.reload(make)
    await vi.waitFor(() => expect(made.map(disposed)).toEqual([[true], [false], [false]]))
    expect(await server.predict(Float32Array.of(1, 2))).toHaveLength(1)
    await server.close()
    expect(made.map(disposed)).toEqual([[true], [true], [true]])
  })

  test('of a function that makes the same one again is disposed with the last version, of any server', async () => {
    const one = last()
    const servers = [await serve(() => one, { engine }), await serve(async () => one, { engine })]
    for (let i = 0; i < 3; i++) await servers[0]?.reload(() => one)
    await servers[0]?.close()
    expect(disposed(one)).toEqual([false])
    expect(await servers[1]?.predict(Float32Array.of(1, 2))).toHaveLength(1)
    await servers[1]?.close()
    expect(disposed(one)).toEqual([true])
  })

  test('of a function that is refused is disposed', async () => {
    const server = await serve(last, { engine })
    const other = new GRUModel(3, 4, 1, { output: 'last' })
    await expectRejection(
      server.reload(() => other),
      'ERR_TORCH_SHAPE',
      /the server computes/,
    )
    expect(disposed(other)).toEqual([true])
    const damaged = last()
    torch.noGrad(() => damaged.linear.weight.fill_(Number.NaN))
    await expectRejection(
      serve(() => damaged, { engine }),
      'ERR_TORCH_NON_FINITE',
      /its weights may be damaged/,
    )
    expect(disposed(damaged)).toEqual([true])
    await server.close()
  })

  test('of an instance is a copy, and nothing is left of it', async () => {
    const model = last()
    const path = join(temporaryFolder(), 'model.safetensors')
    await model.save(path)
    for (const source of [model, path]) {
      await collectGarbage()
      const before = torch.memory().tensors
      const server = await serve(source, { engine })
      await server.predict(Float32Array.of(1, 2))
      await server.close()
      await expectNoMoreTensors(before)
    }
    expect(disposed(model)).toEqual([false])
  })
})

describe('a module of one own', () => {
  class Own extends nn.Module {
    readonly inputSize = 2
    readonly weight = new nn.Parameter(torch.ones([2]))
    fails = false
    override forward(input: Tensor): Tensor {
      if (this.fails) throw new RangeError('not today')
      return input.mul(this.weight).sum(-1)
    }
  }

  test('is served by tensors, and says why', async () => {
    const server = await serve(new Own())
    open.push(server)
    expect(server.versions()[0]).toMatchObject({
      engine: 'tensor',
      reason: 'a Own is not one of the models of libtorch-rnn/models',
    })
    expect(
      await server.predict([
        [1, 2],
        [3, 4],
      ]),
    ).toEqual([[3], [7]])
    expectError(() => server.session('a'), 'ERR_TORCH_VALUE', /a Own cannot be stepped/)
  })

  test('whose forward throws fails each request, and the server lives', async () => {
    const own = new Own()
    const server = await serve(() => own)
    open.push(server)
    own.fails = true
    const asked = [server.predict([[1, 2]]), server.predict([[3, 4]])]
    for (const one of await Promise.allSettled(asked)) {
      const { reason } = one as PromiseRejectedResult
      await expectRejection(Promise.reject(reason), 'ERR_TORCH_RUNTIME', 'predict: the model failed: not today')
    }
    own.fails = false
    expect(await server.predict([[1, 2]])).toEqual([[3]])
    expect(server.metrics()).toMatchObject({ failed: 2, served: 1, running: 0 })
    own.fails = true
    await expectRejection(
      server.reload(() => own),
      'ERR_TORCH_RUNTIME',
      /not today/,
    )
  })
})

test.each<[unknown, string, RegExp]>([
  [{ deadlin: 1 }, 'ERR_TORCH_OPTION', /unknown option 'deadlin'; did you mean 'deadline'/],
  [{ deadline: '5' }, 'ERR_TORCH_TYPE', /deadline must be a time in ms/],
  [{ priority: 0.5 }, 'ERR_TORCH_VALUE', /priority must be an integer/],
  [{ priority: Number.NaN }, 'ERR_TORCH_VALUE', /priority must be an integer from -100 to 100, got NaN/],
  [{ priority: -101 }, 'ERR_TORCH_VALUE', /priority must be an integer from -100 to 100, got -101/],
  [{ priority: 101 }, 'ERR_TORCH_VALUE', /priority must be at most 100/],
  [{ signal: {} }, 'ERR_TORCH_TYPE', /signal must be an AbortSignal/],
  [{ version: 1 }, 'ERR_TORCH_TYPE', /version must be a string/],
  [{ version: 'v9' }, 'ERR_TORCH_VALUE', /there is no version 'v9', only v1/],
  [{ group: 'a' }, 'ERR_TORCH_TYPE', /group must be left out: the model has no scaler/],
  [{ shape: [1, 1] }, 'ERR_TORCH_SHAPE', /the shape is \[1, 1\], but x has \[1, 2\]/],
  [{ shape: 2 }, 'ERR_TORCH_TYPE', /shape must be \[steps, inputSize\], got 2/],
  [7, 'ERR_TORCH_TYPE', /options must be an object/],
])('predict refuses the options %o', async (options, code, message) => {
  const server = await serve(last)
  open.push(server)
  await expectRejection(server.predict(new Float32Array(2), options as object), code as 'ERR_TORCH_TYPE', message)
  expect(server.metrics()).toMatchObject({ queued: 0, running: 0 })
})

test('a server prints its state and its versions', async () => {
  const server = await serve(last)
  open.push(server)
  server.session('a')
  await server.reload(last, { share: 0.25 })
  const printed = (): string => inspect(server, { breakLength: Number.POSITIVE_INFINITY, compact: true })
  const versions =
    "{ v1: { model: 'GRUModel', engine: 'native', share: 0.75 }, v2: { model: 'GRUModel', engine: 'native', share: 0.25 } }"
  const answer = server.predict(new Float32Array(2))
  expect(printed()).toBe(`Server { state: 'open', versions: ${versions}, queued: 1, running: 0, sessions: 1 }`)
  await answer
  await server.close()
  expect(printed()).toBe(`Server { state: 'closed', versions: ${versions}, queued: 0, running: 0, sessions: 0 }`)
  expect(inspect([[server]], { depth: 1 })).toContain("state: 'closed'")
})

test('of a module that returns several tensors, the first is the answer', async () => {
  class Both extends nn.Module {
    override forward(input: Tensor): Tensor[] {
      return [input.sum(1), input.mean(1)]
    }
  }
  const server = await serve(new Both() as nn.Module, { input: { size: 2 } })
  open.push(server)
  expect(await server.predict(Float32Array.of(1, 2, 3, 4))).toEqual(Float32Array.of(4, 6))
})

test('a file of torch.jit.save is refused with what to do instead', async () => {
  const script = formatsPath('script.pt')
  await expectRejection(
    serve(script),
    'ERR_TORCH_FORMAT',
    `serve: ${script} is an archive of torch.jit.save: serve(await torch.jit.load(path), { input: { size } })`,
  )
  await expectRejection(serve(formatsPath('gru.pt')), 'ERR_TORCH_FORMAT', /as torch.save writes/)
})

test('types follow the input', () => {
  const typed = (server: Server) => [
    expectTypeOf(server.predict(new Float32Array(2))).toEqualTypeOf<Promise<Float32Array>>(),
    expectTypeOf(server.predict(new Int32Array(2))).toEqualTypeOf<Promise<Float32Array>>(),
    expectTypeOf(server.predict(torch.zeros([1, 2]))).toEqualTypeOf<Promise<Tensor>>(),
    expectTypeOf(server.predict([[1, 2]])).toEqualTypeOf<Promise<OutputArray>>(),
    expectTypeOf(server.session('a').step(new Float32Array(2))).toEqualTypeOf<Promise<Float32Array>>(),
    expectTypeOf(server.session('a').step([1, 2])).toEqualTypeOf<Promise<number[]>>(),
    // @ts-expect-error: text is no input
    server.predict('1, 2'),
    // @ts-expect-error: there is no such option
    server.predict([[1, 2]], { timeout: 5 }),
  ]
  expect(typed).toBeTypeOf('function')
})

test('an aborted signal asks for nothing', async () => {
  const server = await serve(last)
  open.push(server)
  const reason = new Error('before')
  await expect(server.predict(new Float32Array(2), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(server.metrics()).toMatchObject({ queued: 0, aborted: 0, batches: 0 })
})

test('new Server() and new Session() say what to call', async () => {
  const server = await serve(last)
  open.push(server)
  const make = (value: object) => () => Reflect.construct(value.constructor, [])
  expectError(make(server), 'ERR_TORCH_TYPE', /use serve\(source\)/)
  expectError(make(server.session('a')), 'ERR_TORCH_TYPE', /use server.session\(id\)/)
})
