import { inspect } from 'node:util'
import { checkOptions, requireBoolean, requireFunction } from '../check.ts'
import { markCopy } from '../copy.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { markAsUncloneable } from '../opaque.ts'
import { noGrad } from '../tensor/context.ts'
import { isDeviceLike, requireCudaDevice } from '../tensor/device.ts'
import type { DType } from '../tensor/dtype.ts'
import { setData, zeroGrad } from '../tensor/gradient.ts'
import { type Device, isTensor, type Tensor, type ToOptions } from '../tensor/tensor.ts'
import { Buffer, Parameter } from './parameter.ts'

/** Parameters and buffers by PyTorch's names: `lstm.weight_ih_l0`. */
export type StateDict = Record<string, Tensor>

export interface LoadResult {
  /** Names that the module has and the dictionary lacks. */
  missingKeys: string[]
  /** Names that the dictionary has and the module lacks. */
  unexpectedKeys: string[]
}

/**
 * The base of all networks: PyTorch's `torch.nn.Module`. Parameters, buffers and modules that are assigned to
 * properties belong to it, under the properties' names and in the order of assignment.
 *
 * @example
 * class Forecaster extends nn.Module {
 *   lstm = new nn.LSTM(1, 32)
 *   linear = new nn.Linear(32, 1)
 *   forward(x: Tensor): Tensor {
 *     const [output] = this.lstm.forward(x)
 *     return this.linear.forward(output)
 *   }
 * }
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
 */
export abstract class Module {
  static {
    markCopy(Module)
  }

  /** Whether dropout and the like are active. Set by {@link train} and {@link eval}. */
  training = true

  constructor() {
    // A clone would be settings without methods; tensors are refused in any case.
    markAsUncloneable(this)
  }

  /** Computes the output. Modules with several inputs or outputs say so in their own signature. */
  abstract forward(...inputs: never[]): unknown

  *#own<T>(kind: abstract new (...args: never[]) => T): Generator<[string, T]> {
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof kind) yield [name, value]
    }
  }

  /** The modules of this one by all their names: one that has two comes twice. */
  protected *childEntries(): Generator<[string, Module]> {
    yield* this.#own(Module)
  }

  /** The modules that are properties of this one, with their names, each once. */
  *namedChildren(): Generator<[string, Module]> {
    const seen = new Set<Module>()
    for (const [name, child] of this.childEntries()) {
      if (seen.has(child)) continue
      seen.add(child)
      yield [name, child]
    }
  }

  /** The modules that are properties of this one, each once. */
  *children(): Generator<Module> {
    for (const [, child] of this.namedChildren()) yield child
  }

  /** This module and all below it, each once; this one is named `''`. */
  *namedModules(prefix = '', seen = new Set<Module>()): Generator<[string, Module]> {
    if (seen.has(this)) return
    seen.add(this)
    yield [prefix, this]
    for (const [name, child] of this.childEntries()) yield* child.namedModules(pathOf(prefix, name), seen)
  }

  /** This module and all below it by all their names. One that is within itself ends there. */
  *#everywhere(prefix = '', above: readonly Module[] = []): Generator<[string, Module]> {
    if (above.includes(this)) return
    yield [prefix, this]
    for (const [name, child] of this.childEntries()) yield* child.#everywhere(pathOf(prefix, name), [...above, this])
  }

  /** This module and all below it, each once. */
  *modules(): Generator<Module> {
    for (const [, module] of this.namedModules()) yield module
  }

  *#named<T extends Tensor>(kind: abstract new (...args: never[]) => T): Generator<[string, T]> {
    const seen = new Set<T>()
    for (const [prefix, module] of this.namedModules()) {
      for (const [name, tensor] of module.#own(kind)) {
        if (seen.has(tensor)) continue
        seen.add(tensor)
        yield [pathOf(prefix, name), tensor]
      }
    }
  }

  /** All parameters with their names, those of children included; one that is shared comes once. */
  namedParameters(): Generator<[string, Parameter]> {
    return this.#named(Parameter)
  }

  /** All parameters, those of children included, each once: what an optimizer takes. */
  *parameters(): Generator<Parameter> {
    for (const [, parameter] of this.namedParameters()) yield parameter
  }

  /** All buffers with their names, those of children included, each once. */
  namedBuffers(): Generator<[string, Buffer]> {
    return this.#named(Buffer)
  }

  /** All buffers, those of children included, each once. */
  *buffers(): Generator<Buffer> {
    for (const [, buffer] of this.namedBuffers()) yield buffer
  }

  /** Sets {@link training} here and below. */
  train(mode = true): this {
    if (typeof mode !== 'boolean') throw torchError('ERR_TORCH_VALUE', 'training mode is expected to be boolean')
    for (const module of this.modules()) module.training = mode
    return this
  }

  /** `train(false)` */
  eval(): this {
    return this.train(false)
  }

  /** Sets whether the parameters are learned. */
  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(requiresGrad)
    return this
  }

  /** Drops the gradients of all parameters, or with `setToNone: false` fills them with 0. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    checkOptions('zeroGrad', options, ['setToNone'])
    const { setToNone = true } = options
    requireBoolean('zeroGrad', 'setToNone', setToNone)
    zeroGrad(this.parameters(), setToNone)
  }

  /** Calls `fn` with every module below, children first, and with this one. */
  apply(fn: (module: Module) => void): this {
    requireFunction('Module.apply', 'fn', fn)
    for (const child of this.children()) child.apply(fn)
    fn(this)
    return this
  }

  /**
   * Converts parameters and buffers in place: they stay the same objects, also for an optimizer. A dtype, which must
   * be a floating one, leaves tensors of integers alone.
   *
   * @example model.to('float64'); model.to({ device: 'cuda' })
   */
  to(target: DType | Device | Pick<ToOptions, 'dtype' | 'device' | 'nonBlocking'>): this {
    const options = optionsOf(target)
    noGrad(() => {
      for (const tensor of [...this.parameters(), ...this.buffers()]) {
        convert(tensor, options)
        const gradient = tensor.grad
        if (gradient === null) continue
        tensor.grad = null
        tensor.grad = gradient.to(options)
      }
    })
    for (const module of this.modules()) module.onReplaced()
    return this
  }

  /**
   * Moves parameters and buffers to a CUDA device, by default to the current one. Recurrent networks then lie in one
   * block of memory each, as cuDNN wants them.
   */
  cuda(device: Device = 'cuda'): this {
    requireCudaDevice('cuda', device)
    return this.to(device)
  }

  /** Moves parameters and buffers to the CPU. */
  cpu(): this {
    return this.to('cpu')
  }

  /** Called after {@link to} and {@link loadStateDict}, which may have given parameters and buffers other memory. */
  protected onReplaced(): void {}

  /**
   * Parameters and buffers by all their names: those of a module that is used twice are there twice, as in PyTorch. They
   * share memory with the module: clone what is to stay as it is.
   */
  stateDict(): StateDict {
    const dict: StateDict = {}
    for (const [prefix, module] of this.#everywhere()) {
      for (const kind of [Parameter, Buffer]) {
        for (const [name, tensor] of module.#own<Tensor>(kind)) {
          dict[pathOf(prefix, name)] = tensor.detach()
        }
      }
    }
    return dict
  }

  /**
   * Copies values into parameters and buffers, converting dtype and device.
   *
   * @param options.strict Whether names must match exactly. Default `true`.
   * @throws {TorchError} listing missing and unexpected names (when strict) and mismatched sizes (always); then nothing
   *   has been copied.
   */
  loadStateDict(stateDict: Readonly<StateDict>, options: { strict?: boolean } = {}): LoadResult {
    checkOptions('loadStateDict', options, ['strict'])
    const { strict = true } = options
    requireBoolean('loadStateDict', 'strict', strict)
    if (typeof stateDict !== 'object' || stateDict === null) {
      throw torchError('ERR_TORCH_TYPE', `Expected state_dict to be dict-like, got ${describe(stateDict)}.`)
    }
    const own = this.stateDict()
    const missingKeys = Object.keys(own).filter((name) => !Object.hasOwn(stateDict, name))
    const unexpectedKeys = Object.keys(stateDict).filter((name) => !Object.hasOwn(own, name))
    const pairs = Object.entries(own).flatMap(([name, tensor]) =>
      Object.hasOwn(stateDict, name) ? [[name, tensor, stateDict[name]] as const] : [],
    )
    const problems: string[] = []
    const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')
    if (strict && unexpectedKeys.length > 0) problems.push(`Unexpected key(s) in state_dict: ${list(unexpectedKeys)}. `)
    if (strict && missingKeys.length > 0) problems.unshift(`Missing key(s) in state_dict: ${list(missingKeys)}. `)
    for (const [name, tensor, value] of pairs) {
      if (!isTensor(value)) {
        problems.push(
          `While copying the parameter named "${name}", expected torch.Tensor or Tensor-like object from checkpoint but received ${describe(value)}`,
        )
      } else if (value.shape.join() !== tensor.shape.join()) {
        problems.push(
          `size mismatch for ${name}: copying a param with shape torch.Size([${value.shape.join(', ')}]) from checkpoint, the shape in current model is torch.Size([${tensor.shape.join(', ')}]).`,
        )
      }
    }
    if (problems.length > 0) {
      throw torchError(
        'ERR_TORCH_VALUE',
        `Error(s) in loading state_dict for ${this.constructor.name}:\n\t${problems.join('\n\t')}`,
      )
    }
    noGrad(() => {
      for (const [, tensor, value] of pairs) tensor.copy_(value as Tensor)
    })
    for (const tensor of Object.values(own)) tensor.dispose()
    for (const module of this.modules()) module.onReplaced()
    return { missingKeys, unexpectedKeys }
  }

  /** What stands between the parentheses when the module is printed. */
  protected extraRepr(): string {
    return ''
  }

  /** As PyTorch prints modules. */
  toString(): string {
    const children = [...this.childEntries()].map(([name, child]) => `(${name}): ${child}`.replaceAll('\n', '\n  '))
    const extra = this.extraRepr()
    if (children.length === 0) return `${this.constructor.name}(${extra})`
    return `${this.constructor.name}(\n${[...(extra ? [extra] : []), ...children].map((line) => `  ${line}`).join('\n')}\n)`
  }

  [inspect.custom](): string {
    return this.toString()
  }

  /** @internal Functions that compare objects begin with this one: ReLU and Tanh have the same properties. */
  get [Symbol.toStringTag](): string {
    return `${this.constructor.name}(${this.extraRepr()})`
  }
}

function pathOf(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`
}

function optionsOf(target: DType | Device | Pick<ToOptions, 'dtype' | 'device' | 'nonBlocking'>): ToOptions {
  if (typeof target === 'object' && target !== null) {
    checkOptions('to', target, ['dtype', 'device', 'nonBlocking'])
    return requireFloating(target)
  }
  if (typeof target !== 'string')
    throw torchError('ERR_TORCH_TYPE', `Module.to: expected a dtype, a device or options, got ${describe(target)}`)
  return requireFloating(isDeviceLike(target) ? { device: target as Device } : { dtype: target as DType })
}

function requireFloating(options: ToOptions): ToOptions {
  if (options.dtype !== undefined && !/^(float|bfloat|complex)/.test(options.dtype)) {
    throw torchError(
      'ERR_TORCH_TYPE',
      `nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.${options.dtype}`,
    )
  }
  return options
}

function convert(tensor: Tensor, { dtype, ...rest }: ToOptions): void {
  const floating = /^(float|bfloat|complex)/.test(tensor.dtype)
  const converted = tensor.to({ ...rest, ...(dtype !== undefined && floating ? { dtype } : {}) })
  setData(tensor, converted)
  converted.dispose()
}
