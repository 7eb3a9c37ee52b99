// Finds the faults of a sensor: where a network that has learned how temperatures go is further off than it ever was.
import { Command } from 'commander'
import { type Tensor, torch } from 'libtorch-rnn'
import { Series } from 'libtorch-rnn/data'
import { GRUModel } from 'libtorch-rnn/models'
import { Trainer } from 'libtorch-rnn/train'
import type { TopLevelSpec } from 'vega-lite'
import { render, save } from './support/chart.ts'
import { dataFile } from './support/data.ts'
import { positive } from './support/options.ts'

const { epochs } = new Command('anomaly')
  .description('Detects faults in a series of temperatures by the errors of forecasts.')
  .option('--epochs <n>', 'passes over the training part', positive, 20)
  .parse()
  .opts<{ epochs: number }>()

// Normal temperatures of a year, hour by hour, as a sensor with some noise would report them.
torch.manualSeed(0)
const year = await Series.from(dataFile('seattle-weather-hourly-normals.csv'), { time: 'date', targets: 'temperature' })
const noise = torch.randn([year.length]).mul(0.2).toTypedArray() as Float32Array
const celsius = year.column('temperature').map((value, hour) => value + (noise[hour] as number))

/** What goes wrong in October, the part that the network does not learn from. */
const faults = [
  { name: 'a spike', from: '2010-10-04T06:00', hours: 1, changed: (value: number) => value + 3 },
  { name: 'stuck', from: '2010-10-10T09:00', hours: 12, changed: (_: number, first: number) => first },
  {
    name: 'a drift',
    from: '2010-10-16T00:00',
    hours: 24,
    changed: (value: number, _: number, i: number) => value + i / 4,
  },
  { name: 'a dropout', from: '2010-10-24T15:00', hours: 3, changed: () => 0 },
].map((fault) => ({
  ...fault,
  start: Date.parse(`${fault.from}Z`),
  end: Date.parse(`${fault.from}Z`) + 3600e3 * fault.hours,
}))
const faultAt = (time: Date) => faults.find(({ start, end }) => +time >= start && +time < end)
const times = year.times
for (const { start, hours, changed } of faults) {
  const at = times.findIndex((time) => +time === start)
  const first = celsius[at] as number
  for (let i = 0; i < hours; i++) celsius[at + i] = changed(celsius[at + i] as number, first, i)
}

// A day of the past forecasts the next hour.
const series = await Series.from({ time: times, celsius }, { time: 'time', targets: 'celsius', calendar: ['hour'] })
const { train, validation, test } = await series.split({ past: 24, validation: '2010-09', test: '2010-10' })
const model = new GRUModel(train.inputSize, 24, 1, { output: 'last', horizon: 1, batchFirst: true })
const trainer = new Trainer(model, { epochs, batchSize: 64, lr: 5e-3, schedule: 'cosine', metrics: ['mae'], seed: 0 })
await trainer.fit(train, { validation })

/** The forecasts of a part, and what came, in degrees. */
async function forecasts(
  part: typeof train,
): Promise<{ time: Date; forecast: number; actual: number; error: number }[]> {
  const indices = Array.from({ length: part.length }, (_, i) => i)
  const degrees = (values: Tensor) => part.inverseTransform(values, indices).flatten().toArray() as number[]
  const [found, came] = [degrees(await trainer.predict(part)), degrees(part.batch(indices, true).target)]
  return indices.map((i) => {
    const [forecast, actual] = [found[i] as number, came[i] as number]
    return { time: part.times(i)[0] as Date, forecast, actual, error: Math.abs(actual - forecast) }
  })
}

// Further off than all but one in a thousand hours of September, in which there were no faults.
const errors = (await forecasts(validation)).map(({ error }) => error).sort((a, b) => a - b)
const limit = errors[Math.floor(0.999 * errors.length)] as number
const october = (await forecasts(test)).filter(({ time }) => +time < Date.parse('2010-11-01'))
const alarms = october.filter(({ error }) => error > limit)
/** An alarm may also come in the day after, whose forecasts read the fault. */
const isExplained = (time: Date) => faults.some(({ start, end }) => +time >= start && +time < end + 24 * 3600e3)
const isFalse = alarms.filter(({ time }) => !isExplained(time)).length

console.log(
  `an alarm is an error of more than ${limit.toFixed(2)} °C; usual is ${errors[errors.length >> 1]?.toFixed(2)} °C`,
)
for (const { name, start, end, hours } of faults) {
  const during = alarms.filter(({ time }) => +time >= start && +time < end)
  const late =
    during[0] === undefined ? 'not found' : `found after ${(+during[0].time - start) / 3600e3 + 1} of ${hours} h`
  console.log(`${name}: ${late}`)
}
console.log(`false alarms: ${isFalse} in ${october.filter(({ time }) => !isExplained(time)).length} hours`)

const values = october.map(({ time, ...rest }) => ({ time: +time, ...rest, fault: faultAt(time)?.name ?? null }))
const x = {
  field: 'time',
  type: 'temporal',
  title: null,
  axis: { format: '%-d %b %Y', grid: false, tickCount: 6 },
} as const
const bands = { data: { values: faults }, mark: { type: 'rect', color: '#f4c7b3', opacity: 0.6 } } as const
const band = { x: { ...x, field: 'start' }, x2: { field: 'end' } } as const
const chart = {
  title: {
    text: 'A sensor, and where a network is surprised by it',
    subtitle:
      'Faults in red; points are alarms: errors beyond the dashed limit, which comes from a month without faults.',
  },
  vconcat: [
    {
      width: 720,
      height: 180,
      layer: [
        { ...bands, encoding: band },
        {
          mark: { type: 'line', strokeWidth: 1.2, color: '#2a78b5' },
          encoding: { x, y: { field: 'actual', type: 'quantitative', title: 'Temperature (°C)' } },
        },
        {
          transform: [{ filter: `datum.error > ${limit}` }],
          mark: { type: 'point', filled: true, size: 28, color: '#c0392b' },
          encoding: { x, y: { field: 'actual', type: 'quantitative' } },
        },
        {
          data: { values: faults },
          mark: { type: 'text', align: 'left', dy: -3, fontSize: 11, color: '#8a3b1f', baseline: 'bottom' },
          encoding: { x: { ...x, field: 'start' }, y: { value: 0 }, text: { field: 'name' } },
        },
      ],
    },
    {
      width: 720,
      height: 100,
      layer: [
        { ...bands, encoding: band },
        {
          mark: { type: 'line', strokeWidth: 1.2, color: '#555' },
          encoding: { x, y: { field: 'error', type: 'quantitative', title: 'Error (°C)' } },
        },
        { mark: { type: 'rule', strokeDash: [4, 3], color: '#c0392b' }, encoding: { y: { datum: limit } } },
      ],
    },
  ],
  data: { values },
}
save('anomaly', await render(chart as unknown as TopLevelSpec))
