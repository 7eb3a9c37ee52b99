import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { tidy } from '../tensor/context.ts'
import { empty } from '../tensor/creation.ts'
import { tensorOp } from '../tensor/packet.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { requireInteger } from './check.ts'
import { type FactoryOptions, factoryOf } from './factory.ts'
import { type Conv1dSettings, conv1d } from './functional/conv.ts'
import { kaimingUniform_, uniform_ } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

const PADDING_MODES = ['zeros', 'reflect', 'replicate', 'circular'] as const

/** What a convolution finds beyond the ends of its input. */
export type PaddingMode = (typeof PADDING_MODES)[number]

export interface Conv1dOptions extends FactoryOptions, Conv1dSettings {
  /** Whether to learn an additive bias. Default `true`. */
  bias?: boolean
  /** What padding is made of. Default `'zeros'`. */
  paddingMode?: PaddingMode
}

const pad = tensorOp('aten::pad')

/**
 * Cross-correlation of sequences: (N, inChannels, L) -> (N, outChannels, L'), or without N, with
 * L' = ⌊(L + 2 padding - dilation (K - 1) - 1) / stride⌋ + 1. `weight` is (outChannels, inChannels / groups, K) for a
 * kernel of size K, `bias` (outChannels), both uniform from ±1/√(K inChannels / groups) at first.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv1d.html
 */
export class Conv1d extends Module {
  readonly inChannels: number
  readonly outChannels: number
  readonly kernelSize: number
  readonly stride: number
  readonly padding: number | 'same' | 'valid'
  readonly dilation: number
  readonly groups: number
  readonly paddingMode: PaddingMode
  weight: Parameter
  bias: Parameter | null

  constructor(inChannels: number, outChannels: number, kernelSize: number, options: Conv1dOptions = {}) {
    super()
    checkOptions('Conv1d', options, [
      'stride',
      'padding',
      'dilation',
      'groups',
      'bias',
      'paddingMode',
      'device',
      'dtype',
    ])
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, paddingMode = 'zeros' } = options
    const factory = factoryOf(options)
    if (!(groups > 0)) throw torchError('ERR_TORCH_VALUE', 'groups must be a positive integer', { op: 'Conv1d' })
    for (const [name, size] of Object.entries({ kernelSize, stride, dilation, groups })) {
      requireInteger('Conv1d', name, size, 1)
    }
    for (const [name, size] of Object.entries({ inChannels, outChannels })) requireInteger('Conv1d', name, size, 0)
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.kernelSize = kernelSize
    this.stride = stride
    this.padding = padding
    this.dilation = dilation
    this.groups = groups
    this.paddingMode = paddingMode
    this.#check()
    this.weight = new Parameter(empty([outChannels, inChannels / groups, kernelSize], factory))
    this.bias = bias ? new Parameter(empty([outChannels], factory)) : null
    this.resetParameters()
  }

  #check(): void {
    const refuse = (message: string): never => {
      throw torchError('ERR_TORCH_VALUE', message, { op: 'Conv1d' })
    }
    const { padding, paddingMode } = this
    if (this.inChannels % this.groups !== 0) refuse('inChannels must be divisible by groups')
    if (this.outChannels % this.groups !== 0) refuse('outChannels must be divisible by groups')
    if (typeof padding !== 'string') requireInteger('Conv1d', 'padding', padding, 0)
    else if (!['same', 'valid'].includes(padding)) {
      refuse(`Invalid padding string ${describe(padding)}, should be one of 'same', 'valid'`)
    } else if (padding === 'same' && this.stride !== 1) {
      refuse("padding='same' is not supported for strided convolutions")
    }
    if (!PADDING_MODES.includes(paddingMode)) {
      refuse(
        `paddingMode must be one of ${PADDING_MODES.map((mode) => `'${mode}'`).join(', ')}, but got paddingMode=${describe(paddingMode)}`,
      )
    }
  }

  /** Draws weights and biases anew, from the distribution that PyTorch uses. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) })
    if (this.bias === null) return
    const fanIn = (this.inChannels / this.groups) * this.kernelSize
    const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0
    uniform_(this.bias, -bound, bound)
  }

  /** How much goes before and after the input, where it is padded by an operation of its own. */
  get #border(): [left: number, right: number] {
    if (this.padding === 'valid') return [0, 0]
    if (this.padding !== 'same') return [this.padding, this.padding]
    const total = this.dilation * (this.kernelSize - 1)
    return [Math.floor(total / 2), Math.ceil(total / 2)]
  }

  override forward(input: Tensor): Tensor {
    const { stride, padding, dilation, groups, paddingMode, weight, bias } = this
    if (paddingMode === 'zeros') return conv1d(input, weight, bias, { stride, padding, dilation, groups })
    return tidy(() => {
      const padded = pad(input, this.#border, paddingMode)
      return conv1d(padded, weight, bias, { stride, dilation, groups })
    })
  }

  protected override extraRepr(): string {
    const { padding } = this
    return [
      `${this.inChannels}, ${this.outChannels}, kernel_size=(${this.kernelSize},), stride=(${this.stride},)`,
      ...(padding === 0 ? [] : [`padding=${typeof padding === 'string' ? padding : `(${padding},)`}`]),
      ...(this.dilation === 1 ? [] : [`dilation=(${this.dilation},)`]),
      ...(this.groups === 1 ? [] : [`groups=${this.groups}`]),
      ...(this.bias === null ? ['bias=False'] : []),
      ...(this.paddingMode === 'zeros' ? [] : [`padding_mode=${this.paddingMode}`]),
    ].join(', ')
  }
}
