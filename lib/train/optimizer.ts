import { checkOptions, invalid, requireBoolean, requireNonNegative } from '../check.ts'
import { torchError } from '../errors.ts'
import type { Module } from '../nn/module.ts'
import type { Parameter } from '../nn/parameter.ts'
import * as optim from '../optim/index.ts'
import { Optimizer } from '../optim/optimizer.ts'
import type { TrainerOptions } from './options.ts'
import type { ResolvedOptions } from './resolved-options.ts'

/** The optimizers of this library but LBFGS, by class name in lower case: `'sgd'`, `'adam'`, … */
export type OptimizerName = Exclude<
  {
    [Name in keyof typeof optim]: (typeof optim)[Name] extends new (
      parameters: Parameter[],
      options: { lr: number },
    ) => Optimizer<{ lr: number }>
      ? Lowercase<Name & string>
      : never
  }[keyof typeof optim],
  'lbfgs'
>

const OPTIMIZERS = Object.fromEntries(
  Object.entries(optim)
    .filter(([, Class]) => 'prototype' in Class && Class.prototype instanceof Optimizer)
    .filter(([, Class]) => Class !== optim.LBFGS)
    .map(([name, Class]) => [name.toLowerCase(), Class]),
) as unknown as Record<
  OptimizerName,
  new (
    parameters: Parameter[] | { params: Parameter[]; weightDecay?: number }[],
    options: { lr: number; weightDecay?: number },
  ) => Optimizer<{ lr: number }>
>

/** The weight decay of an optimizer, and whether biases have it, too. */
export interface WeightDecay {
  value: number
  biases: boolean
}

/** @throws {TorchError} unless it is a number or such an object. */
export function readWeightDecay(given: TrainerOptions['weightDecay']): WeightDecay | undefined {
  if (given === undefined) return undefined
  const options = typeof given === 'object' && given !== null ? given : { value: given }
  checkOptions('Trainer', options, ['value', 'biases'])
  const { value, biases = true } = options
  requireNonNegative('Trainer', 'weightDecay', value)
  if (!Number.isFinite(value)) throw invalid('Trainer', 'weightDecay', 'a finite number', value, 'ERR_TORCH_VALUE')
  requireBoolean('Trainer', 'weightDecay.biases', biases)
  return { value, biases }
}

/** @throws {TorchError} for an optimizer that evaluates the loss several times per step. */
export function refuseClosure(owner: string, optimizer: Optimizer): void {
  if (!(optimizer instanceof optim.LBFGS)) return
  const { name } = optimizer.constructor
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: ${name} evaluates the loss several times per step, on the same data: call its step with a function, in a loop of your own`,
  )
}

/** The optimizer that options ask for, of a model's parameters. */
export function optimizerOf({ optimizer, lr, weightDecay }: ResolvedOptions, model: Module): Optimizer<{ lr: number }> {
  const parameters = [...model.parameters()]
  if (typeof optimizer === 'function') {
    if (optimizer.prototype instanceof Optimizer) {
      const { name } = optimizer
      throw torchError(
        'ERR_TORCH_TYPE',
        `Trainer: optimizer must be an optimizer's name or a function that makes one: (parameters) => new ${name}(parameters)`,
      )
    }
    const made = optimizer(parameters)
    if (made instanceof Optimizer) {
      refuseClosure('Trainer', made)
      return made as Optimizer<{ lr: number }>
    }
    throw invalid('Trainer', 'optimizer', 'a function that returns an Optimizer', made)
  }
  if (!Object.hasOwn(OPTIMIZERS, optimizer)) {
    const hint = String(optimizer).toLowerCase() === 'lbfgs' ? '; LBFGS needs a loop of your own' : ''
    throw invalid(
      'Trainer',
      'optimizer',
      `${Object.keys(OPTIMIZERS).join(', ')} or a function${hint}`,
      optimizer,
      'ERR_TORCH_VALUE',
    )
  }
  if (weightDecay === undefined) return new OPTIMIZERS[optimizer](parameters, { lr })
  const settings = { lr, weightDecay: weightDecay.value }
  if (weightDecay.biases) return new OPTIMIZERS[optimizer](parameters, settings)
  const groups = [
    { params: parameters.filter(({ ndim }) => ndim > 1) },
    { params: parameters.filter(({ ndim }) => ndim <= 1), weightDecay: 0 },
  ]
  return new OPTIMIZERS[optimizer](
    groups.filter(({ params }) => params.length > 0),
    settings,
  )
}
