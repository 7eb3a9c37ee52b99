// Networks that are not recurrent, to compare with: they read a whole window at once, and have no state.
import { type SeriesScaler, type SeriesScalerConfig, scalerFrom } from '../../data/index.ts'
import { torchError } from '../../errors.ts'
import { type Calibration, isCalibration } from '../../forecast/calibration.ts'
import { saveModule } from '../../io/index.ts'
import type { JSONObject } from '../../models/index.ts'
import { Module } from '../../nn/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** The sizes of a window: its past with inputs, its horizon with outputs. */
export interface WindowSizes {
  readonly past: number
  readonly inputSize: number
  readonly horizon: number
  readonly outputSize: number
}

/** Everything from which such a model can be made again, except the weights. */
export interface WindowConfig extends WindowSizes {
  readonly model: string
  readonly [option: string]: string | number | boolean
}

/** What a file says about such a model: the form is that of `RecurrentModel.save`, the class none of its own. */
export interface WindowDescription {
  readonly version: 1
  readonly config: WindowConfig
  readonly metadata: JSONObject
  readonly scaler?: SeriesScalerConfig
  readonly calibration?: Calibration
}

/** What is saved beside the weights. */
export interface WindowAbout {
  readonly scaler: SeriesScaler
  readonly metadata: JSONObject
  readonly calibration: Calibration | null
}

/** The entry of a safetensors file's metadata that describes a model. */
export const DESCRIPTION = 'libtorch-rnn'

/** A network from a window to what it forecasts: (N, past, inputSize) -> (N, horizon, outputSize). */
export abstract class WindowModel extends Module {
  readonly batchFirst = true
  readonly config: WindowConfig
  metadata: JSONObject = {}
  scaler: SeriesScaler | null = null
  calibration: Calibration | null = null
  readonly vocabulary = null

  constructor(config: WindowConfig) {
    super()
    this.config = config
  }

  abstract override forward(input: Tensor): Tensor

  /** Writes weights and description into a safetensors file, as a whole or not at all. */
  async save(path: string, { scaler, metadata, calibration }: WindowAbout): Promise<void> {
    const description: WindowDescription = {
      version: 1,
      config: this.config,
      metadata,
      scaler: scaler.config,
      ...(calibration === null ? {} : { calibration }),
    }
    await saveModule(this, path, { metadata: { format: 'pt', [DESCRIPTION]: JSON.stringify(description) } })
  }

  /** Takes what was saved beside the weights. @throws {TorchError} for a scaler or a calibration that is damaged. */
  restore({ metadata, scaler, calibration }: WindowDescription): void {
    this.metadata = metadata
    if (scaler !== undefined) this.scaler = scalerFrom(scaler)
    if (calibration === undefined) return
    if (!isCalibration(calibration)) {
      throw torchError('ERR_TORCH_FORMAT', 'the calibration of the model is not what calibrate returns')
    }
    this.calibration = calibration
  }
}
