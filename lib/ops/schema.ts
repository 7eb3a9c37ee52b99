/** An argument of an ATen operator. */
export interface Argument {
  /** In camelCase: `startDim`. */
  readonly name: string
  /** As in the schema: `start_dim`. */
  readonly torchName: string
  /** `Tensor`, `Tensor?`, `Tensor[]`, `Scalar`, `int`, `int[2]`, `SymInt[]?`, `float`, `bool`, `ScalarType?`, … */
  readonly type: string
  readonly hasDefault: boolean
  readonly keywordOnly: boolean
  /** The operator writes to it. */
  readonly mutated: boolean
  /** Accepts a number, although the type is Tensor. */
  readonly takesNumber: boolean
}

/** Operators that accept numbers for tensors in PyTorch, whose overloads for numbers are not exposed in Python. */
const ARITHMETIC = /^aten::(add|sub|subtract|mul|multiply|div|divide|true_divide|floor_divide|copy)_?$/

export interface Result {
  readonly type: string
  /** The alias annotation: `a!` for an argument that was written to. */
  readonly alias?: string
}

/** The signature of one overload, as LibTorch's dispatcher prints it. */
export interface Schema {
  /** With the namespace: `aten::add`. */
  readonly name: string
  readonly overload: string
  readonly args: readonly Argument[]
  readonly returns: readonly Result[]
}

/** `start_dim` as `startDim`. */
export function camelCase(name: string): string {
  return name.replace(/(?<=.)_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** Splits at commas outside brackets and quotes. */
function split(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let quote = ''
  let start = 0
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (quote !== '') {
      if (char === quote) quote = ''
    } else if (char === '"' || char === "'") quote = char
    else if ('([{'.includes(char)) depth++
    else if (')]}'.includes(char)) depth--
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim())
      start = i + 1
    }
  }
  const last = text.slice(start).trim()
  return last === '' ? parts : [...parts, last]
}

/** Separates a type from its alias annotation: `Tensor(a!)[]` is `Tensor[]` and `a!`. */
function typeOf(text: string): { type: string; alias?: string } {
  const alias = text.match(/\(([^)]*)\)/)?.[1]
  const type = text.replace(/\([^)]*\)/g, '')
  return alias === undefined ? { type } : { type, alias }
}

function argumentOf(operator: string, text: string, keywordOnly: boolean): Argument {
  const equals = text.indexOf('=')
  const declaration = equals < 0 ? text : text.slice(0, equals)
  const space = declaration.trimEnd().lastIndexOf(' ')
  const torchName = declaration.slice(space + 1).trim()
  const { type, alias } = typeOf(declaration.slice(0, space).trim())
  const mutated = alias?.includes('!') ?? false
  return {
    name: camelCase(torchName),
    torchName,
    type,
    hasDefault: equals >= 0,
    keywordOnly,
    mutated,
    takesNumber: type === 'Tensor' && !mutated && ARITHMETIC.test(operator),
  }
}

/** Parses a schema such as `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`. */
export function parseSchema(text: string): Schema {
  const open = text.indexOf('(')
  const arrow = text.lastIndexOf(') -> ')
  if (open < 0 || arrow < 0) throw new SyntaxError(`not an operator schema: ${text}`)
  const [name = '', overload = ''] = text.slice(0, open).split('.')
  let keywordOnly = false
  const args: Argument[] = []
  for (const part of split(text.slice(open + 1, arrow))) {
    if (part === '*') keywordOnly = true
    else args.push(argumentOf(name, part, keywordOnly))
  }
  const result = text.slice(arrow + 5).trim()
  const results = result.startsWith('(') ? split(result.slice(1, -1)) : [result]
  // A result may have a name: `Tensor values`.
  const returns = results.map((part) => typeOf(part.replace(/^(\S+)\s+\w+$/, '$1')))
  return { name, overload, args, returns }
}
