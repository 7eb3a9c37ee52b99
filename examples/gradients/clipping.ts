import { type Device, nn, optim, type Tensor, torch } from 'libtorch-rnn'

/** A training run with or without clipping: the values at each step. */
export interface Run {
  label: string
  losses: number[]
  /** The norm of all gradients together, before clipping. */
  norms: number[]
}

/** Waves of random speed and phase: (T, N, 1), and the same one step later. */
function waves(steps: number, batch: number, device: Device): [Tensor, Tensor] {
  const phase = torch.rand([1, batch]).mul(2 * Math.PI)
  const speed = torch.rand([1, batch]).mul(0.2).add(0.1)
  const wave = torch
    .arange(0, steps + 1)
    .unsqueeze(1)
    .mul(speed)
    .add(phase)
    .sin()
    .unsqueeze(2)
    .to(device)
  return [wave.index(torch.slice(0, -1)), wave.index(torch.slice(1))]
}

/** Trains an RNN whose gradients explode at the start to predict the next value of a wave, at every step. */
export async function train(
  label: string,
  maxNorm: number,
  updates: number,
  hidden: number,
  device: Device,
): Promise<Run> {
  torch.manualSeed(1)
  const rnn = new nn.RNN(1, hidden).to(device)
  const head = new nn.Linear(hidden, 1).to(device)
  torch.noGrad(() => nn.init.orthogonal_(rnn.weight_hh_l0 as Tensor, 1.5))
  const parameters = [...rnn.parameters(), ...head.parameters()]
  const optimizer = new optim.SGD(parameters, { lr: 0.1, momentum: 0.9 })
  const run: Run = { label, losses: [], norms: [] }
  for (let i = 0; i < updates; i++) {
    const [loss, norm] = await torch.offload(() =>
      torch.tidy(() => {
        const [x, y] = waves(100, 16, device)
        optimizer.zeroGrad()
        const [output] = rnn.forward(x)
        const loss = nn.functional.mseLoss(head.forward(output), y)
        loss.backward()
        const norm = nn.utils.clipGradNorm_(parameters, maxNorm)
        optimizer.step()
        return [loss.detach(), norm] as const
      }),
    )
    run.losses.push(loss.item<number>())
    run.norms.push(norm.item<number>())
    for (const tensor of [loss, norm]) tensor.dispose()
  }
  return run
}
