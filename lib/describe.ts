import { otherCopy } from './copy.ts'

/** A value's kind in the words of a JavaScript programmer, for error messages. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) {
    if (value.length <= 8 && value.every((element) => typeof element === 'number')) return `[${value.join(', ')}]`
    const foreign: unknown = value.find((element) => otherCopy(element) !== undefined)
    return foreign === undefined ? 'an array' : `an array with ${describe(foreign)}`
  }
  switch (typeof value) {
    case 'string':
      return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value)
    case 'bigint':
      return `${value}n`
    case 'object': {
      const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
      const kind = typeof name === 'string' && !['', 'Object'].includes(name) ? name : 'an object'
      const copy = otherCopy(value)
      return copy === undefined ? kind : `${kind} ${copy}`
    }
    default:
      return `a ${typeof value}`
  }
}
