import { inspect } from 'node:util'
import { checkOptions, invalid, requireChoice, requireInteger } from '../check.ts'
import { noGrad, tidy } from './context.ts'
import { formatTensor, type PrintOptions } from './format.ts'
import { op } from './packet.ts'
import { extend, isTensor, receiverOf, type Tensor } from './tensor.ts'

const PROFILES = {
  default: { precision: 4, threshold: 1000, edgeItems: 3, lineWidth: 80, sciMode: null },
  short: { precision: 2, threshold: 1000, edgeItems: 2, lineWidth: 80, sciMode: null },
  full: { precision: 4, threshold: Number.POSITIVE_INFINITY, edgeItems: 3, lineWidth: 80, sciMode: null },
} as const satisfies Record<string, PrintOptions>

let current: PrintOptions = PROFILES.default

/**
 * Sets how tensors are printed in this environment. A `profile` first resets all options.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.set_printoptions.html
 */
export function setPrintOptions(options: Partial<PrintOptions> & { profile?: keyof typeof PROFILES }): void {
  checkOptions('setPrintOptions', options, ['precision', 'threshold', 'edgeItems', 'lineWidth', 'sciMode', 'profile'])
  const { profile, ...changes } = options
  if (profile !== undefined) {
    requireChoice('setPrintOptions', 'profile', profile, Object.keys(PROFILES) as (keyof typeof PROFILES)[])
  }
  for (const [name, least, most] of [
    ['precision', 0, 50],
    ['threshold', 0],
    ['edgeItems', 1],
    ['lineWidth', 1],
  ] as const) {
    const value = changes[name]
    if (value === undefined || (name === 'threshold' && value === Number.POSITIVE_INFINITY)) continue
    requireInteger('setPrintOptions', name, value, least, most)
  }
  const { sciMode = null } = changes
  if (sciMode !== null && typeof sciMode !== 'boolean') {
    throw invalid('setPrintOptions', 'sciMode', 'a boolean or null', sciMode)
  }
  current = { ...(profile === undefined ? current : PROFILES[profile]), ...changes }
}

/** The options that {@link setPrintOptions} sets. */
export function getPrintOptions(): PrintOptions {
  return { ...current }
}

/** Joins the edges of a tensor that is too large to print into one smaller tensor. */
function edges(tensor: Tensor, shape: readonly number[]): Tensor {
  const { edgeItems } = current
  return shape.reduce((rest, size, dim) => {
    if (size <= 2 * edgeItems) return rest
    const narrow = (start: number): unknown => op('aten::narrow')(rest, dim, start, edgeItems)
    return op('aten::cat')([narrow(0), narrow(size - edgeItems)], dim) as Tensor
  }, tensor)
}

/** The tensor in PyTorch's notation, with the current print options. */
function printTensor(tensor: Tensor): string {
  const { shape, dtype, device, requiresGrad, gradFn } = tensor
  // A meta tensor has no values, so only what follows from its shape can be printed.
  if (String(device) === 'meta') {
    return formatTensor({ shape, shown: shape, values: null, dtype, device, requiresGrad, gradFn }, current)
  }
  const large = shape.reduce((product, size) => product * size, 1) > current.threshold
  const { shown, values } = tidy(() =>
    noGrad(() => {
      const part = large ? edges(tensor, shape) : tensor
      const readable = dtype === 'float16' || dtype === 'bfloat16' ? part.to('float32') : part
      return { shown: part.shape, values: readable.toTypedArray() }
    }),
  )
  return formatTensor({ shape, shown, values, dtype, device, requiresGrad, gradFn }, current)
}

/** Methods that convert tensors to text. */
export class TensorPrinting {
  /** The tensor as PyTorch prints it. */
  toString(this: Tensor): string {
    return printTensor(receiverOf(this))
  }

  [inspect.custom](this: Tensor): string {
    if (!isTensor(this)) return 'Tensor {}'
    return this.disposed ? 'tensor(<disposed>)' : printTensor(this)
  }
}

extend(TensorPrinting)
