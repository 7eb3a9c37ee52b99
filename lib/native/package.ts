import { createRequire } from 'node:module'
import { join } from 'node:path'
import { HERE } from './here.cjs'

/** The root folder of this package: the same from `lib` and from `dist`. */
export const PACKAGE: string = join(HERE, '..', '..')

/** Loads a file or package from here, at run time: one that is no JavaScript, or that may not be there. */
export function requireHere(name: string): unknown {
  return createRequire(join(PACKAGE, 'package.json'))(name)
}
