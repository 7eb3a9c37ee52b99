import { checkOptions, invalid, isPlain, requireDict } from '../check.ts'
import { scalerFrom } from '../data/scaler/index.ts'
import { Scaler, type ScalerConfig } from '../data/scaler/scaler.ts'
import { SeriesScaler, type SeriesScalerConfig } from '../data/scaler/series-scaler.ts'
import { Vocabulary, type VocabularyConfig } from '../data/vocabulary.ts'
import { torchError } from '../errors.ts'
import { type Calibration, isCalibration } from '../forecast/calibration.ts'
import { type Coroutine, run, runSync } from '../io/coroutine.ts'
import { savingModule } from '../io/module.ts'
import type { ModelConfig } from './config.ts'
import type { RecurrentModel } from './model.ts'

/** A value that JSON can represent. */
export type JSONValue = string | number | boolean | null | readonly JSONValue[] | JSONObject
/** An object that JSON can represent. */
export interface JSONObject {
  readonly [name: string]: JSONValue
}

export interface ModelSaveOptions {
  /** Plain data to save instead of the model's `metadata`. */
  metadata?: JSONObject
  /** The scaler to save instead of the model's `scaler`; `null`: none. */
  scaler?: SeriesScaler | Scaler | null
  /** The calibration to save instead of the model's `calibration`; `null`: none. */
  calibration?: Calibration | null
  /** The vocabulary to save instead of the model's `vocabulary`; `null`: none. */
  vocabulary?: Vocabulary | null
}

/** The entry of a safetensors file's metadata that describes a model. */
export const KEY = 'libtorch-rnn'
/** Of the form of that entry. A change that an older version would misread increases it. */
export const VERSION = 1

export interface Description {
  version: typeof VERSION
  config: ModelConfig
  metadata: JSONObject
  /** Missing if there is none; an older version passes over it. */
  scaler?: ScalerConfig | SeriesScalerConfig
  calibration?: Calibration
  vocabulary?: VocabularyConfig
}

/** @throws {TorchError} for what JSON would drop or change, by its path. */
function requireJSON(owner: string, path: string, value: unknown, above: readonly unknown[] = []): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  if (typeof value === 'number' && Number.isFinite(value)) return
  if (above.includes(value)) throw torchError('ERR_TORCH_VALUE', `${owner}: ${path} contains itself`, { op: owner })
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) requireJSON(owner, `${path}[${i}]`, item, [...above, value])
    return
  }
  if (!isPlain(value)) throw invalid(owner, path, 'plain JSON: finite numbers, text, arrays and objects', value)
  for (const [key, item] of Object.entries(value)) requireJSON(owner, `${path}.${key}`, item, [...above, value])
}

function savingModel(call: string, model: RecurrentModel, path: unknown, options: ModelSaveOptions): Coroutine<void> {
  checkOptions(call, options, ['metadata', 'scaler', 'calibration', 'vocabulary'])
  const {
    metadata = model.metadata,
    scaler = model.scaler,
    calibration = model.calibration,
    vocabulary = model.vocabulary,
  } = options
  requireDict(call, 'metadata', metadata)
  if (scaler !== null && !(scaler instanceof Scaler || scaler instanceof SeriesScaler)) {
    throw invalid(call, 'scaler', 'a scaler of libtorch-rnn/data, or null', scaler)
  }
  // A scaler of a class of one's own could be written, but not read.
  if (scaler !== null) scalerFrom(scaler.config as ScalerConfig)
  if (calibration !== null && !isCalibration(calibration)) {
    throw invalid(call, 'calibration', 'what calibrate returned, or null', calibration)
  }
  if (vocabulary !== null && !(vocabulary instanceof Vocabulary)) {
    throw invalid(call, 'vocabulary', 'a Vocabulary, or null', vocabulary)
  }
  requireJSON(call, 'metadata', metadata)
  const { config } = model
  requireJSON(call, 'config', config)
  const description: Description = {
    version: VERSION,
    config,
    metadata,
    ...(scaler === null ? {} : { scaler: scaler.config }),
    ...(calibration === null ? {} : { calibration }),
    ...(vocabulary === null ? {} : { vocabulary: vocabulary.config }),
  }
  return savingModule(call, model, path, { metadata: { format: 'pt', [KEY]: JSON.stringify(description) } })
}

/** The work of {@link RecurrentModel.save}. */
export async function saveModel(model: RecurrentModel, path: string | URL, options: ModelSaveOptions): Promise<void> {
  await run(savingModel(`${model.constructor.name}.save`, model, path, options))
}

/** The work of {@link RecurrentModel.saveSync}. */
export function saveModelSync(model: RecurrentModel, path: string | URL, options: ModelSaveOptions): void {
  runSync(savingModel(`${model.constructor.name}.saveSync`, model, path, options))
}
