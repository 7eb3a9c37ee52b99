// A process that trains is killed; another one goes on from its last checkpoint, to the same weights.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Tensor, torch } from 'libtorch-rnn'
import { GRUModel } from 'libtorch-rnn/models'
import { type Callback, checkpoint, Trainer } from 'libtorch-rnn/train'

/** Trains, and writes a checkpoint into the folder every 10 steps; goes on from the last one there. */
async function train(folder: string, callback: Callback): Promise<GRUModel> {
  torch.manualSeed(0)
  const input = torch.randn([512, 20, 3])
  const model = new GRUModel(3, 32, 1, { batchFirst: true, output: 'last', outputDropout: 0.1 })
  const callbacks = [checkpoint(folder, { everySteps: 10 }), callback]
  const trainer = new Trainer(model, { epochs: 10, lr: 3e-3, schedule: 'oneCycle', seed: 0, callbacks })
  const { trainLosses } = await trainer.fit([input, input.sum([1, 2]).unsqueeze(1)], { resume: folder })
  console.log(`  losses ${trainLosses.map((loss) => loss.toFixed(2)).join(' ')}`)
  return model
}

const [folder] = process.argv.slice(2)
if (folder !== undefined) {
  await train(folder, { everySteps: 1, onStepEnd: ({ step }) => process.send?.(step) })
} else {
  const root = await mkdtemp(join(tmpdir(), 'resume-'))
  const child = fork(fileURLToPath(import.meta.url), [join(root, 'killed')])
  child.on('message', (step) => step === 57 && child.kill('SIGKILL'))
  const [, signal] = await once(child, 'exit')
  console.log(`${signal} after 57 steps`)
  const start: Callback = { onFitStart: ({ step }) => console.log(`from step ${step}:`) }
  const resumed = (await train(join(root, 'killed'), start)).stateDict()
  const whole = (await train(join(root, 'whole'), start)).stateDict()
  const equal = Object.entries(whole).every(([name, weight]) => weight.equal(resumed[name] as Tensor))
  console.log(`the weights are ${equal ? 'equal, bit for bit' : 'different'}`)
  await rm(root, { recursive: true })
}
