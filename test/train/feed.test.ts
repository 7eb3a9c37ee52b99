import { describe, expect, test } from 'vitest'
import { tensorsOf } from '../../lib/data/batch.ts'
import { type BatchPair, DataLoader, type Dataset, TensorDataset } from '../../lib/data/index.ts'
import { torch } from '../../lib/torch.ts'
import { Feed, type FeedOptions } from '../../lib/train/feed.ts'
import { sourceOf, type TrainingData } from '../../lib/train/source.ts'
import { collectGarbage, expectNoMoreTensors } from '../support/garbage.ts'

const numbers = (n: number) => torch.arange(n, { dtype: 'float32' }).unsqueeze(1)
const options = { batchSize: 2, sequenceLength: undefined, shuffle: false, batchFirst: true }
const feedOf = (data: TrainingData, feed: FeedOptions = {}) => new Feed(sourceOf(data, options), feed)

async function drain(feed: Feed): Promise<unknown[]> {
  const batches: unknown[] = []
  for (let ready = await feed.next(); ready !== undefined; ready = await feed.next()) {
    const { take, plan } = ready
    const read = torch.offload(() => torch.tidy(() => tensorsOf(take()).map((tensor) => tensor.mul(1))))
    feed.prepare()
    batches.push([plan.size, ...(await read).map((tensor) => tensor.toArray())])
    ready.dispose()
  }
  return batches
}

/** Notes when its batches are made. */
class Watched implements Dataset {
  readonly length = 6
  readonly made: number[] = []
  batch(indices: readonly number[]): BatchPair {
    this.made.push(this.made.length)
    const x = torch.tensor([...indices], { dtype: 'float32' })
    return [x, x.mul(2)]
  }
}

const EXPECTED = [
  [2, [[0], [1]], [[0], [10]]],
  [2, [[2], [3]], [[20], [30]]],
  [1, [[4]], [[40]]],
]

describe.each([
  ['as part of their steps', {}],
  ['as part of their steps, moved', { device: 'cpu' }],
  ['ahead', { device: 'cpu', ahead: true }],
] as const)('batches made %s', (_, feed) => {
  test('come in order, and none is left behind', async () => {
    const [x, y] = [numbers(5), numbers(5).mul(10)]
    const loader = new DataLoader(new TensorDataset(x, y), { batchSize: 2 })
    await drain(feedOf(loader, feed))
    await collectGarbage()
    const before = torch.memory().tensors
    expect(await drain(feedOf(loader, feed))).toEqual(EXPECTED)
    await expectNoMoreTensors(before)
  })

  test('of an iterable stay usable, and are asked for one by one', async () => {
    const loader = new DataLoader(new TensorDataset(numbers(5), numbers(5).mul(10)), { batchSize: 2 })
    const given: BatchPair[] = []
    async function* stream() {
      for (const batch of loader) {
        given.push(batch)
        yield batch
      }
    }
    const source = feedOf(stream(), feed)
    const first = await source.next()
    source.prepare()
    await torch.offload(() => {})
    expect(given).toHaveLength(1)
    first?.dispose()
    expect(given[0]?.[0].toArray()).toEqual([[0], [1]])
    expect((await drain(source)).length).toBe(2)
  })

  test('errors come when it is the turn of their batch', async () => {
    class Failing extends Watched {
      override batch(indices: readonly number[]): BatchPair {
        if (this.made.length === 1) throw new Error('the second batch is missing')
        return super.batch(indices)
      }
    }
    const source = feedOf(new Failing(), feed)
    const first = await source.next()
    const step = torch.offload(() => torch.tidy(() => first?.take().input.sum()))
    source.prepare()
    expect((await step)?.item()).toBe(1)
    const second = source.next().then((ready) => torch.offload(() => torch.tidy(() => void ready?.take())))
    await expect(second).rejects.toThrow('the second batch is missing')
    await source.close()
  })
})

test('made ahead, one batch is prepared while another is in use, and no more', async () => {
  const data = new Watched()
  const feed = feedOf(data, { device: 'cpu', ahead: true })
  const first = await feed.next()
  expect(data.made).toHaveLength(1)
  feed.prepare()
  feed.prepare()
  expect(data.made).toHaveLength(2)
  first?.dispose()
  const second = await feed.next()
  expect(data.made).toHaveLength(2)
  // Ready before its step: asking for the shape waits for nothing.
  expect(second?.take().input.shape).toEqual([2])
})

test('leaving early frees what was prepared, and ends the iterable', async () => {
  const loader = new DataLoader(new TensorDataset(numbers(6), numbers(6)), { batchSize: 2 })
  const begin = async () => {
    const feed = feedOf(loader, { device: 'cpu', ahead: true })
    const first = await feed.next()
    feed.prepare()
    first?.dispose()
    await feed.close()
  }
  await begin()
  await collectGarbage()
  const before = torch.memory().tensors
  await begin()
  await expectNoMoreTensors(before)

  let ended = 0
  function* batches(): Generator<BatchPair> {
    try {
      for (;;) yield [numbers(2), numbers(2)]
    } finally {
      ended++
    }
  }
  const feed = feedOf(batches())
  await feed.next()
  await feed.close()
  await feed.close()
  expect(ended).toBe(1)
})
