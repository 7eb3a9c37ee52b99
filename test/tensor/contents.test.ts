import assert from 'node:assert'
import { isDeepStrictEqual } from 'node:util'
import { serialize } from 'node:v8'
import { MessageChannel } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { DataLoader, SequenceDataset, TensorDataset } from '../../lib/data/index.ts'
import { nn, optim, type Tensor, torch } from '../../lib/index.ts'
import { TrainingStep } from '../../lib/train/index.ts'
import { expectError } from '../support/error.ts'

/** What each way of comparing says, which must all agree. */
function equal(a: unknown, b: unknown): boolean {
  const passes = (fn: () => void): boolean => {
    try {
      fn()
      return true
    } catch {
      return false
    }
  }
  const fn = vi.fn()
  fn(a)
  const answers = [
    passes(() => expect(a).toEqual(b)),
    passes(() => expect(b).toEqual(a)),
    passes(() => expect(a).toStrictEqual(b)),
    passes(() => expect({ x: [a] }).toEqual({ x: [b] })),
    passes(() => expect({ x: a, y: 1 }).toMatchObject({ x: b })),
    passes(() => expect([0, a]).toContainEqual(b)),
    passes(() => expect(fn).toHaveBeenCalledWith(b)),
    passes(() => expect({ x: a }).toEqual(expect.objectContaining({ x: b }))),
    !passes(() => expect(a).not.toEqual(b)),
    passes(() => assert.deepStrictEqual(a, b)),
    passes(() => assert.deepEqual({ x: a }, { x: b })),
    !passes(() => assert.notDeepStrictEqual(a, b)),
    isDeepStrictEqual(new Map([[1, a]]), new Map([[1, b]])),
  ]
  expect(new Set(answers).size, `they disagree: ${answers}`).toBe(1)
  return answers[0] as boolean
}

const empty = torch.ops.aten.empty as (size: number[], options: object) => Tensor

const disposed = (): Tensor => {
  const tensor = torch.ones([2])
  tensor.dispose()
  return tensor
}

describe('two tensors are deep-equal', () => {
  test.each<[string, () => Tensor, () => Tensor]>([
    ['of the same values', () => torch.tensor([1, 2.5]), () => torch.tensor([1, 2.5])],
    [
      'with NaN, infinity and zeros',
      () => torch.tensor([Number.NaN, 1 / 0, -0]),
      () => torch.tensor([0 / 0, 1 / 0, 0]),
    ],
    [
      'of other strides',
      () =>
        torch
          .tensor([
            [1, 2],
            [3, 4],
          ])
          .t(),
      () =>
        torch.tensor([
          [1, 3],
          [2, 4],
        ]),
    ],
    ['with and without a graph', () => torch.ones([2], { requiresGrad: true }).mul(2), () => torch.full([2], 2)],
    ['without elements', () => torch.zeros([0, 3]), () => torch.zeros([0, 3])],
    ['of bfloat16', () => torch.ones([2], { dtype: 'bfloat16' }), () => torch.ones([2], { dtype: 'bfloat16' })],
    ['of int64 beyond the safe integers', () => torch.tensor([2n ** 62n]), () => torch.tensor([2n ** 62n])],
    [
      'of complex numbers',
      () => torch.ones([2], { dtype: 'complex64' }),
      () => torch.ones([2], { dtype: 'complex64' }),
    ],
    ['that are large', () => torch.arange(0, 1000), () => torch.arange(0, 1000)],
  ])('%s', (_, a, b) => {
    expect(equal(a(), b())).toBe(true)
  })

  test('of half precision, and nothing is left behind', () => {
    const half = torch.ones([3], { dtype: 'float16' })
    const { tensors } = torch.memory()
    expect(equal(half, half.clone())).toBe(true)
    expect(torch.memory().tensors).toBe(tensors + 1)
  })
})

describe('two tensors differ', () => {
  test.each<[string, () => unknown, () => unknown]>([
    ['in a value', () => torch.tensor([1, 2]), () => torch.tensor([1, 3])],
    ['in the last bit', () => torch.tensor([0.1]), () => torch.tensor([0.1 + 1e-8])],
    ['in the last of many values', () => torch.zeros([5000]), () => torch.cat([torch.zeros([4999]), torch.ones([1])])],
    ['in shape', () => torch.ones([2, 3]), () => torch.ones([3, 2])],
    ['in the number of dimensions', () => torch.ones([]), () => torch.ones([1])],
    ['in shape, without elements', () => torch.ones([0, 2]), () => torch.ones([0, 3])],
    ['in dtype', () => torch.ones([2]), () => torch.ones([2], { dtype: 'int64' })],
    ['in a sign of infinity', () => torch.tensor([1 / 0]), () => torch.tensor([-1 / 0])],
    ['where one is disposed', disposed, () => torch.ones([2])],
    ['where both are disposed', disposed, disposed],
    ['from an array', () => torch.ones([2]), () => [1, 1]],
    ['on devices without values', () => empty([2], { device: 'meta' }), () => empty([2], { device: 'meta' })],
  ])('%s', (_, a, b) => {
    expect(equal(a(), b())).toBe(false)
    const same = a()
    expect(equal(same, same)).toBe(true)
  })

  test('from an empty object', () => {
    expect(torch.ones([2])).not.toEqual({})
    expect({}).not.toEqual(torch.ones([2]))
    expect({ x: 1 }).not.toMatchObject(torch.ones([2]))
  })

  test('exactly where torch.equal says so', () => {
    const array = fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(array, array, (a, b) => {
        const [x, y] = [torch.tensor(a), torch.tensor(b)]
        expect(isDeepStrictEqual(x, y)).toBe(x.equal(y))
        expect(isDeepStrictEqual(x, torch.tensor(a))).toBe(true)
      }),
    )
  })

  test('while they wait in the queue, without waiting for it', async () => {
    const x = torch.randn([300, 300])
    const [a, b] = await torch.offload(() => {
      const pair = [x.matmul(x), x.matmul(x)] as const
      if (pair[1].pending) expect(isDeepStrictEqual(pair[0], pair[1])).toBe(false)
      expect(isDeepStrictEqual(pair[0], pair[0])).toBe(true)
      return pair
    })
    expect(equal(a, b)).toBe(true)
  })
})

describe('of what is made of tensors', () => {
  test.each<[string, () => unknown]>([
    ['parameters', () => new nn.Parameter(torch.randn([3]))],
    ['linear modules', () => new nn.Linear(2, 3)],
    ['recurrent modules', () => new nn.LSTM(2, 3)],
    ['state dictionaries', () => new nn.GRU(2, 3).stateDict()],
    ['containers', () => new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU())],
    ['optimizers', () => new optim.Adam([torch.zeros([1], { requiresGrad: true })])],
    ['streams', () => new nn.GRU(1, 1).stream()],
    ['packed sequences', () => nn.utils.rnn.packSequence([torch.randn([2]), torch.randn([1])])],
    ['scalers of gradients', () => new torch.amp.GradScaler('cpu')],
    ['datasets', () => new TensorDataset(torch.randn([3, 1]), torch.zeros([3, 1]))],
    ['datasets of series', () => new SequenceDataset(torch.zeros([3, 1]), torch.zeros([3, 1]), { sequenceLength: 2 })],
    ['generators', () => new torch.Generator()],
    ['loaders', () => new DataLoader(new TensorDataset(torch.zeros([3, 1]), torch.zeros([3, 1])))],
    [
      'training steps',
      () => {
        const model = new nn.Linear(1, 1)
        return new TrainingStep(model, { optimizer: new optim.SGD(model.parameters(), { lr: 1 }) })
      },
    ],
  ])('two %s are not deep-equal', (_, make) => {
    const [a, b] = [make(), make()]
    expect(equal(a, b)).toBe(false)
    expect(equal(a, a)).toBe(true)
    expect(() => structuredClone(a)).toThrow(/could not be cloned|Cannot clone/)
    expect(() => serialize(a)).toThrow(/could not be cloned|Cannot clone/)
    const { port1, port2 } = new MessageChannel()
    expect(() => port1.postMessage({ a }, [])).toThrow(/could not be cloned|Cannot clone/)
    port1.close()
    port2.close()
  })

  test.each<[string, () => unknown, () => unknown]>([
    ['ReLU and Tanh', () => new nn.ReLU(), () => new nn.Tanh()],
    [
      'LeakyReLU of two slopes',
      () => new nn.LeakyReLU({ negativeSlope: 0.1 }),
      () => new nn.LeakyReLU({ negativeSlope: 0.2 }),
    ],
    ['Dropout of two rates', () => new nn.Dropout(0.1), () => new nn.Dropout(0.2)],
    ['L1Loss and MSELoss', () => new nn.L1Loss(), () => new nn.MSELoss()],
  ])('modules without parameters differ by what they compute: %s', (_, a, b) => {
    expect(() => expect(a()).toEqual(b())).toThrow()
    expect(isDeepStrictEqual(a(), b())).toBe(false)
    expect(equal(a(), a())).toBe(true)
  })

  test('modules with the same weights and settings are deep-equal', () => {
    const model = new nn.LSTM(2, 3, { numLayers: 2 })
    const copy = new nn.LSTM(2, 3, { numLayers: 2 })
    copy.loadStateDict(model.stateDict())
    expect(equal(model, copy)).toBe(true)
    expect(equal(model.stateDict(), copy.stateDict())).toBe(true)
    expect(equal(model, copy.eval())).toBe(false)
  })

  test('a parameter equals a tensor of its values, but strictly', () => {
    const parameter = new nn.Parameter(torch.tensor([1, 2]))
    expect(parameter).toEqual(torch.tensor([1, 2]))
    expect(parameter).not.toStrictEqual(torch.tensor([1, 2]))
    expect(isDeepStrictEqual(parameter, torch.tensor([1, 2]))).toBe(false)
  })
})

describe('JSON', () => {
  test('of a tensor is what toArray gives', () => {
    const body = {
      forecast: torch.tensor([[1, 2.5]]),
      on: torch.tensor(true),
      half: torch.ones([1], { dtype: 'float16' }),
    }
    expect(JSON.stringify(body)).toBe('{"forecast":[[1,2.5]],"on":true,"half":[1]}')
    expect(JSON.stringify(torch.tensor([Number.NaN, 1 / 0]))).toBe('[null,null]')
    expect(JSON.stringify(new nn.Parameter(torch.ones([2])))).toBe('[1,1]')
    const { weight } = JSON.parse(JSON.stringify(new nn.Linear(2, 1).stateDict()))
    expect(torch.tensor(weight).shape).toEqual([1, 2])
  })

  test('is refused for what cannot be read, or is not in properties', () => {
    expectError(() => JSON.stringify({ a: disposed() }), 'ERR_TORCH_DISPOSED', 'disposed')
    expectError(() => JSON.stringify(torch.tensor([2n ** 60n])), 'ERR_TORCH_VALUE', 'safe integers')
    expectError(
      () => JSON.stringify(new nn.GRU(1, 1).stream()),
      'ERR_TORCH_TYPE',
      'RecurrentStream: its contents are not in its properties; save() gives its state',
    )
    expectError(() => JSON.stringify(new optim.SGD([torch.zeros([1])], { lr: 1 })), 'ERR_TORCH_TYPE', /stateDict\(\)/)
  })
})

test('a snapshot shows values', () => {
  expect({ x: torch.tensor([[1, 2.5]]) }).toMatchInlineSnapshot(`
    {
      "x": [
        [
          1,
          2.5,
        ],
      ],
    }
  `)
  const linear = new nn.Linear(1, 1, { bias: false })
  nn.init.ones_(linear.weight)
  expect(linear).toMatchInlineSnapshot(`
    Linear {
      "bias": null,
      "inFeatures": 1,
      "outFeatures": 1,
      "training": true,
      "weight": [
        [
          1,
        ],
      ],
    }
  `)
})

test('what fails says what differs', () => {
  expect(() => assert.deepStrictEqual({ a: torch.tensor([1, 2]) }, { a: torch.tensor([1, 3]) })).toThrow(
    /Tensor \[float32 tensor of shape \[2\]: 1, 2\][\s\S]*Tensor \[float32 tensor of shape \[2\]: 1, 3\]/,
  )
  expect(() => expect(torch.ones([1])).toEqual(torch.ones([1], { dtype: 'int64' }))).toThrow(
    'expected tensor([1.]) to deeply equal tensor([1])',
  )
})

test('what is not enumerable stays so, and printing is as before', () => {
  const tensor = torch.tensor([1, 2])
  expect(Object.keys(tensor)).toEqual(['contents'])
  expect(`${tensor}`).toBe('tensor([1., 2.])')
  expect(Object.keys(new nn.Linear(1, 1))).not.toContain('contents')
})
