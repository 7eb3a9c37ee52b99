import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { HERE } from './here.cjs'

/** The root folder of this package: the same from `lib` and from `dist`. */
export const PACKAGE: string = join(HERE, '..', '..')

/** Whether this code is part of the installed package. Bundled into a program, it cannot find the files beside it. */
export function isInstalled(): boolean {
  try {
    const { name } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { name?: string }
    return name === 'libtorch-rnn'
  } catch {
    return false
  }
}

/** Loads a file or package from here at run time: one that is not JavaScript, or that may be missing. */
export function requireHere(name: string): unknown {
  return createRequire(join(PACKAGE, 'package.json'))(name)
}
