import { checkOptions, invalid, isPlain, requireDict, requireNone } from '../check.ts'
import { scalerFrom } from '../data/scaler/index.ts'
import type { ScalerConfig } from '../data/scaler/scaler.ts'
import { Vocabulary, type VocabularyConfig } from '../data/vocabulary.ts'
import { describe } from '../describe.ts'
import { TorchError } from '../errors.ts'
import { isCalibration } from '../forecast/calibration.ts'
import { type Coroutine, run, runSync } from '../io/coroutine.ts'
import { formatError, pathOf } from '../io/file.ts'
import type { Header } from '../io/header.ts'
import { loadingModule } from '../io/module.ts'
import { readingHeader } from '../io/safetensors.ts'
import { requireDevice } from '../tensor/device.ts'
import type { Device } from '../tensor/tensor.ts'
import { leastParameters, type ModelConfig } from './config.ts'
import { GRUModel } from './gru.ts'
import { LSTMModel } from './lstm.ts'
import { RecurrentModel } from './model.ts'
import { RNNModel } from './rnn.ts'
import { type Description, KEY, VERSION } from './save.ts'
import { SequenceModel } from './sequence.ts'

/** A class of models that can be made from a config. */
export interface ModelClass {
  readonly name: string
  fromConfig(config: ModelConfig): RecurrentModel
}

export interface LoadModelOptions {
  /** The device for the model. Default `'cpu'`. */
  device?: Device
  /** Classes of your own that the file may name, by their names. */
  classes?: Readonly<Record<string, ModelClass>>
}

/** The description in a file's metadata. */
function readDescription(text: string | undefined, reject: (problem: string) => never): Description {
  if (text === undefined) {
    return reject(
      'it has no description of a model, as model.save writes it: make the model yourself, and load the weights with loadModule(model, path), or loadStateDict',
    )
  }
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return reject('its description of the model is not valid JSON')
  }
  const { version, config, metadata } = (isPlain(found) ? found : {}) as Partial<Record<keyof Description, unknown>>
  if (version !== VERSION) {
    return reject(
      typeof version === 'number'
        ? `its description of the model has version ${version}, but this libtorch-rnn reads version ${VERSION}: use the one that wrote it, or a later one`
        : 'its description of the model has no version',
    )
  }
  if (!isPlain(config) || typeof (config as { model?: unknown }).model !== 'string' || !isPlain(metadata)) {
    return reject('its description of the model is incomplete')
  }
  return found as Description
}

/**
 * Refuses a config that asks for more parameters than the file has, before a model of that size is made: a damaged or
 * hostile file could ask for all memory.
 */
function requireParameters(config: ModelConfig, tensors: Header['tensors'], reject: (problem: string) => never): void {
  if (!isPlain(config.network)) return
  const all = Object.values(tensors).reduce((sum, { shape }) => sum + shape.reduce((numel, size) => numel * size, 1), 0)
  const least = leastParameters(config)
  // NaN, if a size is no number: the constructor says which.
  if (!(least > all)) return
  reject(`its description is of a model with at least ${least} parameters, but it has ${all}`)
}

/** A new model for a config, of one of the classes. */
function modelOf(
  { config, metadata, scaler, calibration, vocabulary }: Description,
  classes: Readonly<Record<string, ModelClass>>,
  reject: (problem: string, cause?: TorchError) => never,
): RecurrentModel {
  const known: Record<string, ModelClass> = { RNNModel, LSTMModel, GRUModel, SequenceModel, ...classes }
  const Class = Object.hasOwn(known, config.model) ? known[config.model] : undefined
  if (Class === undefined) {
    return reject(
      `its model is a ${describe(config.model)}, which is none of ${Object.keys(known).join(', ')}: pass your own class with the option classes`,
    )
  }
  let model: unknown
  try {
    model = Class.fromConfig(config)
  } catch (cause) {
    // An error of a class of one's own is told as it is.
    if (!(cause instanceof TorchError) || cause.code === 'ERR_TORCH_OUT_OF_MEMORY') throw cause
    return reject(cause.message, cause)
  }
  if (!(model instanceof RecurrentModel)) throw invalid('loadModel', `${config.model}.fromConfig()`, 'a model', model)
  model.metadata = metadata
  if (calibration !== undefined) {
    if (!isCalibration(calibration)) return reject('its calibration is not what calibrate returns')
    model.calibration = calibration
  }
  try {
    if (scaler !== undefined) model.scaler = scalerFrom(scaler as ScalerConfig)
    if (vocabulary !== undefined) model.vocabulary = new Vocabulary(vocabulary as VocabularyConfig)
  } catch (cause) {
    return reject((cause as TorchError).message, cause as TorchError)
  }
  return model
}

function* loadingModel(call: string, path: unknown, options: LoadModelOptions): Coroutine<RecurrentModel> {
  checkOptions(call, options, ['device', 'classes'])
  const { device = 'cpu', classes = {} } = options
  requireDevice(call, device)
  for (const [name, Class] of Object.entries(requireDict(call, 'classes', classes))) {
    if (typeof Class === 'function' && 'fromConfig' in Class && typeof Class.fromConfig === 'function') continue
    throw invalid(call, `classes.${name}`, 'a class with a static method fromConfig', Class)
  }
  const { metadata, tensors } = yield* readingHeader(call, path)
  const reject = (problem: string, cause?: TorchError): never => {
    const error = formatError(call, pathOf(call, path), problem)
    if (cause !== undefined) error.cause = cause
    throw error
  }
  const description = readDescription(metadata[KEY], reject)
  if (!Object.hasOwn(classes, description.config.model)) requireParameters(description.config, tensors, reject)
  const model = modelOf(description, classes, reject)
  yield* loadingModule(call, model, path, {})
  if (device !== 'cpu') model.to(device)
  return model.eval()
}

/**
 * Makes the model that {@link RecurrentModel.save} wrote, with its weights, `metadata`, `scaler`, `calibration` and `vocabulary`, off the
 * main thread. It is in evaluation mode: call `train()` to go on training it in a loop of your own (a `Trainer` does).
 *
 * A file chooses only among the models of this library and the `classes` that you pass; it never runs code.
 *
 * @example
 * await model.save('model.safetensors', { metadata: { unit: '°C' } })
 * const same = await loadModel('model.safetensors')
 * console.log(same.metadata.unit)
 * @throws {TorchError} `ERR_TORCH_FILE` if the file cannot be read; `ERR_TORCH_FORMAT` if it is damaged, has no
 *   description of a model, one of another version, an unknown class, or settings that its class refuses.
 */
export async function loadModel(
  path: string | URL,
  options: LoadModelOptions = {},
  ...none: undefined[]
): Promise<RecurrentModel> {
  requireNone('loadModel', none)
  return run(loadingModel('loadModel', path, options))
}

/** Blocking form of {@link loadModel}. */
export function loadModelSync(
  path: string | URL,
  options: LoadModelOptions = {},
  ...none: undefined[]
): RecurrentModel {
  requireNone('loadModelSync', none)
  return runSync(loadingModel('loadModelSync', path, options))
}
