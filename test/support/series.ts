import { type Tensor, torch } from '../../lib/index.ts'

/** A sine wave of `steps` steps, (T, 1), and the same one step later. */
export function series(steps: number): [Tensor, Tensor] {
  const wave = torch
    .arange(0, steps + 1, { dtype: 'float32' })
    .mul(0.3)
    .sin()
    .unsqueeze(1)
  return [wave.index(torch.slice(0, -1)), wave.index(torch.slice(1))]
}
