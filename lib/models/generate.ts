import { isArrayOf } from '../array.ts'
import { checkOptions, invalid, requireInteger, requireNone, requireSignal } from '../check.ts'
import type { Vocabulary } from '../data/vocabulary.ts'
import { torchError } from '../errors.ts'
import type { RecurrentStream } from '../nn/stream.ts'
import { Generator, isGenerator } from '../tensor/generator.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import { RecurrentModel } from './model.ts'
import { readSampling, type Sampling, type SamplingOptions, sample } from './sampling.ts'

export interface GenerateOptions extends SamplingOptions {
  /** The most tokens to generate. */
  steps: number
  /** A token at which to end, which is not part of the result: its number, or its text. Default: none. */
  stop?: number | string
  /** Draws from this generator. Default: torch's own. */
  generator?: Generator
  /** Shorthand for a generator with this seed. */
  seed?: number
  /** Ends with its reason, between two tokens. */
  signal?: AbortSignal
}

/** A text, which the model's `vocabulary` turns into tokens, or tokens: (T) or an array. */
export type Prompt = string | Tensor | readonly number[]

/** For how long tokens are generated before other events get their turn, in milliseconds. */
const TURN_MS = 5

const OPTIONS = ['steps', 'stop', 'generator', 'seed', 'signal', 'temperature', 'topK', 'topP'] as const

/**
 * Goes on with a prompt, one token after the other, each drawn from the model's distribution after those before: with
 * the stream of the model, so each token costs one step. Other events get their turn in between.
 *
 * Draws equal `torch.multinomial(probs, 1)` of PyTorch with the same generator, after the filters of {@link
 * SamplingOptions}.
 *
 * @param model a model with an embedding, whose outputs are the logits of its tokens
 * @returns what comes after the prompt: a text for a text, tokens for tokens
 * @example
 * const model = await loadModel('shakespeare.safetensors') // saved with its vocabulary
 * console.log(await generate(model, 'to be', { steps: 200, temperature: 0.8, seed: 0 }))
 * @throws {TorchError} (rejects) if the model has no embedding, or another number of outputs; for an empty prompt, or a
 *   text without a vocabulary.
 */
export async function generate(model: RecurrentModel, prompt: string, options: GenerateOptions): Promise<string>
export async function generate(
  model: RecurrentModel,
  prompt: Tensor | readonly number[],
  options: GenerateOptions,
): Promise<number[]>
export async function generate(
  model: RecurrentModel,
  prompt: Prompt,
  options: GenerateOptions,
  ...none: undefined[]
): Promise<string | number[]> {
  requireNone('generate', none)
  const tokens: number[] = []
  const { vocabulary, run } = started('generate', model, prompt, options)
  for await (const token of run()) tokens.push(token)
  return vocabulary === undefined ? tokens : vocabulary.decode(tokens)
}

/**
 * {@link generate}, token by token, as they are drawn. Parts of a text, joined, are the text that `generate` returns.
 *
 * @example
 * for await (const part of generateStream(model, 'to be', { steps: 200 })) process.stdout.write(part)
 * @throws {TorchError} at once, as `generate` does.
 */
export function generateStream(model: RecurrentModel, prompt: string, options: GenerateOptions): AsyncGenerator<string>
export function generateStream(
  model: RecurrentModel,
  prompt: Tensor | readonly number[],
  options: GenerateOptions,
): AsyncGenerator<number>
export function generateStream(
  model: RecurrentModel,
  prompt: Prompt,
  options: GenerateOptions,
  ...none: undefined[]
): AsyncGenerator<string> | AsyncGenerator<number> {
  requireNone('generateStream', none)
  const { vocabulary, run } = started('generateStream', model, prompt, options)
  return vocabulary === undefined ? run() : texts(vocabulary, run())
}

async function* texts(vocabulary: Vocabulary, tokens: AsyncGenerator<number>): AsyncGenerator<string> {
  let before = ''
  for await (const token of tokens) {
    yield before + vocabulary.decode([token])
    if (vocabulary.level === 'word') before = ' '
  }
}

interface Started {
  /** For a prompt that is a text. */
  readonly vocabulary: Vocabulary | undefined
  run(): AsyncGenerator<number>
}

/** Checks all arguments. */
function started(owner: string, model: unknown, prompt: unknown, options: GenerateOptions): Started {
  if (!(model instanceof RecurrentModel)) throw invalid(owner, 'model', 'a model of libtorch-rnn/models', model)
  checkOptions(owner, options, OPTIONS)
  const { steps, stop, generator, seed, signal } = options
  requireInteger(owner, 'steps', steps, 0)
  requireSignal(owner, signal)
  const sampling = readSampling(owner, options)
  const size = sizeOf(owner, model)
  const [tokens, vocabulary] = promptOf(owner, model, prompt)
  const wrong = tokens.find((token) => token < 0 || token >= size)
  if (wrong !== undefined) {
    throw torchError('ERR_TORCH_INDEX', `${owner}: token ${wrong} of the prompt is out of range for ${size} tokens`, {
      op: owner,
    })
  }
  const end = stop === undefined ? undefined : stopOf(owner, model, stop, size)
  const draws = generatorOf(owner, generator, seed)
  if (sampling.temperature === 0 && draws !== undefined) {
    throw torchError('ERR_TORCH_OPTION', `${owner}: nothing is drawn with temperature 0: omit generator and seed`)
  }
  const stream = model.stream()
  const run = (): AsyncGenerator<number> =>
    generating(stream, tokens, { sampling, steps, end, generator: draws, signal })
  return { vocabulary, run }
}

/** The number of tokens. @throws {TorchError} unless the outputs of the model are logits of them. */
function sizeOf(owner: string, model: RecurrentModel): number {
  const { name } = model.constructor
  const { embedding, horizon, outputSize } = model
  if (embedding === null) {
    throw torchError('ERR_TORCH_VALUE', `${owner}: ${name} has no embedding, so it reads no tokens`, { op: owner })
  }
  if (horizon === null && outputSize === embedding.numEmbeddings) return outputSize
  const outputs = horizon === null ? `${outputSize}` : `${horizon} times ${outputSize}`
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: outputs must be the logits of the next token, one for each of the ${embedding.numEmbeddings} tokens of the embedding, but ${name} has ${outputs}`,
    { op: owner },
  )
}

/** The tokens of a prompt, and the vocabulary if it is a text. */
function promptOf(owner: string, model: RecurrentModel, prompt: unknown): [number[], Vocabulary | undefined] {
  const vocabulary = typeof prompt === 'string' ? vocabularyOf(owner, model) : undefined
  const given: unknown = vocabulary === undefined ? prompt : vocabulary.encode(prompt as string)
  const values: unknown = isTensor(given) && !given.isFloatingPoint() ? given.toArray() : given
  if (vocabulary !== undefined) (given as Tensor).dispose()
  const isToken = (value: unknown): boolean => typeof value === 'bigint' || Number.isSafeInteger(value)
  if (!isArrayOf(values, isToken)) {
    throw invalid(owner, 'prompt', 'a text, a 1-D tensor of integers, or an array of them', prompt)
  }
  if (values.length > 0) return [values.map(Number), vocabulary]
  throw torchError('ERR_TORCH_VALUE', `${owner}: the prompt has no tokens: the model goes on from at least one`, {
    op: owner,
  })
}

function vocabularyOf(owner: string, { vocabulary, constructor: { name } }: RecurrentModel): Vocabulary {
  if (vocabulary !== null) return vocabulary
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: a text needs the vocabulary of the model, and this ${name} has none: set model.vocabulary, and save it with the model; or give tokens`,
    { op: owner },
  )
}

function stopOf(owner: string, model: RecurrentModel, stop: unknown, size: number): number {
  if (typeof stop !== 'string') {
    requireInteger(owner, 'stop', stop, 0, size - 1)
    return stop
  }
  const found = vocabularyOf(owner, model).tokens.indexOf(stop)
  if (found >= 0) return found
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: stop is ${JSON.stringify(stop)}, which is no token of the vocabulary`,
    {
      op: owner,
    },
  )
}

function generatorOf(owner: string, generator: unknown, seed: unknown): Generator | undefined {
  if (generator !== undefined && !isGenerator(generator))
    throw invalid(owner, 'generator', 'a torch.Generator', generator)
  if (seed === undefined) return generator
  if (generator !== undefined) {
    throw torchError('ERR_TORCH_OPTION', `${owner}: seed makes a generator: give either seed or generator`)
  }
  requireInteger(owner, 'seed', seed)
  return new Generator().manualSeed(seed)
}

interface Run {
  readonly sampling: Sampling
  readonly steps: number
  readonly end: number | undefined
  readonly generator: Generator | undefined
  readonly signal: AbortSignal | undefined
}

async function* generating(
  stream: RecurrentStream,
  prompt: readonly number[],
  { sampling, steps, end, generator, signal }: Run,
): AsyncGenerator<number> {
  let turn = performance.now()
  const pause = async (): Promise<void> => {
    signal?.throwIfAborted()
    if (performance.now() - turn < TURN_MS) return
    await new Promise((resolve) => setImmediate(resolve))
    turn = performance.now()
    signal?.throwIfAborted()
  }
  try {
    const logits = new Float32Array(stream.outputSize)
    for (const token of prompt) {
      await pause()
      stream.step(token, logits)
    }
    for (let i = 0; i < steps; i++) {
      await pause()
      const token = sample(logits, sampling, generator)
      if (token === end) return
      yield token
      if (i + 1 < steps) stream.step(token, logits)
    }
  } finally {
    stream.dispose()
  }
}
