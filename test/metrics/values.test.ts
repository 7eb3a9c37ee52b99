// The values of all metrics over several batches of unequal size, against torchmetrics' (scripts/fixtures/metrics.py).
import { describe, expect, test } from 'vitest'
import * as metrics from '../../lib/metrics/index.ts'
import type { Metric } from '../../lib/metrics/metric.ts'
import { type MetricName, metricOf } from '../../lib/metrics/metric-of.ts'
import { isTensor, type Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { decode, type Encoded } from '../support/encoded.ts'
import { readFixture } from '../support/fixture.ts'

interface Case {
  metric: MetricName
  options: object
  /** The index of the batches: output, target and mask. */
  data: number
  value: number | number[] | number[][]
}

const { data, cases } = readFixture<{ data: Encoded[][][]; cases: Case[] }>('metrics')
const batches = data.map((one) => one.map((parts) => parts.map(decode) as unknown as Batch))

type Batch = readonly [output: Tensor, target: Tensor, mask?: Tensor]
const dataOf = ({ data }: Case): readonly Batch[] => batches[data] as readonly Batch[]

const titled = cases.map((one, i) => [`${one.metric} ${JSON.stringify(one.options)} #${i}`, one] as const)

/** A new metric of the same kind, with options. */
function make({ metric, options }: Case): Metric<unknown> {
  const Class = metricOf('test', metric).constructor as new (options: object) => Metric<unknown>
  return new Class(options)
}

function expectValue(found: unknown, wanted: Case['value']): void {
  const values = isTensor(found) ? Array.from(found.toTypedArray(), Number) : [found as number]
  expectClose(values, [wanted].flat(2) as number[], { rtol: 2e-5, atol: 1e-6 })
}

describe("torchmetrics' value", () => {
  test.each(titled)('%s', async (_, one) => {
    const metric = make(one)
    for (const [output, target, mask] of dataOf(one)) metric.update(output, target, mask && { mask })
    expectValue(await metric.compute(), one.value)
    expectValue(metric.computeSync(), one.value)
  })

  test('for every metric that has one', () => {
    const compared = new Set(cases.map(({ metric }) => metricOf('test', metric).constructor))
    const classes = Object.values(metrics).filter(
      (one) => (one as { key?: string }).key !== undefined,
    ) as unknown as object[]
    expect(classes.filter((one) => !compared.has(one as never)).map((one) => (one as { name: string }).name)).toEqual([
      'MASE',
      'QuantileLoss',
    ])
  })
})

// One of each metric with each set of options.
const distinct = titled.filter(
  ([title], i) => titled.findIndex(([other]) => other.split('#')[0] === title.split('#')[0]) === i,
)

describe('the same value', () => {
  const add = (to: Metric<unknown>, [output, target, mask]: Batch, weight = 1): void =>
    to.update(output, target, { weight: torch.full([target.size(0)], weight), ...(mask && { mask }) })

  test.each(distinct)('queued, after a reset, and with weights that are all the same: %s', async (_, one) => {
    const metric = make(one)
    await torch.offload(() => torch.tidy(() => dataOf(one).forEach((batch) => void add(metric, batch))))
    expectValue(await metric.compute(), one.value)
    metric.reset()
    dataOf(one).forEach((batch) => void add(metric, batch, 2.5))
    // The matrix is not divided by the sum of the weights.
    const found = await metric.compute()
    expectValue(metric instanceof metrics.ConfusionMatrix ? (found as Tensor).div(2.5) : found, one.value)
  })

  test.each(distinct)('from the parts of several processes, and from a saved state: %s', async (_, one) => {
    const [first, second] = [make(one), make(one)]
    dataOf(one).forEach((batch, i) => void add(i === 1 ? first : second, batch))
    const all = make(one).add(first).add(make(one)).add(second)
    expectValue(await all.compute(), one.value)
    const loaded = make(one)
    loaded.loadStateDict(all.stateDict())
    all.dispose()
    expectValue(await loaded.compute(), one.value)
    // The state goes on.
    loaded.loadStateDict(first.stateDict())
    expectValue(await loaded.add(second).compute(), one.value)
  })

  test.each(distinct)('with NaN where nothing counts: %s', async (_, one) => {
    const metric = make(one)
    for (const [output, target, mask] of dataOf(one)) {
      const [more, other] = [output, target].map((part) => torch.cat([part, part])) as [Tensor, Tensor]
      for (const part of [more, other]) {
        if (part.isFloatingPoint()) part.narrow(0, output.size(0), output.size(0)).fill_(Number.NaN)
      }
      const counts = mask ?? torch.ones(target.shape.slice(0, 2), { dtype: 'bool' })
      metric.update(more, other, { mask: torch.cat([counts, torch.zerosLike(counts)]) })
    }
    expectValue(await metric.compute(), one.value)
  })
})
