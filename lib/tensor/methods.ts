import { describe } from '../describe.ts'
import { torchError } from '../errors.ts'
import type { TorchFunctions } from '../ops/generated.ts'
import { qualified, TABLE } from '../ops/table.ts'
import { type Packet, packet } from './packet.ts'
import { isTensor, Tensor } from './tensor.ts'

function method(name: string, call: Packet): (this: Tensor, ...args: unknown[]) => unknown {
  return function (...args) {
    if (!isTensor(this)) {
      throw torchError('ERR_TORCH_TYPE', `${name}() must be called on a Tensor, not on ${describe(this)}`, { op: name })
    }
    return call(this, ...args)
  }
}

/** Adds the methods of the table to tensors, and returns its functions: `add`, `linalg.inv`, … */
function install(): TorchFunctions {
  const functions: Record<string, unknown> = {}
  for (const row of TABLE) {
    const [last = '', namespace] = row.name.split('.').reverse()
    const call = packet(last, row.overloads.map(qualified))
    if (row.on !== 'function') {
      Object.defineProperty(Tensor.prototype, last, { value: method(last, call), writable: true, configurable: true })
    }
    if (row.on === 'method') continue
    const more = row.functionOverloads.map(qualified)
    const all = more.length === 0 ? call : packet(last, [...row.overloads.map(qualified), ...more])
    if (namespace === undefined) functions[last] = all
    else functions[namespace] = { ...(functions[namespace] as object | undefined), [last]: all }
  }
  return functions as unknown as TorchFunctions
}

export const functions = install()
