import { createHook } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import { TorchError } from '../../lib/errors.ts'
import * as nn from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectError } from '../support/error.ts'
import { collectGarbage } from '../support/garbage.ts'

const { offload, tidy } = torch

async function rejection(promise: Promise<unknown>): Promise<TorchError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(TorchError)
  return error as TorchError
}

describe('offload', () => {
  test('computes what the same code computes at once', async () => {
    const x = torch.randn([8, 8], { requiresGrad: true })
    const compute = (): Tensor => {
      const [values] = x.matmul(x).tanh().max(1)
      return torch.cat([values, x.index(0)]).sum()
    }
    const direct = compute()
    direct.backward()
    const gradient = x.grad as Tensor
    x.grad = null
    const offloaded = await offload(() => {
      const loss = compute()
      loss.backward()
      return loss
    })
    expect(offloaded.item()).toBe(direct.item())
    expect((x.grad as unknown as Tensor).equal(gradient)).toBe(true)
  })

  test('keeps the order of operations, also between calls and with work on this thread', async () => {
    const x = torch.zeros([1])
    const first = offload(() => void x.add_(1).mul_(3))
    const second = offload(() => void x.add_(4))
    await Promise.all([first, second])
    expect(x.item()).toBe(7)
  })

  test('leaves the event loop free', { retry: 2 }, async () => {
    const x = torch.randn([700, 700])
    let worst = 0
    let last = performance.now()
    const timer = setInterval(() => {
      worst = Math.max(worst, performance.now() - last)
      last = performance.now()
    }, 5)
    const start = performance.now()
    for (let i = 0; i < 10; i++)
      await offload(() =>
        tidy(() => {
          for (let k = 0; k < 10; k++) x.matmul(x)
        }),
      )
    clearInterval(timer)
    // Not a bound on time, which depends on the machine: the timer ran while the work did.
    expect(worst).toBeLessThan((performance.now() - start) / 2)
  })

  test('waits for metadata, and refuses to read values', async () => {
    await offload(() => {
      const y = torch.ones([2, 3]).add(1)
      expect(y.shape).toEqual([2, 3])
      const z = y.add(1)
      for (const read of [
        () => z.item(),
        () => z.toArray(),
        () => z.toString(),
        () => z.equal(y),
        () => z.toTypedArray({ copy: false }),
      ]) {
        expectError(read, 'ERR_TORCH_PENDING', /offload\(\) cannot read a value/)
      }
      expect(
        torch
          .ones([4])
          .chunk(2)
          .map((part) => part.shape),
      ).toEqual([[2], [2]])
    })
  })

  test('knows the results of operators that LibTorch itself cannot foresee', async () => {
    const all: [string, (x: Tensor, y: Tensor) => Tensor][] = [
      ['abs', (x) => x.abs()],
      ['nanToNum', (x) => x.nanToNum()],
      ['roll', (x) => x.roll(1, 0)],
      ['flipud', (x) => x.flipud()],
      ['logit', (x) => x.sigmoid().logit()],
      ['isfinite', (x) => x.isfinite()],
      ['isnan', (x) => x.isnan()],
      ['isinf', (x) => x.isinf()],
      ['logicalNot', (x) => x.logicalNot()],
      ['logicalAnd', (x, y) => x.logicalAnd(y)],
      ['logicalOr', (x, y) => y.logicalOr(x)],
      ['isclose', (x, y) => x.isclose(y)],
      ['max', (x) => x.max()],
      ['min', (x) => x.min()],
      ['logsumexp', (x) => x.logsumexp([0], true)],
      ['std', (x) => x.std([1])],
      ['var', (x) => x.var([0, 2])],
      ['var kept', (x) => x.var([0], { correction: 0, keepdim: true })],
    ]
    for (const dtype of ['float32', 'float64'] as const) {
      const [x, y] = [torch.rand([2, 3, 4], { dtype }), torch.rand([2, 1, 4], { dtype })]
      const square = torch.rand([400, 400])
      for (const [name, fn] of all) {
        const busy = offload(() => tidy(() => void Array.from({ length: 20 }, () => square.matmul(square))))
        let foreseen: unknown
        const unit = offload(() => {
          const result = fn(x.add(0), y.add(0))
          foreseen = [result.shape, result.dtype]
          return result
        })
        // It was not waited for.
        expect(torch.offload.pending, name).toBe(2)
        const { shape, dtype: found } = await unit
        expect([name, foreseen]).toEqual([name, [shape, found]])
        await busy
      }
    }
    const complex = torch.ones([2], { dtype: 'complex64' })
    expect((await offload(() => complex.abs())).dtype).toBe('float32')
  })

  test('takes modes along', async () => {
    const x = torch.ones([1], { requiresGrad: true })
    expect((await offload(() => torch.noGrad(() => x.mul(2)))).requiresGrad).toBe(false)
    expect((await offload(() => x.mul(2))).requiresGrad).toBe(true)
    expect((await offload(() => torch.inferenceMode(() => x.mul(2)))).isInference()).toBe(true)
  })

  test('rejects with the first error, at the line of the call, and skips the rest', async () => {
    const x = torch.zeros([1])
    let poisoned: Tensor | undefined
    const error = await rejection(
      offload(() => {
        poisoned = torch
          .zeros([2, 2])
          .matmul(torch.zeros([3, 3]))
          .tanh()
        x.add_(1)
      }),
    )
    expect(error.code).toBe('ERR_TORCH_SHAPE')
    expect(error.message).toBe('matmul: mat1 and mat2 shapes cannot be multiplied (2x2 and 3x3)')
    expect(error.op).toBe('matmul')
    expect(error.stack).toContain('offload.test.ts')
    expect(x.item()).toBe(0)
    expectError(() => (poisoned as Tensor).shape, 'ERR_TORCH_DISPOSED', /the offload in which it was made has failed/)
    expect((await offload(() => x.add(1))).item()).toBe(1)
  })

  test('rejects with what the function throws', async () => {
    await expect(
      offload(() => {
        torch.zeros([1]).add(1)
        throw new Error('mine')
      }),
    ).rejects.toThrow('mine')
    expect((await rejection(offload(async () => 1))).message).toMatch(/returned a Promise/)
    expect((await rejection(offload(() => offload(() => 1)))).message).toMatch(/returned a Promise/)
    expect((await rejection(offload(3 as never))).code).toBe('ERR_TORCH_TYPE')
    expect(torch.ones([1]).add(1).item()).toBe(2)
  })

  test('leaves nothing behind', async () => {
    const x = torch.ones([10])
    for (let i = 0; i < 5; i++) await offload(() => tidy(() => void x.add(1).mul(2).sum()))
    await collectGarbage()
    const before = torch.memory()
    for (let i = 0; i < 200; i++) await offload(() => tidy(() => void x.add(1).mul(2).sum()))
    expect(torch.memory()).toEqual(before)
    const kept = await offload(() => x.add(1))
    expect(torch.memory()).toEqual({ tensors: before.tensors + 1, bytes: before.bytes + 40 })
    kept.dispose()
    expect(torch.memory()).toEqual(before)
  })

  test('works beside calls on this thread that use the same tensors', async () => {
    const weight = torch.randn([64, 64], { requiresGrad: true })
    let running = true
    const training = (async () => {
      for (let i = 0; i < 100; i++) {
        await offload(() =>
          tidy(() => {
            weight.matmul(weight).sum().backward()
            torch.noGrad(() => weight.add_(weight.grad?.mul(1e-6) as Tensor))
            weight.grad = null
          }),
        )
      }
      running = false
    })()
    while (running) {
      tidy(() => {
        weight.grad?.sum()
        expect(weight.matmul(weight).shape).toEqual([64, 64])
      })
      await new Promise((resolve) => setImmediate(resolve))
    }
    await training
  })

  describe('and what is called outside of it', () => {
    const big = torch.randn([800, 800])
    /** Keeps the queue busy for some tenths of a second. */
    const work = (): Promise<void> =>
      offload(() =>
        tidy(() => {
          for (let i = 0; i < 20; i++) big.matmul(big)
        }),
      )

    test('making tensors, reading others and computing with them does not wait', async () => {
      const finished = torch.tensor([1, 2, 3])
      const busy = work()
      expect(torch.tensor(Float32Array.of(1, 2)).toArray()).toEqual([1, 2])
      expect(Array.from(finished.toTypedArray() as Float32Array)).toEqual([1, 2, 3])
      expect(finished.add(1).sum().item()).toBe(9)
      expect(torch.zeros([2]).fill_(3).toArray()).toEqual([3, 3])
      // What it reads, too.
      expect(big.index(0, 0).item()).toBe(big.index([0], [0]).item())
      expect(offload.pending).toBe(1)
      await busy
      expect(offload.pending).toBe(0)
    })

    test('making tensors within it does not wait, and takes a copy of the data', async () => {
      const busy = work()
      const data = Float32Array.of(1, 2, 3)
      const doubled = offload(() => torch.tensor(data).mul(2))
      data.fill(0)
      expect(offload.pending).toBe(2)
      expect((await doubled).toArray()).toEqual([2, 4, 6])
      await busy
    })

    test('what it changes is not read before it is done, nor what it reads changed', async () => {
      const read = torch.ones([3])
      const written = torch.zeros([3])
      const view = written.view([1, 3])
      const busy = work()
      const unit = offload(() => {
        const part = written.view([3, 1])
        part.add_(read.view([3, 1]))
        part.mul_(2)
      })
      expect(view.toArray()).toEqual([[2, 2, 2]])
      expect(offload.pending).toBe(0)
      await Promise.all([busy, unit])

      const again = [work(), offload(() => void written.copy_(read))]
      read.fill_(5)
      expect(offload.pending).toBe(0)
      expect(written.toArray()).toEqual([1, 1, 1])
      await Promise.all(again)
    })

    test('a unit is whole: weights are not exchanged under what is queued', async () => {
      const one = new nn.LSTM(2, 8)
      const other = new nn.LSTM(2, 8)
      const x = torch.randn([5, 3, 2])
      const forward = (): Tensor => torch.noGrad(() => one.forward(x)[0])
      const before = forward()
      const after = torch.noGrad(() => other.forward(x)[0])
      const state = other.stateDict()
      const outputs: Promise<Tensor>[] = []
      for (let i = 0; i < 60; i++) {
        outputs.push(offload(forward))
        if (i === 29) one.loadStateDict(state)
      }
      const results = await Promise.all(outputs)
      results.forEach((result, i) => {
        expect(result.equal(i <= 29 ? before : after)).toBe(true)
      })
    })

    test('gradients, graphs and in-place changes keep their order', async () => {
      const w = torch.ones([2], { requiresGrad: true })
      const x = torch.tensor([1, 2])
      const loss = w.mul(x).sum()
      const queued = [work(), offload(() => loss.backward())]
      // Saved by the graph.
      x.fill_(7)
      expect(w.grad?.toArray()).toEqual([1, 2])
      await Promise.all(queued)
      const gradient = w.grad as Tensor
      const more = [work(), offload(() => w.mul(3).sum().backward())]
      expect(gradient.toArray()).toEqual([4, 5])
      await Promise.all(more)
      const stepped = [work(), offload(() => torch.noGrad(() => void w.sub_(1)))]
      expect(w.requiresGrad).toBe(true)
      expect(w.toArray()).toEqual([0, 0])
      await Promise.all(stepped)
    })

    test('making a recurrent network and loading its weights does not wait', async () => {
      const lstm = new nn.LSTM(2, 3)
      const busy = work()
      const state = new nn.LSTM(2, 3).stateDict()
      lstm.loadStateDict(state)
      expect(offload.pending).toBe(1)
      const finished = torch.ones([2])
      const loading = offload(() => void lstm.loadStateDict(state))
      expect(finished.toArray()).toEqual([1, 1])
      expect(offload.pending).toBe(2)
      await Promise.all([busy, loading])
    })

    test('random numbers come in the order of the calls', async () => {
      torch.manualSeed(3)
      const [first, second] = [torch.rand([4]), torch.rand([4])]
      torch.manualSeed(3)
      const queued = offload(() => {
        for (let i = 0; i < 5; i++) big.matmul(big).dispose()
        return torch.rand([4])
      })
      expect(torch.rand([4]).equal(second)).toBe(true)
      expect((await queued).equal(first)).toBe(true)
    })

    test('shapes that are changed in place are never torn', async () => {
      const x = torch.zeros([1, 2, 1, 3, 1, 1, 1])
      const seen = new Set<string>()
      for (let i = 0; i < 200; i++) {
        const queued = offload(() => {
          x.squeeze_()
          x.unsqueeze_(0)
          x.transpose_(0, 1)
        })
        seen.add(x.shape.join())
        await queued
        x.transpose_(0, 1)
        x.squeeze_(0)
      }
      expect([...seen]).toEqual(['2,1,3'])
    })
  })

  describe('knows shapes beforehand', () => {
    const slow = (x: Tensor): Tensor => {
      for (let i = 0; i < 12; i++) x = x.matmul(x).div(30)
      return x
    }
    const square = torch.randn([700, 700])

    test('of operators, layers and parts, in a network that asks at each step', async () => {
      const lstm = new nn.LSTM(700, 8, { numLayers: 2, bidirectional: true, projSize: 5, batchFirst: true })
      const gru = new nn.GRU(700, 8)
      const cell = new nn.LSTMCell(700, 4)
      const linear = new nn.Linear(10, 3)
      const shapes = await offload(() => {
        const x = slow(square)
        const [output, [h, c]] = lstm.forward(x.view([7, 100, 700]))
        const [unbatched, state] = gru.forward(x)
        const [hidden] = cell.forward(x)
        const known = [
          x,
          x.t().index(0, null),
          output,
          h,
          c,
          unbatched,
          state,
          hidden,
          linear.forward(output),
          torch.cat([x, x.double()], 1),
          x.chunk(2)[1] as Tensor,
          x.max(1)[1],
          torch.zerosLike(x).add_(1).mean(0, { keepdim: true }),
        ].map((tensor) => [tensor.shape, tensor.dtype, tensor.device, tensor.size(-1), tensor.numel])
        // `chunk` is one that waits: how many tensors there are is known from its run.
        return known
      })
      const float = (shape: number[]): unknown[] => [
        shape,
        'float32',
        'cpu',
        shape.at(-1),
        shape.reduce((a, b) => a * b, 1),
      ]
      expect(shapes).toEqual([
        float([700, 700]),
        float([1, 700]),
        float([7, 100, 10]),
        float([4, 7, 5]),
        float([4, 7, 8]),
        float([700, 8]),
        float([1, 8]),
        float([700, 4]),
        float([7, 100, 3]),
        [[700, 1400], 'float64', 'cpu', 1400, 980_000],
        float([350, 700]),
        [[700], 'int64', 'cpu', 700, 700],
        float([1, 700]),
      ])
    })

    test('without waiting', async () => {
      let pending: boolean[] = []
      const queued = offload(() => {
        const x = slow(square)
        const [output] = new nn.LSTM(700, 4).forward(x.view([7, 100, 700]))
        const y = output.index('...', 0).relu()
        expect([x.shape, x.dtype, output.shape, y.shape, y.dtype, y.device]).toEqual([
          [700, 700],
          'float32',
          [7, 100, 4],
          [7, 100],
          'float32',
          'cpu',
        ])
        pending = [x.pending, output.pending, y.pending]
      })
      await queued
      expect(pending).toEqual([true, true, true])
    })

    test('and waits for what depends on values, or on autocast', async () => {
      const mask = torch.tensor([true, false, true])
      const shapes = await offload(() => {
        const rows = torch.ones([3, 2]).index(mask.logicalNot().logicalNot())
        const cast = torch.autocast('cpu', () => square.matmul(square))
        return [rows.shape, rows.relu().shape, cast.shape, cast.dtype, cast.relu().dtype]
      })
      expect(shapes).toEqual([[2, 2], [2, 2], [700, 700], 'bfloat16', 'bfloat16'])
    })

    test('an operator that fails says so where its shape is asked for', async () => {
      const error = await rejection(offload(() => square.matmul(torch.ones([3, 3])).shape))
      expect(error.code).toBe('ERR_TORCH_SHAPE')
    })
  })

  describe('with a signal', () => {
    const x = torch.randn([500, 500])

    test('skips what has not begun, and rejects with its reason', async () => {
      const counter = torch.zeros([1])
      const controller = new AbortController()
      const reason = new Error('the client has gone')
      const first = offload(() => tidy(() => void x.matmul(x).matmul(x).matmul(x)))
      const second = offload(
        () => {
          counter.add_(1)
          return counter.add(1)
        },
        { signal: controller.signal },
      )
      const third = offload(() => counter.add(10))
      controller.abort(reason)
      await first
      await expect(second).rejects.toBe(reason)
      expect((await third).item()).toBe(10)
      await expect(offload(() => 1, { signal: controller.signal })).rejects.toBe(reason)
    })

    test('rejects always, also where the last operation had begun, and keeps nothing', async () => {
      await collectGarbage()
      const before = torch.memory().tensors
      const reason = new Error('the client has gone')
      for (let i = 0; i < 50; i++) {
        const controller = new AbortController()
        const queued = offload(() => torch.ones([2]), { signal: controller.signal })
        // All has run, but the promise has not settled: that takes a turn of the loop.
        while (i % 2 === 0 && offload.pending > 0);
        controller.abort(reason)
        await expect(queued).rejects.toBe(reason)
      }
      expect(torch.memory().tensors).toBeLessThanOrEqual(before)
    })

    test('one that is aborted within the function skips what it has queued', async () => {
      const controller = new AbortController()
      const reason = new Error('gone')
      const counter = torch.zeros([1])
      const queued = offload(
        () => {
          for (let i = 0; i < 20; i++) x.matmul(x).dispose()
          controller.abort(reason)
          counter.add_(1)
        },
        { signal: controller.signal },
      )
      await expect(queued).rejects.toBe(reason)
      expect(counter.item()).toBe(0)
    })

    test('one signal serves many calls', async () => {
      const warnings: string[] = []
      const listen = (warning: Error): void => void warnings.push(warning.name)
      process.on('warning', listen)
      const controller = new AbortController()
      const queued = Array.from({ length: 30 }, () => offload(() => x.matmul(x), { signal: controller.signal }))
      controller.abort(new Error('shut down'))
      for (const one of queued) await expect(one).rejects.toThrow('shut down')
      await new Promise((resolve) => setTimeout(resolve, 10))
      process.off('warning', listen)
      expect(warnings).toEqual([])
    })

    test('one that comes too late changes nothing, and leaves no listener', async () => {
      const controller = new AbortController()
      expect((await offload(() => torch.ones([1]).add(1), { signal: controller.signal })).item()).toBe(2)
      controller.abort()
      expect((await offload(() => torch.ones([1]))).item()).toBe(1)
    })

    test('refuses other options', async () => {
      expect((await rejection(offload(() => 1, { timeout: 3 } as never))).code).toBe('ERR_TORCH_OPTION')
      expect((await rejection(offload(() => 1, { signal: 3 } as never))).message).toBe(
        'offload: signal must be an AbortSignal, got 3',
      )
    })
  })

  test('frees what a call that fails has made', async () => {
    await collectGarbage()
    const before = torch.memory()
    for (let i = 0; i < 3; i++) {
      await rejection(offload(() => [torch.ones([100]), torch.ones([2]).matmul(torch.ones([3]))]))
      await expect(
        offload(() => {
          torch.ones([100])
          throw new Error('mine')
        }),
      ).rejects.toThrow('mine')
    }
    expect(torch.memory()).toEqual(before)
  })

  test('leaves no handle open when nothing is queued', async () => {
    const open = new Map<number, string>()
    const hook = createHook({
      init: (id, type) => open.set(id, type),
      destroy: (id) => open.delete(id),
    }).enable()
    await offload(() => torch.ones([1]))
    await new Promise((resolve) => setTimeout(resolve, 10))
    hook.disable()
    expect([...open.values()].filter((type) => type === 'libtorch-rnn')).toEqual([])
  })
})
