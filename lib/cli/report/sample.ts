import type { WindowDataset } from '../../data/index.ts'
import { pastValues } from '../../data/series/windows.ts'
import { type Calibration, type NaiveMethod, naiveForecast } from '../../forecast/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { torch } from '../../torch.ts'
import { boundsOf, forecastsIn } from '../forecasts.ts'
import type { TrainedModel } from '../networks/load.ts'
import type { Stretch } from './charts/timeline.ts'

/** One window, with what is known of it, for one target: `values` has the forecasts by their names. */
export interface SampledWindow extends Stretch {
  readonly index: number
  readonly group: string | null
  /** What the model has read of the target. */
  readonly past: { readonly times: readonly number[]; readonly values: readonly (number | null)[] }
}

export interface SampleOptions {
  readonly target: number
  /** The name of the model's forecasts. */
  readonly own: string
  /** The naive forecast beside it, and its name. */
  readonly method: NaiveMethod
  readonly naive: string
  readonly season: number | undefined
  readonly calibration: Calibration | undefined
}

/** The level of the intervals in charts: the lowest, which is the narrowest. */
export const shownLevel = ({ levels }: Calibration): number => Math.min(...levels)

/** Forecasts of single windows, to be drawn. */
export async function sample(
  model: TrainedModel,
  windows: WindowDataset,
  wanted: readonly number[],
  { target, own, method, naive, season, calibration }: SampleOptions,
): Promise<SampledWindow[]> {
  const found: SampledWindow[] = []
  for await (const forecasts of forecastsIn(model, windows, wanted)) {
    const { indices, forecast, actual } = forecasts
    const options = method === 'seasonalNaive' && season !== undefined ? { season } : {}
    const [made, came, other, past, lower, upper] = torch.tidy(() => {
      const bounds = calibration === undefined ? [] : boundsOf(windows, forecasts, calibration, shownLevel(calibration))
      const read = torch.tensor(windows[pastValues](indices), {
        shape: [indices.length, windows.past, forecast.size(2)],
      })
      return [forecast, actual, naiveForecast(windows, indices, method, options), read, ...bounds].map((tensor) =>
        rowsOf(tensor, target),
      )
    }) as [Rows, Rows, Rows, Rows, Rows | undefined, Rows | undefined]
    const groups = windows.groups(indices)
    for (const [n, index] of indices.entries()) {
      found.push({
        index,
        group: groups?.[n] ?? null,
        times: windows.times(index).map((time) => time.getTime()),
        actual: came[n] as Row,
        values: { [own]: made[n] as Row, [naive]: other[n] as Row },
        past: { times: windows.inputTimes(index).map((time) => time.getTime()), values: past[n] as Row },
        ...(lower === undefined || upper === undefined ? {} : { lower: lower[n] as Row, upper: upper[n] as Row }),
      })
    }
  }
  return found
}

type Row = readonly (number | null)[]
type Rows = readonly Row[]

/** One target of (N, L, O), with `null` for what is missing, and as many digits as float32 has. */
function rowsOf(tensor: Tensor, target: number): Rows {
  const rows = tensor.select(2, target).toArray() as number[][]
  return rows.map((row) => row.map((value) => (Number.isFinite(value) ? Number(value.toPrecision(7)) : null)))
}
