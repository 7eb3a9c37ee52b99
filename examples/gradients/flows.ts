import { type Device, nn, type Tensor, torch } from 'libtorch-rnn'
import { gradientFlow } from 'libtorch-rnn/inspect'

/** A gradient on its way back: its norm at each step relative to the last step, the nearest first. */
export interface Curve {
  label: string
  norms: number[]
}

export interface Panel {
  title: string
  note: string
  kind: 'RNN' | 'LSTM' | 'GRU' | 'all'
  curves: Curve[]
}

const INPUT = 4
const BATCH = 8

export interface Settings {
  steps: number
  hidden: number
  seed: number
  device: Device
}

type Network = nn.RNN | nn.LSTM | nn.GRU

/** The gradient of a loss on the last output, from the last step back to the first. */
async function curveOf(label: string, network: Network, x: Tensor, of: 'hidden' | 'cell' = 'hidden'): Promise<Curve> {
  const toward = torch.randn([network.hiddenSize], { dtype: 'float64', device: x.device })
  const loss = ([output]: [Tensor, unknown]): Tensor => output.index(-1).matmul(toward).sum()
  const [flow] = await gradientFlow(network as nn.RNN, x, loss)
  const norms = (flow?.[of] ?? []).toReversed()
  return { label, norms: norms.map((norm) => norm / (norms[0] as number)) }
}

/** Sets a weight or a part of it. Networks are in float64, where a gradient can become very small without underflow. */
function set(weight: Tensor | undefined, change: (weight: Tensor) => void): void {
  torch.noGrad(() => change(weight as Tensor))
}

/** Four views: the networks at initialization, and for each the setting that decides how long a gradient lasts. */
export async function panels({ steps, hidden, seed, device }: Settings): Promise<Panel[]> {
  torch.manualSeed(seed)
  const place = { dtype: 'float64', device } as const
  const x = torch.randn([steps, BATCH, INPUT], place)
  const start: Curve[] = []
  for (const kind of ['RNN', 'LSTM', 'GRU'] as const) {
    start.push(await curveOf(kind, new nn[kind](INPUT, hidden, place), x))
  }

  const recurrent: Curve[] = []
  for (const gain of [0.6, 0.8, 1, 1.5, 2]) {
    const rnn = new nn.RNN(INPUT, hidden, place)
    set(rnn.weight_ih_l0, (weight) => weight.mul_(0.3))
    set(rnn.weight_hh_l0, (weight) => nn.init.orthogonal_(weight, gain))
    recurrent.push(await curveOf(`gain ${gain}`, rnn, x))
  }

  const forget: Curve[] = []
  for (const bias of [0, 1, 2, 4, 6]) {
    const lstm = new nn.LSTM(INPUT, hidden, place)
    set(lstm.bias_ih_l0, (weight) => weight.narrow(0, hidden, hidden).fill_(bias))
    forget.push(await curveOf(`bias ${bias}`, lstm, x, 'cell'))
  }

  const update: Curve[] = []
  for (const bias of [0, 1, 2, 4, 6]) {
    const gru = new nn.GRU(INPUT, hidden, place)
    set(gru.bias_ih_l0, (weight) => weight.narrow(0, hidden, hidden).fill_(bias))
    update.push(await curveOf(`bias ${bias}`, gru, x))
  }

  return [
    {
      kind: 'all',
      title: 'The three, as they start',
      note: 'PyTorch’s initial weights. In all of them the past soon counts for nothing.',
      curves: start,
    },
    {
      kind: 'RNN',
      title: 'RNN: by the gain of its recurrent weights',
      note: 'Each step back multiplies by W and tanh′: too small it vanishes, too large it explodes.',
      curves: recurrent,
    },
    {
      kind: 'LSTM',
      title: 'LSTM: by the bias of its forget gate',
      note: 'At c(t). Each step back multiplies by f: an open gate (bias 4, f ≈ 0.98) keeps it.',
      curves: forget,
    },
    {
      kind: 'GRU',
      title: 'GRU: by the bias of its update gate',
      note: 'The same with z: the cure is a gate that stays open while it matters.',
      curves: update,
    },
  ]
}
