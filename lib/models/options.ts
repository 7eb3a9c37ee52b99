import { checkOptions, invalid, requireBoolean, requireChoice, requireInteger, requireProbability } from '../check.ts'
import type { FactoryOptions } from '../nn/factory.ts'

/**
 * What the head sees:
 * - `'sequence'`: the network's output at each step; many to many
 * - `'last'`: its output after the last step of each sequence; in both directions, after the last step forwards and the
 *   first step backwards, as in h_n
 * - `'mean'`, `'max'`: the mean or the maximum of its outputs over the steps of each sequence
 */
export type OutputMode = 'sequence' | 'last' | 'mean' | 'max'

/** The table of vectors before the network. Their length is the model's `inputSize`. */
export interface EmbeddingConfig {
  /** The number of tokens. */
  numEmbeddings: number
  /** The token whose vector is zero and not updated. Default: none. */
  paddingIdx?: number | null
}

/** What a model has around its network. */
export interface ModelOptions {
  /**
   * An embedding before the network, or the number of its tokens; the input is then integers (L, N). Default: none.
   */
  embedding?: number | EmbeddingConfig | null
  /** What the head sees. Default `'sequence'`. */
  output?: OutputMode
  /** The dropout probability before the head, in training. Default 0. */
  outputDropout?: number
  /** The number of steps that each output forecasts: it is (…, horizon, outputSize). Default: none, (…, outputSize). */
  horizon?: number | null
  /** Whether the head's weight is the embedding's, as in language models (arXiv:1608.05859). Default `false`. */
  tieWeights?: boolean
}

export const MODEL_OPTIONS = ['embedding', 'output', 'outputDropout', 'horizon', 'tieWeights'] as const

/** The options with their defaults. */
export type ModelSettings = Required<Omit<ModelOptions, 'embedding'>> & {
  embedding: Required<EmbeddingConfig> | null
}

/** @throws {TorchError} for an unknown option or a wrong value. */
export function readOptions(name: string, options: ModelOptions & FactoryOptions): ModelSettings {
  checkOptions(name, options, [...MODEL_OPTIONS, 'device', 'dtype'])
  const { output = 'sequence', outputDropout = 0, horizon = null, tieWeights = false } = options
  requireChoice(name, 'output', output, ['sequence', 'last', 'mean', 'max'])
  requireProbability(name, 'outputDropout', outputDropout)
  if (horizon !== null) requireInteger(name, 'horizon', horizon, 1)
  requireBoolean(name, 'tieWeights', tieWeights)
  return { embedding: readEmbedding(name, options.embedding ?? null), output, outputDropout, horizon, tieWeights }
}

function readEmbedding(name: string, given: number | EmbeddingConfig | null): Required<EmbeddingConfig> | null {
  if (given === null) return null
  if (typeof given !== 'number' && typeof given !== 'object') {
    throw invalid(name, 'embedding', 'a number of tokens, or { numEmbeddings, paddingIdx }', given)
  }
  const config = typeof given === 'number' ? { numEmbeddings: given } : given
  checkOptions(`${name}: embedding`, config, ['numEmbeddings', 'paddingIdx'])
  const { numEmbeddings, paddingIdx = null } = config
  requireInteger(name, 'embedding.numEmbeddings', numEmbeddings, 1)
  return { numEmbeddings, paddingIdx }
}

/**
 * Separates the options of a model from those of its network.
 * @throws {TorchError} for an option that is neither.
 */
export function splitOptions<N extends FactoryOptions>(
  name: string,
  options: N & ModelOptions,
  network: readonly string[],
): [model: ModelOptions & FactoryOptions, network: N] {
  checkOptions(name, options, [...MODEL_OPTIONS, ...network])
  const isOfModel = (key: string): boolean => (MODEL_OPTIONS as readonly string[]).includes(key)
  const pick = (wanted: (key: string) => boolean): object =>
    Object.fromEntries(Object.entries(options).filter(([key]) => wanted(key)))
  return [pick((key) => isOfModel(key) || key === 'device' || key === 'dtype'), pick((key) => !isOfModel(key)) as N]
}
