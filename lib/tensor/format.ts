import { type DType, isComplex, isFloatingPoint } from './dtype.ts'

export interface PrintOptions {
  /** Digits after the decimal point. Default 4. */
  precision: number
  /** Tensors with more elements are summarized. Default 1000. */
  threshold: number
  /** The number of elements shown at each end of a dimension in a summary. Default 3. */
  edgeItems: number
  /** Characters per line. Default 80. */
  lineWidth: number
  /** Scientific notation: always (`true`), never (`false`), or depending on the magnitudes (`null`, the default). */
  sciMode: boolean | null
}

/** The part of a tensor to be printed: all of it, or its edges. */
export interface Printable {
  /** The shape of the whole tensor. */
  shape: readonly number[]
  /** The shape of `values`. */
  shown: readonly number[]
  /**
   * Row-major; a complex element is its real part followed by its imaginary part. `null` if the values cannot be shown.
   */
  values: ArrayLike<number | bigint> | null
  dtype: DType
  device: string
  requiresGrad: boolean
  gradFn: string | null
}

type Readable = Printable & { values: ArrayLike<number | bigint> }

/** Rounds halves to even, like C's printf; JavaScript rounds them up. */
function halfEven(text: string, long: string, precision: number, down: () => string): string {
  const point = long.indexOf('.')
  const rest = long.slice(point + 1 + precision).replace(/e.*$/, '')
  if (!/^50*$/.test(rest)) return text
  const last = Number(precision === 0 ? long[point - 1] : long[point + precision])
  return last % 2 === 0 ? down() : text
}

function nonFinite(value: number): string {
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
}

/** Python's `f'{value:.{precision}f}'` */
export function fixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return nonFinite(value)
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const size = Math.abs(value)
  if (size >= 1e21) return sign + BigInt(size) + (precision > 0 ? `.${'0'.repeat(precision)}` : '')
  const long = size.toFixed(60)
  return (
    sign +
    halfEven(size.toFixed(precision), long, precision, () => {
      const kept = long.slice(0, long.indexOf('.') + (precision > 0 ? 1 + precision : 0))
      return kept
    })
  )
}

/** Python's `f'{value:.{precision}e}'` */
export function exponential(value: number, precision: number): string {
  if (!Number.isFinite(value)) return nonFinite(value)
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const size = Math.abs(value)
  const long = size.toExponential(60)
  const text = halfEven(size.toExponential(precision), long, precision, () => {
    const exponent = long.slice(long.indexOf('e'))
    return long.slice(0, precision > 0 ? 2 + precision : 1) + exponent
  })
  return sign + text.replace(/e([+-])(\d)$/, 'e$10$2')
}

type Formatter = { width: number; format(value: number | bigint): string }

/** A formatter with the same width and notation for all elements. */
function formatterOf(
  values: readonly (number | bigint)[],
  floating: boolean,
  dtype: DType,
  options: PrintOptions,
): Formatter {
  const padded = (width: number, text: (value: number | bigint) => string): Formatter => ({
    width,
    format: (value) => text(value).padStart(width),
  })
  const widest = (texts: readonly string[]): number => texts.reduce((width, text) => Math.max(width, text.length), 1)
  if (!floating) {
    const text = (value: number | bigint): string => (dtype === 'bool' ? (value ? 'True' : 'False') : String(value))
    return padded(widest(values.map(text)), text)
  }
  const { precision } = options
  const finite = (values as readonly number[]).filter((value) => Number.isFinite(value) && value !== 0)
  const sizes = finite.map(Math.abs)
  const greatest = sizes.reduce((a, b) => Math.max(a, b), 0)
  const least = sizes.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const whole = finite.every(Number.isInteger)
  const uneven = greatest / least > 1000 || greatest > 1e8 || least < 1e-4
  const scientific = finite.length > 0 && (options.sciMode ?? uneven)
  if (scientific) {
    const text = (value: number | bigint): string => exponential(value as number, precision)
    return padded(widest(finite.map(text)), text)
  }
  if (whole) {
    const text = (value: number | bigint): string =>
      fixed(value as number, 0) + (Number.isFinite(value as number) ? '.' : '')
    return padded(widest(finite.map(text)), text)
  }
  const text = (value: number | bigint): string => fixed(value as number, precision)
  return padded(widest(finite.map(text)), text)
}

/** Writes the elements from the innermost dimension outwards. */
class Layout {
  readonly #source: Readable
  readonly #options: PrintOptions
  readonly #element: (index: number) => string
  readonly #width: number
  readonly #summarize: boolean

  constructor(source: Readable, options: PrintOptions) {
    this.#source = source
    this.#options = options
    this.#summarize = source.shape.reduce((product, size) => product * size, 1) > options.threshold
    const values = Array.from(source.values)
    if (isComplex(source.dtype)) {
      const part = (offset: number): Formatter =>
        formatterOf(
          values.filter((_, index) => index % 2 === offset),
          true,
          source.dtype,
          options,
        )
      const [real, imaginary] = [part(0), part(1)]
      this.#width = real.width + imaginary.width + 3
      this.#element = (index) => {
        const tail = `${imaginary.format(values[2 * index + 1] as number)}j`.trimStart()
        return real.format(values[2 * index] as number) + (/^[+-]/.test(tail) ? tail : `+${tail}`)
      }
    } else {
      const formatter = formatterOf(values, isFloatingPoint(source.dtype), source.dtype, options)
      this.#width = formatter.width + 2
      this.#element = (index) => formatter.format(values[index] as number)
    }
  }

  #cut(dim: number): boolean {
    return this.#summarize && (this.#source.shape[dim] as number) > 2 * this.#options.edgeItems
  }

  write(dim: number, offset: number, indent: number): string {
    const { shown } = this.#source
    if (shown.length === 0) return this.#element(offset)
    const size = shown[dim] as number
    const positions = Array.from({ length: size }, (_, i) => i)
    const { edgeItems, lineWidth } = this.#options
    if (dim === shown.length - 1) {
      const data = positions.map((i) => this.#element(offset + i))
      if (this.#cut(dim)) data.splice(edgeItems, 0, ' ...')
      const perLine = Math.max(1, Math.floor((lineWidth - indent) / this.#width))
      const lines: string[] = []
      for (let i = 0; i < data.length; i += perLine) lines.push(data.slice(i, i + perLine).join(', '))
      return `[${lines.join(`,\n${' '.repeat(indent + 1)}`)}]`
    }
    const stride = shown.slice(dim + 1).reduce((product, length) => product * length, 1)
    const slices = positions.map((i) => this.write(dim + 1, offset + i * stride, indent + 1))
    if (this.#cut(dim)) slices.splice(edgeItems, 0, '...')
    return `[${slices.join(`,${'\n'.repeat(shown.length - dim - 1)}${' '.repeat(indent + 1)}`)}]`
  }
}

function suffixesOf(source: Printable, empty: boolean): string[] {
  const { shape, dtype, device, gradFn, requiresGrad } = source
  const suffixes: string[] = []
  if (device !== 'cpu') suffixes.push(`device='${device}'`)
  if (source.values === null || (empty && shape.length !== 1)) {
    suffixes.push(`size=(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`)
  }
  const usual = empty || source.values === null ? ['float32'] : ['float32', 'complex64', 'int64', 'bool']
  if (!usual.includes(dtype)) suffixes.push(`dtype=torch.${dtype}`)
  if (gradFn !== null) suffixes.push(`grad_fn=<${gradFn}>`)
  else if (requiresGrad) suffixes.push('requires_grad=True')
  return suffixes
}

/** A tensor in PyTorch's notation. */
export function formatTensor(source: Printable, options: PrintOptions): string {
  const prefix = 'tensor('
  const indent = prefix.length
  const empty = source.shape.includes(0)
  const { values } = source
  const elements = (): string =>
    values === null ? '...' : new Layout({ ...source, values }, options).write(0, 0, indent)
  const text = prefix + (empty && values !== null ? '[]' : elements())
  let result = text
  let column = text.length - text.lastIndexOf('\n') + 1
  for (const suffix of suffixesOf(source, empty)) {
    if (column + suffix.length + 2 > options.lineWidth) {
      result += `,\n${' '.repeat(indent)}${suffix}`
      column = indent + suffix.length
    } else {
      result += `, ${suffix}`
      column += suffix.length + 2
    }
  }
  return `${result})`
}
