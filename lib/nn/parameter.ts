import { inspect } from 'node:util'
import { requireBoolean } from '../check.ts'
import { keep, requireTensor, Tensor } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'

export interface ParameterOptions {
  /** Whether gradients are computed for it. Default `true`. */
  requiresGrad?: boolean
}

/**
 * A tensor that a module learns: assigned to a property of a module, it is one of its parameters. It has the memory of the
 * tensor that it is made of, detached from any graph. No `tidy` disposes it.
 *
 * @example scale = new nn.Parameter(torch.ones([3]))
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, options: ParameterOptions = {}, ...none: never[]) {
    requireTensor('Parameter', 'data', data)
    checkArguments('Parameter', options, ['requiresGrad'], none)
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

export interface BufferOptions {
  /** Whether the buffer is in the state dictionary of its module. Default `true`. */
  persistent?: boolean
}

// Not in the buffers themselves: one that `adopt` makes has no fields of this class.
const transient = new WeakSet<Buffer>()

/**
 * A tensor that belongs to a module without being learned, such as a running mean: assigned to a property of a module, it
 * is one of its buffers, which {@link Module.to} moves. It is in the state dictionary unless made with
 * `{ persistent: false }`. No `tidy` disposes it.
 *
 * @example mask = new nn.Buffer(torch.ones([8, 8]).tril(), { persistent: false })
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Buffer.html
 */
export class Buffer extends Tensor {
  constructor(data: Tensor, options: BufferOptions = {}, ...none: never[]) {
    requireTensor('Buffer', 'data', data)
    checkArguments('Buffer', options, ['persistent'], none)
    const { persistent = true } = options
    requireBoolean('Buffer', 'persistent', persistent)
    super(...Tensor.take(data.detach()))
    if (!persistent) transient.add(this)
  }

  /** @internal `tensor` itself, where a native module owns it: the constructor would make another one of its memory. */
  static adopt(tensor: Tensor): Buffer {
    return Object.setPrototypeOf(keep(tensor), Buffer.prototype) as Buffer
  }

  /** Whether the buffer is in the state dictionary of its module. */
  get persistent(): boolean {
    return !transient.has(this)
  }
}
