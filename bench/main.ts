// npm run bench: the time of a call here and in rivals, in turns, in one run; `npm run bench -- lstm` runs a part.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { torch } from 'libtorch-rnn'
import { CASES, type Case, type Rival as Name } from './cases.ts'
import { prepare, SAMPLES, type Work } from './here.ts'
import { onnxModel } from './onnx.ts'
import { HEADER, line, type Result, RIVALS, type Side, write } from './report.ts'
import { type Files, Rival } from './rival.ts'
import { Roof } from './roof.ts'
import { EXCHANGE, setUp } from './setup.ts'

const OUTPUT = fileURLToPath(new URL('output/', import.meta.url))
/** How long one side runs before it is the next one's turn, and in all. */
const BLOCK_SECONDS = 0.3
const SIDE_SECONDS = 3
const LEAST_ROUNDS = 3
const MOST_CALLS = 8_000

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be a positive integer.')
  return value
}

const command = new Command('bench')
  .argument('[words...]', 'only cases whose names contain all of these, as in `lstm H=128`')
  .option('--rounds <n>', 'turns of each side', positive, 6)
  .option('--list', 'print the names of the cases')
  .parse()
const { rounds, list } = command.opts<{ rounds: number; list?: boolean }>()
const words = command.args.map((word) => word.toLowerCase())
const cases = CASES.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)))
if (list || cases.length === 0) {
  console.log((list ? cases : CASES).map(({ name }) => name).join('\n'))
  process.exit(list ? 0 : 1)
}

/** How far two sides may be apart, as a part of the greatest value. */
function tolerance(one: Case): number {
  if ('dtype' in one && one.dtype === 'bfloat16') return 3e-2
  return one.kind === 'train' || one.kind === 'step' ? 1e-4 : 1e-5
}

function expectEqual(one: Case, rival: Name, here: Float32Array, there: Float32Array): void {
  if (here.length !== there.length) {
    throw new Error(`${one.name}: ${here.length} values here, and ${there.length} by ${RIVALS[rival]}`)
  }
  const largest = there.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const wrong = here.findIndex((value, i) => !(Math.abs(value - (there[i] as number)) <= tolerance(one) * largest))
  if (wrong < 0) return
  throw new Error(`${one.name}: value ${wrong} is ${here[wrong]} here, and ${there[wrong]} by ${RIVALS[rival]}`)
}

function exchange(one: Case, { data }: Work): Files | undefined {
  if (data === undefined || one.kind === 'add' || !('cell' in one) || one.kind === 'step') return undefined
  const write = (name: string, bytes: Uint8Array | Float32Array): string => {
    writeFileSync(EXCHANGE + name, bytes)
    return EXCHANGE + name
  }
  const { weights, x } = data
  return {
    x: write('x', x),
    weights: (['ih', 'hh', 'biasIh', 'biasHh'] as const).map((name) => write(name, weights[name])),
    model: write('model.onnx', onnxModel(one as Parameters<typeof onnxModel>[0], weights)),
  }
}

function quantile(sorted: Float64Array, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] as number
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

interface Turn {
  by: Side['by']
  run(times: number): Promise<ArrayLike<number>>
}

/** Runs all sides in turns, each as often as fits into a block. */
async function inTurns(turns: readonly Turn[], threads: number): Promise<Side[]> {
  const sides = []
  for (const { by, run } of turns) {
    // The first call warms up; the second tells how many make a block.
    await run(1)
    let times = 1
    let seconds = 0
    for (; seconds < BLOCK_SECONDS / 2 && times < MOST_CALLS; times *= 2) {
      seconds = Array.from(await run(times)).reduce((a, b) => a + b)
    }
    const each = (2 * seconds) / times
    sides.push({
      by,
      run,
      times: Math.min(MOST_CALLS, Math.max(1, Math.round(BLOCK_SECONDS / each))),
      each,
      durations: [] as number[],
    })
  }
  for (let round = 0; round < rounds; round++) {
    for (const { run, times, each, durations } of sides) {
      if (round >= LEAST_ROUNDS && (round + 1) * times * each > SIDE_SECONDS) continue
      // Threads of the one before may still wait actively for more to do.
      await pause()
      // The first call finds its own threads asleep and the caches full of another side's data.
      durations.push(...Array.from(await run(times + 1)).slice(1))
    }
  }
  return sides.map(({ by, durations }) => {
    const sorted = Float64Array.from(durations).sort()
    const mean = sorted.reduce((a, b) => a + b, 0) / sorted.length
    return { by, threads, calls: sorted.length, median: quantile(sorted, 0.5), mean, p99: quantile(sorted, 0.99) }
  })
}

async function measure(one: Case, rivals: ReadonlyMap<Name, Rival>, roof: Roof): Promise<Result> {
  const all: Side[] = []
  const skipped: Result['skipped'] = {}
  for (const threads of one.threads === undefined ? THREADS : [one.threads]) {
    torch.setNumThreads(threads)
    const work = prepare(one)
    const values = work.values()
    const files = exchange(one, work)
    const turns: Turn[] = [{ by: 'here', run: async (times) => work.run(times) }]
    for (const name of one.rivals) {
      const rival = rivals.get(name) as Rival
      const there = await rival.prepare(name, { ...one, samples: SAMPLES }, threads, files, `${EXCHANGE}values`)
      if (typeof there === 'string') {
        skipped[name] = there
        continue
      }
      expectEqual(one, name, values, there)
      turns.push({ by: name, run: (times) => rival.run(name, times, threads) })
    }
    all.push(...(await inTurns(turns, threads)))
  }
  const best = (by: Side['by']): Side | undefined =>
    all.filter((side) => side.by === by).sort((a, b) => a.median - b.median)[0]
  const here = best('here') as Side
  const others = one.rivals.map(best).filter((side) => side !== undefined)
  // A step of a stream takes one thread, whatever it may use.
  const least = roof.seconds(one, one.kind === 'stream' ? 1 : here.threads)
  const result: Result = { case: one, sides: [here, ...others], all, skipped }
  return least === undefined ? result : { ...result, ofRoof: least / here.median }
}

const THREADS = [...new Set([1, availableParallelism()])]
const programs = setUp()
const roof = new Roof(programs.roof, cases, THREADS)
roof.measure()
const python = await Rival.start(programs.python, fileURLToPath(new URL('rival.py', import.meta.url)))
const rivals = new Map<Name, Rival>([
  ['python', python],
  ['cell', python],
])
for (const name of ['onnx', 'tfjs'] as const) {
  if (!cases.some((one) => one.rivals.includes(name))) continue
  const program = fileURLToPath(new URL('rival.mjs', import.meta.url))
  rivals.set(name, await Rival.start(process.execPath, program, name, programs.packages))
}

const machine = `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores`
const here = `LibTorch ${torch.version} in Node.js ${process.version}`
const versions = Object.fromEntries(
  [...rivals].filter(([name]) => name !== 'cell').map(([name, { version }]) => [name, version]),
)
console.log(`${here}; ${Object.values(versions).join('; ')}\n${machine}`)
console.log(
  `Medians of up to ${rounds} blocks in turns, each side at its best number of threads: how many times as fast`,
)
console.log(`as each rival (✓ where a goal is reached), and how much of what the machine can do at most\n\n${HEADER}`)
const results: Result[] = []
for (const one of cases) {
  const result = await measure(one, rivals, roof)
  results.push(result)
  console.log(line(result))
}
roof.measure()
for (const rival of new Set(rivals.values())) rival.stop()
mkdirSync(OUTPUT, { recursive: true })
await write(OUTPUT, { machine, here, rivals: versions, roof: roof.toJSON() }, results)
console.log(`\n${OUTPUT}results.json and results.svg`)
