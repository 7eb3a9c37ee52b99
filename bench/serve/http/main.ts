/**
 * `npm run bench:serve -- --http`: requests per second through HTTP, binary bodies, on loopback: this library,
 * onnxruntime-node one by one and with a batcher, TensorFlow.js, and Python with FastAPI, uvicorn and PyTorch. Each side
 * is a process of its own, and only the one that is measured runs; `CPU µs` is what that takes for each request, which
 * tells the most where other work shares the cores. Answers are compared with `forward` before.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { type Tensor, torch } from 'libtorch-rnn'
import { LSTMModel } from 'libtorch-rnn/models'
import { onnxModel } from '../../onnx.ts'
import { setUpServing } from '../../setup.ts'
import { HIDDEN, INPUT, OUTPUT, PARAMETERS, STEPS } from './task.ts'

const HERE = import.meta.dirname

interface Side {
  readonly name: string
  readonly text: string
  /** How far outputs may be from those of forward. */
  readonly tolerance: number
}

const SIDES: readonly Side[] = [
  { name: 'float32', text: 'libtorch-rnn', tolerance: 1e-5 },
  { name: 'bfloat16', text: 'libtorch-rnn, bfloat16', tolerance: 0.02 },
  { name: 'onnx', text: 'onnxruntime-node, one by one', tolerance: 1e-5 },
  { name: 'onnx-batched', text: 'onnxruntime-node, with a batcher', tolerance: 1e-5 },
  { name: 'tensorflow', text: 'TensorFlow.js (WebAssembly)', tolerance: 1e-4 },
  { name: 'python', text: 'FastAPI, uvicorn, PyTorch', tolerance: 1e-5 },
  { name: 'echo', text: 'Fastify alone: nothing is computed', tolerance: Number.POSITIVE_INFINITY },
]

export interface HttpBenchOptions {
  /** Names of sides. Default: all. */
  readonly sides: readonly string[]
  readonly connections: readonly number[]
  /** Of each measurement. */
  readonly seconds: number
}

interface Load {
  /** Requests per second. */
  readonly rate: number
  /** In ms. */
  readonly p50: number
  readonly p99: number
  /** Answers with an error, or none. */
  readonly failed: number
}

class Running {
  readonly side: Side
  readonly url: string
  readonly #child: ChildProcess

  private constructor(side: Side, port: string, child: ChildProcess) {
    this.side = side
    this.url = `http://127.0.0.1:${port}/predict`
    this.#child = child
  }

  static async start(side: Side, folder: string, python: string): Promise<Running> {
    const [command, args] =
      side.name === 'python'
        ? [python, [join(HERE, 'side.py'), folder]]
        : [process.execPath, ['--import', 'tsx', join(HERE, 'side.ts'), side.name, folder]]
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const line of createInterface({ input: child.stdout })) return new Running(side, line, child)
    throw new Error(`${side.text} did not start`)
  }

  /** The CPU time of its process so far, in s; NaN where only Linux tells. */
  get cpu(): number {
    if (process.platform !== 'linux') return Number.NaN
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    // User and system, in ticks of 10 ms.
    return (Number(fields[11]) + Number(fields[12])) / 100
  }

  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}

const ask = async (url: string, x: Float32Array): Promise<Float32Array> => {
  const headers = { 'content-type': 'application/octet-stream' }
  const body = Buffer.from(x.buffer, x.byteOffset, x.byteLength)
  for (let tries = 0; ; tries++) {
    try {
      const response = await fetch(url, { method: 'POST', headers, body })
      if (!response.ok) throw new Error(`${url}: status ${response.status}: ${await response.text()}`)
      return new Float32Array(await response.arrayBuffer())
    } catch (error) {
      // Python tells its port before it listens.
      if (tries > 100 || !(error instanceof TypeError)) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

/** Makes the model, and writes it in all forms. */
async function prepare(): Promise<{ folder: string; inputs: Float32Array[]; outputs: Float32Array[] }> {
  const folder = join(tmpdir(), `libtorch-rnn-bench-${process.pid}`)
  mkdirSync(folder)
  torch.manualSeed(0)
  const model = new LSTMModel(INPUT, HIDDEN, OUTPUT, { output: 'last' }).eval()
  await model.save(join(folder, 'model.safetensors'))
  const state = model.stateDict()
  const names = [
    'lstm.weight_ih_l0',
    'lstm.weight_hh_l0',
    'lstm.bias_ih_l0',
    'lstm.bias_hh_l0',
    'linear.weight',
    'linear.bias',
  ]
  const values = names.map((name) => {
    const tensor = state[name]
    if (tensor === undefined) throw new Error(`the model has no ${name}, only ${Object.keys(state).join(', ')}`)
    return (tensor as Tensor).toTypedArray() as Float32Array
  })
  for (const [i, name] of PARAMETERS.entries()) writeFileSync(join(folder, name), values[i] as Float32Array)
  const [ih, hh, biasIh, biasHh] = values as [Float32Array, Float32Array, Float32Array, Float32Array]
  const sizes = { cell: 'LSTM', input: INPUT, hidden: HIDDEN, steps: STEPS, batch: 'N' } as const
  writeFileSync(join(folder, 'model.onnx'), onnxModel(sizes, { ih, hh, biasIh, biasHh }))
  const inputs = Array.from({ length: 16 }, () => torch.randn([STEPS, INPUT]).toTypedArray() as Float32Array)
  const outputs = inputs.map((x) =>
    torch.tidy(
      () =>
        torch.noGrad(() => model.forward(torch.tensor(x, { shape: [STEPS, 1, INPUT] }))).toTypedArray() as Float32Array,
    ),
  )
  // For wrk, which reads its body from a script.
  const bytes = [...new Uint8Array((inputs[0] as Float32Array).buffer)].map(
    (byte) => `\\${String(byte).padStart(3, '0')}`,
  )
  writeFileSync(
    join(folder, 'load.lua'),
    `wrk.method = "POST"\nwrk.headers["content-type"] = "application/octet-stream"\nwrk.body = "${bytes.join('')}"\n`,
  )
  writeFileSync(join(folder, 'body'), new Uint8Array((inputs[0] as Float32Array).buffer))
  return { folder, inputs, outputs }
}

const hasWrk = spawnSync('wrk', ['-v']).error === undefined

const MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 }

async function wrk(url: string, folder: string, connections: number, seconds: number): Promise<Load> {
  const args = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--latency', '--timeout', '30s']
  const { stdout } = await promisify(execFile)('wrk', [...args, '-s', join(folder, 'load.lua'), url])
  const ms = (percentile: string): number => {
    const [, value, unit] = new RegExp(`\\s${percentile}%\\s+([\\d.]+)(us|ms|s|m)`).exec(stdout) ?? []
    return Number(value) * (MS[unit as string] ?? Number.NaN)
  }
  const count = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? 0)
  const failed = count(/Non-2xx or 3xx responses: (\d+)/) + count(/timeout (\d+)/) + count(/read (\d+)/)
  return { rate: count(/Requests\/sec:\s+([\d.]+)/), p50: ms('50'), p99: ms('99'), failed }
}

async function autocannon(url: string, folder: string, connections: number, seconds: number): Promise<Load> {
  const program = createRequire(join(HERE, '../../rivals/node/package.json')).resolve('autocannon')
  const args = ['-j', '-m', 'POST', '-c', String(connections), '-d', String(seconds), '-t', '30']
  const headers = ['-H', 'content-type=application/octet-stream', '-i', join(folder, 'body')]
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args, ...headers, url])
  const { requests, latency, non2xx, errors } = JSON.parse(stdout) as {
    requests: { average: number }
    latency: { p50: number; p99: number }
    non2xx: number
    errors: number
  }
  return { rate: requests.average, p50: latency.p50, p99: latency.p99, failed: non2xx + errors }
}

function requireNear({ side }: Running, found: Float32Array, wanted: Float32Array): void {
  const isNear = wanted.every((value, i) => Math.abs(value - (found[i] as number)) <= side.tolerance)
  if (found.length === wanted.length && (isNear || side.tolerance === Number.POSITIVE_INFINITY)) return
  throw new Error(`${side.text} gives ${found}, and forward ${wanted}`)
}

export async function benchHttp({ sides, connections, seconds }: HttpBenchOptions): Promise<void> {
  const { python, missing } = setUpServing()
  const { folder, inputs, outputs } = await prepare()
  const load = hasWrk ? wrk : autocannon
  console.error(
    `${cpus()[0]?.model}, ${cpus().length} cores that the load shares, Node ${process.version}; LSTM(${INPUT}, ${HIDDEN}) and a head, ${STEPS} steps, binary bodies; load by ${hasWrk ? 'wrk' : 'autocannon'}, ${seconds} s each`,
  )
  if (missing !== undefined) console.error(`${missing}: without Python`)
  const wanted = SIDES.filter(({ name }) => sides.length === 0 || sides.includes(name))
  const running: Running[] = []
  try {
    for (const side of wanted) {
      if (side.name === 'python' && missing !== undefined) continue
      const one = await Running.start(side, folder, python)
      running.push(one)
      const answers = await Promise.all(inputs.map((x) => ask(one.url, x)))
      for (const [i, answer] of answers.entries()) requireNear(one, answer, outputs[i] as Float32Array)
      one.pause()
    }
    for (const count of connections) {
      const title = `${count} connections, load ${loadavg()[0]?.toFixed(1)}`
      console.log(
        title.padEnd(38),
        ...['requests/s', 'of ours', 'CPU µs', 'p50 ms', 'p99 ms', 'failed'].map((h) => h.padStart(11)),
      )
      let own = Number.NaN
      for (const one of running) {
        one.resume()
        await load(one.url, folder, count, 1)
        const before = one.cpu
        const { rate, p50, p99, failed } = await load(one.url, folder, count, seconds)
        const cpu = ((one.cpu - before) * 1e6) / (rate * seconds)
        one.pause()
        if (one.side.name === 'float32') own = rate
        const cells = [
          Math.round(rate).toLocaleString('en'),
          (rate / own).toFixed(2),
          cpu.toFixed(0),
          p50.toFixed(1),
          p99.toFixed(1),
          failed,
        ]
        console.log(`  ${one.side.text}`.padEnd(38), ...cells.map((value) => String(value).padStart(11)))
      }
    }
  } finally {
    for (const one of running) one.end()
  }
}
