// npm run bench: the time of a call here and in Python PyTorch, in turns, in one run.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { torch } from 'libtorch-rnn'
import { CASES, type Case } from './cases.ts'
import { Python } from './python.ts'

const OUTPUT = fileURLToPath(new URL('output/', import.meta.url))
const BLOCK_SECONDS = 0.03

const options = new Command('bench')
  .option('--only <text>', 'only cases whose name contains this', '')
  .option('--rounds <n>', 'blocks per case and side', Number, 21)
  .parse()
  .opts<{ only: string; rounds: number }>()

interface Figures {
  case: string
  threads: number
  /** Seconds per call: medians. */
  here: number
  python: number
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

async function timed(one: Case, times: number): Promise<number> {
  const start = performance.now()
  await one.run(times)
  return (performance.now() - start) / 1000
}

function expectEqual(name: string, here: readonly number[], python: readonly number[]): void {
  const wrong = here.findIndex(
    (value, i) => !(Math.abs(value - (python[i] as number)) <= 1e-5 + 1e-4 * Math.abs(value)),
  )
  if (here.length !== python.length || wrong >= 0) {
    throw new Error(`${name}: element ${wrong} is ${here[wrong]} here and ${python[wrong]} in Python`)
  }
}

async function measure(name: string, make: () => Case, python: Python, threads: number): Promise<Figures> {
  torch.setNumThreads(threads)
  const one = make()
  expectEqual(name, one.value(), await python.value(name, threads))
  let times = 1
  for (; (await timed(one, times)) < BLOCK_SECONDS; times *= 2);
  await python.run(name, times, threads)
  const here: number[] = []
  const there: number[] = []
  for (let round = 0; round < options.rounds; round++) {
    here.push((await timed(one, times)) / times)
    there.push((await python.run(name, times, threads)) / times)
  }
  return { case: name, threads, here: median(here), python: median(there) }
}

function show(seconds: number): string {
  return seconds < 1e-3 ? `${(seconds * 1e6).toFixed(2)} µs` : `${(seconds * 1e3).toFixed(2)} ms`
}

const best = (figures: readonly Figures[], side: 'here' | 'python'): number =>
  Math.min(...figures.map((one) => one[side]))

const python = new Python()
await python.start()
const machine = `${cpus()[0]?.model}, ${availableParallelism()} cores`
console.log(`LibTorch ${torch.version} in Node ${process.version}, PyTorch ${python.version}; ${machine}`)
console.log(`Medians of ${options.rounds} blocks in turns, at each side's best number of threads\n`)
console.log(`${'case'.padEnd(38)}${'here'.padStart(12)}${'Python'.padStart(12)}${'Python / here'.padStart(16)}`)
const all: Figures[] = []
for (const [name, make] of Object.entries(CASES)) {
  if (!name.includes(options.only)) continue
  const figures: Figures[] = []
  for (const threads of new Set([1, availableParallelism()])) figures.push(await measure(name, make, python, threads))
  const [here, there] = [best(figures, 'here'), best(figures, 'python')]
  console.log(
    `${name.padEnd(38)}${show(here).padStart(12)}${show(there).padStart(12)}${(there / here).toFixed(2).padStart(16)}`,
  )
  all.push(...figures)
}
python.stop()
mkdirSync(OUTPUT, { recursive: true })
writeFileSync(`${OUTPUT}results.json`, `${JSON.stringify({ machine, torch: torch.version, results: all }, null, 2)}\n`)
