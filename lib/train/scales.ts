import { isDeepStrictEqual } from 'node:util'
import { COLUMNS_OF, SeriesScaler } from '../data/scaler/series-scaler.ts'
import { torchError } from '../errors.ts'
import { RecurrentModel } from '../models/model.ts'
import type { Module } from '../nn/module.ts'
import type { Source } from './source.ts'

/** The scales of the windows that models were last trained on. */
const learned = new WeakMap<Module, SeriesScaler>()

const CURE = 'split with the scales of the training, series.split({ …, scaler: train.scaler })'

/** Keeps with a model the scales of what it is trained on now, which it has learned to read. */
export function learnScales(model: Module, { windows }: Source): void {
  if (windows === undefined) learned.delete(model)
  else learned.set(model, windows.dataset.scaler)
}

/**
 * A model reads windows with other scales, or other columns, as if they were those of its training: its outputs are
 * wrong then, and nothing shows it. Windows may have the scales of the model's last `fit`, or of its own `scaler`.
 *
 * @param what `windows`, or what else the scales come with
 * @throws {TorchError} if they have others than those that are known.
 */
export function requireScales(
  owner: string,
  model: Module,
  scaler: SeriesScaler | undefined,
  { what = 'the windows', cure = CURE }: { what?: string; cure?: string } = {},
): void {
  if (scaler === undefined) return
  const own = model instanceof RecurrentModel && model.scaler instanceof SeriesScaler ? model.scaler : undefined
  const known = [learned.get(model), own].filter((one) => one !== undefined)
  const changes = known.map((one) => changeOf(one, scaler))
  const [change] = changes
  if (change === undefined || changes.includes(undefined)) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: ${what} ${change}, unlike what ${model.constructor.name} was trained on: ${cure}`,
    { op: owner },
  )
}

/** @throws {TorchError} if the validation data of a `fit` have other scales than its training data. */
export function requireSameScales(owner: string, { windows: data }: Source, { windows: held }: Source): void {
  if (data === undefined || held === undefined) return
  const change = changeOf(data.dataset.scaler, held.dataset.scaler)
  if (change === undefined) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: the windows of validation ${change}, unlike those to train on: ${CURE}`,
    {
      op: owner,
    },
  )
}

/** How `now` differs from `before`, in words that a sentence goes on from; undefined if it does not. */
function changeOf(before: SeriesScaler, now: SeriesScaler): string | undefined {
  if (before === now) return undefined
  for (const name of ['targets', 'inputs'] as const) {
    const [old, own] = [before[name], now[name]].map((names) => names.join(', ') || '(none)')
    if (old !== own) return `have the ${name} ${own}, not ${old}`
  }
  if (before.difference !== now.difference) {
    const [old, own] = [before.difference, now.difference].map((steps) => steps ?? 'none')
    return `have the difference ${own}, not ${old}`
  }
  const columns = [...before.targets, ...before.inputs]
  if ((before.groups === undefined) !== (now.groups === undefined)) return 'have other scales'
  // Groups that a model was not trained on bring their own scales.
  const groups = before.groups === undefined ? [undefined] : before.groups.filter((name) => hasGroup(now, name))
  for (const group of groups) {
    const [old, own] = [before, now].map((scaler) => scaler[COLUMNS_OF]('scaler', group))
    const k = columns.findIndex((_, k) => !isDeepStrictEqual(old?.[k]?.config, own?.[k]?.config))
    if (k >= 0) return `have other scales of ${columns[k]}${group === undefined ? '' : ` in group ${group}`}`
  }
  return undefined
}

function hasGroup({ groups = [] }: SeriesScaler, name: string): boolean {
  return groups.includes(name)
}
