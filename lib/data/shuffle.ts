import { totalmem } from 'node:os'
import { torchError } from '../errors.ts'
import { native } from '../tensor/binding.ts'
import { enter, offload, tidy } from '../tensor/context.ts'
import { empty, randperm } from '../tensor/creation.ts'
import { Generator, handleOf } from '../tensor/generator.ts'
import { keep } from '../tensor/tensor.ts'

/**
 * The numbers 0 … n - 1 in random order, with the same draws as one pass of PyTorch's `DataLoader`: with the same seed,
 * a Python program gets the same order.
 *
 * @param generator the generator to draw from. Default: the one that `torch.manualSeed` seeds.
 */
export function shuffled(n: number, generator?: Generator): Float64Array {
  skipSeed(generator)
  return permuted(n, generator)
}

/** The same after {@link skipSeed} or {@link drawSeed}. */
export function permuted(n: number, generator?: Generator): Float64Array {
  requireMemory(n)
  return native.permutation(handleOf(generator ?? seeded()), n)
}

/** {@link permuted} off the main thread, which takes seconds for some ten million numbers. */
export async function permutedOff(n: number, generator?: Generator): Promise<Float64Array> {
  requireMemory(n)
  const drawn = generator ?? seeded()
  const order = await offload(() => tidy(() => keep(randperm(n, { dtype: 'float64', generator: drawn }))))
  const numbers = order.toTypedArray({ copy: false }) as Float64Array
  order.dispose()
  return numbers
}

/** The generator of one order, where torch's own draws only its seed. */
function seeded(): Generator {
  enter()
  return new Generator().manualSeed(native.drawSeed(null))
}

/** An order is drawn as a tensor and read as an array, of 8 bytes per number each: more would only be noticed late. */
function requireMemory(n: number): void {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
  if (!(16 * n > memory)) return
  const [needed, own] = [16 * n, memory].map((bytes) => (bytes / 2 ** 30).toFixed(1))
  throw torchError(
    'ERR_TORCH_OUT_OF_MEMORY',
    `shuffle: the order of ${n} samples needs ${needed} GiB, but this machine has ${own} GiB: do not shuffle, or give a sampler or an iterable that draws them`,
  )
}

/** The extra draw from a generator at the end of a pass: PyTorch's sampler looks for more samples than there are. */
export function skipOrder(n: number, generator: Generator): void {
  tidy(() => void randperm(n, { dtype: 'float64', generator }))
}

/** {@link skipOrder} off the main thread. */
export async function skipOrderOff(n: number, generator: Generator): Promise<void> {
  await offload(() => skipOrder(n, generator))
}

/** Draws the seed for workers, as PyTorch's loader does at the start of each pass, shuffled or not. */
export function drawSeed(generator?: Generator): bigint {
  return tidy(() => {
    const drawn = empty([], { dtype: 'int64' }).random_({ generator: generator ?? null })
    return (drawn.toTypedArray() as BigInt64Array)[0] as bigint
  })
}

/** The same without reading it, which would wait within `offload`. */
export function skipSeed(generator?: Generator): void {
  tidy(() => void empty([], { dtype: 'int64' }).random_({ generator: generator ?? null }))
}
