import { inspect } from 'node:util'
import { checkOptions } from '../check.ts'
import { keep, requireTensor, Tensor } from '../tensor/tensor.ts'

/**
 * A tensor that a module learns: assigned to a property of a module, it is one of its parameters. No `tidy` disposes
 * it.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html
 */
export class Parameter extends Tensor {
  /**
   * Makes a parameter of a tensor.
   * @param data Becomes the parameter's memory; detached from any graph.
   */
  constructor(data: Tensor, options: { requiresGrad?: boolean } = {}) {
    requireTensor('Parameter', 'data', data)
    checkOptions('Parameter', options, ['requiresGrad'])
    super(...Tensor.take(data.detach()))
    this.requiresGrad_(options.requiresGrad ?? true)
  }

  /** @internal `tensor` itself, where a native module owns it: the constructor would make another one of its memory. */
  static adopt(tensor: Tensor): Parameter {
    return Object.setPrototypeOf(keep(tensor), Parameter.prototype) as Parameter
  }

  override toString(): string {
    return `Parameter containing:\n${super.toString()}`
  }

  override [inspect.custom](): string {
    return this.disposed ? 'Parameter(<disposed>)' : this.toString()
  }
}

/** A tensor that belongs to a module's state without being learned, such as a running mean. No `tidy` disposes it. */
export class Buffer extends Tensor {
  constructor(data: Tensor) {
    requireTensor('Buffer', 'data', data)
    super(...Tensor.take(data.detach()))
  }

  /** @internal `tensor` itself, where a native module owns it: the constructor would make another one of its memory. */
  static adopt(tensor: Tensor): Buffer {
    return Object.setPrototypeOf(keep(tensor), Buffer.prototype) as Buffer
  }
}
