import { expect, test } from 'vitest'
import { GRU, LSTM, LSTMCell, type RecurrentModule, RNN } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { describeCuda, runProgram, useTf32 } from '../support/cuda.ts'
import { expectError } from '../support/error.ts'

const device = 'cuda' as const
const NETWORKS = { RNN, LSTM, GRU } as const
const KINDS = Object.entries(NETWORKS) as [string, typeof LSTM][]

/** Where the first element of each parameter lies in the storage that it shares with the others. */
function offsets(network: RecurrentModule): number[] {
  return [...network.parameters()].map((parameter) => parameter.storageOffset())
}

describeCuda('recurrent networks on the GPU', () => {
  useTf32(false)

  test.each(KINDS)('%s has its parameters in one storage, after `to` and when made there', (_, Network) => {
    const options = { numLayers: 2, bidirectional: true }
    const moved = new Network(3, 8, options)
    expect(offsets(moved).every((offset) => offset === 0)).toBe(true)
    const before = Object.values(moved.stateDict()).map((value) => value.toArray())
    moved.to(device)
    expect(Object.values(moved.stateDict()).map((value) => value.toArray())).toEqual(before)
    const made = new Network(3, 8, { ...options, device })
    const loaded = new Network(3, 8, { ...options, device })
    loaded.loadStateDict(moved.stateDict())
    for (const network of [moved, made, loaded, new Network(3, 8, { ...options, device }).to('float64')]) {
      const [first, ...rest] = offsets(network)
      // Views of one storage, each at a place of its own.
      expect(first).toBe(0)
      expect(rest.every((offset) => offset > 0)).toBe(true)
      expect(new Set(rest).size).toBe(rest.length)
    }
  })

  test('cuDNN does not warn of weights in pieces', () => {
    const { stdout, stderr } = runProgram(`
      import { nn, torch } from 'libtorch-rnn'
      const run = (network, x) => {
        network.forward(x)[0].sum().backward()
        return network.forward(x)[0].device
      }
      const x = torch.randn([5, 2, 3], { device: 'cuda' })
      const told = []
      for (const Network of [nn.RNN, nn.LSTM, nn.GRU]) {
        for (const bias of [true, false]) {
          const options = { numLayers: 2, bidirectional: true, bias }
          const moved = new Network(3, 8, options).to('cuda')
          told.push(run(moved, x), run(new Network(3, 8, { ...options, device: 'cuda' }), x))
          moved.loadStateDict(new Network(3, 8, options).stateDict())
          told.push(run(moved, x), run(moved.to('float64'), x.to('float64')))
          told.push(run(moved.to('cpu').to('float32').to('cuda'), x))
          torch.autocast('cuda', () => told.push(run(moved, x)))
        }
      }
      told.push(run(new nn.LSTM(3, 8, { projSize: 4, device: 'cuda' }), x))
      console.log([...new Set(told)].join(), told.length)`)
    expect({ stdout, stderr }).toEqual({ stdout: 'cuda:0 37\n', stderr: '' })
  })

  test('dropout between layers leaves out as many as it says, and scales the others', () => {
    const p = 0.25
    const network = new RNN(1, 64, { numLayers: 2, nonlinearity: 'relu', dropout: p, bias: false, device })
    torch.noGrad(() => {
      for (const parameter of network.parameters()) parameter.zero_()
      // Each unit of the first layer is the input, which is 1; each of the second is what dropout leaves of it.
      network.weight_ih_l0?.fill_(1)
      network.weight_ih_l1?.copy_(torch.eye(64))
    })
    const x = torch.ones([100, 32, 1], { device })
    const [output] = network.forward(x)
    const values = Array.from(output.toTypedArray() as Float32Array)
    const kept = values.filter((value) => value !== 0)
    for (const value of kept.slice(0, 1000)) expect(value).toBeCloseTo(1 / (1 - p), 5)
    // Of 204 800 with a deviation of 0.001.
    expect(Math.abs(kept.length / values.length - (1 - p))).toBeLessThan(0.006)
    expect(network.forward(x)[0].equal(output)).toBe(false)
    network.eval()
    expect(network.forward(x)[0].eq(1).all().item()).toBe(true)
    network.train()
    network.dropout = 1
    expect(network.forward(x)[0].eq(0).all().item()).toBe(true)
  })

  test('cuDNN computes gradients in training mode only, and says so', () => {
    const network = new LSTM(3, 8, { device }).eval()
    const x = torch.randn([5, 2, 3], { device })
    const [output] = network.forward(x)
    expectError(
      () => output.sum().backward(),
      'ERR_TORCH_AUTOGRAD',
      /cudnn RNN backward can only be called in training/,
    )
    network.train()
    network.forward(x)[0].sum().backward()
    expect(network.weight_ih_l0?.grad?.device).toBe('cuda:0')
  })

  test('what lies on several devices is an error that names them', () => {
    const network = new LSTM(3, 8, { device })
    const x = torch.randn([5, 2, 3])
    const both = /cuda:0.*cpu|cpu.*cuda:0/s
    expectError(
      () => network.forward(x),
      'ERR_TORCH_DEVICE',
      'Input and parameter tensors are not at the same device, found input tensor at cpu and parameter tensor at cuda:0',
    )
    const state = [torch.zeros([1, 2, 8]), torch.zeros([1, 2, 8])] as const
    expectError(
      () => network.forward(x.to(device), state),
      'ERR_TORCH_DEVICE',
      'Input and hidden tensors are not at the same device, found input tensor at cuda:0 and hidden tensor at cpu',
    )
    expectError(() => new LSTMCell(3, 8, { device }).forward(x.index(0)), 'ERR_TORCH_DEVICE', both)
    expectError(() => x.to(device).add(x), 'ERR_TORCH_DEVICE', both)
    expectError(() => x.to(device).matmul(torch.ones([3, 3])), 'ERR_TORCH_DEVICE', both)
    // One that holds a single number fits everywhere.
    expect(x.to(device).add(torch.tensor(1)).device).toBe('cuda:0')
  })

  test('the CPU’s kernels and streams stay on the CPU', () => {
    const network = new GRU(3, 8, { device })
    expect(network.explainBackend(torch.zeros([5, 2, 3], { device })).backend).toBe('libtorch')
    expectError(() => network.stream(), 'ERR_TORCH_VALUE', 'a parameter is not on the CPU')
  })

  test.each(KINDS)('%s gives the same bits twice in deterministic mode', (_, Network) => {
    const program = `
      import { createHash } from 'node:crypto'
      import { nn, torch } from 'libtorch-rnn'
      torch.useDeterministicAlgorithms(true)
      torch.backends.cudnn.deterministic = true
      torch.manualSeed(0)
      const network = new nn.${Network.name}(64, 256, { numLayers: 2, bidirectional: true }).to('cuda')
      const x = torch.randn([50, 32, 64]).to('cuda')
      const hashes = []
      for (let run = 0; run < 3; run++) {
        network.zeroGrad()
        const [output] = network.forward(x)
        output.square().mean().backward()
        const hash = createHash('sha256').update(output.toTypedArray())
        for (const { grad } of network.parameters()) hash.update(grad.toTypedArray())
        hashes.push(hash.digest('hex'))
      }
      console.log(new Set(hashes).size)`
    expect(runProgram(program, { CUBLAS_WORKSPACE_CONFIG: ':4096:2' })).toEqual({ stdout: '1\n', stderr: '' })
  })

  test('deterministic mode refuses what has no such algorithm', () => {
    const x = torch.randn([4, 5], { device })
    torch.useDeterministicAlgorithms(true)
    try {
      const call = (): Tensor => torch.bincount(torch.tensor([0n, 1n]).to(device), x.index(0, [0, 1]))
      expectError(call, 'ERR_TORCH_RUNTIME', /does not have a deterministic implementation/)
    } finally {
      torch.useDeterministicAlgorithms(false)
    }
  })
})
