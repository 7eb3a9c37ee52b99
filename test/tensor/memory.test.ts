import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadFile, saveFile } from '../../lib/io/index.ts'
import * as nn from '../../lib/nn/index.ts'
import { mseGradients } from '../../lib/nn/recurrent.ts'
import * as optim from '../../lib/optim/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { runProgram } from '../support/cuda.ts'
import { expectError } from '../support/error.ts'
import { temporaryFolder } from '../support/folder.ts'

/** A leaf whose gradient autograd gives as zeros without memory. */
function withZeros(values: number[] = [1, -2]): Tensor {
  const x = torch.tensor(values, { requiresGrad: true })
  x.sgn().sum().backward()
  return x
}

describe('zeros that autograd gives without memory', () => {
  test('are read, printed, viewed and saved', async () => {
    const gradient = withZeros().grad as Tensor
    expect(gradient.toArray()).toEqual([0, 0])
    expect([...gradient.toTypedArray()]).toEqual([0, 0])
    expect(String(gradient)).toBe('tensor([0., 0.])')
    expect(gradient.index(0).item()).toBe(0)
    const view = gradient.toTypedArray({ copy: false })
    view[1] = 3
    expect(gradient.toArray()).toEqual([0, 3])
    const file = join(temporaryFolder(), 'zeros.safetensors')
    await saveFile({ g: withZeros().grad as Tensor }, file)
    expect((await loadFile(file)).g?.toArray()).toEqual([0, 0])
  })

  test('are those of the leaf: what is written to them stays', () => {
    const x = withZeros()
    x.grad?.add_(2)
    expect(x.grad?.toArray()).toEqual([2, 2])
  })

  test('come out of torch.autograd.grad and operators as well, and from the lane', async () => {
    const x = torch.tensor([1, -2], { requiresGrad: true })
    expect(torch.autograd.grad(x.sgn().sum(), x)[0]?.toArray()).toEqual([0, 0])
    const zeros = torch.ops.unsafe.aten._efficientzerotensor as unknown as (size: number[]) => Tensor
    expect(zeros([2]).toArray()).toEqual([0, 0])
    expect((await torch.offload(() => zeros([2]))).toArray()).toEqual([0, 0])
    const gradient = await torch.offload(() => {
      x.sgn().sum().backward()
      return x.grad as Tensor
    })
    expect(gradient.toArray()).toEqual([0, 0])
  })

  test('keep the graph that made them', () => {
    const x = torch.tensor([1, -2], { requiresGrad: true })
    const [gradient] = torch.autograd.grad(x.mul(x).sgn().sum(), x, { createGraph: true }) as [Tensor]
    expect(gradient.toArray()).toEqual([0, 0])
    expect(gradient.requiresGrad).toBe(true)
    gradient.sum().backward()
    expect(x.grad?.toArray()).toEqual([0, 0])
  })

  test.each<[string, (x: Tensor) => optim.Optimizer]>([
    ['SGD', (x) => new optim.SGD([x], { lr: 0.1, weightDecay: 0.5 })],
    ['SGD with momentum', (x) => new optim.SGD([x], { lr: 0.1, momentum: 0.9, weightDecay: 0.5 })],
    ['Adam', (x) => new optim.Adam([x], { lr: 0.1, weightDecay: 0.5 })],
    ['AdamW', (x) => new optim.AdamW([x], { lr: 0.1, weightDecay: 0.5 })],
  ])('are taken by %s as any zeros', (_, make) => {
    const plain = torch.tensor([1, -2], { requiresGrad: true })
    plain.grad = torch.zeros([2])
    const found = [withZeros(), plain].map((x) => {
      make(x).step()
      return x.detach().toArray()
    })
    expect(found[0]).toEqual(found[1])
    expect(found[0]).not.toEqual([1, -2])
  })

  test('are clipped, scaled and zeroed', () => {
    expect(nn.utils.clipGradNorm_(withZeros(), 1).item()).toBe(0)
    nn.utils.clipGradValue_(withZeros(), 1)
    const x = withZeros()
    new optim.SGD([x], { lr: 1 }).zeroGrad({ setToNone: false })
    expect(x.grad?.toArray()).toEqual([0, 0])
    const scaler = new torch.amp.GradScaler()
    const y = withZeros()
    const optimizer = new optim.SGD([y], { lr: 1 })
    scaler.scale(torch.ones([1]))
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    expect(y.detach().toArray()).toEqual([1, -2])
  })

  test('are added to by a step that computes gradients without a graph', () => {
    const lstm = new nn.LSTM(2, 3)
    const head = new nn.Linear(3, 1)
    const x = torch.randn([4, 1, 2])
    const target = torch.randn([4, 1, 1])
    head.bias?.sgn().sum().backward()
    mseGradients(lstm, x, { parameters: [head.weight, head.bias as Tensor], last: false, dropout: 0 }, target, true)
    const found = head.bias?.grad?.toArray()
    head.zeroGrad()
    new nn.MSELoss().forward(head.forward(lstm.forward(x)[0]), target).backward()
    expect(found).toEqual([expect.closeTo(head.bias?.grad?.item<number>() ?? Number.NaN, 5)])
  })

  test('end no process', () => {
    const { stdout } = runProgram(`
      import { torch } from 'libtorch-rnn'
      const x = torch.tensor([1, -2], { requiresGrad: true })
      x.sgn().sum().backward()
      console.log(x.grad, x.grad.toTypedArray({ copy: false }), x.grad.toArray())
    `)
    expect(stdout.trim()).toBe('tensor([0., 0.]) Float32Array(2) [ 0, 0 ] [ 0, 0 ]')
  })
})

describe('tensors of other kinds', () => {
  const kinds: [string, () => Tensor][] = [
    ['meta', () => torch.zeros([2], { device: 'meta' as 'cpu' })],
    ['sparse', () => (torch.ops.aten.to_sparse as unknown as (x: Tensor) => Tensor)(torch.ones([2, 2]))],
    ['mkldnn', () => (torch.ops.aten.to_mkldnn as unknown as (x: Tensor) => Tensor)(torch.ones([2, 2]))],
  ]
  test.each(kinds)('%s: reading and viewing them gives an error or the values', (_, make) => {
    for (const read of [
      (x: Tensor) => x.toArray(),
      (x: Tensor) => x.toTypedArray(),
      (x: Tensor) => x.toTypedArray({ copy: false }),
      (x: Tensor) => String(x),
      (x: Tensor) => new nn.LSTM(2, 2).forward(x),
      (x: Tensor) => new nn.LSTMCell(2, 2).forward(x),
      (x: Tensor) => Object.assign(new nn.LSTM(2, 2), { bias_ih_l0: x }).forward(torch.zeros([1, 2])),
      (x: Tensor) => new nn.utils.rnn.PackedSequence(torch.zeros([2, 2]), x),
    ]) {
      try {
        read(make())
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_TORCH_/) })
      }
    }
  })
})

describe('a view of memory', () => {
  test('keeps the memory when the tensor is given other memory', () => {
    const x = torch.zeros([1000])
    const view = x.toTypedArray({ copy: false }) as Float32Array
    torch.ops.aten.set_?.(x, torch.ones([1]))
    view.fill(5)
    expect(view.every((value) => value === 5)).toBe(true)
    expect(x.toArray()).toEqual([1])
  })

  test('ends no process', () => {
    const { stdout } = runProgram(`
      import { torch } from 'libtorch-rnn'
      const x = torch.zeros([4_000_000])
      const view = x.toTypedArray({ copy: false })
      torch.ops.aten.set_(x, torch.zeros([1]))
      view[3_999_999] = 2
      const y = torch.zeros([10])
      y.toTypedArray({ copy: false })
      try {
        torch.ops.aten.resize_(y, [1e8])
      } catch (error) {
        console.log(error.code)
      }
      console.log(view[0], view[3_999_999], y.shape, y.sum().item())
    `)
    expect(stdout.trim()).toBe('ERR_TORCH_SHAPE\n0 2 [ 10 ] 0')
  })

  test('lets go of the memory: it can be resized once no view is left', () => {
    const { stdout } = runProgram(
      `
      import { setTimeout } from 'node:timers/promises'
      import { torch } from 'libtorch-rnn'
      const x = torch.zeros([10])
      let first = x.toTypedArray({ copy: false }), second = x.toTypedArray({ copy: false })
      const resize = () => {
        try {
          torch.ops.aten.resize_(x, [20])
          return 'resized'
        } catch {
          return 'viewed'
        }
      }
      const collect = async () => {
        for (let i = 0; i < 5; i++) {
          globalThis.gc()
          await setTimeout(5)
        }
      }
      console.log(resize())
      first[0] = 1
      first = null
      await collect()
      console.log(resize(), second[0])
      second = null
      await collect()
      console.log(resize())
      `,
      { NODE_OPTIONS: '--expose-gc' },
    )
    expect(stdout.trim().split('\n')).toEqual(['viewed', 'viewed 1', 'resized'])
  })

  test('of what has no memory of its own is an error', () => {
    expectError(() => torch.zeros([2, 3]).t().toTypedArray({ copy: false }), 'ERR_TORCH_VALUE', /contiguous/)
  })
})
