import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { GRU, GRUCell, LSTM, LSTMCell, type LSTMState, type Module, RNN, RNNCell, utils } from '../../lib/nn/index.ts'
import type { Device, Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { readFixture } from './fixture.ts'

const { packPaddedSequence, padPackedSequence } = utils.rnn
const MODULES = { RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell }

/** A configuration of test/fixtures/recurrent.json, with PyTorch's results. */
export interface ParityCase {
  seed: number
  kind: keyof typeof MODULES
  inputSize: number
  hiddenSize: number
  options: {
    numLayers?: number
    bias?: boolean
    batchFirst?: boolean
    dropout?: number
    bidirectional?: boolean
    nonlinearity?: 'tanh' | 'relu'
    projSize?: number
  }
  dtype: 'float32' | 'float64'
  /** Not for cells. */
  steps?: number
  batch: number | null
  /** Whether there is an initial state. */
  state: boolean
  /** Whether the input is packed, and how. */
  lengths?: number[]
  enforceSorted?: boolean
  train?: boolean
  /** 2 if the gradients are second-order: those of a product of gradients. */
  order?: 2
  /** The size of its expected numbers in recurrent.bin. */
  bytes: number
}

/** The tensors of a case by name: outputs, final states, and the gradients of input, states and parameters. */
export type Named = [name: string, tensor: Tensor][]

/** The cases made by scripts/fixtures/recurrent.py. */
export const parityCases = readFixture<ParityCase[]>('recurrent')

const numbers = readFileSync(new URL('../fixtures/recurrent.bin', import.meta.url))

/** The expected numbers of a case, with all tensors concatenated. */
function expectedOf(one: ParityCase): number[] {
  const before = parityCases.slice(0, parityCases.indexOf(one))
  const start = numbers.byteOffset + before.reduce((sum, { bytes }) => sum + bytes, 0)
  const bytes = numbers.buffer.slice(start, start + one.bytes)
  return Array.from<number>(one.dtype === 'float32' ? new Float32Array(bytes) : new Float64Array(bytes))
}

/**
 * The same numbers as in scripts/fixtures/recurrent.py: from [-1, 1) with 24 bits, from a hash of seed and position.
 */
function draw(seed: number, size: readonly number[], dtype: 'float32' | 'float64', device: Device): Tensor {
  const count = size.reduce((product, length) => product * length, 1)
  const values = Float64Array.from({ length: count }, (_, i) => {
    let x = (Math.imul(seed, 0x9e3779b1) + Math.imul(i, 0x85ebca6b)) >>> 0
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
    return ((x ^ (x >>> 16)) >>> 8) / 2 ** 23 - 1
  })
  return torch.tensor(values, { shape: size, dtype, device })
}

/** Each draw of a case has a different seed. */
function drawsOf(one: ParityCase, device: Device): (...size: number[]) => Tensor {
  let seed = one.seed * 100
  return (...size) => draw(++seed, size, one.dtype, device)
}

function inputOf(one: ParityCase, draws: (...size: number[]) => Tensor): Tensor {
  const shape = [one.steps, one.batch].filter((size) => typeof size === 'number')
  if (one.options.batchFirst === true && one.batch !== null) shape.reverse()
  return draws(...shape, one.inputSize).requiresGrad_()
}

function statesOf(one: ParityCase, draws: (...size: number[]) => Tensor): Tensor[] {
  if (!one.state) return []
  const { numLayers = 1, bidirectional = false, projSize = 0 } = one.options
  const cell = one.steps === undefined
  const shape = [...(cell ? [] : [numLayers * (bidirectional ? 2 : 1)]), ...(one.batch === null ? [] : [one.batch])]
  const widths = one.kind.startsWith('LSTM') ? [projSize || one.hiddenSize, one.hiddenSize] : [one.hiddenSize]
  return widths.map((width) => draws(...shape, width).requiresGrad_())
}

function resultsOf(one: ParityCase, module: Module, x: Tensor, states: Tensor[]): Tensor[] {
  if (module instanceof LSTMCell) return module.forward(x, states.length > 0 ? (states as unknown as LSTMState) : null)
  if (module instanceof RNNCell || module instanceof GRUCell) return [module.forward(x, states[0])]
  const { batchFirst = false } = one.options
  const given = module instanceof LSTM ? (states.length > 0 ? states : null) : (states[0] ?? null)
  const forward = (module as GRU).forward.bind(module) as (input: unknown, state: unknown) => [unknown, unknown]
  if (one.lengths === undefined) return forward(x, given).flat() as Tensor[]
  const enforceSorted = one.enforceSorted as boolean
  const [output, finals] = forward(packPaddedSequence(x, one.lengths, { batchFirst, enforceSorted }), given)
  const totalLength = one.steps as number
  const [padded] = padPackedSequence(output as utils.rnn.PackedSequence, { batchFirst, totalLength })
  return [padded, finals].flat() as Tensor[]
}

export interface ParityRun {
  /** The device to compute on. Default `'cpu'`. */
  device?: Device
  /** A factor for all weights, for results other than the fixture's. Default 1. */
  weightScale?: number
}

/** Runs a case like the fixture's script. `options` are additional options of the module. */
export function runParityCase(one: ParityCase, options: object = {}, run: ParityRun = {}): Named {
  const { device = 'cpu', weightScale = 1 } = run
  const draws = drawsOf(one, device)
  const module = new MODULES[one.kind](one.inputSize, one.hiddenSize, {
    ...one.options,
    dtype: one.dtype,
    device,
    ...options,
  })
  module.train(one.train ?? true)
  const parameters = [...module.namedParameters()]
  torch.noGrad(() => {
    for (const [, parameter] of parameters) parameter.copy_(draws(...parameter.shape).mul_(weightScale))
  })
  const x = inputOf(one, draws)
  const states = statesOf(one, draws)
  torch.manualSeed(one.seed)
  const results = resultsOf(one, module, x, states)
  const sum = (terms: Tensor[]): Tensor => terms.reduce((total, term) => total.add(term))
  const loss = sum(results.map((tensor) => tensor.mul(draws(...tensor.shape)).sum()))
  const inputs = [x, ...states, ...parameters.map(([, parameter]) => parameter)]
  const createGraph = one.order === 2
  let gradients = torch.autograd.grad(loss, inputs, { createGraph })
  if (createGraph) {
    const penalty = sum(
      gradients.map((gradient) =>
        gradient
          .square()
          .mul(draws(...gradient.shape))
          .sum(),
      ),
    )
    gradients = torch.autograd.grad(penalty, inputs)
  }
  const names = ['input', ...states.map((_, i) => `state ${i}`), ...parameters.map(([name]) => name)]
  return [
    ...results.map((tensor, i): Named[number] => [i === 0 ? 'output' : `final state ${i - 1}`, tensor]),
    ...gradients.map((gradient, i): Named[number] => [`gradient of ${names[i]}`, gradient]),
  ]
}

/** Expects numbers within `tolerance` of the expected ones, relative to the largest of these, or to 1. */
function expectNear(name: string, tensor: Tensor, expected: readonly number[], tolerance: number): void {
  const actual = tensor.toTypedArray() as Float32Array
  const bound = tolerance * expected.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 1)
  const wrong = expected.findIndex((value, i) => !(Math.abs((actual[i] as number) - value) <= bound))
  if (wrong >= 0) expect.fail(`${name}, element ${wrong}: ${actual[wrong]}, expected ${expected[wrong]} ± ${bound}`)
}

/** Checks the results of {@link runParityCase} against PyTorch's numbers, relative to the largest of each tensor. */
export function expectParity(one: ParityCase, named: Named, tolerance: Record<ParityCase['dtype'], number>): void {
  const all = expectedOf(one)
  for (const [name, tensor] of named) expectNear(name, tensor, all.splice(0, tensor.numel), tolerance[one.dtype])
  expect(all).toEqual([])
}

/** Checks one run of a case against another, relative to the largest number of each tensor. */
export function expectEqualRuns(named: Named, others: Named, tolerance: number): void {
  expect(named.map(([name]) => name)).toEqual(others.map(([name]) => name))
  for (const [i, [name, tensor]] of named.entries()) {
    const [, other] = others[i] as Named[number]
    expect(tensor.shape).toEqual(other.shape)
    expectNear(name, tensor, Array.from(other.toTypedArray() as Float32Array), tolerance)
  }
}

/** A unique one-line name for a case. */
export function nameOf(one: ParityCase): string {
  const { kind, inputSize, hiddenSize, options, dtype, steps, batch, state, lengths, enforceSorted } = one
  const packed = lengths && `${enforceSorted ? 'sorted' : 'unsorted'} [${lengths}]`
  const parts = [`L=${steps ?? 1}`, `N=${batch}`, state ? 'state' : undefined, packed].filter(Boolean).join(' ')
  return `${kind}(${inputSize}, ${hiddenSize}) ${JSON.stringify(options)} ${dtype} ${parts} (${one.seed})`
}
