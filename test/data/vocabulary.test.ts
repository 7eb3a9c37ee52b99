import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Vocabulary, type VocabularyConfig } from '../../lib/data/index.ts'
import { torch } from '../../lib/torch.ts'
import { expectError } from '../support/error.ts'

const numbers = (vocabulary: Vocabulary, text: string) => vocabulary.encode(text).toArray()

describe('characters', () => {
  test('are numbered by frequency, and then by code unit', () => {
    const vocabulary = Vocabulary.fromText('banana bread', { level: 'character' })
    expect(vocabulary.tokens).toEqual(['a', 'b', 'n', ' ', 'd', 'e', 'r'])
    expect(vocabulary.size).toBe(7)
    expect(numbers(vocabulary, 'bad')).toEqual([1, 0, 4])
    expect(vocabulary.encode('bad').dtype).toBe('int64')
    expect(vocabulary.decode([1, 0, 4])).toBe('bad')
    expect(vocabulary.encode('').shape).toEqual([0])
  })

  test('encode and decode invert each other, whatever the text (property)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const vocabulary = Vocabulary.fromText(text, { level: 'character' })
        expect(vocabulary.decode(vocabulary.encode(text))).toBe(text)
        expect(vocabulary.size).toBe(new Set(text).size)
      }),
      { numRuns: 40 },
    )
  })

  test('a character outside of the Basic Multilingual Plane is one token', () => {
    expect(Vocabulary.fromText('a😀a', { level: 'character' }).tokens).toEqual(['a', '😀'])
  })
})

describe('words', () => {
  test('are words, numbers and punctuation marks', () => {
    const vocabulary = Vocabulary.fromText("Don't stop, don't stop: well-known ÅÄ 42!\n", {
      level: 'word',
      lowercase: true,
    })
    expect(vocabulary.tokens).toEqual(["don't", 'stop', '!', ',', '42', ':', 'well-known', 'åä'])
    expect(vocabulary.decode(vocabulary.encode('STOP, 42'))).toBe('stop , 42')
  })

  test('rare ones become the unknown token, which is number 0', () => {
    const options = { level: 'word', unknown: '<unk>' } as const
    const vocabulary = Vocabulary.fromText('a a a b b c', { ...options, minCount: 2 })
    expect(vocabulary.tokens).toEqual(['<unk>', 'a', 'b'])
    expect(numbers(vocabulary, 'a c b d')).toEqual([1, 0, 2, 0])
    expect(Vocabulary.fromText('a a a b b c', { ...options, maxSize: 2 }).tokens).toEqual(['<unk>', 'a'])
  })
})

test('the config is plain JSON and makes the vocabulary again', () => {
  const vocabulary = Vocabulary.fromText('To be or not to be', { level: 'word', lowercase: true, unknown: '?' })
  const config = JSON.parse(JSON.stringify(vocabulary.config)) as VocabularyConfig
  const again = new Vocabulary(config)
  expect(again.config).toEqual(vocabulary.config)
  expect(numbers(again, 'be it')).toEqual([1, 0])
  expectError(() => JSON.stringify(vocabulary), 'ERR_TORCH_TYPE', 'use config')
})

test('leaves no tensors behind', () => {
  const vocabulary = Vocabulary.fromText('abc', { level: 'character' })
  const before = torch.memory().tensors
  vocabulary.encode('abc').dispose()
  expect(torch.memory().tensors).toBeLessThanOrEqual(before)
})

test('refuses what it cannot number', () => {
  const make = (options: object) => () => Vocabulary.fromText('abb', options as never)
  expectError(make({ level: 'byte' }), 'ERR_TORCH_VALUE', "level must be 'character' or 'word', got 'byte'")
  expectError(make({}), 'ERR_TORCH_TYPE', 'level must be')
  expectError(make({ level: 'word', size: 3 }), 'ERR_TORCH_OPTION', "unknown option 'size'")
  expectError(make({ level: 'word', lowercase: 1 }), 'ERR_TORCH_TYPE', 'lowercase must be a boolean')
  expectError(make({ level: 'word', unknown: 0 }), 'ERR_TORCH_TYPE', 'unknown must be a string')
  expectError(make({ level: 'word', maxSize: 0 }), 'ERR_TORCH_VALUE', 'maxSize must be a positive integer')
  expectError(make({ level: 'character', minCount: 2 }), 'ERR_TORCH_VALUE', 'leave out 1 tokens: give the token')
  expectError(() => Vocabulary.fromText(3 as never, { level: 'word' }), 'ERR_TORCH_TYPE', 'text must be a string')
  const vocabulary = Vocabulary.fromText('abb', { level: 'character' })
  expectError(() => vocabulary.encode('abc'), 'ERR_TORCH_VALUE', 'token 2, "c", is not in the vocabulary')
  expectError(() => vocabulary.encode(3 as never), 'ERR_TORCH_TYPE', 'text must be a string')
  expectError(() => vocabulary.decode([2]), 'ERR_TORCH_INDEX', '2 is out of range for 2 tokens')
  expectError(() => vocabulary.decode(torch.ones([1])), 'ERR_TORCH_TYPE', 'numbers must be a 1-D tensor of integers')
})

test('a config is checked', () => {
  const make = (config: object) => () => new Vocabulary({ level: 'word', tokens: ['a', 'b'], ...config } as never)
  expectError(make({ tokens: ['a', 1] }), 'ERR_TORCH_TYPE', 'tokens must be an array of strings')
  expectError(make({ tokens: ['a', 'b', 'a'] }), 'ERR_TORCH_VALUE', "'a' is twice")
  expectError(make({ unknown: 'c' }), 'ERR_TORCH_VALUE', "unknown is 'c', which is not among the tokens")
  expectError(make({ words: 3 }), 'ERR_TORCH_OPTION', "unknown option 'words'")
})
