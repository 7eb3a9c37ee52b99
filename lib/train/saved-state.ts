import { isPlain } from '../check.ts'
import { describe } from '../describe.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import type { State } from './checkpoint.ts'
import type { EpochResult } from './history.ts'
import type { PassState } from './pass.ts'
import type { Settings } from './settings.ts'

/** The states of the random numbers that the order of an epoch's samples was drawn from. */
export interface Random {
  numbers: Tensor
  loader: Tensor | undefined
}

/** What a checkpoint of a `fit` holds. */
export interface SavedState {
  settings: Settings
  /** The steps or epochs that the schedule goes over, if it depends on them. */
  scheduled: number | undefined
  /** The scales of the data, if these have any. */
  scaler: State | undefined
  /** The config of the model, if it has one. */
  config: Settings | undefined
  modules: Record<string, Tensor>[]
  /** The names of the model's parameters that are not trained. */
  frozen: string[]
  optimizer: { readonly [name: string]: State }
  scheduler: { readonly [name: string]: State } | undefined
  gradScaler: { readonly [name: string]: State } | undefined
  random: { now: Random; epoch: Random | undefined }
  /** The batches that are done in the epoch, and the updates of the weights in the `fit`. */
  progress: { batch: number; step: number }
  /** Within an epoch: its sums so far. */
  pass: PassState | null
  carried: State
  history: EpochResult[]
  callbacks: { readonly [name: string]: State }
}

/** @throws {Error} that names the entry, unless a state is that of a checkpoint. */
export function requireSavedState(state: { readonly [name: string]: State | undefined }): asserts state is never {
  const { settings, scheduled, modules, optimizer, scheduler, gradScaler, random, progress, history, callbacks } = state
  for (const [name, value] of Object.entries({ settings, optimizer, random, progress, callbacks })) {
    requireEntry(isPlain(value), name, 'an object', value)
  }
  for (const [name, value] of Object.entries({ scheduler, gradScaler })) {
    requireEntry(value === undefined || isPlain(value), name, 'an object', value)
  }
  requireEntry(state.config === undefined || isPlain(state.config), 'config', 'an object', state.config)
  requireEntry(scheduled === undefined || isCount(scheduled), 'scheduled', 'a number of steps', scheduled)
  requireEntry(Array.isArray(modules), 'modules', 'a list', modules)
  for (const [i, module] of (modules as State[]).entries()) requireTensors(`modules.${i}`, module)
  requireEntry(Array.isArray(state.frozen), 'frozen', 'a list', state.frozen)
  const { batch, step } = progress as Record<string, State | undefined>
  requireEntry(isCount(batch), 'progress.batch', 'a number of batches', batch)
  requireEntry(isCount(step), 'progress.step', 'a number of steps', step)
  const isWithin = batch !== 0
  const { now, epoch } = random as Record<string, State | undefined>
  requireRandom('random.now', now)
  if (isWithin || epoch !== undefined) requireRandom('random.epoch', epoch)
  if (isWithin) requirePass(state.pass)
  requireHistory(history)
}

function requireRandom(name: string, random: State | undefined): void {
  requireEntry(isPlain(random), name, 'an object', random)
  const { numbers, loader } = random as Record<string, State | undefined>
  requireEntry(isTensor(numbers), `${name}.numbers`, 'a tensor', numbers)
  requireEntry(loader === undefined || isTensor(loader), `${name}.loader`, 'a tensor', loader)
}

function requirePass(pass: State | undefined): void {
  requireEntry(isPlain(pass), 'pass', 'an object', pass)
  const { total, count, metrics } = pass as Record<string, State | undefined>
  for (const [name, sum] of Object.entries({ total, count })) {
    requireEntry(isTensor(sum) && sum.numel === 1, `pass.${name}`, 'a tensor of one element', sum)
  }
  requireEntry(isPlain(metrics), 'pass.metrics', 'an object', metrics)
  for (const [name, sums] of Object.entries(metrics as object)) requireTensors(`pass.metrics.${name}`, sums)
}

function requireHistory(history: State | undefined): void {
  requireEntry(Array.isArray(history), 'history', 'a list', history)
  for (const [i, result] of (history as State[]).entries()) {
    requireEntry(isPlain(result), `history.${i}`, 'an object', result)
    const { epoch, trainLoss, ...others } = result as unknown as EpochResult
    requireEntry(epoch === i + 1, `history.${i}.epoch`, String(i + 1), epoch)
    for (const [name, value] of Object.entries({ trainLoss, ...others })) {
      requireEntry(typeof value === 'number', `history.${i}.${name}`, 'a number', value)
    }
  }
}

function requireTensors(name: string, tensors: unknown): void {
  requireEntry(isPlain(tensors), name, 'an object', tensors)
  for (const [key, tensor] of Object.entries(tensors as object)) {
    requireEntry(isTensor(tensor), `${name}.${key}`, 'a tensor', tensor)
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function requireEntry(is: boolean, name: string, wanted: string, value: unknown): void {
  if (!is) throw new Error(`${name} must be ${wanted}, but is ${describe(value)}`)
}
