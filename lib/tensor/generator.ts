import { checkOptions } from '../check.ts'
import type { GeneratorHandle } from '../native/addon.ts'
import { opaque } from '../opaque.ts'
import { native } from './binding.ts'
import { enter } from './context.ts'
import { requireDevice } from './device.ts'
import { listOf } from './ids.ts'
import { seeded } from './seed.ts'
import { type Device, idOf, requireTensor, type Tensor, wrap } from './tensor.ts'

export interface GeneratorOptions {
  /** Default `'cpu'`. It draws for tensors of this device only. */
  device?: Device
}

/** @internal The native generator. Throws where `generator` is none. */
export let handleOf: (generator: Generator) => GeneratorHandle
/** @internal */
export let isGenerator: (value: unknown) => value is Generator

/**
 * A stream of random numbers of its own, for the `generator` option of what draws: PyTorch's `torch.Generator`. Without
 * that option, operations draw from the stream that `torch.manualSeed` seeds.
 *
 * Within `offload` a generator keeps to the order of what is queued, as tensors do.
 *
 * @example
 * const generator = new torch.Generator().manualSeed(7)
 * torch.randn([2, 3], { generator })
 * @throws {TorchError} `ERR_TORCH_DEVICE` where the machine does not have the device.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.Generator.html
 */
export class Generator {
  readonly #handle: GeneratorHandle
  /** The device that it draws for. */
  readonly device: Device
  /** @internal */
  readonly toJSON: () => never = opaque('Generator', 'use getState()')

  constructor(options: GeneratorOptions = {}) {
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

  /** Starts the stream that belongs to the seed: from -2^63 up to 2^64 - 1. Returns the generator. */
  manualSeed(seed: number | bigint): this {
    return this.#seeded(() => native.seedGenerator(this.#handle, seed))
  }

  /** Seeds with a number from the operating system, and returns that number. */
  seed(): number {
    const seed = native.randomSeed()
    this.manualSeed(seed)
    return seed
  }

  /** The seed that the stream was started with, as a bigint where it is beyond 2^53. */
  initialSeed(): number | bigint {
    return narrowed(native.initialSeed(this.#handle))
  }

  /** Where the stream is: bytes (uint8) that PyTorch reads and writes as well. */
  getState(): Tensor {
    const scope = enter()
    return wrap(native.generatorState(this.#handle), scope)
  }

  /**
   * Goes on from where {@link getState} was called. Returns the generator.
   * @throws {TorchError} where `state` is no state of a generator of this device.
   */
  setState(state: Tensor): this {
    return this.#seeded(() => setState('setState', this.#handle, state))
  }

  // A captured CUDA graph may hold on to where a stream of CUDA was.
  #seeded(seed: () => void): this {
    if (this.device === 'cpu') seed()
    else seeded(seed)
    return this
  }
}

/** @internal A seed as a number, where that is exact. */
export function narrowed(seed: bigint): number | bigint {
  return seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seed) : seed
}

/** @internal Sets the state of a generator, or of the one that is drawn from by default. */
export function setState(name: string, generator: GeneratorHandle | null, state: Tensor): void {
  requireTensor(name, 'state', state)
  enter()
  native.setGeneratorState(generator, listOf([idOf(state)]))
}
