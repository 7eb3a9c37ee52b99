import '../native/here.cjs'
import '../tensor/extensions.ts'

export type { FutureColumns } from '../data/series/future.ts'
export {
  type Backtest,
  type BacktestOptions,
  backtest,
  type Forecaster,
  type ForecastWindowsOptions,
  forecastWindows,
} from './backtest.ts'
export { type BlockBootstrap, type BlockBootstrapOptions, blockBootstrap } from './block-bootstrap.ts'
export { type CalibrateOptions, calibrate } from './calibrate.ts'
export type { Calibration } from './calibration.ts'
export { type DieboldMariano, type DieboldMarianoOptions, dieboldMariano } from './diebold-mariano.ts'
export { type Forecast, type ForecastOptions, forecast, type Interval } from './forecast.ts'
export type { Gaussian, Head } from './head.ts'
export { holm } from './holm.ts'
export type { Losses } from './losses.ts'
export {
  type EvaluateNaiveOptions,
  evaluateNaive,
  type NaiveMethod,
  type NaiveOptions,
  naiveForecast,
} from './naive.ts'
