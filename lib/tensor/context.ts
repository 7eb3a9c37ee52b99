import { AsyncLocalStorage } from 'node:async_hooks'
import { isNativeError } from 'node:util/types'
import { checkOptions, requireFunction, requireNone, requireSignal } from '../check.ts'
import { siteOf, torchError } from '../errors.ts'
import type { GeneratorHandle } from '../native/addon.ts'
import { native } from './binding.ts'
import { DEVICE_TYPES, type DeviceType } from './device.ts'
import { type DType, scalarTypeOf } from './dtype.ts'
import { failure } from './failure.ts'
import { Scope } from './scope.ts'

/** @internal The autocast settings for one device type. */
export interface Cast {
  readonly enabled: boolean
  readonly dtype: DType
}

/** @internal The autocast contexts around the running code. */
export interface Autocast {
  /** The number of the outermost context. */
  readonly context: number
  readonly casts: Readonly<Record<DeviceType, Cast>>
  /** Whether casts of parameters are cached until the outermost context ends. */
  readonly cache: boolean
}

/** The state that applies to the running code. It follows the control flow through every `await`. */
interface Context {
  readonly scope: Scope | undefined
  readonly grad: boolean
  readonly inference: boolean
  readonly autocast: Autocast | undefined
  /** The generator for random numbers on the CPU. `undefined`: the default one of this thread. */
  readonly generator: GeneratorHandle | undefined
}

const OUTERMOST: Context = { scope: undefined, grad: true, inference: false, autocast: undefined, generator: undefined }
const contexts = new AsyncLocalStorage<Context>()

/**
 * Test runners evaluate this module again for each file, but share one addon: the active modes may have been set by
 * another copy.
 */
const { state } = native
const copy = state.copies++
let applied: Context | undefined

function current(): Context {
  return contexts.getStore() ?? OUTERMOST
}

/** @internal */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** @internal Sets LibTorch's modes to those of the context. Call this before every native call that depends on them. */
export function enter(): Scope | undefined {
  const context = current()
  if (context !== applied || state.copy !== copy) {
    if (
      applied === undefined ||
      state.copy !== copy ||
      context.grad !== applied.grad ||
      context.inference !== applied.inference ||
      context.autocast !== applied.autocast ||
      context.generator !== applied.generator
    ) {
      applyModes(context)
    }
    applied = context
    state.copy = copy
  }
  return context.scope
}

function applyModes({ grad, inference, autocast, generator }: Context): void {
  native.setMode(grad, inference, autocast === undefined ? null : nativeAutocast(autocast), generator ?? null)
}

function nativeAutocast({ context, casts, cache }: Autocast): Parameters<typeof native.setMode>[2] {
  const dtypeOf = ({ enabled, dtype }: Cast): number | null => (enabled ? scalarTypeOf(dtype) : null)
  return [context, DEVICE_TYPES.map((type) => dtypeOf(casts[type])), cache]
}

/**
 * Runs `fn` and disposes every tensor created in it, except those that it returns (directly, or in arrays, plain
 * objects, maps and sets). With an async function, the scope lasts until the promise settles; tensors of other tasks
 * that run in the meantime are not affected.
 *
 * Parameters, buffers, optimizer state, and tensors passed to {@link keep} are never disposed by it.
 */
export function tidy<T>(fn: () => T, ...none: undefined[]): T {
  requireNone('tidy', none)
  requireFunction('tidy', 'fn', fn)
  const context = current()
  const scope = new Scope(context.scope)
  let result: T
  try {
    result = contexts.run({ ...context, scope }, fn)
  } catch (error) {
    scope.close(undefined)
    throw error
  }
  if (isPromise(result)) {
    const settled = result.then(
      (value) => {
        scope.close(value)
        return value
      },
      (error: unknown) => {
        scope.close(undefined)
        throw error
      },
    )
    return settled as T
  }
  scope.close(result)
  return result
}

/**
 * @internal Runs `fn` like {@link tidy}, but `release` disposes the tensors that it created, including its result. Call
 * `release` once `fn`, or the promise that it returned, is done.
 */
export function retain<T>(fn: () => T): { readonly result: T; release(): void } {
  const context = current()
  const scope = new Scope(context.scope)
  const release = (): void => scope.close(undefined)
  try {
    return { result: contexts.run({ ...context, scope }, fn), release }
  } catch (error) {
    release()
    throw error
  }
}

function inMode<T>(name: string, mode: Partial<Context>, fn: () => T): T {
  requireFunction(name, 'fn', fn)
  return contexts.run({ ...current(), ...mode }, fn)
}

/** Runs `fn`, which may be async, without recording operations for gradients: PyTorch's `torch.no_grad()`. */
export function noGrad<T>(fn: () => T): T {
  return inMode('noGrad', { grad: false }, fn)
}

/** Runs `fn` while recording operations for gradients, even inside {@link noGrad}: PyTorch's `torch.enable_grad()`. */
export function enableGrad<T>(fn: () => T): T {
  return inMode('enableGrad', { grad: true }, fn)
}

/**
 * {@link noGrad} with less overhead: the tensors that `fn` creates can never take part in autograd.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad_mode.inference_mode.html
 */
export function inferenceMode<T>(fn: () => T): T {
  return inMode('inferenceMode', { grad: false, inference: true }, fn)
}

/** Whether operations are recorded for gradients: `false` within {@link noGrad} and {@link inferenceMode}. */
export function isGradEnabled(): boolean {
  return current().grad
}

/** Whether the caller runs within {@link inferenceMode}. */
export function isInferenceModeEnabled(): boolean {
  return current().inference
}

/** @internal Runs `fn`, which may be async, with `generator` as the default generator of the CPU. */
export function drawingFrom<T>(generator: GeneratorHandle, fn: () => T): T {
  return contexts.run({ ...current(), generator }, fn)
}

/** @internal Runs `fn`, which may be async, outside of all scopes and modes of its caller. */
export function outside<T>(fn: () => T): T {
  return contexts.run(OUTERMOST, fn)
}

/** @internal */
export function currentAutocast(): Autocast | undefined {
  return current().autocast
}

/** @internal Runs `fn` within an autocast context; calls `close` when it, or the promise that it returned, is done. */
export function inAutocast<T>(autocast: Autocast, fn: () => T, close: () => void): T {
  let result: T
  try {
    result = contexts.run({ ...current(), autocast }, fn)
  } catch (error) {
    close()
    throw error
  }
  if (isPromise(result)) {
    return result.then(
      (value) => {
        close()
        return value
      },
      (error: unknown) => {
        close()
        throw error
      },
    ) as T
  }
  close()
  return result
}

/** Options of {@link offload}. */
export interface OffloadOptions {
  /** Aborting it skips the operations that have not started; the promise then rejects with the signal's reason. */
  signal?: AbortSignal
}

/** The type of {@link offload}. */
export interface Offload {
  /**
   * Calls the synchronous function `fn`, but queues every tensor operation in it for a background thread instead of
   * running it at once. Resolves with the result of `fn` when all of them have run; the event loop is not blocked in
   * the meantime. Operations keep their order, also across calls of `offload`.
   *
   * Each `offload` is a unit. An operation outside it blocks until the unit is done if it needs its results, changes a
   * tensor that it reads, or reads a tensor that it changes. Other operations do not block: creating tensors from data,
   * and reading or computing with tensors that no queued operation changes.
   *
   * As with CUDA, tensors within `fn` are not computed yet. Passing them to operations does not block. `shape`, `dtype`
   * and `device` are known in advance unless they depend on values. Reading values (`item()`, `toArray()`, printing)
   * throws: read them from the awaited result. Operations that change a shape in place (`squeeze_`, `resize_`, `out`)
   * and queries of autograd (`requiresGrad`, `grad`) block until the preceding operations have run.
   *
   * If an operation fails, the tensors that `fn` created are disposed.
   *
   * @example
   * const loss = await offload(() => tidy(() => {
   *   const loss = criterion.forward(model.forward(x), y)
   *   loss.backward()
   *   return loss.detach()
   * }))
   * console.log(loss.item())
   *
   * @throws {TorchError} (rejects) with the error of the first operation that failed; later operations are skipped.
   */
  <T>(fn: () => T, options?: OffloadOptions): Promise<T>
  /** The number of calls whose operations have not all run: the length of the queue. */
  readonly pending: number
}

/**
 * Queues the operations of `fn` as one batch, with the number `batch`. `finished` settles when all of them have run.
 */
function queue<T>(fn: () => T): { result: T; batch: number; finished: Promise<void> } {
  const batch = native.queue(true)
  state.offloading = true
  let result: T
  let finished: Promise<void>
  try {
    result = fn()
  } finally {
    state.offloading = false
    finished = native.queue(false)
    // Handled by the caller, unless `fn` threw.
    finished.catch(() => {})
  }
  return { result, batch, finished }
}

/**
 * The batches that a signal cancels. Each signal has a single listener, since more than ten make Node warn of a leak.
 */
const cancelled = new WeakMap<AbortSignal, Set<number>>()

/** Cancels the batch if the signal is or becomes aborted. Returns a function that ends this. */
function cancelBy(signal: AbortSignal, batch: number): () => void {
  if (signal.aborted) native.cancel(batch)
  const known = cancelled.get(signal)
  const batches = known ?? new Set<number>()
  batches.add(batch)
  if (known === undefined) {
    cancelled.set(signal, batches)
    signal.addEventListener('abort', () => batches.forEach((one) => void native.cancel(one)), { once: true })
  }
  return () => batches.delete(batch)
}

function isCancelled(thrown: unknown): boolean {
  return isNativeError(thrown) && 'kind' in thrown && thrown.kind === 'cancelled'
}

async function run<T>(fn: () => T, options: OffloadOptions = {}, ...none: undefined[]): Promise<T> {
  requireFunction('offload', 'fn', fn)
  checkOptions('offload', options, ['signal'], none)
  const { signal } = options
  requireSignal('offload', signal)
  if (state.offloading)
    throw torchError(
      'ERR_TORCH_RUNTIME',
      'offload: cannot be called within offload: operations there are queued already; await one before the next',
    )
  signal?.throwIfAborted()
  // The stack trace of a rejection should show this call, not the thread.
  const site = siteOf(run)
  const context = current()
  const scope = new Scope(context.scope)
  let cancelling: (() => void) | undefined
  try {
    const { result, batch, finished } = queue(() => contexts.run({ ...context, scope }, fn))
    if (signal !== undefined) cancelling = cancelBy(signal, batch)
    if (isPromise(result)) {
      result.then(undefined, () => {})
      throw torchError('ERR_TORCH_TYPE', 'offload: fn must be synchronous, but it returned a Promise')
    }
    await finished
    // Even if the last operation had already started: code that aborts expects a rejection.
    signal?.throwIfAborted()
    scope.dissolve()
    return result
  } catch (thrown) {
    scope.close(undefined, true)
    if (signal?.aborted && (thrown === signal.reason || isCancelled(thrown))) throw signal.reason
    throw failure(thrown, { site })
  } finally {
    cancelling?.()
  }
}

/** {@inheritDoc Offload} */
export const offload: Offload = Object.defineProperty(run as Offload, 'pending', {
  get: () => native.pendingBatches(),
  enumerable: true,
})

/**
 * @internal Runs the operations of `fn` immediately, even within {@link offload}: for tensors that outlive a step and
 * must not be lost if the step fails.
 */
export function atOnce<T>(fn: () => T): T {
  if (!state.offloading) return fn()
  native.suspend(true)
  state.offloading = false
  try {
    return fn()
  } finally {
    state.offloading = true
    native.suspend(false)
  }
}

/** @internal Whether operations are being queued instead of run. */
export function isOffloading(): boolean {
  return state.offloading
}
