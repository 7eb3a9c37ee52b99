import { describe, expect, test } from 'vitest'
import { Vocabulary } from '../../lib/data/index.ts'
import { nn, torch } from '../../lib/index.ts'
import { type GenerateOptions, GRUModel, generate, generateStream, LSTMModel } from '../../lib/models/index.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { readFixture } from '../support/fixture.ts'

torch.setNumThreads(1)

interface Fixture {
  prompt: number[]
  state: Record<string, { shape: number[]; values: number[] }>
  cases: (Omit<GenerateOptions, 'steps'> & { tokens: number[] })[]
}

const { prompt, state, cases } = readFixture<Fixture>('generate')

function trained(): LSTMModel {
  const model = new LSTMModel(6, 8, 12, { embedding: 12 })
  const entries = Object.entries(state).map(([name, { shape, values }]) => [name, torch.tensor(values, { shape })])
  model.loadStateDict(Object.fromEntries(entries))
  return model
}

/** A model whose logits are the same after each token. */
function constant(logits: readonly number[]): GRUModel {
  const model = new GRUModel(2, 3, logits.length, { embedding: logits.length, output: 'last' })
  torch.noGrad(() => {
    model.linear.weight.fill_(0)
    model.linear.bias?.copy_(torch.tensor([...logits]))
  })
  return model
}

/** A model that counts: after token i comes i + 1, after the last the first. */
function counting(size: number, vocabulary: Vocabulary | null = null): GRUModel {
  const model = new GRUModel(size, size, size, { embedding: size })
  torch.noGrad(() => {
    for (const parameter of model.parameters()) parameter.fill_(0)
    model.embedding?.weight.copy_(torch.eye(size))
    // The update gate is closed: h is tanh of the input alone.
    const [weight, , bias] = model.gru.allWeights[0] as nn.Parameter[]
    weight?.narrow(0, 2 * size, size).copy_(torch.eye(size).mul(5))
    bias?.narrow(0, size, size).fill_(-50)
    model.linear.weight.copy_(torch.eye(size).roll(1, 0).mul(20))
  })
  model.vocabulary = vocabulary
  return model
}

test.each(cases)('generates the tokens of PyTorch: %o', async ({ tokens, ...options }) => {
  const model = trained()
  const before = torch.memory().tensors
  expect(await generate(model, prompt, { steps: tokens.length, ...options })).toEqual(tokens)
  expect(torch.memory().tensors).toBeLessThanOrEqual(before)
  const same = torch.tensor(prompt, { dtype: 'int64' })
  expect(await generate(model, same, { steps: 5, ...options })).toEqual(tokens.slice(0, 5))
  if (options.seed === undefined) return
  const { seed, ...rest } = options
  const generator = new torch.Generator().manualSeed(seed)
  expect(await generate(model, prompt, { steps: 9, generator, ...rest })).toEqual(tokens.slice(0, 9))
})

test('temperature 0 takes the maximum that forward gives', async () => {
  const model = trained()
  const tokens = [...prompt]
  for (let i = 0; i < 10; i++) {
    const output = model.eval().forward(torch.tensor(tokens, { dtype: 'int64' }))
    tokens.push(Number(output.index(-1).argmax().item()))
  }
  expect(await generate(model, prompt, { steps: 10, temperature: 0 })).toEqual(tokens.slice(prompt.length))
})

test.each([1e-300, 5e-324, 1e-38])('temperature %d takes the maximum, too', async (temperature) => {
  const model = constant([1, 3, 2.99, Number.NEGATIVE_INFINITY])
  expect(await generate(model, [0], { steps: 5, temperature, seed: 1 })).toEqual([1, 1, 1, 1, 1])
  expect(await generate(model, [0], { steps: 2, temperature, topK: 2, topP: 0.9 })).toEqual([1, 1])
  // Equal ones stay equally likely.
  const tokens = await generate(constant([-2e38, 3, 3]), [0], { steps: 4000, temperature, seed: 2 })
  const share = tokens.filter((token) => token === 1).length / 4000
  expect(Math.abs(share - 0.5)).toBeLessThanOrEqual(4 * Math.sqrt(0.25 / 4000))
  expect(tokens).not.toContain(0)
})

test('a logit of -∞ never comes', async () => {
  const tokens = await generate(constant([Number.NEGATIVE_INFINITY, 0, 0]), [1], { steps: 500, seed: 3 })
  expect(new Set(tokens)).toEqual(new Set([1, 2]))
})

describe('draws come as often as their probabilities say', () => {
  const logits = [0.4, 0.3, 0.2, 0.1].map(Math.log)
  test.each<[Partial<GenerateOptions>, number[]]>([
    [{}, [0.4, 0.3, 0.2, 0.1]],
    [{ temperature: 0.5 }, [16 / 30, 9 / 30, 4 / 30, 1 / 30]],
    [{ topK: 2 }, [4 / 7, 3 / 7, 0, 0]],
    [{ topK: 9 }, [0.4, 0.3, 0.2, 0.1]],
    [{ topP: 0.8 }, [4 / 9, 3 / 9, 2 / 9, 0]],
    [{ topP: 0 }, [1, 0, 0, 0]],
    [{ topK: 3, topP: 0.5 }, [4 / 7, 3 / 7, 0, 0]],
  ])('%o', async (options, expected) => {
    const count = 4000
    const tokens = await generate(constant(logits), [0], { steps: count, seed: 5, ...options })
    expected.forEach((p, token) => {
      const share = tokens.filter((one) => one === token).length / count
      // Four standard deviations.
      expect(Math.abs(share - p)).toBeLessThanOrEqual(4 * Math.sqrt((p * (1 - p)) / count))
    })
  })
})

describe('a text', () => {
  const letters = new Vocabulary({ level: 'character', tokens: [...'abcdef'] })
  const words = new Vocabulary({ level: 'word', tokens: ['one', 'two', 'three', 'four'] })

  test('goes on as a text, also part by part', async () => {
    const model = counting(6, letters)
    const options = { steps: 7, temperature: 0 }
    expect(await generate(model, 'ab', options)).toBe('cdefabc')
    const spoken = counting(4, words)
    expect(await generate(spoken, 'four one', { steps: 3, temperature: 0 })).toBe('two three four')
    const parts: string[] = []
    for await (const part of generateStream(spoken, 'one', { steps: 3, temperature: 0 })) parts.push(part)
    expect(parts).toEqual(['two', ' three', ' four'])
    const tokens: number[] = []
    for await (const token of generateStream(model, [1], { steps: 2, temperature: 0 })) tokens.push(token)
    expect(tokens).toEqual([2, 3])
  })

  test('ends before a token to stop at', async () => {
    const model = counting(6, letters)
    expect(await generate(model, 'a', { steps: 20, temperature: 0, stop: 'e' })).toBe('bcd')
    expect(await generate(model, 'a', { steps: 20, temperature: 0, stop: 2 })).toBe('b')
    expect(await generate(model, [0], { steps: 20, temperature: 0, stop: 1 })).toEqual([])
    expect(await generate(model, 'a', { steps: 0 })).toBe('')
  })

  test('needs a vocabulary, and tokens', async () => {
    const bad = (prompt: unknown, model = counting(6, letters), options: object = {}): Promise<unknown> =>
      generate(model, prompt as string, { steps: 1, ...options })
    await expectRejection(bad('a', counting(6)), 'ERR_TORCH_VALUE', 'this GRUModel has none: set model.vocabulary')
    await expectRejection(bad(''), 'ERR_TORCH_VALUE', 'the prompt has no tokens')
    await expectRejection(bad('z'), 'ERR_TORCH_VALUE', '"z", is not in the vocabulary')
    await expectRejection(bad([6]), 'ERR_TORCH_INDEX', 'token 6 of the prompt is out of range for 6 tokens')
    await expectRejection(bad([0.5]), 'ERR_TORCH_TYPE', 'prompt must be a text')
    await expectRejection(bad(torch.ones([2])), 'ERR_TORCH_TYPE', 'prompt must be a text')
    await expectRejection(bad('a', undefined, { stop: 'z' }), 'ERR_TORCH_VALUE', 'stop is "z", which is no token')
    await expectRejection(bad([0], counting(6), { stop: 'a' }), 'ERR_TORCH_VALUE', 'a text needs the vocabulary')
    await expectRejection(bad('a', undefined, { stop: 6 }), 'ERR_TORCH_VALUE', 'stop must be at most 5')
  })
})

test('the event loop goes on, and a signal ends it', async () => {
  const model = new LSTMModel(64, 128, 50, { embedding: 50 })
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  await generate(model, [0], { steps: 1500 })
  clearInterval(timer)
  expect(ticks).toBeGreaterThan(3)
  const controller = new AbortController()
  setTimeout(() => controller.abort(new Error('enough')), 20)
  await expect(generate(model, [0], { steps: 1e9, signal: controller.signal })).rejects.toThrow('enough')
})

test('models that have no tokens, and wrong options', async () => {
  const make = (model: unknown, options: object = {}): Promise<unknown> =>
    generate(model as LSTMModel, [0], { steps: 1, ...options })
  await expectRejection(make(new GRUModel(2, 3, 4)), 'ERR_TORCH_VALUE', 'GRUModel has no embedding')
  await expectRejection(
    make(new GRUModel(2, 3, 4, { embedding: 5 })),
    'ERR_TORCH_VALUE',
    'one for each of the 5 tokens of the embedding, but GRUModel has 4',
  )
  await expectRejection(make(new GRUModel(2, 3, 4, { embedding: 4, horizon: 2 })), 'ERR_TORCH_VALUE', 'has 2 times 4')
  await expectRejection(make(new nn.Linear(1, 1)), 'ERR_TORCH_TYPE', 'model must be a model of libtorch-rnn/models')
  const bad = (options: object): Promise<unknown> => make(trained(), options)
  await expectRejection(bad({ steps: -1 }), 'ERR_TORCH_VALUE', 'steps must be a non-negative integer')
  await expectRejection(bad({ temperature: -1 }), 'ERR_TORCH_VALUE', 'temperature must be a non-negative number')
  await expectRejection(bad({ temperature: Number.NaN }), 'ERR_TORCH_VALUE', 'temperature must be')
  await expectRejection(bad({ topK: 0 }), 'ERR_TORCH_VALUE', 'topK must be a positive integer')
  await expectRejection(bad({ topP: 2 }), 'ERR_TORCH_VALUE', 'topP must be a number from 0 to 1')
  await expectRejection(bad({ temperature: 0, topK: 2 }), 'ERR_TORCH_OPTION', 'omit topK and topP')
  await expectRejection(bad({ temperature: 0, seed: 2 }), 'ERR_TORCH_OPTION', 'nothing is drawn with temperature 0')
  await expectRejection(
    bad({ seed: 1, generator: new torch.Generator() }),
    'ERR_TORCH_OPTION',
    'either seed or generator',
  )
  await expectRejection(bad({ generator: 1 }), 'ERR_TORCH_TYPE', 'generator must be a torch.Generator')
  await expectRejection(bad({ seed: 0.5 }), 'ERR_TORCH_VALUE', 'seed must be an integer')
  await expectRejection(bad({ signal: 1 }), 'ERR_TORCH_TYPE', 'signal must be an AbortSignal')
  await expectRejection(bad({ maxTokens: 1 }), 'ERR_TORCH_OPTION', "unknown option 'maxTokens'")
  for (const [logits, told] of [
    [[Number.NaN, 1], 'the model returned NaN'],
    [[Number.POSITIVE_INFINITY, 1], 'the model returned an infinite logit'],
    [[Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY], 'the model returned only logits of -∞'],
  ] as const) {
    for (const temperature of [0, 1]) {
      await expectRejection(make(constant(logits), { temperature }), 'ERR_TORCH_NON_FINITE', told)
    }
  }
  expectError(() => generateStream(trained(), [99], { steps: 1 }), 'ERR_TORCH_INDEX', 'generateStream: token 99')
})
