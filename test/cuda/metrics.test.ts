import { expect, test } from 'vitest'
import { AUROC, ClassificationMetric, ConfusionMatrix, MASE, type Metric } from '../../lib/metrics/index.ts'
import * as list from '../../lib/metrics/list.ts'
import { isTensor, type Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { describeCuda } from '../support/cuda.ts'

const device = 'cuda' as const
const C = 3

/** All metrics, those of classes with their outputs for C classes or for two. */
function make(): Metric<unknown>[] {
  const others = Object.values(list).filter((Class) => Class !== MASE && Class !== AUROC)
  return [
    ...others.map((Class): Metric<unknown> => new (Class as new () => Metric<unknown>)()),
    new MASE({ scale: [2] }),
    new AUROC(),
    new AUROC({ thresholds: 9 }),
  ]
}

/** An output and a target that fit the metric, on the CPU. */
function batchFor(metric: Metric<unknown>): [output: Tensor, target: Tensor] {
  const size = [5, 4, 1]
  if (metric instanceof AUROC) return [torch.randn([5, 4]), torch.randint(2, [5, 4])]
  if (metric instanceof ClassificationMetric) return [torch.randn([5, 4, C]), torch.randint(C, [5, 4])]
  return [torch.randn(size), torch.randn(size)]
}

function numbersOf(value: unknown): number[] {
  return isTensor(value) ? Array.from(value.toTypedArray(), Number) : [value as number]
}

describeCuda('metrics on the GPU', () => {
  test('have the values of the CPU, and keep their sums there', async () => {
    torch.manualSeed(0)
    const there = make()
    for (const [i, here] of make().entries()) {
      const metric = there[i] as Metric<unknown>
      for (const rows of [5, 2]) {
        const [output, target] = batchFor(here).map((one) => one.narrow(0, 0, rows)) as [Tensor, Tensor]
        const mask = torch.rand([rows, 4]).lt(0.7)
        here.update(output, target, { mask })
        await torch.offload(() =>
          torch.tidy(() => metric.update(output.to(device), target.to(device), { mask: mask.to(device) })),
        )
      }
      for (const sum of Object.values(metric.stateDict())) expect(sum.device).toBe('cuda:0')
      expectClose(numbersOf(await metric.compute()), numbersOf(await here.compute()), { rtol: 1e-5, atol: 1e-6 })
      // The part of another process may be on another device; the same once more changes no mean.
      const factor = metric instanceof ConfusionMatrix ? 2 : 1
      const expected = numbersOf(await here.compute()).map((one) => one * factor)
      expectClose(numbersOf(await here.add(metric).to(device).compute()), expected, { rtol: 1e-5, atol: 1e-6 })
    }
  })

  test('go on in a captured graph, except those that keep all', async () => {
    torch.manualSeed(0)
    for (const metric of make()) {
      if (metric instanceof AUROC && metric.thresholds === undefined) continue
      const [output, target] = batchFor(metric).map((one) => one.to(device)) as [Tensor, Tensor]
      const mask = torch.rand([5, 4], { device }).lt(0.7)
      metric.update(output, target, { mask })
      const once = numbersOf(metric.computeSync())
      metric.reset()
      const graph = new torch.cuda.CUDAGraph()
      await graph.capture(() => torch.tidy(() => metric.update(output, target, { mask })))
      await torch.offload(() => {
        graph.replay()
        graph.replay()
      })
      const factor = metric instanceof ConfusionMatrix ? 2 : 1
      expectClose(
        numbersOf(await metric.compute()),
        once.map((one) => one * factor),
        { rtol: 1e-10, atol: 0 },
      )
      graph.reset()
    }
  })
})
