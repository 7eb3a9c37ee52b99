import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import { native as addon, type Id, type NativeValue, type Script } from '../native/addon.ts'
import { Module } from '../nn/module.ts'
import { Buffer, Parameter } from '../nn/parameter.ts'
import { opaque } from '../opaque.ts'
import { native } from '../tensor/binding.ts'
import { enter, offload } from '../tensor/context.ts'
import { failure } from '../tensor/failure.ts'
import { isTensor, type Tensor, wrap } from '../tensor/tensor.ts'
import { fromNative, type ScriptValue, toNative } from './value.ts'

const CONSTRUCT = Symbol('construct')

/** @internal */
export let scriptModule: (script: Script) => ScriptModule

/**
 * A module that was written in Python and exported with `torch.jit.script` or `torch.jit.trace`. Load it with
 * `torch.jit.load`.
 *
 * Its parameters and buffers are the module's own tensors, so it can be trained, moved and converted like any
 * {@link Module}. A frozen module (`torch.jit.freeze`) has neither, and no training mode: as in PyTorch, `train()` does
 * nothing to it.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.jit.ScriptModule.html
 */
export class ScriptModule extends Module {
  /** @internal */
  readonly toJSON: () => never = opaque('ScriptModule', 'use stateDict()')
  readonly #script: Script
  readonly #name: string
  readonly #methods: readonly string[]

  // Protected, so that `new ScriptModule()` does not compile.
  protected constructor(key: symbol, script: Script) {
    if (key !== CONSTRUCT) {
      throw torchError('ERR_TORCH_TYPE', 'new ScriptModule() cannot make a module: use torch.jit.load(path)')
    }
    super()
    const { name, training, methods } = native.jitDescribe(script)
    const { parameters, buffers } = native.jitTensors(script)
    this.#script = script
    this.#name = name
    this.#methods = methods
    this.#followTraining(training)
    this.#adopt(parameters, Parameter)
    this.#adopt(buffers, Buffer)
  }

  static {
    scriptModule = (script) => new ScriptModule(CONSTRUCT, script)
  }

  /** Passes `training` on to the underlying module, however it is set; `null` means a frozen module. */
  #followTraining(initial: boolean | null): void {
    let training = initial ?? false
    Object.defineProperty(this, 'training', {
      enumerable: true,
      get: () => training,
      set: (mode: boolean) => {
        if (initial === null) return
        enter()
        native.jitTrain(this.#script, mode)
        training = mode
      },
    })
  }

  /** Makes the tensors properties of this module, under their dotted names, so that they belong to it. */
  #adopt(named: readonly (readonly [name: string, id: Id])[], kind: { adopt(tensor: Tensor): Tensor }): void {
    // A tensor may have several names.
    const found = new Map<Id, Tensor>()
    for (const [name, id] of named) {
      if (name in this) {
        throw torchError(
          'ERR_TORCH_VALUE',
          `${this.#name} has a tensor called '${name}', a name that is already taken here`,
        )
      }
      const tensor = found.get(id) ?? kind.adopt(wrap(id, undefined))
      found.set(id, tensor)
      Object.defineProperty(this, name, { value: tensor, enumerable: true })
    }
  }

  /** The names of its methods, including `forward` if it has one. */
  get methods(): string[] {
    return [...this.#methods]
  }

  /** @throws {TorchError} always: load the file again instead. */
  override clone(): never {
    throw torchError('ERR_TORCH_NOT_IMPLEMENTED', 'ScriptModule.clone: load the file again instead', { op: 'clone' })
  }

  /**
   * Calls the method `forward` synchronously. Within `torch.offload` the call is queued like any operation if it
   * returns only a tensor or tuples of tensors; otherwise it blocks, and {@link run} is the better choice.
   *
   * @param inputs as the method declares them: a number for an int or float, an array for a list or tuple, an object or
   *   Map for a dict, `null` for None, `undefined` for the default
   * @typeParam T the type of the result, which is not checked
   * @throws {TorchError} if the arguments do not fit, or the script raises an error, whose trace is in `cause`.
   */
  override forward<T extends ScriptValue = Tensor>(...inputs: (ScriptValue | undefined)[]): T {
    return this.runSync<T>('forward', ...inputs)
  }

  /** Calls any of the {@link methods}, as {@link forward} does, and blocks. */
  runSync<T extends ScriptValue = ScriptValue>(method: string, ...inputs: (ScriptValue | undefined)[]): T {
    const args = argumentsOf(method, inputs)
    const scope = enter()
    try {
      return fromNative(addon.jitRun(this.#script, method, args), scope) as T
    } catch (thrown) {
      throw failed(method, thrown, inputs)
    }
  }

  /**
   * Calls any of the {@link methods} on another thread, whatever it returns.
   * @throws {TorchError} (rejects) as {@link forward} throws.
   */
  async run<T extends ScriptValue = ScriptValue>(method: string, ...inputs: (ScriptValue | undefined)[]): Promise<T> {
    const args = argumentsOf(method, inputs)
    const started = await offload(() => {
      enter()
      try {
        return addon.jitStart(this.#script, method, args)
      } catch (thrown) {
        throw failed(method, thrown, inputs)
      }
    })
    return fromNative(native.jitResult(started), enter()) as T
  }

  protected override extraRepr(): string {
    return `original_name=${this.#name}`
  }
}

function argumentsOf(method: unknown, inputs: readonly unknown[]): NativeValue[] {
  if (typeof method !== 'string') {
    throw torchError('ERR_TORCH_TYPE', `the name of a method must be a string, got ${describe(method)}`)
  }
  return inputs.map((input, i) => toNative(input, `${method}: argument ${i + 1}`))
}

function failed(method: string, thrown: unknown, inputs: readonly unknown[]): unknown {
  const shapes = inputs.flatMap((input) => (isTensor(input) && !input.disposed && !input.pending ? [input.shape] : []))
  return failure(thrown, { op: method, shapes })
}
