// npm run example -- adding: which of RNN, LSTM and GRU can remember a number for T steps? The adding problem of
// Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, in the form of Le et al.,
// arXiv:1504.00941.
import { Command, InvalidArgumentError, Option } from 'commander'
import { torch } from 'libtorch-rnn'
import { save } from '../support/chart.ts'
import { deviceOption, positive } from '../support/options.ts'
import { plotLearning } from './plot.ts'
import { BASELINE, LEARNED, MODELS, type ModelName, type Settings, type Trained, train } from './task.ts'

function lengthsOf(text: string): number[] {
  const lengths = text.split(',').map(positive)
  if (lengths.some((length) => length < 4)) throw new InvalidArgumentError('A sequence needs 4 steps or more.')
  return lengths
}

function rate(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('It must be a positive number.')
  return value
}

const { lengths, seeds, ...settings } = new Command('adding')
  .description('Trains RNN, LSTM and GRU on the adding problem, and shows which learn it.')
  .option('--lengths <list>', 'lengths of the sequences', lengthsOf, [50, 200, 400])
  .option('--updates <n>', 'maximum number of updates', positive, 1500)
  .option('--hidden <n>', 'hidden size of the networks', positive, 32)
  .option('--batch <n>', 'sequences per update', positive, 32)
  .option('--learning-rate <x>', 'learning rate of Adam', rate, 0.01)
  .addOption(new Option('--init <how>', 'initial gates').choices(['chrono', 'default']).default('chrono'))
  .addOption(deviceOption())
  .option('--seeds <n>', 'number of runs for each, with different weights and sequences', positive, 3)
  .parse()
  .opts<Settings & { lengths: number[]; seeds: number }>()

// Steps this small are fastest on one thread.
torch.setNumThreads(1)

const { updates, hidden, batch, learningRate, init } = settings
console.log(`The adding problem: two of T numbers are marked; after the last, the network is to give their sum.

  Always answering 1 has the mean squared error ${BASELINE.toFixed(4)} (2/12; 0.1767 in the literature); below ${LEARNED} counts as learned.
  ${hidden} hidden units, Adam at ${learningRate}, batches of ${batch}, gradients clipped to norm 1, at most ${updates} updates.
  ${init === 'chrono' ? 'Gates start open for up to T steps (chrono initialization); --init default starts them as PyTorch does.' : 'Gates start as in PyTorch.'}
  Each is trained ${seeds} times from other weights. With the defaults, this takes about a minute on two cores.
`)

const results: Trained[] = []
function row(length: string, name: string, learned: string, updates: string, error: string, seconds: string): void {
  console.log(
    `  ${length.padStart(5)}  ${name.padEnd(8)}${learned.padStart(9)}${updates.padStart(14)}${error.padStart(13)}${seconds.padStart(10)}`,
  )
}

row('T', 'network', 'learned', 'updates', 'worst error', 'seconds')
for (const length of lengths) {
  for (const name of Object.keys(MODELS) as ModelName[]) {
    const runs: Trained[] = []
    for (let seed = 1; seed <= seeds; seed++) runs.push(await train(name, length, seed, settings))
    results.push(...runs)
    const learned = runs.flatMap(({ curve }) => curve.find(({ error }) => error < LEARNED)?.update ?? [])
    const [first, last] = [Math.min(...learned), Math.max(...learned)]
    row(
      String(length),
      name,
      `${learned.length} of ${seeds}`,
      learned.length === 0 ? '-' : first === last ? `${first}` : `${first} to ${last}`,
      Math.max(...runs.map(({ curve }) => curve.at(-1)?.error as number)).toFixed(4),
      runs.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1),
    )
  }
}
console.log()
save('adding', await plotLearning(results, updates))
