import { TorchError, type TorchErrorOptions, torchError } from '../errors.ts'
import type { Owner } from './criterion.ts'

/** The circumstances of a step that failed. */
export interface Circumstances {
  owner: Owner
  /** The name of the loss, or `the loss` if it has none. */
  loss: string
  batchFirst: boolean
  /** The number of outputs of the model, if it is known. */
  outputs?: number | undefined
  /** The names of networks by those that errors of native code begin with: see {@link ownNames}. */
  names?: ReadonlyMap<string, string>
}

const SIZES = /target size \(torch\.Size\(\[(.*?)\]\)\).*?input size \(torch\.Size\(\[(.*?)\]\)\)/i

function sizesOf(text: string | undefined): number[] {
  return text ? text.split(',').map(Number) : []
}

/** Why the shapes of target and output may differ, and what to do. */
function cure(output: readonly number[], target: readonly number[], batchFirst: boolean): string {
  const steps = batchFirst ? 1 : 0
  const withoutSteps = output.filter((_, i) => i !== steps).join()
  if (output.length === 3 && [withoutSteps, output[1 - steps]?.toString()].includes(target.join())) {
    return `The model returns an output for each step, but there is one target per sequence: return only the output of the last step, output.select(${steps}, -1), or give a target for each step`
  }
  if (output.length === 3 && target.length === 3 && target[steps] === 1) {
    return `The model returns an output for each of ${output[steps]} steps, but the targets have one: return only the output of the last step, output.narrow(${steps}, -1, 1), as models of libtorch-rnn/models do with output: 'last', horizon: 1, or give a target for each step`
  }
  if (output.length === 3 && target.length === 3 && target.toSpliced(steps, 1).join() === withoutSteps) {
    return `The model returns an output for each of ${output[steps]} steps, but the targets have ${target[steps]}. To forecast those after the input, make the model with output: 'last', horizon: ${target[steps]}; else give targets with the shape of the output`
  }
  if (target.length === output.length + 1 && target.toSpliced(-2, 1).join() === output.join()) {
    return `The targets have ${target.at(-2)} steps: make the model with horizon: ${target.at(-2)}`
  }
  const [least, most] = output.length < target.length ? [output, target] : [target, output]
  if (most.length === least.length + 1 && most.join() === [...least, 1].join()) {
    return output.length < target.length
      ? `Give targets without the last dimension: targets.squeeze(${target.length - 1})`
      : `Give targets with a last dimension of 1: targets.unsqueeze(${target.length})`
  }
  if (output.length === target.length && output.slice(0, -1).join() === target.slice(0, -1).join()) {
    return `The model has ${output.at(-1)} outputs, but the targets have ${target.at(-1)} features`
  }
  return 'Give targets with the shape of the output'
}

/** The same error, with its meaning for the training if that is known. */
export function explained(error: unknown, circumstances: Circumstances): unknown {
  if (!(error instanceof TorchError)) return error
  const { owner, loss, batchFirst, outputs, names } = circumstances
  const { message, code } = error
  const options: TorchErrorOptions = { cause: error, site: error }
  const sizes = SIZES.exec(message)
  if (sizes !== null) {
    const [target, output] = [sizesOf(sizes[1]), sizesOf(sizes[2])]
    return torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: ${loss} compares the output with the target element by element, but the output has shape (${output.join(', ')}) and the target has shape (${target.join(', ')}). ${cure(output, target, batchFirst)}`,
      options,
    )
  }
  const [start, name] = /^(\w+): /.exec(message) ?? []
  const own = name === undefined ? undefined : names?.get(name)
  if (start !== undefined && own !== undefined && own !== name) {
    return torchError(code, `${own}: ${message.slice(start.length)}`, options)
  }
  const hint = hintOf(message, outputs)
  return hint === undefined ? error : torchError(code, `${owner}: ${message.replace(/\.?$/, '.')} ${hint}`, options)
}

function hintOf(message: string, outputs: number | undefined): string | undefined {
  if (/grad can be implicitly created only for scalar outputs|output with shape \[\] doesn't match/.test(message)) {
    return 'The loss function must return a Tensor of one element: end it with mean() or sum()'
  }
  if (/element 0 of tensors does not require grad/.test(message)) {
    return 'The loss does not depend on any trainable parameter: a tensor on the way was detached or read as a number, or requiresGrad is false everywhere'
  }
  if (/Target -?\d+ is out of bounds/.test(message) && outputs !== undefined) {
    return `The model has ${outputs} outputs, for classes numbered from 0 to ${outputs - 1}`
  }
  if (/expected target dtype to be Long or Byte/.test(message)) {
    return 'Class numbers are integers: write them as bigints, such as 2n, or make the targets with the dtype int64'
  }
  return undefined
}
