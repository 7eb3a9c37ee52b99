import { spawnSync } from 'node:child_process'
import { PACKAGE } from '../../lib/native/package.ts'

/** A part of `npm run ci:full`. */
export interface Stage {
  /** The name that selects it on the command line. */
  readonly name: string
  /** A short description of what it checks. */
  readonly title: string
  /** Throws if it fails. */
  run(): void | Promise<void>
}

/** Runs a program in the checkout, with `environment` added to that of this process; throws if it fails. */
export function run(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): void {
  const env = { ...process.env, ...environment }
  const { status, signal, error } = spawnSync(program, args, { cwd: PACKAGE, stdio: 'inherit', env })
  if (error) throw error
  if (status !== 0) throw new Error(`\`${program} ${args.join(' ')}\` ended with ${signal ?? status}`)
}

/** The output of a program; throws if it fails. */
export function outputOf(program: string, args: readonly string[]): string {
  const { status, error, stdout } = spawnSync(program, args, { cwd: PACKAGE, encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`\`${program} ${args.join(' ')}\` ended with ${status}`)
  return stdout.trim()
}
