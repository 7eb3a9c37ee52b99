// npm run demo: forecasts CO2 at Mauna Loa and temperatures in Seattle with RNN, LSTM and GRU, trained side by side.
import { Command, Option } from 'commander'
import { torch } from 'libtorch-rnn'
import { save } from '../support/chart.ts'
import { deviceOption, positive } from '../support/options.ts'
import { plotForecasts, plotLosses } from './plot.ts'
import { co2, seattle } from './series.ts'
import { errorsOf, type Forecasts, Task } from './task.ts'
import { MODELS, type ModelName, type Settings, type Trained, train } from './train.ts'

const SERIES = { co2, seattle } as const

const options = new Command('demo')
  .description('Trains RNN, LSTM and GRU on real series, and compares their forecasts with naive ones.')
  .addOption(new Option('--series <name>', 'what to forecast').choices(['co2', 'seattle', 'both']).default('both'))
  .option('--epochs <n>', 'passes over the training part', positive, 40)
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

function table(task: Task, trained: readonly Trained[]): string {
  const { unit, trend } = task.series
  const rows: [string, Forecasts][] = [
    ['persistence', task.persistence],
    ['seasonal naive', task.seasonalNaive],
    ...(trend ? [['  with drift', task.seasonalNaiveWithDrift] as [string, Forecasts]] : []),
    ...trained.map(({ name, forecasts }) => [name, forecasts] as [string, Forecasts]),
  ]
  const errors = rows.map(([, forecasts]) => errorsOf(forecasts, task.actual))
  const naive = errors.slice(0, rows.length - trained.length).map(({ mae }) => mae)
  const strongest = Math.min(...naive)
  const lines = rows.map(([name], i) => {
    const { mae, rmse } = errors[i] as { mae: number; rmse: number }
    const skill = i < naive.length ? '' : `${(100 * (1 - mae / strongest)).toFixed(0)} %`
    return `  ${name.padEnd(16)}${mae.toFixed(2).padStart(8)}${rmse.toFixed(2).padStart(8)}${skill.padStart(12)}`
  })
  return [
    `  ${'held-out error'.padEnd(16)}${'MAE'.padStart(8)}${'RMSE'.padStart(8)}${'better by'.padStart(12)}   (${unit}; better than the best naive one)`,
    ...lines,
  ].join('\n')
}

async function run(id: keyof typeof SERIES): Promise<void> {
  const task = new Task(SERIES[id]())
  const { series, origins } = task
  const year = (date: Date | undefined): number | undefined => date?.getUTCFullYear()
  console.log(
    `\n${series.title}, ${year(series.dates[0])} to ${year(series.dates.at(-1))}: ${series.horizon} ${series.step}s ahead`,
  )
  console.log(
    `  trained before ${year(series.validationStart)}, selected before ${year(series.testStart)}, tested from ${origins.length} origins after\n`,
  )
  const trained: Trained[] = []
  for (const name of Object.keys(MODELS) as ModelName[]) {
    console.log(`  ${name}`)
    const { result, worst } = await watched(() => train(name, task, options))
    console.log(
      `  ${result.history.seconds.toFixed(1)} s of training; the event loop was never held up for more than ${worst.toFixed(0)} ms\n`,
    )
    trained.push(result)
  }
  console.log(table(task, trained))
  save(`${id}-forecasts`, await plotForecasts(task, trained))
  save(`${id}-losses`, await plotLosses(task, trained))
}

for (const id of options.series === 'both' ? (['co2', 'seattle'] as const) : [options.series]) await run(id)
