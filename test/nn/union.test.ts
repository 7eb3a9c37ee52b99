import { expect, expectTypeOf, test } from 'vitest'
import { GRU, LSTM, type LSTMState, type RecurrentModule, RNN, utils } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'

type PackedSequence = InstanceType<typeof utils.rnn.PackedSequence>

test('a network that is one of RNN, LSTM and GRU can be called', () => {
  const networks: (RNN | LSTM | GRU)[] = [new RNN(3, 4), new LSTM(3, 4), new GRU(3, 4)]
  const x = torch.randn([5, 2, 3])
  for (const network of networks) {
    const [output, state] = network.forward(x)
    expectTypeOf(output).toEqualTypeOf<Tensor>()
    expectTypeOf(state).toEqualTypeOf<Tensor | [Tensor, Tensor]>()
    const hN = Array.isArray(state) ? state[0] : state
    expect(output.index(-1).equal(hN.index(0))).toBe(true)
    const [packed] = network.forward(utils.rnn.packSequence(x.unbind(1)))
    expectTypeOf(packed).toEqualTypeOf<PackedSequence>()
    expect(utils.rnn.padPackedSequence(packed)[0].allclose(output)).toBe(true)
    // One and the same call through what they have in common.
    const common: RecurrentModule = network
    expect(common.forward(x)[0].equal(output)).toBe(true)
  }
})

test('each by itself still says what its state is', () => {
  expectTypeOf(new LSTM(3, 4).forward(torch.zeros([1, 3]))).toEqualTypeOf<[Tensor, [Tensor, Tensor]]>()
  expectTypeOf(new GRU(3, 4).forward(torch.zeros([1, 3]), torch.zeros([1, 4]))).toEqualTypeOf<[Tensor, Tensor]>()
  expectTypeOf(new RNN(3, 4).forward(torch.zeros([1, 3]), null)).toEqualTypeOf<[Tensor, Tensor]>()
  const state: LSTMState = [torch.zeros([1, 4]), torch.zeros([1, 4])]
  expectTypeOf(new LSTM(3, 4).forward(torch.zeros([1, 3]), state)).toEqualTypeOf<[Tensor, [Tensor, Tensor]]>()
  // @ts-expect-error a GRU has no cell state
  expect(() => new GRU(3, 4).forward(torch.zeros([1, 3]), state)).toThrow()
  // @ts-expect-error an LSTM has one
  expect(() => new LSTM(3, 4).forward(torch.zeros([1, 3]), torch.zeros([1, 4]))).toThrow()
})
