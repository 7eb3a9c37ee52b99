// Forecasts a week of temperatures from a CSV file in which values, and whole days, are missing.
import { type Tensor, torch } from 'libtorch-rnn'
import { Series } from 'libtorch-rnn/data'
import { MAE } from 'libtorch-rnn/metrics'
import { GRUModel } from 'libtorch-rnn/models'
import { Trainer } from 'libtorch-rnn/train'
import { dataFile } from './support/data.ts'

// The file is complete: this query takes a tenth of the values away, and a month.
const sql = `
  SELECT date, wind, precipitation, CASE WHEN hash(date) % 10 > 0 THEN temp_max END AS temp_max
  FROM read_csv($file) WHERE date NOT BETWEEN '2013-03-10' AND '2013-04-09'`
const series = await Series.from(
  { sql, values: { file: dataFile('seattle-weather.csv') } },
  { time: 'date', targets: 'temp_max', inputs: ['wind', 'precipitation'], calendar: 'dayOfYear', missing: 'mask' },
)
console.log(`${series.length} days, a gap of ${series.gaps[0]?.steps}; inputs: ${series.inputNames.join(', ')}`)

const { train, validation, test } = await series.split({ validation: '2014', test: '2015', past: 30, horizon: 7 })
const inverse = (values: Tensor) => train.scaler.inverseTransform(values)
torch.manualSeed(0)
const model = new GRUModel(train.inputSize, 32, 1, { batchFirst: true, output: 'last', horizon: 7 })
const trainer = new Trainer(model, {
  epochs: 50,
  lr: 3e-3,
  clipGradNorm: 1,
  metrics: [new MAE({ inverse })], // in degrees
  monitor: 'validationMae',
  patience: 5,
  restoreBest: true,
})
const { epochs } = await trainer.fit(train, { validation })
const { mae } = await trainer.evaluate(test)
console.log(`${epochs.length} epochs, mean error in 2015: ${Number(mae).toFixed(2)} °C`)

const { input, times } = series.latest({ past: 30, scaler: train.scaler })
const forecast = inverse(await trainer.predict(input)).flatten() // (1, 7, 1)
const week = (forecast.toArray() as number[]).map((degrees) => degrees.toFixed(1))
console.log(`the week after ${times[0]?.toISOString().slice(0, 10)}: ${week.join(' ')}`)
