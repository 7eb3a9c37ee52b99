/** A number as Python prints a `float`: 1.0, 1e-05, inf. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  const magnitude = Math.abs(value)
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
  }
  const text = String(value)
  return text.includes('.') ? text : `${Object.is(value, -0) ? '-0' : text}.0`
}

/** A value as Python prints it. Numbers print as floats, like PyTorch's module options, except for counts. */
export function python(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return pythonFloat(value)
  if (Array.isArray(value)) {
    const elements = value.map((element) => (Number.isInteger(element) ? String(element) : python(element)))
    return `(${elements.join(', ')}${value.length === 1 ? ',' : ''})`
  }
  return `'${String(value)}'`
}

/** `negativeSlope` as `negative_slope`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** The printed form of those options that differ from their defaults. */
export function optionRepr(options: Record<string, unknown>, defaults: Record<string, unknown>): string {
  return Object.entries(options)
    .filter(([name, value]) => value !== defaults[name])
    .map(([name, value]) => `, ${snakeCase(name)}=${python(value)}`)
    .join('')
}
