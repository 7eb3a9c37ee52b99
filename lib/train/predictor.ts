import { torchError } from '../errors.ts'
import { evaluating } from '../nn/evaluating.ts'
import { inferenceMode, offload, tidy } from '../tensor/context.ts'
import { tensor, zeros } from '../tensor/creation.ts'
import { functions } from '../tensor/methods.ts'
import { type Device, requireTensor, type Tensor } from '../tensor/tensor.ts'
import { type Cut, cutOf } from './cut.ts'
import { Feed, moved } from './feed.ts'
import { type Graphs, signatureOf } from './graph.ts'
import { hasSamplesFirst } from './layout.ts'
import { onDevice } from './placement.ts'
import type { Source } from './source.ts'
import type { Step, TrainableModel } from './step.ts'

export interface PredictOptions {
  /**
   * How many samples to compute at a time. Default: the larger of the trainer's `batchSize` and 256, for a model with a
   * `batchFirst` property, such as those of `libtorch-rnn/models`; all at once for any other model. Inputs with fewer
   * than 3 dimensions are one sequence or rows: they are cut only if `batchSize` is given. A dataset is always cut; a
   * loader makes its own batches.
   */
  batchSize?: number
  /**
   * Capture the model once for each input shape, and replay it. Only for a tensor of inputs. Default: whether the
   * trainer's option is `true`.
   */
  cudaGraph?: boolean
}

export interface PredictorOptions {
  model: TrainableModel
  step: Step
  /** The batch size of the training. */
  batchSize: number
  /** The device of the model, after moving it there if needed. */
  place(): Device
  /** Whether inputs have to be moved to the device. */
  moves(device: Device): boolean
  /** Makes graphs to run a model with, if possible. */
  makeGraphs(device: Device): ((queue: <T>(fn: () => T) => Promise<T>) => Graphs) | undefined
}

/** Computes a model's outputs in evaluation mode. */
export class Predictor {
  readonly #options: PredictorOptions
  #graphs: { device: Device; graphs: Graphs } | undefined

  constructor(options: PredictorOptions) {
    this.#options = options
  }

  async predict(inputs: Tensor, batchSize: number | undefined, cudaGraph: boolean): Promise<Tensor> {
    const cut = this.#cut(inputs, batchSize)
    if (cut === undefined) return await this.#compute(inputs, cudaGraph)
    return await tidy(async () => {
      const outputs: Tensor[] = []
      for (const part of cut.parts) {
        outputs.push(await this.#compute(await offload(() => part(inputs)), cudaGraph))
        if (!cut.fits(outputs)) return await this.#compute(inputs, cudaGraph)
      }
      return await offload(() => inferenceMode(() => cut.join(outputs)))
    })
  }

  predictSync(inputs: Tensor, batchSize: number | undefined): Tensor {
    const cut = this.#cut(inputs, batchSize)
    const device = this.#options.place()
    const compute = (part: Tensor): Tensor => onDevice(device, () => this.#run(part, device))
    if (cut === undefined) return compute(inputs)
    return tidy(() => {
      const outputs: Tensor[] = []
      for (const part of cut.parts) {
        outputs.push(tidy(() => compute(part(inputs))))
        if (!cut.fits(outputs)) return compute(inputs)
      }
      return inferenceMode(() => cut.join(outputs))
    })
  }

  /** The outputs for all batches, joined along the samples, in the order of the dataset if there is one, on the CPU. */
  async predictBatches(source: Source): Promise<Tensor> {
    const { step, place, moves } = this.#options
    const device = place()
    return await tidy(async () => {
      const feed = new Feed(source, { device: moves(device) ? device : undefined, ahead: device !== 'cpu' })
      const outputs: Tensor[] = []
      const indices: number[] = []
      try {
        for (let ready = await feed.next(); ready !== undefined; ready = await feed.next()) {
          const { plan, take } = ready
          const run = (): Tensor => tidy(() => inferenceMode(() => step.output(take(), device).to({ device: 'cpu' })))
          const running = onDevice(device, () => offload(run))
          feed.prepare()
          try {
            outputs.push(this.#requireSamples(await running, plan.size))
            for (const index of plan.indices ?? []) indices.push(index)
          } finally {
            ready.dispose()
          }
        }
      } finally {
        await feed.close()
      }
      if (outputs.length === 0) throw torchError('ERR_TORCH_VALUE', 'predict: the data has no batches')
      const rows = rowsInOrder(indices)
      return await offload(() => inferenceMode(() => tidy(() => this.#joined(outputs, rows))))
    })
  }

  /** Where the samples of an output are. */
  #dimOf({ ndim }: Tensor): 0 | 1 {
    const { model } = this.#options
    return (model.batchFirst ?? true) || ndim < 3 || hasSamplesFirst(model) ? 0 : 1
  }

  #requireSamples(output: Tensor, size: number): Tensor {
    if (output.shape[this.#dimOf(output)] === size) return output
    throw torchError(
      'ERR_TORCH_SHAPE',
      `predict: for ${size} samples the model returns an output of shape (${output.shape.join(', ')}), which has no dimension for the samples`,
    )
  }

  /**
   * Outputs for each step of sequences of different lengths are continued with zeros, as those within a batch.
   *
   * @param rows where the output of each sample is, if not in their order
   */
  #joined(outputs: readonly Tensor[], rows: readonly number[] | undefined): Tensor {
    const [first] = outputs as [Tensor]
    const dim = this.#dimOf(first)
    const joined = this.#continued(outputs, dim)
    return rows === undefined ? joined : functions.indexSelect(joined, dim, tensor(rows, { dtype: 'int64' }))
  }

  #continued(outputs: readonly Tensor[], dim: 0 | 1): Tensor {
    const [first] = outputs as [Tensor]
    const steps = 1 - dim
    if (first.ndim < 3) return functions.cat([...outputs], dim)
    const longest = Math.max(...outputs.map((output) => output.size(steps)))
    const filled = outputs.map((output) => {
      const missing = longest - output.size(steps)
      if (missing === 0) return output
      const shape = output.shape.map((size, i) => (i === steps ? missing : size))
      return functions.cat([output, zeros(shape, { dtype: output.dtype })], steps)
    })
    return functions.cat(filled, dim)
  }

  #cut(inputs: unknown, batchSize: number | undefined): Cut | undefined {
    requireTensor('predict', 'inputs', inputs)
    const { model, batchSize: usual } = this.#options
    return cutOf(inputs, {
      batchFirst: model.batchFirst,
      samplesFirst: hasSamplesFirst(model),
      wanted: batchSize,
      usual,
    })
  }

  async #compute(inputs: Tensor, cudaGraph: boolean): Promise<Tensor> {
    const { model, step, place } = this.#options
    const device = place()
    const graphs = cudaGraph ? this.#graphsOn(device) : undefined
    if (graphs === undefined) return onDevice(device, () => offload(() => this.#run(inputs, device)))
    return graphs.run([inputs], {
      run: ([input]) => step.predict(moved(input as Tensor, device), device),
      finish: (output, fromGraph) => inferenceMode(() => output.to({ device: inputs.device, copy: fromGraph })),
      signature: evaluating(model, () => signatureOf([model])),
    })
  }

  #run(inputs: Tensor, device: Device): Tensor {
    const { step, moves } = this.#options
    if (!moves(device)) return tidy(() => step.predict(inputs, device))
    return tidy(() => step.predict(moved(inputs, device), device).to({ device: inputs.device }))
  }

  #graphsOn(device: Device): Graphs | undefined {
    if (this.#graphs?.device === device) return this.#graphs.graphs
    this.#graphs?.graphs.dispose()
    const graphs = this.#options.makeGraphs(device)?.((fn) => onDevice(device, () => offload(() => tidy(fn))))
    this.#graphs = graphs && { device, graphs }
    return graphs
  }
}

/**
 * Where the outputs of samples 0, 1, 2, … are among those of the samples with these indices; `undefined` if in that
 * order.
 *
 * @throws {TorchError} if a sample is left out or drawn twice.
 */
function rowsInOrder(indices: readonly number[]): number[] | undefined {
  if (indices.every((index, row) => index === row)) return undefined
  const rows: number[] = []
  const twice = indices.find((index, row) => {
    const known = rows[index] !== undefined
    rows[index] = row
    return known
  })
  const missing = indices.findIndex((_, i) => rows[i] === undefined)
  if (twice === undefined && missing === -1) return rows
  throw torchError(
    'ERR_TORCH_OPTION',
    `predict: the loader ${twice === undefined ? `leaves out sample ${missing}` : `draws sample ${twice} twice`}, so row i would not be the output of sample i: give it a Subset of the dataset instead of a sampler`,
  )
}
