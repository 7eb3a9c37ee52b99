// A type that users cannot import is one that they cannot write down: for a field, or for a function of their own.
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { CHECKOUT } from '../support/checkout.ts'

const DIST = join(CHECKOUT, 'dist')
/** The modules that package.json exports. */
const ENTRIES = [
  'index',
  'nn/index',
  'optim/index',
  'io/index',
  'models/index',
  'train/index',
  'forecast/index',
  'data/index',
  'inspect/index',
  'distributions/index',
  'metrics/index',
  'serve/index',
  'serve/http/index',
]

/** What the declarations of a package name and do not export: each type, by the way to the first place that names it. */
function notExported(folder: string, entries: readonly string[]): Record<string, string> {
  const files = entries.map((entry) => join(folder, `${entry}.d.ts`))
  const program = ts.createProgram(files, {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
  })
  const checker = program.getTypeChecker()
  const target = (symbol: ts.Symbol): ts.Symbol =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const isModule = (symbol: ts.Symbol): boolean => (symbol.flags & ts.SymbolFlags.Module) !== 0
  const isOwn = (node: ts.Node): boolean => node.getSourceFile().fileName.startsWith(folder)

  const exported = new Map<ts.Symbol, string>()
  const collect = (module: ts.Symbol, path: string): void => {
    for (const symbol of checker.getExportsOfModule(module)) {
      const found = target(symbol)
      if (exported.has(found)) continue
      exported.set(found, `${path}.${symbol.name}`)
      if (isModule(found)) collect(found, `${path}.${symbol.name}`)
    }
  }
  for (const [i, file] of files.entries()) {
    const source = program.getSourceFile(file) as ts.SourceFile
    collect(checker.getSymbolAtLocation(source) as ts.Symbol, entries[i] as string)
  }

  const missing: Record<string, string> = {}
  const seen = new Set<ts.Symbol>()
  const visit = (symbol: ts.Symbol, path: string): void => {
    if (seen.has(symbol)) return
    seen.add(symbol)
    for (const declaration of symbol.declarations ?? []) {
      if (!isOwn(declaration)) continue
      if (ts.isSourceFile(declaration)) {
        for (const member of checker.getExportsOfModule(symbol)) visit(target(member), `${path}.${member.name}`)
      } else {
        walk(declaration, path)
      }
    }
  }
  const name = (node: ts.Node, path: string, isRequired: boolean): void => {
    const symbol = checker.getSymbolAtLocation(node)
    if (symbol === undefined) return
    const found = target(symbol)
    if (found.flags & ts.SymbolFlags.TypeParameter || !found.declarations?.some(isOwn)) return
    if (isRequired && found.flags & ts.SymbolFlags.Type && !exported.has(found)) missing[found.name] ??= path
    visit(found, `${path} > ${found.name}`)
  }
  // A base class that a function has made, which is declared as a variable.
  const isComputed = (node: ts.Node): boolean =>
    ((checker.getSymbolAtLocation(node)?.flags ?? 0) & ts.SymbolFlags.Variable) !== 0
  const walk = (node: ts.Node, path: string): void => {
    const flags = ts.canHaveModifiers(node) ? ts.getCombinedModifierFlags(node as ts.Declaration) : 0
    // These concern subclasses: bases can have parts that are nobody else's business.
    if (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) return
    if (ts.isConstructorDeclaration(node)) {
      const { parent } = node
      if (ts.getCombinedModifierFlags(parent as ts.ClassDeclaration) & ts.ModifierFlags.Abstract) return
    }
    if (ts.isTypeReferenceNode(node)) name(node.typeName, path, true)
    else if (ts.isTypeQueryNode(node)) name(node.exprName, path, false)
    else if (ts.isImportTypeNode(node) && node.qualifier !== undefined) name(node.qualifier, path, true)
    else if (ts.isExpressionWithTypeArguments(node) && !isComputed(node.expression)) name(node.expression, path, false)
    const at = ts.isClassElement(node) || ts.isTypeElement(node) ? `${path}.${node.name?.getText() ?? 'new'}` : path
    ts.forEachChild(node, (child) => walk(child, at))
  }
  for (const [symbol, path] of exported) visit(symbol, path)
  return missing
}

test('every type that a public signature names can be imported', () => {
  expect(notExported(DIST, ENTRIES)).toEqual({})
}, 120_000)
