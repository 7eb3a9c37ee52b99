import { describe, expect, test } from 'vitest'
import * as nn from '../../lib/nn/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { torch } from '../../lib/torch.ts'
import { expectClose } from '../support/close.ts'
import { expectError } from '../support/error.ts'

/** Assigns the computed weight; what the compiler wants there is a parameter. */
function compute(lstm: nn.LSTM & { raw: nn.Parameter }, factor: number): void {
  lstm.weight_hh_l0 = lstm.raw.mul(factor) as nn.Parameter
}

/** A network one of whose weights is computed from a parameter, as DropConnect does. */
function dropped(): nn.LSTM & { raw: nn.Parameter } {
  const lstm = new nn.LSTM(4, 6) as nn.LSTM & { raw: nn.Parameter }
  lstm.raw = new nn.Parameter(lstm.weight_hh_l0?.detach().clone() as Tensor)
  Reflect.deleteProperty(lstm, 'weight_hh_l0')
  return lstm
}

describe('a weight that is computed', () => {
  const x = torch.randn([3, 2, 4])

  test('is used, and its parameter learns', () => {
    const lstm = dropped()
    const plain = new nn.LSTM(4, 6)
    const { raw, ...rest } = lstm.stateDict()
    plain.loadStateDict({ ...rest, weight_hh_l0: (raw as Tensor).mul(0.5) })
    compute(lstm, 0.5)
    const [expected] = plain.forward(x)
    const [output] = lstm.forward(x)
    expectClose(output, expected)
    output.sum().backward()
    expected.sum().backward()
    const { grad } = plain.weight_hh_l0 as Tensor
    expectClose(lstm.raw.grad as Tensor, grad?.mul(0.5) as Tensor)
  })

  test.each<[string, (lstm: nn.LSTM & { raw: nn.Parameter }) => void]>([
    ['missing', () => {}],
    ['disposed', (lstm) => torch.tidy(() => compute(lstm, 1))],
    ['a tensor', (lstm) => compute(lstm, 1)],
    ['no tensor at all', (lstm) => Object.assign(lstm, { weight_hh_l0: 5 })],
  ])('may be %s when the module is moved and loaded', (_, change) => {
    const lstm = dropped()
    change(lstm)
    lstm.to('float64')
    expect([lstm.raw.dtype, lstm.weight_ih_l0?.dtype]).toEqual(['float64', 'float64'])
    lstm.flattenParameters()
    lstm.cpu()
    const zeros = Object.fromEntries(Object.entries(lstm.stateDict()).map(([name, value]) => [name, value.mul(0)]))
    lstm.loadStateDict(zeros)
    lstm.loadStateDict(lstm.stateDict())
    expect(lstm.raw.abs().sum().item()).toBe(0)
    compute(lstm, 2)
    expect(lstm.forward(x.double())[0].abs().sum().item()).toBe(0)
  })

  test('is named where it cannot be used', () => {
    const lstm = dropped()
    const message = (call: () => unknown): string => {
      try {
        call()
      } catch (error) {
        return `${(error as { code: string }).code}: ${(error as Error).message}`
      }
      return ''
    }
    for (const call of [() => lstm.forward(x), () => lstm.stream(), () => lstm.explainBackend(x)]) {
      Reflect.deleteProperty(lstm, 'weight_hh_l0')
      expect(message(call)).toBe('ERR_TORCH_TYPE: LSTM.weight_hh_l0 must be a Tensor, got undefined')
      torch.tidy(() => compute(lstm, 1))
      expect(message(call)).toMatch(
        /^ERR_TORCH_DISPOSED: LSTM\.weight_hh_l0 has been disposed: a computed weight is freed/,
      )
    }
    const cell = new nn.GRUCell(2, 3)
    cell.bias_hh?.dispose()
    expectError(() => cell.forward(torch.zeros([2])), 'ERR_TORCH_DISPOSED', /^GRUCell\.bias_hh has been disposed/)
    Reflect.deleteProperty(cell, 'weight_ih')
    cell.weight_ih = 'x' as never
    expectError(() => cell.forward(torch.zeros([2])), 'ERR_TORCH_TYPE', /^GRUCell\.weight_ih must be a Tensor, got 'x'/)
  })

  test('a cell may lack one bias', () => {
    const cell = new nn.GRUCell(2, 3)
    const expected = new nn.GRUCell(2, 3)
    expected.loadStateDict({ ...cell.stateDict(), bias_hh: torch.zeros([9]) })
    cell.bias_hh = null
    const input = torch.randn([4, 2])
    expectClose(cell.forward(input), expected.forward(input))
  })
})

describe('weights whose changes leave no trace', () => {
  const x = torch.randn([3, 2, 4])

  /** What LibTorch computes with the same weights. */
  function expectCurrent(network: nn.LSTM): void {
    const twin = new nn.LSTM(4, 37, { backend: 'libtorch' })
    twin.loadStateDict(network.stateDict())
    torch.noGrad(() => expectClose(network.forward(x)[0], twin.forward(x)[0]))
  }

  test('made in inferenceMode are packed anew after they change, and not else', () => {
    const network = torch.inferenceMode(() => new nn.LSTM(4, 37))
    expectCurrent(network)
    expect(network.explainBackend(x)).toMatchObject({
      backend: 'fused',
      reason: expect.stringMatching(
        /; weight_ih_l0 can change undetected, since it was made in inferenceMode or is viewed/,
      ),
    })
    for (const [name] of [...network.namedParameters()]) {
      const weight = network[name as 'weight_ih_l0'] as Tensor
      torch.inferenceMode(() => weight.mul_(1.5))
      expectCurrent(network)
      // One element, the first and the last.
      for (const place of [0, -1]) torch.inferenceMode(() => weight.flatten().index(place).add_(0.5))
      expectCurrent(network)
    }
    const whole = network.stream()
    expect(nn.stepStreams([whole, network.stream()], new Float32Array(8))).toHaveLength(74)
    torch.inferenceMode(() => network.weight_ih_l0?.add_(1))
    expect(() => nn.stepStreams([whole, network.stream()], new Float32Array(8))).toThrow(/different weights/)
  })

  test('viewed by JavaScript are packed anew after JavaScript has written', () => {
    const network = new nn.LSTM(4, 37)
    expect(network.explainBackend(x).reason).not.toContain('unseen')
    for (const [name, weight] of network.namedParameters()) {
      const view = weight.detach().toTypedArray({ copy: false }) as Float32Array
      expect(network.explainBackend(x).reason).toContain(
        `${name} can change undetected`.replace(/^\w+/, 'weight_ih_l0'),
      )
      for (const place of [0, view.length >> 1, view.length - 1]) {
        expectCurrent(network)
        view[place] = (view[place] as number) + 0.75
        expectCurrent(network)
      }
      // Two changes whose sum and whose exclusive or are as before.
      const [first, second] = [view[0] as number, view[1] as number]
      view[0] = second
      view[1] = first
      expectCurrent(network)
    }
  })

  test('are seen by the backward pass, too', () => {
    const network = new nn.LSTM(4, 5)
    const twin = new nn.LSTM(4, 5, { backend: 'libtorch' })
    const view = network.weight_hh_l0?.detach().toTypedArray({ copy: false }) as Float32Array
    for (const value of [0.25, -0.5]) {
      view[3] = value
      twin.loadStateDict(network.stateDict())
      const found = [network, twin].map((net) => {
        net.zeroGrad()
        net.forward(x)[0].pow(2).sum().backward()
        return [...net.parameters()].map((parameter) => parameter.grad as Tensor)
      }) as [Tensor[], Tensor[]]
      for (const [i, gradient] of found[0].entries())
        expectClose(gradient, found[1][i] as Tensor, { rtol: 1e-4, atol: 1e-5 })
    }
  })
})

describe('the projection of an LSTM', () => {
  test.each([1, 2])('has a gradient where LibTorch gives one, after %i steps', (steps) => {
    for (const bidirectional of [false, true]) {
      for (const use of [['c'], ['h'], ['y'], ['c', 'h']]) {
        const options = { projSize: 3, numLayers: 2, bidirectional }
        const fused = new nn.LSTM(4, 5, options)
        const libtorch = new nn.LSTM(4, 5, { ...options, backend: 'libtorch' })
        libtorch.loadStateDict(fused.stateDict())
        const x = torch.randn([steps, 2, 4])
        const found = [fused, libtorch].map((net) => {
          const [y, [h, c]] = net.forward(x)
          const used = { y, h, c } as Record<string, Tensor>
          use
            .map((name) => (used[name] as Tensor).pow(2).sum())
            .reduce((sum, value) => sum.add(value))
            .backward()
          return Object.fromEntries([...net.namedParameters()].map(([name, { grad }]) => [name, grad]))
        }) as [Record<string, Tensor | null>, Record<string, Tensor | null>]
        for (const [name, expected] of Object.entries(found[1])) {
          const gradient = found[0][name]
          if (expected === null) expect(gradient, `${name} of ${use}`).toBeNull()
          else expectClose(gradient as Tensor, expected, { rtol: 1e-4, atol: 1e-6 })
        }
      }
    }
  })
})
