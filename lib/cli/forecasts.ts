import { Subset, type WindowDataset } from '../data/index.ts'
import type { Calibration } from '../forecast/index.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { torch } from '../torch.ts'
import { Trainer } from '../train/index.ts'
import type { TrainedModel } from './networks/load.ts'

/** How many windows are computed at a time. */
const PART = 4096

/** What a model forecasts for some windows, and what came: (N, horizon, O), float64. */
export interface Forecasts {
  readonly indices: readonly number[]
  /** As the model has it: scaled. */
  readonly output: Tensor
  /** In the units of the data, as all that follows. */
  readonly forecast: Tensor
  /** NaN where a target is missing. */
  readonly actual: Tensor
}

/** The forecasts of windows, some at a time: all, or those with these indices. The tensors last until the next. */
export async function* forecastsIn(
  model: TrainedModel,
  windows: WindowDataset,
  wanted: readonly number[] | undefined = undefined,
): AsyncGenerator<Forecasts> {
  const trainer = new Trainer(model, { progress: false })
  const count = wanted?.length ?? windows.length
  for (let start = 0; start < count; start += PART) {
    const indices =
      wanted?.slice(start, start + PART) ?? Array.from({ length: Math.min(PART, count - start) }, (_, i) => start + i)
    const output = await trainer.predict(new Subset(windows, indices))
    const found = torch.tidy(() => {
      const { target, mask } = windows.batch(indices, true)
      const came = mask === undefined ? target : target.maskedFill(mask.logicalNot(), Number.NaN)
      const inUnits = (scaled: Tensor): Tensor => windows.inverseTransform(scaled.double(), indices)
      return { output: output.double(), forecast: inUnits(output), actual: inUnits(came) }
    })
    output.dispose()
    try {
      yield { indices, ...found }
    } finally {
      for (const tensor of Object.values(found)) tensor.dispose()
    }
  }
}

/** The bounds of the intervals of a level, in the units of the data: (N, horizon, O) each. */
export function boundsOf(
  windows: WindowDataset,
  { indices, output }: Pick<Forecasts, 'indices' | 'output'>,
  { levels, radii }: Calibration,
  level: number,
): [lower: Tensor, upper: Tensor] {
  const rows = radii[levels.indexOf(level)] as readonly (readonly number[])[]
  const radius = torch.tensor(
    rows.slice(0, windows.horizon).map((row) => [...row]),
    { dtype: 'float64' },
  )
  const inUnits = (scaled: Tensor): Tensor => windows.inverseTransform(scaled, indices)
  return [inUnits(output.sub(radius)), inUnits(output.add(radius))]
}
