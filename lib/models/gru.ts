import { GRU, type GRUOptions } from '../nn/gru.ts'
import type { Linear } from '../nn/linear.ts'
import { SHARED_OPTIONS } from '../nn/recurrent.ts'
import { type ModelConfig, readConfig } from './config.ts'
import { headOf, RecurrentModel } from './model.ts'
import { type ModelOptions, splitOptions } from './options.ts'

export interface GRUModelOptions extends GRUOptions, ModelOptions {}

/** {@link GRU} and a linear head. */
export class GRUModel extends RecurrentModel<GRU> {
  readonly gru: GRU
  readonly linear: Linear

  constructor(
    inputSize: number,
    hiddenSize: number,
    outputSize: number,
    options: GRUModelOptions = {},
    ...none: undefined[]
  ) {
    const [own, network] = splitOptions(new.target.name, options, [...SHARED_OPTIONS])
    super(inputSize, hiddenSize, outputSize, own, ...none)
    this.gru = new GRU(inputSize, hiddenSize, network)
    this.linear = headOf(this, this.gru)
  }

  /** A new model with the given {@link config}. @throws {TorchError} if it is not the config of such a model. */
  static fromConfig(config: ModelConfig): GRUModel {
    const { inputSize, hiddenSize, outputSize, network, model } = readConfig('GRUModel', config, 'GRU')
    return new this(inputSize, hiddenSize, outputSize, { ...network, ...model })
  }

  override get network(): GRU {
    return this.gru
  }
}
