/** The training steps with this library. */
import { type Device, type Tensor, torch } from 'libtorch-rnn'
import { GRUModel, LSTMModel, RNNModel } from 'libtorch-rnn/models'
import { MSELoss } from 'libtorch-rnn/nn'
import { Adam } from 'libtorch-rnn/optim'
import type { CudaCase } from './cases.ts'

/** Eager steps before a capture, and all steps whose losses are compared: as in rival.py. */
const WARM_UP = 3
const COMPARED = 5

const MODELS = { LSTM: LSTMModel, GRU: GRUModel, RNN: RNNModel } as const

/** Seconds per step. */
export interface Timing {
  readonly wall: number
  /** Between two events of the device. */
  readonly device?: number
}

export interface Work {
  /** The losses of the first steps, and the gradients of the first one, each over its greatest value. */
  readonly values: Float32Array
  run(times: number): Timing
  dispose(): void
}

type Kind = 'cuda' | 'cpu'
type Model = InstanceType<(typeof MODELS)[keyof typeof MODELS]>

function stepOf(one: CudaCase, device: Device) {
  torch.manualSeed(0)
  const { cell, input, hidden, output, batch, steps, precision } = one
  const model = new MODELS[cell](input, hidden, output, { batchFirst: true })
  const [x, y] = torch.tidy(
    () => [torch.randn([batch, steps, input]).to(device), torch.randn([batch, steps, output]).to(device)] as const,
  )
  model.to(device)
  const optimizer = new Adam(model.parameters(), { lr: 1e-3 })
  const criterion = new MSELoss()
  const options = { dtype: 'bfloat16', enabled: precision === 'bfloat16' } as const
  const step = (): Tensor => {
    optimizer.zeroGrad()
    const loss = torch.autocast(
      device === 'cpu' ? 'cpu' : 'cuda',
      () => criterion.forward(model.forward(x), y),
      options,
    )
    loss.backward()
    optimizer.step()
    return loss.detach()
  }
  const dispose = (): void => {
    for (const tensor of [x, y, ...model.parameters()]) tensor.dispose()
  }
  return { model, step, dispose }
}

/** The loss of a step, and the gradients that it leaves. */
function valuesOf(loss: Tensor, model: Model): Tensor[] {
  const gradients = [...model.parameters()].map((parameter) => parameter.grad as Tensor)
  return [loss, ...gradients.map((gradient) => gradient.div(gradient.abs().max()).flatten())]
}

function numbers(tensors: readonly Tensor[]): Float32Array {
  return torch.cat(tensors.map((tensor) => tensor.float().flatten().cpu())).toTypedArray() as Float32Array
}

/** Gradients can be more than a call takes arguments. */
function joined(losses: readonly number[], gradients: Float32Array): Float32Array {
  const values = new Float32Array(losses.length + gradients.length)
  values.set(losses)
  values.set(gradients, losses.length)
  return values
}

function timed(run: () => void, times: number, device: Kind): Timing {
  const clock = (): number => performance.now() / 1000
  const start = clock()
  if (device === 'cpu') {
    for (let i = 0; i < times; i++) run()
    return { wall: (clock() - start) / times }
  }
  const [begin, end] = [new torch.cuda.Event({ enableTiming: true }), new torch.cuda.Event({ enableTiming: true })]
  begin.record()
  for (let i = 0; i < times; i++) run()
  end.record()
  torch.cuda.synchronizeSync()
  return { wall: (clock() - start) / times, device: begin.elapsedTime(end) / 1000 / times }
}

/** Equal seeds make equal inputs and weights in Python. */
export async function prepare(one: CudaCase, device: Kind, graphed: boolean): Promise<Work> {
  const { model, step, dispose } = stepOf(one, device)
  const losses: number[] = []
  let gradients = new Float32Array()
  // On the thread that captures, where libraries set themselves up in their first runs.
  const eager = async (): Promise<void> => {
    const values = await torch.offload(() => torch.tidy(() => valuesOf(step(), model)))
    torch.tidy(() => {
      const found = numbers(values)
      losses.push(found[0] as number)
      if (gradients.length === 0) gradients = found.slice(1)
    })
    for (const value of values) value.dispose()
  }
  for (let i = 0; i < (graphed ? WARM_UP : COMPARED); i++) await eager()
  if (!graphed) {
    const run = (): void => torch.tidy(() => void step())
    return { values: joined(losses, gradients), run: (times) => timed(run, times, device), dispose }
  }
  const graph = new torch.cuda.CUDAGraph()
  const loss = await graph.capture(() => torch.tidy(step))
  for (let i = WARM_UP; i < COMPARED; i++) {
    graph.replay()
    losses.push(loss.item<number>())
  }
  return {
    values: joined(losses, gradients),
    run: (times) => timed(() => graph.replay(), times, device),
    dispose: () => {
      graph.reset()
      loss.dispose()
      dispose()
    },
  }
}
