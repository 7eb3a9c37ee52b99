// `POST /predict`: the numbers are those of `forward`, and each mistake of a client has its status and its sentence.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Tensor, torch } from '../../../lib/index.ts'
import { GRUModel, LSTMModel } from '../../../lib/models/index.ts'
import { serveApp } from '../../../lib/serve/http/index.ts'
import { serve } from '../../../lib/serve/index.ts'
import { numbersOf, post, postBytes, service } from '../../support/service.ts'

torch.setNumThreads(1)
const generator = new torch.Generator().manualSeed(1)
const random = (...shape: number[]): Tensor => torch.randn(shape, { generator })
const valuesOf = (tensor: Tensor): Float32Array => tensor.toTypedArray() as Float32Array
const model = new LSTMModel(3, 8, 2, { output: 'last' })

function expectNear(found: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(found.length).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++) expect(found[i]).toBeCloseTo(wanted[i] as number, 5)
}

const forward = (m: LSTMModel | GRUModel, x: Tensor): Tensor =>
  torch.noGrad(() => (m.clone().eval() as LSTMModel).forward(x.unsqueeze(1))) as Tensor

describe('the numbers', () => {
  test('are those of forward, in JSON and in bytes, for sequences of all lengths', async () => {
    const { url } = await service(model, {}, { batch: { max: 5 } })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), async (lengths) => {
        await Promise.all(
          lengths.map(async (length, i) => {
            const x = random(length, 3)
            const wanted = valuesOf(forward(model, x))
            if (i % 2 === 0) {
              const response = await post(`${url}/predict`, { x: x.toArray() })
              expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
              expectNear(((await response.json()) as { y: number[] }).y, wanted)
            } else {
              const response = await postBytes(`${url}/models/m/predict`, valuesOf(x))
              expect(response.headers.get('content-type')).toBe('application/octet-stream')
              expectNear(await numbersOf(response), wanted)
            }
          }),
        )
      }),
      { numRuns: 10 },
    )
  })

  test('of each step, and of a horizon, are nested in JSON', async () => {
    const steps = new GRUModel(3, 4, 2)
    const { url } = await service(steps)
    const x = random(5, 3)
    const { y } = (await (await post(`${url}/predict`, { x: x.toArray() })).json()) as { y: number[][] }
    expect(y).toHaveLength(5)
    expectNear(y.flat(), valuesOf(forward(steps, x)))
    const ahead = new GRUModel(1, 4, 1, { output: 'last', horizon: 3 })
    const second = await service(ahead)
    const answer = await post(`${second.url}/predict`, { x: [1, 2, 3] })
    const { y: rows } = (await answer.json()) as { y: number[][] }
    expect(rows.map((row) => row.length)).toEqual([1, 1, 1])
    expectNear(rows.flat(), valuesOf(forward(ahead, torch.tensor([[1], [2], [3]]))))
  })

  test('of tokens are int32 in bytes', async () => {
    const tokens = new GRUModel(3, 4, 2, { embedding: 7, output: 'last' })
    const { url } = await service(tokens)
    const json = (await (await post(`${url}/predict`, { x: [1, 2, 6] })).json()) as { y: number[] }
    expectNear(await numbersOf(await postBytes(`${url}/predict`, Int32Array.of(1, 2, 6))), json.y)
    const wrong = await post(`${url}/predict`, { x: [7] })
    expect(wrong.status).toBe(400)
  })

  test('come in the form that the client accepts', async () => {
    const { url } = await service(model)
    const x = random(4, 3)
    const bytes = await postBytes(`${url}/predict`, valuesOf(x), { headers: { accept: 'application/json' } })
    expectNear(((await bytes.json()) as { y: number[] }).y, valuesOf(forward(model, x)))
    const json = await post(`${url}/predict`, { x: x.toArray() }, { headers: { accept: 'application/octet-stream' } })
    expectNear(await numbersOf(json), valuesOf(forward(model, x)))
    const neither = await post(`${url}/predict`, { x: x.toArray() }, { headers: { accept: 'text/html' } })
    expect(neither.status).toBe(406)
  })

  test('that JSON cannot hold are no null', async () => {
    const { url } = await service(
      () => {
        const broken = new LSTMModel(3, 8, 2, { output: 'last' })
        torch.noGrad(() => (broken.linear.bias as Tensor).fill_(Number.POSITIVE_INFINITY))
        return broken
      },
      {},
      { warmup: false },
    )
    const json = await post(`${url}/predict`, { x: [[1, 2, 3]] })
    expect(json.status).toBe(406)
    expect(await json.json()).toMatchObject({
      code: 'ERR_HTTP_NON_FINITE',
      message: expect.stringContaining('Infinity'),
    })
    expect([...(await numbersOf(await postBytes(`${url}/predict`, Float32Array.of(1, 2, 3))))]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ])
  })
})

describe('a mistake', () => {
  const x = [[1, 2, 3]]
  test.each<[string, string, RequestInit, number, string, RegExp]>([
    ['no JSON', '', { body: '{"x": [[1, 2,' }, 400, 'ERR_HTTP_JSON', /^the body must be JSON: /],
    ['NaN in JSON', '', { body: '{"x": [[1, 2, NaN]]}' }, 400, 'ERR_HTTP_JSON', /NaN/],
    [
      'null',
      '',
      { body: '{"x": [[1, 2, null]]}' },
      400,
      'ERR_TORCH_TYPE',
      /^predict: x\[0\]\[2\] must be a number, got null$/,
    ],
    ['a string', '', { body: '{"x": [[1, 2, "3"]]}' }, 400, 'ERR_TORCH_TYPE', /must be a number, got '3'/],
    ['infinity', '', { body: '{"x": [[1, 2, 1e999]]}' }, 400, 'ERR_TORCH_NON_FINITE', /feature 2 of step 0 is /],
    [
      'too few features',
      '',
      { body: '{"x": [[1, 2]]}' },
      400,
      'ERR_TORCH_SHAPE',
      /^predict: x\[0\] must have 3 numbers, got 2$/,
    ],
    ['no steps', '', { body: '{"x": []}' }, 400, 'ERR_TORCH_SHAPE', /at least one step/],
    ['no x', '', { body: '{"input": [[1, 2, 3]]}' }, 400, 'ERR_HTTP_JSON', /must be an object \{ "x": … \}/],
    ['an array', '', { body: '[[1, 2, 3]]' }, 400, 'ERR_HTTP_JSON', /must be an object/],
    ['an option in the body', '', { body: '{"x": [[1, 2, 3]], "group": "a"}' }, 400, 'ERR_HTTP_JSON', /has 'group'/],
    ['nothing', '', { body: '' }, 400, 'ERR_HTTP_JSON', /the body is empty/],
    [
      'an unknown option',
      '?priorty=1',
      { body: JSON.stringify({ x }) },
      400,
      'ERR_TORCH_OPTION',
      /unknown option 'priorty'/,
    ],
    [
      'a timeout of no number',
      '?timeout=soon',
      { body: JSON.stringify({ x }) },
      400,
      'ERR_HTTP_QUERY',
      /timeout must be/,
    ],
    [
      'a version that there is not',
      '?version=v9',
      { body: JSON.stringify({ x }) },
      404,
      'ERR_HTTP_NO_VERSION',
      /only v1/,
    ],
    ['a group without a scaler', '?group=a', { body: JSON.stringify({ x }) }, 400, 'ERR_TORCH_TYPE', /group/],
    [
      'text',
      '',
      { body: 'a', headers: { 'content-type': 'text/plain' } },
      415,
      'ERR_HTTP_MEDIA_TYPE',
      /got text\/plain/,
    ],
    [
      'a compressed body',
      '',
      { body: 'a', headers: { 'content-encoding': 'gzip' } },
      415,
      'ERR_HTTP_MEDIA_TYPE',
      /compressed/,
    ],
  ])('such as %s has a status and a sentence', async (_, query, init, status, code, message) => {
    const { url } = await service(model)
    const response = await post(`${url}/predict${query}`, undefined, init)
    const body = (await response.json()) as { error: string; code: string; message: string }
    expect([response.status, body.code]).toEqual([status, code])
    expect(body.message).toMatch(message)
    expect(Object.keys(body)).toEqual(['error', 'code', 'message'])
    // The next request is none the worse for it.
    expect((await post(`${url}/predict`, { x })).status).toBe(200)
  })

  test.each([
    ['NaN', Float32Array.of(1, Number.NaN, 3), 'ERR_TORCH_NON_FINITE'],
    ['half a step', Float32Array.of(1, 2, 3, 4), 'ERR_TORCH_SHAPE'],
    ['half a number', Uint8Array.of(1, 2, 3), 'ERR_TORCH_SHAPE'],
    ['no bytes', new Float32Array(0), 'ERR_TORCH_SHAPE'],
  ])('in bytes, such as %s, is status 400', async (_, values, code) => {
    const { url } = await service(model)
    const response = await postBytes(`${url}/predict`, values)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: 'Bad Request', code })
  })

  test('of the path is status 404', async () => {
    const { url } = await service(model)
    const response = await post(`${url}/models/other/predict`, { x })
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ message: "there is no model 'other', only m" })
  })

  test('of the server stays in its log', async () => {
    const lines: string[] = []
    class Fails extends LSTMModel {
      override forward(): never {
        throw new Error('secret')
      }
    }
    const { url } = await service(
      () => new Fails(3, 8, 2, { output: 'last' }),
      { logger: { stream: { write: (line: string) => void lines.push(line) } } },
      { warmup: false },
    )
    const response = await post(`${url}/predict`, { x }, { headers: { 'x-request-id': 'abc-1' } })
    expect(response.status).toBe(500)
    expect(JSON.stringify(await response.json())).not.toContain('secret')
    expect(response.headers.get('x-request-id')).toBe('abc-1')
    const line = lines.find((text) => text.includes('secret')) as string
    expect(JSON.parse(line)).toMatchObject({ reqId: 'abc-1', level: 50 })
  })
})

test('several models have paths of their own, and the first one is /predict', async () => {
  const servers = { a: await serve(model), b: await serve(new LSTMModel(2, 4, 3, { output: 'last' })) }
  const app = await serveApp({ models: servers, logger: false, metrics: false, openapi: false })
  const ask = async (path: string, width: number): Promise<number[]> => {
    const x = [Array.from({ length: width }, () => 0.5)]
    const response = await app.inject({ method: 'POST', url: path, payload: { x } })
    expect(response.statusCode).toBe(200)
    return response.json<{ y: number[] }>().y
  }
  expect(await ask('/predict', 3)).toHaveLength(2)
  expect(await ask('/models/a/predict', 3)).toEqual(await ask('/predict', 3))
  expect(await ask('/models/b/predict', 2)).toHaveLength(3)
  await app.close()
  for (const server of Object.values(servers)) await server.close()
})

test('options that there are not are refused', async () => {
  const server = await serve(model)
  await expect(serveApp({ models: { m: server }, bodyLimt: 1 } as never)).rejects.toThrow(
    /unknown option 'bodyLimt'; did you mean 'bodyLimit'/,
  )
  await expect(serveApp({ models: {} })).rejects.toThrow(/one server at least/)
  await expect(serveApp({ models: { 'a/b': server } })).rejects.toThrow(/the name of a model/)
  await expect(serveApp({ models: server as never })).rejects.toThrow(/servers by their names/)
  await expect(serveApp({ models: { m: model as never } })).rejects.toThrow(/what serve\(\) resolves with/)
  for (const name of ['requestTimeout', 'keepAliveTimeout']) {
    for (const ms of [0, 0.5, 2 ** 31, Number.POSITIVE_INFINITY]) {
      await expect(serveApp({ models: { m: server }, [name]: ms })).rejects.toThrow(
        new RegExp(`^serveApp: ${name} must be `),
      )
    }
  }
  await server.close()
})
