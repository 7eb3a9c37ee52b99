import { Series, type SeriesOptions, type WindowDataset } from '../../lib/data/index.ts'
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

export const DAY = 86_400_000

/** The windows of a series `y` of one value per day. */
export async function windowsOf(
  values: readonly (number | null)[],
  size: { past: number; horizon: number },
  options: Partial<SeriesOptions> = {},
): Promise<WindowDataset> {
  const source = { day: values.map((_, i) => i * DAY), y: values }
  const series = await Series.from(source, { time: 'day', targets: 'y', ...options })
  return (await series.split(size)).train
}
