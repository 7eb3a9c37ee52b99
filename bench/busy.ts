// npm run bench:busy: what a second core that others keep busy does to two threads. One process spins on one core; the
// time of a call on two threads is compared with that of one thread on a quiet machine. Linux, for `taskset`.
import { spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { torch } from 'libtorch-rnn'
import { GRU, LSTM, type RecurrentBackend, type RecurrentModule } from 'libtorch-rnn/nn'

const LAYERS = { LSTM, GRU } as const
const BACKENDS: readonly RecurrentBackend[] = ['auto', 'libtorch']
const [STEPS, BATCH, INPUT] = [100, 32, 64] as const
/** Time slices are some milliseconds: a turn has many of them. */
const TURN_SECONDS = 0.5
const TURNS = 5
/** The most that a busy core may cost two threads, against one thread alone. */
const GOAL = 1.3

if (availableParallelism() < 2 || spawnSync('taskset', ['--version']).status !== 0) {
  console.error('This needs two cores, and `taskset` of util-linux.')
  process.exit(1)
}

/** Runs `work` while another process spins on the last core. */
async function besideSpinner<T>(work: () => T): Promise<T> {
  const core = String(availableParallelism() - 1)
  const spinner = spawn('taskset', ['-c', core, process.execPath, '-e', 'for (;;);'], { stdio: 'ignore' })
  try {
    await new Promise((resolve) => setTimeout(resolve, 300))
    return work()
  } finally {
    spinner.kill('SIGKILL')
    await new Promise((resolve) => spinner.once('exit', resolve))
  }
}

/** Seconds per call on `threads` threads, over one turn. */
function mean(fn: () => void, threads: number): number {
  torch.setNumThreads(threads)
  fn()
  const start = performance.now()
  let calls = 0
  for (; performance.now() - start < TURN_SECONDS * 1000; calls++) fn()
  return (performance.now() - start) / 1000 / calls
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

const ms = (seconds: number): string => `${(seconds * 1000).toFixed(2)} ms`

console.log(`LSTM and GRU, T=${STEPS} N=${BATCH}: medians of ${TURNS} means over ${TURN_SECONDS} s`)
console.log('case'.padEnd(36) + ['1 thread', '2 threads', '2 beside', 'ratio'].map((s) => s.padStart(11)).join(''))
for (const cell of ['LSTM', 'GRU'] as const) {
  for (const hidden of [128, 256]) {
    for (const backend of BACKENDS) {
      const layer: RecurrentModule = new LAYERS[cell](INPUT, hidden, { backend })
      const x = torch.randn([STEPS, BATCH, INPUT])
      const forward = (): void => torch.inferenceMode(() => torch.tidy(() => void layer.forward(x)))
      const train = (): void => {
        layer.zeroGrad()
        torch.tidy(() => layer.forward(x)[0].sum().backward())
      }
      for (const [kind, fn] of [['forward', forward] as const, ['train', train] as const]) {
        const [one, two, beside]: [number[], number[], number[]] = [[], [], []]
        for (let turn = 0; turn < TURNS; turn++) {
          one.push(mean(fn, 1))
          two.push(mean(fn, 2))
          beside.push(await besideSpinner(() => mean(fn, 2)))
        }
        const ratio = median(beside) / median(one)
        const of = backend === 'auto' ? 'here' : 'LibTorch'
        const goal = backend === 'auto' ? (ratio <= GOAL ? ' ✓' : ` > ${GOAL}`) : ''
        console.log(
          `${kind} ${cell} H=${hidden}, ${of}`.padEnd(36) +
            [ms(median(one)), ms(median(two)), ms(median(beside)), ratio.toFixed(2)]
              .map((s) => s.padStart(11))
              .join('') +
            goal,
        )
      }
    }
  }
}
