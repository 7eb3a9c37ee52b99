import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import * as lib from '../../lib/index.ts'
import { CHECKOUT } from '../support/checkout.ts'

/** The modules of the package, by what they are imported from. */
const ENTRIES = [
  'index',
  'models/index',
  'train/index',
  'forecast/index',
  'data/index',
  'inspect/index',
  'io/index',
  'distributions/index',
  'metrics/index',
  'serve/index',
  'serve/http/index',
]
const FILE = join(CHECKOUT, 'documentation.ts')
/** Classes with a text at the constructor, which says all that the class's own does. */
const HIDING = new Set(['PackedSequence', 'Parameter'])

/** A language service over the compiled declarations, as an editor has it, for a program in one file. */
function service(code: string): ts.LanguageService {
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    strict: true,
    noEmit: true,
  }
  return ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [FILE],
    getScriptVersion: () => '0',
    getScriptSnapshot: (name) => {
      const text = name === FILE ? code : ts.sys.readFile(name)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCurrentDirectory: () => CHECKOUT,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: (name) => name === FILE || ts.sys.fileExists(name),
    readFile: ts.sys.readFile,
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  })
}

/** What an editor is asked of: `torch.add`, `new nn.GRU`. */
function expressions(): string[] {
  const imports = ENTRIES.map((entry, i) => `import * as m${i} from './dist/${entry}.js'`)
  const program = service(imports.join('\n')).getProgram() as ts.Program
  const checker = program.getTypeChecker()
  const found: string[] = []
  const seen = new Set<ts.Declaration | undefined>()
  const visit = (symbol: ts.Symbol, path: string, depth: number): void => {
    const [specifier] = symbol.declarations ?? []
    // What is exported as a type only is no value.
    if (specifier && ts.isExportSpecifier(specifier) && ts.isTypeOnlyExportDeclaration(specifier)) return
    const resolved = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    if (!(resolved.flags & ts.SymbolFlags.Value)) return
    const type = checker.getTypeOfSymbol(resolved)
    if (resolved.flags & ts.SymbolFlags.Class) {
      if (seen.has(resolved.declarations?.[0])) return
      seen.add(resolved.declarations?.[0])
      if (!(ts.getCombinedModifierFlags(resolved.valueDeclaration as ts.Declaration) & ts.ModifierFlags.Abstract)) {
        found.push(`new ${path}`)
      }
      const instance = checker.getDeclaredTypeOfSymbol(resolved)
      for (const member of checker.getPropertiesOfType(instance)) {
        if (member.name.startsWith('__') || member.name.startsWith('#')) continue
        const declaration = member.declarations?.[0]
        if (declaration === undefined || seen.has(declaration)) continue
        seen.add(declaration)
        const modifiers = ts.getCombinedModifierFlags(declaration)
        if (modifiers & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) continue
        if (member.flags & ts.SymbolFlags.Method) found.push(`${path}.prototype.${member.name}`)
      }
      return
    }
    if (type.getCallSignatures().length > 0) {
      found.push(path)
      return
    }
    if (depth > 3) return
    for (const member of checker.getPropertiesOfType(type)) {
      if (/^[A-Za-z]\w*$/.test(member.name)) visit(member, `${path}.${member.name}`, depth + 1)
    }
  }
  const file = program.getSourceFile(FILE) as ts.SourceFile
  ts.forEachChild(file, (node) => {
    if (!ts.isImportDeclaration(node)) return
    const name = (node.importClause as ts.ImportClause).namedBindings as ts.NamespaceImport
    const module = checker.getAliasedSymbol(checker.getSymbolAtLocation(name.name) as ts.Symbol)
    for (const symbol of checker.getExportsOfModule(module)) visit(symbol, `${name.name.text}.${symbol.name}`, 0)
  })
  return found
}

test('an editor shows documentation for all that is public', () => {
  const asked = expressions()
  // The functions of `torch` are among them.
  for (const name of Object.keys(lib.torch)) {
    if (typeof lib.torch[name as keyof typeof lib.torch] === 'function' && !/^[A-Z]/.test(name)) {
      expect(asked).toContain(`m0.torch.${name}`)
    }
  }
  const imports = ENTRIES.map((entry, i) => `import * as m${i} from './dist/${entry}.js'\n`).join('')
  let code = imports
  const positions = asked.map((expression) => {
    code += `;${expression}`
    const position = code.length - 1
    if (expression.startsWith('new ')) code += '(...([] as unknown as [never, never]))'
    code += '\n'
    return position
  })
  const editor = service(code)
  const silent = asked.filter((_, i) => {
    const info = editor.getQuickInfoAtPosition(FILE, positions[i] as number)
    return ts.displayPartsToString(info?.documentation).trim() === ''
  })
  expect(silent).toEqual([])
  expect(asked.length).toBeGreaterThan(700)
})

/** What an editor shows at the end of the `code`. */
function shownAt(code: string): string {
  const info = service(code).getQuickInfoAtPosition(FILE, code.length - 1)
  return ts.displayPartsToString(info?.documentation)
}

test.each([
  ['a function that makes tensors', 'torch.zeros', 'A tensor of the given shape, filled with 0.'],
  ['an operation', 'torch.sub', 'self - alpha * other'],
  ['a method', 'torch.zeros([1]).sub', 'self - alpha * other'],
  ['linear algebra', 'torch.linalg.inv', 'The inverse of square matrices.'],
  ['autograd', 'torch.autograd.grad', 'The sum of the gradients of'],
  ['CUDA', 'torch.cuda.isAvailable', 'Whether'],
])('an editor shows the text of %s', (_, expression, text) => {
  expect(shownAt(`import { torch } from './dist/index.js'\n${expression}`)).toContain(text)
})

test('`new` shows the text of the class: no constructor has one of its own, which would hide it', () => {
  const hiding: string[] = []
  const program = service(ENTRIES.map((entry) => `import './dist/${entry}.js'`).join('\n')).getProgram() as ts.Program
  for (const file of program.getSourceFiles()) {
    if (!file.fileName.startsWith(join(CHECKOUT, 'dist'))) continue
    for (const statement of file.statements) {
      if (!ts.isClassDeclaration(statement)) continue
      for (const member of statement.members) {
        if (!ts.isConstructorDeclaration(member) || ts.getJSDocCommentsAndTags(member).length === 0) continue
        hiding.push(statement.name?.text ?? '')
      }
    }
  }
  expect(hiding.filter((name) => !HIDING.has(name))).toEqual([])
})
