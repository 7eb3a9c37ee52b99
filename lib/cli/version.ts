import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE } from '../native/package.ts'

/** The version of this package. */
export const VERSION: string = (JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string })
  .version
