import { AsyncLocalStorage } from 'node:async_hooks'
import { isNativeError } from 'node:util/types'
import { checkOptions, requireFunction, requireNone, requireSignal } from '../check.ts'
import { siteOf, torchError } from '../errors.ts'
import type { GeneratorHandle } from '../native/addon.ts'
import { native } from './binding.ts'
import { type DType, scalarTypeOf } from './dtype.ts'
import { failure } from './failure.ts'
import { Scope } from './scope.ts'

/** @internal What autocast casts to on one kind of device, where it is on. */
export interface Cast {
  readonly enabled: boolean
  readonly dtype: DType
}

/** @internal The autocast contexts that surround the code that runs now. */
export interface Autocast {
  /** Numbers the outermost of them. */
  readonly context: number
  readonly cpu: Cast
  readonly cuda: Cast
  /** Whether the casts of parameters are kept for as long as the outermost context lasts. */
  readonly cache: boolean
}

/** What holds for the code that runs now: it follows the flow of control through every `await`. */
interface Context {
  readonly scope: Scope | undefined
  readonly grad: boolean
  readonly inference: boolean
  readonly autocast: Autocast | undefined
  /** What random numbers on the CPU are drawn from. `undefined`: the environment's own. */
  readonly generator: GeneratorHandle | undefined
}

const OUTERMOST: Context = { scope: undefined, grad: true, inference: false, autocast: undefined, generator: undefined }
const contexts = new AsyncLocalStorage<Context>()

/** Test runners evaluate this module anew for each file, over one addon: the modes that hold may be another copy's. */
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

/** @internal Brings LibTorch's modes in line with the context; every native call that they bear on starts with it. */
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
  const codeOf = (cast: Cast | undefined): number | null => (cast?.enabled ? scalarTypeOf(cast.dtype) : null)
  native.setMode(
    grad,
    inference,
    autocast?.context ?? 0,
    codeOf(autocast?.cpu),
    codeOf(autocast?.cuda),
    autocast?.cache ?? true,
    generator ?? null,
  )
}

/**
 * Runs `fn` and disposes every tensor that was created in it, except those that it returns (alone, or in arrays, plain
 * objects, maps and sets). With an async function the scope lasts until its promise settles; tensors of other tasks
 * that run meanwhile are not touched.
 *
 * Parameters, buffers and optimizer state are never disposed by it, nor is what {@link keep} names.
 */
export function tidy<T>(fn: () => T, ...none: never[]): T {
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
 * @internal Runs `fn` as {@link tidy} does, but what it creates, its result included, is disposed by `release`: to be
 * called once `fn`, or the promise that it returned, is done.
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

/** Records operations for gradients within `fn`, also inside {@link noGrad}: PyTorch's `torch.enable_grad()`. */
export function enableGrad<T>(fn: () => T): T {
  return inMode('enableGrad', { grad: true }, fn)
}

/**
 * {@link noGrad} with less overhead: what `fn` creates can never take part in autograd.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad_mode.inference_mode.html
 */
export function inferenceMode<T>(fn: () => T): T {
  return inMode('inferenceMode', { grad: false, inference: true }, fn)
}

/** Whether operations are recorded for gradients here: not within {@link noGrad} and {@link inferenceMode}. */
export function isGradEnabled(): boolean {
  return current().grad
}

/** Whether this runs within {@link inferenceMode}. */
export function isInferenceModeEnabled(): boolean {
  return current().inference
}

/** @internal Runs `fn`, which may be async, with `generator` as the default one of the CPU. */
export function drawingFrom<T>(generator: GeneratorHandle, fn: () => T): T {
  return contexts.run({ ...current(), generator }, fn)
}

/** @internal */
export function currentAutocast(): Autocast | undefined {
  return current().autocast
}

/** @internal Runs `fn` within an autocast context; `close` follows when it, or the promise that it returned, is done. */
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

/** What {@link offload} takes beside the function. */
export interface OffloadOptions {
  /** Skips the operations that have not begun; the promise then rejects with the signal's reason. */
  signal?: AbortSignal
}

/** The type of {@link offload}. */
export interface Offload {
  /**
   * Calls the synchronous function `fn`, with every tensor operation in it queued for a thread of its own instead of
   * run at once, and resolves with its result when they have all run: the event loop stays free meanwhile. Operations
   * keep their order, also from one `offload` to the next.
   *
   * Each `offload` is a unit: an operation outside of it that needs its results, changes what it reads or reads what it
   * changes waits until it is done. Others do not wait: making tensors from data, reading tensors that no queued
   * operation changes, computing with them.
   *
   * As with CUDA, tensors within `fn` are promises of a value. Passing them on costs nothing. `shape`, `dtype` and
   * `device` are known beforehand where they do not depend on values. Asking for values (`item()`, `toArray()`,
   * printing) throws: read them from the result. What changes a shape in place (`squeeze_`, `resize_`, `out`) and what
   * asks autograd (`requiresGrad`, `grad`) waits for the operations before it.
   *
   * What `fn` has made is disposed when an operation fails.
   *
   * @example
   * const loss = await offload(() => tidy(() => {
   *   const loss = criterion.forward(model.forward(x), y)
   *   loss.backward()
   *   return loss.detach()
   * }))
   * console.log(loss.item())
   *
   * @throws {TorchError} (rejects) the error of the first operation that failed; those after it are skipped.
   */
  <T>(fn: () => T, options?: OffloadOptions): Promise<T>
  /** How many calls have operations that have not run: the length of the queue. */
  readonly pending: number
}

/** Runs what `fn` queues. Its promise settles when all of it has run; `batch` names it. */
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

/** The batches that a signal cancels: with one listener, since more than ten make Node warn of a leak. */
const cancelled = new WeakMap<AbortSignal, Set<number>>()

/** Cancels the batch when the signal is aborted, or has been; what it returns ends that. */
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

async function run<T>(fn: () => T, options: OffloadOptions = {}): Promise<T> {
  requireFunction('offload', 'fn', fn)
  checkOptions('offload', options, ['signal'])
  const { signal } = options
  requireSignal('offload', signal)
  if (state.offloading)
    throw torchError(
      'ERR_TORCH_RUNTIME',
      'offload: cannot be called within offload: operations there are queued already; await one before the next',
    )
  signal?.throwIfAborted()
  // The trace of a rejection shall show this call, not the thread.
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
    // Also where the last operation had begun: whoever aborts waits for a rejection.
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
 * @internal Runs the operations of `fn` at once, also within {@link offload}: for tensors that outlive a step, which
 * must not be lost with a step that fails.
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

/** @internal Whether operations are queued instead of run. */
export function isOffloading(): boolean {
  return state.offloading
}
