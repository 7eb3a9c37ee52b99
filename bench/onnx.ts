/** Writes ONNX models of one recurrent layer: the few messages of the format that this takes, by hand. */
import type { RecurrentCase } from './cases.ts'

/** A layer's `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh` in PyTorch's layout. */
export interface Weights {
  ih: Float32Array
  hh: Float32Array
  biasIh: Float32Array
  biasHh: Float32Array
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) + 128)
  }
}

type Field = readonly [number: number, value: number | string | Uint8Array]

/** A protobuf message: https://protobuf.dev/programming-guides/encoding */
function message(...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'number') return [Buffer.from([...varint(number * 8), ...varint(value)])]
      const bytes = typeof value === 'string' ? Buffer.from(value) : value
      return [Buffer.from([...varint(number * 8 + 2), ...varint(bytes.byteLength)]), bytes]
    }),
  )
}

const FLOAT = 1

/** TensorProto */
function initializer(name: string, dims: readonly number[], values: Float32Array): Buffer {
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  return message(...dims.map((size) => [1, size] as const), [2, FLOAT], [8, name], [9, raw])
}

/** ValueInfoProto of a float tensor */
function value(name: string, dims: readonly (number | string)[]): Buffer {
  const shape = message(...dims.map((size) => [1, message([typeof size === 'number' ? 1 : 2, size])] as const))
  return message([1, name], [2, message([1, message([1, FLOAT], [2, shape])])])
}

/** AttributeProto of an integer */
function attribute(name: string, integer: number): Buffer {
  return message([1, name], [3, integer], [20, 2])
}

/** PyTorch's order of the gates in ONNX's: iofc for LSTM, zrh for GRU. */
const ORDER = { LSTM: [0, 3, 1, 2], GRU: [1, 0, 2], RNN: [0] } as const

function reorder(cell: RecurrentCase['cell'], weights: Float32Array): Float32Array {
  const order = ORDER[cell]
  const size = weights.length / order.length
  const result = new Float32Array(weights.length)
  order.forEach((from, to) => {
    result.set(weights.subarray(from * size, (from + 1) * size), to * size)
  })
  return result
}

/**
 * A ModelProto with one LSTM, GRU or RNN node: `x` (T, N, I) and the states `h`, `c` (1, N, H) -> `y` (T, 1, N, H) and
 * the states `hn`, `cn`. A name in place of a number is a size that each run tells.
 * @see https://onnx.ai/onnx/operators/onnx__LSTM.html
 */
export function onnxModel(
  {
    cell,
    input,
    hidden,
    steps,
    batch,
  }: Pick<RecurrentCase, 'cell' | 'input' | 'hidden'> & {
    steps: number | string
    batch: number | string
  },
  weights: Weights,
): Buffer {
  const gates = ORDER[cell].length * hidden
  const bias = new Float32Array(2 * gates)
  bias.set(reorder(cell, weights.biasIh))
  bias.set(reorder(cell, weights.biasHh), gates)
  const states = cell === 'LSTM' ? ['h', 'c'] : ['h']
  const node = message(
    ...['x', 'w', 'r', 'b', '', ...states].map((name) => [1, name] as const),
    ...['y', ...states.map((name) => `${name}n`)].map((name) => [2, name] as const),
    [4, cell],
    [5, attribute('hidden_size', hidden)],
    // As in PyTorch, and in cuDNN: the reset gate after the product with the state.
    ...(cell === 'GRU' ? [[5, attribute('linear_before_reset', 1)] as const] : []),
  )
  const state = [1, batch, hidden]
  const graph = message(
    [1, node],
    [2, cell],
    [5, initializer('w', [1, gates, input], reorder(cell, weights.ih))],
    [5, initializer('r', [1, gates, hidden], reorder(cell, weights.hh))],
    [5, initializer('b', [1, 2 * gates], bias)],
    [11, value('x', [steps, batch, input])],
    ...states.map((name) => [11, value(name, state)] as const),
    [12, value('y', [steps, 1, batch, hidden])],
    ...states.map((name) => [12, value(`${name}n`, state)] as const),
  )
  // IR version 8, operators of version 14.
  return message([1, 8], [2, 'libtorch-rnn'], [7, graph], [8, message([1, ''], [2, 14])])
}
