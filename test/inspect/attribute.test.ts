import { describe, expect, test } from 'vitest'
import { nn, type Tensor, torch } from '../../lib/index.ts'
import { type AttributeOptions, attribute, attributeSync } from '../../lib/inspect/index.ts'
import { GRUModel, LSTMModel, RNNModel } from '../../lib/models/index.ts'
import { expectClose } from '../support/close.ts'
import { decode, type Encoded, expectTensor } from '../support/encoded.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'
import { collectGarbage } from '../support/garbage.ts'

const [L, N, I, H] = [6, 3, 2, 4] as const
const f64 = { dtype: 'float64' } as const
const EXACT = { rtol: 1e-10, atol: 1e-12 }

function draw(...shape: number[]): Tensor {
  return torch.randn(shape, f64)
}

/** Σ w(t, i) x(t, i) + 5 for each of two outputs, which are multiples of each other. */
class Weighted extends nn.Module {
  readonly batchFirst = true
  constructor(readonly weights: Tensor) {
    super()
  }
  override forward(x: Tensor): Tensor {
    const sums = x.mul(this.weights).sum([1, 2]).add(5)
    return torch.stack([sums, sums.mul(-3)], 1)
  }
}

describe('as PyTorch, by the formulas of Captum', () => {
  interface Case extends Record<'input' | 'baseline', Encoded> {
    kind: 'RNN' | 'LSTM' | 'GRU'
    embedding: number | null
    weights: Record<string, Encoded>
    lengths: number[]
    target: number[]
    output: number[]
    integratedGradients: Encoded
    gradientTimesInput: Encoded
    occlusion: Encoded
    windows: Encoded
  }
  const { cases } = readFixture<{ cases: Case[] }>('attributions')

  test.each(cases)('$kind with embedding $embedding', async (one) => {
    const Model = { RNN: RNNModel, LSTM: LSTMModel, GRU: GRUModel }[one.kind]
    const { embedding } = one
    const model = new Model(2, 4, 3, {
      output: 'last',
      batchFirst: true,
      ...f64,
      ...(embedding === null ? {} : { embedding }),
    })
    const weights = Object.entries(one.weights).map(([name, weight]) => [name, decode(weight)])
    model.loadStateDict(Object.fromEntries(weights))
    const [input, baselines] = [decode(one.input), decode(one.baseline)]
    const target = torch.tensor(one.target, { dtype: 'int64' })
    const shared = { lengths: one.lengths, target }

    const found = await attribute(model, input, { ...shared, baselines, nSteps: 7 })
    expect(found.method).toBe('integratedGradients')
    expectTensor(found.attributions, one.integratedGradients)
    expectClose(found.output, one.output, EXACT)
    const simple = await attribute(model, input, { ...shared, method: 'gradientTimesInput' })
    expectTensor(simple.attributions, one.gradientTimesInput)
    const each = await attribute(model, input, { ...shared, baselines, method: 'occlusion' })
    expectTensor(each.attributions, one.occlusion)
    const windows = { slidingWindowShapes: [3, 2], strides: [2, 1] }
    const wide = await attribute(model, input, { ...shared, ...windows, baselines, method: 'occlusion' })
    expectTensor(wide.attributions, one.windows)
  })
})

describe('of a linear model', () => {
  const weights = draw(L, I)
  const model = new Weighted(weights)
  const x = draw(N, L, I)
  const baseline = draw(L, I)
  const shares = (from: Tensor | number): Tensor => x.sub(from).mul(weights).mul(-3)

  test.each([1, 2, 50])('integrated gradients are weight times difference, with %i steps', async (nSteps) => {
    const found = await attribute(model, x, { target: 1, baselines: baseline, nSteps })
    expectClose(found.attributions, shares(baseline), EXACT)
    expectClose(found.completenessError, torch.zeros([N]), EXACT)
    expectClose(found.output, model.forward(x).select(1, 1), EXACT)
    expectClose(found.baselineOutput, model.forward(baseline.expand([N, L, I])).select(1, 1), EXACT)
  })

  test('so is gradient times input, from zero', async () => {
    const found = await attribute(model, x, { target: 1, method: 'gradientTimesInput' })
    expectClose(found.attributions, shares(0), EXACT)
    expectClose(found.completenessError, torch.zeros([N]), EXACT)
    expectClose(found.baselineOutput, torch.full([N], -15, f64), EXACT)
  })

  test('SmoothGrad is the weight', async () => {
    const found = await attribute(model, x, { target: 0, method: 'smoothGrad', ntSamples: 3 })
    expectClose(found.attributions, weights.expand([N, L, I]), EXACT)
    expect([found.baselineOutput, found.completenessError]).toEqual([null, null])
  })

  test('occlusion is weight times difference, of a window the sum', async () => {
    const each = await attribute(model, x, { target: 1, method: 'occlusion', baselines: baseline })
    expectClose(each.attributions, shares(baseline), EXACT)
    const options = { target: 1, method: 'occlusion', baselines: baseline } as const
    // Each feature over all steps.
    const features = await attribute(model, x, { ...options, slidingWindowShapes: [L, 1] })
    expectClose(features.attributions, shares(baseline).sum(1, true).expand([N, L, I]), EXACT)
    // All features in windows of 4 steps, the second of which is cut.
    const steps = await attribute(model, x, { ...options, slidingWindowShapes: [4, I] })
    const parts = shares(baseline).split([4, 2], 1)
    expectClose(
      steps.attributions,
      torch.cat(
        parts.map((part) => part.sum([1, 2], true).expandAs(part)),
        1,
      ),
      EXACT,
    )
  })
})

describe('completeness', () => {
  const models = { RNN: RNNModel, LSTM: LSTMModel, GRU: GRUModel }
  test.each(Object.entries(models))('of %s: attributions add up to the difference', async (_, Model) => {
    torch.manualSeed(5)
    const model = new Model(I, H, 2, { numLayers: 2, bidirectional: true, output: 'mean', horizon: 3, ...f64 })
    const x = draw(L, N, I)
    const found = await attribute(model, x, { target: [2, 1], nSteps: 40 })
    expect(found.attributions.shape).toEqual([L, N, I])
    expectClose(found.attributions.sum([0, 2]), found.output.sub(found.baselineOutput), { rtol: 0, atol: 1e-9 })
    expectClose(found.completenessError, torch.zeros([N]), { rtol: 0, atol: 1e-9 })
    // A single gradient leaves a rest, which is told.
    const rough = await attribute(model, x, { target: [2, 1], nSteps: 1 })
    const rest = rough.attributions.sum([0, 2]).sub(rough.output.sub(rough.baselineOutput))
    expectClose(rough.completenessError, rest, EXACT)
    expect(rest.abs().max().item<number>()).toBeGreaterThan(1e-6)
  })
})

describe('the explained value', () => {
  const sequence = new GRUModel(I, H, 3, { output: 'sequence', ...f64 })
  const x = draw(L, N, I)

  test('of one step and class: later steps have no part in it', async () => {
    const { attributions, output } = await attribute(sequence, x, { target: [2, 1] })
    expect(attributions.select(1, 0).abs().sum(1).gt(0).toArray()).toEqual([true, true, true, false, false, false])
    expectClose(output, sequence.forward(x).index(2).select(1, 1), EXACT)
  })

  test('steps count from the end of each sequence', async () => {
    const lengths = [6, 2, 4]
    const { attributions, output } = await attribute(sequence, x, { target: [-1, 0], lengths })
    const outputs = sequence.forward(x, { lengths })
    expectClose(
      output,
      lengths.map((length, n) => outputs.index(length - 1, n, 0).item<number>()),
      EXACT,
    )
    for (const [n, length] of lengths.entries()) {
      const alone = await attribute(sequence, x.select(1, n).narrow(0, 0, length), { target: [-1, 0] })
      expectClose(attributions.select(1, n).narrow(0, 0, length), alone.attributions, EXACT)
      expect(
        attributions
          .select(1, n)
          .narrow(0, length, L - length)
          .abs()
          .sum()
          .item(),
      ).toBe(0)
    }
  })

  test('of each sequence its own, by a tensor', async () => {
    const model = new LSTMModel(I, H, 3, { output: 'last', ...f64 })
    const classes = model.forward(x).argmax(-1)
    const { output, attributions } = await attribute(model, x, { target: classes, nSteps: 5 })
    expectClose(output, model.forward(x).amax(-1), EXACT)
    const pairs = torch.tensor(
      [
        [1, 0],
        [2, 2],
        [5, 1],
      ],
      { dtype: 'int32' },
    )
    const steps = await attribute(sequence, x, { target: pairs, nSteps: 5 })
    const picked = [
      [1, 0, 0],
      [2, 1, 2],
      [5, 2, 1],
    ].map((at) =>
      sequence
        .forward(x)
        .index(...at)
        .item<number>(),
    )
    expectClose(steps.output, picked, EXACT)
    const same = await attribute(model, x, { target: (found: Tensor) => found.amax(-1), nSteps: 5 })
    expect(same.attributions.shape).toEqual(attributions.shape)
  })

  test('a function of the output, also of several', async () => {
    const lstm = new nn.LSTM(I, H, f64)
    const found = await attribute(lstm, x, { target: ([, [h]]) => h.index(0).sum(1), nSteps: 20 })
    expectClose(found.output, lstm.forward(x)[1][0].index(0).sum(1), EXACT)
    expectClose(found.completenessError, torch.zeros([N]), { rtol: 0, atol: 1e-8 })
    // An index is that of the output.
    const last = await attribute(lstm, x, { target: [L - 1, 3], nSteps: 20 })
    expectClose(
      last.output,
      lstm
        .forward(x)[0]
        .index(L - 1)
        .select(1, 3),
      EXACT,
    )
  })

  test('may leave out dimensions of size 1, and itself where there is one number', async () => {
    const horizon = new GRUModel(I, H, 1, { output: 'last', horizon: 4, ...f64 })
    const two = await attribute(horizon, x, { target: 3, nSteps: 2 })
    expectClose(two.output, horizon.forward(x).index(torch.slice(), 3, 0), EXACT)
    expectClose((await attribute(horizon, x, { target: [3, 0], nSteps: 2 })).output, two.output, EXACT)
    const one = new GRUModel(I, H, 1, { output: 'last', ...f64 })
    expectClose((await attribute(one, x, { nSteps: 2 })).output, one.forward(x).squeeze(1), EXACT)
  })
})

describe('inputs', () => {
  test('one sequence, without a dimension for more', async () => {
    const model = new GRUModel(I, H, 2, { output: 'last', ...f64 })
    const x = draw(L, 1, I)
    const [many, one] = [
      await attribute(model, x, { target: 1, baselines: x.mul(0.5) }),
      await attribute(model, x.squeeze(1), { target: 1, baselines: x.squeeze(1).mul(0.5) }),
    ]
    expect([one.attributions.shape, one.output.shape, one.completenessError.shape]).toEqual([[L, I], [], []])
    expectClose(one.attributions, many.attributions.squeeze(1), EXACT)
    expectClose(one.output, many.output.squeeze(0), EXACT)
  })

  test('rows of any module', async () => {
    const linear = new nn.Linear(4, 2, f64)
    const x = draw(N, 4)
    const { attributions } = await attribute(linear, x, { target: 1 })
    expectClose(attributions, x.mul(linear.weight.detach().index(1)), EXACT)
  })

  test('tokens: of what the embedding makes of them', async () => {
    const model = new LSTMModel(3, H, 2, { embedding: { numEmbeddings: 9, paddingIdx: 0 }, output: 'max', ...f64 })
    const tokens = torch.tensor(
      [
        [5, 1],
        [2, 8],
        [7, 0],
      ],
      { dtype: 'int64' },
    )
    const lengths = [3, 2]
    const found = await attribute(model, tokens, { target: 1, lengths, nSteps: 100 })
    expect(found.attributions.shape).toEqual([3, 2, 3])
    expectClose(found.output, model.forward(tokens, { lengths }).select(1, 1), EXACT)
    expectClose(found.attributions.sum([0, 2]), found.output.sub(found.baselineOutput), { rtol: 0, atol: 1e-3 })
    expect(found.attributions.index(2, 1).abs().sum().item()).toBe(0)
    // A baseline of other tokens.
    const padding = await attribute(model, tokens, { target: 1, lengths, baselines: torch.zerosLike(tokens) })
    expectClose(padding.attributions, (await attribute(model, tokens, { target: 1, lengths })).attributions, EXACT)
    const eights = torch.fullLike(tokens, 8)
    const eight = await attribute(model, tokens, { target: 1, lengths, baselines: eights })
    expectClose(eight.baselineOutput, model.forward(eights, { lengths }).select(1, 1), EXACT)
    expect(eight.attributions.index(1, 1).abs().sum().item()).toBe(0)
    const single = await attribute(model, tokens.select(1, 0), { target: 1, nSteps: 100 })
    expectClose(single.attributions, found.attributions.select(1, 0), EXACT)
    const own = new nn.Sequential(new nn.Embedding(9, 3), new nn.Flatten(), new nn.Linear(6, 1))
    const flat = await attribute(own, tokens)
    const [embedding, , linear] = [own.at(0) as nn.Embedding, 0, own.at(2) as nn.Linear]
    const expected = embedding
      .forward(tokens)
      .mul(linear.weight.view([2, 3]))
      .detach()
    expectClose(flat.attributions, expected, { rtol: 1e-4, atol: 1e-6 })
  })
})

test('what is computed at once does not change the result', async () => {
  const model = new GRUModel(I, H, 1, { output: 'last', dropout: 0.5, numLayers: 2, ...f64 })
  const x = draw(L, 5, I)
  const runs = [
    { method: 'integratedGradients', nSteps: 5 },
    { method: 'smoothGrad', ntSamples: 5 },
    { method: 'occlusion', slidingWindowShapes: [3, 1], strides: [2, 1] },
    { method: 'gradientTimesInput' },
  ] as const
  for (const options of runs) {
    const whole = attributeSync(model, x, options as AttributeOptions)
    expect(whole.method).toBe(options.method)
    for (const internalBatchSize of [3, 12]) {
      const parts = attributeSync(model, x, { ...options, internalBatchSize } as AttributeOptions)
      expectClose(parts.attributions, whole.attributions, EXACT)
    }
    const queued = await attribute(model, x, options as AttributeOptions)
    expect(queued.attributions.equal(whole.attributions)).toBe(true)
  }
})

test('SmoothGrad is the mean of gradients at the input with noise, which its seed decides', async () => {
  /** f = Σ x³: the gradient at x + e is 3 (x + e)². */
  class Cubes extends nn.Module {
    override forward(x: Tensor): Tensor {
      return x.pow(3).sum([1, 2])
    }
  }
  const [model, x] = [new Cubes(), draw(1, L, I)]
  const options = { method: 'smoothGrad', ntSamples: 4, stdevs: 0.5, seed: 3 } as const
  const { attributions } = await attribute(model, x, options)
  const generator = new torch.Generator().manualSeed(3)
  const noise = Array.from({ length: 4 }, () => torch.randn([1, L, I], { generator, ...f64 }).mul(0.5))
  const gradients = noise.map((one) => x.add(one).pow(2).mul(3))
  expectClose(attributions, torch.stack(gradients).mean(0), EXACT)
  expect((await attribute(model, x, options)).attributions.equal(attributions)).toBe(true)
  expect((await attribute(model, x, { ...options, seed: 4 })).attributions.equal(attributions)).toBe(false)
  // By default, noise has a deviation of 0.15 of the range of each feature.
  const ranges = x.amax(1, true).sub(x.amin(1, true)).mul(0.15)
  const first = torch.randn([1, L, I], { generator: new torch.Generator().manualSeed(0), ...f64 }).mul(ranges)
  const usual = await attribute(model, x, { method: 'smoothGrad', ntSamples: 1 })
  expectClose(usual.attributions, x.add(first).pow(2).mul(3), EXACT)
})

test('leaves modes, gradients, hooks and memory as they were', async () => {
  const model = new LSTMModel(I, H, 1, { output: 'last', numLayers: 2, dropout: 0.4, outputDropout: 0.5 })
  model.linear.eval()
  const x = torch.randn([L, N, I], { requiresGrad: true })
  model.forward(x).sum().backward()
  const gradients = [x, ...model.parameters()].map((one) => one.grad?.clone())
  await collectGarbage()
  const live = torch.memory().tensors
  const run = async (): Promise<void> => {
    await attribute(model, x, { nSteps: 3 })
    await attribute(model, x, { method: 'smoothGrad', ntSamples: 3 })
    await attribute(model, x, { method: 'occlusion', slidingWindowShapes: [2, 2] })
  }
  await torch.tidy(async () => void (await torch.noGrad(run)))
  expect(torch.memory().tensors).toBe(live)
  expect([model.training, model.lstm.training, model.linear.training]).toEqual([true, true, false])
  for (const [i, one] of [x, ...model.parameters()].entries()) {
    expect(one.grad?.equal(gradients[i] as Tensor)).toBe(true)
    expect(one.requiresGrad).toBe(true)
  }
  // In evaluation mode: the same twice, in spite of the dropout.
  const [a, b] = [await attribute(model, x), await attribute(model, x)]
  expect(a.attributions.equal(b.attributions)).toBe(true)
  expect(a.attributions.requiresGrad).toBe(false)
})

test('the event loop is free, and a signal ends the work', { retry: 2 }, async () => {
  const model = new GRUModel(8, 64, 1, { output: 'last', ...f64 })
  const x = draw(200, 4, 8)
  const start = performance.now()
  const running = attribute(model, x, { nSteps: 5 })
  const queued = performance.now() - start
  await running
  expect(queued).toBeLessThan((performance.now() - start) / 4)
  const controller = new AbortController()
  const aborted = attribute(model, x, { nSteps: 1000, signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(aborted).rejects.toThrow('enough')
  expect(model.training).toBe(true)
})

describe('refuses', () => {
  const model = new GRUModel(I, H, 3, { output: 'last', ...f64 })
  const sequence = new GRUModel(I, H, 1, { batchFirst: true, ...f64 })
  const x = draw(L, N, I)
  const refused =
    (options: object, input: unknown = x, subject: nn.Module = model) =>
    () =>
      attributeSync(subject as GRUModel, input as Tensor, options as AttributeOptions<'integratedGradients'>)
  test.each([
    [refused({}, x, {} as nn.Module), 'ERR_TORCH_TYPE', /model must be a Module, got an object/],
    [refused(null as never), 'ERR_TORCH_TYPE', /options must be an object, got null/],
    [refused({}, [1]), 'ERR_TORCH_TYPE', /input must be a Tensor, got \[/],
    [refused({ target: 0 }, torch.zeros([L, 0, I], f64)), 'ERR_TORCH_SHAPE', /input is empty, of shape \(6, 0, 2\)/],
    [refused({}), 'ERR_TORCH_VALUE', /is of shape \(3\): target must say which .* by an index; it was not given/],
    [refused({ target: [0, 1] }), 'ERR_TORCH_VALUE', /by an index; got 2/],
    [refused({ target: 3 }), 'ERR_TORCH_INDEX', /target: index 3 is out of range for size 3/],
    [refused({ target: -4 }), 'ERR_TORCH_INDEX', /index -4 is out of range for size 3/],
    [refused({ target: 1.5 }), 'ERR_TORCH_TYPE', /target must be an index, an array of indices/],
    [refused({ target: torch.zeros([N]) }), 'ERR_TORCH_DTYPE', /of int64 or int32, got float32/],
    [refused({ target: torch.zeros([2], { dtype: 'int64' }) }), 'ERR_TORCH_SHAPE', /of shape \(3\) or \(3, indices\)/],
    [refused({ target: (y: Tensor) => y }), 'ERR_TORCH_SHAPE', /one number for each sequence, here of shape \(3\)/],
    [refused({ target: () => 1 }), 'ERR_TORCH_TYPE', /what target returns must be a Tensor, got 1/],
    [refused({ target: (y: Tensor) => y.select(1, 0).detach() }), 'ERR_TORCH_AUTOGRAD', /require grad/],
    [refused({ target: 0, method: 'saliency' }), 'ERR_TORCH_VALUE', /method must be 'integratedGradients', /],
    [refused({ target: 0, steps: 3 }), 'ERR_TORCH_OPTION', /unknown option 'steps'.*nSteps/],
    [refused({ target: 0, seed: 3 }), 'ERR_TORCH_OPTION', /with integratedGradients: unknown option 'seed'/],
    [refused({ target: 0, nSteps: 0 }), 'ERR_TORCH_VALUE', /nSteps must be a positive integer/],
    [refused({ target: 0, internalBatchSize: 0 }), 'ERR_TORCH_VALUE', /internalBatchSize must be a positive integer/],
    [refused({ target: 0, method: 'smoothGrad', ntSamples: 0 }), 'ERR_TORCH_VALUE', /ntSamples must be/],
    [refused({ target: 0, method: 'smoothGrad', stdevs: 0 }), 'ERR_TORCH_VALUE', /stdevs must be a positive number/],
    [refused({ target: 0, method: 'smoothGrad', seed: -1 }), 'ERR_TORCH_VALUE', /seed must be/],
    [refused({ target: 0, baselines: 'zero' }), 'ERR_TORCH_TYPE', /baselines must be a number or a Tensor, got 'zero'/],
    [refused({ target: 0, baselines: draw(5) }), 'ERR_TORCH_SHAPE', /expand/],
    [refused({ target: 0, lengths: [1, 2] }), 'ERR_TORCH_VALUE', /lengths must be 3 integers from 1 to 6/],
    [
      refused({ target: 0, lengths: [1, 2, 7] }),
      'ERR_TORCH_VALUE',
      /from 1 to 6, one for each sequence, got \[1, 2, 7\]/,
    ],
    [refused({ target: 0, signal: 1 }), 'ERR_TORCH_TYPE', /signal must be an AbortSignal/],
    [
      refused({ target: 5, lengths: [6, 3, 6] }, x.transpose(0, 1), sequence),
      'ERR_TORCH_INDEX',
      /index 5 is out of range for the 3 steps of sequence 1/,
    ],
    [
      refused({ target: 0 }, torch.zeros([L, N], { dtype: 'int64' })),
      'ERR_TORCH_DTYPE',
      /floating-point, got int64: .* no Embedding in GRUModel/,
    ],
    [
      refused({ target: 0, method: 'occlusion', slidingWindowShapes: [2] }),
      'ERR_TORCH_VALUE',
      /slidingWindowShapes must be an array of positive integers, \[steps, features\], got \[2\]/,
    ],
    [
      refused({ target: 0, method: 'occlusion', slidingWindowShapes: [7, 1] }),
      'ERR_TORCH_VALUE',
      /a window of 7 is longer than the input, 6, in dimension 0/,
    ],
    [
      refused({ target: 0, method: 'occlusion', slidingWindowShapes: [2, 1], strides: [3, 1] }),
      'ERR_TORCH_VALUE',
      /strides of 3 leave features out: at most the window's 2/,
    ],
  ] as const)('%s', (call, code, message) => {
    expectError(call, code, message)
  })

  test('a module whose layout it cannot know, a packed input, and rejects', async () => {
    class Last extends nn.Module {
      gru = new nn.GRU(I, H, f64)
      override forward(x: Tensor): Tensor {
        return this.gru.forward(x)[0]
      }
    }
    expectError(
      refused({ target: [0, 0] }, draw(L, N, I), new Pooled()),
      'ERR_TORCH_SHAPE',
      /a property batchFirst: false/,
    )
    const packed = nn.utils.rnn.packSequence([draw(3, I), draw(2, I)])
    await expectRejection(attribute(new Last(), packed as never, {}), 'ERR_TORCH_TYPE', /with the option lengths, got/)
    await expectRejection(attribute(model, x, null as never), 'ERR_TORCH_TYPE', /options must be an object, got null/)
    await expectRejection(attribute(model, x, { target: 9 }), 'ERR_TORCH_INDEX', /index 9 is out of range/)
    await expectRejection(attribute(model, draw(L, N, 9), { target: 0 }), 'ERR_TORCH_SHAPE', /Expected 2, got 9/)
  })
})

/** Reads (L, N, I) and returns (N, H), without saying so. */
class Pooled extends nn.Module {
  gru = new nn.GRU(I, H, f64)
  override forward(x: Tensor): Tensor {
    return this.gru.forward(x)[0].mean(0)
  }
}
