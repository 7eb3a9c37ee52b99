import { separated } from '../data/series/difference.ts'
import type { Layout } from '../data/series/frame.ts'
import { torchError } from '../errors.ts'
import { RecurrentModel } from '../models/model.ts'
import { evaluating } from '../nn/evaluating.ts'
import { inferenceMode, offload, tidy } from '../tensor/context.ts'
import { functions } from '../tensor/methods.ts'
import { isTensor, type Tensor } from '../tensor/tensor.ts'
import type { StatefulModel } from '../train/carry.ts'
import { deviceOf } from '../train/placement.ts'
import type { TrainableModel } from '../train/step.ts'
import type { Reading } from './head.ts'

/** What a model needs to go on from its own forecasts. */
export interface Continuation {
  readonly layout: Layout
  /** Targets are what their values add to those so many steps before the horizon; undefined if they are the values. */
  readonly difference: number | undefined
  /**
   * The features of inputs at the first `steps` steps after the window, (N, steps, I); those of the targets do not count.
   * `horizon`: how many steps the model forecasts at a time.
   */
  features(steps: number, horizon: number): Tensor
}

type State = Tensor | readonly Tensor[]

/**
 * The outputs of a model for the `steps` steps after its inputs, in evaluation mode, off the main thread: (N, steps, K).
 * A model that forecasts fewer steps at a time goes on from its state, and reads its own forecasts as the inputs of the
 * steps that it has forecast.
 *
 * @param input (N, L, I)
 * @param steps Default: as many as the model forecasts at a time.
 */
export async function roll(
  owner: string,
  model: TrainableModel,
  input: Tensor,
  { steps, reading, continuation }: { steps: number | undefined; reading: Reading; continuation: Continuation },
): Promise<Tensor> {
  const device = deviceOf(model)
  const run = <T>(fn: () => T): Promise<T> => offload(() => tidy(() => evaluating(model, () => inferenceMode(fn))))
  return await tidy(async () => {
    const first = await run(() =>
      stepsOf(owner, model, model.forward(laidOut(model, input.to({ device }))), input.size(0)),
    )
    const horizon = first.size(1)
    const wanted = steps ?? horizon
    if (wanted <= horizon) return first.narrow(1, 0, wanted)
    requireRecursion(owner, model, horizon, wanted)
    const { difference } = continuation
    if (difference !== undefined && !reading.isPoint) throw unknownSums(owner, horizon, wanted)
    const times = Math.ceil(wanted / horizon)
    const future = continuation.features((times - 1) * horizon, horizon).to({ device })
    const outputs: Tensor[] = []
    let state: State | undefined
    for (let i = 0; i < times; i++) {
      const before = state
      const [output, after] = await run((): [Tensor, State] => {
        const last = outputs.at(-1)
        const read =
          last === undefined
            ? input.to({ device })
            : fedBack(
                future.narrow(1, (i - 1) * horizon, horizon),
                fed(outputs, horizon, { reading, difference }),
                continuation.layout,
              )
        const options = before === undefined ? {} : { state: before }
        const [made, next] = (model as unknown as StatefulModel).forwardWithState(laidOut(model, read), options)
        const steps = stepsOf(owner, model, made, input.size(0))
        return [difference === undefined ? steps : continued(outputs, steps, difference), next as State]
      })
      outputs.push(output)
      // All states of a long forecast would be more than its outputs.
      for (const tensor of isTensor(before) ? [before] : (before ?? [])) tensor.dispose()
      state = after
    }
    return await offload(() => functions.cat(outputs, 1).narrow(1, 0, wanted))
  })
}

/** The last outputs as inputs: the values, or their differences. */
function fed(
  outputs: readonly Tensor[],
  horizon: number,
  { reading, difference }: { reading: Reading; difference: number | undefined },
): Tensor {
  if (difference === undefined) return reading.point(outputs.at(-1) as Tensor)
  const all = separated(functions.cat([...outputs], 1), 1, difference)
  return all.narrow(1, all.size(1) - horizon, horizon)
}

/**
 * What the values at further steps add to those before all forecasts: a model that goes on tells what they add to those
 * that it has forecast.
 */
function continued(outputs: readonly Tensor[], steps: Tensor, difference: number): Tensor {
  if (outputs.length === 0) return steps
  const before = functions.cat([...outputs], 1)
  const [known, length] = [before.size(1), steps.size(1)]
  const columns = Array.from({ length }, (_, j) => {
    const step = steps.narrow(1, j, 1)
    const from = known + j - difference * Math.ceil((j + 1) / difference)
    return from < 0 ? step : step.add(before.narrow(1, from, 1))
  })
  return functions.cat(columns, 1)
}

function unknownSums(owner: string, horizon: number, steps: number): Error {
  return torchError(
    'ERR_TORCH_VALUE',
    `${owner}: the model forecasts ${horizon} step${horizon === 1 ? '' : 's'} at a time, of differences, and bounds of sums do not follow from those of differences: train a model with a horizon of ${steps}, or with points as outputs`,
    { op: owner },
  )
}

/** A batch (N, L, I) in the layout of a model. */
function laidOut({ batchFirst = true }: TrainableModel, input: Tensor): Tensor {
  return batchFirst ? input : input.transpose(0, 1)
}

/** The outputs of a model for the steps after its inputs: (N, H, K). */
function stepsOf(owner: string, model: TrainableModel, output: unknown, samples: number): Tensor {
  const found = isTensor(output)
    ? model instanceof RecurrentModel
      ? ofRecurrent(model, output)
      : ofModule(model, output)
    : undefined
  if (found?.ndim === 3 && found.size(0) === samples) return found
  throw torchError(
    'ERR_TORCH_SHAPE',
    `${owner}: for ${samples} windows ${model.constructor.name}.forward must return the steps to forecast, (${samples}, steps, outputs), or one step, (${samples}, outputs), but it returned ${isTensor(output) ? `(${output.shape.join(', ')})` : 'no Tensor'}`,
    { op: owner },
  )
}

/** What a model forecasts after the last of its steps. */
function ofRecurrent({ output: mode, batchFirst, horizon }: RecurrentModel, output: Tensor): Tensor {
  const last = mode === 'sequence' ? output.select(batchFirst ? 1 : 0, -1) : output
  return horizon === null ? last.unsqueeze(1) : last
}

function ofModule({ batchFirst = true }: TrainableModel, output: Tensor): Tensor {
  if (output.ndim === 2) return output.unsqueeze(1)
  return batchFirst || output.ndim < 3 ? output : output.transpose(0, 1)
}

/** The inputs at steps that were forecast: their features, with the forecasts in the place of targets. */
function fedBack(features: Tensor, point: Tensor, { targets, observed }: Layout): Tensor {
  if (targets === 0) return features
  const read = features.clone()
  read.narrow(-1, 0, targets).copy_(point)
  if (observed !== undefined) read.narrow(-1, observed, targets).fill_(1)
  return read
}

/** @throws {TorchError} unless the model can continue from its state. */
function requireRecursion(owner: string, model: TrainableModel, horizon: number, steps: number): void {
  const problem = obstacle(model)
  if (problem === undefined) return
  throw torchError(
    'ERR_TORCH_VALUE',
    `${owner}: the model forecasts ${horizon} step${horizon === 1 ? '' : 's'} at a time, and to go on to ${steps} it must continue from its state, but ${problem}: train a model with a horizon of ${steps}`,
    { op: owner },
  )
}

function obstacle(model: TrainableModel): string | undefined {
  if (typeof Reflect.get(model, 'forwardWithState') !== 'function') {
    return `${model.constructor.name} has no forwardWithState`
  }
  if (!(model instanceof RecurrentModel)) return undefined
  if (model.network.bidirectional) return 'a bidirectional network has read its inputs from the end, too'
  if (model.output !== 'sequence' && model.output !== 'last') {
    return `its output '${model.output}' is one over all steps`
  }
  return model.forward === RecurrentModel.prototype.forward
    ? undefined
    : `${model.constructor.name} overrides forward alone, and not forwardWithState`
}
