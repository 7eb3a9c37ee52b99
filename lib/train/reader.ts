import { RecurrentModel } from '../models/model.ts'
import { hasSamplesFirst } from './layout.ts'
import { type Reader, type Source, type SourceOptions, sourceOf, type TrainingData } from './source.ts'
import type { TrainableModel } from './step.ts'

/** What a model reads, if that is known: only sequences. A model with its own forward may well read rows. */
function readerOf(model: TrainableModel): Reader | undefined {
  const reads = model instanceof RecurrentModel && model.forward === RecurrentModel.prototype.forward
  // With batchFirst, an embedding reads rows of tokens as they are.
  if (!reads || (model.embedding !== null && model.batchFirst)) return undefined
  return { name: model.constructor.name, tokens: model.embedding !== null }
}

/** The source of the data for a model. @throws {TorchError} if they are not training data, or not for this model. */
export function sourceFor(
  model: TrainableModel,
  data: TrainingData,
  options: Omit<SourceOptions, 'batchFirst' | 'samplesFirst' | 'reader'>,
): Source {
  return sourceOf(data, {
    ...options,
    batchFirst: model.batchFirst ?? true,
    samplesFirst: hasSamplesFirst(model),
    reader: readerOf(model),
  })
}
