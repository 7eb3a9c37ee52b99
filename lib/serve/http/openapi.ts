import type { FastifyInstance } from 'fastify'
import type { Signature } from '../input.ts'
import { defaultOf } from './peer.ts'

type Schema = Record<string, unknown>

const NUMBERS = (dimensions: readonly (number | string)[]): Schema =>
  dimensions.reduceRight<Schema>(
    (items, size) => ({
      type: 'array',
      items,
      ...(typeof size === 'number' ? { minItems: size, maxItems: size } : {}),
    }),
    { type: 'number' },
  )

const FAILURE: Schema = {
  description: 'What went wrong',
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['error', 'code', 'message'],
        properties: { error: { type: 'string' }, code: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
}

const FAILURES = { '4xx': FAILURE, '5xx': FAILURE }

const BYTES: Schema = { type: 'string', format: 'binary' }

const QUERY: Schema = {
  type: 'object',
  properties: {
    group: { type: 'string', description: 'The group of the series, if each has scales of its own' },
    version: { type: 'string', description: 'The version of the model' },
    timeout: { type: 'number', description: 'The longest that it may take, in ms' },
  },
}

const inputOf = ({ inputSize, numEmbeddings, steps }: Signature): Schema =>
  NUMBERS(numEmbeddings === null ? [steps ?? 'steps', inputSize] : [steps ?? 'steps'])

const outputOf = ({ outputShape, perStep }: Signature): Schema =>
  NUMBERS([...(perStep ? ['steps'] : []), ...outputShape])

const numbers = (name: string, schema: Schema, description: string): Schema => ({
  description,
  content: {
    'application/json': { schema: { type: 'object', required: [name], properties: { [name]: schema } } },
    'application/octet-stream': { schema: BYTES },
  },
})

/** What an editor of requests is told of `POST /predict`. */
export function predictSchema(path: string, signature: Signature): Schema {
  return {
    summary: 'Computes one sequence',
    tags: ['predict'],
    ...(path.includes(':model') ? { params: paramsOf('model') } : {}),
    querystring: QUERY,
    body: numbers('x', inputOf(signature), 'JSON, or the bytes of the numbers: float32, or int32 of tokens'),
    response: { 200: numbers('y', outputOf(signature), 'JSON, or float32'), ...FAILURES },
  }
}

const paramsOf = (...names: string[]): Schema => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
})

export function stepSchema({ inputSize, numEmbeddings, outputShape }: Signature): Schema {
  const sample = numEmbeddings === null ? NUMBERS([inputSize]) : { type: 'integer' }
  return {
    summary: 'Takes one step of a session',
    tags: ['sessions'],
    querystring: { type: 'object', properties: { group: { type: 'string' }, timeout: { type: 'number' } } },
    body: numbers('x', sample, 'JSON, or the bytes of the numbers: float32, or int32 of a token'),
    response: { 200: numbers('y', NUMBERS(outputShape), 'JSON, or float32'), ...FAILURES },
  }
}

/** What is said of a path that is a WebSocket, for which OpenAPI has no words: status 101, and messages in prose. */
export function socketSchema(summary: string, path: string, { numEmbeddings }: Signature): Schema {
  const bytes = numEmbeddings === null ? 'the bytes of its numbers, float32' : 'the bytes of a token, int32'
  const names = ['model', 'id'].filter((name) => path.includes(`:${name}`))
  return {
    summary,
    description: `Each message is a sample: JSON, { "x": … } or the sample alone, or ${bytes}. It gets one answer in its form, in order: { "y": … }, float32, or { "error", "code", "message" }.`,
    tags: ['sessions'],
    ...(names.length === 0 ? {} : { params: paramsOf(...names) }),
    querystring: { type: 'object', properties: { group: { type: 'string' } } },
    response: { 101: { description: 'It is a WebSocket from then on' }, 426: FAILURE, ...FAILURES },
  }
}

/** What is said of a path of the Open Inference Protocol. */
export const plainSchema = (summary: string): Schema => ({ summary, tags: ['open inference protocol'] })

export function inferenceSchema(signature: Signature): Schema {
  const tensor = (data: Schema): Schema => ({
    type: 'object',
    required: ['name', 'shape', 'datatype'],
    properties: {
      name: { type: 'string' },
      shape: NUMBERS(['rank']),
      datatype: { type: 'string' },
      data,
      parameters: { type: 'object', additionalProperties: true },
    },
  })
  const json = (properties: Schema, required: readonly string[]): Schema => ({
    content: { 'application/json': { schema: { type: 'object', required, properties } } },
  })
  const common = { id: { type: 'string' }, parameters: { type: 'object', additionalProperties: true } }
  const inputs = { type: 'array', items: tensor(NUMBERS(['values'])) }
  const outputs = { type: 'array', items: tensor(NUMBERS(['values'])) }
  return {
    ...plainSchema('Computes a batch of sequences'),
    description: `'input': ${signature.numEmbeddings === null ? `[batch, steps, ${signature.inputSize}]` : '[batch, steps]'}, and 'lengths': [batch], if sequences have unequal numbers of steps`,
    body: json({ ...common, inputs, outputs: { type: 'array', items: { type: 'object' } } }, ['inputs']),
    response: {
      200: { description: 'The outputs', ...json({ ...common, model_name: { type: 'string' }, outputs }, ['outputs']) },
      ...FAILURES,
    },
  }
}

/** Adds `/openapi.json` and a page of it, `/docs`. Before all other routes. */
export async function addOpenApi(app: FastifyInstance, names: readonly string[]): Promise<void> {
  const [swagger, ui] = await Promise.all([import('@fastify/swagger'), import('@fastify/swagger-ui')])
  // A service may have it for its own paths.
  if (!app.hasDecorator('swagger')) {
    await app.register(defaultOf(swagger), {
      openapi: {
        openapi: '3.1.0',
        info: { title: names.join(', '), description: 'Served by libtorch-rnn', version: '1' },
      },
    })
  }
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
  await app.register(defaultOf(ui), { routePrefix: '/docs' })
}
