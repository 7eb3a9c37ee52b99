import { torchError } from '../errors.ts'
import { native } from './binding.ts'
import { type Packet, packet } from './packet.ts'

/** All overloads of an operator; each is also a property: `torch.ops.aten.add.Tensor`. */
export interface OperatorPacket extends Packet {
  readonly [overload: string]: Packet
}

export interface OperatorNamespace {
  readonly [name: string]: OperatorPacket
}

/** Operators by namespace and name, in LibTorch's spelling. */
export interface OperatorNamespaces {
  readonly aten: OperatorNamespace
  readonly [namespace: string]: OperatorNamespace
}

/** `torch.ops` */
export interface Operators {
  /** LibTorch's operators, except those that do not validate their arguments, which are in {@link unsafe}. */
  readonly aten: OperatorNamespace
  /**
   * Every operator that LibTorch has registered, including internal ones: private ones (`aten._stack`), backward
   * passes, those for quantized tensors and other libraries (`mkldnn_…`, `cudnn_…`), and those of other namespaces.
   * They do not validate their arguments: inconsistent ones can crash the process, as in Python.
   */
  readonly unsafe: OperatorNamespaces
}

/** An object whose properties are created on first access. */
function lazy<T extends object>(target: T, make: (name: string) => unknown): T {
  const made = new Map<string, unknown>()
  return new Proxy(target, {
    get(object, name, receiver) {
      if (typeof name !== 'string' || name === 'then' || name in object) return Reflect.get(object, name, receiver)
      if (!made.has(name)) made.set(name, make(name))
      return made.get(name)
    },
  })
}

function operator(qualified: string, name: string): OperatorPacket {
  const overloads = native.overloads(qualified)
  if (overloads.length === 0) {
    throw torchError('ERR_TORCH_NOT_IMPLEMENTED', `this LibTorch has no operator ${qualified}`)
  }
  // The default overload comes first, then those that return a new tensor, then those that write to `out`.
  overloads.sort((a, b) => Number(a.includes('out')) - Number(b.includes('out')) || a.length - b.length)
  const call = packet(
    name,
    overloads.map((overload) => [qualified, overload] as const),
  )
  return lazy(call as OperatorPacket, (overload) => {
    const wanted = overload === 'default' ? '' : overload
    if (!overloads.includes(wanted)) {
      throw torchError(
        'ERR_TORCH_NOT_IMPLEMENTED',
        `${qualified} has no overload '${overload}'; it has ${overloads.map((found) => found || 'default').join(', ')}`,
      )
    }
    return packet(`${name}.${overload}`, [[qualified, wanted]])
  })
}

/**
 * Operators whose kernels hardly validate their arguments, since only LibTorch is meant to call them. `batch_norm`
 * checks the sizes for its kernels. `range` (not `arange`) divides by a step that may have become 0, and
 * `choose_qparams_optimized` reads as many elements as it is told to.
 */
const TRUSTING =
  /^_|backward|^(quantized|mkldnn|mkl|cudnn|miopen|fbgemm|thnn|slow_conv|conv_depthwise|native_batch_norm|batch_norm_|choose_qparams|range$)/

const unsafe = lazy({} as OperatorNamespaces, (namespace) =>
  lazy<OperatorNamespace>({}, (name) => operator(`${namespace}::${name}`, name)),
)

/** @example torch.ops.aten.native_layer_norm(x, [8], weight, bias, 1e-5) */
export const operators: Operators = lazy({ unsafe } as Operators, (namespace) => {
  const refuse = (name: string): never => {
    throw torchError(
      'ERR_TORCH_NOT_IMPLEMENTED',
      `torch.ops.${namespace}.${name}: this operator is internal to LibTorch and does not validate its arguments: wrong ones can crash the process. If you are sure of them, call torch.ops.unsafe.${namespace}.${name}`,
    )
  }
  return lazy<OperatorNamespace>({}, (name) =>
    namespace !== 'aten' || TRUSTING.test(name) ? refuse(name) : operator(`${namespace}::${name}`, name),
  )
})
