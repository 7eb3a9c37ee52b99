import '../native/here.cjs'
import '../tensor/extensions.ts'

export type { FutureColumns } from '../data/series/future.ts'
export { type CalibrateOptions, calibrate } from './calibrate.ts'
export type { Calibration } from './calibration.ts'
export { type Forecast, type ForecastOptions, forecast, type Interval } from './forecast.ts'
export type { Gaussian, Head } from './head.ts'
export {
  type EvaluateNaiveOptions,
  evaluateNaive,
  type NaiveMethod,
  type NaiveOptions,
  naiveForecast,
} from './naive.ts'
