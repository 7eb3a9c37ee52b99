import { requireChoice, requireDict, unknownOption } from '../check.ts'
import { torchError } from '../errors.ts'
import { keeps } from '../inheritance.ts'
import * as nn from '../nn/index.ts'
import { Linear } from '../nn/linear.ts'
import { RecurrentModule, settingsOf } from '../nn/recurrent.ts'
import type { DType } from '../tensor/dtype.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { RecurrentModel } from './model.ts'
import { MODEL_OPTIONS, type ModelSettings } from './options.ts'
import { widthOf } from './output.ts'

/** The name of a network's class in a {@link ModelConfig}: that of a recurrent network in `nn`. */
export type NetworkKind = {
  [K in keyof typeof nn]: (typeof nn)[K] extends new (inputs: number, units: number) => RecurrentModule ? K : never
}[keyof typeof nn]

/** The networks that a config can name. */
const NETWORKS = Object.fromEntries(
  Object.entries(nn).filter(([, value]) => typeof value === 'function' && value.prototype instanceof RecurrentModule),
) as unknown as Record<NetworkKind, new (inputSize: number, hiddenSize: number, options: object) => RecurrentModule>

/** A network: its class, its sizes, and the options of its constructor. */
export interface NetworkConfig {
  kind: NetworkKind
  inputSize: number
  hiddenSize: number
  [option: string]: unknown
}

/** A model without its weights, as plain JSON. */
export interface ModelConfig extends ModelSettings {
  /** The name of its class. */
  model: string
  network: NetworkConfig
  outputSize: number
  dtype: DType
}

const KEYS = ['model', 'network', 'outputSize', 'dtype', ...MODEL_OPTIONS] as const

/** The config of a model. @throws {TorchError} if it would not describe the model. */
export function configOf(model: RecurrentModel): ModelConfig {
  const { network, linear, outputSize, embedding, output, outputDropout, horizon, tieWeights } = model
  const { name } = model.constructor
  const Network = network.constructor
  const kind = (Object.keys(NETWORKS) as NetworkKind[]).find((key) => NETWORKS[key] === Network)
  if (kind === undefined) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${name}.config: a config cannot name the class ${Network.name} of the network, only ${Object.keys(NETWORKS).join(', ')}: save the weights with saveModule`,
      { op: name },
    )
  }
  const isOriginal =
    keeps(linear, Linear) &&
    linear.bias !== null &&
    linear.inFeatures === widthOf(network) &&
    linear.outFeatures === outputSize * (horizon ?? 1) &&
    tieWeights === (embedding !== null && linear.weight === embedding.weight)
  if (!isOriginal) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `${name}.config: the head is not the one that the model was made with, so a config does not describe it: save the weights with saveModule`,
      { op: name },
    )
  }
  const { inputSize, hiddenSize, weight_ih_l0 } = network
  return {
    model: name,
    network: { kind, inputSize, hiddenSize, ...settingsOf(network) },
    outputSize,
    embedding: embedding && { numEmbeddings: embedding.numEmbeddings, paddingIdx: embedding.paddingIdx },
    output,
    outputDropout,
    horizon,
    tieWeights,
    dtype: (weight_ih_l0 as Tensor).dtype,
  }
}

/** What the constructor of a model takes, out of its config. */
interface Made {
  inputSize: number
  hiddenSize: number
  outputSize: number
  /** Of the network, without the dtype. */
  network: Record<string, unknown>
  /** Of the model, and the dtype. */
  model: ModelSettings & { dtype: DType }
}

/**
 * Takes a config apart, for the constructor of the model `name`.
 *
 * @param kind the kind of network that the model has, if it has only one
 * @throws {TorchError} for a missing or unknown key, or an unknown network; the constructor checks the values.
 */
export function readConfig(name: string, config: ModelConfig, kind?: NetworkKind): Made {
  const owner = `${name}.fromConfig`
  const { model: _, network: given, outputSize, dtype, ...model } = requireKeys(owner, 'config', config, KEYS, KEYS)
  const {
    kind: found,
    inputSize,
    hiddenSize,
    ...network
  } = requireKeys(owner, 'network', given, ['kind', 'inputSize', 'hiddenSize'])
  requireChoice(owner, 'network.kind', found, kind === undefined ? (Object.keys(NETWORKS) as NetworkKind[]) : [kind])
  return {
    inputSize: inputSize as number,
    hiddenSize: hiddenSize as number,
    outputSize: outputSize as number,
    network,
    model: { ...(model as unknown as ModelSettings), dtype: dtype as DType },
  }
}

/**
 * A number of parameters that no model of a config is below, of the embedding, the matrices and the head; NaN if its
 * sizes are no numbers.
 */
export function leastParameters({ network, outputSize, embedding, horizon, tieWeights }: ModelConfig): number {
  const {
    kind,
    inputSize,
    hiddenSize,
    numLayers = 1,
    bidirectional = false,
    projSize = 0,
  } = network as NetworkConfig & {
    numLayers?: number
    bidirectional?: boolean
    projSize?: number
  }
  const directions = bidirectional ? 2 : 1
  const width = projSize > 0 ? projSize : hiddenSize
  // A MinGRU reads no state.
  const state = kind === 'MinGRU' ? 0 : hiddenSize * width
  const others = (numLayers - 1) * (hiddenSize * width * directions + state)
  const matrices = directions * (hiddenSize * inputSize + state + others)
  const head = tieWeights ? 0 : outputSize * (horizon ?? 1) * width * directions
  return matrices + head + (embedding?.numEmbeddings ?? 0) * inputSize
}

/** The network of a config, with new weights. */
export function networkOf(name: string, config: ModelConfig): RecurrentModule {
  const { inputSize, hiddenSize, network, model } = readConfig(name, config)
  const Network = NETWORKS[config.network.kind]
  return new Network(inputSize, hiddenSize, { ...network, dtype: model.dtype })
}

function requireKeys(
  owner: string,
  what: string,
  value: unknown,
  needed: readonly string[],
  known?: readonly string[],
): Record<string, unknown> {
  const dict = requireDict(owner, what, value)
  const missing = needed.filter((key) => dict[key] === undefined)
  if (missing.length > 0) {
    throw torchError('ERR_TORCH_VALUE', `${owner}: the ${what} has no ${missing.join(', ')}`, { op: owner })
  }
  const unknown = known && Object.keys(dict).find((key) => !known.includes(key))
  if (known !== undefined && unknown !== undefined) {
    throw torchError('ERR_TORCH_OPTION', `${owner}: ${what}: ${unknownOption(unknown, known)}`, { op: owner })
  }
  return dict
}
