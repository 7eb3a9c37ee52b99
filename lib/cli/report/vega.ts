// Vega and Vega-Lite, packages that only reports need. The text of their builds for browsers is what a page carries, and
// the same text draws the charts here: their modules for Node.js cannot be required, because they wait at top level.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { compileFunction } from 'node:vm'
import { messageOf, torchError } from '../../errors.ts'
import { PACKAGE } from '../../native/package.ts'

/** A chart as Vega-Lite describes it: https://vega.github.io/vega-lite/docs/spec.html */
export type Spec = Readonly<Record<string, unknown>>

interface View {
  toSVG(): Promise<string>
}

interface Vega {
  readonly View: new (runtime: object, options: { renderer: 'none'; logLevel: number }) => View
  readonly version: string
  parse(spec: object): object
  readonly textMetrics: { width(item: { fontSize?: number }, text: unknown): number }
}

interface Logger {
  warn(...parts: unknown[]): Logger
  info(...parts: unknown[]): Logger
  debug(...parts: unknown[]): Logger
  error(...parts: unknown[]): Logger
  level(value?: number): Logger | number
}

interface VegaLite {
  readonly version: string
  compile(spec: Spec, options: { logger: Logger }): { spec: object }
}

/** What draws charts. */
export interface Vegas {
  /** A chart as Vega has it, which is what a page draws. @throws {Error} for a spec that Vega-Lite warns of. */
  compile(spec: Spec): object
  /** A chart of {@link compile} as SVG. */
  svg(compiled: object): Promise<string>
  /** The program of a page, and its licence. */
  readonly program: string
  readonly license: string
}

/** What Vega-Lite says about a spec is a mistake of ours. */
const strict: Logger = {
  warn: (...parts) => {
    throw new Error(`Vega-Lite warns: ${parts.join(' ')}`)
  },
  error: (...parts) => {
    throw new Error(`Vega-Lite fails: ${parts.join(' ')}`)
  },
  info: () => strict,
  debug: () => strict,
  level: () => strict,
}

/** The file of the build for browsers of a package, which lies beside its main file. */
function fileOf(name: string, build: string, resolve: (name: string) => string): string {
  try {
    const main = resolve(name)
    return join(dirname(main), build)
  } catch (cause) {
    throw torchError(
      'ERR_TORCH_RUNTIME',
      `a report draws its charts by Vega: npm install vega vega-lite (${messageOf(cause).split('\n')[0]})`,
      { cause },
    )
  }
}

function run(path: string, text: string, needs: (name: string) => unknown): unknown {
  const module = { exports: {} }
  compileFunction(text, ['exports', 'module', 'require'], { filename: path })(module.exports, module, needs)
  return module.exports
}

/** Finds a package from here: in the project that has installed this one. */
const resolveHere = (name: string): string => createRequire(join(PACKAGE, 'package.json')).resolve(name)

/** Loads them. @throws {TorchError} with the command that installs them, if they are missing. */
export function loadVega(resolve: (name: string) => string = resolveHere): Vegas {
  const path = fileOf('vega', 'vega.min.js', resolve)
  const litePath = fileOf('vega-lite', 'vega-lite.min.js', resolve)
  const program = readFileSync(path, 'utf8')
  const vega = run(path, program, () => undefined) as Vega
  const lite = run(litePath, readFileSync(litePath, 'utf8'), () => vega) as VegaLite
  // Without a canvas to measure texts, Vega takes them for wider than they are, and charts get empty margins.
  vega.textMetrics.width = ({ fontSize = 11 }, text) => 0.56 * fontSize * String(text ?? '').length
  return {
    compile: (spec) => lite.compile(spec, { logger: strict }).spec,
    svg: async (compiled) => await new vega.View(vega.parse(compiled), { renderer: 'none', logLevel: 0 }).toSVG(),
    program,
    license: licenseOf(path),
  }
}

/** The copyright notice of a package, which its copies must have. */
function licenseOf(path: string): string {
  return readFileSync(join(dirname(path), '..', 'LICENSE'), 'utf8').trim()
}
