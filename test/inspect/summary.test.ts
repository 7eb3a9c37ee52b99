import { expect, test } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { summary } from '../../lib/inspect/index.ts'
import { GRUModel, LSTMModel } from '../../lib/models/index.ts'
import { expectError } from '../support/error.ts'

test('shows names, classes, output shapes and parameters', () => {
  const model = new LSTMModel(8, 16, 2, { numLayers: 2, output: 'last' })
  expect(summary(model, { inputSize: [10, 3, 8] })).toBe(
    [
      'Module   Class      Output                                   Parameters',
      '-----------------------------------------------------------------------',
      '(model)  LSTMModel  (3, 2)                                            -',
      'lstm     LSTM       [(10, 3, 16), [(2, 3, 16), (2, 3, 16)]]       3,840',
      'linear   Linear     (3, 2)                                           34',
      '-----------------------------------------------------------------------',
      '3,874 parameters (15.1 KiB), 3,874 of them trainable',
    ].join('\n'),
  )
})

test('needs no input', () => {
  const model = new nn.Sequential(new nn.Linear(2, 3, { dtype: 'float64' }), new nn.Sequential(new nn.Tanh()))
  model[0]?.requiresGrad_(false)
  expect(summary(model)).toBe(
    [
      'Module   Class       Parameters',
      '-------------------------------',
      '(model)  Sequential           -',
      '0        Linear               9',
      '1        Sequential           -',
      '1.0      Tanh                 -',
      '-------------------------------',
      '9 parameters (72 bytes), 0 of them trainable',
    ].join('\n'),
  )
})

test('a tied weight is counted once, and tokens are integers', () => {
  const model = new GRUModel(4, 4, 9, { embedding: 9, tieWeights: true })
  const lines = summary(model, { inputSize: [5, 2], dtype: 'int64' }).split('\n')
  expect(lines.slice(2, 6).map((line) => line.split(/ {2,}/))).toEqual([
    ['(model)', 'GRUModel', '(5, 2, 9)', '-'],
    ['embedding', 'Embedding', '(5, 2, 4)', '36'],
    ['gru', 'GRU', '[(5, 2, 4), (1, 2, 4)]', '120'],
    ['linear', 'Linear', '(5, 2, 9)', '9'],
  ])
  expect(lines.at(-1)).toBe('165 parameters (660 bytes), 165 of them trainable')
})

test('leaves the model, the modes of its parts and the memory as they were', () => {
  const model = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2), new nn.Dropout(0.5))
  ;(model[1] as nn.Module).eval()
  const before = Object.fromEntries(Object.entries(model.stateDict()).map(([name, tensor]) => [name, tensor.clone()]))
  const state = torch.getRngState()
  const forward = model.forward
  summary(model, { inputSize: [4, 2] })
  const { tensors } = torch.memory()
  summary(model, { inputSize: [4, 2] })
  expect(torch.memory().tensors).toBeLessThanOrEqual(tensors)
  expect([...model.modules()].map(({ training }) => training)).toEqual([true, true, false, true])
  for (const [name, tensor] of Object.entries(model.stateDict()))
    expect(tensor.equal(before[name] as Tensor)).toBe(true)
  expect(torch.getRngState().equal(state)).toBe(true)
  expect(model.forward).toBe(forward)
})

test('what does not run has no shape; packed sequences, and other outputs, have their own', () => {
  class Own extends nn.Module {
    used = new nn.Identity()
    unused = new nn.Tanh()
    override forward(x: Tensor): nn.utils.rnn.PackedSequence {
      return nn.utils.rnn.packSequence([this.used.forward(x) as Tensor])
    }
  }
  const rows = summary(new Own(), { inputSize: [3, 2] }).split('\n')
  expect(rows.slice(2, 5).map((line) => line.split(/ {2,}/))).toEqual([
    ['(model)', 'Own', 'packed (3, 2)', '-'],
    ['used', 'Identity', '(3, 2)', '-'],
    ['unused', 'Tanh', '-', '-'],
  ])
})

test('wrong arguments are refused, and hooks do not stay', () => {
  const model = new nn.Linear(2, 1)
  expectError(() => summary({} as never), 'ERR_TORCH_TYPE', 'summary: model must be a Module')
  expectError(() => summary(model, { input: [1] } as never), 'ERR_TORCH_OPTION', "unknown option 'input'")
  expectError(() => summary(model, { inputSize: 3 as never }), 'ERR_TORCH_TYPE', 'inputSize must be an array of')
  expectError(() => summary(model, { inputSize: [-1] }), 'ERR_TORCH_TYPE', 'inputSize must be an array of')
  expectError(() => summary(model, { dtype: 'int64' }), 'ERR_TORCH_TYPE', 'inputSize must be given with dtype')
  expectError(() => summary(model, { inputSize: [1, 2], dtype: 'text' as never }), 'ERR_TORCH_DTYPE', 'dtype must be')
  expectError(() => summary(model, { inputSize: [4, 3] }), 'ERR_TORCH_SHAPE', '')
  expect(Object.hasOwn(model, 'forward')).toBe(false)
})
