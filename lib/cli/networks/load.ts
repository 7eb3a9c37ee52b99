import { isPlain } from '../../check.ts'
import { torchError } from '../../errors.ts'
import { loadModule, readHeader } from '../../io/index.ts'
import { loadModel, type RecurrentModel } from '../../models/index.ts'
import { LinearModel } from './linear-model.ts'
import { TransformerModel, type TransformerOptions } from './transformer-model.ts'
import { DESCRIPTION, type WindowDescription, type WindowModel } from './window-model.ts'

/** A model that commands train and use. */
export type TrainedModel = RecurrentModel | WindowModel

/**
 * Makes the model that a command has saved, with its weights, in evaluation mode.
 * @throws {TorchError} (rejects) as `loadModel` does.
 */
export async function loadTrained(path: string): Promise<TrainedModel> {
  const { metadata, tensors } = await readHeader(path)
  const description = windowDescriptionIn(metadata[DESCRIPTION])
  if (description === undefined) return await loadModel(path)
  const { config } = description
  const held = Object.values(tensors).reduce((sum, { shape }) => sum + shape.reduce((all, size) => all * size, 1), 0)
  if (!(leastParameters(config) <= held)) {
    throw torchError('ERR_TORCH_FORMAT', `${path}: its description is of a larger model than it has weights for`)
  }
  const model =
    config.model === 'linear'
      ? new LinearModel(config, { bias: config.bias === true })
      : new TransformerModel(config, config as unknown as TransformerOptions)
  model.restore(description)
  await loadModule(model, path)
  model.eval()
  return model
}

/** The description of a model that reads windows; `undefined` for all others, of which `loadModel` tells what is wrong. */
function windowDescriptionIn(text: string | undefined): WindowDescription | undefined {
  if (text === undefined) return undefined
  try {
    const found: unknown = JSON.parse(text)
    const { version, config, metadata } = (isPlain(found) ? found : {}) as Partial<WindowDescription>
    const isOurs = version === 1 && isPlain(config) && isPlain(metadata) && config.horizon > 0
    return isOurs && ['linear', 'transformer'].includes(config.model) ? (found as WindowDescription) : undefined
  } catch {
    return undefined
  }
}

/** A number of weights that no model of a config is below: a damaged or hostile file could ask for all memory. */
function leastParameters({
  model,
  past,
  inputSize,
  horizon,
  outputSize,
  ...rest
}: WindowDescription['config']): number {
  if (model === 'linear') return past * inputSize * horizon * outputSize
  const { hiddenSize, numLayers } = rest as unknown as { hiddenSize: number; numLayers: number }
  // The places have past · hiddenSize numbers, which are not in the file; no window is that long.
  return past > 1e6 ? Infinity : hiddenSize * (inputSize + 12 * numLayers * hiddenSize + horizon * outputSize)
}
