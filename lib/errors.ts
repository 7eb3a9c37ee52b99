import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isNativeError } from 'node:util/types'
import { describe } from './describe.ts'
import { PACKAGE } from './native/package.ts'

/** The kind of an error, as a stable string to branch on. */
export type ErrorCode =
  | 'ERR_TORCH_AUTOGRAD'
  | 'ERR_TORCH_CLOSED'
  | 'ERR_TORCH_DEVICE'
  | 'ERR_TORCH_DISPOSED'
  | 'ERR_TORCH_DTYPE'
  | 'ERR_TORCH_FILE'
  | 'ERR_TORCH_FORMAT'
  | 'ERR_TORCH_INDEX'
  | 'ERR_TORCH_LIBTORCH'
  | 'ERR_TORCH_NON_FINITE'
  | 'ERR_TORCH_NOT_IMPLEMENTED'
  | 'ERR_TORCH_OPTION'
  | 'ERR_TORCH_OUT_OF_MEMORY'
  | 'ERR_TORCH_OVERLOADED'
  | 'ERR_TORCH_PENDING'
  | 'ERR_TORCH_RUNTIME'
  | 'ERR_TORCH_SHAPE'
  | 'ERR_TORCH_TIMEOUT'
  | 'ERR_TORCH_TYPE'
  | 'ERR_TORCH_VALUE'

export interface TorchErrorOptions extends ErrorOptions {
  /** @internal An error made at the call site, for a failure that surfaces later. */
  site?: Site | undefined
  /** The operation that failed: `matmul`, `LSTM`. */
  op?: string | undefined
  /** The shapes of its tensor arguments. */
  shapes?: readonly (readonly number[])[] | undefined
}

/** This library's folders in a stack trace: compiled or, with source maps, as written; as paths, and as module URLs. */
const LIBRARY = ['dist', 'lib'].flatMap((folder) => {
  const path = join(PACKAGE, folder) + sep
  return [path, pathToFileURL(path).href]
})

/**
 * A frame of this library, or of a function it calls in between: `Array.map (<anonymous>)`,
 * `AsyncLocalStorage.run (node:…)`.
 */
function isOurs(frame: string): boolean {
  return LIBRARY.some((folder) => frame.includes(folder)) || /\((<anonymous>|native|node:[^)]*)\)$/.test(frame)
}

// The most frames that this library may have above the caller's.
const OWN_FRAMES = 50

/** Drops this library's frames above the caller's, so that the first line of the trace is the caller's. */
function fromCaller(stack: string, limit: number): string {
  const lines = stack.split('\n')
  const first = lines.findIndex((line) => /^\s+at /.test(line))
  const caller = lines.findIndex((line, index) => index >= first && !isOurs(line))
  if (first < 0 || caller < 0) return stack
  return [...lines.slice(0, first), ...lines.slice(caller, caller + limit)].join('\n')
}

/** Gives `target` a stack trace with more frames than usual, starting at the caller of `above`. */
function capture(target: object, above: (...args: never[]) => unknown): void {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = limit + OWN_FRAMES
  Error.captureStackTrace(target, above)
  Error.stackTraceLimit = limit
}

function traceOf(error: Error): string | undefined {
  const limit = Error.stackTraceLimit
  if (error.stack === undefined || !(limit > 0)) return error.stack
  capture(error, TorchError as never)
  return fromCaller(error.stack, limit)
}

/** The place where a function was called. */
export interface Site {
  readonly stack?: string | undefined
}

/**
 * @internal Where `above` was called. The trace is formatted lazily, because that takes as long as a small operation.
 */
export function siteOf(above: (...args: never[]) => unknown): Site {
  const limit = Error.stackTraceLimit
  const captured: { stack?: string } = {}
  if (limit > 0) capture(captured, above)
  return {
    get stack() {
      return captured.stack === undefined ? undefined : fromCaller(captured.stack, limit)
    },
  }
}

function requireArguments(
  name: string,
  { options, ...words }: { code: unknown; message: unknown; options: unknown },
): void {
  for (const [argument, value] of Object.entries(words)) {
    if (typeof value === 'string') continue
    throw torchError('ERR_TORCH_TYPE', `${name}: ${argument} must be a string, got ${describe(value)}`)
  }
  if (typeof options === 'object' && options !== null) return
  throw torchError('ERR_TORCH_TYPE', `${name}: options must be an object, got ${describe(options)}`)
}

/**
 * The class of every error that this library throws on purpose. `code` tells the kind; the first line is enough to act
 * on.
 */
export class TorchError extends Error {
  readonly code: ErrorCode
  // Only declared: as fields they would exist, with the value `undefined`.
  declare readonly op?: string
  declare readonly shapes?: readonly (readonly number[])[]

  constructor(code: ErrorCode, message: string, options: TorchErrorOptions = {}) {
    requireArguments(new.target.name, { code, message, options })
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    if (options.op !== undefined) this.op = options.op
    if (options.shapes !== undefined) this.shapes = options.shapes
    const site = options.site?.stack
    const stack = site === undefined ? traceOf(this) : `${this}${site.slice(site.indexOf('\n'))}`
    if (stack !== undefined) this.stack = stack
  }
}

/** An argument of the wrong type, or an unknown option (Python's TypeError). */
export class TorchTypeError extends TorchError {}

/** An argument of the right type with an invalid value (Python's ValueError). */
export class TorchValueError extends TorchError {}

/** Incompatible shapes. */
export class TorchShapeError extends TorchError {}

/** An index or a dimension out of range (Python's IndexError). */
export class TorchIndexError extends TorchError {}

/**
 * The machine or the device is out of memory. On CUDA the allocator has already released its cache and tried once more.
 * What the operation had allocated is free again, and smaller operations still work.
 */
export class TorchOutOfMemoryError extends TorchError {}

/** A tensor was used after `dispose()`, or after the `tidy` that created it. */
export class TorchDisposedError extends TorchError {}

/** LibTorch is missing, cannot be opened, or has a different version from the one this build needs. */
export class LibTorchError extends TorchError {
  constructor(message: string, options: TorchErrorOptions = {}) {
    super('ERR_TORCH_LIBTORCH', message, options)
  }
}

const CLASSES: Partial<Record<ErrorCode, typeof TorchError>> = {
  ERR_TORCH_DISPOSED: TorchDisposedError,
  ERR_TORCH_INDEX: TorchIndexError,
  ERR_TORCH_OPTION: TorchTypeError,
  ERR_TORCH_OUT_OF_MEMORY: TorchOutOfMemoryError,
  ERR_TORCH_SHAPE: TorchShapeError,
  ERR_TORCH_TYPE: TorchTypeError,
  ERR_TORCH_VALUE: TorchValueError,
}

// On the prototypes, as in JavaScript's own errors: a trace begins with the name, and is made before the fields are
// set.
for (const type of new Set([TorchError, LibTorchError, ...Object.values(CLASSES)])) {
  Object.defineProperty(type.prototype, 'name', { value: type.name, writable: true, configurable: true })
}

/** Makes an error of the subclass of {@link TorchError} for `code`. */
export function torchError(code: ErrorCode, message: string, options?: TorchErrorOptions): TorchError {
  return new (CLASSES[code] ?? TorchError)(code, message, options)
}

/**
 * @internal The message of a thrown value, which may be an error of another realm (a test runner's) or not an error at
 * all.
 */
export function messageOf(thrown: unknown): string {
  if (isNativeError(thrown)) return thrown.message
  // An object without toString.
  for (const textOf of [String, describe]) {
    try {
      return textOf(thrown)
    } catch {}
  }
  return 'a revoked Proxy'
}
