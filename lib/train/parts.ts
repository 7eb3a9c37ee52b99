import type { Module } from '../nn/module.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { AveragedModel } from '../optim/swa-utils/index.ts'
import type { Generator } from '../tensor/generator.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import type { Step, TrainableModel } from './step.ts'

/** What a trainer consists of. */
export interface TrainerParts {
  readonly model: TrainableModel
  /** The model and a loss module: the modules with tensors to move. */
  readonly modules: readonly Module[]
  readonly optimizer: Optimizer<{ lr: number }>
  readonly generator: Generator | undefined
  readonly options: ResolvedOptions
  readonly step: Step
  /** Another one, since a state that is carried belongs to a pass. */
  readonly evaluation: Step
  /** The model that averages the weights in the `fit` that is running, if they are to be averaged. */
  averaged: AveragedModel<TrainableModel> | undefined
}
