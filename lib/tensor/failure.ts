import { isNativeError } from 'node:util/types'
import { type ErrorCode, TorchError, type TorchErrorOptions, torchError } from '../errors.ts'
import { native as addon } from '../native/addon.ts'
import { WITHOUT_CUDA } from '../native/libtorch.ts'
import { camelCase } from '../ops/schema.ts'
import { inOurWords } from './wording.ts'

/** The C++ class of an exception, as reported by `error.cpp`. */
type Kind =
  | 'cancelled'
  | 'disposed'
  | 'index'
  | 'notImplemented'
  | 'outOfMemory'
  | 'pending'
  | 'runtime'
  | 'type'
  | 'value'

const CODES: Record<Exclude<Kind, 'runtime'>, ErrorCode> = {
  cancelled: 'ERR_TORCH_RUNTIME',
  disposed: 'ERR_TORCH_DISPOSED',
  index: 'ERR_TORCH_INDEX',
  notImplemented: 'ERR_TORCH_NOT_IMPLEMENTED',
  outOfMemory: 'ERR_TORCH_OUT_OF_MEMORY',
  pending: 'ERR_TORCH_PENDING',
  type: 'ERR_TORCH_TYPE',
  value: 'ERR_TORCH_VALUE',
}

/**
 * Messages to be classified before the class or other words are considered: LibTorch versions throw different classes
 * for these.
 */
const OF_STATE = /\bdeterministic (?:behavior|implementation|algorithms)\b|both events must be/i

/** LibTorch throws the same class for most failures; only the wording tells them apart. The first match wins. */
const WORDING: readonly (readonly [RegExp, ErrorCode])[] = [
  [
    /allocate memory|out of memory|STATUS_ALLOC_FAILED|not enough memory|Storage size calculation overflowed/i,
    'ERR_TORCH_OUT_OF_MEMORY',
  ],
  [
    /without overflow|step must be nonzero|steps must be non-negative|must be greater|inconsistent with step|unsupported range|expects 'from' to be less/,
    'ERR_TORCH_VALUE',
  ],
  [
    /element < 0|n_sample|must be in (the range|label range|\[)|to have value at (most|least)|to be in \[|to be true, but got false|(?<!size must be )non-negative|must be >|expects (std|lambda)|\[from, to\)|non-positive|must be either|to be one of|ZeroDivisionError|divisible by|index k out of range|to be greater than|Order \S* not supported/,
    'ERR_TORCH_VALUE',
  ],
  [/Dimension out of range|index out of range|out of (?:DATA )?bounds|index .* is out of/i, 'ERR_TORCH_INDEX'],
  [/Double backwards is not supported/, 'ERR_TORCH_AUTOGRAD'],
  [/same device|CUDA|cuda|cuDNN|NVIDIA|backend|accelerator/, 'ERR_TORCH_DEVICE'],
  [
    /does not require grad|backward through the graph|RNN backward can only be called in training mode|leaf Variable|requires_grad|[Ii]nference tensor|inplace operation|not have been used in the graph|grad can be implicitly/,
    'ERR_TORCH_AUTOGRAD',
  ],
  [
    /dtype|scalar type|not implemented for '|must have the same type|data ?type|cast to the desired/i,
    'ERR_TORCH_DTYPE',
  ],
  [/(should|must|has to) be between/, 'ERR_TORCH_VALUE'],
  [/shape|size|square|dimension|\d-?D\b|broadcast|stack expects|elements/i, 'ERR_TORCH_SHAPE'],
]

function codeOf(kind: Kind, message: string): ErrorCode {
  if (OF_STATE.test(message)) return 'ERR_TORCH_RUNTIME'
  if (kind !== 'runtime' && kind !== 'notImplemented') return CODES[kind]
  const found = WORDING.find(([wording]) => wording.test(message))?.[1]
  return found ?? (kind === 'notImplemented' ? 'ERR_TORCH_NOT_IMPLEMENTED' : 'ERR_TORCH_RUNTIME')
}

/** Messages of a CPU-only LibTorch when CUDA or pinned memory is requested. */
const ASKED_FOR_CUDA =
  /Could not run .* from the 'CUDA' backend|with CUDA_HOME|Cannot initialize CUDA|not linked with support for cuda|Cannot access accelerator device|requires a CUDA or other accelerator/

/** Messages of the CUDA runtime for which LibTorch has a better one, which Python requests before every use of CUDA. */
const NO_DEVICE = /CUDA error: (CUDA driver version is insufficient|no CUDA-capable device)/

/** The message that TorchScript puts after its own stack trace. */
function withoutScriptTrace(message: string): string {
  if (!/^The following operation failed in the TorchScript interpreter/.test(message)) return message
  const last = message
    .trimEnd()
    .split('\n')
    .findLastIndex((line) => /^[\w.]+: /.test(line))
  return last < 0
    ? message
    : message
        .trimEnd()
        .split('\n')
        .slice(last)
        .join('\n')
        .replace(/^builtins\./, '')
        .replace(/^RuntimeError: /, '')
}

/** The message in the terms of this API, with the operation that failed. */
function sentence(message: string, op: string | undefined): string {
  if (NO_DEVICE.test(message)) return `${op ? `${op}: ` : ''}${addon.cudaState().problem ?? message}`
  if (ASKED_FOR_CUDA.test(message)) return `${op ? `${op}: ` : ''}${WITHOUT_CUDA}`
  const text = inOurWords(message)
  if (text.includes('RNN backward can only be called in training mode')) {
    return `${text}: call train() on the module before the forward pass; its dropout can be set to 0 meanwhile`
  }
  if (
    op === undefined ||
    text
      .toLowerCase()
      .replace(/^linalg[._]/, '')
      .startsWith(op.toLowerCase())
  )
    return text
  return `${op}: ${text}`
}

/** The name of a queued operator, in camelCase. */
function nameOf(thrown: object): string | undefined {
  return 'op' in thrown ? camelCase(String(thrown.op).replace(/^\w+::/, '')) : undefined
}

interface FailureOptions extends TorchErrorOptions {
  /** The argument that has been disposed, if one has. */
  argument?: string | undefined
}

/** The typed error for an exception thrown by a native call or while reading its arguments. */
export function failure(thrown: unknown, { argument, ...options }: FailureOptions = {}): unknown {
  if (thrown instanceof TorchError && thrown.code === 'ERR_TORCH_DISPOSED' && thrown.op === undefined && options.op) {
    const which = argument === undefined ? '' : `argument '${argument}': `
    return torchError(thrown.code, `${options.op}: ${which}${thrown.message}`, options)
  }
  // The addon's errors belong to the main realm: in a test runner's realm, they are not `instanceof Error`.
  if (thrown instanceof TorchError || !isNativeError(thrown) || !('kind' in thrown)) return thrown
  const text = withoutScriptTrace(thrown.message)
  const op = nameOf(thrown) ?? options.op
  // An assertion has a sentence of ours.
  const message = sentence(text, op !== undefined && /^_assert_?async/i.test(op) ? undefined : op)
  // Keep the original message: a TorchScript trace contains the source lines of the module.
  const cause = message.endsWith(thrown.message) ? {} : { cause: thrown }
  return torchError(codeOf(thrown.kind as Kind, text), message, { ...cause, ...options, op })
}
