/** The work of each case with this library. */
import { type Tensor, torch } from 'libtorch-rnn'
import { GRUModel, LSTMModel, RNNModel } from 'libtorch-rnn/models'
import { GRU, Linear, LSTM, MSELoss, type RecurrentModule, RNN, utils } from 'libtorch-rnn/nn'
import { Adam, AdamW } from 'libtorch-rnn/optim'
import { TrainingStep } from 'libtorch-rnn/train'
import type { Case, OperationCase, RecurrentCase, StepCase } from './cases.ts'
import type { Weights } from './onnx.ts'

/** Different inputs of a stream, taken in turns. */
export const SAMPLES = 16

export interface Work {
  /** Does the work `times` times; the seconds of each. */
  run(times: number): Float64Array | Promise<Float64Array>
  /** What it computes, to compare before timing. */
  values(): Float32Array
  /** For rivals that cannot make them from the seed. */
  data?: { weights: Weights; x: Float32Array }
}

const LAYERS = { LSTM, GRU, RNN } as const
const MODELS = { LSTM: LSTMModel, GRU: GRUModel, RNN: RNNModel } as const
const OPTIMIZERS = { Adam, AdamW } as const
/** Calls between two clean-ups: Python frees each tensor at once, too, but for what the next call replaces. */
const BLOCK = 20

function timed(fn: () => unknown, times: number): Float64Array {
  const seconds = new Float64Array(times)
  for (let i = 0; i < times; i++) {
    const start = performance.now()
    fn()
    seconds[i] = (performance.now() - start) / 1000
  }
  return seconds
}

function inScopes(fn: () => unknown, times: number): Float64Array {
  const seconds = new Float64Array(times)
  for (let done = 0; done < times; done += BLOCK) {
    seconds.set(
      torch.tidy(() => timed(fn, Math.min(BLOCK, times - done))),
      done,
    )
  }
  return seconds
}

function numbers(...tensors: Tensor[]): Float32Array {
  return torch.tidy(() => {
    const flat = torch.cat(tensors.map((tensor) => tensor.detach().to('float32').reshape([-1])))
    return flat.toTypedArray() as Float32Array
  })
}

function inference(fn: () => Tensor): Work {
  return {
    run: (times) => torch.inferenceMode(() => inScopes(() => fn().dispose(), times)),
    values: () => torch.inferenceMode(() => torch.tidy(() => numbers(fn()))),
  }
}

function operation({ kind }: OperationCase): Work {
  if (kind === 'linear') {
    const layer = new Linear(64, 64)
    const x = torch.randn([1, 64])
    return inference(() => layer.forward(x))
  }
  const size = kind === 'add' ? [1] : [64, 64]
  const [a, b] = [torch.randn(size), torch.randn(size)]
  return inference(kind === 'add' ? () => a.add(b) : () => a.matmul(b))
}

function layerOf({ cell, input, hidden, steps, batch, kind }: RecurrentCase) {
  const network: RecurrentModule = new LAYERS[cell](input, hidden)
  const x = torch.randn([kind === 'stream' ? SAMPLES : steps, batch, input])
  const of = (name: `weight_${string}` | `bias_${string}`): Float32Array => numbers(network[name] as Tensor)
  const weights = { ih: of('weight_ih_l0'), hh: of('weight_hh_l0'), biasIh: of('bias_ih_l0'), biasHh: of('bias_hh_l0') }
  return { network, x, data: { weights, x: numbers(x) } }
}

function stream(one: RecurrentCase): Work {
  const { network, x, data } = layerOf(one)
  const { input, hidden } = one
  const session = network.stream(one.dtype === undefined ? {} : { dtype: one.dtype })
  const values = numbers(x)
  const inputs = Array.from({ length: SAMPLES }, (_, i) => values.subarray(i * input, (i + 1) * input))
  const output = new Float32Array(hidden)
  let position = 0
  const step = (): void => {
    position = (position + 1) % SAMPLES
    session.step(inputs[position] as Float32Array, output)
  }
  return {
    run: (times) => timed(step, times),
    values: () => {
      const all = new Float32Array(SAMPLES * hidden)
      inputs.forEach((x, i) => {
        all.set(session.step(x, output), i * hidden)
      })
      return all
    },
    data,
  }
}

function forward(one: RecurrentCase): Work {
  const { network, x, data } = layerOf(one)
  if (one.dtype !== undefined) network.to(one.dtype)
  const input = one.dtype === undefined ? x : x.to(one.dtype)
  return { ...inference(() => network.forward(input)[0]), data }
}

function train(one: RecurrentCase): Work {
  const { network, x } = layerOf(one)
  x.requiresGrad_()
  const { lengths, steps, batch, hidden } = one
  const size = [steps, batch, hidden]
  // The gradient of the output: not the same everywhere.
  const seed = torch.linspace(-1, 1, steps * batch * hidden).reshape(size)
  const run = (): Tensor => {
    network.zeroGrad()
    x.grad = null
    let output: Tensor
    if (lengths === undefined) {
      output = network.forward(x)[0]
    } else {
      const packed = utils.rnn.packPaddedSequence(x, lengths)
      output = utils.rnn.padPackedSequence(network.forward(packed)[0])[0]
    }
    output.backward(seed)
    return output
  }
  return {
    run: (times) => timed(() => torch.tidy(() => void run()), times),
    values: () =>
      torch.tidy(() => {
        const output = run()
        const leaves = [x, ...network.parameters()]
        return numbers(output, ...leaves.map(({ grad }) => grad as Tensor))
      }),
  }
}

function step({ cell, input, hidden, output, steps, batch, optimizer, clip, offload, byHand }: StepCase): Work {
  const model = new MODELS[cell](input, hidden, output, { batchFirst: true })
  const own = new OPTIMIZERS[optimizer](model.parameters(), { lr: 3e-3 })
  const criterion = new MSELoss()
  const x = torch.randn([batch, steps, input])
  const y = torch.randn([batch, steps, output])
  const whole = new TrainingStep(model, { optimizer: own, ...(clip ? { clipGradNorm: 1 } : {}) })
  const run = (): void =>
    torch.tidy(() => {
      if (!byHand) return void whole.run(x, y)
      own.zeroGrad()
      criterion.forward(model.forward(x), y).backward()
      if (clip) utils.clipGradNorm_(model.parameters(), 1)
      own.step()
    })
  const runAway = async (times: number): Promise<Float64Array> => {
    const seconds = new Float64Array(times)
    for (let i = 0; i < times; i++) {
      const start = performance.now()
      await torch.offload(run)
      seconds[i] = (performance.now() - start) / 1000
    }
    return seconds
  }
  return {
    run: offload ? runAway : (times) => timed(run, times),
    values: () => {
      for (let i = 0; i < 3; i++) run()
      return numbers(...model.parameters())
    },
  }
}

/** Equal seeds make equal inputs and weights in Python. */
export function prepare(one: Case): Work {
  torch.manualSeed(0)
  switch (one.kind) {
    case 'stream':
      return stream(one)
    case 'forward':
      return forward(one)
    case 'train':
      return train(one)
    case 'step':
      return step(one)
    default:
      return operation(one)
  }
}
