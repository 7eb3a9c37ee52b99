import { TorchError, type TorchErrorOptions, torchError } from '../errors.ts'
import type { Owner } from './criterion.ts'

/** What there is to know of a step that failed. */
export interface Circumstances {
  owner: Owner
  /** The loss by its name, or `the loss` where it has none. */
  loss: string
  batchFirst: boolean
}

const SIZES = /target size \(torch\.Size\(\[(.*?)\]\)\).*?input size \(torch\.Size\(\[(.*?)\]\)\)/i

function sizesOf(text: string | undefined): number[] {
  return text ? text.split(',').map(Number) : []
}

/** How a target of another shape than the output comes about, and what to do. */
function cure(output: readonly number[], target: readonly number[], batchFirst: boolean): string {
  const steps = batchFirst ? 1 : 0
  const withoutSteps = output.filter((_, i) => i !== steps).join()
  if (output.length === 3 && [withoutSteps, output[1 - steps]?.toString()].includes(target.join())) {
    return `The model gives an output for each step, and there is one target per sequence: let the model give its output of the last step only, output.select(${steps}, -1), or give a target for each step`
  }
  if (output.length === 3 && target.length === 3 && target[steps] === 1) {
    return `The model gives an output for each of ${output[steps]} steps, and the targets have one: let the model give its output of the last step only, output.narrow(${steps}, -1, 1), or give a target for each step`
  }
  const [least, most] = output.length < target.length ? [output, target] : [target, output]
  if (most.length === least.length + 1 && most.join() === [...least, 1].join()) {
    return output.length < target.length
      ? `Give targets without the last dimension: targets.squeeze(${target.length - 1})`
      : `Give targets with a last dimension of 1: targets.unsqueeze(${target.length})`
  }
  if (output.length === target.length && output.slice(0, -1).join() === target.slice(0, -1).join()) {
    return `The model has ${output.at(-1)} outputs, and the targets have ${target.at(-1)} features`
  }
  return 'Give targets of the shape of the output'
}

/** The same error, with what it means in a training, where that is known. */
export function explained(error: unknown, { owner, loss, batchFirst }: Circumstances): unknown {
  if (!(error instanceof TorchError)) return error
  const { message, code } = error
  const options: TorchErrorOptions = { cause: error, site: error }
  const sizes = SIZES.exec(message)
  if (sizes !== null) {
    const [target, output] = [sizesOf(sizes[1]), sizesOf(sizes[2])]
    return torchError(
      'ERR_TORCH_SHAPE',
      `${owner}: ${loss} compares the output with the target element by element, but the output is of shape (${output.join(', ')}) and the target of shape (${target.join(', ')}). ${cure(output, target, batchFirst)}`,
      options,
    )
  }
  const hint = hintOf(message)
  return hint === undefined ? error : torchError(code, `${owner}: ${message.replace(/\.?$/, '.')} ${hint}`, options)
}

function hintOf(message: string): string | undefined {
  if (/Expected target size \[/.test(message)) {
    return 'Classes are the second dimension of what crossEntropy and nll take, and the last of what a model gives for each step: use a loss that counts each step as a sample, (output, target) => nn.functional.crossEntropy(output.flatten(0, 1), target.flatten())'
  }
  if (/grad can be implicitly created only for scalar outputs|output with shape \[\] doesn't match/.test(message)) {
    return 'The loss function must return a Tensor of one element: end it with mean() or sum()'
  }
  if (/element 0 of tensors does not require grad/.test(message)) {
    return 'The loss does not depend on any parameter that learns: something on the way was detached or read as a number, or requiresGrad is false everywhere'
  }
  return undefined
}
