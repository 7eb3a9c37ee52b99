import { type Device, nn, optim, type Tensor, torch } from 'libtorch-rnn'
import { GRUModel, LSTMModel, type RecurrentModel, RNNModel } from 'libtorch-rnn/models'

export const MODELS = { RNN: RNNModel, LSTM: LSTMModel, GRU: GRUModel } as const
export type ModelName = keyof typeof MODELS

/** The mean squared error of always answering 1, the mean of the sum of two numbers from [0, 1]: 2 / 12. */
export const BASELINE = 1 / 6
/** A mean squared error below which the task counts as learned. */
export const LEARNED = 0.01
/** A mean squared error at which training can stop. */
const ENOUGH = 0.004

export interface Settings {
  updates: number
  hidden: number
  batch: number
  learningRate: number
  init: 'chrono' | 'default'
  device: Device
}

export interface Trained {
  model: ModelName
  length: number
  seed: number
  /** Mean squared error on held-out sequences, after this number of updates. */
  curve: { update: number; error: number }[]
  seconds: number
}

/**
 * A batch of the adding problem: (T, N, 2) numbers from [0, 1] and marks, one in the first half and one in the second
 * half of each sequence, and (N, 1) sums of the two marked numbers.
 */
export function addingProblem(length: number, batch: number, device: Device): [inputs: Tensor, targets: Tensor] {
  const half = Math.floor(length / 2)
  const numbers = torch.rand([length, batch])
  const marks = torch.zeros([length, batch])
  marks.scatter_(0, torch.randint(0, half, [1, batch]), 1)
  marks.scatter_(0, torch.randint(half, length, [1, batch]), 1)
  return [torch.stack([numbers, marks], 2).to(device), numbers.mul(marks).sum(0).unsqueeze(1).to(device)]
}

/**
 * Gates that stay open for 1 to T steps: biases ln(u) with u uniform from [1, T - 1] for the gate that keeps, and their
 * negatives for the gate that lets in (Tallec and Ollivier, "Can recurrent neural networks warp time?", ICLR 2018). An
 * RNN has no gates to set.
 */
function chrono(model: RecurrentModel, length: number): void {
  const hidden = model.hiddenSize
  torch.noGrad(() =>
    torch.tidy(() => {
      const open = torch
        .rand([hidden])
        .mul(length - 2)
        .add(1)
        .log()
      if (model instanceof LSTMModel) {
        const { bias_ih_l0, bias_hh_l0 } = model.lstm
        for (const bias of [bias_ih_l0, bias_hh_l0]) bias?.zero_()
        bias_ih_l0?.narrow(0, 0, hidden).copy_(open.neg())
        bias_ih_l0?.narrow(0, hidden, hidden).copy_(open)
      } else if (model instanceof GRUModel) {
        model.gru.bias_ih_l0?.narrow(0, hidden, hidden).copy_(open)
      }
    }),
  )
}

/** Trains until the task is learned well or the updates are used up. Every update runs off the main thread. */
export async function train(name: ModelName, length: number, seed: number, settings: Settings): Promise<Trained> {
  const { updates, hidden, batch, learningRate, init, device } = settings
  const start = performance.now()
  torch.manualSeed(seed)
  const model = new MODELS[name](2, hidden, 1)
  if (init === 'chrono') chrono(model, length)
  model.to(device)
  const parameters = [...model.parameters()]
  const optimizer = new optim.Adam(parameters, { lr: learningRate })
  const [inputs, targets] = addingProblem(length, 256, device)
  const errorOf = (x: Tensor, y: Tensor): Tensor => nn.functional.mseLoss(model.forward(x).index(-1), y)
  const test = async (): Promise<number> => {
    const error = await torch.offload(() => torch.tidy(() => torch.inferenceMode(() => errorOf(inputs, targets))))
    return error.item<number>()
  }
  const curve = [{ update: 0, error: await test() }]
  for (let update = 1; update <= updates; update++) {
    await torch.offload(() =>
      torch.tidy(() => {
        const [x, y] = addingProblem(length, batch, device)
        optimizer.zeroGrad()
        errorOf(x, y).backward()
        nn.utils.clipGradNorm_(parameters, 1)
        optimizer.step()
      }),
    )
    if (update % 25 !== 0 && update !== updates) continue
    const error = await test()
    curve.push({ update, error })
    if (error < ENOUGH) break
  }
  return { model: name, length, seed, curve, seconds: (performance.now() - start) / 1000 }
}
