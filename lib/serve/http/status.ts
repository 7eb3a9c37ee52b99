import { STATUS_CODES } from 'node:http'
import type { ErrorCode } from '../../errors.ts'

/** The HTTP status for each kind of error. */
export const STATUS: Readonly<Record<ErrorCode, number>> = {
  ERR_TORCH_AUTOGRAD: 500,
  ERR_TORCH_CLOSED: 503,
  ERR_TORCH_DEVICE: 500,
  ERR_TORCH_DISPOSED: 500,
  ERR_TORCH_DTYPE: 400,
  ERR_TORCH_FILE: 500,
  ERR_TORCH_FORMAT: 400,
  ERR_TORCH_INDEX: 400,
  ERR_TORCH_LIBTORCH: 500,
  ERR_TORCH_NON_FINITE: 400,
  ERR_TORCH_NOT_IMPLEMENTED: 500,
  ERR_TORCH_OPTION: 400,
  ERR_TORCH_OUT_OF_MEMORY: 503,
  ERR_TORCH_OVERLOADED: 503,
  ERR_TORCH_PENDING: 500,
  ERR_TORCH_RUNTIME: 500,
  ERR_TORCH_SHAPE: 400,
  ERR_TORCH_TIMEOUT: 504,
  ERR_TORCH_TYPE: 400,
  ERR_TORCH_VALUE: 400,
}

/** The status that a log shows for a client that hung up; nobody receives it. */
const HUNG_UP = 499

/** A request that HTTP has a status for. */
export class HttpError extends Error {
  readonly statusCode: number
  readonly code: string

  constructor(statusCode: number, code: string, message: string) {
    super(message)
    this.statusCode = statusCode
    this.code = code
  }
}

/** What requests are aborted with whose clients hung up. */
export const hungUp = new HttpError(HUNG_UP, 'ERR_HTTP_HUNG_UP', 'the client closed the connection')

/** The body of an answer that is an error. */
export interface Failure {
  /** The name of the status: `Bad Request`. */
  readonly error: string
  /** The kind of the error: an {@link ErrorCode}, or a code of Fastify. */
  readonly code: string
  /** A sentence. */
  readonly message: string
}

/** The status and the body for an error. What is no fault of the request stays in the log. */
export function failureOf(thrown: unknown): { status: number; body: Failure } {
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Partial<HttpError>
  const { code = 'ERR_TORCH_RUNTIME', message = '' } = error
  const status = Object.hasOwn(STATUS, code) ? STATUS[code as ErrorCode] : (error.statusCode ?? 500)
  const isKnown = status !== 500 && status < 600
  return {
    status: isKnown ? status : 500,
    body: {
      error: STATUS_CODES[status] ?? (status === HUNG_UP ? 'Client Closed Request' : 'Error'),
      code,
      message: isKnown ? message : 'the request failed in the server: its log has the reason under the request id',
    },
  }
}
