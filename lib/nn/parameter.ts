import { inspect } from 'node:util'
import { requireBoolean } from '../check.ts'
import { keep, requireTensor, Tensor, take } from '../tensor/tensor.ts'
import { checkArguments } from './arguments.ts'

export interface ParameterOptions {
  /** Whether gradients are computed for it. Default `true`. */
  requiresGrad?: boolean
}

/**
 * A tensor that is learned. Assigned to a property of a module, it becomes one of the module's parameters. It shares
 * the memory of the tensor it is made from, detached from any graph. `tidy` does not dispose it.
 *
 * @example scale = new nn.Parameter(torch.ones([3]))
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, options: ParameterOptions = {}, ...none: undefined[]) {
    requireTensor('Parameter', 'data', data)
    checkArguments('Parameter', options, ['requiresGrad'], none)
    super(...take(data.detach()))
    this.requiresGrad_(options.requiresGrad ?? true)
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

// Not a field of the buffers: those that `adopt` makes have no fields of this class.
const transient = new WeakSet<Buffer>()

/**
 * A tensor that belongs to a module but is not learned, such as a running mean. Assigned to a property of a module, it
 * becomes one of the module's buffers, which {@link Module.to} moves. It is in the state dictionary unless created with
 * `{ persistent: false }`. `tidy` does not dispose it.
 *
 * @example mask = new nn.Buffer(torch.ones([8, 8]).tril(), { persistent: false })
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Buffer.html
 */
export class Buffer extends Tensor {
  constructor(data: Tensor, options: BufferOptions = {}, ...none: undefined[]) {
    requireTensor('Buffer', 'data', data)
    checkArguments('Buffer', options, ['persistent'], none)
    const { persistent = true } = options
    requireBoolean('Buffer', 'persistent', persistent)
    super(...take(data.detach()))
    if (!persistent) transient.add(this)
  }

  /** Whether the buffer is in the state dictionary of its module. */
  get persistent(): boolean {
    return !transient.has(this)
  }
}

/**
 * @internal Turns `tensor` itself into a parameter or buffer, for tensors owned by a native module: the constructor would
 * make a second tensor over its memory.
 */
export function adopt<T extends Parameter | Buffer>(tensor: Tensor, Class: { readonly prototype: T }): T {
  return Object.setPrototypeOf(keep(tensor), Class.prototype) as T
}
