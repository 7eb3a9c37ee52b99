/** A value's kind in the words of a JavaScript programmer, for error messages. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value))
    return value.length <= 8 && value.every((element) => typeof element === 'number')
      ? `[${value.join(', ')}]`
      : 'an array'
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
      return typeof name === 'string' && !['', 'Object'].includes(name) ? name : 'an object'
    }
    default:
      return `a ${typeof value}`
  }
}
