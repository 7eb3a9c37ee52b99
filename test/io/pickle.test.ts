import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Budget } from '../../lib/io/budget.ts'
import { PickleEndError, PickleError, Tuple, unpickle } from '../../lib/io/pickle.ts'
import { TorchNames } from '../../lib/io/rebuild.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const read = (text: string, start = 0): { value: unknown; end: number } => {
  const budget = new Budget(() => {
    throw new PickleError('too much')
  })
  try {
    const work = unpickle(bytes(text), start, new TorchNames(), budget)
    let step = work.next()
    while (!step.done) step = work.next()
    return step.value
  } finally {
    budget.close()
  }
}

test('reads one pickle after another', () => {
  const two = '\x80\x02K\x01.\x80\x04\x95\x02\0\0\0\0\0\0\0K\x02.'
  const first = read(two)
  expect(first).toEqual({ value: 1, end: 5 })
  expect(read(two, first.end)).toEqual({ value: 2, end: two.length })
})

test.each<[string, unknown]>([
  ['N.', null],
  ['\x88.', true],
  ['\x89.', false],
  ['K\xff.', 255],
  ['M\x00\x01.', 256],
  ['J\xff\xff\xff\xff.', -1],
  ['\x8a\x00.', 0],
  ['\x8a\x01\xff.', -1],
  ['\x8a\x08\0\0\0\0\0\0\0\x80.', -(2n ** 63n)],
  ['\x8b\x02\0\0\0\x00\x80.', -32768],
  ['G\xbf\xf0\0\0\0\0\0\0.', -1],
  ['U\x02ab.', 'ab'],
  ['T\x01\0\0\0a.', 'a'],
  ['\x8c\x02\xc3\xa4.', 'ä'],
  ['\x8d\x01\0\0\0\0\0\0\0b.', 'b'],
  ['X\x03\0\0\0\xef\xbb\xbf.', '\ufeff'],
  ['C\x01\xff.', Uint8Array.of(255)],
  ['B\x01\0\0\0\x01.', Uint8Array.of(1)],
  ['\x96\x01\0\0\0\0\0\0\0\x02.', Uint8Array.of(2)],
  ['(K\x01K\x02l.', [1, 2]],
  ['(K\x01K\x02d.', new Map([[1, 2]])],
  ['(K\x01\x91.', new Set([1])],
  ['K\x01K\x02K\x03\x87.', new Tuple([1, 2, 3])],
  ['K\x01K\x020.', 1],
  ['K\x01(K\x02K\x031.', 1],
  ['K\x07\x942\x860h\x00.', 7],
])('reads %j', (text, value) => {
  expect(read(text).value).toEqual(value)
})

const ARGUMENTS: readonly (string | fc.Arbitrary<string>)[] = [
  ...['N', '\x88', '\x89', ')', ']', '}', '(', '\x8f', '0', '1', '2', 't', 'l', 'd', '\x85', '\x86', '\x87'],
  ...['a', 'e', 's', 'u', '\x90', '\x91', 'R', '\x81', 'b', 'Q', '\x93', '\x94'],
  ...['ccollections\nOrderedDict\n', 'ctorch._utils\n_rebuild_tensor_v2\n', 'ctorch\nFloatStorage\n'],
  ...['ctorch._utils\n_rebuild_parameter\n', 'ctorch\nSize\n', 'c__builtin__\nset\n', 'cposix\nsystem\n'],
  ...['X\x07\0\0\0storage', 'X\x03\0\0\0cpu', 'X\x01\0\0\x000', 'ctorch\nfloat32\n'],
  fc.nat(255).map((n) => `K${String.fromCharCode(n)}`),
  fc.nat(20).map((n) => `h${String.fromCharCode(n)}`),
  fc.nat(20).map((n) => `q${String.fromCharCode(n)}`),
  fc.nat(255).map((n) => String.fromCharCode(n)),
]

test('any sequence of opcodes gives a value or a PickleError', () => {
  const opcode = fc.oneof(...ARGUMENTS.map((one) => (typeof one === 'string' ? fc.constant(one) : one)))
  let values = 0
  fc.assert(
    fc.property(fc.array(opcode, { maxLength: 40, size: 'max' }), (opcodes) => {
      try {
        expect(read(`\x80\x02${opcodes.join('')}.`).value).not.toBe(undefined)
        values++
      } catch (error) {
        expect(error).toBeInstanceOf(PickleError)
        expect((error as Error).message).not.toBe('')
      }
    }),
    { numRuns: 20_000 },
  )
  expect(values).toBeGreaterThan(100)
})

test('tells a pickle that is cut from a wrong one', () => {
  const whole = '\x80\x02X\x03\0\0\0abc\x8a\x02\x01\x01\x86.'
  for (let end = 0; end < whole.length; end++) expect(() => read(whole.slice(0, end))).toThrow(PickleEndError)
  expect(() => read('\x80\x02i.')).toThrow(PickleError)
  expect(() => read('\x80\x02i.')).not.toThrow(PickleEndError)
})
