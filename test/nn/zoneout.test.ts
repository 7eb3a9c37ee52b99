// Zoneout against single steps of a twin without it, which computes the new states that units may take or not.
import { describe, expect, test } from 'vitest'
import { traceGatesSync } from '../../lib/inspect/index.ts'
import { ChungGRU, type LSTMState, MinGRU, PeepholeLSTM, type RecurrentModule, utils } from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'
import { spread } from '../support/steps.ts'

const [I, H, L, N] = [3, 5, 6, 4] as const
const DOUBLE = { dtype: 'float64' } as const
const EXACT = { rtol: 1e-10, atol: 1e-12 }

interface Probabilities {
  zoneout?: number
  cellZoneout?: number
}

const NETWORKS: [name: string, make: (options: Probabilities) => RecurrentModule, options: Probabilities][] = [
  ['MinGRU', (options) => new MinGRU(I, H, { ...options, ...DOUBLE }), { zoneout: 0.3 }],
  ['ChungGRU', (options) => new ChungGRU(I, H, { ...options, ...DOUBLE, layerNorm: true }), { zoneout: 0.3 }],
  ['PeepholeLSTM, h', (options) => new PeepholeLSTM(I, H, { ...options, ...DOUBLE }), { zoneout: 0.3 }],
  ['PeepholeLSTM, c', (options) => new PeepholeLSTM(I, H, { ...options, ...DOUBLE }), { cellZoneout: 0.6 }],
  [
    'PeepholeLSTM, h and c',
    (options) => new PeepholeLSTM(I, H, { ...options, ...DOUBLE, peephole: 'full' }),
    { zoneout: 0.2, cellZoneout: 0.5 },
  ],
]

type Network = RecurrentModule & { forward(x: Tensor, state: unknown): [Tensor, Tensor | LSTMState] }

const statesOf = (final: Tensor | LSTMState): Tensor[] => (Array.isArray(final) ? [...final] : [final as Tensor])
const given = (states: readonly Tensor[]): unknown => (states.length > 1 ? states : states[0])

function setUp([, make, options]: (typeof NETWORKS)[number]) {
  torch.manualSeed(3)
  const [network, twin] = [make(options), make({})] as [Network, Network]
  spread(network)
  twin.loadStateDict(network.stateDict())
  const draw = (shape: number[]): Tensor => torch.randn(shape, { ...DOUBLE, requiresGrad: true })
  const states = (network instanceof PeepholeLSTM ? ['h', 'c'] : ['h']).map(() => draw([1, N, H]))
  const { zoneout = 0, cellZoneout = 0 } = options
  return { network, twin, x: draw([L, N, I]), states, shares: [zoneout, cellZoneout].slice(0, states.length) }
}

/** The output and the last states; `keep` gives the share of the state before each step that stays. */
function byHand(twin: Network, x: Tensor, first: readonly Tensor[], keep: (p: number) => Tensor | number) {
  return (shares: readonly number[]): [Tensor, Tensor[]] => {
    let states = first
    const outputs = x.split(1).map((step) => {
      const fresh = statesOf(twin.forward(step, given(states))[1])
      // c is drawn before h.
      const masks = shares
        .toReversed()
        .map((p) => (p === 0 ? 0 : keep(p)))
        .toReversed()
      states = fresh.map((state, i) => {
        const before = states[i] as Tensor
        return state.add(before.sub(state).mul(masks[i] as Tensor))
      })
      return states[0] as Tensor
    })
    return [torch.cat(outputs), [...states]]
  }
}

describe.each(NETWORKS)('%s', (...row) => {
  const { network, twin, x, states, shares } = setUp(row)

  test('takes the mean in evaluation', () => {
    network.eval()
    const [expected, last] = byHand(twin, x, states, (p) => p)(shares)
    const [output, final] = network.forward(x, given(states))
    expectClose(output, expected, EXACT)
    for (const [i, state] of statesOf(final).entries()) expectClose(state, last[i] as Tensor, EXACT)
  })

  test('keeps units at random in training, also within offload', async () => {
    network.train()
    torch.manualSeed(1)
    const [expected, last] = byHand(twin, x, states, (p) => torch.empty([N, H], DOUBLE).bernoulli_(p))(shares)
    for (const queue of [<T>(run: () => T) => run(), torch.offload]) {
      torch.manualSeed(1)
      const [output, final] = await queue(() => network.forward(x, given(states)))
      expectClose(output, expected, EXACT)
      for (const [i, state] of statesOf(final).entries()) expectClose(state, last[i] as Tensor, EXACT)
    }
  })

  test.each([true, false])('has the gradients of what it computes, training: %s', (training) => {
    network.train(training)
    const outputs = (): Tensor => {
      torch.manualSeed(1)
      const [output, final] = network.forward(x, given(states))
      return statesOf(final).reduce((sum, state) => sum.add(state.sin().sum()), output.pow(2).sum())
    }
    expect(torch.autograd.gradcheck(outputs, [x, ...states, ...network.parameters()], { atol: 1e-6 })).toBe(true)
  })

  test('treats packed sequences like each by itself', () => {
    network.eval()
    const sequences = [4, 2].map((length) => torch.randn([length, I], DOUBLE))
    const [packed] = network.forward(utils.rnn.packSequence(sequences))
    for (const [i, output] of utils.rnn.unpackSequence(packed).entries()) {
      expectClose(output, network.forward(sequences[i] as Tensor)[0], EXACT)
    }
  })

  test('traces the states that it returns', () => {
    torch.manualSeed(1)
    const [output, final] = network.train().forward(x, null)
    torch.manualSeed(1)
    const [trace] = traceGatesSync(network, x)
    expectClose(trace?.h as Tensor, output, EXACT)
    const c = trace?.kind === 'LSTM' ? trace.c : undefined
    if (c !== undefined) expectClose(c.narrow(0, L - 1, 1), statesOf(final)[1] as Tensor, EXACT)
  })
})

test('with probability 1, the state stays as it was', () => {
  const lstm = new PeepholeLSTM(I, H, { zoneout: 1, cellZoneout: 1 })
  const state = [torch.randn([1, N, H]), torch.randn([1, N, H])] as const
  for (const training of [true, false]) {
    const [output, [h, c]] = lstm.train(training).forward(torch.randn([L, N, I]), state)
    expectClose(output, state[0].expand([L, N, H]))
    expectClose(h, state[0])
    expectClose(c, state[1])
  }
})

test('is printed, and refused where it does not fit', () => {
  expect(String(new MinGRU(1, 2, { zoneout: 0.25 }))).toBe('MinGRU(1, 2, zoneout=0.25)')
  expect(String(new ChungGRU(1, 2, { zoneout: 0.5, layerNorm: true }))).toBe(
    'ChungGRU(1, 2, layer_norm=True, zoneout=0.5)',
  )
  const options = { zoneout: 0.05, cellZoneout: 0.5, layerNorm: true, peephole: 'none' } as const
  const lstm = new PeepholeLSTM(1, 2, options)
  expect(String(lstm)).toBe("PeepholeLSTM(1, 2, peephole='none', layer_norm=True, zoneout=0.05, cell_zoneout=0.5)")
  expect(lstm).toMatchObject(options)
  expectError(() => lstm.toLSTM(), 'ERR_TORCH_VALUE', 'an LSTM cannot have layer_norm=True, zoneout=0.05')
  expectError(
    () => new ChungGRU(1, 2, { zoneout: 0.5 }).toGRU(),
    'ERR_TORCH_VALUE',
    "PyTorch's GRU cannot have zoneout",
  )
  expectError(
    () => new MinGRU(1, 2, { zoneout: 1.5 }),
    'ERR_TORCH_VALUE',
    'MinGRU: zoneout must be a number from 0 to 1',
  )
  expectError(
    () => new PeepholeLSTM(1, 2, { cellZoneout: '1' as never }),
    'ERR_TORCH_TYPE',
    "PeepholeLSTM: cellZoneout must be a number from 0 to 1, got '1'",
  )
  expectError(
    () => new ChungGRU(1, 2, { cellZoneout: 0.5 } as never),
    'ERR_TORCH_OPTION',
    "unknown option 'cellZoneout'",
  )
  expectError(() => new ChungGRU(1, 2, { layerNorm: 1 as never }), 'ERR_TORCH_TYPE', 'layerNorm must be a boolean')
  expectError(() => new PeepholeLSTM(1, 2, { layerNorm: 1 as never }), 'ERR_TORCH_TYPE', 'layerNorm must be a boolean')
})

test('gains start at 1 and biases of a normalization at 0', () => {
  const lstm = new PeepholeLSTM(2, 3, { layerNorm: true, numLayers: 2, bidirectional: true })
  const names = [...lstm.namedParameters()].filter(([name]) => name.includes('_ln_'))
  expect(names.slice(0, 4).map(([name, { shape }]) => [name, shape])).toEqual([
    ['weight_ln_ih_l0', [12]],
    ['weight_ln_hh_l0', [12]],
    ['weight_ln_c_l0', [3]],
    ['bias_ln_c_l0', [3]],
  ])
  expect(names).toHaveLength(16)
  for (const [name, parameter] of names) {
    const first = name.startsWith('bias') ? 0 : 1
    expect(new Set(parameter.toArray() as number[])).toEqual(new Set([first]))
  }
  expect(Object.keys(new PeepholeLSTM(2, 3, { layerNorm: true, bias: false }).stateDict())).not.toContain(
    'bias_ln_c_l0',
  )
})

test.each<[string, RecurrentModule]>([
  ['MinGRU', new MinGRU(I, H)],
  ['ChungGRU', new ChungGRU(I, H)],
  ['MinGRU with zoneout', new MinGRU(I, H, { zoneout: 0.3 })],
  ['ChungGRU with layerNorm', new ChungGRU(I, H, { layerNorm: true, zoneout: 0.3 })],
  ['PeepholeLSTM with all', new PeepholeLSTM(I, H, { layerNorm: true, zoneout: 0.3, cellZoneout: 0.2 })],
])('%s runs under autocast, where states and gates differ in dtype', (_, network) => {
  const x = torch.randn([L, N, I])
  network.eval()
  const [output] = torch.autocast('cpu', () => network.forward(x), { dtype: 'bfloat16' })
  expectClose(output, network.forward(x)[0], { rtol: 0.05, atol: 0.05 })
})
