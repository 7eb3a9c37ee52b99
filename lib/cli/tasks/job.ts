import type { TrainerOptions, TrainingData } from '../../train/index.ts'
import type { Errors } from '../measure.ts'
import type { Training } from '../metadata.ts'
import type { TrainedModel } from '../networks/load.ts'

/** A training that is ready to start: what the tasks have in common. */
export interface Job {
  readonly model: TrainedModel
  readonly train: TrainingData
  readonly validation: TrainingData | undefined
  readonly test: TrainingData | undefined
  /** What the task says about training. */
  readonly options: TrainerOptions
  /** What there is to train on, for people. */
  readonly size: string
  /** The errors of what needs no model on the part that is held out. */
  compare(part: 'test' | 'validation'): Promise<Readonly<Record<string, Errors>>>
  /** What else there is to say about the part that is held out: for the result, and as text. */
  detail?(part: 'test' | 'validation'): Promise<{ result: object; text: string } | undefined>
  /** Writes the model with all that is needed to use it. */
  save(path: string, training: Training): Promise<void>
}
