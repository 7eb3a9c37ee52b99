import { expect, test } from 'vitest'
import { camelCase, parseSchema } from '../../lib/ops/schema.ts'

test('reads arguments, defaults, keywords and results', () => {
  const schema = parseSchema(
    'aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
  )
  expect(schema.name).toBe('aten::sum')
  expect(schema.overload).toBe('dim_IntList')
  expect(schema.args.map(({ name, type, hasDefault, keywordOnly }) => [name, type, hasDefault, keywordOnly])).toEqual([
    ['self', 'Tensor', false, false],
    ['dim', 'int[1]?', false, false],
    ['keepdim', 'bool', true, false],
    ['dtype', 'ScalarType?', true, true],
  ])
  expect(schema.returns).toEqual([{ type: 'Tensor' }])
})

test('reads defaults with commas, quotes and brackets', () => {
  const { args } = parseSchema(`aten::f(int[2] stride=[1, 1], str mode="a, (b)", float[] scales=[]) -> ()`)
  expect(args.map(({ name, type }) => `${type} ${name}`)).toEqual(['int[2] stride', 'str mode', 'float[] scales'])
})

test('reads what is written to, and several results', () => {
  const { args, returns } = parseSchema('aten::f_(Tensor(a!) self, Tensor(b) other) -> (Tensor(a!), Tensor(b)[] parts)')
  expect(args.map(({ mutated }) => mutated)).toEqual([true, false])
  expect(returns).toEqual([
    { type: 'Tensor', alias: 'a!' },
    { type: 'Tensor[]', alias: 'b' },
  ])
  expect(parseSchema('aten::f(Tensor self) -> ()').returns).toEqual([])
})

test('refuses what is no schema', () => {
  expect(() => parseSchema('aten::add')).toThrow(SyntaxError)
})

test.each([
  ['start_dim', 'startDim'],
  ['dim', 'dim'],
  ['_stacklevel', '_stacklevel'],
  ['n_2d', 'n2d'],
])('%s is %s', (name, expected) => expect(camelCase(name)).toBe(expected))
