/** What is measured, as data that every side reads: this library, Python, and the rivals in Node. */

export type Cell = 'LSTM' | 'GRU' | 'RNN'

/** Who is compared with. `cell` is Python again, with `LSTMCell` or `GRUCell` instead of the module. */
export type Rival = 'python' | 'cell' | 'onnx' | 'tfjs'

interface Common {
  readonly name: string
  readonly rivals: readonly Rival[]
  /** How many times as fast as a rival this library is to be. */
  readonly goals?: Partial<Record<Rival, number>>
  /** Only this number of threads, on all sides. Default: one, and all. */
  readonly threads?: number
}

export interface OperationCase extends Common {
  readonly kind: 'add' | 'matmul' | 'linear'
}

export interface RecurrentCase extends Common {
  /** A step with the state kept, a forward pass without gradients, or forward and backward with all gradients. */
  readonly kind: 'stream' | 'forward' | 'train'
  readonly cell: Cell
  readonly input: number
  readonly hidden: number
  readonly steps: number
  readonly batch: number
  /** Of weights and, but for `stream`, of the input. Default float32. Rivals compute a `stream` in float32. */
  readonly dtype?: 'bfloat16'
  /** Steps of each sequence of the batch, decreasing, where they differ. */
  readonly lengths?: readonly number[]
}

export interface StepCase extends Common {
  /** A whole training step of a recurrent layer and a linear head on (batch, steps, input), with MSE: a TrainingStep. */
  readonly kind: 'step'
  readonly cell: Cell
  readonly input: number
  readonly hidden: number
  readonly output: number
  readonly steps: number
  readonly batch: number
  readonly optimizer: 'Adam' | 'AdamW'
  readonly clip: boolean
  /** Away from the main thread. */
  readonly offload: boolean
  /** Instead of a TrainingStep, a loop of forward, loss, backward and the optimizer. */
  readonly byHand?: boolean
}

export type Case = OperationCase | RecurrentCase | StepCase

const INPUT = 64

function stream(cell: Cell, hidden: number, goals: Case['goals'] = {}, dtype?: 'bfloat16'): RecurrentCase {
  const name = `stream ${cell} H=${hidden}${dtype ? ' bfloat16' : ''}`
  const rivals: Rival[] = ['python', 'cell', 'onnx', 'tfjs']
  return {
    name,
    kind: 'stream',
    cell,
    input: INPUT,
    hidden,
    steps: 1,
    batch: 1,
    rivals,
    goals,
    ...(dtype ? { dtype } : {}),
  }
}

type Settings = Pick<RecurrentCase, 'goals' | 'threads' | 'dtype'>

function forward(cell: Cell, hidden: number, batch: number, settings: Settings = {}): RecurrentCase {
  const { threads, dtype } = settings
  const name = `forward ${cell} H=${hidden} T=100 N=${batch}${dtype ? ' bfloat16' : ''}${threads ? ' 1 thread' : ''}`
  const rivals: Rival[] = dtype ? ['python'] : ['python', 'onnx', 'tfjs']
  return { name, kind: 'forward', cell, input: INPUT, hidden, steps: 100, batch, rivals, ...settings }
}

function train(cell: Cell, hidden: number, batch: number, python: number): RecurrentCase {
  const name = `train ${cell} H=${hidden} T=50 N=${batch}`
  return { name, kind: 'train', cell, input: INPUT, hidden, steps: 50, batch, rivals: ['python'], goals: { python } }
}

/** From 100 steps down to 38: 69 in the mean. */
const LENGTHS = Array.from({ length: 32 }, (_, i) => 100 - 2 * i)

function trainPacked(cell: Cell, python: number): RecurrentCase {
  const name = `train ${cell} H=256 T=100 N=32 lengths`
  const size = { input: INPUT, hidden: 256, steps: 100, batch: 32, lengths: LENGTHS }
  return { name, kind: 'train', cell, ...size, rivals: ['python'], goals: { python } }
}

function step(cell: Cell, goals: NonNullable<Case['goals']>, byHand = false): StepCase {
  const name = `step ${cell} H=32 T=20 N=16 Adam${byHand ? ' by hand' : ''}`
  const size = { input: 8, hidden: 32, output: 1, steps: 20, batch: 16 }
  return {
    name,
    kind: 'step',
    cell,
    ...size,
    optimizer: 'Adam',
    clip: false,
    offload: false,
    byHand,
    rivals: ['python'],
    goals,
  }
}

/** The demo's: 32 windows of 21 days, 7 days ahead. */
function demo(cell: Cell, offload = false): StepCase {
  const name = `step ${cell} demo${offload ? ' off thread' : ''}`
  const size = { input: 6, hidden: 32, output: 7, steps: 21, batch: 32 }
  return {
    name,
    kind: 'step',
    cell,
    ...size,
    optimizer: 'AdamW',
    clip: true,
    offload,
    rivals: ['python'],
    goals: { python: 1 },
  }
}

const operation = (name: string, kind: OperationCase['kind']): OperationCase => ({
  name,
  kind,
  rivals: ['python'],
  goals: { python: 1 },
})

export const CASES: readonly Case[] = [
  stream('LSTM', 128, { python: 20, cell: 5.5, onnx: 5.5 }),
  stream('LSTM', 256, { python: 9, cell: 3, onnx: 2.7 }),
  stream('GRU', 128, { python: 7, onnx: 4 }),
  stream('GRU', 256, { python: 4, onnx: 2.3 }),
  stream('LSTM', 128, {}, 'bfloat16'),
  stream('LSTM', 256, {}, 'bfloat16'),
  stream('GRU', 128, {}, 'bfloat16'),
  stream('GRU', 256, {}, 'bfloat16'),
  forward('LSTM', 128, 1, { threads: 1, goals: { python: 1.8, onnx: 1.7 } }),
  forward('GRU', 128, 1, { threads: 1, goals: { python: 5, onnx: 1.7 } }),
  forward('LSTM', 128, 1, { goals: { python: 1 } }),
  forward('GRU', 128, 1, { goals: { python: 1 } }),
  forward('LSTM', 128, 32, { goals: { python: 1 } }),
  forward('GRU', 128, 32, { goals: { python: 1 } }),
  forward('RNN', 128, 32, { goals: { python: 1 } }),
  forward('LSTM', 256, 32, { goals: { python: 1.1, onnx: 1.3 } }),
  forward('GRU', 256, 32, { goals: { python: 3.5, onnx: 1.9 } }),
  forward('RNN', 256, 32, { goals: { python: 3, onnx: 7 } }),
  forward('LSTM', 256, 32, { dtype: 'bfloat16', goals: { python: 1.2 } }),
  forward('GRU', 256, 32, { dtype: 'bfloat16', goals: { python: 5 } }),
  train('GRU', 64, 32, 6),
  train('GRU', 128, 32, 4),
  train('GRU', 256, 32, 3),
  train('RNN', 256, 32, 4),
  train('LSTM', 128, 32, 1.3),
  train('LSTM', 256, 64, 1.5),
  trainPacked('LSTM', 5),
  trainPacked('GRU', 4),
  step('LSTM', { python: 5 }),
  step('GRU', { python: 10 }),
  step('LSTM', {}, true),
  step('GRU', {}, true),
  demo('LSTM'),
  demo('LSTM', true),
  demo('GRU'),
  demo('RNN'),
  operation('add, 1 element', 'add'),
  operation('matmul, 64 x 64', 'matmul'),
  operation('Linear(64, 64), N=1', 'linear'),
]

const GATES = { LSTM: 4, GRU: 3, RNN: 1 } as const

/** Floating-point operations of the recurrent part of one call, and the bytes of weights that it must read again. */
export function workOf(one: Case): { flops: number; weightBytes: number; reads: number } | undefined {
  if (!('cell' in one)) return undefined
  const { cell, input, hidden, steps, batch } = one
  const lengths = 'lengths' in one ? one.lengths : undefined
  const samples = lengths?.reduce((sum, length) => sum + length, 0) ?? steps * batch
  const gates = GATES[cell] * hidden
  const forwardFlops = 2 * samples * gates * (input + hidden)
  // Backward computes the gradients of inputs and states, and of weights: as much again, twice.
  const flops = one.kind === 'train' || one.kind === 'step' ? 3 * forwardFlops : forwardFlops
  const bytes = 'dtype' in one && one.dtype === 'bfloat16' ? 2 : 4
  // With many rows each weight that is read is used often enough. The input of a whole sequence is one product.
  const weightBytes = batch > 1 ? 0 : bytes * gates * (one.kind === 'stream' ? input + hidden : hidden)
  return { flops, weightBytes, reads: steps }
}
