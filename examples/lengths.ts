// Tells from the name of a car, letter by letter, where it was made: sequences of unequal length, and classes.
import { readFileSync } from 'node:fs'
import { torch } from 'libtorch-rnn'
import { DataLoader, Vocabulary } from 'libtorch-rnn/data'
import { LSTMModel } from 'libtorch-rnn/models'
import { Trainer } from 'libtorch-rnn/train'
import { dataFile } from './support/data.ts'

const PLACES = ['USA', 'Europe', 'Japan']
const cars: { Name: string; Origin: string }[] = JSON.parse(readFileSync(dataFile('cars.json'), 'utf8'))
const places = new Map(cars.map(({ Name, Origin }) => [Name, Origin]))

// A sample is the letters (L) and a class. A loader pads the letters of a batch, and notes their lengths.
const vocabulary = Vocabulary.fromText([...places.keys()].join(''), { level: 'character' })
const samples = [...places].map(([name, place]) => [vocabulary.encode(name), BigInt(PLACES.indexOf(place))] as const)
const fifth = (k: number) => samples.filter((_, i) => i % 5 === k)
const train = new DataLoader([2, 3, 4].flatMap(fifth), { batchSize: 16, shuffle: true })

torch.manualSeed(0)
const model = new LSTMModel(16, 48, PLACES.length, { embedding: vocabulary.size, output: 'max', batchFirst: true })
const trainer = new Trainer(model, {
  epochs: 60,
  lr: 3e-3,
  loss: 'crossEntropy',
  metrics: ['accuracy'],
  monitor: 'validationAccuracy',
  patience: 10,
  restoreBest: true,
})
const { epochs } = await trainer.fit(train, { validation: new DataLoader(fifth(0), { batchSize: 64 }) })
const { accuracy } = await trainer.evaluate(new DataLoader(fifth(1), { batchSize: 64 }))
console.log(`${epochs.length} epochs, ${(100 * Number(accuracy)).toFixed(0)} % of the names in the test part right`)
for (const name of ['ford blue whale', 'volkswagen hamster', 'honda quick 300']) {
  const scores = await trainer.predict(vocabulary.encode(name).unsqueeze(0)) // (1, 3)
  console.log(`${name}: ${PLACES[Number(scores.argmax().item())]}`)
}
