// JavaScript ignores arguments that nothing takes: `new nn.LSTM(10, 20, {}, true)` would not be what it says.
import { expect, expectTypeOf, test } from 'vitest'
import * as data from '../../lib/data/index.ts'
import { TensorDataset } from '../../lib/data/index.ts'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { LSTMModel, RNNModel } from '../../lib/models/index.ts'
import { Trainer, TrainingStep } from '../../lib/train/index.ts'
import { exportedClasses } from '../fuzz/targets.ts'
import { expectError } from '../support/error.ts'

const weights = (): Tensor[] => [new nn.Parameter(torch.ones([1]))]
const { Bernoulli, Categorical, Normal } = torch.distributions

test.each<[name: string, Class: unknown, args: unknown[]]>([
  ...[nn.RNN, nn.LSTM, nn.GRU, nn.MinGRU, nn.PeepholeLSTM, nn.ChungGRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell].map(
    (Class): [string, unknown, unknown[]] => [Class.name, Class, [2, 3, {}]],
  ),
  ...[optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop].map((Class): [string, unknown, unknown[]] => [
    Class.name,
    Class,
    [weights(), { lr: 0.1 }],
  ]),
  ['LSTMModel', LSTMModel, [2, 3, 1, {}]],
  ['RNNModel', RNNModel, [2, 3, 1, {}]],
  ['Normal', Normal, [0, 1, {}]],
  ['Bernoulli', Bernoulli, [{ probs: 0.5 }]],
  ['Categorical', Categorical, [{ probs: torch.ones([2]) }]],
  ['DataLoader', data.DataLoader, [new TensorDataset(torch.ones([2]), torch.ones([2])), {}]],
  ['SequenceDataset', data.SequenceDataset, [torch.ones([4, 1]), torch.ones([4, 1]), { sequenceLength: 2 }]],
  ['Trainer', Trainer, [new nn.Linear(1, 1), {}]],
  ['TrainingStep', TrainingStep, [new nn.Linear(1, 1), { optimizer: new optim.SGD(weights()) }]],
  ['Generator', torch.Generator, [{}]],
  ['GradScaler', torch.amp.GradScaler, ['cpu', {}]],
  ['CUDAGraph', torch.cuda.CUDAGraph, []],
  ['Event', torch.cuda.Event, [{}]],
  ['PackedSequence', nn.utils.rnn.PackedSequence, [torch.ones([2]), torch.tensor([2]), null, null]],
])('%s refuses an argument too many', (name, Class, args) => {
  const make = (more: unknown[]) => () => Reflect.construct(Class as new () => object, [...args, ...more])
  const { message } = expectError(make([5]), 'ERR_TORCH_TYPE', /: got more arguments than it takes: 5$/)
  expect(message).toMatch(`${name}: `)
  if (!['CUDAGraph', 'Event'].includes(name)) expect(make([undefined])()).toBeTypeOf('object')
})

test('every constructor of the package ends with what refuses more, or takes any number', async () => {
  const classes = await exportedClasses()
  expect(classes.length).toBeGreaterThan(90)
  const open = classes.filter((Class) => {
    const [, parameters] = /\bconstructor\(([\s\S]*?)\) \{/.exec(Function.prototype.toString.call(Class)) ?? []
    // Without a constructor of its own, it has its base's. The key is one that only this library has.
    return parameters !== undefined && !/\.\.\.\w+$|^key\b|\bnone$|none = \[\]/.test(parameters.trim())
  })
  // Abstract ones, whose arguments their classes pass, and errors, which a catch clause may make of any number of parts.
  expect(open.map(({ name }) => name).sort()).toEqual([
    'ActivationModule',
    'AutogradFunction',
    'Distribution',
    'LRScheduler',
    'LibTorchError',
    'Module',
    'RecurrentCell',
    'RecurrentModule',
    'TorchError',
  ])
})

test('a value in the place of the options is named', () => {
  const cases: [() => unknown, string][] = [
    [
      () => new nn.LSTM(10, 20, 2 as never),
      'LSTM: options must be an object, got 2: pass it by its name, as in { numLayers: 2 }',
    ],
    [
      () => new optim.SGD(weights(), 0.1 as never),
      'SGD: options must be an object, got 0.1: pass it by its name, as in { lr: 0.1 }',
    ],
    [
      () => new nn.Linear(2, 3, false as never),
      'Linear: options must be an object, got false: pass it by its name, as in { bias: false }',
    ],
  ]
  for (const [call, message] of cases) expect(expectError(call, 'ERR_TORCH_TYPE', '').message).toBe(message)
})

test('the types of instances can be taken from their classes', () => {
  expectTypeOf<InstanceType<typeof nn.Linear>>().toEqualTypeOf<nn.Linear>()
  expectTypeOf<InstanceType<typeof nn.LSTM>>().toEqualTypeOf<nn.LSTM>()
  expectTypeOf<InstanceType<typeof Trainer>>().toEqualTypeOf<Trainer>()
  // @ts-expect-error
  expectError(() => new nn.LSTM(1, 1, {}, true), 'ERR_TORCH_TYPE', 'LSTM: got more arguments than it takes: true')
})
