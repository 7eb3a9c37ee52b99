// What the compiler does not see: it reads one file at a time.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const NATIVE = fileURLToPath(new URL('../../native/', import.meta.url))
/** C, without namespaces. */
const OTHERS = ['glibc', 'loader']
const FOLDERS = readdirSync(NATIVE).filter((folder) => !OTHERS.includes(folder))
const FILES = FOLDERS.flatMap((folder) =>
  readdirSync(join(NATIVE, folder))
    .filter((name) => /\.(h|cpp)$/.test(name))
    .map((name) => `${folder}/${name}`),
)

/** The classes that a file defines, each with its namespace; those of unnamed namespaces are its own. */
function classesOf(text: string): string[] {
  const namespaces: string[] = []
  const classes: string[] = []
  // As clang-format writes it: namespaces indent nothing and end with a comment.
  for (const line of text.split('\n')) {
    const opened = /^namespace( [\w:]+)? \{/.exec(line)
    if (opened) namespaces.push(opened[1]?.trim() ?? '')
    if (/^\} {2}\/\/ namespace/.test(line)) namespaces.pop()
    // No specialization of a template.
    const name = /^(?:class|struct|union|enum(?: class)?)(?: alignas\([^)]*\))? (\w+)(?: final)?(?: :[^:].*)? \{/.exec(
      line,
    )?.[1]
    if (name && !namespaces.includes('')) classes.push([...namespaces, name].join('::'))
  }
  expect(namespaces).toEqual([])
  return classes
}

it('no two files of native/ define one class', () => {
  // The linker would keep one destructor for both, without a word.
  const places = new Map<string, string>()
  for (const file of FILES) {
    for (const name of classesOf(readFileSync(join(NATIVE, file), 'utf8'))) {
      expect(places.get(name), `${name} of ${file}`).toBeUndefined()
      places.set(name, file)
    }
  }
  expect(places.get('rnn::binding::OperatorArguments')).toBe('binding/convert.h')
  expect(places.get('rnn::binding::RecurrentArguments')).toBe('binding/recurrent.h')
  expect(places.get('rnn::cuda::Graph')).toBe('cuda/graph.h')
})

it('a file of native/ has the namespace of its folder', () => {
  for (const file of FILES) {
    const named = readFileSync(join(NATIVE, file), 'utf8').match(/^namespace rnn\S*/gm) ?? []
    // One alias is for all folders.
    const own = named.filter((name) => file !== 'runtime/tensors.h' || name !== 'namespace rnn')
    for (const name of own) expect(`${name}::`, file).toMatch(`namespace rnn::${file.split('/')[0]}::`)
  }
})
