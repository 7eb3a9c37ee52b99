import fc from 'fast-check'
import { expect } from 'vitest'
import { TorchError } from '../../lib/errors.ts'
import { torch } from '../../lib/torch.ts'

// Names of arguments whose value is a size that memory is allocated for: a random one may ask for more than there is.
const SMALL = fc.integer({ min: -3, max: 6 })

const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 })
const dtype = fc.constantFrom('float32', 'float64', 'int64', 'int32', 'uint8', 'bool', 'float16', 'bfloat16')

const tensor = fc
  .record({ shape, dtype, low: fc.integer({ min: -3, max: 1 }), transposed: fc.boolean() })
  .map(({ shape, dtype, low, transposed }) => {
    const made = torch.randint(low, low + 4, shape, { dtype: 'int64' }).to({ dtype })
    return transposed && made.ndim > 1 ? made.transpose(0, -1) : made
  })

const disposed = fc.constant(null).map(() => {
  const made = torch.zeros([2])
  made.dispose()
  return made
})

const odd = fc.constantFrom<unknown[]>(
  ...[
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -0,
    0.5,
    1e300,
    -1e18,
    2 ** 53,
    10n ** 30n,
    -1n,
    '',
    'mean',
    'cpu',
    'int64',
  ],
  ...[
    null,
    undefined,
    true,
    {},
    { dim: 0 },
    { dim: '1', keepdim: true },
    { nonsense: 1 },
    [],
    [[]],
    [null],
    Symbol('s'),
  ],
  ...[() => 1, new Date(0), new Float32Array(2), new Map(), Object.create(null), { shape: [2] }],
)

const argument = fc.oneof(
  { weight: 6, arbitrary: tensor },
  { weight: 4, arbitrary: SMALL },
  { weight: 2, arbitrary: fc.array(SMALL, { maxLength: 4 }) },
  { weight: 2, arbitrary: fc.array(tensor, { maxLength: 3 }) },
  { weight: 3, arbitrary: odd },
  { weight: 1, arbitrary: fc.double({ min: -4, max: 4 }) },
  { weight: 1, arbitrary: disposed },
)

const numRuns = 100

/** Calls `fn` with arguments of all kinds: it gives a value or throws an error that says what is wrong. */
export function expectNoCrash(fn: (args: unknown[]) => unknown): void {
  fc.assert(
    fc.property(fc.array(argument, { minLength: 1, maxLength: 4 }), (args) => {
      torch.tidy(() => {
        try {
          fn(args)
        } catch (error) {
          if (!(error instanceof TorchError)) throw error
          expect(error.code).toMatch(/^ERR_TORCH_/)
          expect(error.message.length).toBeGreaterThan(8)
        }
      })
    }),
    { numRuns },
  )
}
