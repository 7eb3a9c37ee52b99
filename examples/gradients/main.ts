// npm run example -- gradients: how gradients vanish and explode on their way back through time, and how gates and
// clipping help.
import { Command } from 'commander'
import { type Device, torch } from 'libtorch-rnn'
import { save } from '../support/chart.ts'
import { deviceOption, positive } from '../support/options.ts'
import { train } from './clipping.ts'
import { panels } from './flows.ts'
import { plotClipping, plotFlows } from './plot.ts'

// Steps this small are fastest on one thread.
torch.setNumThreads(1)

const { steps, hidden, seed, updates, device } = new Command('gradients')
  .description('Measures gradients through time in RNN, LSTM and GRU, and what gates and clipping do about them.')
  .option('--steps <n>', 'length of the sequence', positive, 200)
  .option('--hidden <n>', 'hidden size of the networks', positive, 32)
  .option('--updates <n>', 'updates of the training with and without clipping', positive, 200)
  .option('--seed <n>', 'seed of weights and inputs', positive, 1)
  .addOption(deviceOption())
  .parse()
  .opts<{ steps: number; hidden: number; seed: number; updates: number; device: Device }>()

function number(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '-'
  return value >= 0.01 && value < 1000 ? value.toFixed(2) : value.toExponential(0)
}

console.log(`What is left of the gradient of a loss on the last of ${steps} outputs, so many steps back:\n`)
const views = await panels({ steps, hidden, seed, device })
const marks = [1, 10, 50, 100, steps - 1].filter((back, i, all) => back < steps && all.indexOf(back) === i)
for (const { title, curves } of views) {
  console.log(`  ${title.padEnd(44)}${marks.map((back) => String(back).padStart(9)).join('')}`)
  for (const { label, norms } of curves) {
    console.log(`    ${label.padEnd(42)}${marks.map((back) => number(norms[back]).padStart(9)).join('')}`)
  }
  console.log()
}

const runs = [
  await train('as they are', Number.POSITIVE_INFINITY, updates, hidden, device),
  await train('clipped to norm 1', 1, updates, hidden, device),
]
console.log(`An RNN whose gradients explode learns to predict a wave, ${updates} updates:\n`)
console.log(`  ${'gradients'.padEnd(24)}${'longest'.padStart(9)}${'last loss'.padStart(12)}`)
for (const { label, losses, norms } of runs) {
  console.log(
    `  ${label.padEnd(24)}${number(Math.max(...norms)).padStart(9)}${(losses.at(-1) as number).toFixed(4).padStart(12)}`,
  )
}
console.log()
save('gradients', await plotFlows(views, steps))
save('gradients-clipping', await plotClipping(runs))
