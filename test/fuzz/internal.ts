import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const LIB = fileURLToPath(new URL('../../lib', import.meta.url))

/** The name of a member; of one whose key is a symbol, in the form of `String(symbol)`. */
const nameOf = (name: ts.PropertyName, source: ts.SourceFile): string =>
  name.getText(source).replace(/^\[(.*)\]$/, 'Symbol($1)')

/**
 * The members of classes that are no part of the API, as `Class.member`: what is protected, or marked as internal, and
 * the constructors of abstract ones; or only what is marked.
 */
export function internalMembers({ onlyMarked = false } = {}): Set<string> {
  const found = new Set<string>()
  for (const file of readdirSync(LIB, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue
    const source = ts.createSourceFile(file, readFileSync(join(LIB, file), 'utf8'), ts.ScriptTarget.ESNext, true)
    ts.forEachChild(source, (node) => {
      if (!ts.isClassDeclaration(node)) return
      const isAbstract = (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Abstract) !== 0
      if (isAbstract && !onlyMarked) found.add(`${node.name?.text}.constructor`)
      for (const member of node.members) {
        const flags = onlyMarked ? 0 : ts.ModifierFlags.Protected | ts.ModifierFlags.Private
        const isInternal =
          (ts.getCombinedModifierFlags(member) & flags) !== 0 ||
          ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'internal')
        if (isInternal && member.name !== undefined) found.add(`${node.name?.text}.${nameOf(member.name, source)}`)
        if (isInternal && ts.isConstructorDeclaration(member)) found.add(`${node.name?.text}.constructor`)
      }
    })
  }
  return found
}
