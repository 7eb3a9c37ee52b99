import { isNativeError } from 'node:util/types'
import { type ErrorCode, TorchError, type TorchErrorOptions, torchError } from '../errors.ts'
import { native as addon } from '../native/addon.ts'
import { WITHOUT_CUDA } from '../native/libtorch.ts'

/** What `error.cpp` knows of an exception: its C++ class. */
type Kind = 'disposed' | 'index' | 'notImplemented' | 'outOfMemory' | 'pending' | 'runtime' | 'type' | 'value'

const CODES: Record<Exclude<Kind, 'runtime'>, ErrorCode> = {
  disposed: 'ERR_TORCH_DISPOSED',
  index: 'ERR_TORCH_INDEX',
  notImplemented: 'ERR_TORCH_NOT_IMPLEMENTED',
  outOfMemory: 'ERR_TORCH_OUT_OF_MEMORY',
  pending: 'ERR_TORCH_PENDING',
  type: 'ERR_TORCH_TYPE',
  value: 'ERR_TORCH_VALUE',
}

/** LibTorch throws one class for most failures: its wording tells them apart. The first match counts. */
const WORDING: readonly (readonly [RegExp, ErrorCode])[] = [
  [
    /allocate memory|out of memory|STATUS_ALLOC_FAILED|not enough memory|Storage size calculation overflowed/i,
    'ERR_TORCH_OUT_OF_MEMORY',
  ],
  [
    /without overflow|step must be nonzero|steps must be non-negative|must be greater|inconsistent with step|unsupported range|expects 'from' to be less/,
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
  [/shape|size|dimension|\d-?D\b|broadcast|stack expects|elements/i, 'ERR_TORCH_SHAPE'],
]

function codeOf(kind: Kind, message: string): ErrorCode {
  if (kind !== 'runtime' && kind !== 'notImplemented') return CODES[kind]
  const found = WORDING.find(([wording]) => wording.test(message))?.[1]
  return found ?? (kind === 'notImplemented' ? 'ERR_TORCH_NOT_IMPLEMENTED' : 'ERR_TORCH_RUNTIME')
}

/** What a LibTorch for the CPU says when it is asked for CUDA or for pinned memory. */
const ASKED_FOR_CUDA =
  /Could not run .* from the 'CUDA' backend|with CUDA_HOME|Cannot initialize CUDA|not linked with support for cuda|Cannot access accelerator device|requires a CUDA or other accelerator/

/** What the CUDA runtime says where LibTorch has a better sentence, which Python asks for before every use of CUDA. */
const NO_DEVICE = /CUDA error: (CUDA driver version is insufficient|no CUDA-capable device)/

/** What TorchScript says at the end of its own trace, which comes first. */
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

/** The message without what only LibTorch's developers can use, and with the operation that failed. */
function sentence(message: string, op: string | undefined): string {
  const text = message
    .replace(/\nException raised from [\s\S]*$/, '')
    // As Python says it.
    .replace(/\bCPU(\w+)Type\b/g, 'torch.$1Tensor')
    .replace(/\bCUDA(\w+)Type\b/g, 'torch.cuda.$1Tensor')
    .trimEnd()
  if (NO_DEVICE.test(text)) return `${op ? `${op}: ` : ''}${addon.cudaState().problem ?? text}`
  if (ASKED_FOR_CUDA.test(text)) return `${op ? `${op}: ` : ''}${WITHOUT_CUDA}`
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

/** The typed error for what a native call threw. */
export function failure(thrown: unknown, options: TorchErrorOptions = {}): unknown {
  // The addon's errors are of the main realm: in a test runner's, they are not `instanceof Error`.
  if (thrown instanceof TorchError || !isNativeError(thrown) || !('kind' in thrown)) return thrown
  const text = withoutScriptTrace(thrown.message)
  const message = sentence(text, options.op)
  // The trace is worth keeping: it has the lines of the module.
  const cause = text === thrown.message ? {} : { cause: thrown }
  return torchError(codeOf(thrown.kind as Kind, message), message, { ...cause, ...options })
}
