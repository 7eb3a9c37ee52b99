const STYLES = { bold: [1, 22], red: [31, 39], yellow: [33, 39], dim: [2, 22] } as const

/** Colours on a terminal that has some, unless the environment has NO_COLOR. */
export function styled(stream: NodeJS.WriteStream, style: keyof typeof STYLES, text: string): string {
  if (!stream.isTTY || !stream.hasColors()) return text
  const [on, off] = STYLES[style]
  return `\u001B[${on}m${text}\u001B[${off}m`
}

export interface OutputOptions {
  json?: boolean
  quiet?: boolean
  verbose?: boolean
}

/** What a command says: its result on standard output, all else on standard error. */
export class Output {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly warnings: string[] = []

  constructor({ json = false, quiet = false, verbose = false }: OutputOptions) {
    this.json = json
    this.quiet = quiet
    this.verbose = verbose
  }

  /** Says something about the course of things. */
  note(text: string): void {
    if (!this.quiet) process.stderr.write(`${text}\n`)
  }

  /** Says something that only `--verbose` asks for. */
  detail(text: string): void {
    if (this.verbose) this.note(text)
  }

  /** Says what may be wrong, once, also with `--quiet`. */
  warn(text: string): void {
    if (this.warnings.includes(text)) return
    this.warnings.push(text)
    process.stderr.write(`${styled(process.stderr, 'yellow', 'warning:')} ${text}\n`)
  }

  /** Prints the result: as JSON, or as text unless `--quiet`. */
  result(value: object, text: () => string): void {
    if (this.json) process.stdout.write(`${JSON.stringify({ ...value, warnings: this.warnings }, null, 2)}\n`)
    else if (!this.quiet) process.stdout.write(`${text()}\n`)
  }
}

/** A table as text: the first column to the left, the others to the right, unless `align` says otherwise. */
export function tableText(rows: readonly (readonly string[])[], align: 'left' | 'right' = 'right'): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) =>
          i === 0 || align === 'left' ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** A number in a table. */
export function numberText(value: number): string {
  const size = Math.abs(value)
  if (Number.isNaN(value)) return '-'
  if (Number.isInteger(value) && size < 1e9) return String(value)
  if (size < 1e-3 || size >= 1e9) return value.toExponential(3)
  return size >= 1000 ? value.toFixed(0) : value.toPrecision(4)
}
