// A network reads the declarations that come with the TypeScript compiler, letter by letter, and writes some of its own.
// The compiler says how many of them it can parse.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Command } from 'commander'
import { torch } from 'libtorch-rnn'
import { TextDataset, Vocabulary } from 'libtorch-rnn/data'
import { GRUModel, generate } from 'libtorch-rnn/models'
import { Trainer } from 'libtorch-rnn/train'
import ts from 'typescript'
import { positive } from './support/options.ts'

interface Settings {
  epochs: number
  characters: number
  hidden: number
}

const { epochs, characters, hidden } = new Command('typescript')
  .description('Learns to write TypeScript from the declaration files of the compiler.')
  .option('--epochs <n>', 'passes over the text', positive, 5)
  .option('--characters <n>', 'how much of the declarations is read', positive, 400_000)
  .option('--hidden <n>', 'hidden size of the network', positive, 192)
  .parse()
  .opts<Settings>()

// Interfaces without comments; those of browsers are the most.
const source = readFileSync(createRequire(import.meta.url).resolve('typescript/lib/lib.dom.d.ts'), 'utf8')
const text = source
  .replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
  .replaceAll(/[ \t]+$/gm, '')
  .replaceAll(/\n{2,}/g, '\n')
  .trimStart()
  .slice(0, characters)
const vocabulary = Vocabulary.fromText(text, { level: 'character' })
const cut = Math.floor(0.9 * text.length)
const [train, validation] = [text.slice(0, cut), text.slice(cut)].map(
  (part) => new TextDataset(vocabulary.encode(part), { batchSize: 32, sequenceLength: 80 }),
) as [TextDataset, TextDataset]

torch.manualSeed(0)
const model = new GRUModel(32, hidden, vocabulary.size, { embedding: vocabulary.size, batchFirst: true })
model.vocabulary = vocabulary
const trainer = new Trainer(model, {
  epochs,
  carryState: true, // each batch goes on where the one before ended
  loss: 'crossEntropy',
  metrics: ['bpc'],
  lr: 6e-3,
  schedule: 'oneCycle',
  clipGradNorm: 1,
})
const history = await trainer.fit(train, { validation })
const bits = history.epochs.map(({ validationBpc }) => validationBpc?.toFixed(2))
console.log(`${text.length} characters; bits per character on the last tenth: ${bits.join(' ')}`)

/** Whether the compiler can parse a text as declarations. */
function isTypeScript(text: string): boolean {
  const { diagnostics = [] } = ts.transpileModule(text, { reportDiagnostics: true })
  return diagnostics.every(({ category }) => category !== ts.DiagnosticCategory.Error)
}

const written: string[] = []
for (const name of ['Network', 'Layer', 'Weights', 'Gate', 'Sequence', 'Batch', 'Loss', 'Epoch', 'Token', 'Trainer']) {
  const start = `interface ${name} `
  const more = await generate(model, start, { steps: 500, temperature: 0.5, seed: written.length })
  // Up to the first brace that closes at the start of a line.
  written.push(`${start}${more}`.split(/(?<=\n\})/)[0] as string)
}
const members = written.flatMap((declaration) => declaration.split('\n').filter((line) => /^ +.*;$/.test(line)))
const right = members.filter((member) => isTypeScript(`interface Own {\n${member}\n}`))
const names = new Set(text.match(/\w+/g))
const used = members.flatMap((member) => member.match(/\w+/g) ?? [])
const own = new Set(used.filter((name) => !names.has(name)))
console.log(`it writes ${members.length} members of interfaces, of which the compiler can parse ${right.length};`)
console.log(`${own.size} of the names are its own, such as ${[...own].slice(0, 5).join(', ')}`)
console.log(`\n${written.slice(0, 2).join('\n\n')}`)
