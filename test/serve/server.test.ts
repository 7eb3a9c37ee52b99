// Requests, through the server of any model: what they give, how they fail, and that none of them is lost.
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, RNNModel } from '../../lib/models/index.ts'
import { type ServeOptions, type Server, serve } from '../../lib/serve/index.ts'
import type { ModelSource } from '../../lib/serve/model.ts'
import { expectRejection } from '../support/error.ts'

torch.setNumThreads(1)
const generator = new torch.Generator().manualSeed(1)

const open: Server[] = []
async function started(source: ModelSource, options: ServeOptions = {}): Promise<Server> {
  const server = await serve(source, options)
  open.push(server)
  return server
}
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

const random = (...shape: number[]): Tensor => torch.randn(shape, { generator })
const valuesOf = (tensor: Tensor): Float32Array => tensor.toTypedArray() as Float32Array

function expectNear(found: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(found.length).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++) expect(found[i]).toBeCloseTo(wanted[i] as number, 5)
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

test('overload is an answer at once', async () => {
  const server = await started(() => new GRUModel(2, 4, 1, { output: 'last' }), { queue: { max: 3 } })
  const x = new Float32Array(4)
  const all = await Promise.allSettled(Array.from({ length: 5 }, () => server.predict(x)))
  expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'])
  await expectRejection(
    Promise.reject((all[4] as PromiseRejectedResult).reason),
    'ERR_TORCH_OVERLOADED',
    /3 requests wait/,
  )
  expect(server.metrics()).toMatchObject({ served: 3, rejected: 2 })
})

test('a row that fails fails alone', async () => {
  const server = await started(() => new GRUModel(2, 4, 1, { output: 'last' }))
  const good = new Float32Array(4).fill(0.5)
  const [a, bad, b] = await Promise.allSettled([
    server.predict(good),
    server.predict(Float32Array.of(1, 2, Number.NaN, 3)),
    server.predict(good),
  ])
  expect(a).toEqual(b)
  await expectRejection(
    Promise.reject((bad as PromiseRejectedResult).reason),
    'ERR_TORCH_NON_FINITE',
    /feature 0 of step 1 is NaN/,
  )
  expect(server.metrics()).toMatchObject({ served: 2, failed: 1, batches: 1 })
})

test('sessions keep their state', async () => {
  const model = new LSTMModel(2, 4, 1)
  const server = await started(model)
  const x = random(6, 2)
  const wanted = valuesOf(torch.noGrad(() => model.clone().eval().forward(x)))
  const sessions = Array.from({ length: 5 }, (_, i) => server.session(`s${i}`))
  const rows = valuesOf(x)
  const outputs = await Promise.all(
    sessions.map((session) =>
      Promise.all(Array.from({ length: 6 }, (_, i) => session.step(rows.slice(2 * i, 2 * i + 2)))),
    ),
  )
  for (const steps of outputs)
    expectNear(
      steps.map((step) => step[0] as number),
      wanted,
    )
  expect(sessions[0]?.steps).toBe(6)
})

test('reload exchanges the model', async () => {
  const one = new nn.Linear(2, 1)
  const server = await started(() => new GRUModel(2, 4, 1, { output: 'last' }))
  await expectRejection(
    server.reload(() => one as never),
    'ERR_TORCH_OPTION',
    /does not say what it takes/,
  )
  expect(await server.reload(() => new GRUModel(2, 4, 1, { output: 'last' }))).toBe('v2')
})
