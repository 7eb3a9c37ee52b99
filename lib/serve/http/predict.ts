import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Input } from '../input.ts'
import { readInput } from '../input.ts'
import { predictFor } from '../server.ts'
import { acceptedOf, bytesOf, encodingOf, numbersToArrays, parseInput, parseNumbers, sendNumbers } from './body.ts'
import { hangUpOf } from './hang-up.ts'
import type { ServedModels } from './model.ts'
import { predictSchema } from './openapi.ts'
import type { HttpSettings } from './options.ts'
import { readQuery } from './query.ts'
import type { Tracer } from './tracing.ts'

/** `POST /predict` and `POST /models/:model/predict`: one sequence each. */
export function predictRoutes(
  app: FastifyInstance,
  models: ServedModels,
  settings: HttpSettings,
  tracer: Tracer,
): void {
  const { timeout, bodyLimit } = settings
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const model = models.get((request.params as { model?: string }).model)
    const { signature, server } = model
    const encoding = encodingOf(request)
    const accepted = acceptedOf(request, encoding)
    const options = readQuery('predict', request.query, timeout, ['group', 'version', 'timeout'])
    model.requireVersion(options.version)
    const bytes = bytesOf(request)
    const x =
      encoding === 'binary'
        ? parseNumbers('predict', bytes, signature)
        : readInput('predict', parseInput(bytes) as Input, signature).data
    const attributes = { model: model.name, steps: x.length / signature.inputSize }
    const y = await tracer.span('predict', request, attributes, () => predictFor(server, x, options, hangUpOf(reply)))
    return sendNumbers(reply, y, accepted, (values) => numbersToArrays(values, signature))
  }
  for (const path of ['/predict', '/models/:model/predict']) {
    app.post(path, { bodyLimit, schema: predictSchema(path, models.first.signature) }, handler)
  }
}
