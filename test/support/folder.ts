import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Registers a function to be called when something is over. */
export type Later = (clean: () => void) => void

/** Creates an empty folder, which is removed after the running test, or when `later` says. */
export function temporaryFolder(later: Later = onTestFinished): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'libtorch-rnn-'))
  later(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes files, by path inside `folder`, and returns `folder`. */
export function writeFiles(folder: string, files: Record<string, string>): string {
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  return folder
}

/** Writes a shell script as a program, and returns the folder, for `PATH`. */
export function writeProgram(folder: string, name: string, script: string): string {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return folder
}

/** A `PATH` with only these programs. */
export function pathOf(...programs: string[]): string {
  const folder = temporaryFolder()
  for (const name of programs) {
    const places = (process.env.PATH ?? '').split(delimiter).map((place) => join(place, name))
    const program = places.find((place) => existsSync(place))
    if (program) symlinkSync(program, join(folder, name))
  }
  return folder
}
