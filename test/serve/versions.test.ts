// Versions of a model side by side: who computes what, and that no request is lost or torn between two.
import { afterEach, describe, expect, test } from 'vitest'
import { type nn, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel } from '../../lib/models/index.ts'
import { MemoryStore, type ServeOptions, type Server, serve } from '../../lib/serve/index.ts'
import { expectError, expectRejection } from '../support/error.ts'

torch.setNumThreads(1)

describe.each(['native', 'tensor'] as const)('by the %s engine', (engine) => {
  const open: Server[] = []
  async function started(value: number, options: ServeOptions = {}): Promise<Server> {
    const server = await serve(constant(value), { engine, ...options })
    open.push(server)
    return server
  }
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close()
  })

  /** Makes models that give `value` for each output: one torn between two would give others. */
  const constant = (value: number) => (): GRUModel => {
    const model = new GRUModel(2, 8, 3, { output: 'last' })
    torch.noGrad(() => {
      model.linear.weight.zero_()
      model.linear.bias?.fill_(value)
    })
    return model
  }

  const x = Float32Array.of(1, 2, 3, 4)
  const answered = async (server: Server, count: number): Promise<number[]> => {
    const outputs = await Promise.all(Array.from({ length: count }, () => server.predict(x)))
    for (const output of outputs) expect(new Set(output).size).toBe(1)
    return outputs.map((output) => output[0] as number)
  }
  const countOf = (values: readonly number[], wanted: number): number =>
    values.filter((value) => value === wanted).length

  describe('reload', () => {
    test('exchanges the model, and keeps the last one', async () => {
      const server = await started(1)
      expect(server.versions()).toEqual([
        {
          name: 'v1',
          model: 'GRUModel',
          engine,
          reason: engine === 'native' ? null : "engine is 'tensor'",
          weights: engine === 'native' ? { bytes: expect.any(Number), file: null, reason: 'they are small' } : null,
          share: 1,
          requests: 0,
        },
      ])
      expect(await answered(server, 3)).toEqual([1, 1, 1])
      expect(await server.reload(constant(2))).toBe('v2')
      expect(await answered(server, 3)).toEqual([2, 2, 2])
      expect(server.versions().map(({ name, share, requests }) => [name, share, requests])).toEqual([
        ['v1', 0, 3],
        ['v2', 1, 3],
      ])
      await server.reload(constant(3), { name: 'third' })
      expect(server.versions().map(({ name }) => name)).toEqual(['v2', 'third'])
      await expectRejection(
        server.predict(x, { version: 'v1' }),
        'ERR_TORCH_VALUE',
        /there is no version 'v1', only third/,
      )
    })

    test('between batches loses nothing and tears nothing', async () => {
      const server = await started(0, { batch: { max: 8 }, queue: { max: 100_000 } })
      const asked: { value: Promise<number>; atLeast: number }[] = []
      let current = 0
      for (let round = 1; round <= 10; round++) {
        const reloading = server.reload(constant(round)).then(() => {
          current = round
        })
        let isDone = false
        void reloading.then(() => {
          isDone = true
        })
        while (!isDone) {
          for (let i = 0; i < 5; i++) {
            const value = server.predict(x).then((output) => {
              expect(new Set(output).size).toBe(1)
              return output[0] as number
            })
            asked.push({ value, atLeast: current })
          }
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      for (const { value, atLeast } of asked) {
        expect([atLeast, atLeast + 1]).toContain(await value)
      }
      expect(server.metrics()).toMatchObject({ served: asked.length, failed: 0, rejected: 0 })
      expect(server.versions().length).toBe(2)
    })

    test.each<[string, () => nn.Module, string, RegExp]>([
      [
        'with another input',
        () => new GRUModel(3, 4, 3, { output: 'last' }),
        'ERR_TORCH_SHAPE',
        /\(steps, 2\) -> \(3\), but this GRUModel \(steps, 3\) -> \(3\)/,
      ],
      [
        'with another output',
        () => new GRUModel(2, 4, 3),
        'ERR_TORCH_SHAPE',
        /-> \(3\), but this GRUModel \(steps, 2\) -> \(steps, 3\)/,
      ],
      [
        'with tokens',
        () => new GRUModel(2, 4, 3, { output: 'last', embedding: 5 }),
        'ERR_TORCH_SHAPE',
        /5 tokens -> \(3\)/,
      ],
      ['that diverged', constant(Number.NaN), 'ERR_TORCH_NON_FINITE', /for zeros the GRUModel gives NaN/],
      [
        'that throws',
        () => {
          throw new Error('no such model')
        },
        'ERR_TORCH_RUNTIME',
        /no such model/,
      ],
      ['that is none', () => 7 as never, 'ERR_TORCH_TYPE', /what the source makes must be a Module, got 7/],
    ])('of a model %s is refused, and nothing changes', async (_, source, code, message) => {
      const server = await started(1)
      await expectRejection(server.reload(source), code as 'ERR_TORCH_TYPE', message)
      expect(server.versions().map(({ name }) => name)).toEqual(['v1'])
      expect(await answered(server, 2)).toEqual([1, 1])
      expect(await server.reload(constant(2))).toBe('v2')
    })

    test('refuses names that are taken, and options that there are not', async () => {
      const server = await started(1)
      await expectRejection(server.reload(constant(2), { name: 'v1' }), 'ERR_TORCH_VALUE', /'v1' is taken/)
      await expectRejection(server.reload(constant(2), { name: '' }), 'ERR_TORCH_VALUE', /must not be empty/)
      await expectRejection(
        server.reload(constant(2), { share: 2 }),
        'ERR_TORCH_VALUE',
        /share must be a number from 0 to 1/,
      )
      await expectRejection(
        server.reload(constant(2), { weight: 1 } as object),
        'ERR_TORCH_OPTION',
        /unknown option 'weight'/,
      )
      const both = await Promise.allSettled([
        server.reload(constant(2), { name: 'same' }),
        server.reload(constant(3), { name: 'same' }),
      ])
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    })
  })

  describe('routes', () => {
    test('give each version its share, exactly', async () => {
      const server = await started(1)
      await server.reload(constant(2), { share: 0.25 })
      const values = await answered(server, 400)
      expect(countOf(values, 2)).toBe(100)
      expect(countOf(values, 1)).toBe(300)
      server.route({ v1: 1, v2: 9 })
      expect(server.versions().map(({ share }) => share)).toEqual([0.1, 0.9])
      expect(countOf(await answered(server, 100), 2)).toBe(90)
      server.route({ v2: 1 })
      expect(countOf(await answered(server, 10), 2)).toBe(10)
      server.rollback()
      expect(countOf(await answered(server, 100), 1)).toBe(10)
    })

    test('a version without a share can be asked by its name', async () => {
      const server = await started(1)
      await server.reload(constant(2), { share: 0 })
      expect(await answered(server, 5)).toEqual([1, 1, 1, 1, 1])
      expect((await server.predict(x, { version: 'v2' }))[0]).toBe(2)
      expect((await server.predict(x, { version: 'v1' }))[0]).toBe(1)
    })

    test.each<[unknown, string, RegExp]>([
      [{ v2: 1 }, 'ERR_TORCH_VALUE', /there is no version 'v2', only v1/],
      [{ v1: 0 }, 'ERR_TORCH_VALUE', /one version at least must get a share above 0/],
      [{}, 'ERR_TORCH_VALUE', /one version at least/],
      [{ v1: -1 }, 'ERR_TORCH_VALUE', /the share of v1 must be a non-negative number/],
      [{ v1: Number.POSITIVE_INFINITY }, 'ERR_TORCH_VALUE', /one version at least/],
      [{ v1: '1' }, 'ERR_TORCH_TYPE', /the share of v1 must be/],
      [null, 'ERR_TORCH_TYPE', /routes must be an object/],
    ])('cannot be %o', async (routes, code, message) => {
      const server = await started(1)
      expectError(() => server.route(routes as never), code as 'ERR_TORCH_VALUE', message)
      expect(await answered(server, 1)).toEqual([1])
    })

    test('rollback goes back to what was before, once', async () => {
      const server = await started(1)
      expectError(() => server.rollback(), 'ERR_TORCH_VALUE', /rollback: there is nothing to go back to/)
      await server.reload(constant(2))
      server.rollback()
      expect(await answered(server, 2)).toEqual([1, 1])
      // The one that was given up is not brought back by a second call, nor kept.
      expectError(() => server.rollback(), 'ERR_TORCH_VALUE', /rollback: there is nothing to go back to/)
      expect(await answered(server, 2)).toEqual([1, 1])
      expect(server.versions().map(({ name, share }) => [name, share])).toEqual([['v1', 1]])
      await server.reload(constant(3))
      expect(await answered(server, 2)).toEqual([3, 3])
      server.rollback()
      expect(await answered(server, 2)).toEqual([1, 1])
    })
  })

  describe('sessions', () => {
    const sum = (weight: number) => (): LSTMModel => {
      const model = new LSTMModel(1, 2, 1)
      torch.noGrad(() => model.linear.weight.fill_(weight))
      return model
    }
    const sessionServer = async (options: ServeOptions = {}): Promise<[Server, LSTMModel]> => {
      const model = sum(1)()
      const server = await serve(model, { engine, ...options })
      open.push(server)
      return [server, model]
    }

    test('go on with their states in the new version', async () => {
      const [server, model] = await sessionServer()
      const all = Array.from({ length: 200 }, (_, i) => server.session(`s${i}`))
      await Promise.all(all.map((session, i) => session.step([i / 100])))
      const next = model.clone()
      torch.noGrad(() => next.linear.weight.mul_(10))
      const under = all.map((session) => session.step([0.5]))
      await server.reload(next)
      const after = await Promise.all(all.map((session) => session.step([0.25])))
      await Promise.all(under)
      // The network is the same in both, the head of the second is not.
      for (const [i, output] of after.entries()) {
        const input = torch.tensor([[i / 100], [0.5], [0.25]])
        const wanted = torch.noGrad(() => next.eval().forward(input)).toArray() as number[][]
        expect(output[0]).toBeCloseTo(wanted[2]?.[0] as number, 5)
      }
      expect(all.every(({ steps }) => steps === 3)).toBe(true)
    })

    test('refuse a model that cannot go on from their states, unless they are reset', async () => {
      const [server] = await sessionServer()
      await server.reload(() => new LSTMModel(1, 3, 1))
      const session = server.session('a')
      await session.step([1])
      await expectRejection(
        server.reload(() => new LSTMModel(1, 4, 1)),
        'ERR_TORCH_VALUE',
        /1 sessions have states of another kind, LSTM of 1 layer of 3, from which this LSTMModel, LSTM of 1 layer of 4, cannot/,
      )
      await expectRejection(
        server.reload(() => new LSTMModel(1, 4, 1, { bidirectional: true })),
        'ERR_TORCH_VALUE',
        /cannot be stepped/,
      )
      await server.reload(() => new LSTMModel(1, 4, 1), { sessions: 'reset' })
      await session.step([1])
      expect(session.steps).toBe(1)
    })

    test('stay with one version as long as it has a share', async () => {
      const [server, model] = await sessionServer()
      const twin = model.clone()
      torch.noGrad(() => twin.linear.weight.fill_(-1))
      await server.reload(twin, { share: 0.5 })
      const all = Array.from({ length: 400 }, (_, i) => server.session(`user-${i}`))
      await Promise.all(all.map((session) => session.step([1])))
      // All have the same inputs: those of one version have the same output.
      const versions = async (): Promise<boolean[]> => {
        const outputs = await Promise.all(all.map((session) => session.step([1])))
        expect(new Set(outputs.map(([value]) => value)).size).toBeLessThanOrEqual(2)
        return outputs.map(([value]) => value === outputs[0]?.[0])
      }
      const first = await versions()
      expect(await versions()).toEqual(first)
      const share = first.filter((same) => same).length / 400
      expect(Math.abs(share - 0.5)).toBeLessThan(0.1)
      server.route({ v1: 1 })
      await Promise.all(all.map((session) => session.step([1])))
      expect(new Set(await versions()).size).toBe(1)
    })

    test('come back from a store after a restart', async () => {
      const store = new MemoryStore()
      const [server, model] = await sessionServer({ sessions: { store } })
      await server.session('a').step([1])
      await server.session('a').step([2])
      await server.close()
      expect(store.size).toBe(1)
      const again = await serve(model, { engine, sessions: { store } })
      open.push(again)
      const session = again.session('a')
      const output = await session.step([3])
      const wanted = torch.noGrad(() => model.eval().forward(torch.tensor([[1], [2], [3]]))).toArray() as number[][]
      expect(output[0]).toBeCloseTo(wanted[2]?.[0] as number, 5)
      expect(session.steps).toBe(3)
    })
  })
})
