import type { ComparedModel, ComparedNaive, Comparison, TargetValues } from '../../lib/cli/comparison.ts'

const day = (i: number): string => new Date(Date.UTC(2024, 11, 1 + i)).toISOString().slice(0, 10)

/** A small comparison of two networks for one target, as `compare` writes it. */
export function comparison(target: string): Comparison {
  const windows = Array.from({ length: 8 }, (_, i) => i)
  const values = (shift: number): TargetValues[] =>
    windows.map((i) => ({ [target]: [0, 1, 2].map((h) => 10 + Math.sin(i + h) + shift) }))
  const byStep = (mae: number) => ({ mae: [mae, mae + 0.1, mae + 0.2], rmse: [mae + 0.5, mae + 0.6, mae + 0.7] })
  const model = (name: string, mae: number): ComparedModel => ({
    name: `${name}-8`,
    model: name,
    hiddenSize: 8,
    parameters: 1234,
    lr: 0.003,
    runs: [0, 1].map((seed) => ({
      folder: `runs/${name}-8-lr0.003-seed${seed}`,
      seed,
      lr: 0.003,
      isCounted: true,
      hasDiverged: false,
      epochs: 6,
      bestEpoch: 4,
      stopReason: null,
      seconds: 1.5,
      validationLoss: 0.2,
      errors: { loss: 0.2, mae: mae + 0.02 * seed, rmse: mae + 0.7 },
      history: [1, 2, 3, 4, 5, 6].map((epoch) => ({
        epoch,
        trainLoss: 1 / epoch,
        validationLoss: 0.2 + (epoch - 4) ** 2 / 20,
      })),
    })),
    errors: {
      loss: { mean: 0.2, spread: 0 },
      mae: { mean: mae, spread: 0.025 },
      rmse: { mean: mae + 0.7, spread: 0.03 },
    },
    validation: { mean: mae - 0.1, spread: 0.02 },
    seconds: { mean: 1.5, spread: 0.1 },
    latencyMs: 0.3,
    byStep: byStep(mae),
    forecasts: values(0.2),
  })
  const naive = (name: ComparedNaive['name'], mae: number): ComparedNaive => ({
    name,
    errors: { mae, rmse: mae + 0.9 },
    validation: mae,
    byStep: byStep(mae),
    forecasts: values(0.8),
  })
  const difference = (b: string, value: number, isClear: boolean): Comparison['differences'][number] => ({
    a: 'gru-8',
    b,
    difference: value,
    relative: value / 2,
    dieboldMariano: {
      statistic: 8 * value,
      pValue: isClear ? 0.0001 : 0.3,
      adjusted: isClear ? 0.0003 : 0.6,
      weights: 'uniform',
    },
    bootstrap: { level: 0.95, lower: value - 0.2, upper: value + 0.2, blockLength: 5, samples: 1000 },
    isClear,
  })
  return {
    kind: 'comparison',
    version: 1,
    about: {
      'libtorch-rnn': '0.1.0',
      libtorch: '2.13.0',
      node: 'v22.12.0',
      platform: 'linux-x64',
      dataSha256: 'a'.repeat(64),
    },
    created: '2026-11-27T18:30:00Z',
    compare: {
      models: ['gru', 'lstm'],
      hiddenSizes: [8],
      seeds: 2,
      lrs: [0.003],
      steps: 100,
      seconds: null,
      by: 'mae',
    },
    settings: { task: 'forecast', target: [target], past: 14, horizon: 3, season: 7 },
    data: {
      path: '../../data.csv',
      rows: 400,
      groups: [],
      targets: [target],
      inputs: [target, 'wind'],
      frequency: 'day',
      from: '2023-12-01',
      to: '2024-12-24',
      gaps: [{ after: '2024-03-01', before: '2024-03-05' }],
      parts: [
        { name: 'train', from: '2023-12-15', to: '2024-09-30', windows: 270 },
        { name: 'validation', from: '2024-10-01', to: '2024-11-30', windows: 59 },
        { name: 'test', from: '2024-12-01', to: '2024-12-24', windows: 22 },
      ],
    },
    models: [model('gru', 2.43), model('lstm', 2.5)],
    naive: [naive('persistence', 2.9), naive('seasonalNaive', 3.4)],
    test: {
      windows: 22,
      origins: 22,
      shown: windows.map((i) => ({
        group: null,
        times: [0, 1, 2].map((h) => day(3 * i + h)),
        actual: values(0)[i] as TargetValues,
      })),
    },
    differences: [difference('lstm-8', -0.07, false), difference('persistence', -0.47, true)],
    recommendation: {
      choice: 'gru-8',
      kind: 'model',
      run: 'gru-8-seed0',
      bestModel: 'gru-8',
      bestNaive: 'persistence',
      alike: ['lstm-8'],
      sentences: ['Take gru-8: its error is the least.', 'lstm-8 cannot be told from it on these data.'],
    },
    seconds: 6,
    warnings: [],
  }
}
