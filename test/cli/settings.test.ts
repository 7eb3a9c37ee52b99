// The table of settings has what the library has.
import { expect, test } from 'vitest'
import { differences, withPresets } from '../../lib/cli/config.ts'
import { helpOf, termOf } from '../../lib/cli/flags.ts'
import { OWN } from '../../lib/cli/plan.ts'
import { flagOf, MODEL, SETTINGS, type Setting, TRAINING, UNSET } from '../../lib/cli/settings.ts'
import { trainingOptions } from '../../lib/cli/training.ts'
import { messageOf } from '../../lib/errors.ts'
import { GRUModel } from '../../lib/models/index.ts'
import * as nn from '../../lib/nn/index.ts'
import { Trainer } from '../../lib/train/index.ts'

/** The names that an error lists. */
function listed(fn: () => unknown, list: RegExp): string[] {
  try {
    fn()
  } catch (error) {
    return (list.exec(messageOf(error))?.[1] ?? '').split(', ').map((name) => name.replaceAll("'", ''))
  }
  throw new Error('nothing was refused')
}

const choicesOf = ({ kind }: Setting): string[] => [...(kind.choices ?? [])]
const trainer = (options: object): Trainer => new Trainer(new GRUModel(1, 1, 1), options)

test('each option of a Trainer has a setting, or a reason to have none', () => {
  const options = listed(() => trainer({ none: 1 }), /Options are (.*)$/)
  expect(options.length).toBeGreaterThan(25)
  const reached = [...Object.keys(SETTINGS), ...Object.keys(UNSET)]
  expect(options.filter((name) => !reached.includes(name))).toEqual([])
  expect(Object.keys(UNSET).filter((name) => !options.includes(name) || name in SETTINGS)).toEqual([])
})

test('each training setting reaches the trainer', () => {
  const given = {
    maxSteps: 3,
    maxSeconds: 4,
    schedule: 'cosine',
    weightDecay: 0.1,
    decayBiases: false,
    clipGradValue: 5,
    movingAverage: 0.9,
    monitor: 'validationMae',
    autocast: 'bfloat16',
    init: { recurrent: 'orthogonal', bias: 0 },
    dtype: 'float32',
    activationRegularization: 1,
    temporalActivationRegularization: 1,
    l1Regularization: 1,
  } as const
  const options = trainingOptions(withPresets(given), ['mae'])
  expect(options).toMatchObject({
    maxSteps: 3,
    maxSeconds: 4,
    schedule: 'cosine',
    weightDecay: { value: 0.1, biases: false },
    clipGradValue: 5,
    movingAverage: 0.9,
    monitor: 'validationMae',
    autocast: 'bfloat16',
    init: { recurrent: 'orthogonal', bias: 0 },
    dtype: 'float32',
    patience: 10,
    metrics: ['mae'],
  })
  expect(options.auxiliaryLosses).toHaveLength(3)
  const renamed = ['decayBiases', 'activationRegularization', 'temporalActivationRegularization', 'l1Regularization']
  expect(Object.keys(TRAINING).filter((key) => !renamed.includes(key) && !(key in options))).toEqual([])
  expect(() => trainer(options)).not.toThrow()
  expect(trainingOptions(withPresets({ patience: 0 }), [])).not.toHaveProperty('patience')
})

test('the choices are those of the library', () => {
  const optimizers = listed(() => trainer({ optimizer: 'none' }), /optimizer must be (.*) or a function/)
  expect(choicesOf(TRAINING.optimizer).sort()).toEqual(optimizers.sort())
  const losses = listed(() => trainer({ loss: 'none' }), /loss must be (.*), a loss module/)
  expect(losses).toEqual(expect.arrayContaining(choicesOf(TRAINING.loss)))
  const metrics = listed(() => trainer({ metrics: ['none'] }), /must be (.*), or an instance/)
  expect(metrics).toEqual(expect.arrayContaining(choicesOf(TRAINING.metrics)))
  const nonFinite = listed(() => trainer({ nonFinite: 'none' }), /must be (.*), got/)
  expect(nonFinite.join(', ').replace(' or ', ', ')).toBe(choicesOf(TRAINING.nonFinite).join(', '))
})

test('each network takes the settings that are said to be its own, and only these', () => {
  const classes = {
    rnn: nn.RNN,
    lstm: nn.LSTM,
    gru: nn.GRU,
    peepholeLstm: nn.PeepholeLSTM,
    chungGru: nn.ChungGRU,
    minGru: nn.MinGRU,
  }
  const shared = ['numLayers', 'bias', 'batchFirst', 'dropout', 'bidirectional', 'device', 'dtype']
  expect(Object.keys(OWN)).toEqual(choicesOf(MODEL.model))
  for (const [name, Class] of Object.entries(classes)) {
    const options = listed(() => new Class(1, 1, { none: 1 } as never), /Options are (.*)$/)
    expect(options.filter((option) => !shared.includes(option)).sort(), name).toEqual(
      [...OWN[name as keyof typeof OWN]].sort(),
    )
  }
})

test('every setting has a help, and a value of its kind without one', () => {
  for (const [key, { kind, help, preset }] of Object.entries(SETTINGS) as [string, Setting][]) {
    expect(help, key).toMatch(/^[a-z"'].*[^.]$/i)
    if (preset !== undefined) expect(kind.accepts(preset), key).toBe(true)
    expect(kind.accepts(undefined), key).toBe(false)
    expect(kind.accepts(Symbol()), key).toBe(false)
  }
  const flags = Object.keys(SETTINGS).map(flagOf)
  expect(new Set(flags).size).toBe(flags.length)
})

test.each([
  ['past', '30', 30],
  ['past', '0', undefined],
  ['past', '1.5', undefined],
  ['past', '', undefined],
  ['patience', '0', 0],
  ['seed', '-1', -1],
  ['lr', '1e-2', 0.01],
  ['lr', '0', undefined],
  ['dropout', '1.5', undefined],
  ['target', 'a, b', ['a', 'b']],
  ['target', 'a,,b', undefined],
  ['intervals', '0.8,0.95', [0.8, 0.95]],
  ['intervals', 'none', []],
  ['intervals', '80', undefined],
  ['validation', '0.2', 0.2],
  ['validation', '2014', '2014'],
  ['validation', '2014-06-30T12:00', '2014-06-30T12:00'],
  ['validation', 'none', 'none'],
  ['validation', '20', undefined],
  ['scalers', 'rain=log,wind=robust', { rain: 'log', wind: 'robust' }],
  ['scalers', 'log', undefined],
  ['init', 'recurrent=orthogonal,bias=0', { recurrent: 'orthogonal', bias: 0 }],
  ['init', 'orthogonal', undefined],
  ['schedule', 'cosine', 'cosine'],
  ['schedule', '{"name": "cosine", "warmup": 0.1}', { name: 'cosine', warmup: 0.1 }],
  ['schedule', '{"warmup": 0.1}', undefined],
  ['schedule', '{', undefined],
  ['model', 'gru', 'gru'],
  ['model', 'GRU', undefined],
] as const)('--%s %s is read as %j', (key, text, wanted) => {
  const { kind }: Setting = SETTINGS[key]
  const value = kind.parse(text)
  expect(kind.accepts(value) ? value : undefined).toEqual(wanted)
})

test('help says choices and the value without one', () => {
  expect(termOf('hiddenSize', MODEL.hiddenSize)).toBe('--hidden-size <n>')
  expect(helpOf(MODEL.hiddenSize)).toBe('the units of each layer (default: 64)')
  expect(termOf('shuffle', TRAINING.shuffle)).toBe('--no-shuffle')
  expect(termOf('bidirectional', MODEL.bidirectional)).toBe('--bidirectional')
  expect(helpOf(MODEL.model)).toMatch(/\(choices: rnn, lstm, .*; default: gru\)$/)
})

test('differences of settings are found by value', () => {
  expect(differences({ target: ['a'], lr: 1 }, { target: ['a'], lr: 2, past: 3 })).toEqual(['past', 'lr'])
})
