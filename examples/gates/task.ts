import { type Device, nn, optim, type Tensor, torch } from 'libtorch-rnn'
import { type GateTrace, traceGates } from 'libtorch-rnn/inspect'
import { GRUModel, LSTMModel } from 'libtorch-rnn/models'

export const MODELS = { LSTM: LSTMModel, GRU: GRUModel } as const
export type ModelName = keyof typeof MODELS

export interface Settings {
  updates: number
  hidden: number
  seed: number
  device: Device
}

/** One sequence, the network's output for it, and the values of its gates for each unit and step. */
export interface Story {
  model: ModelName
  error: number
  numbers: number[]
  marks: number[]
  targets: number[]
  answers: number[]
  gates: Record<string, number[][]>
}

/** Gates and states to show, by their names in the formulas. */
export const SHOWN = { LSTM: ['i', 'f', 'o', 'c'], GRU: ['z', 'r', 'h'] } as const

/**
 * Keep the last marked number: (T, N, 2) numbers from [-1, 1] and marks, one at the first step and at one in ten later
 * steps, and the (T, N, 1) last marked numbers.
 */
export function lastMarked(length: number, batch: number, device: Device): [inputs: Tensor, targets: Tensor] {
  const numbers = torch.rand([length, batch]).mul(2).sub(1)
  const marks = torch.rand([length, batch]).lt(0.1).to('float32')
  marks.index(0).fill_(1)
  const steps = torch.arange(0, length).unsqueeze(1)
  // The latest marked step so far.
  const [last] = marks.mul(steps).cummax(0)
  return [torch.stack([numbers, marks], 2).to(device), numbers.gather(0, last.to('int64')).unsqueeze(2).to(device)]
}

function columns(tensor: Tensor): number[] {
  return tensor.flatten().toArray() as number[]
}

/** Trains a small network, and records its gates on one unseen sequence. */
export async function tell(name: ModelName, { updates, hidden, seed, device }: Settings): Promise<Story> {
  torch.manualSeed(seed)
  const model = new MODELS[name](2, hidden, 1).to(device)
  const optimizer = new optim.Adam([...model.parameters()], { lr: 0.02 })
  for (let update = 0; update < updates; update++) {
    await torch.offload(() =>
      torch.tidy(() => {
        const [x, y] = lastMarked(50, 32, device)
        optimizer.zeroGrad()
        nn.functional.mseLoss(model.forward(x), y).backward()
        nn.utils.clipGradNorm_([...model.parameters()], 1)
        optimizer.step()
      }),
    )
  }
  torch.manualSeed(seed + 1)
  return torch.tidy(async () => {
    const [tests, expected] = lastMarked(50, 256, device)
    const error = await torch.offload(() =>
      torch.inferenceMode(() => nn.functional.mseLoss(model.forward(tests), expected)),
    )
    const [x, y] = lastMarked(60, 1, device)
    const [trace] = await traceGates(model, x)
    const gates = Object.entries(trace as GateTrace).filter(([gate]) =>
      (SHOWN[name] as readonly string[]).includes(gate),
    )
    return {
      model: name,
      error: error.item<number>(),
      numbers: columns(x.select(2, 0)),
      marks: columns(x.select(2, 1)),
      targets: columns(y),
      answers: columns(torch.noGrad(() => model.forward(x))),
      gates: Object.fromEntries(
        gates.map(([gate, values]) => [gate, (values as Tensor).squeeze(1).t().toArray() as number[][]]),
      ),
    }
  })
}

/** The mean of a gate at marked steps, and at all other steps except the first. */
export function meansOf(rows: readonly number[][], marks: readonly number[]): { marked: number; others: number } {
  const at = (mark: boolean): number => {
    const values = rows.flatMap((row) => row.filter((_, t) => t > 0 && (marks[t] === 1) === mark))
    return values.reduce((sum, value) => sum + value, 0) / values.length
  }
  return { marked: at(true), others: at(false) }
}
