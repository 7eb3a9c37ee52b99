import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE } from './native/package.ts'

/** One evaluation of this package: of a folder, or of the same folder anew, as test runners do. */
interface Copy {
  readonly folder: string
}

const HERE: Copy = { folder: PACKAGE }

// Registered, so that it is the same for all copies.
const COPY = Symbol.for('libtorch-rnn.copy')

/** Marks the objects of a class as those of this copy of the package. */
export function markCopy(type: { readonly prototype: object }): void {
  Object.defineProperty(type.prototype, COPY, { value: HERE })
}

function nameOf({ folder }: Copy): string {
  try {
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
    return `${folder}, version ${version}`
  } catch {
    return folder
  }
}

/** Where `value` is an object of another copy of the package: what that means. */
export function otherCopy(value: unknown): string | undefined {
  const copy = (value as { [COPY]?: Copy } | null | undefined)?.[COPY]
  if (copy === undefined || copy === HERE) return undefined
  const where =
    copy.folder === PACKAGE
      ? `${PACKAGE} was loaded twice: the modules were reset, or bundled`
      : `${nameOf(copy)}; this one is ${nameOf(HERE)}; \`npm ls libtorch-rnn\` tells who brings them`
  return `of another copy of libtorch-rnn (${where})`
}
