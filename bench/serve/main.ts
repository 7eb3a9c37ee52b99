// npm run bench:serve: what serving costs beyond the kernels, in process and without HTTP, all sides in turns in one run;
// `-- sessions` runs a part, and `-- --http` what HTTP costs, beside other servers. Answers are compared before anything is timed.
// `-- --soak 10` runs a service for ten minutes, `-- --overload` at three times what it can, and `-- --start` times its start.
import { cpus, loadavg } from 'node:os'
import { Command } from 'commander'
import { torch } from 'libtorch-rnn'
import { LSTMModel } from 'libtorch-rnn/models'
import { stepStreams } from 'libtorch-rnn/nn'
import { serve } from 'libtorch-rnn/serve'
// Not public. From the same place as the server, so that there is one of each module.
import { nativeEngine } from '../../dist/serve/native-engine.js'
import { type Measured, measured, type Side } from './measure.ts'

const command = new Command('bench:serve')
  .argument('[words...]', 'only parts whose names contain all of these')
  .option('--rounds <n>', 'turns of each side', Number, 7)
  .option('--requests <n>', 'requests of a turn', Number, 6400)
  .option('--steps <n>', 'steps of sessions of a turn', Number, 300_000)
  .option('--http', 'through HTTP, with other servers; words are names of sides')
  .option('--connections <list>', 'with --http', (text) => text.split(',').map(Number), [64, 512, 1000])
  .option('--seconds <n>', 'with --http, of each measurement', Number, 5)
  .option('--soak <minutes>', 'a service at 70 % of its greatest rate', Number)
  .option('--overload [seconds]', 'a service at three times its greatest rate (default: 10 s)', Number)
  .option('--start [rounds]', 'from the start of a process to its first answer (default: 7 times)', Number)
  .parse()
const { rounds, requests, steps, http, connections, seconds, soak, overload, start } = command.opts<{
  rounds: number
  requests: number
  steps: number
  http?: boolean
  connections: number[]
  seconds: number
  soak?: number
  overload?: number | true
  start?: number | true
}>()
if (soak !== undefined || overload !== undefined || start !== undefined) {
  const { benchEndurance } = await import('./endurance/main.ts')
  const isGood = await benchEndurance({
    ...(soak === undefined ? {} : { soak }),
    ...(overload === undefined ? {} : { overload: overload === true ? 10 : overload }),
    ...(start === undefined ? {} : { start: start === true ? 7 : start }),
  })
  process.exit(isGood ? 0 : 1)
}
if (http) {
  const { benchHttp } = await import('./http/main.ts')
  await benchHttp({ sides: command.args, connections, seconds })
  process.exit()
}

const [INPUT, HIDDEN, OUTPUT, LENGTH, ROWS, SESSIONS] = [32, 128, 8, 50, 32, 1000]

interface Part {
  readonly name: string
  readonly unit: string
  /** The first one is what others are compared with. */
  sides(): Promise<{ sides: readonly Side[]; close(): Promise<void> }>
}

/** Clients that each wait for their answer before they ask again. */
async function clients(count: number, total: number, ask: (client: number) => Promise<unknown>): Promise<void> {
  let left = total
  await Promise.all(
    Array.from({ length: count }, async (_, client) => {
      while (left-- > 0) await ask(client)
    }),
  )
}

function requireNear(what: string, found: ArrayLike<number>, wanted: ArrayLike<number>): void {
  for (let i = 0; i < wanted.length; i++) {
    const difference = Math.abs((found[i] as number) - (wanted[i] as number))
    if (!(difference < 1e-5)) throw new Error(`${what}: output ${i} is ${found[i]}, and ${wanted[i]} by forward`)
  }
}

const predict: Part = {
  name: `predict LSTM(${INPUT}, ${HIDDEN}), T=${LENGTH}`,
  unit: 'requests',
  async sides() {
    const model = new LSTMModel(INPUT, HIDDEN, OUTPUT, { output: 'last' }).eval()
    const inputs = Array.from({ length: 64 }, () =>
      Float32Array.from({ length: LENGTH * INPUT }, () => Math.random() - 0.5),
    )
    const batch = torch
      .stack(inputs.slice(0, ROWS).map((x) => torch.tensor(x, { shape: [LENGTH, INPUT] })))
      .transpose(0, 1)
      .contiguous()
    const forward = (): Float32Array =>
      torch.tidy(() => torch.inferenceMode(() => model.forward(batch).toTypedArray() as Float32Array))
    const [native, tensor] = await Promise.all(
      (['native', 'tensor'] as const).map((engine) => serve(model, { engine, batch: { max: ROWS } })),
    )
    const engine = await nativeEngine(model)
    const sequences = inputs.map((data) => ({ data, steps: LENGTH }))
    const batches = [sequences.slice(0, ROWS), sequences.slice(ROWS)] as const
    const wanted = forward()
    for (const [i, output] of (await engine.run(batches[0])).entries()) {
      requireNear('run', output as Float32Array, wanted.subarray(i * OUTPUT, (i + 1) * OUTPUT))
    }
    for (const server of [native, tensor]) {
      const outputs = await Promise.all(inputs.slice(0, ROWS).map((x) => server?.predict(x)))
      for (const [i, output] of outputs.entries()) {
        requireNear('predict', output as Float32Array, wanted.subarray(i * OUTPUT, (i + 1) * OUTPUT))
      }
    }
    const one = torch.tensor(inputs[0] as Float32Array, { shape: [LENGTH, 1, INPUT] })
    return {
      sides: [
        {
          name: `kernels alone, batches of ${ROWS}`,
          count: requests,
          run: async () => {
            for (let done = 0; done < requests; done += ROWS) forward()
          },
        },
        {
          name: `engine.run, batches of ${ROWS}, 2 at a time`,
          count: requests,
          run: () => clients(2, requests / ROWS, (client) => engine.run(batches[client as 0 | 1])),
        },
        {
          name: 'server.predict, 64 clients',
          count: requests,
          run: () =>
            clients(64, requests, (client) => native?.predict(inputs[client] as Float32Array) as Promise<unknown>),
        },
        {
          name: 'server.predict by tensors, 64 clients',
          count: requests,
          run: () =>
            clients(64, requests, (client) => tensor?.predict(inputs[client] as Float32Array) as Promise<unknown>),
        },
        {
          name: 'forward one by one',
          count: requests / 4,
          run: async () => {
            for (let done = 0; done < requests / 4; done++) {
              torch.tidy(() => torch.inferenceMode(() => model.forward(one).toTypedArray()))
            }
          },
        },
      ],
      async close() {
        await engine.close()
        await native?.close()
        await tensor?.close()
      },
    }
  },
}

const sessions: Part = {
  name: `sessions LSTM(${INPUT}, ${HIDDEN}), ${SESSIONS} of them`,
  unit: 'steps',
  async sides() {
    const model = new LSTMModel(INPUT, HIDDEN, OUTPUT).eval()
    const server = await serve(model, { queue: { steps: 4 * SESSIONS } })
    const open = Array.from({ length: SESSIONS }, (_, i) => server.session(`session-${i}`))
    const streams = open.map(() => model.stream())
    const samples = Float32Array.from({ length: SESSIONS * INPUT }, () => Math.random() - 0.5)
    const sample = (i: number): Float32Array => samples.subarray(i * INPUT, (i + 1) * INPUT)
    const outputs = new Float32Array(SESSIONS * OUTPUT)
    for (let round = 0; round < 3; round++) {
      stepStreams(streams, samples, outputs)
      const found = await Promise.all(open.map((session, i) => session.step(sample(i))))
      for (const [i, output] of found.entries()) {
        requireNear('step', output, outputs.subarray(i * OUTPUT, (i + 1) * OUTPUT))
      }
    }
    const engine = await nativeEngine(model)
    const slots = Int32Array.from(open, () => engine.openSlot())
    const halves = [0, SESSIONS / 2].map((start) => ({
      slots: slots.slice(start, start + SESSIONS / 2),
      samples: samples.slice(start * INPUT, (start + SESSIONS / 2) * INPUT),
    }))
    return {
      sides: [
        {
          name: 'stepStreams, all at once, blocking',
          count: steps,
          run: async () => {
            for (let done = 0; done < steps; done += SESSIONS) stepStreams(streams, samples, outputs)
          },
        },
        {
          name: `engine.step, ${SESSIONS / 2} at once, 2 at a time`,
          count: steps,
          run: () =>
            clients(2, (2 * steps) / SESSIONS, (i) => {
              const { slots, samples } = halves[i] as (typeof halves)[number]
              return engine.step(slots, samples)
            }),
        },
        {
          name: 'session.step, each after its last answer',
          count: steps,
          run: () => clients(SESSIONS, steps, (i) => open[i]?.step(sample(i)) as Promise<unknown>),
        },
      ],
      async close() {
        for (const stream of streams) stream.dispose()
        await engine.close()
        await server.close()
      },
    }
  },
}

const cell = (value: number, digits = 2): string => (Number.isNaN(value) ? '' : value.toFixed(digits)).padStart(12)

function line({ side, rate, main, busiest }: Measured, bare: Measured): string {
  return [
    `  ${side.name}`.padEnd(44),
    Math.round(rate).toLocaleString('en').padStart(12),
    cell(rate / bare.rate),
    cell(main),
    cell(busiest),
  ].join('')
}

torch.setNumThreads(1)
torch.manualSeed(0)
console.error(`${cpus()[0]?.model}, Node ${process.version}, one thread; medians of ${rounds} rounds`)
for (const part of [predict, sessions].filter(({ name }) => command.args.every((word) => name.includes(word)))) {
  const { sides, close } = await part.sides()
  const results = await measured(sides, rounds)
  console.log(
    [
      `${part.name}, load ${loadavg()[0]?.toFixed(1)}`.padEnd(44),
      `${part.unit}/s`.padStart(12),
      'of kernels'.padStart(12),
      'main µs'.padStart(12),
      'lane µs'.padStart(12),
    ].join(''),
  )
  for (const result of results) console.log(line(result, results[0] as Measured))
  await close()
}
