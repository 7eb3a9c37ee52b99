// npm run bench:fit: the time of an epoch of `fit` here and in Python's frameworks, in turns, in one run; `-- lstm` runs
// a part, `-- --overhead` measures what `fit` adds to its steps. The program of Python is `--python`; frameworks that it lacks are left out.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { type Tensor, torch } from 'libtorch-rnn'
import { StackDataset, TensorDataset } from 'libtorch-rnn/data'
import { GRUModel, LSTMModel } from 'libtorch-rnn/models'
import { Trainer } from 'libtorch-rnn/train'
import { Rival } from '../rival.ts'
import { CASES, type FitCase, FRAMEWORKS, type Framework } from './cases.ts'
import { overhead } from './overhead.ts'

const command = new Command('bench:fit')
  .argument('[words...]', 'only cases whose names contain all of these, as in `lstm H=32`')
  .option('--python <path>', 'a Python with PyTorch, and Lightning, Keras on TensorFlow, JAX with Flax', 'python3')
  .option('--rounds <n>', 'turns of each side, of one epoch each', Number, 7)
  .option('--threads <n...>', 'numbers of threads to try; more than one on a busy machine make PyTorch crawl', [
    '1',
    '2',
  ])
  .option('--sequences <n>', 'sequences in an epoch', Number, 3200)
  .option('--overhead', 'what fit adds to its steps, without other frameworks')
  .parse()
const {
  python,
  rounds,
  sequences,
  threads: counts,
  overhead: isOverhead = false,
} = command.opts<{
  python: string
  rounds: number
  sequences: number
  threads: string[]
  overhead?: boolean
}>()
if (isOverhead) {
  await overhead()
  process.exit()
}
const words = command.args.map((word) => word.toLowerCase())
const cases = CASES.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)))

/** An epoch's loss and duration. */
interface Epoch {
  loss: number
  seconds: number
}

interface Side {
  name: string
  threads: number
  /** The loss before the first epoch, if it begins with the weights of all. */
  first: number | null
  epoch(): Promise<Epoch>
}

const FOLDER = mkdtempSync(join(tmpdir(), 'libtorch-rnn-fit-'))

interface Data {
  x: Tensor
  y: Tensor
  lengths: Tensor
}

function dataOf({ input, steps }: FitCase): Data {
  torch.manualSeed(0)
  const x = torch.randn([sequences, steps, input])
  const lengths = torch.randint(1, steps + 1, [sequences])
  return { x, y: x.narrow(1, 0, 1).mean([1, 2]).unsqueeze(1), lengths }
}

function modelOf({ cell, input, hidden }: FitCase): LSTMModel | GRUModel {
  torch.manualSeed(1)
  return new (cell === 'LSTM' ? LSTMModel : GRUModel)(input, hidden, 1, { output: 'last', batchFirst: true })
}

async function here(one: FitCase, { x, y, lengths }: Data, threads: number): Promise<Side> {
  const model = modelOf(one)
  const data = one.lengths ? new StackDataset({ input: x, target: y, lengths }) : new TensorDataset(x, y)
  const trainer = new Trainer(model, { epochs: 1, batchSize: one.batch, shuffle: false, lr: 1e-3, progress: false })
  torch.setNumThreads(threads)
  const { loss: first } = await trainer.evaluate(data)
  return {
    name: 'here',
    threads,
    first,
    epoch: async () => {
      torch.setNumThreads(threads)
      const [result] = (await trainer.fit(data)).epochs
      if (result === undefined) throw new Error('there is no epoch')
      return { loss: result.trainLoss, seconds: result.seconds }
    },
  }
}

function write(name: string, tensor: Tensor): string {
  const path = join(FOLDER, name)
  writeFileSync(path, tensor.detach().toTypedArray() as Float32Array | BigInt64Array)
  return path
}

/** A request for a rival: a case, and where its numbers are. */
function requestOf(one: FitCase, { x, y, lengths }: Data): object {
  const parameters = [...modelOf(one).parameters()]
  const files = {
    x: write('x', x),
    y: write('y', y),
    lengths: write('lengths', lengths),
    weights: parameters.map((parameter, i) => write(`weight${i}`, parameter)),
  }
  return { ...one, sequences, files, sizes: parameters.map(({ shape }) => shape) }
}

async function there(rival: Rival, name: string, request: object, threads: number): Promise<Side> {
  const { loss: first } = (await rival.ask({ case: request, threads })) as { loss: number | null }
  return { name, threads, first, epoch: async () => (await rival.ask({ threads })) as Epoch }
}

function expectClose(what: string, found: number, expected: number): void {
  if (Math.abs(found - expected) <= 1e-4 * Math.abs(expected) + 1e-6) return
  throw new Error(`${what} is ${found}, and ${expected} here`)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number
}

/** The milliseconds of an epoch on each side, with its best number of threads. */
async function measure(one: FitCase, rivals: ReadonlyMap<Framework, Rival>): Promise<Map<string, number>> {
  const data = dataOf(one)
  const request = requestOf(one, data)
  const best = new Map<string, number>()
  for (const [i, threads] of THREADS.entries()) {
    const own = await here(one, data, threads)
    const sides = [own]
    for (const [name, rival] of rivals) {
      // Only PyTorch can be told how many threads to use.
      if (i > 0 && !FRAMEWORKS[name].threads) continue
      sides.push(await there(rival, name, request, threads))
    }
    const durations = new Map(sides.map((side) => [side, [] as number[]]))
    for (let round = 0; round <= rounds; round++) {
      let expected: number | undefined
      for (const side of sides) {
        const { loss, seconds } = await side.epoch()
        if (!Number.isFinite(loss)) throw new Error(`${one.name}: the loss of ${side.name} is ${loss}`)
        // Others divide by another epsilon, or add up their biases.
        if (side === own) expected = loss
        else if (round === 0 && FRAMEWORKS[side.name as Framework].sameSteps) {
          expectClose(`${one.name}: the loss of the first epoch of ${side.name}`, loss, expected as number)
        }
        // The first one warms up.
        if (round > 0) durations.get(side)?.push(1000 * seconds)
      }
    }
    for (const { name, first } of sides) {
      if (first !== null) expectClose(`${one.name}: the first loss of ${name}`, first, own.first as number)
    }
    for (const [{ name }, all] of durations) best.set(name, Math.min(best.get(name) ?? Infinity, median(all)))
  }
  return best
}

const THREADS = counts.map(Number).filter((count) => count <= availableParallelism())
const rivals = new Map<Framework, Rival>()
for (const [name, { imports }] of Object.entries(FRAMEWORKS) as [Framework, (typeof FRAMEWORKS)[Framework]][]) {
  const { status } = spawnSync(python, ['-c', `import ${imports}`], { stdio: 'ignore' })
  if (status !== 0) {
    console.error(`Left out: ${python} cannot import ${imports}`)
    continue
  }
  const rival = await Rival.start(python, fileURLToPath(new URL('rival.py', import.meta.url)), name)
  console.error(rival.version)
  rivals.set(name, rival)
}
try {
  console.error(`${cpus()[0]?.model}, Node ${process.version}, ${sequences} sequences, many to one, Adam; ms per epoch`)
  const names = [...rivals.keys()]
  console.log(['case'.padEnd(34), 'here'.padStart(8), ...names.map((name) => name.padStart(16)), '   load'].join(''))
  for (const one of cases) {
    const times = await measure(one, rivals)
    const own = times.get('here') as number
    const cells = names.map((name) => {
      const other = times.get(name) as number
      return `${other.toFixed(0)} (${(other / own).toFixed(1)}x)`.padStart(16)
    })
    console.log(
      [one.name.padEnd(34), own.toFixed(1).padStart(8), ...cells, loadavg()[0]?.toFixed(1).padStart(7)].join(''),
    )
  }
} finally {
  for (const rival of rivals.values()) rival.stop()
  rmSync(FOLDER, { recursive: true })
}
