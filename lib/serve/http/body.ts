import type { FastifyReply, FastifyRequest } from 'fastify'
import { torchError } from '../../errors.ts'
import { formed, type OutputArray, type Signature } from '../input.ts'
import { HttpError } from './status.ts'

/** How numbers travel: as JSON, or as the bytes of their array, in the order of the machine (little-endian). */
export type Encoding = 'json' | 'binary'

export const JSON_TYPE = 'application/json'
export const BINARY_TYPE = 'application/octet-stream'

/** @throws {HttpError} for a body that is neither. */
export function encodingOf(request: FastifyRequest): Encoding {
  const compression = request.headers['content-encoding']
  if (compression !== undefined && compression !== 'identity') {
    throw new HttpError(415, 'ERR_HTTP_MEDIA_TYPE', `a body must not be compressed, got ${compression}`)
  }
  const type = request.headers['content-type']
  if (type === BINARY_TYPE) return 'binary'
  const [name] = (type ?? '').toLowerCase().split(';')
  switch (name?.trim()) {
    case JSON_TYPE:
      return 'json'
    case BINARY_TYPE:
      return 'binary'
    default:
      throw new HttpError(
        415,
        'ERR_HTTP_MEDIA_TYPE',
        `the content-type must be ${JSON_TYPE} or ${BINARY_TYPE}, got ${type ?? 'none'}`,
      )
  }
}

/** The encoding of the answer: that of the request, unless it accepts the other one only. */
export function acceptedOf(request: FastifyRequest, encoding: Encoding): Encoding {
  const { accept } = request.headers
  if (accept === undefined || accept === '*/*') return encoding
  const takes = (type: string): boolean => accept.includes(type) || accept.includes('*/*')
  const isJson = takes(JSON_TYPE)
  const isBinary = takes(BINARY_TYPE)
  if (encoding === 'json' ? isJson : isBinary) return encoding
  if (isJson) return 'json'
  if (isBinary) return 'binary'
  throw new HttpError(
    406,
    'ERR_HTTP_NOT_ACCEPTABLE',
    `the answer is ${JSON_TYPE} or ${BINARY_TYPE}, but the request accepts ${accept}`,
  )
}

/** The bytes of a request; none if it has no body. */
export const bytesOf = (request: FastifyRequest): Buffer => (request.body as Buffer | undefined) ?? Buffer.alloc(0)

/** @throws {HttpError} unless it is JSON. */
export function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) throw new HttpError(400, 'ERR_HTTP_JSON', 'the body is empty, and must be JSON')
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new HttpError(400, 'ERR_HTTP_JSON', `the body must be JSON: ${(error as Error).message}`)
  }
}

/** `{ "x": … }` and nothing else. */
export function parseInput(bytes: Buffer): unknown {
  const body = parseJson(bytes)
  if (typeof body !== 'object' || body === null || Array.isArray(body) || !('x' in body)) {
    throw new HttpError(400, 'ERR_HTTP_JSON', 'the body must be an object { "x": … }')
  }
  const other = Object.keys(body).find((key) => key !== 'x')
  if (other === undefined) return body.x
  throw new HttpError(
    400,
    'ERR_HTTP_JSON',
    `the body has '${other}', but must only have 'x': options are in the query, ?group=…&version=…&timeout=…`,
  )
}

/**
 * The numbers in bytes: float32, or the tokens in int32.
 *
 * @throws {TorchError} unless there are whole ones.
 */
export function parseNumbers(owner: string, bytes: Buffer, { numEmbeddings }: Signature): Float32Array | Int32Array {
  const type = numEmbeddings === null ? Float32Array : Int32Array
  if (bytes.length % 4 !== 0) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: the body must be ${numEmbeddings === null ? 'float32' : 'int32'} numbers of 4 bytes, got ${bytes.length} bytes`,
      { op: owner },
    )
  }
  if (bytes.byteOffset % 4 === 0) return new type(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length / 4)
  const values = new type(bytes.length / 4)
  new Uint8Array(values.buffer).set(bytes)
  return values
}

export const numbersToBytes = (y: Float32Array): Buffer => Buffer.from(y.buffer, y.byteOffset, y.byteLength)

/** An output as nested arrays for JSON. @throws {HttpError} if JSON cannot hold it. */
export function numbersToArrays(y: Float32Array, signature: Signature): OutputArray {
  requireFinite(y)
  return formed(y, 'nested', signature) as OutputArray
}

/**
 * The output of one step for JSON: [outputSize], or [horizon][outputSize]. NaN and infinity become null.
 */
export function stepToArrays(y: Float32Array, signature: Signature): OutputArray {
  return formed(y, 'nested', { ...signature, perStep: false }) as OutputArray
}

/** @throws {HttpError} if there is NaN or infinity, for which JSON has no number. */
export function requireFinite(y: Float32Array): void {
  if (y.every(Number.isFinite)) return
  throw new HttpError(
    406,
    'ERR_HTTP_NON_FINITE',
    `the output has ${y.find((value) => !Number.isFinite(value))}, which JSON cannot hold: ask for it with accept: ${BINARY_TYPE}`,
  )
}

/** Sends numbers, `name` in JSON. */
export function sendNumbers(
  reply: FastifyReply,
  y: Float32Array,
  encoding: Encoding,
  arrays: (y: Float32Array) => unknown,
): FastifyReply {
  if (encoding === 'binary') return reply.header('content-type', BINARY_TYPE).send(numbersToBytes(y))
  return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify({ y: arrays(y) }))
}
