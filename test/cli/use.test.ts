// Commands that use a model: evaluate, forecast, predict, inspect.
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Series } from '../../lib/data/index.ts'
import { type Calibration, forecast } from '../../lib/forecast/index.ts'
import { saveFileSync } from '../../lib/io/index.ts'
import { loadModel, type ModelSaveOptions } from '../../lib/models/index.ts'
import { torch } from '../../lib/torch.ts'
import { cellsOf, command, type Ended, succeed, weatherCsv } from '../support/command.ts'
import { writeFiles } from '../support/folder.ts'

let folder: string
const run = (args: string[], input?: string): Ended => command(folder, args, input === undefined ? {} : { input })
const inFolder = (path: string): string => join(folder, path)
const ok = (args: string[], input?: string): string => succeed(folder, args, input)

beforeAll(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'libtorch-rnn-'))
  const newer = weatherCsv(260).split('\n')
  writeFiles(folder, { 'data.csv': weatherCsv(240), 'newer.csv': [newer[0], ...newer.slice(201)].join('\n') })
  const settings = { time: 'date', target: ['temp'], input: ['wind'], past: 7, horizon: 2, hiddenSize: 8, epochs: 5 }
  writeFiles(folder, { 'settings.json': JSON.stringify({ data: 'data.csv', ...settings, lr: 0.01, season: 7 }) })
  writeFiles(folder, { 'future.csv': 'date,wind\n2024-08-28,1\n2024-08-29,2\n' })
  saveFileSync({ table: torch.zeros([3, 2], { dtype: 'float64' }) }, inFolder('other.safetensors'))
  ok(['train', '--config', 'settings.json', '--out', 'runs/a', '--quiet'])
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('values that are large beside their changes have the same errors, and forecasts with the digits of these', () => {
  const numbers: Record<string, { mae: number; rmse: number; naive: number; forecast: number }> = {}
  for (const offset of [0, 1e9]) {
    const csv = weatherCsv(240, (_, [date = '', temp = '', wind = '']) => [
      date,
      String(Math.round(100 * (Number(temp) + offset)) / 100),
      wind,
    ])
    const [data, out] = [`offset-${offset}.csv`, `runs/offset-${offset}`]
    writeFiles(folder, { [data]: csv })
    ok(['train', data, '--config', 'settings.json', '--epochs', '1', '--out', out, '--quiet'])
    const { errors, naive } = JSON.parse(ok(['evaluate', out, '--json']))
    const [header, first] = cellsOf(ok(['predict', out]))
    const forecast = Number(first?.[(header as string[]).indexOf('temp')])
    numbers[offset] = { mae: errors.mae, rmse: errors.rmse, naive: naive.persistence.mae, forecast: forecast - offset }
  }
  const [small, large] = [numbers[0], numbers[1e9]]
  for (const name of ['mae', 'rmse', 'naive', 'forecast'] as const) {
    expect(Math.abs((large?.[name] as number) / (small?.[name] as number) - 1)).toBeLessThan(1e-3)
  }
  expect(large?.rmse).toBeGreaterThanOrEqual(large?.mae as number)
}, 60_000)

describe('evaluate', () => {
  it('measures the test part of the run, as the run did', () => {
    const result = JSON.parse(ok(['evaluate', 'runs/a', '--json']))
    const { errors, naive } = JSON.parse(readFileSync(inFolder('runs/a/result.json'), 'utf8'))
    expect(result).toMatchObject({ windows: 35, from: '2024-07-23', to: '2024-08-27', naive, warnings: [] })
    for (const name of ['loss', 'mae', 'rmse']) expect(result.errors[name]).toBeCloseTo(errors[name], 5)
    // All steps have the same number of windows.
    expect(result.steps.map(({ step }: { step: number }) => step)).toEqual([1, 2])
    const mean = (of: (step: { errors: { mae: number }; naive: typeof naive }) => number): number =>
      (of(result.steps[0]) + of(result.steps[1])) / 2
    expect(mean((step) => step.errors.mae)).toBeCloseTo(errors.mae, 5)
    for (const [method, { mae }] of Object.entries<{ mae: number }>(naive)) {
      expect(mean((step) => step.naive[method].mae)).toBeCloseTo(mae, 5)
    }
  })

  it('measures all of other data, by other metrics', () => {
    const text = ok(['evaluate', 'runs/a', 'newer.csv', '--metrics', 'mape'])
    expect(text).toMatch(/^52 forecasts of newer\.csv, from 2024-07-26 to 2024-09-16$/m)
    expect(text).toMatch(/^ +mape\nmodel +\d/m)
    expect(text).toMatch(/^The mape by step of the horizon:\nstep +model +persistence .*\n1 +\d.*\n2 +\d/m)
    expect(text).toMatch(/mape is \d+\.\d % lower than that of the best naive forecast|is not beaten/)
  })

  it('takes standard input, from a time on', () => {
    const csv = readFileSync(inFolder('newer.csv'), 'utf8')
    const { windows, from } = JSON.parse(ok(['evaluate', 'runs/a', '-', '--from', '2024-09', '--json'], csv))
    expect({ windows, from }).toEqual({ windows: 15, from: '2024-09-01' })
  })

  it('warns of data that the model has seen', () => {
    const { status, stderr } = run(['evaluate', 'runs/a', 'data.csv', '--quiet'])
    expect(status).toBe(0)
    expect(stderr).toMatch(/^warning: data\.csv has the data of the training: --from/)
  })
})

describe('forecast', () => {
  it('writes what the library forecasts, with intervals', async () => {
    const [header, ...rows] = cellsOf(ok(['forecast', 'runs/a']))
    expect(header).toEqual([
      'date',
      'temp',
      ...['lower_80', 'upper_80', 'lower_95', 'upper_95'].map((b) => `temp_${b}`),
    ])
    const model = await loadModel(inFolder('runs/a/model.safetensors'))
    const series = await Series.from(inFolder('data.csv'), { time: 'date', targets: 'temp', inputs: 'wind' })
    const calibration = model.calibration as Calibration
    // Files of earlier versions have it in their metadata.
    const old = { metadata: { ...model.metadata, calibration: { ...calibration } }, calibration: null }
    await model.save(inFolder('old.safetensors'), old as ModelSaveOptions)
    expect(cellsOf(ok(['forecast', 'old.safetensors', 'data.csv']))).toEqual([header, ...rows])
    const [{ values, intervals }] = await forecast(model, series, { calibration })
    expect(rows.map(([date]) => date)).toEqual(['2024-08-28', '2024-08-29'])
    for (const [i, [, value, lower, upper]] of rows.entries()) {
      expect(Number(value)).toBeCloseTo(values.temp?.[i] as number, 4)
      expect(Number(lower)).toBeCloseTo(intervals[0]?.lower.temp?.[i] as number, 4)
      expect(Number(upper)).toBeCloseTo(intervals[0]?.upper.temp?.[i] as number, 4)
    }
  })

  it('goes from pipe to pipe, as JSON lines', () => {
    const rows = cellsOf(readFileSync(inFolder('newer.csv'), 'utf8')).slice(1)
    const input = rows.map(([date, temp, wind]) => JSON.stringify({ date, temp: Number(temp), wind: Number(wind) }))
    const args = ['forecast', 'runs/a', '-', '--input-format', 'jsonl', '--format', 'jsonl']
    const lines = ok(args, `${input.join('\n')}\n`)
      .trimEnd()
      .split('\n')
    expect(lines.map((line) => JSON.parse(line).date)).toEqual(['2024-09-17', '2024-09-18'])
    const [first] = JSON.parse(ok(['forecast', 'runs/a', 'newer.csv', '--json'])).forecasts
    expect(first.values.temp[0]).toBeCloseTo(JSON.parse(lines[0] as string).temp, 4)
  })

  it('goes further with the inputs of these days', () => {
    const without = run(['forecast', 'runs/a', '--steps', '4'])
    expect(without.status).toBe(1)
    expect(without.stderr).toMatch(/^warning: the intervals of the model are for 2 steps/)
    expect(without.stderr).toContain('give them for 2 steps after the data in the file of --future')
    const { status, stdout } = run(['forecast', 'runs/a', '--steps', '4', '--future', 'future.csv'])
    expect(status).toBe(0)
    expect(cellsOf(stdout).map(([date]) => date)).toEqual([
      'date',
      '2024-08-28',
      '2024-08-29',
      '2024-08-30',
      '2024-08-31',
    ])
  })
})

it('data can be a query in a file', () => {
  const columns = `date, replace("temp", ',', '.') AS temp, wind`
  const rows = readFileSync(inFolder('newer.csv'), 'utf8').replaceAll(/,(\d+)\.(\d+),/g, ',"$1,$2",')
  writeFiles(folder, { 'commas.csv': rows, 'data.sql': `SELECT ${columns} FROM 'commas.csv'` })
  const wanted = ok(['forecast', 'runs/a', 'newer.csv'])
  expect(ok(['forecast', 'runs/a', 'data.sql'])).toBe(wanted)
  const { status, stderr } = run(['forecast', 'runs/a', 'commas.csv'])
  expect(status).toBe(1)
  expect(stderr).toContain("Decimal commas are read with a query in a file, data.sql: SELECT * FROM read_csv('…',")
})

describe('predict', () => {
  it('writes a row for each step of each window, beside what came', () => {
    const [header, ...rows] = cellsOf(ok(['predict', 'runs/a', '--from', '2024-08-01']))
    expect(header).toEqual(['date', 'step', 'temp', 'temp_actual'])
    expect(rows).toHaveLength(26 * 2)
    const actual = new Map(
      cellsOf(readFileSync(inFolder('data.csv'), 'utf8')).map(([date, temp]) => [date, Number(temp)]),
    )
    for (const [date, , , value] of rows) expect(Number(value)).toBe(actual.get(date))
    expect(rows.slice(0, 3).map(([date, step]) => `${date} ${step}`)).toEqual([
      '2024-08-01 1',
      '2024-08-02 2',
      '2024-08-02 1',
    ])
    const mae =
      rows.reduce((sum, [, , value, wanted]) => sum + Math.abs(Number(value) - Number(wanted)), 0) / rows.length
    const { errors } = JSON.parse(ok(['evaluate', 'runs/a', '--from', '2024-08-01', '--json']))
    expect(mae).toBeCloseTo(errors.mae, 4)
  })

  it('writes Parquet with times and numbers', async () => {
    expect(ok(['predict', 'runs/a', '--out', 'predicted.parquet', '--from', '2024-08-01'])).toBe('')
    const sql = `SELECT date, temp, temp_actual, step FROM '${inFolder('predicted.parquet')}' WHERE step = 2`
    const series = await Series.from({ sql }, { time: 'date', targets: ['temp', 'temp_actual'] })
    expect(series.length).toBe(26)
    expect(series.frequency).toBe('day')
    expect(series.column('temp').every(Number.isFinite)).toBe(true)
  })
})

describe('inspect', () => {
  it('shows network, columns, settings and scales', () => {
    const text = ok(['inspect', 'runs/a'])
    expect(text).toMatch(/^runs\/a\/model\.safetensors: GRUModel\(/)
    for (const line of ['time +date', 'inputs +wind', 'past +7 steps', '--lr +0\\.01', 'temp +standard +\\d+\\.\\d+']) {
      expect(text).toMatch(new RegExp(`^ +${line}`, 'm'))
    }
    expect(text).not.toContain('--batch-size')
  })

  it('gives all of it as JSON, and the tensors of other files', () => {
    const { config, parameters, scaler, tensors } = JSON.parse(ok(['inspect', 'runs/a', '--json']))
    expect(config).toMatchObject({ model: 'GRUModel', horizon: 2, network: { hiddenSize: 8 } })
    expect(parameters).toBe(3 * 8 * (2 + 8) + 2 * 24 + 8 * 2 + 2)
    expect(scaler.targets).toEqual(['temp'])
    expect(tensors['linear.bias']).toMatchObject({ dtype: 'F32', shape: [2] })
    expect(ok(['inspect', 'other.safetensors'])).toMatch(/^table +F64 +\(3, 2\)$/m)
  })
})

describe('a mistake is a sentence, without a trace', () => {
  it.each<[string, string[], number, string, string?]>([
    ['no such run', ['evaluate', 'runs/b'], 2, 'there is no model or run runs/b'],
    ['no data', ['forecast', 'runs/a/model.safetensors'], 2, 'name the file with the data'],
    ['no model', ['predict', 'data.csv', 'data.csv'], 1, 'data.csv: not a safetensors file'],
    ['a model of something else', ['evaluate', 'other.safetensors', 'data.csv'], 1, 'it has no description of a model'],
    [
      'data without a column',
      ['forecast', 'runs/a', 'future.csv'],
      1,
      "has no column 'temp': its columns are date, wind",
    ],
    [
      'too few rows',
      ['forecast', 'runs/a', '-'],
      1,
      'past is 7, but there are 2 steps',
      'date,temp,wind\n2024-01-01,1,2\n2024-01-02,1,2\n',
    ],
    [
      'a bad cell',
      ['forecast', 'runs/a', '-'],
      1,
      "standard input, line 3, column 'temp'",
      'date,temp,wind\n2024-01-01,1,2\n2024-01-02,x,2\n',
    ],
    ['Parquet on a pipe', ['predict', 'runs/a', '--format', 'parquet'], 2, '--format parquet needs --out'],
    ['a file of another kind', ['predict', 'runs/a', '--out', 'a.xlsx'], 2, 'must end in .csv, .jsonl or .parquet'],
    ['a folder that is not there', ['predict', 'runs/a', '--out', 'none/a.csv'], 1, 'none/a.csv cannot be written'],
    [
      'a time after the data',
      ['evaluate', 'runs/a', '--from', '2030'],
      1,
      '--from 2030 is after the last row, of 2024-08-27',
    ],
    ['a part without windows', ['evaluate', 'runs/a', '--from', '2024-08-27'], 1, 'the test part has no window'],
    ['no number', ['forecast', 'runs/a', '--steps', 'x'], 2, 'It must be a positive integer.'],
    ['no file', ['inspect', 'none.safetensors'], 2, 'there is no model or run none.safetensors'],
  ])('%s', (_, args, wanted, message, input) => {
    const { status, stdout, stderr } = run(args, input)
    expect({ status, stdout }).toEqual({ status: wanted, stdout: '' })
    expect(stderr).toMatch(/^error: /m)
    expect(stderr).toContain(message)
    expect(stderr).not.toMatch(/^ +at /m)
  })

  it('a run that is not over is told', () => {
    writeFiles(folder, { 'runs/c/run.json': '{}' })
    const { status, stderr } = run(['evaluate', 'runs/c'])
    expect(status).toBe(2)
    expect(stderr).toContain('runs/c has no model.safetensors: its run is not over, train --out runs/c --resume')
    expect(existsSync(inFolder('runs/c/model.safetensors'))).toBe(false)
  })
})
