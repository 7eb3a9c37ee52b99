import { requireFunction } from '../check.ts'
import { torchError } from '../errors.ts'
import { native } from './binding.ts'
import { drawingFrom, enter, isPromise } from './context.ts'
import { type Generator, handleOf, narrowed, setState } from './generator.ts'
import { seeded } from './seed.ts'
import { type Tensor, wrap } from './tensor.ts'

/**
 * Seeds the random numbers of this thread of JavaScript (the main thread, or a worker), so that they repeat and equal
 * those of PyTorch after `torch.manual_seed(seed)`. The generators of CUDA devices, which all threads share, are seeded,
 * too.
 *
 * @param seed from -2^63 up to 2^64 - 1
 */
export function manualSeed(seed: number | bigint): void {
  if (Number.isInteger(seed) && !Number.isSafeInteger(seed)) {
    throw torchError(
      'ERR_TORCH_VALUE',
      `manualSeed: ${seed} is beyond the safe integers of JavaScript: give a bigint, such as ${BigInt(seed)}n`,
      { op: 'manualSeed' },
    )
  }
  seeded(() => {
    enter()
    native.manualSeed(seed)
  })
}

/** {@link manualSeed} with a number from the operating system, which it returns. */
export function seed(): number {
  const seed = native.randomSeed()
  manualSeed(seed)
  return seed
}

/** The seed that the random numbers of the CPU were started with, as a bigint where it is beyond 2^53. */
export function initialSeed(): number | bigint {
  enter()
  return narrowed(native.initialSeed(null))
}

/**
 * Where the random numbers of the CPU are: 5056 bytes (uint8), the same as those of `torch.get_rng_state()` in PyTorch.
 * CUDA devices have `torch.cuda.getRngState`.
 */
export function getRngState(): Tensor {
  const scope = enter()
  return wrap(native.generatorState(null), scope)
}

/**
 * Goes on from where {@link getRngState} was called, here or in PyTorch.
 * @throws {TorchError} where `state` is no such state.
 */
export function setRngState(state: Tensor): void {
  setState('setRngState', null, state)
}

/**
 * Runs `fn`, which may be async, on a copy of the random numbers: it draws what would be drawn without it, may seed, and
 * what is drawn after it is as if it had not been. PyTorch's `torch.random.fork_rng()`.
 *
 * On the CPU only `fn` sees the copy. The generators of CUDA devices are put back into their state when `fn`, or its
 * promise, is done.
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

/** Puts the generators of CUDA devices back into the state that they are in now. */
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

/** @internal Runs `fn`, which may be async, with `generator`, one of the CPU, as the default one of the CPU. */
export function withGenerator<T>(generator: Generator, fn: () => T): T {
  return drawingFrom(handleOf(generator), fn)
}
