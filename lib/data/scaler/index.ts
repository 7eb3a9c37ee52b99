import { isArrayOf } from '../../array.ts'
import { checkOptions, invalid, isPlain, requireChoice, requireDict, requireInteger } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { LogScaler, type LogScalerOptions } from './log.ts'
import { MinMaxScaler, type MinMaxScalerOptions } from './min-max.ts'
import { RobustScaler, type RobustScalerOptions } from './robust.ts'
import { RESTORE, type Scaler, type ScalerConfig } from './scaler.ts'
import { SeriesScaler, type SeriesScalerConfig } from './series-scaler.ts'
import { StandardScaler } from './standard.ts'

const CLASSES = { standard: StandardScaler, minMax: MinMaxScaler, robust: RobustScaler, log: LogScaler } as const
const TYPES = Object.keys(CLASSES) as (keyof typeof CLASSES)[]

/** How to scale: a name, or a name with options. */
export type ScalerChoice =
  | keyof typeof CLASSES
  | { type: 'standard' }
  | ({ type: 'minMax' } & MinMaxScalerOptions)
  | ({ type: 'robust' } & RobustScalerOptions)
  | ({ type: 'log' } & LogScalerOptions)

/** @internal A scaler that is not fitted yet. */
export function scalerOf(owner: string, name: string, choice: unknown): Scaler {
  const { type, ...options } = isPlain(choice) ? (choice as { type?: unknown }) : { type: choice }
  requireChoice(owner, isPlain(choice) ? `${name}.type` : name, type, TYPES)
  return new CLASSES[type](options as never)
}

const isNumbers = (value: unknown): value is number[] => isArrayOf(value, Number.isFinite)
const isNames = (value: unknown): value is string[] => isArrayOf(value, (name) => typeof name === 'string')

/**
 * Makes a scaler from its `config`, as a model's file has it.
 * @throws {TorchError} if the config is not one of a scaler here.
 */
export function scalerFrom(config: SeriesScalerConfig): SeriesScaler
export function scalerFrom(config: ScalerConfig): Scaler
export function scalerFrom(config: ScalerConfig | SeriesScalerConfig): Scaler | SeriesScaler {
  const given = requireDict('scalerFrom', 'config', config)
  return given.type === 'series' ? seriesScalerOf(given) : columnScalerOf('config', given)
}

function columnScalerOf(name: string, config: Record<string, unknown>): Scaler {
  const { center, scale, ...choice } = config
  const scaler = scalerOf('scalerFrom', name, { ...choice })
  if (!isNumbers(center)) throw invalid('scalerFrom', `${name}.center`, 'an array of finite numbers', center)
  if (!isNumbers(scale)) throw invalid('scalerFrom', `${name}.scale`, 'an array of finite numbers', scale)
  if (center.length !== scale.length || scale.includes(0)) {
    throw torchError('ERR_TORCH_VALUE', `scalerFrom: ${name} must have as many scales as centers, none of them 0`)
  }
  return scaler[RESTORE]({ center: [...center], scale: [...scale] })
}

function requireNames(name: string, value: unknown): asserts value is string[] {
  if (!isNames(value)) throw invalid('scalerFrom', `config.${name}`, 'an array of strings', value)
}

function seriesScalerOf(config: Record<string, unknown>): SeriesScaler {
  checkOptions('scalerFrom', config, ['type', 'targets', 'inputs', 'groups', 'scalers', 'difference'])
  const { targets, inputs, groups, scalers, difference } = config
  if (difference !== undefined) requireInteger('scalerFrom', 'config.difference', difference, 1)
  requireNames('targets', targets)
  requireNames('inputs', inputs)
  if (groups !== null) requireNames('groups', groups)
  const columns = [...targets, ...inputs]
  const rows = groups?.length ?? 1
  if (!isArrayOf(scalers, (row): row is unknown[] => Array.isArray(row)) || scalers.length !== rows) {
    throw invalid('scalerFrom', 'config.scalers', `${rows} ${rows === 1 ? 'array' : 'arrays'} of scalers`, scalers)
  }
  const made = scalers.map((row, i) => columns.map((_, k) => cellOf(`config.scalers[${i}][${k}]`, row[k])))
  for (const k of columns.keys()) {
    const [first, ...others] = made.map((row) => row[k])
    if (others.every((other) => other?.type === first?.type && other?.offset === first?.offset)) continue
    throw torchError('ERR_TORCH_VALUE', `scalerFrom: config.scalers differ in type for column '${columns[k]}'`)
  }
  return new SeriesScaler(targets, inputs, groups ?? undefined, made, difference)
}

/** The scaler of one column, or undefined for null. */
function cellOf(name: string, config: unknown): Scaler | undefined {
  if (config === null) return undefined
  const scaler = columnScalerOf(name, requireDict('scalerFrom', name, config))
  if (scaler.scales.center.length === 1) return scaler
  throw torchError('ERR_TORCH_VALUE', `scalerFrom: ${name} must have one center and one scale`)
}
