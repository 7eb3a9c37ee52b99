import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectError } from '../support/error.ts'
import { collectGarbage } from '../support/garbage.ts'

const { tidy } = torch
const pause = (ms = 1): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const live = (): number => torch.memory().tensors

beforeEach(collectGarbage)

describe('dispose', () => {
  test('frees at once, and can be repeated', () => {
    const before = torch.memory()
    const x = torch.zeros([1000])
    expect(torch.memory()).toEqual({ tensors: before.tensors + 1, bytes: before.bytes + 4000 })
    x.dispose()
    x.dispose()
    expect(torch.memory()).toEqual(before)
    expect(x.disposed).toBe(true)
  })

  test('counts memory that views share once', () => {
    const before = torch.memory().bytes
    const x = torch.zeros([10, 100])
    const view = x.index(3)
    expect(torch.memory().bytes).toBe(before + 4000)
    x.dispose()
    expect(torch.memory().bytes).toBe(before + 4000)
    expect(view.toArray()).toEqual(new Array(100).fill(0))
    view.dispose()
    expect(torch.memory().bytes).toBe(before)
  })

  test('makes every use an error', () => {
    const x = torch.zeros([2])
    x.dispose()
    for (const use of [
      () => x.shape,
      () => x.add(1),
      () => torch.zeros([2]).add(x),
      () => x.item(),
      () => x.backward(),
      () => x.toString(),
      () => x.index(0),
      () => torch.cat([x]),
    ]) {
      expectError(use, 'ERR_TORCH_DISPOSED', /has been disposed/)
    }
  })

  test('belongs to using', () => {
    let outer: Tensor
    {
      using x = torch.zeros([2])
      outer = x
    }
    expect(outer.disposed).toBe(true)
  })
})

describe('tidy', () => {
  test('keeps what it returns, in any container', () => {
    const before = live()
    const result = tidy(() => {
      torch.zeros([1])
      const [a, b, c, d] = [torch.ones([1]), torch.ones([2]), torch.ones([3]), torch.ones([4])]
      return { a, list: [b], map: new Map([['c', c]]), set: new Set([d]), again: a }
    })
    expect(live()).toBe(before + 4)
    expect(result.list[0]?.shape).toEqual([2])
    expect(result.map.get('c')?.shape).toEqual([3])
  })

  test('nests: what an inner one returns belongs to the outer one', () => {
    const before = live()
    const kept = tidy(() => {
      const inner = tidy(() => torch.ones([1]).add(1))
      expect(live()).toBe(before + 1)
      return tidy(() => inner.add(1))
    })
    expect(kept.toArray()).toEqual([3])
    expect(live()).toBe(before + 1)
  })

  test('cleans up after an error', () => {
    const before = live()
    expect(() =>
      tidy(() => {
        torch.ones([1])
        throw new Error('mine')
      }),
    ).toThrow('mine')
    expect(live()).toBe(before)
  })

  test('leaves what keep names, and what was there before', () => {
    const outside = torch.ones([1])
    const kept = tidy(() => {
      outside.add(1)
      const x = torch.keep(torch.ones([5]))
      return { x: () => x }
    }).x()
    expect([kept.disposed, outside.disposed]).toEqual([false, false])
  })

  test('lasts as long as an async function, and does not mix with other tasks', async () => {
    const before = live()
    const task = (n: number): Promise<Tensor> =>
      tidy(async () => {
        let sum = torch.zeros([n])
        for (let i = 0; i < 5; i++) {
          sum = sum.add(1)
          await pause(n % 3)
        }
        return sum
      })
    const results = await Promise.all([1, 2, 3, 4, 5].map(task))
    expect(results.map((result) => result.toArray())).toEqual([1, 2, 3, 4, 5].map((n) => new Array(n).fill(5)))
    expect(live()).toBe(before + 5)
    await expect(
      tidy(async () => {
        torch.ones([1])
        await pause()
        throw new Error('mine')
      }),
    ).rejects.toThrow('mine')
    expect(live()).toBe(before + 5)
  })

  test('takes a function', () => {
    expectError(() => tidy(3 as never), 'ERR_TORCH_TYPE', /tidy: fn must be a function/)
  })

  test('holds memory flat over 10,000 steps', () => {
    // On a busy machine, threads that wait for each other take a hundred times as long.
    const threads = torch.getNumThreads()
    torch.setNumThreads(1)
    onTestFinished(() => torch.setNumThreads(threads))
    const weight = torch.randn([64, 64], { requiresGrad: true })
    const step = (): void =>
      tidy(() => {
        const out = torch.randn([16, 64]).matmul(weight).tanh()
        out.mul(out).mean().backward()
        weight.grad = null
      })
    for (let i = 0; i < 1000; i++) step()
    const before = { tensors: live(), rss: process.memoryUsage().rss }
    for (let i = 0; i < 10_000; i++) step()
    expect(live()).toBe(before.tensors)
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(40 * 2 ** 20)
  })
})

test('the garbage collector frees tensors outside of every scope', async () => {
  const before = torch.memory().bytes
  // 400 MB in all: V8 learns of each storage, and collects long before that.
  for (let i = 0; i < 400; i++) {
    torch.zeros([262_144])
    if (i % 10 === 0) await pause(0)
  }
  expect(torch.memory().bytes - before).toBeLessThan(300 * 2 ** 20)
})
