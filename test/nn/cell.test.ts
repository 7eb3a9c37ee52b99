import { describe, expect, test } from 'vitest'
import { GRU, GRUCell, LSTM, LSTMCell, type LSTMState, RNN, RNNCell } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

// Values and gradients of one step are compared with PyTorch's in parity.test.ts, error texts in mistakes.test.ts.

const KINDS = {
  RNNCell: {
    cell: (options: object) => new RNNCell(3, 4, options),
    layer: (options: object) => new RNN(3, 4, options),
  },
  'RNNCell with relu': {
    cell: (options: object) => new RNNCell(3, 4, { ...options, nonlinearity: 'relu' }),
    layer: (options: object) => new RNN(3, 4, { ...options, nonlinearity: 'relu' }),
  },
  GRUCell: {
    cell: (options: object) => new GRUCell(3, 4, options),
    layer: (options: object) => new GRU(3, 4, options),
  },
  LSTMCell: {
    cell: (options: object) => new LSTMCell(3, 4, options),
    layer: (options: object) => new LSTM(3, 4, options),
  },
}
const tight = { rtol: 1e-12, atol: 1e-12 }

/** The next state, h first. */
function step(cell: RNNCell | GRUCell | LSTMCell, x: Tensor, state: Tensor[] = []): Tensor[] {
  return cell instanceof LSTMCell
    ? cell.forward(x, state.length > 0 ? (state as unknown as LSTMState) : undefined)
    : [cell.forward(x, state[0])]
}

describe.each(Object.entries(KINDS))('%s', (_, make) => {
  test('after the same seed has the weights of a layer', () => {
    torch.manualSeed(7)
    const cell = make.cell({})
    torch.manualSeed(7)
    const layer = make.layer({})
    expect([...cell.namedParameters()].map(([name]) => name)).toEqual(['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'])
    for (const [name, parameter] of cell.namedParameters()) {
      expect(parameter.equal(layer[`${name}_l0` as 'weight_ih_l0'] as Tensor)).toBe(true)
    }
  })

  test.each([
    [true, 2],
    [false, 2],
    [true, null],
    [false, null],
  ])('step by step is what a layer is at once, with bias: %s and a batch of %s', (bias, batch) => {
    const cell = make.cell({ bias, dtype: 'float64' })
    const layer = make.layer({ bias, dtype: 'float64' })
    const state = cell.stateDict()
    layer.loadStateDict(Object.fromEntries(Object.entries(state).map(([name, value]) => [`${name}_l0`, value])))
    const x = torch.randn(batch === null ? [5, 3] : [5, batch, 3], { dtype: 'float64' })
    let current: Tensor[] = []
    const outputs = x.unbind().map((input) => {
      current = step(cell, input, current)
      return current[0] as Tensor
    })
    const [output, final] = (layer as GRU).forward(x)
    expectClose(torch.stack(outputs), output.toArray() as number[], tight)
    for (const [i, tensor] of [final].flat().entries()) {
      expectClose(current[i] as Tensor, tensor.index(0).toArray() as number[], tight)
    }
    torch.stack(outputs).square().sum().backward()
    output.square().sum().backward()
    for (const [name, parameter] of cell.namedParameters()) {
      const gradient = (layer[`${name}_l0` as 'weight_ih_l0'] as Tensor).grad as Tensor
      expectClose(parameter.grad as Tensor, gradient.toArray() as number[], tight)
    }
  })

  test('begins with zeros where no state is given, in the dtype of the input', () => {
    for (const dtype of ['float32', 'float64', 'bfloat16'] as const) {
      const cell = make.cell({ dtype })
      for (const size of [[3], [2, 3]]) {
        const x = torch.randn(size).to(dtype)
        const zeros = torch.zeros([...size.slice(0, -1), 4], { dtype })
        const expected = step(cell, x, cell instanceof LSTMCell ? [zeros, zeros] : [zeros])
        for (const [i, tensor] of step(cell, x).entries()) {
          expect([tensor.dtype, tensor.shape]).toEqual([dtype, zeros.shape])
          expect(tensor.equal(expected[i] as Tensor)).toBe(true)
        }
      }
    }
  })

  test('takes a batch of none', () => {
    const cell = make.cell({})
    const x = torch.zeros([0, 3], { requiresGrad: true })
    const [h] = step(cell, x) as [Tensor]
    expect(h.shape).toEqual([0, 4])
    h.sum().backward()
    expect(x.grad?.shape).toEqual([0, 3])
  })

  test('has null where there are no biases', () => {
    const cell = make.cell({ bias: false })
    expect([cell.bias_ih, cell.bias_hh]).toEqual([null, null])
    expect(Object.keys(cell.stateDict())).toEqual(['weight_ih', 'weight_hh'])
  })

  test('waits in an offload, and so does the shape of its input', async () => {
    const cell = make.cell({})
    const x = torch.randn([2, 3])
    const later = await torch.offload(() => step(cell, x.mul(1), step(cell, x.mul(2))))
    const now = step(cell, x, step(cell, x.mul(2)))
    for (const [i, tensor] of later.entries()) expect(tensor.equal(now[i] as Tensor)).toBe(true)
    await expect(torch.offload(() => step(cell, x.unsqueeze(0)))).rejects.toThrow(/Cell: Expected input to be 1D or 2D/)
  })

  test('refuses what it does not know', () => {
    expectError(() => make.cell({ bia: false }), 'ERR_TORCH_OPTION', /unknown option 'bia'; did you mean 'bias'/)
    expectError(() => make.cell({ numLayers: 2 }), 'ERR_TORCH_OPTION', /unknown option 'numLayers'/)
    expectError(() => make.cell({ bias: 1 }), 'ERR_TORCH_TYPE', /bias must be a boolean, got 1/)
    expectError(() => step(make.cell({}), [1, 2, 3] as never), 'ERR_TORCH_TYPE', /expected a Tensor, got \[1, 2, 3\]/)
    const gone = torch.zeros([3])
    gone.dispose()
    expectError(() => step(make.cell({}), gone), 'ERR_TORCH_DISPOSED', /disposed/)
  })
})

test('takes a state and an input of no elements', () => {
  for (const kind of [RNNCell, GRUCell, LSTMCell]) {
    const [none] = step(new kind(5, 0), torch.zeros([2, 5])) as [Tensor]
    expect(none.shape).toEqual([2, 0])
    const [h] = step(new kind(0, 2), torch.zeros([2, 0])) as [Tensor]
    const [a, b] = h.unbind() as [Tensor, Tensor]
    expect(a.equal(b)).toBe(true)
  }
})

test.each([0, 1])('LSTMCell has gradients where only its state %i is used', (i) => {
  const cell = new LSTMCell(2, 3, { dtype: 'float64' })
  const [x, h, c] = [[2], [3], [3]].map((size) => torch.randn(size, { dtype: 'float64', requiresGrad: true })) as [
    Tensor,
    Tensor,
    Tensor,
  ]
  const results = cell.forward(x, [h, c])
  results[i as 0].sum().backward()
  for (const tensor of [x, h, c, ...cell.parameters()]) {
    expect(Number.isFinite(tensor.grad?.abs().sum().item())).toBe(true)
  }
  // ∂c'/∂c is the forget gate.
  const gates = cell.weight_ih
    .mv(x)
    .add(cell.bias_ih as Tensor)
    .add(cell.weight_hh.mv(h))
    .add(cell.bias_hh as Tensor)
  const [, forget, , out] = gates.chunk(4) as [Tensor, Tensor, Tensor, Tensor]
  const slope =
    i === 1 ? torch.ones([3], { dtype: 'float64' }) : out.sigmoid().mul(results[1].tanh().square().neg().add(1))
  expectClose(c.grad as Tensor, forget.sigmoid().mul(slope).toArray() as number[], tight)
})

test('prints as PyTorch does', () => {
  expect(String(new RNNCell(3, 4))).toBe('RNNCell(3, 4)')
  expect(String(new RNNCell(3, 4, { bias: false, nonlinearity: 'relu' }))).toBe(
    'RNNCell(3, 4, bias=False, nonlinearity=relu)',
  )
  expect(String(new LSTMCell(10, 20))).toBe('LSTMCell(10, 20)')
  expect(String(new GRUCell(10, 20, { bias: false }))).toBe('GRUCell(10, 20, bias=False)')
})
