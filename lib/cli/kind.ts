/** A kind of value that a setting has: as text on the command line, and as JSON in a file of settings. */
export interface Kind<T> {
  /** What help texts show in its place. */
  readonly placeholder: string
  /** What it must be, for errors. */
  readonly wanted: string
  /** The values, if they are few. */
  readonly choices?: readonly string[]
  /** A text as such a value; `undefined` if it is none. */
  parse(text: string): unknown
  accepts(value: unknown): value is T
}

/** A text that is a number as a number: `Number('')` would be 0. */
const toNumber = (text: string): number => (/^\s*$/.test(text) ? Number.NaN : Number(text))

function numeric(placeholder: string, wanted: string, test: (value: number) => boolean): Kind<number> {
  return {
    placeholder,
    wanted,
    parse: toNumber,
    accepts: (value): value is number => typeof value === 'number' && test(value),
  }
}

export const count = numeric('<n>', 'a positive integer', (value) => Number.isSafeInteger(value) && value >= 1)
export const natural = numeric('<n>', 'a non-negative integer', (value) => Number.isSafeInteger(value) && value >= 0)
export const integer = numeric('<n>', 'an integer', Number.isSafeInteger)
export const positive = numeric('<x>', 'a positive number', (value) => value > 0 && value < Infinity)
export const nonNegative = numeric('<x>', 'a non-negative number', (value) => value >= 0 && value < Infinity)
export const probability = numeric('<p>', 'a number from 0 to 1', (value) => value >= 0 && value <= 1)

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

/** A text, shown as `placeholder` in help. */
export const text = (placeholder: string): Kind<string> => ({
  placeholder,
  wanted: 'a text that is not empty',
  parse: (value) => value,
  accepts: isText,
})

/** Several texts: separated by commas, or by naming the option again; in JSON an array. */
export const texts = (placeholder: string): Kind<readonly string[]> => ({
  placeholder,
  wanted: 'one or more texts, separated by commas',
  parse: (value) => value.split(',').map((part) => part.trim()),
  accepts: (value): value is readonly string[] => Array.isArray(value) && value.every(isText),
})

const numbers = (kind: Kind<number>, placeholder: string, wanted: string): Kind<readonly number[]> => ({
  placeholder,
  wanted: `one or more ${wanted}, separated by commas`,
  parse: (value) => value.split(',').map(toNumber),
  accepts: (value): value is readonly number[] =>
    Array.isArray(value) && value.length > 0 && value.every((item) => kind.accepts(item)),
})

export const counts = numbers(count, '<n,…>', 'positive integers')
export const positives = numbers(positive, '<x,…>', 'positive numbers')

/** Several numbers between 0 and 1. */
export const levels: Kind<readonly number[]> = {
  placeholder: '<p,…>',
  wanted: 'numbers between 0 and 1, separated by commas',
  parse: (value) => (value === 'none' ? [] : value.split(',').map(toNumber)),
  accepts: (value): value is readonly number[] =>
    Array.isArray(value) && value.every((level) => typeof level === 'number' && level > 0 && level < 1),
}

export const flag: Kind<boolean> = {
  placeholder: '',
  wanted: 'true or false',
  parse: (value) => (value === 'true' ? true : value === 'false' ? false : undefined),
  accepts: (value): value is boolean => typeof value === 'boolean',
}

export const choice = <const C extends string>(...choices: readonly C[]): Kind<C> => ({
  placeholder: '<name>',
  wanted: choices.length > 1 ? `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}` : `${choices[0]}`,
  choices,
  parse: (value) => value,
  accepts: (value): value is C => choices.includes(value as C),
})

export const choicesOf = <const C extends string>(...choices: readonly C[]): Kind<readonly C[]> => ({
  placeholder: '<name,…>',
  wanted: `one or more of ${choices.join(', ')}, separated by commas`,
  choices,
  parse: (value) => (value === 'none' ? [] : value.split(',').map((part) => part.trim())),
  accepts: (value): value is readonly C[] => Array.isArray(value) && value.every((name) => choices.includes(name)),
})

/** Where a part of the data starts. */
export const point: Kind<string | number> = {
  placeholder: '<point>',
  wanted: "a time such as '2014', a share of the rows between 0 and 1, or none",
  parse: (value) => (/^0?\.\d+$/.test(value) ? Number(value) : value),
  accepts: (value): value is string | number =>
    typeof value === 'number' ? value > 0 && value < 1 : typeof value === 'string' && /^(none|\d{4}.*)$/.test(value),
}

const isDict = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `rain=log,wind=robust` as entries; `undefined` for a part without a name. */
function entriesIn(value: string): [string, string][] | undefined {
  const entries = value.split(',').map((part): [string, string] => {
    const at = Math.max(0, part.lastIndexOf('='))
    return [part.slice(0, at).trim(), part.slice(at + 1).trim()]
  })
  return entries.every(([name]) => name !== '') ? entries : undefined
}

/** Names with texts: `rain=log,wind=robust`, in JSON an object. */
export const pairs: Kind<Readonly<Record<string, string>>> = {
  placeholder: '<name=value,…>',
  wanted: 'names with values, such as rain=log',
  parse: (value) => {
    const entries = entriesIn(value)
    return entries && Object.fromEntries(entries)
  },
  accepts: (value): value is Readonly<Record<string, string>> => isDict(value) && Object.values(value).every(isText),
}

/** Names with texts or numbers: `recurrent=orthogonal,bias=0`, in JSON an object. */
export const values: Kind<Readonly<Record<string, string | number>>> = {
  placeholder: '<name=value,…>',
  wanted: 'names with names or numbers, such as recurrent=orthogonal,bias=0',
  parse: (value) => {
    const entries = entriesIn(value)
    return entries && Object.fromEntries(entries.map(([name, text]) => [name, isNumber(text) ? Number(text) : text]))
  },
  accepts: (value): value is Readonly<Record<string, string | number>> =>
    isDict(value) && Object.values(value).every((item) => isText(item) || Number.isFinite(item)),
}

const isNumber = (text: string): boolean => Number.isFinite(toNumber(text))

/** A name, or an object with a name and options: `cosine`, `{"name": "cosine", "warmup": 0.1}`. */
export const named: Kind<string | Readonly<Record<string, unknown>>> = {
  placeholder: '<name>',
  wanted: 'a name, or JSON with a name and options such as {"name": "cosine", "warmup": 0.1}',
  parse: (value) => {
    if (!value.trimStart().startsWith('{')) return value
    try {
      return JSON.parse(value)
    } catch {
      return undefined
    }
  },
  accepts: (value): value is string | Readonly<Record<string, unknown>> =>
    isText(value) || (isDict(value) && isText(value.name)),
}
