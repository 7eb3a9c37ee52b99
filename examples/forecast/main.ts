// npm run demo: forecasts CO2 at Mauna Loa and temperatures in Seattle with RNN, LSTM and GRU, trained side by side.
import { Command, Option } from 'commander'
import { torch } from 'libtorch-rnn'
import { deviceOption, positive } from '../support/options.ts'
import { comparisonOf } from './comparison.ts'
import { writeReport } from './report.ts'
import { co2, seattle } from './series.ts'
import { coverageOf, errorsOf, type Forecasts, Task } from './task.ts'
import { MODELS, type ModelName, type Settings, type Trained, train } from './train.ts'

const SERIES = { co2, seattle } as const

const options = new Command('demo')
  .description('Trains RNN, LSTM and GRU on real series, and compares their forecasts with naive ones.')
  .addOption(new Option('--series <name>', 'what to forecast').choices(['co2', 'seattle', 'both']).default('both'))
  .option('--epochs <n>', 'the most passes over the training part', positive, 200)
  .option('--hidden <n>', 'hidden size of the networks', positive, 32)
  .option('--seed <n>', 'seed of weights and batches', positive, 1)
  .addOption(deviceOption())
  .parse()
  .opts<Settings & { series: 'co2' | 'seattle' | 'both' }>()

// Steps this small are fastest on one thread.
torch.setNumThreads(1)

/** The longest delay of a 10 ms timer while `work` runs. */
async function watched<T>(work: () => Promise<T>): Promise<{ result: T; worst: number }> {
  let worst = 0
  let due = performance.now() + 10
  const timer = setInterval(() => {
    worst = Math.max(worst, performance.now() - due)
    due = performance.now() + 10
  }, 10)
  const result = await work()
  clearInterval(timer)
  return { result, worst }
}

function table({ series, testPart }: Task, trained: readonly Trained[]): string {
  const { actual, naive } = testPart
  const strongest = errorsOf(testPart.strongest.forecasts, actual).mae
  const row = (name: string, forecasts: Forecasts, ...more: string[]): string => {
    const { mae, rmse } = errorsOf(forecasts, actual)
    const cells = [mae.toFixed(2).padStart(8), rmse.toFixed(2).padStart(8), ...more.map((text) => text.padStart(12))]
    return `  ${name.padEnd(26)}${cells.join('')}`
  }
  const percent = (part: number): string => `${(100 * part).toFixed(0)} %`
  return [
    `  ${'held-out error'.padEnd(26)}${'MAE'.padStart(8)}${'RMSE'.padStart(8)}${'better by'.padStart(12)}${'in interval'.padStart(12)}   (${series.unit}; better than the best naive one)`,
    ...naive.map(({ name, forecasts }) => row(name, forecasts)),
    ...trained.map(({ name, forecasts, ranges }) => {
      const better = 1 - errorsOf(forecasts, actual).mae / strongest
      return row(name, forecasts, percent(better), percent(coverageOf(forecasts, ranges, actual)))
    }),
  ].join('\n')
}

async function run(id: keyof typeof SERIES): Promise<void> {
  const task = new Task(SERIES[id]())
  const { series, testPart } = task
  const year = (date: Date | undefined): number | undefined => date?.getUTCFullYear()
  console.log(
    `\n${series.title}, ${year(series.dates[0])} to ${year(series.dates.at(-1))}: ${series.horizon} ${series.step}s ahead`,
  )
  console.log(
    `  trained before ${year(series.validationStart)}, selected before ${year(series.testStart)}, tested from ${testPart.origins.length} origins after\n`,
  )
  const trained: Trained[] = []
  for (const name of Object.keys(MODELS) as ModelName[]) {
    console.log(`  ${name}`)
    const { result, worst } = await watched(() => train(name, task, options))
    console.log(
      `  ${result.history.seconds.toFixed(1)} s of training, best in epoch ${result.history.best?.epoch}; the event loop was never held up for more than ${worst.toFixed(0)} ms\n`,
    )
    trained.push(result)
  }
  console.log(table(task, trained))
  writeReport(id, comparisonOf(task, trained, options))
}

for (const id of options.series === 'both' ? (['co2', 'seattle'] as const) : [options.series]) await run(id)
