import { afterEach, describe, expect, test, vi } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import type { DType } from '../../lib/tensor/dtype.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

const { autocast, isAutocastEnabled, getAutocastDtype } = torch

interface Numbers {
  dtype: DType
  values: number[]
}

/** What scripts/fixtures/autocast.py computes. */
interface Case {
  module: 'Linear' | 'RNN' | 'LSTM' | 'GRU' | 'RNNCell' | 'LSTMCell' | 'GRUCell'
  dtype: 'bfloat16' | 'float16'
  results: Numbers[]
  loss: Numbers
  gradients: Record<string, Numbers>
}

const MODULES: Record<Case['module'], () => nn.Module> = {
  Linear: () => new nn.Linear(3, 4),
  RNN: () => new nn.RNN(3, 4, { numLayers: 2 }),
  LSTM: () => new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true }),
  GRU: () => new nn.GRU(3, 4, { bidirectional: true }),
  RNNCell: () => new nn.RNNCell(3, 4),
  LSTMCell: () => new nn.LSTMCell(3, 4),
  GRUCell: () => new nn.GRUCell(3, 4),
}

function tensorsIn(value: unknown): Tensor[] {
  return Array.isArray(value) ? value.flatMap(tensorsIn) : [value as Tensor]
}

/** Kernels for these types add up in different orders: two units in the last place of bfloat16. */
function expectNumbers(actual: Tensor, expected: Numbers): void {
  expect(actual.dtype).toBe(expected.dtype)
  expectClose(actual.detach().float().flatten(), expected.values, { rtol: 2e-2, atol: 1e-2 })
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('what PyTorch computes under autocast on the CPU', () => {
  test.each(readFixture<Case[]>('autocast'))('$module in $dtype', ({ module: name, dtype, ...expected }) => {
    torch.manualSeed(0)
    const module = MODULES[name]()
    const x = torch.randn(name.endsWith('Cell') ? [2, 3] : [5, 2, 3])
    const { results, loss } = autocast(
      'cpu',
      () => {
        const results = tensorsIn((module.forward as (input: Tensor) => unknown).call(module, x))
        const [first] = results as [Tensor]
        return { results, loss: nn.functional.mseLoss(first, torch.onesLike(first)) }
      },
      { dtype },
    )
    loss.backward()
    for (const [i, numbers] of expected.results.entries()) expectNumbers(results[i] as Tensor, numbers)
    expectNumbers(loss, expected.loss)
    for (const [parameter, tensor] of module.namedParameters())
      expectNumbers(tensor.grad as Tensor, expected.gradients[parameter] as Numbers)
  })

  test('the operations of each list', () => {
    const [a, b] = [torch.randn([3, 3]), torch.randn([3, 3])]
    const dtypes = autocast('cpu', () => {
      const product = a.matmul(b)
      return [product, product.add(1), product.mul(a), product.exp(), nn.functional.mseLoss(product, b), a.add(b)].map(
        ({ dtype }) => dtype,
      )
    })
    expect(dtypes).toEqual(['bfloat16', 'bfloat16', 'float32', 'bfloat16', 'float32', 'float32'])
  })
})

describe('a context', () => {
  const product = (): DType => torch.ones([2, 2]).matmul(torch.ones([2, 2])).dtype

  test('has the dtypes of PyTorch by default, and ends with its function', () => {
    expect([getAutocastDtype('cpu'), getAutocastDtype('cuda')]).toEqual(['bfloat16', 'float16'])
    expect(isAutocastEnabled('cpu')).toBe(false)
    expect(autocast('cpu', () => [product(), isAutocastEnabled('cpu'), isAutocastEnabled('cuda')])).toEqual([
      'bfloat16',
      true,
      false,
    ])
    expect([product(), isAutocastEnabled('cpu')]).toEqual(['float32', false])
    expect(() =>
      autocast('cpu', () => {
        throw new Error('mine')
      }),
    ).toThrow('mine')
    expect([product(), isAutocastEnabled('cpu')]).toEqual(['float32', false])
  })

  test('nests, and hands its dtype on', () => {
    const dtypes = autocast(
      'cpu',
      () => [
        product(),
        autocast('cpu', product, { enabled: false }),
        autocast('cpu', product),
        autocast('cpu', () => [product(), getAutocastDtype('cpu')].join(), { dtype: 'bfloat16' }),
        product(),
      ],
      { dtype: 'float16' },
    )
    expect(dtypes).toEqual(['float16', 'float32', 'float16', 'bfloat16,bfloat16', 'float16'])
  })

  test('follows async functions, apart from others that run meanwhile', async () => {
    const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    const inside = autocast('cpu', async () => {
      const before = product()
      await pause()
      return [before, product()]
    })
    expect(product()).toBe('float32')
    expect(await inside).toEqual(['bfloat16', 'bfloat16'])
    await expect(
      autocast('cpu', async () => {
        await pause()
        throw new Error('mine')
      }),
    ).rejects.toThrow('mine')
    expect(product()).toBe('float32')
  })

  test('goes along with what is queued', async () => {
    const [a, b] = [torch.ones([2, 2]), torch.ones([2, 2])]
    expect((await torch.offload(() => autocast('cpu', () => a.matmul(b)))).dtype).toBe('bfloat16')
    expect((await autocast('cpu', () => torch.offload(() => a.matmul(b)))).dtype).toBe('bfloat16')
    expect((await torch.offload(() => a.matmul(b))).dtype).toBe('float32')
  })

  test('leaves alone what it is not for: other dtypes and other devices', () => {
    expect(
      autocast(
        'cpu',
        () => torch.ones([2, 2], { dtype: 'float64' }).matmul(torch.ones([2, 2], { dtype: 'float64' })).dtype,
      ),
    ).toBe('float64')
    expect(autocast('cpu', () => torch.ones([2], { dtype: 'int64' }).add(1).dtype)).toBe('int64')
  })
})

describe('the casts of parameters', () => {
  const linear = new nn.Linear(1, 1, { bias: false })
  const x = torch.ones([1, 1])
  const set = (value: number): void => void torch.noGrad(() => linear.weight.fill_(value))
  const output = (): Tensor => linear.forward(x).detach()

  test('are kept within the outermost context, and dropped at its end', () => {
    set(1)
    expect(
      autocast('cpu', () => {
        const first = output().item()
        set(2)
        // As in PyTorch: weights must not change within a context.
        const second = autocast('cpu', () => output().item())
        return [first, second, autocast('cpu', () => output().item(), { cacheEnabled: false })]
      }),
    ).toEqual([1, 1, 2])
    expect(autocast('cpu', () => output().item())).toBe(2)
    set(3)
    expect(autocast('cpu', () => output().item(), { cacheEnabled: false })).toBe(3)
  })

  test('are those of the step that uses them, also where steps are queued', async () => {
    const outputs: Promise<Tensor>[] = []
    for (const value of [1, 2, 3]) {
      outputs.push(
        torch.offload(() => {
          set(value)
          return autocast('cpu', output)
        }),
      )
    }
    expect((await Promise.all(outputs)).map((tensor) => tensor.item())).toEqual([1, 2, 3])
  })

  test('of work that outlives its context are used by no other', async () => {
    let late: Promise<Tensor> | undefined
    set(1)
    autocast('cpu', () => {
      late = torch.offload(output)
    })
    expect((await late)?.item()).toBe(1)
    set(2)
    expect(autocast('cpu', () => output().item())).toBe(2)
  })

  test('do not mix between two contexts that take turns', async () => {
    const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    const seen: unknown[] = []
    const run = (): Promise<void> =>
      autocast('cpu', async () => {
        for (let i = 0; i < 3; i++) {
          seen.push(output().item())
          await pause()
        }
      })
    set(1)
    const first = run()
    set(2)
    // The second context sees the weight as it is now.
    const second = run()
    expect(seen).toEqual([1, 2])
    await Promise.all([first, second])
  })

  test('skip the gradient neither with nor without a backward pass before', () => {
    set(1)
    const step = (): unknown => {
      linear.zeroGrad()
      const loss = autocast('cpu', () => {
        torch.noGrad(() => linear.forward(x))
        return linear.forward(x).sum()
      })
      loss.backward()
      return linear.weight.grad?.item()
    }
    expect([step(), step()]).toEqual([1, 1])
  })
})

describe('recurrent networks under autocast on the CPU', () => {
  const x = torch.randn([4, 2, 3])

  test.each([nn.RNN, nn.LSTM, nn.GRU])('%o runs through LibTorch, and says so', (Network) => {
    const network = new Network(3, 4)
    expect(network.explainBackend(x).backend).toBe('fused')
    expect(autocast('cpu', () => network.explainBackend(x))).toEqual({
      backend: 'libtorch',
      reason: 'autocast is on for the CPU',
    })
    expect(network.explainBackend(x).backend).toBe('fused')
  })

  test('take an input of another dtype than their weights, which they refuse without', () => {
    const gru = new nn.GRU(3, 4)
    const half = x.to('bfloat16')
    expectError(
      () => gru.forward(half),
      'ERR_TORCH_VALUE',
      'RNN input dtype (torch.bfloat16) does not match weight dtype',
    )
    const [output] = autocast('cpu', () => gru.forward(half))
    const [exact] = gru.forward(x)
    expectClose(output.detach().float(), exact.detach(), { atol: 3e-2 })
  })

  test('also those with equations of their own', () => {
    const lstm = new nn.PeepholeLSTM(3, 4)
    const [output] = autocast('cpu', () => lstm.forward(x))
    expectClose(output.detach().float(), lstm.forward(x)[0].detach(), { atol: 3e-2 })
  })
})

describe('what is refused', () => {
  test('arguments of the wrong kind', () => {
    const fn = (): number => 1
    expectError(
      () => autocast('gpu' as never, fn),
      'ERR_TORCH_VALUE',
      "autocast: deviceType must be 'cpu' or 'cuda', got 'gpu'",
    )
    expectError(() => autocast(3 as never, fn), 'ERR_TORCH_TYPE', "deviceType must be 'cpu' or 'cuda', got 3")
    expectError(() => autocast('cpu', 3 as never), 'ERR_TORCH_TYPE', 'autocast: fn must be a function, got 3')
    expectError(() => autocast('cpu', fn, { type: 1 } as never), 'ERR_TORCH_OPTION', "unknown option 'type'")
    expectError(() => autocast('cpu', fn, { dtype: 'half' as never }), 'ERR_TORCH_DTYPE', 'dtype must be one of')
    expectError(() => autocast('cpu', fn, { enabled: 1 as never }), 'ERR_TORCH_TYPE', 'enabled must be a boolean')
    expectError(
      () => autocast('cpu', fn, { cacheEnabled: 1 as never }),
      'ERR_TORCH_TYPE',
      'cacheEnabled must be a boolean',
    )
    expectError(() => isAutocastEnabled('tpu' as never), 'ERR_TORCH_VALUE', "got 'tpu'")
    expectError(() => getAutocastDtype(undefined as never), 'ERR_TORCH_TYPE', 'got: undefined')
  })

  test('a dtype that has no autocast, with a warning', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    expect(autocast('cpu', () => isAutocastEnabled('cpu'), { dtype: 'float32' as never })).toBe(false)
    expect(warn.mock.calls[0]?.[0]).toMatch(/^In CPU autocast, but the target dtype is not supported/)
  })

  test.skipIf(torch.cuda.isAvailable())(
    'CUDA where it cannot be used, with a warning (needs a machine without)',
    () => {
      const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
      expect(autocast('cuda', () => isAutocastEnabled('cuda'))).toBe(false)
      expect(warn.mock.calls[0]?.[0]).toBe('CUDA is not available. Disabling autocast.')
      expect(autocast('cuda', () => isAutocastEnabled('cuda'), { enabled: false })).toBe(false)
      expect(warn).toHaveBeenCalledTimes(1)
    },
  )

  test('unsafe losses, in the words of PyTorch', async () => {
    const [x, y] = [torch.rand([3]), torch.rand([3])]
    // On the CPU PyTorch allows it.
    expect(autocast('cpu', () => nn.functional.binaryCrossEntropy(x, y).dtype)).toBe('float32')
    const failed = autocast('cpu', () => torch.offload(() => torch.ones([2, 2]).matmul(torch.ones([3, 3]))))
    await expectRejection(failed, 'ERR_TORCH_SHAPE', 'cannot be multiplied')
  })
})

test.skipIf(!torch.cuda.isAvailable())('casts on CUDA (needs a CUDA device)', () => {
  const [a, b] = [torch.ones([2, 2], { device: 'cuda' }), torch.ones([2, 2], { device: 'cuda' })]
  expect(autocast('cuda', () => a.matmul(b).dtype)).toBe('float16')
  expect(autocast('cuda', () => a.matmul(b).dtype, { dtype: 'bfloat16' })).toBe('bfloat16')
  const lstm = new nn.LSTM(2, 8).cuda()
  const x = torch.randn([3, 2, 2], { device: 'cuda' })
  const [output] = autocast('cuda', () => lstm.forward(x))
  expect(output.dtype).toBe('float16')
  output.float().sum().backward()
  expect(lstm.weight_ih_l0?.grad?.dtype).toBe('float32')
})
