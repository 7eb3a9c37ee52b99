// Requests and answers in the units of the data, against the scalers' own transforms.
import { describe, expect, test } from 'vitest'
import { LogScaler, MinMaxScaler, type Scaler, Series, StandardScaler } from '../../lib/data/index.ts'
import { type Tensor, torch } from '../../lib/index.ts'
import { GRUModel } from '../../lib/models/index.ts'
import { serve } from '../../lib/serve/index.ts'
import { readOptions } from '../../lib/serve/options.ts'
import { unitsOf } from '../../lib/serve/units.ts'
import { expectError, expectRejection } from '../support/error.ts'

const generator = new torch.Generator().manualSeed(5)
const random = (...shape: number[]): Tensor => torch.rand(shape, { generator }).mul(20).add(1)

function expectNear(found: ArrayLike<number>, wanted: Tensor): void {
  const values = wanted.toTypedArray() as Float32Array
  expect(found.length).toBe(values.length)
  for (const [i, value] of values.entries())
    expect(Math.abs((found[i] as number) - value)).toBeLessThan(1e-4 * (1 + Math.abs(value)))
}

interface Column {
  center: number[]
  scale: number[]
}

/** The scales of the columns of a series. */
const columnsOf = (scaler: unknown, group = 0): Column[] =>
  (scaler as { config: { scalers: Column[][] } }).config.scalers[group] as Column[]

describe.each<[string, () => Scaler]>([
  ['standard', () => new StandardScaler()],
  ['minMax', () => new MinMaxScaler()],
  ['log', () => new LogScaler()],
])('a scaler of features, %s', (_, make) => {
  test('that are the inputs, the outputs, or both', async () => {
    for (const [inputs, outputs, features] of [
      [3, 2, 3],
      [3, 2, 2],
      [2, 2, 2],
    ] as const) {
      const scaler = make().fit(random(30, features))
      const model = new GRUModel(inputs, 4, outputs, { horizon: 2, output: 'last' })
      model.scaler = scaler
      const server = await serve(model)
      const x = random(6, inputs)
      const scaled = features === inputs ? scaler.transform(x) : x
      const output = torch.noGrad(() => model.eval().forward(scaled.unsqueeze(1))).squeeze(0)
      const wanted = features === outputs ? scaler.inverseTransform(output) : output
      expectNear(await server.predict(x.toTypedArray() as Float32Array), wanted)
      expect(server.describe().scaled).toBe(true)
      await server.close()
    }
  })
})

test('steps of a session are in the units of the data, too', async () => {
  const scaler = new StandardScaler().fit(random(30, 2))
  const model = new GRUModel(2, 4, 2)
  model.scaler = scaler
  const server = await serve(model)
  const x = random(5, 2)
  const rows = x.toTypedArray() as Float32Array
  const session = server.session('a')
  const steps = await Promise.all(Array.from({ length: 5 }, (_, i) => session.step(rows.slice(2 * i, 2 * i + 2))))
  const wanted = scaler.inverseTransform(torch.noGrad(() => model.eval().forward(scaler.transform(x))))
  expectNear(
    steps.flatMap((step) => [...step]),
    wanted,
  )
  // What the caller has is as it was.
  expect(rows).toEqual(x.toTypedArray())
  await server.predict(rows)
  expect(rows).toEqual(x.toTypedArray())
  await server.close()
})

describe('a series with groups', () => {
  const rows = Array.from({ length: 40 }, (_, i) => ({
    t: Math.floor(i / 2),
    place: i % 2 === 0 ? 'north' : 'south',
    y: (i % 2 === 0 ? 1 : 100) * (1 + Math.sin(i)),
    wind: i % 7,
  }))

  test('has the scales of each', async () => {
    const series = await Series.from(rows, {
      time: 't',
      targets: 'y',
      inputs: ['wind'],
      groups: 'place',
    })
    const { train } = await series.split({ past: 4 })
    const model = new GRUModel(2, 4, 1, { output: 'last', horizon: 3 })
    model.scaler = train.scaler
    const server = await serve(model)
    const raw = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 1)
    for (const group of ['north', 'south']) {
      const found = await server.predict(raw, { group })
      const [y, wind] = columnsOf(train.scaler, train.scaler.groups?.indexOf(group)) as [Column, Column]
      const x = torch.tensor([...raw], { shape: [4, 1, 2] })
      const center = torch.tensor([...y.center, ...wind.center])
      const scale = torch.tensor([...y.scale, ...wind.scale])
      const output = torch.noGrad(() => model.eval().forward(x.sub(center).div(scale)))
      expectNear(found, train.scaler.inverseTransform(output, { groups: [group] }).squeeze(0))
    }
    await expectRejection(server.predict(raw), 'ERR_TORCH_VALUE', /give \{ group \}, one of north, south/)
    await expectRejection(server.predict(raw, { group: 'east' }), 'ERR_TORCH_VALUE', /got 'east'/)
    expectError(() => server.session('a'), 'ERR_TORCH_VALUE', /give \{ group \}/)
    await server.close()
  })
})

describe('a scaler that does not fit is refused', () => {
  const fitted = new StandardScaler().fit(random(9, 5))

  test('with other numbers of features', () => {
    const model = new GRUModel(3, 4, 2)
    model.scaler = fitted
    expectError(
      () => unitsOf(model, readOptions({})),
      'ERR_TORCH_SHAPE',
      /of 5 features, but the model has 3 inputs and 2 outputs/,
    )
    expect(unitsOf(model, readOptions({ units: 'scaled' }))).toBe(undefined)
  })

  test('with other targets, unless they are quantiles', async () => {
    const series = await Series.from({ t: [1, 2, 3, 4], y: [1, 2, 3, 5] }, { time: 't', targets: 'y' })
    const { scaler } = (await series.split({ past: 1 })).train
    const model = new GRUModel(1, 4, 3, { output: 'last' })
    model.scaler = scaler
    expectError(
      () => unitsOf(model, readOptions({})),
      'ERR_TORCH_SHAPE',
      /3 outputs, but its scaler 1 target: if they are quantiles/,
    )
    const units = unitsOf(model, readOptions({ head: 'quantiles' }))
    const output = Float32Array.of(-1, 0, 1)
    units?.invert('predict', output, output, undefined)
    expectNear(output, scaler.inverseTransform(torch.tensor([[-1], [0], [1]])).squeeze(-1))
    expectError(() => units?.requireGroup('predict', 'a'), 'ERR_TORCH_VALUE', /leave out group/)
    const narrow = new GRUModel(1, 4, 1)
    const wide = await Series.from(
      { t: [1, 2, 3], y: [1, 2, 3], z: [3, 1, 2] },
      { time: 't', targets: 'y', inputs: ['z'], autoregressive: false },
    )
    narrow.scaler = (await wide.split({ past: 1 })).train.scaler
    expectError(() => unitsOf(narrow, readOptions({})), 'ERR_TORCH_SHAPE', /say \{ autoregressive: false \}/)
    const own = unitsOf(narrow, readOptions({ autoregressive: false }))
    const input = Float32Array.of(3, 1, 2)
    own?.scale('predict', input, input, undefined)
    const { center, scale } = columnsOf(narrow.scaler)[1] as Column
    expectNear(
      input,
      torch
        .tensor([3, 1, 2])
        .sub(center[0] as number)
        .div(scale[0] as number),
    )
  })
})

test('tokens have no units, their outputs have', async () => {
  const model = new GRUModel(3, 4, 2, { embedding: 7, output: 'last' })
  model.scaler = new StandardScaler().fit(random(9, 2))
  const server = await serve(model)
  const output = torch.noGrad(() => model.eval().forward(torch.tensor([[1], [6]], { dtype: 'int64' })))
  expectNear(await server.predict(Int32Array.of(1, 6)), model.scaler.inverseTransform(output).squeeze(0))
  await server.close()
})
