import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  Accuracy,
  AUROC,
  type AUROCOptions,
  BitsPerCharacter,
  ConfusionMatrix,
  F1,
  NegativeLogLikelihood,
  Perplexity,
  Precision,
  Recall,
} from '../../lib/metrics/index.ts'
import * as nn from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { Trainer } from '../../lib/train/index.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'

/** Outputs that are largest for these of 3 classes. */
const predicting = (...classes: number[]): Tensor =>
  torch.tensor(classes.map((one) => [0, 1, 2].map((i) => (i === one ? 1 : -1))))
const classes = (...values: number[]): Tensor => torch.tensor(values, { dtype: 'int64' })

describe('classes', () => {
  test('are compared over all batches', async () => {
    const [accuracy, matrix] = [new Accuracy(), new ConfusionMatrix()]
    for (const metric of [accuracy, matrix]) {
      metric.update(predicting(0, 1, 2, 2), classes(0, 1, 1, 2))
      metric.update(predicting(0), classes(1))
    }
    expect(await accuracy.compute()).toBe(3 / 5)
    const table = await matrix.compute()
    expect(table.toArray()).toEqual([
      [1, 0, 0],
      [1, 1, 1],
      [0, 0, 1],
    ])
    expect([table.dtype, table.isInference(), table.pending]).toEqual(['float64', false, false])
    // The caller's own.
    table.zero_()
    expect(matrix.computeSync().sum().item()).toBe(5)
  })

  test('and steps, with integers of any dtype', () => {
    for (const dtype of ['int64', 'int32', 'uint8'] as const) {
      const metric = new Accuracy()
      metric.update(predicting(0, 1, 2, 2).reshape([2, 2, 3]), classes(0, 1, 1, 2).reshape([2, 2]).to(dtype))
      expect(metric.computeSync()).toBe(3 / 4)
    }
  })

  test('two classes with one output', () => {
    const output = torch.tensor([-2, -0.1, 0.1, 3])
    for (const target of [torch.tensor([0, 1, 1, 1]), classes(0, 1, 1, 1), torch.tensor([false, true, true, true])]) {
      const metrics = [new Accuracy(), new Precision(), new Recall(), new F1()]
      for (const metric of metrics) metric.update(output, target)
      expectClose(
        metrics.map((metric) => metric.computeSync()),
        [3 / 4, 1, 2 / 3, 4 / 5],
        { rtol: 1e-12, atol: 0 },
      )
      const strict = new Accuracy({ threshold: 0.9 })
      strict.update(output, target)
      expect(strict.computeSync()).toBe(2 / 4)
      const probs = new Accuracy({ outputs: 'probs', threshold: 0.05 })
      probs.update(output, target)
      expect(probs.computeSync()).toBe(3 / 4)
    }
  })

  test('ignoreIndex does not count', () => {
    const value = (options: object, ...target: number[]): number => {
      const metric = new Accuracy(options)
      metric.update(predicting(0, 1, 2), classes(...target))
      return metric.computeSync()
    }
    expect(value({}, 0, -100, 1)).toBe(1 / 2)
    expect(value({ ignoreIndex: 1 }, 0, 1, 1)).toBe(1)
    expect(value({ ignoreIndex: 0 }, 0, 0, 0)).toBeNaN()
    const binary = new F1()
    binary.update(torch.tensor([1, -1, 1]), torch.tensor([1, -100, 1]))
    expect(binary.computeSync()).toBe(1)
  })

  test('topK', () => {
    const output = torch.tensor([
      [3, 2, 1],
      [3, 2, 1],
      [1, 2, 3],
    ])
    const value = (topK: number): number => {
      const metric = new Accuracy({ topK })
      metric.update(output, classes(0, 1, 0))
      return metric.computeSync()
    }
    expect([value(1), value(2), value(3)]).toEqual([1 / 3, 2 / 3, 1])
  })

  test('a class that is absent is not in the mean, and a score without divisor is 0', () => {
    const value = (metric: F1 | Precision | Recall): number => {
      // Class 1 neither occurs nor is predicted; class 2 is never predicted.
      metric.update(predicting(0, 0), classes(0, 2))
      return metric.computeSync()
    }
    expect(value(new F1())).toBeCloseTo((2 / 3 + 0) / 2, 12)
    expect(value(new Precision())).toBe((1 / 2 + 0) / 2)
    expect(value(new Recall({ average: 'weighted' }))).toBe((1 + 0) / 2)
    const none = new F1()
    none.update(torch.tensor([-1, -1]), torch.tensor([0, 0]))
    expect(none.computeSync()).toBe(0)
  })

  test("'none' gives the score of each class", async () => {
    const metrics = [
      new F1({ average: 'none' }),
      new Precision({ average: 'none' }),
      new Recall({ average: 'none' }),
      new Accuracy({ average: 'none' }),
    ]
    for (const metric of metrics) {
      expect(metric.isScalar).toBe(false)
      metric.update(predicting(0, 0, 1), classes(0, 2, 1))
    }
    const values = await Promise.all(metrics.map(async (metric) => (await metric.compute()).toArray()))
    expect(values).toEqual([
      [2 / 3, 1, 0],
      [0.5, 1, 0],
      [1, 1, 0],
      [1, 1, 0],
    ])
    const empty = new F1({ average: 'none' })
    expectError(() => empty.computeSync(), 'ERR_TORCH_VALUE', 'F1: there were no batches')
    expectError(
      () => new Trainer(new nn.Linear(1, 1), { metrics: [empty as never] }),
      'ERR_TORCH_OPTION',
      "the result of F1, 'f1', is a Tensor, not a number",
    )
  })

  test('nothing that counts gives NaN, or no matrix', () => {
    for (const metric of [
      new Accuracy(),
      new F1(),
      new F1({ average: 'weighted' }),
      new Recall({ average: 'micro' }),
      new Perplexity(),
      new AUROC(),
    ]) {
      expect(metric.computeSync()).toBeNaN()
      if (!(metric instanceof AUROC)) metric.update(torch.zeros([0, 3]), classes())
      expect(metric.computeSync()).toBeNaN()
    }
    const matrix = new ConfusionMatrix()
    expectError(() => matrix.computeSync(), 'ERR_TORCH_VALUE', /ConfusionMatrix: there were no batches/)
    matrix.update(torch.zeros([0, 2]), classes())
    expect(matrix.computeSync().toArray()).toEqual([
      [0, 0],
      [0, 0],
    ])
  })

  test('an output with NaN predicts no class: it is found by no metric, and its row of the matrix is unknown', () => {
    const output = torch.tensor([
      [1, Number.NaN, 0],
      [0, 1, 0],
      [Number.NaN, 0, 1],
    ])
    const matrix = new ConfusionMatrix()
    matrix.update(output, classes(1, 1, 2), { mask: torch.tensor([true, true, false]) })
    expect(matrix.computeSync().toArray()).toEqual([[0, 0, 0], Array(3).fill(Number.NaN), [0, 0, 0]])
    const accuracy = new Accuracy()
    accuracy.update(output, classes(1, 1, 2))
    expect(accuracy.computeSync()).toBe(1 / 3)
    const binary = new ConfusionMatrix()
    binary.update(torch.tensor([Number.NaN, 3]), classes(0, 1))
    binary.update(torch.tensor([-3, 3]), classes(0, 1))
    expect(binary.computeSync().toArray()).toEqual([
      [Number.NaN, Number.NaN],
      [0, 2],
    ])
  })

  test('micro F1 of all targets is the accuracy, and the matrix has all of both', () => {
    const rows = fc.array(fc.tuple(fc.nat(2), fc.nat(2)), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(rows, (pairs) => {
        const metrics = [new Accuracy(), new F1({ average: 'micro' }), new ConfusionMatrix()] as const
        for (const metric of metrics) {
          metric.update(predicting(...pairs.map(([one]) => one)), classes(...pairs.map(([, other]) => other)))
        }
        const right = pairs.filter(([one, other]) => one === other).length / pairs.length
        expect(metrics[0].computeSync()).toBeCloseTo(right, 12)
        expect(metrics[1].computeSync()).toBeCloseTo(right, 12)
        const table = metrics[2].computeSync()
        expect(table.trace().div(pairs.length).item()).toBeCloseTo(right, 12)
        expect(table.sum(1).toArray()).toEqual([0, 1, 2].map((i) => pairs.filter(([, other]) => other === i).length))
      }),
      { numRuns: 30 },
    )
  })
})

describe('targets that are no class', () => {
  test.each([
    [
      'too large',
      predicting(0, 1),
      classes(0, 3),
      /Accuracy: 1 of the targets is not a class from 0 to 2, or ignoreIndex, -100/,
    ],
    ['negative', predicting(0, 1), classes(-1, -2), /2 of the targets are not a class/],
    ['between two', torch.tensor([1, 1]), torch.tensor([0.5, 1]), /1 of the targets is not a class from 0 to 1/],
    ['NaN', torch.tensor([1, 1]), torch.tensor([Number.NaN, 1]), /1 of the targets is not/],
  ])('%s, are told at the end', async (_, output, target, message) => {
    const metric = new Accuracy()
    metric.update(output, target)
    await expectRejection(metric.compute(), 'ERR_TORCH_VALUE', message)
    expectError(() => metric.computeSync(), 'ERR_TORCH_VALUE', message)
    const saved = new Accuracy()
    saved.loadStateDict(metric.stateDict())
    expectError(() => saved.computeSync(), 'ERR_TORCH_VALUE', /not a class/)
    metric.reset()
    metric.update(output, target, { mask: torch.zeros([2]) })
    expect(metric.computeSync()).toBeNaN()
  })

  test('for metrics of all kinds', () => {
    const two = [new AUROC(), new AUROC({ thresholds: 3 })]
    for (const metric of two) {
      metric.update(torch.tensor([1, 2]), classes(1, 0))
      metric.update(torch.tensor([1, 2]), classes(1, 2))
      expectError(() => metric.computeSync(), 'ERR_TORCH_VALUE', /AUROC: 1 of the targets is not a class from 0 to 1/)
    }
    for (const metric of [new F1(), new ConfusionMatrix(), new Perplexity()]) {
      metric.update(predicting(0, 1), classes(7, 1))
      expectError(() => metric.computeSync(), 'ERR_TORCH_VALUE', /1 of the targets is not a class from 0 to 2/)
    }
  })
})

describe('AUROC', () => {
  const value = (output: Tensor, target: Tensor, options: AUROCOptions<'macro'> = {}, update = {}): number => {
    const metric = new AUROC(options)
    metric.update(output, target, update)
    return metric.computeSync()
  }

  test('is the part of the pairs in the right order', () => {
    const pair = fc.tuple(fc.integer({ min: -3, max: 3 }), fc.boolean(), fc.nat(3))
    fc.assert(
      fc.property(fc.array(pair, { minLength: 2, maxLength: 20 }), (rows) => {
        const [output, target, weight] = [0, 1, 2].map((i) => torch.tensor(rows.map((one) => Number(one[i]))))
        let [right, all] = [0, 0]
        for (const [one, isOne, itsWeight] of rows) {
          for (const [other, isOther, otherWeight] of rows) {
            if (!isOne || isOther) continue
            all += itsWeight * otherWeight
            right += itsWeight * otherWeight * (one > other ? 1 : one === other ? 0.5 : 0)
          }
        }
        const expected = [right / all]
        const found = value(output as Tensor, target as Tensor, {}, { weight })
        expectClose([found], expected, { rtol: 1e-12, atol: 1e-12 })
        // The logits are in different intervals of the thresholds.
        const binned = value(output as Tensor, target as Tensor, { thresholds: 101 }, { weight })
        expectClose([binned], expected, { rtol: 1e-12, atol: 1e-12 })
      }),
      { numRuns: 50 },
    )
  })

  test('is NaN without one of the classes, or with a score that is NaN', () => {
    for (const options of [{}, { thresholds: 9 }]) {
      expect(value(torch.tensor([1, 2]), torch.tensor([1, 1]), options)).toBeNaN()
      expect(value(torch.tensor([1, Number.NaN]), torch.tensor([1, 0]), options)).toBeNaN()
      expect(value(torch.tensor([1, -1, 5]), torch.tensor([1, 0, 0]), options, { mask: classes(1, 1, 0) })).toBe(1)
    }
  })

  test('of several classes is that of each class against the others, weighted', () => {
    const row = fc.tuple(
      fc.nat(2),
      fc.nat(3),
      fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 3, maxLength: 3 }),
    )
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), (rows) => {
        const output = torch.tensor(rows.map(([, , scores]) => scores)).to('float64')
        const target = classes(...rows.map(([label]) => label))
        const weight = torch.tensor(rows.map(([, one]) => one))
        const probs = output.softmax(-1)
        const each = [0, 1, 2].map((label) =>
          value(probs.select(1, label), target.eq(label).long(), { outputs: 'probs' }, { weight }),
        )
        const actual = [0, 1, 2].map((label) => rows.reduce((sum, [own, one]) => sum + (own === label ? one : 0), 0))
        const known = [0, 1, 2].filter((label) => !Number.isNaN(each[label]))
        const mean = (weights: readonly number[]): number => {
          const all = known.reduce((sum, label) => sum + (weights[label] as number), 0)
          return known.reduce((sum, label) => sum + (each[label] as number) * (weights[label] as number), 0) / all
        }
        const found = (average: 'macro' | 'weighted' | 'none') => {
          const metric = new AUROC({ average })
          metric.update(output, target, { weight })
          return metric.computeSync()
        }
        const close = { rtol: 1e-9, atol: 1e-9 }
        if (rows.some(([, one]) => one > 0))
          expectClose(found('none') as Tensor, torch.tensor(each, { dtype: 'float64' }), close)
        expectClose([found('macro') as number], [mean([1, 1, 1])], close)
        expectClose([found('weighted') as number], [mean(actual)], close)
      }),
      { numRuns: 50 },
    )
  })

  test('knows outputs that are certain', () => {
    // Their sigmoid is 1 in float32.
    expect(value(torch.tensor([90, 80, -90]), torch.tensor([1, 0, 0]), { thresholds: 9 })).toBe((0.5 + 1) / 2)
  })

  test.each([
    [
      'thresholds',
      () => new AUROC({ thresholds: 1 }),
      'ERR_TORCH_VALUE',
      /thresholds must be an integer of at least 2/,
    ],
    [
      'several classes for an average',
      () => new AUROC({ average: 'macro' }).update(torch.tensor([1]), classes(1)),
      'ERR_TORCH_OPTION',
      /average is for outputs \(…, C\)/,
    ],
  ] as const)('needs %s', (_, call, code, message) => {
    expectError(call, code, message)
  })
})

describe('the likelihood', () => {
  const output = torch.tensor([
    [
      [1, -1, 0],
      [0.5, 2, -3],
    ],
    [
      [0, 0, 0],
      [9, -9, 0],
    ],
  ])
  const target = classes(0, 2, 1, 0).reshape([2, 2])

  test('is the cross entropy, in nats, bits, or as a perplexity', () => {
    const expected = nn.functional.crossEntropy(output.flatten(0, 1), target.flatten()).item<number>()
    const metrics = [new NegativeLogLikelihood(), new BitsPerCharacter(), new Perplexity()]
    for (const metric of metrics) {
      for (const i of [0, 1]) metric.update(output.narrow(0, i, 1), target.narrow(0, i, 1))
    }
    const values = [expected, expected / Math.LN2, Math.exp(expected)]
    expectClose(
      metrics.map((metric) => metric.computeSync()),
      values,
      { rtol: 1e-6, atol: 0 },
    )
  })

  test('of probabilities and of log-probabilities is the same', () => {
    const metrics = [new Perplexity(), new Perplexity({ outputs: 'probs' }), new Perplexity()]
    const forms = [output, output.softmax(-1), output.logSoftmax(-1)]
    metrics.forEach((metric, i) => void metric.update(forms[i] as Tensor, target))
    const [first = 0, ...others] = metrics.map((metric) => metric.computeSync())
    expectClose(others, [first, first], { rtol: 1e-6, atol: 0 })
  })

  test('of classes that are equally probable is their number', () => {
    const metric = new Perplexity()
    metric.update(torch.zeros([4, 7]), classes(0, 3, 6, 1))
    expect(metric.computeSync()).toBeCloseTo(7, 5)
  })

  test('of two classes with one output is the binary cross entropy', () => {
    const logits = torch.tensor([-3, 0, 0.5, 40])
    const labels = torch.tensor([0, 1, 0, 1])
    const expected = nn.functional.binaryCrossEntropyWithLogits(logits, labels).item<number>()
    const [metric, probs] = [new NegativeLogLikelihood(), new NegativeLogLikelihood({ outputs: 'probs' })]
    metric.update(logits, labels)
    probs.update(logits.sigmoid(), labels)
    expectClose([metric.computeSync(), probs.computeSync()], [expected, expected], { rtol: 1e-5, atol: 0 })
  })
})

describe('an update is refused', () => {
  const accuracy = (options = {}): Accuracy => new Accuracy(options)

  test.each([
    [
      'other shapes',
      () => accuracy().update(torch.ones([4, 3]), classes(1, 2)),
      'ERR_TORCH_SHAPE',
      /\(…, C\), with the classes last, and \(…\).*got \(4, 3\) and \(2\)/,
    ],
    [
      'classes in the second dimension',
      () => accuracy().update(torch.ones([2, 3, 4]), torch.ones([2, 4], { dtype: 'int64' })),
      'ERR_TORCH_SHAPE',
      /classes last/,
    ],
    ['no dimension', () => accuracy().update(torch.tensor(1), classes(1)), 'ERR_TORCH_SHAPE', /got \(\) and \(1\)/],
    [
      'one class',
      () => accuracy().update(torch.ones([2, 1]), classes(1, 0)),
      'ERR_TORCH_SHAPE',
      /use target.unsqueeze\(-1\)/,
    ],
    [
      'fractions for classes',
      () => accuracy().update(torch.ones([2, 3]), torch.ones([2])),
      'ERR_TORCH_DTYPE',
      /targets for 3 classes must be integers, got float32/,
    ],
    [
      'classes as outputs',
      () => accuracy().update(classes(1), classes(1)),
      'ERR_TORCH_DTYPE',
      /output must be of a floating dtype, got int64/,
    ],
    [
      'more than all',
      () => accuracy({ topK: 4 }).update(predicting(1), classes(1)),
      'ERR_TORCH_SHAPE',
      /topK is 4, but the output is \(1, 3\), with 3 classes/,
    ],
    [
      'several of two',
      () => accuracy({ topK: 2 }).update(torch.ones([1]), classes(1)),
      'ERR_TORCH_SHAPE',
      /one output for two classes/,
    ],
    [
      'a threshold for 3',
      () => accuracy({ threshold: 0.5 }).update(predicting(1), classes(1)),
      'ERR_TORCH_OPTION',
      /threshold is for one output/,
    ],
    [
      'an average for 2',
      () => new F1({ average: 'macro' }).update(torch.ones([1]), classes(1)),
      'ERR_TORCH_OPTION',
      /average is for outputs \(…, C\)/,
    ],
  ] as const)('for %s', (_, call, code, message) => {
    expectError(call, code, message)
  })

  test.each([
    ['topK', () => accuracy({ topK: 0 }), 'ERR_TORCH_VALUE', /topK must be a positive integer, got 0/],
    ['threshold', () => accuracy({ threshold: 2 }), 'ERR_TORCH_VALUE', /threshold must be a number from 0 to 1/],
    ['outputs', () => accuracy({ outputs: 'logit' }), 'ERR_TORCH_VALUE', /outputs must be 'logits' or 'probs'/],
    ['ignoreIndex', () => accuracy({ ignoreIndex: 1.5 }), 'ERR_TORCH_VALUE', /ignoreIndex must be an integer/],
    ['average', () => new Recall({ average: 'mean' as never }), 'ERR_TORCH_VALUE', /Recall: average must be 'macro'/],
    ['average', () => accuracy({ average: 'mean' }), 'ERR_TORCH_VALUE', /Accuracy: average must be 'macro'/],
    ['average', () => new AUROC({ average: 'micro' as never }), 'ERR_TORCH_VALUE', /AUROC: average must be 'macro'/],
    ['no units', () => accuracy({ inverse: () => 0 }), 'ERR_TORCH_OPTION', /unknown option 'inverse'/],
    ['options', () => accuracy(3 as never), 'ERR_TORCH_TYPE', /Accuracy: options must be an object/],
    ['null', () => new Accuracy(null as never), 'ERR_TORCH_TYPE', /Accuracy: options must be an object/],
  ] as const)('the option %s', (_, call, code, message) => {
    expectError(call, code, message)
  })
})

describe('outputs with NaN find nothing', () => {
  const { NaN: nan } = Number

  test('among several classes', () => {
    // The place of a NaN is the greatest value's for PyTorch: rows 0 and 1 would be hits.
    const output = torch.tensor([
      [nan, nan, nan],
      [0, nan, 1],
      [0, 1, 2],
      [3, 1, 2],
    ])
    const found = (metric: Accuracy | F1 | Recall): number => {
      metric.update(output, classes(0, 1, 2, 0))
      return metric.computeSync()
    }
    expect(found(new Accuracy())).toBe(2 / 4)
    expect(found(new Accuracy({ topK: 2 }))).toBe(2 / 4)
    expect(found(new Accuracy({ average: 'macro' }))).toBe((1 / 2 + 0 + 1) / 3)
    expect(found(new Recall({ average: 'micro' }))).toBe(2 / 4)
    expect(found(new F1({ average: 'micro' }))).toBe(2 / 4)
  })

  test('with one output for two classes', () => {
    for (const outputs of ['logits', 'probs'] as const) {
      const metric = new Accuracy({ outputs })
      metric.update(torch.tensor([nan, nan, 0.9, -0.1]), torch.tensor([0, 1, 1, 0]))
      expect(metric.computeSync()).toBe(2 / 4)
    }
  })
})
