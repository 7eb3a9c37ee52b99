import { inspect } from 'node:util'
import { checkOptions, invalid, requireBoolean, requireDict, requireFunction, requireNone } from '../check.ts'
import { markCopy } from '../copy.ts'
import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { markAsUncloneable } from '../opaque.ts'
import { noGrad, tidy } from '../tensor/context.ts'
import { requireCudaDevice } from '../tensor/device.ts'
import type { DType } from '../tensor/dtype.ts'
import { zeroGrad } from '../tensor/gradient.ts'
import { type Device, isTensor, type Tensor, type ToOptions } from '../tensor/tensor.ts'
import type { BackwardHook, BackwardPreHook } from './backward-hooks.ts'
import { BLANK, blankOf, COPIED, COPY, Copies } from './clone.ts'
import { conversionOf, convertAll, FLOATING, REAL } from './conversion.ts'
import {
  type ForwardHook,
  type ForwardPreHook,
  type Hook,
  type HookOptions,
  Hooks,
  type PreHook,
  type RemovableHandle,
} from './hooks.ts'
import { requireName, requirePath } from './member-name.ts'
import { Buffer, type BufferOptions, Parameter } from './parameter.ts'
import { type Kind, Registry } from './registry.ts'
import { copyInto, type LoadResult, type StateDict } from './state-dict.ts'

/**
 * The base class of all networks: PyTorch's `torch.nn.Module`. Parameters, buffers and modules assigned to properties
 * belong to the module, under the names of the properties and in the order of assignment.
 *
 * A property that holds one takes what PyTorch's `Module.__setattr__` takes: a tensor that is assigned to a buffer
 * becomes the buffer; a parameter is replaced only by another one, or `null`. This holds for what {@link registerParameter}
 * and the like have added, and for fields from the first time that the module is asked for its members (`parameters()`,
 * `to`, `train`, …).
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

  /** Whether the module is in training mode, in which dropout is active. Set by {@link train} and {@link eval}. */
  training = true

  #hooks: Hooks | undefined
  readonly #registry = new Registry(this, isModule, (name, value) => this.admitted(name, value))

  constructor() {
    // A clone would have the settings but no methods; tensors cannot be cloned anyway.
    markAsUncloneable(this)
  }

  /** Computes the output. Subclasses declare their inputs and outputs in their own signature. */
  abstract forward(...inputs: never[]): unknown

  /** The entries of this module by name: parameters, buffers, modules, and other values. */
  protected *ownEntries(): Generator<[name: string, value: unknown]> {
    yield* this.#registry.scan()
  }

  /** Registers a value under a name, without checks of the name. */
  protected register(kind: Kind, name: string, value: unknown): void {
    this.#registry.add(name, kind, value)
  }

  /** What to store for a value that is assigned to a registered name. Default: the value itself. */
  protected admitted(_name: string, value: unknown): unknown {
    return value
  }

  *#own<T>(kind: abstract new (...args: never[]) => T): Generator<[string, T]> {
    for (const [name, value] of this.ownEntries()) {
      if (value instanceof kind) yield [name, value]
    }
  }

  /** The child modules under all their names: one with two names comes twice. */
  // Not private: TypeScript would then use an alias for the class inside it, which is defined too late for the static
  // block.
  protected *childEntries(): Generator<[string, Module]> {
    yield* this.#own(Module)
  }

  /** The direct child modules with their names, each once. */
  *namedChildren(): Generator<[string, Module]> {
    const seen = new Set<Module>()
    for (const [name, child] of this.childEntries()) {
      if (seen.has(child)) continue
      seen.add(child)
      yield [name, child]
    }
  }

  /** The direct child modules, each once. */
  *children(): Generator<Module> {
    for (const [, child] of this.namedChildren()) yield child
  }

  /** This module and all its descendants, each once; this module's name is `''`. */
  *namedModules(prefix = '', seen = new Set<Module>()): Generator<[string, Module]> {
    if (seen.has(this)) return
    seen.add(this)
    yield [prefix, this]
    for (const [name, child] of this.childEntries()) yield* child.namedModules(pathOf(prefix, name), seen)
  }

  /**
   * This module and all its descendants, under all their names. Does not descend into a module that contains itself.
   */
  *#everywhere(prefix = '', above: readonly Module[] = []): Generator<[string, Module]> {
    if (above.includes(this)) return
    yield [prefix, this]
    for (const [name, child] of this.childEntries()) yield* child.#everywhere(pathOf(prefix, name), [...above, this])
  }

  /** This module and all its descendants, each once. */
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

  /** All parameters with their names, including those of descendants; a shared parameter comes once. */
  namedParameters(): Generator<[string, Parameter]> {
    return this.#named(Parameter)
  }

  /** All parameters, including those of descendants, each once: pass these to an optimizer. */
  *parameters(): Generator<Parameter> {
    for (const [, parameter] of this.namedParameters()) yield parameter
  }

  /** All buffers with their names, including those of descendants, each once. */
  namedBuffers(): Generator<[string, Buffer]> {
    return this.#named(Buffer)
  }

  /** All buffers, including those of descendants, each once. */
  *buffers(): Generator<Buffer> {
    for (const [, buffer] of this.namedBuffers()) yield buffer
  }

  /**
   * The module at a path such as `'encoder.0'`; `''` is this module.
   * @throws {TorchError} if there is none; the message says where the path ends.
   */
  getSubmodule(path: string): Module {
    requirePath('getSubmodule', path)
    let module: Module = this
    for (const name of path === '' ? [] : path.split('.')) module = module.#get(name, Module, 'an nn.Module')
    return module
  }

  /**
   * The parameter at a path such as `'encoder.0.weight'`.
   * @throws {TorchError} if there is none.
   */
  getParameter(path: string): Parameter {
    return this.#tensorAt('getParameter', path, Parameter, 'an nn.Parameter')
  }

  /**
   * The buffer at a path such as `'norm.running_mean'`.
   * @throws {TorchError} if there is none.
   */
  getBuffer(path: string): Buffer {
    return this.#tensorAt('getBuffer', path, Buffer, 'a buffer')
  }

  #tensorAt<T>(fn: string, path: string, kind: abstract new (...args: never[]) => T, what: string): T {
    requirePath(fn, path)
    const dot = path.lastIndexOf('.')
    return this.getSubmodule(path.slice(0, Math.max(dot, 0))).#get(path.slice(dot + 1), kind, what)
  }

  #get<T>(name: string, kind: abstract new (...args: never[]) => T, what: string): T {
    for (const [own, value] of this.#own(kind)) if (own === name) return value
    const exists = name in this || [...this.ownEntries()].some(([own]) => own === name)
    throw torchError(
      'ERR_TORCH_VALUE',
      exists ? `\`${name}\` is not ${what}` : `${this.constructor.name} has no attribute \`${name}\``,
    )
  }

  /**
   * Adds a buffer under a name, like assigning `new nn.Buffer(tensor)` to the property. A tensor that is assigned to the
   * property later becomes the buffer.
   *
   * @param tensor `null` for a buffer to be set later
   * @param options.persistent Whether the buffer is in the state dictionary. Default `true`.
   * @throws {TorchError} if the name is taken, empty, or contains a dot.
   */
  registerBuffer(name: string, tensor: Tensor | null, options: BufferOptions = {}): void {
    checkOptions('registerBuffer', options, ['persistent'])
    requireBoolean('registerBuffer', 'persistent', options.persistent ?? true)
    requireName(this, 'buffer', name, Buffer)
    if (tensor !== null && !isTensor(tensor)) {
      const message = `cannot assign ${describe(tensor)} to buffer '${name}' (a Tensor or null required)`
      throw torchError('ERR_TORCH_TYPE', message, { op: 'registerBuffer' })
    }
    // A buffer that is given stays the caller's: this one shares its memory.
    const buffer = tensor === null ? null : new Buffer(tensor, options)
    this.#registry.add(name, 'buffer', buffer, options.persistent)
  }

  /**
   * Adds a parameter under a name, like assigning it to the property.
   *
   * @param parameter `null` for an absent parameter
   * @throws {TorchError} if the name is taken, empty, or contains a dot.
   */
  registerParameter(name: string, parameter: Parameter | null): void {
    requireName(this, 'parameter', name, Parameter)
    if (parameter !== null && !(parameter instanceof Parameter)) {
      const message = `cannot assign ${describe(parameter)} to parameter '${name}' (an nn.Parameter or null required)`
      throw torchError('ERR_TORCH_TYPE', message, { op: 'registerParameter' })
    }
    this.register('parameter', name, parameter)
  }

  /**
   * Adds a child module under a name, like assigning it to the property.
   * @throws {TorchError} if the name is taken, empty, or contains a dot.
   */
  addModule(name: string, module: Module): void {
    requireName(this, 'module', name, Module)
    if (!(module instanceof Module)) throw invalid(this.constructor.name, `module '${name}'`, 'a Module', module)
    this.register('child module', name, module)
  }

  /**
   * Calls `hook` before each `forward` of this module, with its inputs as an array. The hook may return new inputs: an
   * array of all of them, or the value itself if there is only one. `undefined` and `null` change nothing. Hooks run in
   * the order of registration, each with the inputs returned by the previous one. Streams
   * ({@link RecurrentModule.stream}) do not call `forward`, so they run no hooks.
   *
   * @param options.prepend Whether the hook runs before those already registered. Default `false`.
   * @returns a handle that removes the hook
   * @example
   * const handle = model.registerForwardPreHook((module, [x]) => x.clamp(-1, 1))
   * handle.remove()
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_pre_hook
   */
  registerForwardPreHook(hook: ForwardPreHook<this>, options: HookOptions = {}): RemovableHandle {
    return this.#hooksFor('registerForwardPreHook', hook, options).add('before', hook as unknown as PreHook, options)
  }

  /**
   * Calls `hook` after each `forward` of this module, with its inputs as an array and its output. The hook may return a
   * new output. `undefined` and `null` change nothing. Hooks run in the order of registration, each with the output of
   * the previous one. Streams ({@link RecurrentModule.stream}) do not call `forward`, so they run no hooks.
   *
   * @param options.prepend Whether the hook runs before those already registered. Default `false`.
   * @returns a handle that removes the hook
   * @example
   * const shapes: number[][] = []
   * const handle = model.head.registerForwardHook((module, inputs, output) => void shapes.push(output.shape))
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_hook
   */
  registerForwardHook(hook: ForwardHook<this>, options: HookOptions = {}): RemovableHandle {
    return this.#hooksFor('registerForwardHook', hook, options).add('after', hook as unknown as Hook, options)
  }

  /**
   * Calls `hook` whenever the gradients of this module's inputs have been computed: with the gradients of the inputs and
   * of the outputs of one `forward`, `null` for what is no tensor or has no gradient. The hook may return new gradients
   * of the inputs: an array of all of them, or the gradient itself if there is only one. It must not change tensors in
   * place. If no input requires a gradient, it is called for the gradients of the outputs.
   *
   * Hooks are JavaScript: `forward` throws within `offload`, hence in a `Trainer`, and `backward()` for CUDA tensors.
   * `backward` disposes the tensors that the hook gets or makes; `torch.keep` keeps one.
   *
   * @param options.prepend Whether the hook runs before those already registered. Default `false`.
   * @returns a handle that removes the hook; passes that are in progress still call it
   * @example
   * layer.registerFullBackwardHook((module, [gradInput]) => gradInput?.clamp(-1, 1))
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook
   */
  registerFullBackwardHook(hook: BackwardHook<this>, options: HookOptions = {}): RemovableHandle {
    const name = 'registerFullBackwardHook'
    return this.#hooksFor(name, hook, options).add('backward', hook as unknown as BackwardHook, options)
  }

  /**
   * Calls `hook` before the gradients of this module's inputs are computed, with the gradients of the outputs. The hook
   * may return new ones, in the form of {@link registerFullBackwardHook}, whose limits it shares.
   *
   * @param options.prepend Whether the hook runs before those already registered. Default `false`.
   * @returns a handle that removes the hook
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_pre_hook
   */
  registerFullBackwardPreHook(hook: BackwardPreHook<this>, options: HookOptions = {}): RemovableHandle {
    const name = 'registerFullBackwardPreHook'
    return this.#hooksFor(name, hook, options).add('backwardPre', hook as unknown as BackwardPreHook, options)
  }

  #hooksFor(name: string, hook: unknown, options: HookOptions): Hooks {
    requireFunction(name, 'hook', hook)
    checkOptions(name, options, ['prepend'])
    requireBoolean(name, 'prepend', options.prepend ?? false)
    this.#hooks ??= new Hooks(this)
    return this.#hooks
  }

  /**
   * A deep copy, as Python's `copy.deepcopy(module)` makes it: of parameters (without their gradients), buffers, modules,
   * hooks and other properties. What has two names, such as a tied weight, is one copy with two names. Objects of other
   * classes and functions, hooks among them, are shared with the copy.
   *
   * JavaScript gives private fields (`#name`) only to what a constructor made: a class that has them overrides this
   * method.
   *
   * @throws {TorchError} if a property holds a tensor that was computed from others with gradients: PyTorch does not copy
   *   it either.
   */
  clone(...none: undefined[]): this {
    requireNone('clone', none)
    return noGrad(() => tidy(() => this[COPY](new Copies(Module.prototype.clone))))
  }

  /** @internal */
  static [BLANK](source: Module): object {
    return blankOf(Module, [], source)
  }

  /** @internal {@link clone} as a part of a larger copy. */
  [COPY](copies: Copies): this {
    const copy = (this.constructor as typeof Module)[BLANK](this) as this
    copies.note(this, copy)
    const hooks = this.#hooks
    this.#registry.scan()
    copies.properties(
      this,
      copy,
      (name) =>
        this.#registry.copyTo(copy.#registry, name, (value) => copies.copy(value)) ||
        (name === 'forward' && hooks?.active === true),
    )
    if (hooks !== undefined) copy.#hooks = hooks.cloneFor(copy)
    copy[COPIED](this, copies)
    return copy
  }

  /** @internal */
  protected [COPIED](_source: this, _copies: Copies): void {}

  /** The number of elements of all parameters, each counted once; `trainable`: only those that require a gradient. */
  countParameters(options: { trainable?: boolean } = {}): number {
    checkOptions('countParameters', options, ['trainable'])
    const { trainable = false } = options
    requireBoolean('countParameters', 'trainable', trainable)
    let count = 0
    for (const parameter of this.parameters()) if (!trainable || parameter.requiresGrad) count += parameter.numel
    return count
  }

  /** Sets {@link training} on this module and all its descendants. */
  train(mode = true): this {
    if (typeof mode !== 'boolean') throw torchError('ERR_TORCH_VALUE', 'training mode is expected to be boolean')
    for (const module of this.modules()) module.training = mode
    return this
  }

  /** `train(false)` */
  eval(...none: undefined[]): this {
    requireNone('eval', none)
    return this.train(false)
  }

  /** Sets whether gradients are computed for the parameters. */
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

  /** Calls `fn` with every descendant, children first, and then with this module. */
  apply(fn: (module: Module) => void): this {
    requireFunction('Module.apply', 'fn', fn)
    for (const child of this.children()) child.apply(fn)
    fn(this)
    return this
  }

  /**
   * Converts parameters and buffers in place: they stay the same objects, so optimizers remain valid. The dtype must be
   * a floating-point one; integer tensors keep theirs.
   *
   * @example model.to('float64'); model.to({ device: 'cuda' })
   */
  to(target: DType | Device | Pick<ToOptions, 'dtype' | 'device' | 'nonBlocking'>): this {
    return this.#convert(conversionOf(target), FLOATING)
  }

  /**
   * Converts parameters and buffers: those whose dtype matches `floating` get the dtype of the options, all of them the
   * device.
   */
  #convert(options: ToOptions, floating: RegExp): this {
    convertAll([...this.parameters(), ...this.buffers()], options, floating)
    for (const module of this.modules()) module.onReplaced()
    return this
  }

  /** Converts the real floating-point parameters and buffers to float32. */
  float(): this {
    return this.#convert({ dtype: 'float32' }, REAL)
  }

  /** Converts the real floating-point parameters and buffers to float64. */
  double(): this {
    return this.#convert({ dtype: 'float64' }, REAL)
  }

  /** Converts the real floating-point parameters and buffers to float16. */
  half(): this {
    return this.#convert({ dtype: 'float16' }, REAL)
  }

  /** Converts the real floating-point parameters and buffers to bfloat16. */
  bfloat16(): this {
    return this.#convert({ dtype: 'bfloat16' }, REAL)
  }

  /**
   * Moves parameters and buffers to a CUDA device, by default to the current one. The weights of each recurrent network
   * are then stored in one block of memory, as cuDNN prefers.
   */
  cuda(device: Device = 'cuda'): this {
    requireCudaDevice('cuda', device)
    return this.to(device)
  }

  /** Moves parameters and buffers to the CPU. */
  cpu(): this {
    return this.to('cpu')
  }

  /**
   * Called after {@link to} and {@link loadStateDict}, which may have replaced the memory of parameters and buffers.
   */
  protected onReplaced(): void {}

  /**
   * The state dictionary to load, if this module at `path` had other names once. Called by {@link loadStateDict}.
   */
  protected renamed(stateDict: Readonly<StateDict>, _path: string): Readonly<StateDict> {
    return stateDict
  }

  /**
   * Parameters and persistent buffers under all their names: a module that is used twice appears twice, as in PyTorch.
   * The tensors share memory with the module; clone them to keep a snapshot.
   */
  stateDict(...none: undefined[]): StateDict {
    requireNone('stateDict', none)
    const dict: StateDict = {}
    for (const [prefix, module] of this.#everywhere()) {
      for (const kind of [Parameter, Buffer]) {
        for (const [name, tensor] of module.#own<Tensor>(kind)) {
          if (tensor instanceof Buffer && !tensor.persistent) continue
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
   * @throws {TorchError} listing missing and unexpected names (if strict) and mismatched sizes (always). Nothing is
   *   copied in that case.
   */
  loadStateDict(stateDict: Readonly<StateDict>, options: { strict?: boolean } = {}): LoadResult {
    checkOptions('loadStateDict', options, ['strict'])
    const { strict = true } = options
    requireBoolean('loadStateDict', 'strict', strict)
    requireDict(`${this.constructor.name}.loadStateDict`, 'the state dict', stateDict)
    let given = stateDict
    for (const [path, module] of this.#everywhere()) given = module.renamed(given, path)
    const own = this.stateDict()
    const result = copyInto(this.constructor.name, own, given, strict)
    for (const tensor of Object.values(own)) tensor.dispose()
    for (const module of this.modules()) module.onReplaced()
    return result
  }

  /** The text between the parentheses when the module is printed. */
  protected extraRepr(): string {
    return ''
  }

  /** The module as PyTorch prints it. */
  toString(): string {
    const children = [...this.childEntries()].map(([name, child]) => `(${name}): ${child}`.replaceAll('\n', '\n  '))
    const extra = this.extraRepr()
    const lines = extra === '' ? [] : extra.split('\n')
    if (children.length === 0 && lines.length < 2) return `${this.constructor.name}(${extra})`
    return `${this.constructor.name}(\n${[...lines, ...children].map((line) => `  ${line}`).join('\n')}\n)`
  }

  /** {@link toString}, for `console.log`. */
  [inspect.custom](): string {
    return this.toString()
  }

  /** @internal Functions that compare objects look at this first: ReLU and Tanh have the same properties. */
  get [Symbol.toStringTag](): string {
    return `${this.constructor.name}(${this.extraRepr()})`
  }
}

// Not in the class, whose private members would then use an alias of it: see `childEntries`.
function isModule(value: unknown): boolean {
  return value instanceof Module
}

function pathOf(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`
}
