import { requireNone, requireNumber } from '../check.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { requireTensor, type Tensor } from '../tensor/tensor.ts'
import { BLANK, blankOf } from './clone.ts'
import { type PadMode, pad } from './functional/pad.ts'
import { Module } from './module.ts'
import { python } from './repr.ts'

/** The padding before and after a sequence, or one number for both. Negative widths remove elements. */
export type Padding1d = number | readonly [left: number, right: number]

/** Pads the last dimension. */
abstract class Pad1d extends Module {
  /** The padding before and after the sequence. */
  readonly padding: readonly [left: number, right: number]
  readonly #mode: PadMode

  constructor(mode: PadMode, padding: Padding1d, none: readonly unknown[]) {
    super()
    const { name } = new.target
    requireNone(name, none)
    const widths: unknown[] = Array.isArray(padding) ? padding : [padding, padding]
    if (widths.length !== 2 || !widths.every(Number.isSafeInteger)) {
      const message = `${name}: padding must be an integer, or an array of 2, got ${describe(padding)}`
      throw torchError('ERR_TORCH_VALUE', message, { op: name })
    }
    this.padding = widths as [number, number]
    this.#mode = mode
  }

  /** @internal */
  static override [BLANK](source: Pad1d): object {
    return blankOf(Pad1d, [source.#mode, source.padding, []], source)
  }

  /** @param input (N, C, L), or (C, L) without a batch */
  override forward(input: Tensor): Tensor {
    return pad(input, this.padding, { mode: this.#mode })
  }

  protected override extraRepr(): string {
    return python(this.padding)
  }
}

/**
 * Pads sequences with `value`: (…, L) -> (…, L + left + right).
 *
 * @example new nn.ConstantPad1d([2, 0], -1).forward(torch.ones([1, 1, 2])) // [[[-1, -1, 1, 1]]]
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ConstantPad1d.html
 */
export class ConstantPad1d extends Pad1d {
  /** The padding value. */
  readonly value: number

  constructor(padding: Padding1d, value: number, ...none: never[]) {
    super('constant', padding, none)
    requireNumber(new.target.name, 'value', value)
    this.value = value
  }

  override forward(input: Tensor): Tensor {
    return pad(input, this.padding, { value: this.value })
  }

  protected override extraRepr(): string {
    return `padding=${super.extraRepr()}, value=${this.value}`
  }
}

/**
 * Pads sequences with zeros: (…, L) -> (…, L + left + right).
 *
 * @example new nn.ZeroPad1d([2, 0]).forward(torch.ones([1, 1, 2])) // [[[0, 0, 1, 1]]]
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ZeroPad1d.html
 */
export class ZeroPad1d extends ConstantPad1d {
  constructor(padding: Padding1d, ...none: never[]) {
    super(padding, 0, ...none)
  }

  protected override extraRepr(): string {
    return python(this.padding)
  }
}

/**
 * Pads sequences by reflection at their ends, without repeating the end elements:
 * (N, C, L) -> (N, C, L + left + right), or without N.
 *
 * @example new nn.ReflectionPad1d(2).forward(torch.tensor([[1, 2, 3]])) // [[3, 2, 1, 2, 3, 2, 1]]
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ReflectionPad1d.html
 */
export class ReflectionPad1d extends Pad1d {
  constructor(padding: Padding1d, ...none: never[]) {
    super('reflect', padding, none)
  }
}

/**
 * Pads sequences by repeating their end elements: (N, C, L) -> (N, C, L + left + right), or without N.
 *
 * @example new nn.ReplicationPad1d(2).forward(torch.tensor([[1, 2, 3]])) // [[1, 1, 1, 2, 3, 3, 3]]
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ReplicationPad1d.html
 */
export class ReplicationPad1d extends Pad1d {
  constructor(padding: Padding1d, ...none: never[]) {
    super('replicate', padding, none)
  }
}

/**
 * Pads sequences with elements from the other end: (N, C, L) -> (N, C, L + left + right), or without N.
 *
 * @example new nn.CircularPad1d(2).forward(torch.tensor([[1, 2, 3]])) // [[2, 3, 1, 2, 3, 1, 2]]
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.CircularPad1d.html
 */
export class CircularPad1d extends Pad1d {
  constructor(padding: Padding1d, ...none: never[]) {
    super('circular', padding, none)
  }

  override forward(input: Tensor): Tensor {
    requireTensor('CircularPad1d', 'input', input)
    const { ndim } = input
    if (ndim === 2 || ndim === 3) return super.forward(input)
    throw torchError('ERR_TORCH_VALUE', `expected 2D or 3D input (got ${ndim}D input)`, { op: 'CircularPad1d' })
  }
}
