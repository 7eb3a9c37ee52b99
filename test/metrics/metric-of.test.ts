import { expect, test } from 'vitest'
import { Accuracy, MAE, Metric } from '../../lib/metrics/index.ts'
import * as list from '../../lib/metrics/list.ts'
import { type MetricName, metricOf } from '../../lib/metrics/metric-of.ts'
import { expectError } from '../support/error.ts'

test('every metric has a name that makes it', () => {
  const classes = Object.values(list)
  expect(new Set(classes.map(({ key }) => key)).size).toBe(classes.length)
  for (const Class of classes) {
    const metric = metricOf('Trainer', Class.key)
    expect(metric).toBeInstanceOf(Class)
    expect(metric.name).toBe(Class.key)
    expect(metricOf('Trainer', Class.key)).not.toBe(metric)
  }
  const top5 = metricOf('Trainer', 'top5') as Accuracy
  expect([top5.name, top5.topK]).toEqual(['top5', 5])
  expect(new Accuracy({ topK: 3, name: 'close' }).name).toBe('close')
})

test('which results are better', () => {
  const classes = Object.values(list) as readonly { new (): Metric<unknown>; key: string }[]
  const better = classes.flatMap((Class) => (new Class().higherIsBetter ? [Class.key] : []))
  expect(better.sort()).toEqual(['accuracy', 'auroc', 'confusionMatrix', 'f1', 'precision', 'r2', 'recall'])
})

test('a metric is itself', () => {
  const metric = new MAE()
  expect(metricOf('Trainer', metric)).toBe(metric)
})

test.each([
  [
    'an unknown name',
    'mea',
    'ERR_TORCH_VALUE',
    /Trainer: a metric must be accuracy, auroc, .*, or an instance of a subclass of Metric, got 'mea'/,
  ],
  ['a name of objects', 'constructor', 'ERR_TORCH_VALUE', /got 'constructor'/],
  ['a class', MAE, 'ERR_TORCH_TYPE', /Trainer: a metric must be an instance: new MAE\(\)/],
  ['the base class', Metric, 'ERR_TORCH_TYPE', /must be/],
  ['a function', () => 0, 'ERR_TORCH_TYPE', /got a function/],
  ['null', null, 'ERR_TORCH_TYPE', /got null/],
])('%s is none', (_, metric, code, message) => {
  expectError(() => metricOf('Trainer', metric as MetricName), code as never, message)
})
