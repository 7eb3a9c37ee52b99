// npm run example -- questions: what does each setting of a recurrent network do? One network and one series, a forecast
// of three days of temperatures; one setting at a time is changed, and each value is tried with several seeds.
import { Command, InvalidArgumentError } from 'commander'
import { torch } from 'libtorch-rnn'
import { Series } from 'libtorch-rnn/data'
import { evaluateNaive } from 'libtorch-rnn/forecast'
import { type EpochResult, Trainer } from 'libtorch-rnn/train'
import { save } from '../support/chart.ts'
import { dataFile } from '../support/data.ts'
import { positive } from '../support/options.ts'
import { plotEpochs, plotQuestion } from './plot.ts'
import { gru, HORIZON, QUESTIONS, type Setting } from './questions.ts'

const NAMES = [...QUESTIONS.map(({ name }) => name), 'epochs']

function namesIn(list: string): string[] {
  const names = list.split(',')
  const wrong = names.find((name) => !NAMES.includes(name))
  if (wrong !== undefined) throw new InvalidArgumentError(`There is no '${wrong}', but ${NAMES.join(', ')}.`)
  return names
}

const { seeds, epochs, only } = new Command('questions')
  .description('Shows what each setting of a recurrent network does, over several seeds.')
  .option('--seeds <n>', 'runs for each value, with different weights and orders of the samples', positive, 3)
  .option('--epochs <n>', 'passes over the training part in each run', positive, 10)
  .option('--only <names>', 'some of the questions, separated by commas', namesIn, NAMES)
  .parse()
  .opts<{ seeds: number; epochs: number; only: string[] }>()

// Steps this small are fastest on one thread.
torch.setNumThreads(1)

const series = await Series.from(dataFile('seattle-weather.csv'), {
  time: 'date',
  targets: 'temp_max',
  calendar: ['dayOfYear'],
})

/** One run: the errors in °C on the year that was held out, epoch by epoch. */
async function run({ past = 14, model = gru, trainer = {}, ...rest }: Setting, seed: number): Promise<EpochResult[]> {
  const { train, validation } = await series.split({ past, horizon: HORIZON, validation: '2015' })
  torch.manualSeed(seed)
  const options = {
    epochs: rest.epochs ?? epochs,
    lr: 3e-3,
    batchSize: 32,
    metrics: ['mae'],
    seed,
    progress: false,
  } as const
  const network = model(train.inputSize)
  const own = new Trainer(network, { ...options, ...trainer } as never)
  const history = await own.fit(train, { validation })
  return [...history.epochs]
}

/** What a forecast needs at least: that of the last value again. */
const { validation } = await series.split({ past: 14, horizon: HORIZON, validation: '2015' })
const { persistence } = await evaluateNaive(validation, { metrics: ['mae'] })
const naive = persistence?.mae as number

const meanOf = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length
const spreadOf = (list: readonly number[]): number =>
  list.length < 2 ? 0 : Math.sqrt(list.reduce((sum, value) => sum + (value - meanOf(list)) ** 2, 0) / (list.length - 1))

console.log(
  `Forecasts of ${HORIZON} days of Seattle's highs: the mean error in 2015 in °C, and its spread over ${seeds} seeds`,
)
console.log(`The last value again is off by ${naive.toFixed(2)} °C`)
for (const { name, title, settings } of QUESTIONS.filter(({ name }) => only.includes(name))) {
  console.log(`\n${title}`)
  const results: { label: string; seed: number; error: number }[] = []
  for (const setting of settings) {
    const errors: number[] = []
    for (let seed = 1; seed <= seeds; seed++) {
      const error = Number((await run(setting, seed)).at(-1)?.validationMae)
      errors.push(error)
      results.push({ label: setting.label, seed, error })
    }
    console.log(`  ${setting.label.padEnd(16)}${meanOf(errors).toFixed(2)} ± ${spreadOf(errors).toFixed(2)}`)
  }
  save(
    `questions-${name}`,
    await plotQuestion(
      title,
      naive,
      results,
      settings.map(({ label }) => label),
    ),
  )
}

if (only.includes('epochs')) {
  console.log('\nEpochs: a large network, and the loss on the data that it learns from and on others')
  const many = 4 * epochs
  const curves: { epoch: number; seed: number; part: string; loss: number }[] = []
  for (let seed = 1; seed <= seeds; seed++) {
    const results = await run(
      { label: '', epochs: many, model: (inputSize) => gru(inputSize, 64), trainer: { lr: 6e-3 } },
      seed,
    )
    for (const { epoch, trainLoss, validationLoss } of results) {
      curves.push({ epoch, seed, part: 'training', loss: trainLoss })
      curves.push({ epoch, seed, part: 'held out', loss: validationLoss as number })
    }
  }
  const lossAt = (part: string, epoch: number): number =>
    meanOf(curves.filter((one) => one.part === part && one.epoch === epoch).map(({ loss }) => loss))
  for (const epoch of [1, Math.ceil(many / 4), many]) {
    console.log(
      `  ${String(epoch).padEnd(16)}${lossAt('training', epoch).toFixed(3)} ${lossAt('held out', epoch).toFixed(3)}`,
    )
  }
  save('questions-epochs', await plotEpochs(curves))
}
