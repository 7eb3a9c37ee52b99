// Writes docs/missing.md.
import { writeFileSync } from 'node:fs'
import { page } from '../test/support/names.ts'

writeFileSync(new URL('../docs/missing.md', import.meta.url), page())
