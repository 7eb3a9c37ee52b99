import { describe, expect, test } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import { packedOf } from '../../lib/nn/utils/packed-sequence.ts'
import { native } from '../../lib/tensor/binding.ts'
import { expectError } from '../support/error.ts'

// What JavaScript holds of C++ objects is checked wherever it comes in, whoever made it.

const lstm = new nn.LSTM(2, 3)
const settings = { ...lstm, name: 'LSTM' }
const module = native.recurrentModule('LSTM', settings, [])
const stream = native.openStream(
  native.recurrentModule('LSTM', settings, [
    ['weight_ih_l0', [12, 2]],
    ['weight_hh_l0', [12, 3]],
    ['bias_ih_l0', [12]],
    ['bias_hh_l0', [12]],
  ]),
  Uint32Array.from(nativeIds()),
  false,
  null,
)

function nativeIds(): number[] {
  const { weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 } = lstm
  // Fresh ids, which belong to nobody else.
  return [weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0].map((weight) =>
    native.fromBytes(weight?.detach().toTypedArray() as Float32Array, 6, weight?.shape as number[]),
  )
}

const x = new Float32Array(2)
const y = new Float32Array(3)

describe('a handle of another kind', () => {
  const handles: [string, unknown][] = [
    ['a module', module],
    ['a guard', native.guard(nativeIds()[0] as number)],
    ['an object', {}],
    ['null', null],
    ['undefined', undefined],
    ['a number', 7],
    ['a typed array', new Float32Array(2)],
  ]
  test.each(handles)('%s is no stream', (_, handle) => {
    const wrong = handle as object
    for (const use of [
      () => native.stepStream(wrong, x, y),
      () => native.stepStreams([wrong], x, y),
      () => native.forkStream(wrong),
      () => native.closeStream(wrong),
      () => native.sharesWeights(stream, wrong),
      () => native.sharesWeights(wrong, stream),
      () => native.streamState(wrong),
      () => native.setStreamState(wrong, new Float32Array(6)),
    ]) {
      expectError(use, 'ERR_TORCH_TYPE', 'expected a stream')
    }
  })

  test('and a stream is nothing else', () => {
    const none = new Uint32Array()
    for (const [use, kind] of [
      [() => native.openStream(stream, none, false, null), 'recurrent module'],
      [
        () =>
          native.openStream(module, none, false, {
            plan: stream,
            embedding: none,
            head: none,
            pooling: 0,
            outputSize: 1,
          }),
        'model',
      ],
      [() => native.flattenParameters(stream, none), 'recurrent module'],
      [() => native.recurrent(stream, 0, true, none, none, none, none), 'recurrent module'],
      [() => native.modelOutput(stream, 0, true, none, none, none, none, none, false, 0), 'recurrent module'],
      [
        () => native.mseGradients(stream, 0, true, none, none, none, none, none, false, 0, none, false),
        'recurrent module',
      ],
      [() => native.composite(stream, 0, true, none, none, none, none, {}, [], 'nothing'), 'recurrent module'],
      [() => native.jitDescribe(stream), 'TorchScript module'],
      [() => native.jitRun(stream, 'forward', []), 'TorchScript module'],
      [() => native.jitResult(stream), 'TorchScript call'],
      [() => native.replayGraph(stream), 'CUDA graph'],
      [() => native.resetGraph(stream), 'CUDA graph'],
      [() => native.cudaRecordEvent(stream), 'CUDA event'],
      [() => native.cudaQueryEvent(stream), 'CUDA event'],
    ] as [() => unknown, string][]) {
      expectError(use, 'ERR_TORCH_TYPE', `expected a ${kind}`)
    }
    native.stepStream(stream, x, y)
    expect(native.streamState(stream)).toHaveLength(6)
  })
})

describe('a number that no tensor has', () => {
  test.each([-1, -2, 0.5, 2 ** 31, 2 ** 32, 1e300, Number.NaN, Number.POSITIVE_INFINITY])('%d is refused', (id) => {
    for (const use of [
      () => packedOf([id], undefined),
      () => native.guard(id),
      () => native.shape(id),
      () => native.toBytes(id),
      () => native.setData(id, id),
    ]) {
      expectError(use, 'ERR_TORCH_DISPOSED', /disposed/)
    }
    native.release(id)
  })

  test('nor is anything else', () => {
    for (const id of ['1', null, undefined, {}, 1n, true] as never[]) {
      expectError(() => native.guard(id), 'ERR_TORCH_TYPE', /expected a Tensor/)
      expectError(() => native.shape(id), 'ERR_TORCH_TYPE', /expected a Tensor/)
    }
    for (const list of [[1], new Float64Array(1), new Int32Array(1), null, undefined, {}, 5] as never[]) {
      expectError(() => native.zeroGrad(list, true), 'ERR_TORCH_TYPE', /expected a list of Tensors/)
      expectError(() => native.backward(list, list, false, false, list), 'ERR_TORCH_TYPE', /list of Tensors/)
    }
  })
})
