/**
 * `npm run bench:serve -- --soak MINUTES`, `--overload` and `--start`: what a service does for a long time at 70 % of what it
 * can, at three times what it can, and how soon a process answers. The clients and the service, a process of its own, share
 * the cores; each answer is compared with `forward`. Exits with 1 if an answer is lost or wrong.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { torch } from 'libtorch-rnn'
import { LSTMModel } from 'libtorch-rnn/models'
import { type Case, Load, Outcome } from './load.ts'
import { ServiceProcess } from './process.ts'

const [INPUT, OUTPUT, STEPS] = [32, 8, 50]
/** Of the soak, and of the overload: its clients must be able to send three times what the service computes. */
const [HIDDEN, HIDDEN_OVERLOAD] = [128, 512]
const CONNECTIONS = 64
const MOST_CONNECTIONS = 512
/** Of the overload: how long a request may take, in ms. */
const DEADLINE = 500

/** Writes a model, and makes requests with the outputs that forward gives. */
async function prepare(folder: string, hidden: number): Promise<{ file: string; cases: Case[] }> {
  torch.manualSeed(0)
  const model = new LSTMModel(INPUT, hidden, OUTPUT, { output: 'last' }).eval()
  const file = join(folder, `model-${hidden}.safetensors`)
  await model.save(file)
  const cases = Array.from({ length: 32 }, () => {
    const x = torch.randn([STEPS, 1, INPUT])
    const wanted = torch.noGrad(() => model.forward(x)).toTypedArray() as Float32Array
    return { body: new Uint8Array((x.toTypedArray() as Float32Array).buffer), wanted }
  })
  return { file, cases }
}

const ms = (histogram: Outcome['served'], percentile: number): string =>
  `${Outcome.at(histogram, percentile).toFixed(1)} ms`
const counts = ({ right, wrong, refused, failed, lost }: Outcome): string =>
  `${right} right, ${wrong} wrong, ${refused} refused, ${failed} failed, ${lost} lost`

export async function soak(minutes: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'libtorch-rnn-soak-'))
  const { file, cases } = await prepare(folder, HIDDEN)
  const service = await ServiceProcess.start(file, { batch: { max: 32 }, queue: { max: 10_000 } })
  const load = new Load(service.origin, CONNECTIONS, cases)
  try {
    await load.greatest(CONNECTIONS, 2)
    const greatest = await load.greatest(CONNECTIONS, 5)
    const rate = 0.7 * greatest
    console.log(`greatest rate ${greatest.toFixed(0)}/s; ${minutes} minutes at ${rate.toFixed(0)}/s`)
    const all = new Outcome()
    // A part first, so that memory that grows once does not look like a leak.
    await load.steady(rate, Math.min(30, minutes * 6), all)
    const first = await service.seen()
    const delays: number[] = []
    const parts = Math.max(1, Math.round(minutes * 6))
    for (let part = 0; part < parts; part++) {
      await load.steady(rate, (minutes * 60) / parts, all)
      const { delay, rss } = await service.seen()
      delays.push(delay)
      if (part % 6 === 5) console.log(`  ${((part + 1) / 6).toFixed(0)} min: ${counts(all)}, RSS ${rss.toFixed(0)} MB`)
    }
    const last = await service.seen()
    delays.sort((a, b) => a - b)
    console.log(`${counts(all)}; latency p50 ${ms(all.served, 50)}, p99 ${ms(all.served, 99)}`)
    console.log(
      `RSS ${first.rss.toFixed(0)} -> ${last.rss.toFixed(0)} MB; loop delay p99 of each part: median ${delays[delays.length >> 1]?.toFixed(1)} ms, greatest ${delays.at(-1)?.toFixed(1)} ms`,
    )
    return all.wrong + all.lost + all.failed + all.refused === 0
  } finally {
    await load.close()
    await service.end()
    rmSync(folder, { recursive: true })
  }
}

/** The requests per second that a service can do. */
async function greatestOf(file: string, cases: readonly Case[]): Promise<number> {
  const service = await ServiceProcess.start(file, { batch: { max: 32 }, queue: { max: 10_000 } })
  const load = new Load(service.origin, CONNECTIONS, cases)
  try {
    await load.greatest(CONNECTIONS, 2)
    return await load.greatest(CONNECTIONS, 5)
  } finally {
    await load.close()
    await service.end()
  }
}

export async function overload(seconds: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'libtorch-rnn-overload-'))
  const { file, cases } = await prepare(folder, HIDDEN_OVERLOAD)
  const greatest = await greatestOf(file, cases)
  // What waits takes a third of the deadline, so that those which are accepted keep it.
  const queue = { max: Math.ceil((greatest * DEADLINE) / 3000), timeout: DEADLINE }
  const service = await ServiceProcess.start(file, { batch: { max: 32 }, queue })
  const load = new Load(service.origin, MOST_CONNECTIONS, cases, `/predict?timeout=${DEADLINE}`)
  try {
    // Opens all connections, which takes longer than many answers.
    await load.greatest(MOST_CONNECTIONS, 2)
    const outcome = await load.steady(3 * greatest, seconds)
    const end = performance.now()
    let recovery = Number.NaN
    // One that is served as if there had been no overload.
    while (Number.isNaN(recovery) && performance.now() - end < 10_000) {
      const one = new Outcome()
      await load.ask(one)
      if (one.right === 1 && Outcome.at(one.served, 50) < 50) recovery = performance.now() - end
    }
    const { timedOut } = await service.seen()
    console.log(
      `greatest rate ${greatest.toFixed(0)}/s; ${seconds} s at ${(3 * greatest).toFixed(0)}/s: ${counts(outcome)}, of which timed out ${timedOut}`,
    )
    console.log(
      `served at ${(outcome.right / seconds).toFixed(0)}/s, p99 ${ms(outcome.served, 99)} of ${DEADLINE} ms; refused p50 ${ms(outcome.refusals, 50)}, p99 ${ms(outcome.refusals, 99)}; recovery ${recovery.toFixed(0)} ms`,
    )
    return outcome.wrong + outcome.lost + outcome.failed === 0
  } finally {
    await load.close()
    await service.end()
    rmSync(folder, { recursive: true })
  }
}

/** How long it takes from the start of a process until it has its first answer. */
export async function start(rounds: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'libtorch-rnn-start-'))
  const { file } = await prepare(folder, HIDDEN)
  const code = `import { serve } from 'libtorch-rnn/serve'
const server = await serve(process.argv[1])
console.log((await server.predict(new Float32Array(${STEPS * INPUT}))).length)
process.exit()`
  const times: number[] = []
  try {
    for (let round = 0; round < rounds; round++) {
      const began = performance.now()
      const child = spawn(process.execPath, ['--input-type=module', '-e', code, file], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(child.stdout, 'data')
      times.push(performance.now() - began)
      await once(child, 'exit')
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  times.sort((a, b) => a - b)
  console.log(
    `start of a process to its first answer: median ${times[rounds >> 1]?.toFixed(0)} ms, greatest ${times.at(-1)?.toFixed(0)} ms`,
  )
  return true
}

/** Runs those that are asked for; false if an answer was lost or wrong. */
export async function benchEndurance(wanted: { soak?: number; overload?: number; start?: number }): Promise<boolean> {
  console.error(
    `${cpus()[0]?.model}, ${cpus().length} cores that the clients share, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}`,
  )
  torch.setNumThreads(1)
  let isGood = true
  if (wanted.start !== undefined) isGood = (await start(wanted.start)) && isGood
  if (wanted.soak !== undefined) isGood = (await soak(wanted.soak)) && isGood
  if (wanted.overload !== undefined) isGood = (await overload(wanted.overload)) && isGood
  return isGood
}
