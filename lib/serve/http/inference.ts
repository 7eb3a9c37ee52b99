import { isPlain } from '../../check.ts'
import type { Signature } from '../input.ts'
import { BINARY_TYPE, numbersToBytes, parseJson, requireFinite } from './body.ts'
import { numbersOfBytes, numbersOfData, readShape } from './datatype.ts'
import { readTimeout } from './query.ts'
import { HttpError } from './status.ts'

/** A request of the Open Inference Protocol. */
export interface InferenceRequest {
  readonly id: string | undefined
  /** One for each row of the batch. */
  readonly sequences: readonly (Float32Array | Int32Array)[]
  readonly group: string | undefined
  /** In ms. */
  readonly timeout: number
  readonly isBinary: boolean
}

/** A tensor of a request. */
interface Given {
  name: string
  shape?: unknown
  datatype?: unknown
  data?: unknown
  parameters?: unknown
}

const wrong = (message: string): HttpError => new HttpError(400, 'ERR_HTTP_INFERENCE', message)

const INPUT = 'input'
const LENGTHS = 'lengths'
const OUTPUT = 'output'

/** The tensors that a model takes and gives, for its metadata: -1 is any size. */
export function tensorsOf({ inputSize, numEmbeddings, outputShape, perStep, steps }: Signature): object {
  const L = steps ?? -1
  return {
    inputs: [
      numEmbeddings === null
        ? { name: INPUT, datatype: 'FP32', shape: [-1, L, inputSize] }
        : { name: INPUT, datatype: 'INT32', shape: [-1, L] },
      { name: LENGTHS, datatype: 'INT32', shape: [-1], parameters: { optional: true } },
    ],
    outputs: [{ name: OUTPUT, datatype: 'FP32', shape: [-1, ...(perStep ? [L] : []), ...outputShape] }],
  }
}

/**
 * Reads a request: JSON, or with `jsonLength` JSON of so many bytes, and the bytes of tensors behind it.
 *
 * @throws {HttpError} for one that the model does not take.
 */
export function readInference(
  body: Buffer,
  jsonLength: string | string[] | undefined,
  signature: Signature,
): InferenceRequest {
  const length = jsonLength === undefined ? body.length : Number(jsonLength)
  if (!(Number.isInteger(length) && length >= 0 && length <= body.length)) {
    throw wrong(
      `inference-header-content-length must be at most the ${body.length} bytes of the body, got ${jsonLength}`,
    )
  }
  const json = requireObject('the request', parseJson(body.subarray(0, length)))
  requireKeys('the request', json, ['id', 'parameters', 'inputs', 'outputs'])
  const { id } = json
  if (id !== undefined && typeof id !== 'string') throw wrong('id must be a string')
  const tensors = readTensors(json.inputs, body.subarray(length), signature)
  const parameters = requireObject('parameters', json.parameters ?? {})
  requireKeys('parameters', parameters, ['binary_data_output', 'group', 'timeout'])
  const { group, binary_data_output: isBinary = false, timeout = Number.POSITIVE_INFINITY } = parameters
  if (group !== undefined && typeof group !== 'string') throw wrong('parameters.group must be a string')
  requireBoolean('parameters.binary_data_output', isBinary)
  return {
    id,
    sequences: tensors,
    group,
    timeout: timeout === Number.POSITIVE_INFINITY ? timeout : readTimeout(timeout),
    isBinary: readOutputs(json.outputs, isBinary),
  }
}

function requireObject(what: string, value: unknown): Record<string, unknown> {
  if (isPlain(value) && !Array.isArray(value)) return value as Record<string, unknown>
  throw wrong(`${what} must be an object`)
}

function requireKeys(what: string, value: object, known: readonly string[]): void {
  const other = Object.keys(value).find((key) => !known.includes(key))
  if (other !== undefined) throw wrong(`${what} must have no '${other}', only ${known.join(', ')}`)
}

function requireBoolean(what: string, value: unknown): asserts value is boolean {
  if (typeof value !== 'boolean') throw wrong(`${what} must be a boolean`)
}

function readTensors(inputs: unknown, bytes: Buffer, signature: Signature): (Float32Array | Int32Array)[] {
  if (!Array.isArray(inputs)) throw wrong('inputs must be an array of tensors')
  const values = new Map<string, { tensor: Given; bytes: Buffer | undefined }>()
  let at = 0
  for (const item of inputs) {
    const tensor = requireObject('an input', item) as unknown as Given
    const { name } = tensor
    if ((name !== INPUT && name !== LENGTHS) || values.has(name)) {
      throw wrong(`inputs must be one '${INPUT}', and one '${LENGTHS}' or none, got ${JSON.stringify(name)}`)
    }
    requireKeys(`'${name}'`, tensor, ['name', 'shape', 'datatype', 'data', 'parameters'])
    const parameters = requireObject('parameters', tensor.parameters ?? {})
    requireKeys(`the parameters of '${name}'`, parameters, ['binary_data_size'])
    const { binary_data_size: size } = parameters
    if (size === undefined) values.set(name, { tensor, bytes: undefined })
    else {
      if (tensor.data !== undefined) throw wrong(`'${name}' has both data and binary_data_size`)
      if (!(Number.isSafeInteger(size) && (size as number) >= 0 && at + (size as number) <= bytes.length)) {
        throw wrong(`binary_data_size of '${name}' is ${size}, but ${bytes.length - at} bytes are left of the body`)
      }
      values.set(name, { tensor, bytes: bytes.subarray(at, at + (size as number)) })
      at += size as number
    }
  }
  if (at !== bytes.length) throw wrong(`${bytes.length - at} bytes of the body belong to no input`)
  const input = values.get(INPUT)
  if (input === undefined) throw wrong(`there is no '${INPUT}' among the inputs`)
  return rowsOf(input, values.get(LENGTHS), signature)
}

function rowsOf(
  input: { tensor: Given; bytes: Buffer | undefined },
  lengths: { tensor: Given; bytes: Buffer | undefined } | undefined,
  { inputSize, numEmbeddings }: Signature,
): (Float32Array | Int32Array)[] {
  const isTokens = numEmbeddings !== null
  const wanted = isTokens ? '[batch, steps]' : `[batch, steps, ${inputSize}]`
  const shape = readShape(INPUT, input.tensor.shape, isTokens ? 2 : 3, wanted)
  const [batch, steps, size = 1] = shape as [number, number, number?]
  if (!isTokens && size !== inputSize) throw wrong(`the shape of '${INPUT}' must be ${wanted}, got [${shape}]`)
  const values = valuesOf(input, shape, isTokens ? Int32Array : Float32Array)
  const counts = lengths === undefined ? undefined : valuesOf(lengths, [batch], Int32Array)
  return Array.from({ length: batch }, (_, i) => {
    const count = counts === undefined ? steps : (counts[i] as number)
    if (count < 1 || count > steps) throw wrong(`'${LENGTHS}' must be from 1 to ${steps}, got ${count}`)
    return values.subarray(i * steps * size, (i * steps + count) * size)
  })
}

function valuesOf(
  { tensor, bytes }: { tensor: Given; bytes: Buffer | undefined },
  shape: readonly number[],
  Type: typeof Float32Array | typeof Int32Array,
): Float32Array | Int32Array {
  const { name, datatype, data } = tensor
  readShape(name, tensor.shape, shape.length, `[${shape}]`)
  return bytes === undefined
    ? numbersOfData(name, datatype, shape, data, Type)
    : numbersOfBytes(name, datatype, shape, bytes, Type)
}

/** Whether the output is to be binary. */
function readOutputs(outputs: unknown, isBinary: boolean): boolean {
  if (outputs === undefined) return isBinary
  if (!Array.isArray(outputs) || outputs.length !== 1) throw wrong(`outputs must be one, '${OUTPUT}', or left out`)
  const output = requireObject('an output', outputs[0])
  requireKeys('an output', output, ['name', 'parameters'])
  if (output.name !== OUTPUT) throw wrong(`the output is '${OUTPUT}', got ${JSON.stringify(output.name)}`)
  const parameters = requireObject('parameters', output.parameters ?? {})
  requireKeys(`the parameters of '${OUTPUT}'`, parameters, ['binary_data'])
  const { binary_data: own = isBinary } = parameters
  requireBoolean('binary_data', own)
  return own
}

/** An answer: JSON, and with `jsonLength` bytes of the output behind so many of JSON. */
export interface InferenceResponse {
  readonly type: string
  readonly body: Buffer | string
  readonly jsonLength: number | undefined
}

/** The answer with the outputs of all rows, filled with zeros where they have unequal numbers of steps. */
export function writeInference(
  { id, isBinary }: InferenceRequest,
  outputs: readonly Float32Array[],
  names: { readonly model_name: string; readonly model_version?: string },
  { outputShape, perStep }: Signature,
): InferenceResponse {
  const row = outputShape.reduce((all, size) => all * size, 1)
  const longest = outputs.reduce((most, { length }) => Math.max(most, length), 0)
  const values = new Float32Array(outputs.length * longest)
  for (const [i, output] of outputs.entries()) values.set(output, i * longest)
  const shape = [outputs.length, ...(perStep ? [longest / row] : []), ...outputShape]
  const head = { ...names, ...(id === undefined ? {} : { id }) }
  const tensor = { name: OUTPUT, shape, datatype: 'FP32' }
  if (!isBinary) {
    requireFinite(values)
    const body = JSON.stringify({ ...head, outputs: [{ ...tensor, data: Array.from(values) }] })
    return { type: 'application/json; charset=utf-8', body, jsonLength: undefined }
  }
  const bytes = numbersToBytes(values)
  const parameters = { binary_data_size: bytes.length }
  const json = Buffer.from(JSON.stringify({ ...head, outputs: [{ ...tensor, parameters }] }))
  return { type: BINARY_TYPE, body: Buffer.concat([json, bytes]), jsonLength: json.length }
}
