// npm run example -- gates: the learned gates of a small LSTM and GRU, as heat maps.
import { Command } from 'commander'
import { torch } from 'libtorch-rnn'
import { save } from '../support/chart.ts'
import { deviceOption, positive } from '../support/options.ts'
import { plotGates } from './plot.ts'
import { MODELS, type ModelName, meansOf, type Settings, tell } from './task.ts'

const options = new Command('gates')
  .description('Trains an LSTM and a GRU to keep the last marked number, and shows their gates as heat maps.')
  .option('--updates <n>', 'updates of the training', positive, 800)
  .option('--hidden <n>', 'hidden size of the networks', positive, 8)
  .option('--seed <n>', 'seed of weights and sequences', positive, 1)
  .addOption(deviceOption())
  .parse()
  .opts<Settings>()

// Steps this small are fastest on one thread.
torch.setNumThreads(1)

console.log('Keep the last marked number: at every step the answer is the number that was marked last.\n')
for (const name of Object.keys(MODELS) as ModelName[]) {
  const story = await tell(name, options)
  console.log(
    `  ${name}: mean squared error ${story.error.toFixed(4)}, held out (always answering 0: ${(1 / 3).toFixed(4)})`,
  )
  console.log(`  ${'mean over units'.padEnd(18)}${'at marks'.padStart(10)}${'elsewhere'.padStart(11)}`)
  for (const [gate, rows] of Object.entries(story.gates)) {
    if (gate === 'c' || gate === 'h') continue
    const { marked, others } = meansOf(rows, story.marks)
    console.log(`  ${gate.padEnd(18)}${marked.toFixed(2).padStart(10)}${others.toFixed(2).padStart(11)}`)
  }
  save(`gates-${name.toLowerCase()}`, await plotGates(story))
  console.log()
}
