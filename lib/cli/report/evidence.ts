// What the report of a forecast measures on the part that is held out. Windows are computed some at a time; what is kept
// grows with the number of windows, not with their steps.
import type { WindowDataset } from '../../data/index.ts'
import { type Calibration, type NaiveMethod, naiveForecast } from '../../forecast/index.ts'
import { MAE } from '../../metrics/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { torch } from '../../torch.ts'
import { boundsOf, type Forecasts, forecastsIn } from '../forecasts.ts'
import type { TrainedModel } from '../networks/load.ts'
import { type Cycle, cyclesFor } from './cycles.ts'

/** Whose forecasts they are. */
export type Forecaster = 'model' | NaiveMethod

/** Mean absolute errors of one target. */
export interface TargetErrors {
  readonly all: number
  /** By steps ahead, from the first. */
  readonly bySteps: readonly number[]
}

/** Errors at one place of a cycle. */
export interface CyclePlace {
  readonly label: string
  readonly errors: ReadonlyMap<Forecaster, number>
  /** The number of values. */
  readonly count: number
}

/** What was measured of one target, in its units. */
export interface TargetEvidence {
  readonly target: string
  readonly errors: ReadonlyMap<Forecaster, TargetErrors>
  /** The naive forecast with the least error. */
  readonly bestNaive: NaiveMethod
  readonly cycles: readonly { readonly name: string; readonly places: readonly CyclePlace[] }[]
  /** What share of the values was in the intervals. */
  readonly coverage: readonly { readonly level: number; readonly share: number }[]
  /** What came less what was forecast, one step ahead and at the last step, by window; NaN where nothing was measured. */
  readonly residuals: { readonly first: Float64Array; readonly last: Float64Array }
  /** The mean absolute error of each window; NaN where nothing was measured. */
  readonly byWindow: Float64Array
}

export interface EvidenceOptions {
  readonly methods: readonly NaiveMethod[]
  readonly season: number | undefined
  readonly calibration: Calibration | undefined
}

/** Mean absolute errors by what they are of. */
class Meters {
  readonly #meters = new Map<string, MAE>()

  add(key: string, made: Tensor, came: Tensor, mask: Tensor): void {
    const meter = this.#meters.get(key) ?? new MAE()
    this.#meters.set(key, meter)
    meter.update(made, came, { mask })
  }

  async value(key: string): Promise<number> {
    return (await this.#meters.get(key)?.compute()) ?? Number.NaN
  }

  dispose(): void {
    for (const meter of this.#meters.values()) meter.dispose()
  }
}

/** Measures a model on windows, beside naive forecasts. */
export async function measure(
  model: TrainedModel,
  windows: WindowDataset,
  options: EvidenceOptions,
): Promise<TargetEvidence[]> {
  const { targets } = windows.scaler
  const { horizon, length } = windows
  const levels = options.calibration?.levels ?? []
  const cycles = cyclesOf(windows)
  const meters = new Meters()
  const counts = targets.map(() => cycles.map(({ labels }) => labels.map(() => 0)))
  const covered = targets.map(() => levels.map(() => ({ inside: 0, count: 0 })))
  const series = (): Float64Array[] => targets.map(() => new Float64Array(length).fill(Number.NaN))
  const [first, last, byWindow] = [series(), series(), series()]

  try {
    for await (const found of forecastsIn(model, windows)) {
      const { indices, forecast, actual } = found
      torch.tidy(() => {
        const places = placesOf(windows, indices, cycles)
        for (const k of targets.keys()) {
          addErrors(meters, k, windows, found, { ...options, places })
          addCoverage(covered[k] as Covered[], k, windows, found, options.calibration)
        }
      })
      const [made, came] = [forecast, actual].map((tensor) => tensor.toTypedArray() as Float64Array)
      const times = indices.map((index) => windows.times(index))
      for (const [k] of targets.entries()) {
        for (const [n, index] of indices.entries()) {
          let [sum, count] = [0, 0]
          for (let h = 0; h < horizon; h++) {
            const at = (n * horizon + h) * targets.length + k
            const error = (came?.[at] as number) - (made?.[at] as number)
            if (h === 0) (first[k] as Float64Array)[index] = error
            if (h === horizon - 1) (last[k] as Float64Array)[index] = error
            if (Number.isNaN(error)) continue
            sum += Math.abs(error)
            count++
            for (const [c, cycle] of cycles.entries()) {
              const place = cycle.place(times[n]?.[h]?.getTime() ?? Number.NaN)
              const row = counts[k]?.[c] as number[]
              row[place] = (row[place] as number) + 1
            }
          }
          ;(byWindow[k] as Float64Array)[index] = sum / count
        }
      }
    }
    return await Promise.all(
      targets.map(async (target, k): Promise<TargetEvidence> => {
        const errors = new Map<Forecaster, TargetErrors>()
        for (const name of ['model', ...options.methods] as const) {
          const bySteps: number[] = []
          for (let h = 0; h < horizon; h++) bySteps.push(await meters.value(`${name} ${k} step ${h}`))
          errors.set(name, { all: await meters.value(`${name} ${k}`), bySteps })
        }
        const [bestNaive] = [...options.methods].sort(
          (a, b) => (errors.get(a)?.all ?? Infinity) - (errors.get(b)?.all ?? Infinity),
        ) as [NaiveMethod]
        const measured = await Promise.all(
          cycles.map(async ({ name, labels }, c) => {
            const places: CyclePlace[] = []
            for (const [place, label] of labels.entries()) {
              const count = counts[k]?.[c]?.[place] as number
              if (count === 0) continue
              const own = new Map<Forecaster, number>()
              for (const method of ['model', ...options.methods] as const) {
                own.set(method, await meters.value(`${method} ${k} ${name} ${place}`))
              }
              places.push({ label, errors: own, count })
            }
            return { name, places }
          }),
        )
        return {
          target,
          errors,
          bestNaive,
          cycles: measured.filter(({ places }) => places.length > 1),
          coverage: levels.map((level, i) => {
            const { inside, count } = (covered[k] as Covered[])[i] as Covered
            return { level, share: inside / count }
          }),
          residuals: { first: first[k] as Float64Array, last: last[k] as Float64Array },
          byWindow: byWindow[k] as Float64Array,
        }
      }),
    )
  } finally {
    meters.dispose()
  }
}

/** The cycles that the times of these windows pass through. */
function cyclesOf(windows: WindowDataset): Cycle[] {
  const [from, to] = [windows.inputTimes(0), windows.times(windows.length - 1)]
  const steps = [...from, ...windows.times(0)].map((time) => time.getTime())
  const distances = steps.slice(1).map((time, i) => time - (steps[i] as number))
  const step = distances.sort((a, b) => a - b)[Math.floor(distances.length / 2)]
  const span = Math.abs((to.at(-1)?.getTime() ?? 0) - (windows.times(0)[0]?.getTime() ?? 0))
  return step === undefined ? [] : cyclesFor(step, span)
}

interface CycleMasks {
  readonly name: string
  /** By place, which of the values (N, H) are there. */
  readonly masks: readonly (Tensor | undefined)[]
}

function placesOf(windows: WindowDataset, indices: readonly number[], cycles: readonly Cycle[]): CycleMasks[] {
  const times = indices.map((index) => windows.times(index).map((time) => time.getTime()))
  return cycles.map((cycle) => {
    const places = torch.tensor(
      times.map((row) => row.map((time) => cycle.place(time))),
      { dtype: 'int64' },
    )
    const present = new Set(times.flat().map((time) => cycle.place(time)))
    return { name: cycle.name, masks: cycle.labels.map((_, i) => (present.has(i) ? places.eq(i) : undefined)) }
  })
}

function addErrors(
  meters: Meters,
  k: number,
  windows: WindowDataset,
  { indices, forecast, actual }: Forecasts,
  { methods, season, places }: EvidenceOptions & { readonly places: readonly CycleMasks[] },
): void {
  const came = actual.select(2, k)
  const all: [Forecaster, Tensor][] = [
    ['model', forecast],
    ...methods.map((method): [Forecaster, Tensor] => [
      method,
      naiveForecast(windows, indices, method, method === 'seasonalNaive' && season !== undefined ? { season } : {}),
    ]),
  ]
  for (const [name, values] of all) {
    const made = values.select(2, k)
    const mask = came.isnan().logicalNot().logicalAnd(made.isfinite())
    const [wanted, known] = [came.nanToNum(0), made.nanToNum(0)]
    meters.add(`${name} ${k}`, known, wanted, mask)
    for (let h = 0; h < windows.horizon; h++) {
      const at = (tensor: Tensor): Tensor => tensor.select(1, h)
      meters.add(`${name} ${k} step ${h}`, at(known), at(wanted), at(mask))
    }
    for (const { name: cycle, masks } of places) {
      for (const [place, there] of masks.entries()) {
        if (there !== undefined) meters.add(`${name} ${k} ${cycle} ${place}`, known, wanted, mask.logicalAnd(there))
      }
    }
  }
}

interface Covered {
  inside: number
  count: number
}

function addCoverage(
  covered: Covered[],
  k: number,
  windows: WindowDataset,
  found: Forecasts,
  calibration: Calibration | undefined,
): void {
  if (calibration === undefined) return
  const came = found.actual.select(2, k)
  for (const [i, level] of calibration.levels.entries()) {
    const [lower, upper] = boundsOf(windows, found, calibration, level).map((bound) => bound.select(2, k)) as [
      Tensor,
      Tensor,
    ]
    const inside = came.ge(lower).logicalAnd(came.le(upper))
    const sum = covered[i] as Covered
    sum.inside += Number(inside.sum().item())
    sum.count += Number(came.isnan().logicalNot().sum().item())
  }
}
