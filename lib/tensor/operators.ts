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

/** `torch.ops`: every operator that LibTorch has registered, by namespace and name in LibTorch's own spelling. */
export interface Operators {
  readonly aten: OperatorNamespace
  readonly [namespace: string]: OperatorNamespace
}

/** An object whose properties are made when they are asked for. */
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
  // The default overload, then those that return something new before those that write to `out`.
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

/** @example torch.ops.aten.native_layer_norm(x, [8], weight, bias, 1e-5) */
export const operators: Operators = lazy({} as Operators, (namespace) =>
  lazy<OperatorNamespace>({}, (name) => operator(`${namespace}::${name}`, name)),
)
