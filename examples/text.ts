// A network reads this library's documents, letter by letter, and writes on by itself.
import { readdirSync, readFileSync } from 'node:fs'
import { torch } from 'libtorch-rnn'
import { TextDataset, Vocabulary } from 'libtorch-rnn/data'
import { LSTMModel } from 'libtorch-rnn/models'
import { Trainer } from 'libtorch-rnn/train'

const docs = new URL('../docs/', import.meta.url)
const pages = readdirSync(docs).map((name) => readFileSync(new URL(name, docs), 'utf8'))
const text = pages.join('\n').replaceAll(/```.*?```|^\|[^\n]*/gms, '') // without programs and tables
const vocabulary = Vocabulary.fromText(text, { level: 'character' })

const cut = Math.floor(0.9 * text.length)
const [train, validation] = [text.slice(0, cut), text.slice(cut)].map(
  (part) => new TextDataset(vocabulary.encode(part), { batchSize: 32, sequenceLength: 64 }),
) as [TextDataset, TextDataset]

torch.manualSeed(0)
const model = new LSTMModel(32, 128, vocabulary.size, { embedding: vocabulary.size, batchFirst: true })
const trainer = new Trainer(model, {
  epochs: 12,
  carryState: true, // each batch goes on where the one before ended
  loss: 'crossEntropy',
  metrics: ['perplexity'],
  lr: 1e-2,
  schedule: 'oneCycle',
  clipGradNorm: 1,
})
const { epochs } = await trainer.fit(train, { validation })
console.log('perplexity', epochs.map(({ validationPerplexity }) => validationPerplexity?.toFixed(1)).join(' '))

const stream = model.stream()
let [written, next] = ['', 'The ']
while (written.length < 300) {
  let scores: Float32Array = new Float32Array()
  for (const token of vocabulary.encode(next).toArray() as number[]) scores = stream.step(token)
  written += next
  next = vocabulary.decode(torch.tensor(scores).div(0.7).softmax(0).multinomial(1)) // rather the likely ones
}
console.log(written)
