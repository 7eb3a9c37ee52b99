import { nn, torch } from '../../lib/index.ts'
import type { Saveable } from '../../lib/io/index.ts'
import { DTYPES } from '../../lib/tensor/dtype.ts'

/** One of everything that `torch.save` can write; `scripts/fixtures/saved.py` has the same values. */
export function everything() {
  const matrix = torch.arange(12).to('float32').reshape([3, 4])
  const shared = [1, 2]
  const weight = torch.randn([4, 2])
  return {
    matrix,
    transposed: matrix.t(),
    row: matrix.index(1),
    dtypes: Object.fromEntries(DTYPES.map((dtype) => [dtype, torch.tensor([1, 0, 1]).to(dtype)])),
    empty: torch.zeros([0, 3]),
    scalar: torch.tensor(5),
    needs: torch.ones([2]).requiresGrad_(),
    parameter: new nn.Parameter(torch.ones([2])),
    frozen: new nn.Parameter(torch.ones([2]), { requiresGrad: false }),
    tied: { encoder: weight, decoder: weight.detach() },
    plain: {
      integers: [0, 255, 256, 65536, -1, -(2 ** 31), 2 ** 31, 2 ** 53 - 1, -(2n ** 63n), 10n ** 30n, 0n],
      floats: [0.5, 1e300, Number.POSITIVE_INFINITY, Number.NaN],
      text: 'häß 😀',
      none: null,
      yes: true,
      bytes: Uint8Array.from([0, 200, 255]),
      set: new Set([1, 'x']),
      map: new Map<string | number, Saveable>([
        [1, 'one'],
        ['k', [2.5]],
      ]),
      nothing: [[], {}],
      shared,
      again: shared,
      many: Array.from({ length: 300 }, (_, i) => ({ i })),
    },
  } satisfies Saveable
}
