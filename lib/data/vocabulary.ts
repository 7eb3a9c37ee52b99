import { isArrayOf } from '../array.ts'
import {
  checkOptions,
  invalid,
  requireBoolean,
  requireChoice,
  requireInteger,
  requireNone,
  requireString,
} from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { opaque } from '../opaque.ts'
import { tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'

export type TokenLevel = 'character' | 'word'

export interface VocabularyOptions {
  /**
   * `'character'`: each Unicode code point is a token, also spaces and line breaks. `'word'`: each word, number or
   * punctuation mark is; white space only separates them.
   */
  level: TokenLevel
  /** Convert the text to lower case first. Default `false`. */
  lowercase?: boolean
  /**
   * A token that stands for all that are not in the vocabulary, such as `'<unk>'`; its number is 0. Default: none;
   * `encode` throws.
   */
  unknown?: string
}

export interface VocabularyTextOptions extends VocabularyOptions {
  /** Leave out tokens that come fewer times than this. Default 1. */
  minCount?: number
  /** The most tokens, the most frequent ones, `unknown` included. Default: all. */
  maxSize?: number
}

/** A vocabulary as plain JSON. */
export interface VocabularyConfig extends VocabularyOptions {
  /** By number, from 0. */
  tokens: readonly string[]
}

const LEVELS = ['character', 'word'] as const satisfies readonly TokenLevel[]
const OPTIONS = ['level', 'lowercase', 'unknown'] as const

/** A word with its apostrophes and hyphens, a number, or any other single character but white space. */
const WORD = /[\p{L}\p{M}\p{N}_]+(?:['’-][\p{L}\p{M}\p{N}_]+)*|[^\s]/gu

function* tokensIn(
  text: string,
  { level, lowercase }: Pick<VocabularyConfig, 'level' | 'lowercase'>,
): Generator<string> {
  const used = lowercase === true ? text.toLowerCase() : text
  if (level === 'character') yield* used
  else for (const [word] of used.matchAll(WORD)) yield word
}

function requireOptions(owner: string, { level, lowercase = false, unknown }: VocabularyOptions): void {
  requireChoice(owner, 'level', level, LEVELS)
  requireBoolean(owner, 'lowercase', lowercase)
  if (unknown !== undefined) requireString(owner, 'unknown', unknown)
}

/**
 * The tokens of a text, characters or words, and their numbers. `new Vocabulary(config)` makes one from the `config` of
 * another, as a model's file has it.
 *
 * @example
 * const vocabulary = Vocabulary.fromText(text, { level: 'character' })
 * const model = new nn.Embedding(vocabulary.size, 32)
 * vocabulary.decode(vocabulary.encode('hello')) // 'hello'
 */
export class Vocabulary {
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('Vocabulary', 'use config')
  readonly level: TokenLevel
  readonly lowercase: boolean
  readonly unknown: string | undefined
  /** By number, from 0. */
  readonly tokens: readonly string[]
  readonly #numbers: ReadonlyMap<string, number>

  constructor(config: VocabularyConfig, ...none: undefined[]) {
    checkOptions('Vocabulary', config, [...OPTIONS, 'tokens'], none)
    requireOptions('Vocabulary', config)
    const { level, lowercase = false, unknown, tokens } = config
    if (!isArrayOf(tokens, (token): token is string => typeof token === 'string')) {
      throw invalid('Vocabulary', 'tokens', 'an array of strings', tokens)
    }
    this.level = level
    this.lowercase = lowercase
    this.unknown = unknown
    this.tokens = [...tokens]
    this.#numbers = new Map(tokens.map((token, number) => [token, number]))
    if (this.#numbers.size !== tokens.length) {
      const twice = tokens.find((token, i) => tokens.indexOf(token) !== i)
      throw torchError('ERR_TORCH_VALUE', `Vocabulary: ${describe(twice)} is twice among the tokens`)
    }
    if (unknown !== undefined && !this.#numbers.has(unknown)) {
      throw torchError('ERR_TORCH_VALUE', `Vocabulary: unknown is ${describe(unknown)}, which is not among the tokens`)
    }
  }

  /**
   * The vocabulary of a text: the most frequent token first, equally frequent ones in the order of their code units.
   * @throws {TorchError} if `minCount` or `maxSize` leaves tokens out and there is no `unknown`.
   */
  static fromText(text: string, options: VocabularyTextOptions, ...none: undefined[]): Vocabulary {
    const owner = 'Vocabulary.fromText'
    requireNone(owner, none)
    requireString(owner, 'text', text)
    checkOptions(owner, options, [...OPTIONS, 'minCount', 'maxSize'])
    requireOptions(owner, options)
    const { level, lowercase = false, unknown, minCount = 1, maxSize } = options
    requireInteger(owner, 'minCount', minCount, 1)
    if (maxSize !== undefined) requireInteger(owner, 'maxSize', maxSize, 1)
    const counts = new Map<string, number>()
    for (const token of tokensIn(text, { level, lowercase })) counts.set(token, (counts.get(token) ?? 0) + 1)
    const found = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    const frequent = found.flatMap(([token, count]) => (count >= minCount && token !== unknown ? [token] : []))
    const tokens = [...(unknown === undefined ? [] : [unknown]), ...frequent].slice(0, maxSize)
    if (unknown === undefined && tokens.length < found.length) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `${owner}: minCount and maxSize leave out ${found.length - tokens.length} tokens: give the token that stands for them, such as unknown: '<unk>'`,
        { op: owner },
      )
    }
    return new Vocabulary({ level, lowercase, ...(unknown === undefined ? {} : { unknown }), tokens })
  }

  /** The number of tokens. */
  get size(): number {
    return this.tokens.length
  }

  /**
   * The numbers of the tokens of a text: (T), int64.
   * @throws {TorchError} for a token that is not in the vocabulary, if there is no `unknown`.
   */
  encode(text: string, ...none: undefined[]): Tensor {
    requireNone('Vocabulary.encode', none)
    requireString('Vocabulary.encode', 'text', text)
    const substitute = this.unknown === undefined ? undefined : this.#numbers.get(this.unknown)
    const numbers: number[] = []
    for (const token of tokensIn(text, this)) {
      const number = this.#numbers.get(token) ?? substitute
      if (number === undefined) {
        throw torchError(
          'ERR_TORCH_VALUE',
          `Vocabulary.encode: token ${numbers.length}, ${JSON.stringify(token)}, is not in the vocabulary, which has no unknown token`,
          { op: 'Vocabulary.encode' },
        )
      }
      numbers.push(number)
    }
    return tidy(() => tensor(Int32Array.from(numbers)).to({ dtype: 'int64' }))
  }

  /** The text of token numbers, a 1-D integer tensor or an array. Words are joined by a space. */
  decode(numbers: Tensor | readonly number[], ...none: undefined[]): string {
    const owner = 'Vocabulary.decode'
    requireNone(owner, none)
    const values: unknown = isTensor(numbers) ? numbers.toArray() : numbers
    if (!isArrayOf(values, Number.isSafeInteger) || (isTensor(numbers) && numbers.isFloatingPoint())) {
      throw invalid(owner, 'numbers', 'a 1-D tensor of integers, or an array of them', numbers)
    }
    const tokens = (values as number[]).map((number) => {
      const token = this.tokens[number]
      if (token !== undefined) return token
      throw torchError('ERR_TORCH_INDEX', `${owner}: ${number} is out of range for ${this.size} tokens`, { op: owner })
    })
    return tokens.join(this.level === 'word' ? ' ' : '')
  }

  /** Plain JSON for the file of a model. */
  get config(): VocabularyConfig {
    const { level, lowercase, unknown, tokens } = this
    return { level, lowercase, ...(unknown === undefined ? {} : { unknown }), tokens: [...tokens] }
  }
}
