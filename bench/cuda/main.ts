// npm run bench:cuda: the time of a training step on the GPU, here and in Python's PyTorch, eager and as a CUDA graph, in
// turns, in one run. It needs no network. `npm run bench:cuda -- lstm H=64` runs a part.
import { mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError, Option } from 'commander'
import { torch } from 'libtorch-rnn'
import { findPyTorch } from '../../lib/native/python.ts'
import { Rival } from '../rival.ts'
import { type CudaCase, casesFor, type Side, sidesFor } from './cases.ts'
import { prepare, type Timing, type Work } from './here.ts'
import { type Clock, header, line, type Result, SIDES, write } from './report.ts'

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const OUTPUT = path('../output/')
const EXCHANGE = path('../rivals/exchange/')
/** How long one side runs before it is the next one's turn. */
const BLOCK_SECONDS = 0.1
const MOST_STEPS = 500

interface Options {
  device: 'cuda' | 'cpu'
  rounds: number
  python?: string
  list?: boolean
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be a positive integer.')
  return value
}

function fail(message: string): never {
  console.error(`bench:cuda: ${message}`)
  process.exit(1)
}

const command = new Command('bench:cuda')
  .argument('[words...]', 'only cases whose names contain all of these, as in `lstm H=64`')
  .option('--rounds <n>', 'turns of each side', positive, 15)
  .addOption(
    new Option('--python <program>', 'a Python with PyTorch; default: the one that set-up finds').env('BENCH_PYTHON'),
  )
  .addOption(
    new Option('--device <device>', '`cpu` only tries out that the benchmark works, with small networks')
      .choices(['cuda', 'cpu'])
      .default('cuda'),
  )
  .option('--list', 'print the names of the cases')
  .parse()
const { device, rounds, python, list } = command.opts<Options>()
const words = command.args.map((word) => word.toLowerCase())
const cases = casesFor(device).filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)))
if (list || cases.length === 0) {
  console.log((list ? cases : casesFor(device)).map(({ name }) => name).join('\n'))
  process.exit(list ? 0 : 1)
}
if (device === 'cuda' && !torch.cuda.isAvailable()) fail(`there is no GPU to measure: ${torch.cuda.why()}`)
const program = python ?? findPyTorch()?.python
if (program === undefined) fail('no Python was found that has PyTorch: name one with --python or BENCH_PYTHON')

/** How far two sides may be apart: losses from each other, gradients as a part of the greatest of each tensor. */
const TOLERANCE = { tf32: 1e-2, bfloat16: 3e-2 } as const

function expectEqual({ name, precision }: CudaCase, side: Side, values: Float32Array, expected: Float32Array): void {
  if (values.length !== expected.length) {
    fail(`${name}: ${values.length} values of ${SIDES[side]}, and ${expected.length} of PyTorch`)
  }
  const wrong = values.findIndex((value, i) => !(Math.abs(value - (expected[i] as number)) <= TOLERANCE[precision]))
  if (wrong >= 0)
    fail(`${name}: value ${wrong} is ${values[wrong]} of ${SIDES[side]}, and ${expected[wrong]} of PyTorch`)
}

function readValues(file: string): Float32Array {
  const bytes = readFileSync(file)
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}

interface Turn {
  readonly side: Side
  run(times: number): Promise<Timing>
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

/** Runs all sides in turns, each as many steps as fit into a block. */
async function inTurns(turns: readonly Turn[]): Promise<Result['sides']> {
  const sides: (Turn & { times: number; timings: Timing[] })[] = []
  for (const turn of turns) {
    await turn.run(3)
    let times = 4
    let { wall } = await turn.run(times)
    times = Math.max(1, Math.min(MOST_STEPS, Math.round(BLOCK_SECONDS / wall)))
    wall = (await turn.run(times)).wall
    sides.push({ ...turn, times: Math.max(1, Math.min(MOST_STEPS, Math.round(BLOCK_SECONDS / wall))), timings: [] })
  }
  for (let round = 0; round < rounds; round++) {
    for (const { run, times, timings } of sides) timings.push(await run(times))
  }
  return Object.fromEntries(
    sides.map(({ side, timings }) => {
      const wall = median(timings.map((timing) => timing.wall))
      const events = timings.flatMap((timing) => timing.device ?? [])
      return [side, events.length === 0 ? { wall } : { wall, device: median(events) }]
    }),
  )
}

async function measure(one: CudaCase, rival: Rival): Promise<Result> {
  const works: Work[] = []
  const turns: Turn[] = []
  const values: [Side, Float32Array][] = []
  for (const side of sidesFor(device)) {
    if (side === 'here' || side === 'hereGraph') {
      const work = await prepare(one, device, side === 'hereGraph')
      works.push(work)
      values.push([side, work.values])
      turns.push({ side, run: async (times) => work.run(times) })
    } else {
      const file = `${EXCHANGE}cuda-values`
      await rival.ask({ side, device, case: one, values: file })
      values.push([side, readValues(file)])
      turns.push({ side, run: async (times) => (await rival.ask({ side, device, times })) as Timing })
    }
  }
  const [, expected] = values.find(([side]) => side === 'python') as [Side, Float32Array]
  for (const [side, own] of values) expectEqual(one, side, own, expected)
  const sides = await inTurns(turns)
  for (const work of works) work.dispose()
  if (device === 'cuda') torch.cuda.emptyCache()
  await rival.ask({ device })
  return { case: one, sides }
}

// As Python does, and as the cases say.
torch.backends.cuda.matmul.allowTf32 = true
torch.backends.cudnn.allowTf32 = true
mkdirSync(OUTPUT, { recursive: true })
mkdirSync(EXCHANGE, { recursive: true })
const rival = await Rival.start(program, path('rival.py'))
const { version, gpu } = rival as Rival & { gpu?: string | null }
if (device === 'cuda' && !gpu)
  fail(`${version} (${program}) sees no GPU: name another Python with --python or BENCH_PYTHON`)
const machine = device === 'cuda' ? torch.cuda.getDeviceName() : 'the CPU, which shows nothing but that this works'
const here = `LibTorch ${torch.version} in Node.js ${process.version}`
const clock: Clock = device === 'cuda' ? 'device' : 'wall'
console.log(`${here}; ${version}\n${machine}\nMedians of ${rounds} turns, seconds of one step\n\n${header()}`)
const results: Result[] = []
for (const one of cases) {
  const result = await measure(one, rival)
  results.push(result)
  console.log(line(result, clock))
}
rival.stop()
await write(OUTPUT, { machine, here, python: version, rounds }, results, clock)
console.log(`\n${OUTPUT}cuda.md, cuda.json and cuda.svg`)
