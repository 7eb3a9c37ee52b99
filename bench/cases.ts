import { type Tensor, torch } from 'libtorch-rnn'
import { GRUModel, LSTMModel, RNNModel } from 'libtorch-rnn/models'
import { GRU, Linear, LSTM, MSELoss, type RecurrentModule, RNN, utils } from 'libtorch-rnn/nn'
import { AdamW } from 'libtorch-rnn/optim'

/** One piece of work, of which `rival.py` has the same: equal seeds make equal inputs and weights. */
export interface Case {
  /** Does the work `times` times. */
  run(times: number): void | Promise<void>
  /** What it computes, to compare before timing. */
  value(): number[]
}

/** Calls `fn` and frees what it returns, as Python does; the scope takes the rest. */
function repeat(fn: () => Tensor, times: number): void {
  const block = 20
  for (let done = 0; done < times; done += block) {
    torch.tidy(() => {
      for (let i = Math.min(block, times - done); i > 0; i--) fn().dispose()
    })
  }
}

function numbers(tensor: Tensor): number[] {
  return Array.from(torch.tidy(() => tensor.detach().reshape([-1]).toTypedArray()) as Float32Array)
}

function call(make: () => () => Tensor): () => Case {
  return () => {
    torch.manualSeed(0)
    const fn = make()
    return {
      run: (times) => torch.noGrad(() => repeat(fn, times)),
      value: () => torch.noGrad(() => torch.tidy(() => numbers(fn()))),
    }
  }
}

function forward(module: typeof LSTM | typeof GRU | typeof RNN, batch: number): () => Case {
  return call(() => {
    const network: RecurrentModule = new module(64, 128)
    const x = torch.randn([100, batch, 64])
    return () => network.forward(x)[0]
  })
}

const MODELS = { rnn: RNNModel, lstm: LSTMModel, gru: GRUModel } as const

/** A step of the demo's training: 32 windows of 21 days, 7 days ahead. */
function trainingStep(kind: keyof typeof MODELS, offloaded: boolean): () => Case {
  return () => {
    torch.manualSeed(0)
    const model = new MODELS[kind](6, 32, 7, { batchFirst: true })
    const optimizer = new AdamW(model.parameters(), { lr: 3e-3 })
    const criterion = new MSELoss()
    const x = torch.randn([32, 21, 6])
    const y = torch.randn([32, 21, 7])
    const step = (): void =>
      torch.tidy(() => {
        optimizer.zeroGrad()
        criterion.forward(model.forward(x), y).backward()
        utils.clipGradNorm(model.parameters(), 1)
        optimizer.step()
      })
    return {
      run: async (times) => {
        for (let i = 0; i < times; i++) {
          if (offloaded) await torch.offload(step)
          else step()
        }
      },
      value: () => {
        for (let i = 0; i < 3; i++) step()
        return [...model.parameters()].flatMap(numbers)
      },
    }
  }
}

/** By name; `rival.py` has the same names. */
export const CASES: Record<string, () => Case> = {
  'add, 1 element': call(() => {
    const [a, b] = [torch.randn([1]), torch.randn([1])]
    return () => a.add(b)
  }),
  'matmul, 64 x 64': call(() => {
    const [a, b] = [torch.randn([64, 64]), torch.randn([64, 64])]
    return () => a.matmul(b)
  }),
  'Linear(64, 64), N=1': call(() => {
    const layer = new Linear(64, 64)
    const x = torch.randn([1, 64])
    return () => layer.forward(x)
  }),
  'LSTM(64, 128), T=100, N=1': forward(LSTM, 1),
  'LSTM(64, 128), T=100, N=32': forward(LSTM, 32),
  'GRU(64, 128), T=100, N=1': forward(GRU, 1),
  'GRU(64, 128), T=100, N=32': forward(GRU, 32),
  'RNN(64, 128), T=100, N=32': forward(RNN, 32),
  'training step, demo LSTM': trainingStep('lstm', false),
  'training step, demo LSTM, off thread': trainingStep('lstm', true),
  'training step, demo GRU': trainingStep('gru', false),
  'training step, demo RNN': trainingStep('rnn', false),
}
