// JavaScript ignores arguments that nothing takes: `new nn.LSTM(10, 20, {}, true)` would not be what it says.

import ts from 'typescript'
import { expect, expectTypeOf, test } from 'vitest'
import * as data from '../../lib/data/index.ts'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { LSTMModel, RNNModel } from '../../lib/models/index.ts'
import { Trainer, TrainingStep } from '../../lib/train/index.ts'
import { exportedClasses, exportedFunctions } from '../fuzz/targets.ts'
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
  ['DataLoader', data.DataLoader, [new data.TensorDataset(torch.ones([2]), torch.ones([2])), {}]],
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

/** The parameters of a function, from its source. */
function parametersOf(fn: (...args: never[]) => unknown): readonly ts.ParameterDeclaration[] {
  const text = Function.prototype.toString.call(fn)
  // A method is one only within an object.
  for (const code of [`(${text})`, `({ ${text} })`]) {
    let found: ts.SignatureDeclaration | undefined
    const visit = (node: ts.Node): void => {
      if (ts.isFunctionLike(node)) found ??= node as ts.SignatureDeclaration
      else ts.forEachChild(node, visit)
    }
    const file = ts.createSourceFile('function.js', code, ts.ScriptTarget.ESNext, true)
    if ((file as unknown as { parseDiagnostics: unknown[] }).parseDiagnostics.length > 0) continue
    visit(file)
    if (found !== undefined) return [...found.parameters]
  }
  throw new Error(`not a function: ${text}`)
}

test('every function of the package with several parameters refuses more, or takes any number', async () => {
  const functions = await exportedFunctions()
  expect(functions.length).toBeGreaterThan(400)
  const open = functions.filter(([, fn]) => {
    const parameters = parametersOf(fn)
    // Those of one value may be callbacks of map and forEach, which pass an index: list.filter(torch.isTensor).
    return parameters.length > 1 && parameters.at(-1)?.dotDotDotToken === undefined
  })
  // Fastify calls a plugin with one argument more.
  expect(open.map(([name]) => name)).toEqual(['serve/fastify.servePlugin'])
})

test.each<[name: string, call: (...more: undefined[]) => unknown]>([
  ['mseLoss', (...more) => nn.functional.mseLoss(torch.ones([1]), torch.ones([1]), {}, ...more)],
  ['relu', (...more) => nn.functional.relu(torch.ones([1]), {}, ...more)],
  ['softsign', (...more) => nn.functional.softsign(torch.ones([1]), {}, ...more)],
  ['hardtanh', (...more) => nn.functional.hardtanh(torch.ones([1]), {}, ...more)],
  ['linear', (...more) => nn.functional.linear(torch.ones([1, 1]), torch.ones([1, 1]), null, ...more)],
  ['adaptiveAvgPool1d', (...more) => nn.functional.adaptiveAvgPool1d(torch.ones([1, 1, 2]), 1, ...more)],
  ['clipGradNorm_', (...more) => nn.utils.clipGradNorm_(weights(), 1, {}, ...more)],
  ['clipGradValue_', (...more) => nn.utils.clipGradValue_(weights(), 1, ...more)],
  ['constant_', (...more) => nn.init.constant_(torch.ones([1]), 1, ...more)],
  ['zeros', (...more) => torch.zeros([1], {}, ...more)],
  ['eye', (...more) => (torch.eye as (...args: unknown[]) => unknown)(2, 2, {}, ...more)],
  ['fromPretrained', (...more) => nn.Embedding.fromPretrained(torch.ones([1, 1]), {}, ...more)],
  ['klDivergence', (...more) => torch.distributions.klDivergence(new Normal(0, 1), new Normal(0, 1), ...more)],
])('%s refuses an argument too many', (name, call) => {
  const { message } = expectError(() => call(5 as never), 'ERR_TORCH_TYPE', /: got more arguments than it takes: 5$/)
  expect(message).toMatch(`${name}: `)
  expect(() => call(undefined)).not.toThrow()
})

test('a Promise of a function rejects an argument too many', async () => {
  await expect(torch.load('none.pt', {}, 5 as never)).rejects.toThrow('load: got more arguments than it takes: 5')
  await expect(Reflect.apply(torch.offload, undefined, [() => 0, {}, 5])).rejects.toThrow(
    'offload: got more arguments than it takes: 5',
  )
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
