import { describe, expect, test } from 'vitest'
import { type Evidence, recommendationOf } from '../../../lib/cli/compare/recommendation.ts'
import type { ComparedModel, ComparedNaive, Difference } from '../../../lib/cli/comparison.ts'

const model = (name: string, validation: number, mae: number, parameters: number): ComparedModel =>
  ({
    name,
    parameters,
    validation: { mean: validation, spread: 0 },
    errors: { mae: { mean: mae, spread: 0.02 } },
  }) as unknown as ComparedModel
const naive = (name: string, mae: number): ComparedNaive => ({ name, errors: { mae } }) as unknown as ComparedNaive
const difference = (b: string, value: number, isClear: boolean): Difference => ({
  a: 'gru-8',
  b,
  difference: value,
  relative: value,
  dieboldMariano: { statistic: 1, pValue: 0.01, adjusted: isClear ? 0.0001 : 0.2, weights: 'uniform' },
  bootstrap: { level: 0.95, lower: value - 0.1, upper: value + 0.1, blockLength: 7, samples: 2000 },
  isClear,
})
const evidence = (rival: Difference, more: Partial<Evidence> = {}): Evidence => ({
  models: [model('gru-8', 1, 2, 300), model('rnn-8', 1.1, 2.1, 100), model('lstm-8', 1.2, 3, 400)],
  naive: [naive('persistence', 2.5), naive('drift', 4)],
  differences: [difference('rnn-8', -0.1, false), difference('lstm-8', -1, true), rival, difference('drift', -2, true)],
  by: 'mae',
  seeds: 3,
  run: 'runs/gru-8-lr0.01-seed2',
  ...more,
})

describe('the recommendation', () => {
  test('is the network with the least validation error where it beats the naive forecasts', () => {
    const found = recommendationOf(evidence(difference('persistence', -0.5, true)))
    expect(found).toMatchObject({
      ...{ choice: 'gru-8', kind: 'model', bestModel: 'gru-8', bestNaive: 'persistence', alike: ['rnn-8'] },
      run: 'runs/gru-8-lr0.01-seed2',
    })
    expect(found.sentences).toEqual([
      'Take gru-8, whose validation error is the least: on the test part its mae is 2 ± 0.020 over 3 seeds, 20.0 % below that of the best naive forecast, persistence, 2.500.',
      "That is more than noise: the 95 % interval of the difference of absolute errors is -0.6000 to -0.4000 (bootstrap of blocks of 7 origins and of seeds), and Diebold-Mariano gives p < 0.001 after Holm's correction.",
      'rnn-8 cannot be told from gru-8 on these data; the smallest of these is rnn-8, with 100 parameters.',
    ])
  })

  test('is the naive forecast where the difference may be chance', () => {
    const found = recommendationOf(evidence(difference('persistence', -0.5, false)))
    expect(found).toMatchObject({ choice: 'persistence', kind: 'naive', bestModel: 'gru-8' })
    expect(found.sentences[0]).toBe(
      'Take persistence, which needs no training: the best network does not beat it by more than noise.',
    )
    expect(found.sentences[1]).toMatch(
      /gru-8 has mae 2 ± 0\.020, and persistence 2\.500: .* 20\.0 % lower, but that may/,
    )
    expect(found.sentences[1]).toMatch(/p = 0\.20 after Holm's correction\.$/)
    expect(found.sentences[2]).toMatch(/^A longer test part \(--test\), or more --seeds/)
  })

  test('is the naive forecast where it is better', () => {
    const better = [naive('persistence', 1.5), naive('drift', 4)]
    const found = recommendationOf(evidence(difference('persistence', 0.5, true), { naive: better }))
    expect(found).toMatchObject({ choice: 'persistence', kind: 'naive' })
    expect(found.sentences.slice(0, 2)).toEqual([
      'Take persistence, which needs no training: the best network does not beat it.',
      expect.stringContaining('its error is 33.3 % higher, and that is more than noise'),
    ])
    const alike = recommendationOf(evidence(difference('persistence', 0.5, false), { naive: better }))
    expect(alike.sentences[1]).toContain('its error is 33.3 % higher, and the two cannot be told apart')
  })

  test('says when another network has the least test error, and when one seed says little', () => {
    const models = [model('rnn-8', 1.1, 1.9, 900), model('gru-8', 1, 2, 300)]
    const found = recommendationOf(evidence(difference('persistence', -0.5, true), { models, seeds: 1 }))
    expect(found.sentences[0]).toMatch(/its mae is 2, 20\.0 % below/)
    expect(found.sentences.slice(2)).toEqual([
      'rnn-8 cannot be told from gru-8 on these data; the smallest of these is gru-8, with 300 parameters.',
      'The least test error is that of rnn-8, 1.900, but who chooses by the test part measures nothing by it.',
      'With one seed, the noise of the training is not in these intervals: use more --seeds.',
    ])
  })

  test('without a test and by squared errors the words are others', () => {
    const alone = { ...difference('persistence', -0.5, true), dieboldMariano: null }
    const models = [{ ...model('gru-8', 1, 2, 300), errors: { rmse: { mean: 2, spread: 0.1 } } }]
    const naives = [{ ...naive('persistence', 2.5), errors: { rmse: 2.5 } }]
    const found = recommendationOf(evidence(alone, { models, naive: naives, by: 'rmse', differences: [alone] }))
    expect(found.sentences[0]).toMatch(/^Take gru-8: on the test part its rmse is/)
    expect(found.sentences[1]).toMatch(/squared errors .*, and a Diebold-Mariano test is not possible\.$/)
  })
})
