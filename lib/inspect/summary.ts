import { isArrayOf } from '../array.ts'
import { checkOptions, invalid } from '../check.ts'
import { describe } from '../describe.ts'
import { evaluating } from '../nn/evaluating.ts'
import { Module } from '../nn/module.ts'
import { PackedSequence } from '../nn/utils/rnn.ts'
import { inferenceMode, tidy } from '../tensor/context.ts'
import { zeros } from '../tensor/creation.ts'
import { type DType, isFloatingPoint } from '../tensor/dtype.ts'
import { isTensor } from '../tensor/tensor.ts'

export interface SummaryOptions {
  /** The shape of an input, such as `[10, 1, 8]`, to show the shape of each output. Default: no shapes are shown. */
  inputSize?: readonly number[]
  /** The dtype of that input: `'int64'` for tokens. Default: that of the parameters, or float32 without any. */
  dtype?: DType
}

/** One line of the table. */
interface Row {
  name: string
  kind: string
  shape: string
  /** The number of parameters of the module itself, without those of its children. */
  parameters: string
}

/**
 * A table of the modules in a model: names, classes, the number of parameters that each has itself, and with `inputSize`
 * the shapes of their outputs, as Keras' `model.summary()` prints it. A shared parameter is counted where it comes
 * first.
 *
 * For the shapes, the model runs once on zeros, in evaluation mode. Of several outputs of one module, as in a list, all
 * shapes are shown; of a module that runs several times, the last; of one that does not run, `-`.
 *
 * @example console.log(summary(new LSTMModel(8, 16, 2), { inputSize: [10, 1, 8] }))
 * @throws {TorchError} if `model` is not a module, or its `forward` refuses an input of that size.
 */
export function summary(model: Module, options: SummaryOptions = {}, ...none: undefined[]): string {
  if (!(model instanceof Module)) throw invalid('summary', 'model', 'a Module', model)
  checkOptions('summary', options, ['inputSize', 'dtype'], none)
  const { inputSize, dtype } = options
  if (inputSize !== undefined && !isArrayOf(inputSize, (size) => Number.isSafeInteger(size) && (size as number) >= 0)) {
    throw invalid('summary', 'inputSize', 'an array of non-negative integers', inputSize)
  }
  if (dtype !== undefined && inputSize === undefined) {
    throw invalid('summary', 'inputSize', 'given with dtype', inputSize)
  }
  const shapes = inputSize === undefined ? undefined : shapesOf(model, inputSize, dtype)
  const parameters = [...model.namedParameters()]
  const rows = [...model.namedModules()].map(([name, module]): Row => {
    const own = parameters.filter(([path]) => path.slice(0, Math.max(path.lastIndexOf('.'), 0)) === name)
    const count = own.reduce((sum, [, parameter]) => sum + parameter.numel, 0)
    return {
      name: name === '' ? '(model)' : name,
      kind: module.constructor.name,
      shape: shapes?.get(module) ?? '-',
      parameters: count === 0 ? '-' : grouped(count),
    }
  })
  const all = model.countParameters()
  const trainable = model.countParameters({ trainable: true })
  const bytes = parameters.reduce((sum, [, parameter]) => sum + parameter.numel * parameter.elementSize(), 0)
  const header: Row = { name: 'Module', kind: 'Class', shape: 'Output', parameters: 'Parameters' }
  const columns = (['name', 'kind', 'shape', 'parameters'] as const).filter((key) => key !== 'shape' || shapes)
  const widths = columns.map((key) => Math.max(...[header, ...rows].map((row) => row[key].length)))
  const line = (row: Row): string =>
    columns
      .map((key, i) => (key === 'parameters' ? row[key].padStart(widths[i] ?? 0) : row[key].padEnd(widths[i] ?? 0)))
      .join('  ')
  const rule = '-'.repeat(line(header).length)
  return [
    line(header),
    rule,
    ...rows.map(line),
    rule,
    `${grouped(all)} parameters (${sizeOf(bytes)}), ${grouped(trainable)} of them trainable`,
  ].join('\n')
}

/** The shape of each module's last output. */
function shapesOf(model: Module, size: readonly number[], wanted: DType | undefined): Map<Module, string> {
  const shapes = new Map<Module, string>()
  const handles = [...model.modules()].map((module) =>
    module.registerForwardHook((_, __, output) => void shapes.set(module, shapeOf(output))),
  )
  const [first] = model.parameters()
  const dtype = wanted ?? (first !== undefined && isFloatingPoint(first.dtype) ? first.dtype : 'float32')
  try {
    evaluating(model, () =>
      inferenceMode(() =>
        tidy(() => {
          const input = zeros(size, { dtype, device: first?.device ?? 'cpu' })
          ;(model.forward as (input: unknown) => unknown).call(model, input)
        }),
      ),
    )
  } finally {
    for (const handle of handles) handle.remove()
  }
  return shapes
}

function shapeOf(output: unknown): string {
  if (isTensor(output)) return `(${output.shape.join(', ')})`
  if (output instanceof PackedSequence) return `packed ${shapeOf(output.data)}`
  if (Array.isArray(output)) return `[${output.map(shapeOf).join(', ')}]`
  return describe(output)
}

/** 1,234,567 */
function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

function sizeOf(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB']
  let unit = 0
  let size = bytes
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`
}
