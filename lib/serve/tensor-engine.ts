import { invalid } from '../check.ts'
import { type TorchError, torchError } from '../errors.ts'
import { RecurrentModel } from '../models/model.ts'
import { RNNModel } from '../models/rnn.ts'
import type { Module } from '../nn/module.ts'
import { inferenceMode, offload, outside, tidy } from '../tensor/context.ts'
import { tensor } from '../tensor/creation.ts'
import type { DType } from '../tensor/dtype.ts'
import { type Device, isTensor, type Tensor } from '../tensor/tensor.ts'
import { deviceOf } from '../train/placement.ts'
import type { Engine, Sequence } from './engine.ts'
import { failureOf } from './failure.ts'
import { requireLength } from './input.ts'
import type { Settings } from './options.ts'
import { noToken, notFinite } from './problem.ts'

const OWNER = 'serve'

/** Sizes of what a model takes and gives. */
interface Sizes {
  readonly inputSize: number
  readonly numEmbeddings: number | null
  /** Of one row of an output: (outputSize), or (horizon, outputSize). */
  readonly outputShape: readonly number[]
  readonly perStep: boolean
}

/** How a model takes its input. */
interface Layout {
  readonly batchFirst: boolean
  readonly device: Device
  readonly dtype: DType
  /** Whether `forward` takes the lengths of the sequences; else only sequences of one length are computed together. */
  readonly takesLengths: boolean
}

/** h, or c of an LSTM: (layers, N, width) of a batch. */
interface StatePart {
  readonly layers: number
  readonly width: number
}

const product = (shape: readonly number[]): number => shape.reduce((all, size) => all * size, 1)

/**
 * An engine for any module whose `forward` takes a batch (L, N, I), or (N, L, I) if its `batchFirst` is not false, by
 * tensors and `offload`. `RecurrentModel`s take sequences of unequal lengths in one batch; of other modules, those of
 * one length are computed together.
 *
 * @param model in evaluation mode; it belongs to the engine
 * @throws {TorchError} if the sizes of the input are not known, or `forward` does not return a tensor of a batch.
 */
export async function tensorEngine(
  model: Module,
  { rejectNonFinite, input }: Pick<Settings, 'rejectNonFinite' | 'input'>,
): Promise<TensorEngine> {
  const layout = layoutOf(model)
  const sizes = model instanceof RecurrentModel ? sizesOf(model) : await probe(model, layout, input)
  const parts = obstacle(model) === undefined ? await statePartsOf(model as RecurrentModel, sizes, layout) : []
  return new TensorEngine(model, sizes, layout, parts, rejectNonFinite)
}

function layoutOf(model: Module): Layout {
  const batchFirst = (model as { batchFirst?: unknown }).batchFirst !== false
  const dtype = [...model.parameters()].find((parameter) => parameter.isFloatingPoint())?.dtype ?? 'float32'
  return { batchFirst, device: deviceOf(model), dtype, takesLengths: model instanceof RecurrentModel }
}

/** The parts of a model's state, from that after one step. */
async function statePartsOf(model: RecurrentModel, sizes: Sizes, layout: Layout): Promise<StatePart[]> {
  const after = await offload(() =>
    tidy(() =>
      inferenceMode(() => {
        const state = model.forwardWithState(inputOf([{ data: zerosOf(sizes, 1), steps: 1 }], sizes, layout))[1]
        return isTensor(state) ? [state] : [...(state as readonly Tensor[])]
      }),
    ),
  )
  return after.map((part) => {
    const [layers, , width] = part.shape as [number, number, number]
    part.dispose()
    return { layers, width }
  })
}

function sizesOf({ inputSize, outputSize, embedding, output, horizon }: RecurrentModel): Sizes {
  return {
    inputSize: embedding === null ? inputSize : 1,
    numEmbeddings: embedding?.numEmbeddings ?? null,
    outputShape: horizon === null ? [outputSize] : [horizon, outputSize],
    perStep: output === 'sequence',
  }
}

/** Learns the sizes of a module's output from what it returns for zeros of two lengths. */
async function probe(model: Module, layout: Layout, given: Settings['input']): Promise<Sizes> {
  const own = model as { inputSize?: unknown; numEmbeddings?: unknown }
  const numEmbeddings = given.numEmbeddings ?? own.numEmbeddings ?? null
  const inputSize = numEmbeddings === null ? (given.size ?? own.inputSize) : 1
  if (!Number.isInteger(inputSize) || (inputSize as number) < 1) {
    const { name } = model.constructor
    throw torchError(
      'ERR_TORCH_OPTION',
      `${OWNER}: ${name} does not say what it takes: give { input: { size } }, the number of features of a step, or { input: { numEmbeddings } }, the number of tokens`,
      { op: OWNER },
    )
  }
  const known = { inputSize: inputSize as number, numEmbeddings: numEmbeddings as number | null }
  if (given.steps !== undefined) requireLength(OWNER, given.steps, known.inputSize)
  // Unlike each other, and unlike the number of sequences.
  const lengths = given.steps === undefined ? [4, 5] : [given.steps]
  const samples = 3
  const shapes: (readonly number[])[] = []
  for (const steps of lengths) {
    const batch = Array.from({ length: samples }, () => ({ data: zerosOf(known, steps), steps }))
    const output = await offload(() => tidy(() => outputOf(model, inputOf(batch, known, layout))))
    shapes.push(output.shape)
    output.dispose()
  }
  const stepDim = layout.batchFirst ? 1 : 0
  // (N, L) could be rows of L outputs, unless it follows the length.
  const least = lengths.length === 1 ? 3 : 2
  const perStep = shapes.every(
    (shape, i) => shape.length >= least && shape[stepDim] === lengths[i] && shape[1 - stepDim] === samples,
  )
  const rows = shapes.map((shape) => shape.slice(perStep ? 2 : 1))
  const isBatch = perStep || shapes.every((shape) => shape[0] === samples)
  if (!isBatch || rows.some((row) => row.join() !== rows[0]?.join())) {
    const found = shapes.map((shape) => `(${shape.join(', ')})`).join(' and ')
    throw torchError(
      'ERR_TORCH_SHAPE',
      `${OWNER}: for ${samples} sequences of ${lengths.join(' and ')} steps ${model.constructor.name}.forward returns ${found}: it must have a row for each sequence, or for each step of each`,
      { op: OWNER, shapes },
    )
  }
  const [row = []] = rows
  return { ...known, outputShape: row.length === 0 ? [1] : row, perStep }
}

function zerosOf({ inputSize, numEmbeddings }: Pick<Sizes, 'inputSize' | 'numEmbeddings'>, steps: number) {
  return numEmbeddings === null ? new Float32Array(steps * inputSize) : new Int32Array(steps)
}

/** The sequences of a batch as one tensor, with zeros after the end of each. */
function inputOf(
  batch: readonly Sequence[],
  { inputSize, numEmbeddings }: Pick<Sizes, 'inputSize' | 'numEmbeddings'>,
  { batchFirst, device, dtype }: Layout,
): Tensor {
  const longest = batch.reduce((most, { steps }) => Math.max(most, steps), 0)
  const width = longest * inputSize
  const Values = numEmbeddings === null ? Float32Array : Int32Array
  const values = new Values(batch.length * width)
  for (const [i, { data }] of batch.entries()) values.set(data, i * width)
  const shape = [batch.length, longest, ...(numEmbeddings === null ? [inputSize] : [])]
  return tidy(() => {
    const made = tensor(values, { shape })
    return (batchFirst ? made : made.transpose(0, 1)).to({ device, dtype: numEmbeddings === null ? dtype : 'int64' })
  })
}

/** The output of a module, without the states that networks return beside it. */
function outputOf(model: Module, input: Tensor, lengths?: readonly number[]): Tensor {
  return tidy(() =>
    inferenceMode(() => {
      const options = lengths === undefined ? [] : [{ lengths }]
      const returned: unknown = (model.forward as (...args: unknown[]) => unknown).call(model, input, ...options)
      const output: unknown = Array.isArray(returned) ? returned[0] : returned
      if (isTensor(output) && !output.isComplex()) return output.to({ device: 'cpu', dtype: 'float32' })
      throw invalid(OWNER, `the output of ${model.constructor.name}.forward`, 'a Tensor of real numbers', output)
    }),
  )
}

/** Why a model cannot be stepped, or undefined. */
function obstacle(model: Module): string | undefined {
  if (!(model instanceof RecurrentModel)) return `a ${model.constructor.name} has no state that is known`
  if (model.network.bidirectional) return 'a bidirectional network reads its inputs from the end, too'
  if (model.output !== 'sequence' && model.output !== 'last')
    return `its output '${model.output}' is one over all steps`
  if (model.forward !== RecurrentModel.prototype.forward) {
    return `${model.constructor.name} overrides forward, which a step does not call`
  }
  const initial: unknown = Reflect.get(model, 'initialState')
  const known = [RecurrentModel, RNNModel].map((Class): unknown => Reflect.get(Class.prototype, 'initialState'))
  if (!known.includes(initial))
    return `${model.constructor.name} overrides initialState, and a session begins with zeros`
  return undefined
}

export class TensorEngine implements Engine {
  readonly inputSize: number
  readonly numEmbeddings: number | null
  readonly outputSize: number
  readonly perStep: boolean
  readonly stateSize: number | null
  /** Of one row of an output. */
  readonly outputShape: readonly number[]
  readonly #model: Module
  readonly #sizes: Sizes
  readonly #layout: Layout
  readonly #rejectNonFinite: boolean
  readonly #parts: readonly StatePart[]
  readonly #slots: (Float32Array | undefined)[] = []
  readonly #free: number[] = []
  readonly #running = new Set<Promise<unknown>>()

  constructor(model: Module, sizes: Sizes, layout: Layout, parts: readonly StatePart[], rejectNonFinite: boolean) {
    this.inputSize = sizes.inputSize
    this.numEmbeddings = sizes.numEmbeddings
    this.outputShape = sizes.outputShape
    this.outputSize = product(sizes.outputShape)
    this.perStep = sizes.perStep
    this.#model = model
    this.#sizes = sizes
    this.#layout = layout
    this.#rejectNonFinite = rejectNonFinite
    this.#parts = parts
    const numbers = parts.reduce((sum, { layers, width }) => sum + layers * width, 0)
    this.stateSize = numbers === 0 ? null : numbers
  }

  run(batch: readonly Sequence[]): Promise<readonly (Float32Array | TorchError)[]> {
    // A batch has requests of many callers: it belongs to none of their scopes.
    return outside(() => this.#tracked(this.#run(batch)))
  }

  async #run(batch: readonly Sequence[]): Promise<readonly (Float32Array | TorchError)[]> {
    const rows: (Float32Array | TorchError | undefined)[] = batch.map(({ data }) => this.#problemOf(data))
    const groups = new Map<number, number[]>()
    for (const [i, { steps }] of batch.entries()) {
      if (rows[i] !== undefined) continue
      const key = this.#layout.takesLengths ? 0 : steps
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [i])
      else group.push(i)
    }
    // Queued before this returns, so that all inputs are copied.
    const computed = [...groups.values()].map(async (group) => {
      const outputs = await this.#compute(group.map((i) => batch[i] as Sequence))
      for (const [k, i] of group.entries()) rows[i] = outputs[k]
    })
    await Promise.all(computed)
    return rows as (Float32Array | TorchError)[]
  }

  /** Outputs of sequences; if the batch fails, each is computed by itself, so that only those fail which must. */
  async #compute(sequences: readonly Sequence[]): Promise<readonly (Float32Array | TorchError)[]> {
    const copies = sequences.map(({ data, steps }) => ({ data, steps }))
    try {
      return await this.#forward(copies)
    } catch (error) {
      if (sequences.length === 1) return [failureOf('predict', error)]
    }
    const alone = await Promise.all(copies.map((sequence) => this.#compute([sequence])))
    return alone.flat()
  }

  async #forward(sequences: readonly Sequence[]): Promise<Float32Array[]> {
    const { batchFirst, takesLengths } = this.#layout
    const lengths = takesLengths ? sequences.map(({ steps }) => steps) : undefined
    const input = inputOf(sequences, this.#sizes, this.#layout)
    try {
      const output = await offload(() =>
        tidy(() => {
          const made = outputOf(this.#model, input, lengths)
          return this.perStep && !batchFirst ? made.transpose(0, 1).contiguous() : made
        }),
      )
      const { shape } = output
      const values = output.toTypedArray() as Float32Array
      output.dispose()
      this.#requireShape(shape, sequences)
      const stride = values.length / sequences.length
      return sequences.map(({ steps }, i) => {
        const length = this.outputSize * (this.perStep ? steps : 1)
        return values.slice(i * stride, i * stride + length)
      })
    } finally {
      input.dispose()
    }
  }

  /** @throws {TorchError} unless an output has the shape of those for zeros: else rows would be taken for those of others. */
  #requireShape(shape: readonly number[], sequences: readonly Sequence[]): void {
    const longest = sequences.reduce((most, { steps }) => Math.max(most, steps), 0)
    const rows = this.perStep ? [sequences.length, longest] : [sequences.length]
    const wanted = [...rows, ...this.outputShape]
    const isRight = shape.join() === wanted.join() || (this.outputSize === 1 && shape.join() === rows.join())
    if (isRight) return
    const name = this.#model.constructor.name
    const lengths = sequences.map(({ steps }) => steps).join(', ')
    throw torchError(
      'ERR_TORCH_SHAPE',
      `predict: for ${sequences.length} sequences of ${lengths} steps ${name}.forward returned (${shape.join(', ')}), not (${wanted.join(', ')}) as for others`,
      { op: 'predict', shapes: [shape, wanted] },
    )
  }

  /** Why a sequence or a sample cannot be computed. */
  #problemOf(data: Float32Array | Int32Array): TorchError | undefined {
    const { numEmbeddings } = this
    if (numEmbeddings !== null) {
      const wrong = (data as Int32Array).findIndex((token) => token < 0 || token >= numEmbeddings)
      return wrong < 0 ? undefined : noToken(wrong, numEmbeddings)
    }
    if (!this.#rejectNonFinite) return undefined
    for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return notFinite(i, this.inputSize)
    return undefined
  }

  openSlot(state?: Float32Array): number {
    const made = state?.slice() ?? new Float32Array(this.stateSize ?? 0)
    const slot = this.#free.pop() ?? this.#slots.length
    this.#slots[slot] = made
    return slot
  }

  closeSlot(slot: number): void {
    this.#slots[slot] = undefined
    this.#free.push(slot)
  }

  readSlot(slot: number): Float32Array {
    return (this.#slots[slot] as Float32Array).slice()
  }

  step(slots: Int32Array, x: Float32Array | Int32Array): Promise<{ y: Float32Array; failed: readonly number[] }> {
    return outside(() => this.#tracked(this.#step(slots, x)))
  }

  async #step(slots: Int32Array, x: Float32Array | Int32Array) {
    const { inputSize, outputSize } = this
    const failed: number[] = []
    const good: number[] = []
    for (let i = 0; i < slots.length; i++) {
      const sample = x.subarray(i * inputSize, (i + 1) * inputSize)
      ;(this.#problemOf(sample) === undefined ? good : failed).push(i)
    }
    const y = new Float32Array(slots.length * outputSize)
    if (good.length === 0) return { y, failed }
    const samples = good.map((i) => ({ data: x.slice(i * inputSize, (i + 1) * inputSize), steps: 1 }))
    const states = good.map((i) => this.#slots[slots[i] as number] as Float32Array)
    const { outputs, after } = await this.#stepped(samples, states)
    for (const [k, i] of good.entries()) {
      y.set(outputs.subarray(k * outputSize, (k + 1) * outputSize), i * outputSize)
      this.#scatter(after, good.length, k, states[k] as Float32Array)
    }
    return { y, failed }
  }

  async #stepped(samples: readonly Sequence[], states: readonly Float32Array[]) {
    const model = this.#model as RecurrentModel
    const given = [inputOf(samples, this.#sizes, this.#layout), ...this.#gather(states)]
    try {
      const made = await offload(() =>
        tidy(() =>
          inferenceMode(() => {
            const [input, ...parts] = given
            const state = (parts.length === 1 ? parts[0] : parts) as Tensor
            const [output, after] = model.forwardWithState(input as Tensor, { state })
            const all = [output, ...(isTensor(after) ? [after] : (after as readonly Tensor[]))]
            return all.map((part) => part.to({ device: 'cpu', dtype: 'float32' }).contiguous())
          }),
        ),
      )
      const [outputs, ...after] = made.map((part) => part.toTypedArray() as Float32Array)
      for (const part of made) part.dispose()
      return { outputs: outputs as Float32Array, after }
    } finally {
      for (const part of given) part.dispose()
    }
  }

  /** The states of sessions as the network takes them: (layers, N, width) of each part. */
  #gather(states: readonly Float32Array[]): Tensor[] {
    let start = 0
    return this.#parts.map(({ layers, width }) => {
      const values = new Float32Array(layers * states.length * width)
      for (let layer = 0; layer < layers; layer++, start += width) {
        for (const [k, state] of states.entries()) {
          values.set(state.subarray(start, start + width), (layer * states.length + k) * width)
        }
      }
      const { dtype, device } = this.#layout
      return tidy(() => tensor(values, { shape: [layers, states.length, width] }).to({ dtype, device }))
    })
  }

  /** Writes row `k` of new states, of `count` sessions, into the state of one. */
  #scatter(after: readonly Float32Array[], count: number, k: number, state: Float32Array): void {
    let start = 0
    for (const [p, { layers, width }] of this.#parts.entries()) {
      for (let layer = 0; layer < layers; layer++, start += width) {
        const row = (layer * count + k) * width
        state.set((after[p] as Float32Array).subarray(row, row + width), start)
      }
    }
  }

  async #tracked<T>(running: Promise<T>): Promise<T> {
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#running])
    this.#slots.length = 0
  }
}
