import type { FastifyRequest } from 'fastify'
import { messageOf } from '../../errors.ts'

/** Runs what a span covers. */
export interface Tracer {
  span<T>(
    name: string,
    request: FastifyRequest,
    attributes: Readonly<Record<string, string | number>>,
    work: () => Promise<T>,
  ): Promise<T>
}

const silent: Tracer = { span: (_name, _request, _attributes, work) => work() }

/** Spans of OpenTelemetry, as children of those that are active, or that the request's `traceparent` names. */
export async function makeTracer(enabled: boolean): Promise<Tracer> {
  if (!enabled) return silent
  const api = await import('@opentelemetry/api')
  const { trace, context, propagation, SpanKind, SpanStatusCode } = api
  const tracer = trace.getTracer('libtorch-rnn')
  return {
    async span(name, request, attributes, work) {
      const active = context.active()
      const parent = trace.getSpan(active) === undefined ? propagation.extract(active, request.headers) : active
      const kind = parent === active ? SpanKind.INTERNAL : SpanKind.SERVER
      const prefixed = Object.fromEntries(
        Object.entries(attributes).map(([key, value]) => [`libtorch_rnn.${key}`, value]),
      )
      const options = { kind, attributes: { ...prefixed, 'http.request.id': request.id } }
      return await tracer.startActiveSpan(`libtorch-rnn ${name}`, options, parent, async (span) => {
        try {
          return await work()
        } catch (error) {
          span.recordException(error instanceof Error ? error : messageOf(error))
          span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) })
          throw error
        } finally {
          span.end()
        }
      })
    },
  }
}
