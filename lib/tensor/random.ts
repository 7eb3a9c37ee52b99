import { requireFunction } from '../check.ts'
import { torchError } from '../errors.ts'
import { native } from './binding.ts'
import { drawingFrom, enter, isPromise } from './context.ts'
import { type Generator, handleOf, narrowed, setState } from './generator.ts'
import { seeded } from './seed.ts'
import { type Tensor, wrap } from './tensor.ts'

/**
 * Seeds the random numbers of this JavaScript thread (the main thread or a worker). They are then reproducible and
 * equal those of PyTorch after `torch.manual_seed(seed)`. Also seeds the generators of the CUDA devices, which all
 * threads share.
 *
 * @param seed from -2^63 up to 2^64 - 1
 */
export function manualSeed(seed: number | bigint): void {
  if (Number.isInteger(seed) && !Number.isSafeInteger(seed)) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `manualSeed: ${seed} is beyond the safe integers of JavaScript: pass a bigint, such as ${BigInt(seed)}n`,
      { op: 'manualSeed' },
    )
  }
  seeded(() => {
    enter()
    native.manualSeed(seed)
  })
}

/** Calls {@link manualSeed} with a number from the operating system, and returns that number. */
export function seed(): number {
  const seed = native.randomSeed()
  manualSeed(seed)
  return seed
}

/** The seed of the CPU's random numbers, as a bigint if it exceeds 2^53 - 1. */
export function initialSeed(): number | bigint {
  enter()
  return narrowed(native.initialSeed(null))
}

/**
 * The state of the CPU's random numbers: 5056 bytes (uint8), the same as `torch.get_rng_state()` in PyTorch. For CUDA
 * devices, use `torch.cuda.getRngState`.
 */
export function getRngState(): Tensor {
  const scope = enter()
  return wrap(native.generatorState(null), scope)
}

/**
 * Restores a state returned by {@link getRngState}, here or in PyTorch.
 * @throws {TorchError} if `state` is not such a state.
 */
export function setRngState(state: Tensor): void {
  setState('setRngState', null, state)
}

/**
 * Runs `fn`, which may be async, with a copy of the random number state. Within `fn`, the random numbers continue from
 * the current state and may be seeded; afterwards they continue as if `fn` had not run. PyTorch's
 * `torch.random.fork_rng()`.
 *
 * On the CPU, only `fn` sees the copy. The generators of the CUDA devices are reset to their previous state when `fn`,
 * or its promise, is done.
 *
 * @example
 * torch.forkRng(() => {
 *   torch.manualSeed(0)
 *   return torch.rand([3])
 * })
 */
export function forkRng<T>(fn: () => T): T {
  requireFunction('forkRng', 'fn', fn)
  enter()
  const restore = cudaRestorer()
  let result: T
  try {
    result = drawingFrom(native.forkGenerator(), fn)
  } catch (error) {
    restore()
    throw error
  }
  if (isPromise(result)) return Promise.resolve(result).finally(restore) as T
  restore()
  return result
}

/** Returns a function that restores the current state of the generators of the CUDA devices. */
function cudaRestorer(): () => void {
  const states = Array.from({ length: native.cudaState().devices }, (_, device) => {
    const generator = native.cudaGenerator(device)
    return { generator, state: wrap(native.generatorState(generator), undefined) }
  })
  return () => {
    for (const { generator, state } of states) {
      seeded(() => setState('forkRng', generator, state))
      state.dispose()
    }
  }
}

/** @internal Runs `fn`, which may be async, with `generator`, a CPU generator, as the default generator of the CPU. */
export function withGenerator<T>(generator: Generator, fn: () => T): T {
  return drawingFrom(handleOf(generator), fn)
}
