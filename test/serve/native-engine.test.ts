// The native engine against what `forward` of the same model gives, for each request alone and in any company.
import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { TorchError } from '../../lib/errors.ts'
import { nn, torch } from '../../lib/index.ts'
import { GRUModel, LSTMModel, type RecurrentModel, RNNModel, SequenceModel } from '../../lib/models/index.ts'
import type { Sequence } from '../../lib/serve/engine.ts'
import {
  type NativeEngine,
  type NativeEngineOptions,
  nativeEngine,
  whyNotNativeEngine,
} from '../../lib/serve/native-engine.ts'
import { native } from '../../lib/tensor/binding.ts'
import { expectClose } from '../support/close.ts'
import { expectError, expectRejection } from '../support/error.ts'
import { collectGarbage } from '../support/garbage.ts'

const INSTRUCTION_SETS = native.instructionSets()
const TOKENS = 11

const MODELS: Record<string, () => RecurrentModel> = {
  'LSTM(3, 7) -> 2': () => new LSTMModel(3, 7, 2),
  'LSTM(3, 7) -> 2, batch first': () => new LSTMModel(3, 7, 2, { batchFirst: true }),
  'GRU(3, 33) of 2 layers -> 40, the last': () => new GRUModel(3, 33, 40, { numLayers: 2, output: 'last' }),
  'a bidirectional GRU of 2 layers, the last': () =>
    new GRUModel(3, 16, 3, { numLayers: 2, bidirectional: true, output: 'last' }),
  'a bidirectional LSTM with a projection': () =>
    new LSTMModel(4, 17, 3, { numLayers: 2, bidirectional: true, projSize: 5 }),
  'a projected LSTM, the mean, 3 steps ahead': () =>
    new LSTMModel(3, 20, 2, { numLayers: 2, projSize: 5, output: 'mean', horizon: 3 }),
  'RNN, the maximum': () => new RNNModel(3, 5, 1, { output: 'max' }),
  'a bidirectional RNN of ReLU, the mean': () =>
    new RNNModel(3, 9, 1, { output: 'mean', bidirectional: true, nonlinearity: 'relu' }),
  'an LSTM without biases': () => new LSTMModel(1, 16, 1, { bias: false, output: 'last' }),
  'a language model': () => new GRUModel(6, 6, TOKENS, { embedding: TOKENS, tieWeights: true, outputDropout: 0.5 }),
  'the mean over tokens': () =>
    new LSTMModel(3, 4, 2, { embedding: { numEmbeddings: TOKENS, paddingIdx: 0 }, output: 'mean' }),
}
const STEPPED = Object.entries(MODELS).filter(([name]) => !name.includes('bidirectional'))

/** A sequence of random values or tokens. */
function sequenceOf({ embedding, inputSize }: RecurrentModel, steps: number): Sequence {
  const data =
    embedding === null
      ? (torch.randn([steps * inputSize]).toTypedArray() as Float32Array)
      : Int32Array.from(torch.randint(0, TOKENS, [steps]).toArray() as number[])
  return { data, steps }
}

const sequencesOf = (model: RecurrentModel, lengths: readonly number[]): Sequence[] =>
  lengths.map((steps) => sequenceOf(model, steps))

/** What the model gives for one sequence. */
function expected(model: RecurrentModel, { data, steps }: Sequence): number[] {
  const x =
    data instanceof Float32Array
      ? torch.tensor(data, { shape: [steps, model.inputSize] })
      : torch.tensor([...data], { dtype: 'int64' })
  return torch.noGrad(() => model.forward(x).flatten().toArray()) as number[]
}

const LOOSE = { rtol: 1e-5, atol: 1e-5 }

/** Values and not an error. */
function valuesOf(row: Float32Array | TorchError | undefined): number[] {
  expect(row).toBeInstanceOf(Float32Array)
  return [...(row as Float32Array)]
}

const opened: NativeEngine[] = []

async function open(model: RecurrentModel, options: NativeEngineOptions = {}): Promise<NativeEngine> {
  const engine = await nativeEngine(model, options)
  opened.push(engine)
  return engine
}

afterEach(async () => {
  native.instructionSet(INSTRUCTION_SETS[0])
  for (const engine of opened.splice(0)) await engine.close().catch(() => undefined)
})

describe.each(INSTRUCTION_SETS)('with %s', (instructions) => {
  test.each(Object.entries(MODELS))('a batch of %s gives what the model does for each', async (_, make) => {
    native.instructionSet(instructions)
    torch.manualSeed(0)
    const model = make().eval()
    const engine = await open(model)
    expect(engine.inputSize).toBe(model.embedding === null ? model.inputSize : 1)
    expect(engine.outputSize).toBe(model.outputSize * (model.horizon ?? 1))
    const batch = sequencesOf(model, [5, 1, 9, 9, 3, 40, 2, 7])
    const outputs = await engine.run(batch)
    expect(outputs.length).toBe(batch.length)
    for (const [i, output] of outputs.entries()) {
      expectClose(valuesOf(output), expected(model, batch[i] as Sequence), LOOSE)
    }
  })

  test.each(STEPPED)('steps of sessions of %s give what a stream does', async (_, make) => {
    native.instructionSet(instructions)
    torch.manualSeed(0)
    const model = make().eval()
    const engine = await open(model)
    const sessions = Array.from({ length: 5 }, () => ({ slot: engine.openSlot(), stream: model.stream() }))
    for (let t = 0; t < 6; t++) {
      // Not all take part in each step, and their order changes.
      const some = sessions.filter((_, i) => (i + t) % 3 !== 0).reverse()
      const samples = some.map(() => sequenceOf(model, 1).data)
      const x = samples.flatMap((sample) => [...(sample as Float32Array)])
      const { y, failed } = await engine.step(
        Int32Array.from(some, ({ slot }) => slot),
        model.embedding === null ? Float32Array.from(x) : Int32Array.from(x),
      )
      expect(failed).toEqual([])
      for (const [i, { stream }] of some.entries()) {
        const sample = samples[i] as Float32Array
        const wanted = stream.step(model.embedding === null ? sample : (sample[0] as number))
        expectClose([...y.subarray(i * engine.outputSize, (i + 1) * engine.outputSize)], [...wanted], LOOSE)
      }
    }
    for (const { slot, stream } of sessions) {
      const { h, c = [], pool = [] } = stream.save()
      expectClose([...engine.readSlot(slot)], [...h, ...c, ...pool], LOOSE)
    }
  })
})

describe('a batch', () => {
  test('gives each sequence the same bits alone, in company, on any lane and with any number of threads', async () => {
    const model = new LSTMModel(5, 128, 3, { numLayers: 2, output: 'last' }).eval()
    const engines = [await open(model), await open(model, { lanes: 3 }), await open(model, { threads: 3 })]
    const batch = sequencesOf(
      model,
      Array.from({ length: 50 }, (_, i) => 1 + ((i * 37) % 120)),
    )
    const [alone] = engines as [NativeEngine]
    const one = await Promise.all(batch.map(async (sequence) => (await alone.run([sequence]))[0]))
    for (const engine of engines) {
      const runs = await Promise.all([engine.run(batch), engine.run(batch.slice(10, 20)), engine.run(batch)])
      expect(runs[0]).toEqual(one)
      expect(runs[1]).toEqual(one.slice(10, 20))
      expect(runs[2]).toEqual(one)
    }
  })

  test('has the bits of the network of the model, with the same lengths', async () => {
    const network = new nn.GRU(4, 50, { numLayers: 2 })
    const model = new SequenceModel(network, 50, { output: 'sequence' }).eval()
    // The head passes on what it sees.
    torch.noGrad(() => {
      model.linear.weight.copy_(torch.eye(50))
      model.linear.bias?.zero_()
    })
    const batch = sequencesOf(model, [12, 3, 7, 7, 30])
    const outputs = await (await open(model)).run(batch)
    const packed = nn.utils.rnn.packSequence(
      batch.map(({ data, steps }) => torch.tensor(data as Float32Array, { shape: [steps, 4] })),
      { enforceSorted: false },
    )
    const [padded] = nn.utils.rnn.padPackedSequence(torch.noGrad(() => network.forward(packed)[0]))
    for (const [i, { steps }] of batch.entries()) {
      const wanted = padded.select(1, i).narrow(0, 0, steps).flatten().toArray() as number[]
      expect(valuesOf(outputs[i])).toEqual(wanted)
    }
  })

  test('of any lengths and sizes agrees with the model', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.values(MODELS)),
        fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 2 }),
        async (make, lengths, lanes, threads) => {
          const model = make().eval()
          const engine = await nativeEngine(model, { lanes, threads })
          const batch = sequencesOf(model, lengths)
          const outputs = await engine.run(batch)
          batch.forEach((sequence, i) => {
            expectClose(valuesOf(outputs[i]), expected(model, sequence), LOOSE)
          })
          await engine.close()
        },
      ),
      { numRuns: 60 },
    )
  })

  test('of long sequences is computed in blocks, whose outputs are those of the whole', async () => {
    for (const output of ['sequence', 'last', 'mean', 'max'] as const) {
      const model = new LSTMModel(2, 64, 1, { numLayers: 2, output }).eval()
      const batch = sequencesOf(model, [3000, 1, 2999, 1500])
      const outputs = await (await open(model)).run(batch)
      for (const [i, row] of outputs.entries()) {
        expectClose(valuesOf(row), expected(model, batch[i] as Sequence), LOOSE)
      }
    }
  })

  test('with weights of bfloat16 agrees with a stream of them', async () => {
    const model = new LSTMModel(6, 33, 2, { numLayers: 2 }).eval()
    const stream = model.stream({ dtype: 'bfloat16' })
    const sequence = sequenceOf(model, 12)
    const wanted = Array.from({ length: 12 }, (_, t) => [
      ...stream.step((sequence.data as Float32Array).slice(t * 6, t * 6 + 6)),
    ])
    const engine = await open(model, { dtype: 'bfloat16' })
    const [output] = await engine.run([sequence, sequenceOf(model, 3)])
    expectClose(valuesOf(output), wanted.flat(), LOOSE)
    const exact = valuesOf((await (await open(model)).run([sequence]))[0])
    expect(valuesOf(output)).not.toEqual(exact)
  })

  test('is computed from copies, and its rows have memory of their own', async () => {
    const model = new LSTMModel(3, 8, 2).eval()
    const batch = sequencesOf(model, [6, 4])
    const wanted = batch.map((sequence) => expected(model, sequence))
    const running = (await open(model)).run(batch)
    for (const { data } of batch) data.fill(100)
    const rows = await running
    for (const [i, row] of rows.entries()) {
      expectClose(valuesOf(row), wanted[i] as number[], LOOSE)
      expect((row as Float32Array).buffer.byteLength).toBe((row as Float32Array).byteLength)
    }
  })

  test('that is empty gives nothing', async () => {
    expect(await (await open(new LSTMModel(3, 8, 2))).run([])).toEqual([])
  })

  test('is of the weights at the time when the engine was opened', async () => {
    const model = new LSTMModel(3, 8, 2).eval()
    const engine = await open(model)
    const sequence = sequenceOf(model, 4)
    const wanted = expected(model, sequence)
    torch.noGrad(() => {
      for (const parameter of model.parameters()) parameter.zero_()
    })
    expectClose(valuesOf((await engine.run([sequence]))[0]), wanted, LOOSE)
  })
})

describe('a sequence that cannot be computed', () => {
  const model = new LSTMModel(3, 8, 2).eval()

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('with %s fails alone', async (value) => {
    const engine = await open(model)
    for (const place of [0, 13, 3 * 1500 - 1]) {
      const batch = sequencesOf(model, [4, 1500, 6])
      ;(batch[1] as Sequence).data[place] = value
      const [first, second, third] = await engine.run(batch)
      expectClose(valuesOf(first), expected(model, batch[0] as Sequence), LOOSE)
      expectClose(valuesOf(third), expected(model, batch[2] as Sequence), LOOSE)
      expect(second).toBeInstanceOf(TorchError)
      expect(second).toMatchObject({
        code: 'ERR_TORCH_NON_FINITE',
        message: expect.stringMatching(
          `^predict: feature ${place % 3} of step ${Math.floor(place / 3)} is NaN or infinite: `,
        ),
      })
    }
  })

  test('is computed if NaN is not refused', async () => {
    const engine = await open(model, { rejectNonFinite: false })
    const batch = sequencesOf(model, [4, 5])
    ;(batch[0] as Sequence).data[6] = Number.NaN
    const [first, second] = await engine.run(batch)
    expect(valuesOf(first).map(Number.isNaN)).toEqual([false, false, false, false, true, true, true, true])
    expectClose(valuesOf(second), expected(model, batch[1] as Sequence), LOOSE)
  })

  test.each([-1, TOKENS, 2 ** 31 - 1, -(2 ** 31)])('with the token %i fails alone', async (token) => {
    const language = new GRUModel(6, 6, TOKENS, { embedding: TOKENS }).eval()
    const batch = sequencesOf(language, [4, 5])
    ;(batch[0] as Sequence).data[2] = token
    const [first, second] = await (await open(language)).run(batch)
    expect(first).toMatchObject({ code: 'ERR_TORCH_INDEX' })
    expect((first as TorchError).message).toBe('predict: there are 11 tokens, from 0 to 10; step 2 has another one')
    expectClose(valuesOf(second), expected(language, batch[1] as Sequence), LOOSE)
  })

  test('with a wrong size or type fails alone, and so do all of a batch', async () => {
    const engine = await open(model)
    const good = sequenceOf(model, 2)
    const bad: [Sequence, string][] = [
      [{ data: new Float32Array(5), steps: 2 }, 'ERR_TORCH_SHAPE'],
      [{ data: new Float32Array(0), steps: 0 }, 'ERR_TORCH_SHAPE'],
      [{ data: new Int32Array(6), steps: 2 }, 'ERR_TORCH_TYPE'],
    ]
    const rows = await engine.run([...bad.map(([sequence]) => sequence), good])
    expect(rows.slice(0, 3).map((row) => (row as TorchError).code)).toEqual(bad.map(([, code]) => code))
    expectClose(valuesOf(rows[3]), expected(model, good), LOOSE)
    const all = await engine.run(bad.map(([sequence]) => sequence))
    expect(all.every((row) => row instanceof TorchError)).toBe(true)
    const nan = { data: new Float32Array(3).fill(Number.NaN), steps: 1 }
    expect((await engine.run([nan, nan])).every((row) => row instanceof TorchError)).toBe(true)
  })
})

describe('slots', () => {
  const model = new LSTMModel(3, 8, 2, { numLayers: 2 }).eval()
  const sample = (value: number): Float32Array => Float32Array.of(value, value / 2, 1)

  test('hold states from one step to the next, and begin with zeros or with a state', async () => {
    const engine = await open(model)
    expect(engine.stateSize).toBe(2 * (8 + 8))
    const first = engine.openSlot()
    expect([...engine.readSlot(first)]).toEqual(new Array(32).fill(0))
    await engine.step(Int32Array.of(first), sample(1))
    const state = engine.readSlot(first)
    const second = engine.openSlot(state)
    expect(second).not.toBe(first)
    const { y } = await engine.step(Int32Array.of(second, first), Float32Array.of(...sample(2), ...sample(2)))
    expect([...y.subarray(0, 2)]).toEqual([...y.subarray(2)])
    expect(engine.readSlot(first)).toEqual(engine.readSlot(second))
    expect(engine.readSlot(first)).not.toEqual(state)
  })

  test('are used again, with zeros', async () => {
    const engine = await open(model)
    const slots = Array.from({ length: 1500 }, () => engine.openSlot())
    expect(new Set(slots).size).toBe(1500)
    await engine.step(Int32Array.from(slots), new Float32Array(1500 * 3).fill(0.5))
    engine.closeSlot(slots[700] as number)
    const again = engine.openSlot()
    expect(again).toBe(slots[700])
    expect([...engine.readSlot(again)]).toEqual(new Array(32).fill(0))
  })

  test.each([1, 2])('of a thousand sessions with %i threads have the bits of each alone', async (threads) => {
    const engine = await open(model, { threads })
    const slots = Int32Array.from({ length: 1000 }, () => engine.openSlot())
    const x = torch.randn([3000]).toTypedArray() as Float32Array
    const together = await engine.step(slots, x)
    const alone = await open(model)
    for (const i of [0, 47, 48, 499, 999]) {
      const slot = alone.openSlot()
      const { y } = await alone.step(Int32Array.of(slot), x.slice(3 * i, 3 * i + 3))
      expect([...together.y.subarray(2 * i, 2 * i + 2)]).toEqual([...y])
      expect(engine.readSlot(slots[i] as number)).toEqual(alone.readSlot(slot))
    }
  })

  test('do not change if the sample is not finite', async () => {
    const engine = await open(model)
    const slots = Int32Array.from({ length: 3 }, () => engine.openSlot())
    await engine.step(slots, Float32Array.of(...sample(1), ...sample(2), ...sample(3)))
    const before = [...slots].map((slot) => engine.readSlot(slot))
    const x = Float32Array.of(...sample(1), Number.NaN, 1, 1, ...sample(3))
    const { y, failed } = await engine.step(slots, x)
    expect(failed).toEqual([1])
    expect([...y].map(Number.isNaN)).toEqual([false, false, true, true, false, false])
    expect(engine.readSlot(slots[1] as number)).toEqual(before[1])
    expect(engine.readSlot(slots[0] as number)).not.toEqual(before[0])
    // The others were stepped as if it had not been there.
    const alone = await open(model)
    const slot = alone.openSlot(before[2])
    expect([...(await alone.step(Int32Array.of(slot), sample(3))).y]).toEqual([...y.subarray(4)])
  })

  test('do not change if the state would not be finite', async () => {
    const growing = new RNNModel(1, 4, 1, { nonlinearity: 'relu' }).eval()
    torch.noGrad(() => {
      for (const parameter of growing.parameters()) parameter.fill_(2)
    })
    const engine = await open(growing)
    const slots = Int32Array.of(engine.openSlot(), engine.openSlot())
    const { y, failed } = await engine.step(slots, Float32Array.of(1, 3e38))
    expect(failed).toEqual([1])
    expect(Number.isFinite(y[0])).toBe(true)
    expect([...engine.readSlot(slots[1] as number)]).toEqual([0, 0, 0, 0])
    const tolerant = await open(growing, { rejectNonFinite: false })
    const slot = tolerant.openSlot()
    expect((await tolerant.step(Int32Array.of(slot), Float32Array.of(3e38))).failed).toEqual([])
    expect(tolerant.readSlot(slot)[0]).toBe(Number.POSITIVE_INFINITY)
  })

  test('do not change for a token that there is not', async () => {
    const language = new GRUModel(6, 6, TOKENS, { embedding: TOKENS }).eval()
    const engine = await open(language)
    const slots = Int32Array.of(engine.openSlot(), engine.openSlot())
    const { failed } = await engine.step(slots, Int32Array.of(TOKENS, 3))
    expect(failed).toEqual([0])
    expect([...engine.readSlot(slots[0] as number)]).toEqual([0, 0, 0, 0, 0, 0])
    expect(engine.readSlot(slots[1] as number).some((value) => value !== 0)).toBe(true)
  })

  test('are refused if they are not open, stepped twice or being stepped', async () => {
    const engine = await open(model)
    const slot = engine.openSlot()
    await expectRejection(engine.step(Int32Array.of(7), sample(1)), 'ERR_TORCH_INDEX', 'no open slot 7')
    await expectRejection(engine.step(Int32Array.of(-1), sample(1)), 'ERR_TORCH_INDEX', 'no open slot -1')
    const twice = engine.step(Int32Array.of(slot, slot), new Float32Array(6))
    await expectRejection(twice, 'ERR_TORCH_VALUE', `slot ${slot} is stepped already`)
    const running = engine.step(Int32Array.of(slot), sample(1))
    expectError(() => engine.readSlot(slot), 'ERR_TORCH_VALUE', 'is being stepped')
    expectError(() => engine.closeSlot(slot), 'ERR_TORCH_VALUE', 'is being stepped')
    await running
    engine.closeSlot(slot)
    expectError(() => engine.readSlot(slot), 'ERR_TORCH_INDEX', 'no open slot')
    expectError(() => engine.closeSlot(slot), 'ERR_TORCH_INDEX', 'no open slot')
    await expectRejection(engine.step(Int32Array.of(0), new Float32Array(1)), 'ERR_TORCH_TYPE', 'Float32Array')
    expectError(() => engine.openSlot(new Float32Array(3)), 'ERR_TORCH_VALUE', 'has 32 numbers, got 3')
  })

  test('are not of a bidirectional network', async () => {
    const engine = await open(new LSTMModel(3, 8, 2, { bidirectional: true }))
    expect(engine.stateSize).toBeNull()
    expectError(() => engine.openSlot(), 'ERR_TORCH_VALUE', 'bidirectional')
  })
})

describe('an engine', () => {
  test('is not opened for what it would not compute', async () => {
    class Doubled extends LSTMModel {
      override forward(...args: Parameters<LSTMModel['forward']>) {
        return super.forward(...args).mul(2)
      }
    }
    const replaced = new LSTMModel(3, 8, 2)
    const models: [nn.Module, RegExp][] = [
      [new nn.LSTM(3, 8), /a LSTM is not one of the models/],
      [new Doubled(3, 8, 2), /a subclass, a hook/],
      [new SequenceModel(new nn.PeepholeLSTM(3, 8), 2), /no fused kernels for its network, a PeepholeLSTM/],
      [new LSTMModel(3, 8, 2).to({ dtype: 'float64' }), /weight_ih_l0 is of float64/],
    ]
    expect(whyNotNativeEngine(replaced)).toBeUndefined()
    for (const [model, reason] of models) {
      expect(whyNotNativeEngine(model)).toMatch(reason)
      await expectRejection(nativeEngine(model), 'ERR_TORCH_NOT_IMPLEMENTED', reason)
    }
  })

  test('that is closed finishes what it was given, and takes no more', async () => {
    const model = new LSTMModel(8, 64, 1, { output: 'last' }).eval()
    const engine = await nativeEngine(model)
    const batches = Array.from({ length: 4 }, () => sequencesOf(model, [200, 100, 50]))
    const running = batches.map((batch) => engine.run(batch))
    let closed = false
    const closing = engine.close().then(() => {
      closed = true
    })
    await expectRejection(engine.run(batches[0] as Sequence[]), 'ERR_TORCH_DISPOSED', 'the engine has been disposed')
    expect(closed).toBe(false)
    for (const [i, batch] of batches.entries()) {
      const [row] = (await running[i]) as Float32Array[]
      expectClose(valuesOf(row), expected(model, batch[0] as Sequence), LOOSE)
    }
    await closing
    await expectRejection(engine.close(), 'ERR_TORCH_DISPOSED', 'the engine has been disposed')
    expectError(() => engine.openSlot(), 'ERR_TORCH_DISPOSED', 'the engine has been disposed')
  })

  test('that cannot hold the outputs of a batch rejects, and computes the next one', async () => {
    const size = 2 ** 23
    const model = new RNNModel(1, 1, size).eval()
    const engine = await open(model)
    // 256 TB of outputs.
    const large = { data: new Float32Array(size), steps: size }
    await expectRejection(engine.run([large]), 'ERR_TORCH_OUT_OF_MEMORY', 'not enough memory')
    const [row] = await engine.run([{ data: new Float32Array(1), steps: 1 }])
    expect((row as Float32Array).length).toBe(size)
  })

  test('frees its threads when it is collected', async () => {
    const threads = (): number => readdirSync('/proc/self/task').length
    const before = threads()
    const model = new LSTMModel(3, 8, 2).eval()
    // In a function of its own, so that nothing refers to the engines afterwards.
    const use = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) await (await nativeEngine(model, { lanes: 4 })).run(sequencesOf(model, [3]))
    }
    await use()
    expect(threads()).toBeGreaterThanOrEqual(before + 20)
    await expect
      .poll(
        async () => {
          await collectGarbage()
          return threads()
        },
        { timeout: 10_000 },
      )
      .toBeLessThan(before + 20)
  })
})
