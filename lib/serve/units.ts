import type { Scaler } from '../data/scaler/scaler.ts'
import { FORWARD } from '../data/scaler/scaler.ts'
import { COLUMNS_OF, SeriesScaler } from '../data/scaler/series-scaler.ts'
import { torchError } from '../errors.ts'
import { RecurrentModel } from '../models/model.ts'
import type { Module } from '../nn/module.ts'
import type { Settings } from './options.ts'

const OWNER = 'serve'

type Convert = (value: number) => number

/** Between the units of the data and those of a model. Both write `to`, which may be `from`. */
export interface Units {
  /** @throws {TorchError} if the scales are those of a group, and there is no such. */
  scale(owner: string, from: Float32Array, to: Float32Array, group: string | undefined): void
  invert(owner: string, from: Float32Array, to: Float32Array, group: string | undefined): void
  /** @throws {TorchError} if there is no such group, or one is missing. */
  requireGroup(owner: string, group: string | undefined): void
}

/** What a row of inputs and one of outputs consist of: a function for each column, or undefined for none. */
interface Columns {
  readonly inputs: readonly (Convert | undefined)[]
  readonly outputs: readonly (Convert | undefined)[]
}

/**
 * The units of a model with a scaler; undefined if it has none, or the options say that values are scaled.
 *
 * @throws {TorchError} if the scaler does not fit the model.
 */
export function unitsOf(model: Module, { units, head, autoregressive }: Settings): Units | undefined {
  const scaler = model instanceof RecurrentModel ? model.scaler : null
  if (scaler === null || units === 'scaled') return undefined
  if (scaler instanceof SeriesScaler && scaler.difference !== undefined) {
    throw torchError(
      'ERR_TORCH_OPTION',
      `${OWNER}: the model forecasts what targets add to their values ${scaler.difference} steps before, which a request does not tell: say { units: 'scaled' }, and take differences yourself, or use forecast(model, series)`,
      { op: OWNER },
    )
  }
  const { inputSize, outputSize, embedding } = model as RecurrentModel
  const inputs = embedding === null ? inputSize : 0
  if (!(scaler instanceof SeriesScaler)) {
    const columns = columnsOfScaler(scaler, inputs, outputSize, head)
    return new Converter(() => columns, undefined)
  }
  // The outputs of a scaler of inputs alone, as that of a model of classes, have no units.
  const perTarget = scaler.targets.length === 0 ? 1 : requireOutputs(outputSize, scaler.targets.length, head)
  const of = (owner: string, group: string | undefined): Columns => {
    const scalers = scaler[COLUMNS_OF](owner, group)
    const targets = scalers.slice(0, scaler.targets.length)
    const seen = autoregressive ? scalers : scalers.slice(scaler.targets.length)
    return {
      // What follows is not scaled: marks of missing values, and the calendar.
      inputs: Array.from({ length: inputs }, (_, i) => seen[i]?.[FORWARD](0)),
      outputs: Array.from({ length: outputSize }, (_, k) => inverseOf(targets[Math.floor(k / perTarget)], 0)),
    }
  }
  const wanted = autoregressive ? scaler.targets.length + scaler.inputs.length : scaler.inputs.length
  if (inputs < wanted) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${OWNER}: the model's scaler has ${wanted} columns of inputs, but the model takes ${inputs} features${autoregressive ? ': if they do not begin with the targets, say { autoregressive: false }' : ''}; with { units: 'scaled' } scaling is yours`,
      { op: OWNER },
    )
  }
  const one = scaler.groups === undefined ? of(OWNER, undefined) : undefined
  if (one !== undefined) return new Converter(() => one, undefined)
  const known = new Map<string, Columns>()
  return new Converter((owner, group) => {
    const found = known.get(group as string)
    if (found !== undefined) return found
    const made = of(owner, group)
    known.set(group as string, made)
    return made
  }, scaler.groups)
}

/** How many outputs belong to each target. */
function requireOutputs(outputSize: number, targets: number, head: Settings['head']): number {
  const perTarget = outputSize / targets
  if (head === 'quantiles' ? Number.isInteger(perTarget) : perTarget === 1) return perTarget
  throw torchError(
    'ERR_TORCH_SHAPE',
    `${OWNER}: the model has ${outputSize} outputs, but its scaler ${targets} target${targets === 1 ? '' : 's'}: if they are quantiles, say { head: 'quantiles' }; with { units: 'scaled' } scaling is yours`,
    { op: OWNER },
  )
}

/** A scaler of features scales what has as many: inputs, outputs, or both. */
function columnsOfScaler(scaler: Scaler, inputSize: number, outputSize: number, head: Settings['head']): Columns {
  const size = scaler.scales.center.length
  const perTarget = head === 'quantiles' && outputSize % size === 0 ? outputSize / size : 1
  const ofInputs = size === inputSize
  const ofOutputs = size * perTarget === outputSize
  if (!ofInputs && !ofOutputs) {
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${OWNER}: the model's scaler is of ${size} feature${size === 1 ? '' : 's'}, but the model has ${inputSize} inputs and ${outputSize} outputs: with { units: 'scaled' } scaling is yours`,
      { op: OWNER },
    )
  }
  return {
    inputs: Array.from({ length: inputSize }, (_, i) => (ofInputs ? scaler[FORWARD](i) : undefined)),
    outputs: Array.from({ length: outputSize }, (_, k) =>
      ofOutputs ? inverseOf(scaler, Math.floor(k / perTarget)) : undefined,
    ),
  }
}

function inverseOf(scaler: Scaler | undefined, feature: number): Convert | undefined {
  if (scaler === undefined) return undefined
  const [center, scale] = [scaler.scales.center[feature] as number, scaler.scales.scale[feature] as number]
  const { offset } = scaler
  if (offset === undefined) return (value) => value * scale + center
  return (value) => Math.exp(value * scale + center) - offset
}

class Converter implements Units {
  readonly #columns: (owner: string, group: string | undefined) => Columns
  readonly #groups: readonly string[] | undefined

  constructor(columns: (owner: string, group: string | undefined) => Columns, groups: readonly string[] | undefined) {
    this.#columns = columns
    this.#groups = groups
  }

  requireGroup(owner: string, group: string | undefined): void {
    const groups = this.#groups
    if (groups === undefined ? group === undefined : group !== undefined && groups.includes(group)) return
    const list = groups === undefined ? '' : groups.slice(0, 5).join(', ') + (groups.length > 5 ? ', …' : '')
    const problem =
      groups === undefined
        ? 'all series have the same scales: leave out group'
        : `each series has scales of its own: give { group }, one of ${list}${group === undefined ? '' : `; got '${group}'`}`
    throw torchError('ERR_TORCH_VALUE', `${owner}: ${problem}`, { op: owner })
  }

  scale(owner: string, from: Float32Array, to: Float32Array, group: string | undefined): void {
    convert(this.#columns(owner, group).inputs, from, to)
  }

  invert(owner: string, from: Float32Array, to: Float32Array, group: string | undefined): void {
    convert(this.#columns(owner, group).outputs, from, to)
  }
}

function convert(columns: readonly (Convert | undefined)[], from: Float32Array, to: Float32Array): void {
  const width = columns.length
  for (let column = 0; column < width; column++) {
    const one = columns[column]
    for (let i = column; i < from.length; i += width) {
      const value = from[i] as number
      to[i] = one === undefined ? value : one(value)
    }
  }
}
