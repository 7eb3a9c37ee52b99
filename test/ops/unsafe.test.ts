import { describe, expect, test } from 'vitest'
import { TorchError } from '../../lib/errors.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { runProgram } from '../support/cuda.ts'
import { expectError } from '../support/error.ts'

type Operators = Record<string, (...args: unknown[]) => unknown>

function arrayOf(result: unknown): unknown {
  return (result as Tensor).toArray()
}

const aten = torch.ops.aten as unknown as Operators
const unsafe = torch.ops.unsafe.aten as unknown as Operators

describe('operators that trust their arguments', () => {
  test.each([
    ...[
      '_stack',
      '_fft_r2c',
      '_fft_c2c',
      '_reshape_alias_copy',
      '_weight_norm',
      '_transform_bias_rescale_qkv',
      '_foreach_copy',
    ],
    ...[
      '_thnn_differentiable_lstm_cell_backward',
      '_slow_conv2d_backward',
      '_remove_batch_dim',
      '_cummin_helper',
      '_pdist_forward',
    ],
    ...[
      '_dyn_quant_matmul_4bit',
      '_nnpack_spatial_convolution',
      '_convert_indices_from_csr_to_coo',
      '_nested_from_padded',
    ],
    ...[
      '_saturate_weight_to_fp16',
      '_weight_norm_interface_backward',
      '_cholesky_solve_helper',
      '_unsafe_masked_index',
    ],
    ...[
      'native_batch_norm_backward',
      'reflection_pad1d_backward',
      'fractional_max_pool2d_backward',
      'adaptive_avg_pool3d_backward',
    ],
    ...[
      'quantized_lstm_cell',
      'quantized_gru_cell',
      'mkldnn_rnn_layer',
      'mkldnn_linear',
      'cudnn_convolution',
      'miopen_rnn',
    ],
    ...['fbgemm_linear_int8_weight', 'thnn_conv2d', 'slow_conv3d_forward'],
    ...['range', 'choose_qparams_optimized'],
    ...['native_batch_norm', '_native_batch_norm_legit', '_batch_norm_impl_index', 'batch_norm_stats'],
    ...[
      'batch_norm_elemt',
      'batch_norm_gather_stats',
      'batch_norm_gather_stats_with_counts',
      'batch_norm_update_stats',
    ],
    ...['batch_norm_backward_reduce', 'cudnn_batch_norm', 'miopen_batch_norm'],
  ])('%s is behind torch.ops.unsafe', (name) => {
    const error = expectError(() => aten[name], 'ERR_TORCH_NOT_IMPLEMENTED', 'can crash the process')
    expect(error.message).toContain(`call torch.ops.unsafe.aten.${name}`)
  })

  test('work there, as do all others', () => {
    const x = torch.tensor([1, -2, 3])
    expect(arrayOf(unsafe._stack?.([x, x], 0))).toEqual([
      [1, -2, 3],
      [1, -2, 3],
    ])
    expect(arrayOf(unsafe.relu?.(x))).toEqual([1, 0, 3])
    expect(arrayOf(torch.ops.unsafe.libtorch_rnn?.l1_loss?.(x, torch.zeros([3])))).toBe(2)
    expect(() => unsafe.no_such_operator).toThrow(TorchError)
  })

  test('of batch norm have a sibling that checks', () => {
    const x = torch.tensor([
      [1, 2],
      [3, 6],
    ])
    const [mean, variance] = [torch.tensor([1, 2]), torch.tensor([4, 1])]
    const expected = [
      [0, 0],
      [1, 4],
    ]
    const normalize = unsafe.native_batch_norm as Operators[string]
    const [kernel] = normalize(x, null, null, mean, variance, false, 0.1, 0) as [Tensor]
    const checked = (weight: Tensor | null, mean: Tensor): unknown =>
      aten.batch_norm?.(x, weight, null, mean, variance, false, 0.1, 0, false)
    expect([arrayOf(kernel), arrayOf(checked(null, mean))]).toEqual([expected, expected])
    const short = torch.ones([1])
    expectError(() => checked(null, short), 'ERR_TORCH_SHAPE', 'running_mean should contain 2 elements not 1')
    expectError(() => checked(short, mean), 'ERR_TORCH_SHAPE', 'weight should contain 2 elements not 1')
    expectError(
      () => torch.batchNorm(x, short, null, mean, variance, false, 0.1, 0, false),
      'ERR_TORCH_SHAPE',
      'weight',
    )
  })

  test('of other namespaces than aten are there, too', () => {
    const operators = torch.ops as unknown as Record<string, Operators>
    for (const namespace of ['prims', 'quantized', 'mkldnn', 'prim']) {
      expectError(() => operators[namespace]?.add, 'ERR_TORCH_NOT_IMPLEMENTED', `torch.ops.unsafe.${namespace}.add`)
    }
  })

  test('are told of before they are called: no crash', () => {
    const { stdout } = runProgram(`
      import { torch } from 'libtorch-rnn'
      const { aten } = torch.ops
      for (const call of [
        () => aten._stack([], 0),
        () => aten._fft_r2c(torch.randn([5, 1]), [1, 2n ** 63n - 1n], 0, true),
        () => aten._reshape_alias_copy(torch.zeros([4]), [7], [4294967296]),
        () => aten._convert_indices_from_coo_to_csr(torch.tensor([5n]), 1),
      ]) {
        try {
          call()
        } catch (error) {
          console.log(error.name, error.code)
        }
      }
    `)
    expect(stdout.trim().split('\n')).toEqual(Array(4).fill('TorchError ERR_TORCH_NOT_IMPLEMENTED'))
  })
})

describe("LibTorch's recurrent operators", () => {
  const params = (gates: number, inputs = 4, units = 3): Tensor[] => [
    torch.randn([gates * units, inputs]),
    torch.randn([gates * units, units]),
    torch.randn([gates * units]),
    torch.randn([gates * units]),
  ]
  const state = (lstm: boolean, size = [1, 2, 3]): Tensor | Tensor[] =>
    lstm ? [torch.zeros(size), torch.zeros(size)] : torch.zeros(size)
  const KINDS: [string, number][] = [
    ['lstm', 4],
    ['gru', 3],
    ['rnn_tanh', 1],
    ['rnn_relu', 1],
  ]

  test.each(KINDS)('%s computes, and takes nothing that it would read outside of', (name, gates) => {
    const lstm = name === 'lstm'
    const call = aten[name] as Operators[string]
    const x = torch.randn([5, 2, 4])
    const tail = [true, 1, 0, false, false] as const
    const [output] = call(x, state(lstm), params(gates), ...tail, false) as [Tensor]
    expect(output.shape).toEqual([5, 2, 3])
    const sizes = torch.tensor([2n, 2n, 1n])
    const [packed] = call(torch.randn([5, 4]), sizes, state(lstm), params(gates), ...tail) as [Tensor]
    expect(packed.shape).toEqual([5, 3])

    const wrong: [RegExp, unknown[]][] = [
      ...params(gates).map((_, i): [RegExp, unknown[]] => {
        const changed = params(gates)
        changed[i] = torch.zeros([1, 1])
        return [
          new RegExp(`${name}: params\\[${i}\\] should have the shape`),
          [x, state(lstm), changed, ...tail, false],
        ]
      }),
      [/expected 4 params, but got 3/, [x, state(lstm), params(gates).slice(1), ...tail, false]],
      [/numLayers should fit/, [x, state(lstm), params(gates), true, 2 ** 40, 0, false, false, false]],
      [/numLayers should fit/, [x, state(lstm), params(gates), true, 0, 0, false, false, false]],
      [/expected 8 params/, [x, state(lstm, [2, 2, 3]), params(gates), true, 1, 0, false, true, false]],
      [
        /hx.* should have the shape \[1, 2, 3\], but got \[1, 7, 3\]/,
        [x, state(lstm, [1, 7, 3]), params(gates), ...tail, false],
      ],
      [/hx should be 3-D, but got 2-D/, [x, state(lstm, [2, 3]), params(gates), ...tail, false]],
      [/input should be 3-D, but got 1-D/, [torch.zeros([4]), state(lstm), params(gates), ...tail, false]],
      [/batchSizes ask for more steps/, [torch.randn([2, 4]), sizes, state(lstm), params(gates), ...tail]],
      [
        /batchSizes should be positive/,
        [torch.randn([2, 4]), torch.tensor([1n, 2n]), state(lstm), params(gates), ...tail],
      ],
    ]
    for (const [text, args] of wrong) {
      expect(() => call(...args)).toThrow(expect.objectContaining({ message: expect.stringMatching(text) }))
    }
  })

  test.each(
    KINDS.map(([name, gates]) => [name === 'lstm' || name === 'gru' ? `${name}_cell` : `${name}_cell`, gates] as const),
  )('%s as well', (name, gates) => {
    const lstm = name === 'lstm_cell'
    const call = aten[name] as Operators[string]
    const hx = (size: number[]): Tensor | Tensor[] => state(lstm, size)
    const result = call(torch.randn([2, 4]), hx([2, 3]), ...params(gates)) as Tensor | [Tensor]
    expect((Array.isArray(result) ? result[0] : result).shape).toEqual([2, 3])
    for (const [input, given, weights] of [
      [[4], [1, 3], params(gates)],
      [[2, 4], [3], params(gates)],
      [[2, 4], [3, 3], params(gates)],
      [[2, 4], [2, 3], params(gates, 5)],
      [[2, 4], [2, 3], params(gates, 4, 8)],
    ] as [number[], number[], Tensor[]][]) {
      expectError(() => call(torch.zeros(input), hx(given), ...weights), 'ERR_TORCH_SHAPE', new RegExp(`^${name}: `))
    }
    const bias = params(gates).with(3, torch.zeros([1]))
    expectError(() => call(torch.zeros([2, 4]), hx([2, 3]), ...bias), 'ERR_TORCH_SHAPE', /b_hh should have the shape/)
  })

  test('end no process', () => {
    const { stdout } = runProgram(`
      import { torch } from 'libtorch-rnn'
      const lstm = torch.ops.aten.lstm
      const x = torch.randn([3, 1, 4]), h = torch.zeros([1, 1, 1024])
      const w = [torch.zeros([4096, 4]), torch.zeros([4096, 1]), torch.zeros([4096]), torch.zeros([4096])]
      try {
        lstm(x, [h, h], w, true, 1, 0, false, false, false)
      } catch (error) {
        console.log(error.message)
      }
    `)
    expect(stdout.trim()).toBe('lstm: params[1] should have the shape [4096, 1024], but got [4096, 1]')
  })
})

describe('an operation that fails to resize', () => {
  test('leaves the shape as it was', () => {
    const x = torch.ones([2, 5])
    x.toTypedArray({ copy: false })
    const y = torch.ones([10])
    const attempts = [
      () => aten.resize_?.(x, [100_000_000]),
      () => aten.resize_as_?.(x, torch.zeros([1]).expand([100_000_000])),
      () => aten.resize_?.(y, [2 ** 48]),
      () => aten.set_?.(y, x, 0, [100_000_000], [1]),
      () => aten.mul?.(torch.ones([1000, 1000]), 2, { out: x }),
    ]
    for (const attempt of attempts) {
      expect(attempt).toThrow(TorchError)
      expect([x.shape, x.stride, x.sum().item()]).toEqual([[2, 5], [5, 1], 10])
      expect([y.shape, y.sum().item()]).toEqual([[10], 10])
    }
  })

  test('within offload, too', async () => {
    const x = torch.ones([10])
    x.toTypedArray({ copy: false })
    await expect(torch.offload(() => aten.resize_?.(x, [100_000_000]))).rejects.toThrow(/not resizable/)
    expect([x.shape, x.sum().item()]).toEqual([[10], 10])
  })
})
