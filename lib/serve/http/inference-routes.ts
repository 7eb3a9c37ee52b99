import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { TorchError, torchError } from '../../errors.ts'
import { PACKAGE } from '../../native/package.ts'
import { bytesOf } from './body.ts'
import { hangUpSignal } from './hang-up.ts'
import type { Health } from './health.ts'
import { readInference, tensorsOf, writeInference } from './inference.ts'
import type { ServedModel, ServedModels } from './model.ts'
import { inferenceSchema, plainSchema } from './openapi.ts'
import type { HttpSettings } from './options.ts'
import { HttpError } from './status.ts'
import type { Tracer } from './tracing.ts'

/** How many rows of one request wait or run at a time, and no more than the queue takes. */
const AT_ONCE = 128

interface Params {
  model: string
  version?: string
}

/**
 * The Open Inference Protocol of KServe, Triton and others, with its extension for binary tensors.
 *
 * @see https://github.com/kserve/open-inference-protocol
 */
export function inferenceRoutes(
  app: FastifyInstance,
  models: ServedModels,
  settings: HttpSettings,
  health: Health,
  tracer: Tracer,
): void {
  const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string }
  const answer = (reply: FastifyReply, isTrue: boolean, body: object): FastifyReply =>
    // The protocol knows 200 and 4xx.
    reply.code(isTrue ? 200 : 400).send(body)

  app.get('/v2', { schema: plainSchema('What this server is') }, () => ({
    name: 'libtorch-rnn',
    version,
    extensions: ['binary_tensor_data'],
  }))
  app.get('/v2/health/live', { schema: plainSchema('Whether it answers') }, () => ({ live: true }))
  app.get('/v2/health/ready', { schema: plainSchema('Whether it can compute') }, (_, reply) => {
    const { ready, reason } = health.check()
    return answer(reply, ready, { ready, ...(ready ? {} : { error: reason }) })
  })

  const modelOf = ({ params }: FastifyRequest): { model: ServedModel; version: string | undefined } => {
    const { model: name, version } = params as Params
    const model = models.get(name)
    model.requireVersion(version)
    return { model, version }
  }
  for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    app.get(path, { schema: plainSchema('What a model takes and gives') }, (request) => {
      const { model } = modelOf(request)
      const versions = model.server.versions().map(({ name }) => name)
      return { name: model.name, versions, platform: 'libtorch_rnn', ...tensorsOf(model.signature) }
    })
    app.get(`${path}/ready`, { schema: plainSchema('Whether a model can compute') }, (request, reply) => {
      const { model } = modelOf(request)
      const { ready, reason } = health.checkModel(model)
      return answer(reply, ready, { name: model.name, ready, ...(ready ? {} : { error: reason }) })
    })
    const { bodyLimit } = settings
    app.post(
      `${path}/infer`,
      { bodyLimit, schema: inferenceSchema(models.first.signature) },
      async (request, reply) => {
        const { model, version } = modelOf(request)
        const outputs = await infer(model, version, request, reply, settings, tracer)
        return outputs
      },
    )
  }
}

async function infer(
  model: ServedModel,
  version: string | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
  settings: HttpSettings,
  tracer: Tracer,
): Promise<FastifyReply> {
  const compression = request.headers['content-encoding']
  if (compression !== undefined && compression !== 'identity') {
    throw new HttpError(415, 'ERR_HTTP_MEDIA_TYPE', `a body must not be compressed, got ${compression}`)
  }
  const { signature } = model
  const given = readInference(bytesOf(request), request.headers['inference-header-content-length'], signature)
  const timeout = Math.min(settings.timeout, given.timeout)
  const attributes = { model: model.name, rows: given.sequences.length }
  const outputs = await tracer.span('infer', request, attributes, () =>
    rows(model, given.sequences, hangUpSignal(reply), {
      ...(given.group === undefined ? {} : { group: given.group }),
      ...(version === undefined ? {} : { version }),
      ...(timeout === Number.POSITIVE_INFINITY ? {} : { deadline: Date.now() + timeout }),
    }),
  )
  const names = { model_name: model.name, ...(version === undefined ? {} : { model_version: version }) }
  const { type, body, jsonLength } = writeInference(given, outputs, names, signature)
  if (jsonLength !== undefined) reply.header('inference-header-content-length', jsonLength)
  return reply.header('content-type', type).send(body)
}

/** Computes rows, a few at a time. The first that fails ends the others. */
async function rows(
  { server }: ServedModel,
  sequences: readonly (Float32Array | Int32Array)[],
  hangUp: AbortSignal,
  options: { group?: string; version?: string; deadline?: number },
): Promise<Float32Array[]> {
  const failed = new AbortController()
  const signal = sequences.length === 1 ? hangUp : AbortSignal.any([hangUp, failed.signal])
  const outputs: Float32Array[] = new Array(sequences.length)
  let next = 0
  const work = async (): Promise<void> => {
    while (next < sequences.length) {
      const i = next++
      try {
        outputs[i] = await server.predict(sequences[i] as Float32Array, { ...options, signal })
      } catch (error) {
        next = sequences.length
        failed.abort(error)
        if (sequences.length === 1 || !(error instanceof TorchError)) throw error
        throw torchError(error.code, `row ${i}: ${error.message}`, { cause: error })
      }
    }
  }
  // The first reason, and not what the others are aborted with.
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, server.queueMax, sequences.length) }, work))
  return outputs
}
