import { checkOptions, requireNone } from '../check.ts'
import type { GeneratorHandle } from '../native/addon.ts'
import { opaque } from '../opaque.ts'
import { native } from './binding.ts'
import { enter } from './context.ts'
import { requireDevice } from './device.ts'
import { listOf } from './ids.ts'
import { seeded } from './seed.ts'
import { type Device, idOf, requireTensor, type Tensor, wrap } from './tensor.ts'

export interface GeneratorOptions {
  /** Default `'cpu'`. The generator works only for tensors on this device. */
  device?: Device
}

/** @internal The native generator. Throws if `generator` is not a Generator. */
export let handleOf: (generator: Generator) => GeneratorHandle
/** @internal */
export let isGenerator: (value: unknown) => value is Generator

/**
 * An independent random number generator, for the `generator` option of random operations: PyTorch's `torch.Generator`.
 * Without that option, operations use the default generator, which `torch.manualSeed` seeds.
 *
 * Within `offload`, a generator follows the order of the queued operations, like tensors.
 *
 * @example
 * const generator = new torch.Generator().manualSeed(7)
 * torch.randn([2, 3], { generator })
 * @throws {TorchError} `ERR_TORCH_DEVICE` if the machine does not have the device.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.Generator.html
 */
export class Generator {
  readonly #handle: GeneratorHandle
  /** The device that it generates numbers for. */
  readonly device: Device
  /** Throws for `JSON.stringify`, which would leave out what is not in the properties. */
  readonly toJSON: () => never = opaque('Generator', 'use getState()')

  constructor(options: GeneratorOptions = {}, ...none: undefined[]) {
    requireNone('Generator', none)
    checkOptions('Generator', options, ['device'])
    const { device = 'cpu' } = options
    requireDevice('Generator', device)
    this.#handle = native.generator(device)
    this.device = native.generatorDevice(this.#handle) as Device
  }

  static {
    isGenerator = (value): value is Generator => typeof value === 'object' && value !== null && #handle in value
    handleOf = (generator) => generator.#handle
  }

  /** Seeds the generator, with an integer from -2^63 up to 2^64 - 1. Returns the generator. */
  manualSeed(seed: number | bigint): this {
    return this.#seeded(() => native.seedGenerator(this.#handle, seed))
  }

  /** Seeds with a number from the operating system, and returns that number. */
  seed(): number {
    const seed = native.randomSeed()
    this.manualSeed(seed)
    return seed
  }

  /** The seed of the generator, as a bigint if it exceeds 2^53 - 1. */
  initialSeed(): number | bigint {
    return narrowed(native.initialSeed(this.#handle))
  }

  /** The state of the generator: bytes (uint8) in PyTorch's format. */
  getState(): Tensor {
    const scope = enter()
    return wrap(native.generatorState(this.#handle), scope)
  }

  /**
   * Restores a state returned by {@link getState}. Returns the generator.
   * @throws {TorchError} if `state` is not the state of a generator for this device.
   */
  setState(state: Tensor): this {
    return this.#seeded(() => setState('setState', this.#handle, state))
  }

  // A captured CUDA graph may depend on the previous state of a CUDA generator.
  #seeded(seed: () => void): this {
    if (this.device === 'cpu') seed()
    else seeded(seed)
    return this
  }
}

/** @internal A seed as a number if that is exact, else as a bigint. */
export function narrowed(seed: bigint): number | bigint {
  return seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seed) : seed
}

/** @internal Sets the state of a generator, or (`null`) of the default one. */
export function setState(name: string, generator: GeneratorHandle | null, state: Tensor): void {
  requireTensor(name, 'state', state)
  enter()
  native.setGeneratorState(generator, listOf([idOf(state)]))
}
