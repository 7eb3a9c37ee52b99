import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadModelSync } from '../../lib/models/index.ts'
import { command, MAIN, weatherCsv } from '../support/command.ts'
import { writeFiles } from '../support/folder.ts'

const SMALL = [
  '--time',
  'date',
  '--target',
  'temp',
  '--past',
  '7',
  '--horizon',
  '2',
  '--hidden-size',
  '4',
  '--epochs',
  '3',
]

let folder: string
const inFolder = (path: string): string => join(folder, path)
const read = (path: string): string => readFileSync(inFolder(path), 'utf8')
const checksum = (path: string): string =>
  createHash('sha256')
    .update(readFileSync(inFolder(path)))
    .digest('hex')
const train = (...args: string[]): ReturnType<typeof command> => command(folder, ['train', ...args])

beforeAll(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'libtorch-rnn-'))
  writeFiles(folder, { 'data.csv': weatherCsv(240) })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a run', () => {
  beforeAll(() => {
    const { status, stderr } = train('data.csv', ...SMALL, '--season', '7', '--metrics', 'mae,mase', '--out', 'runs/a')
    expect({ status, stderr: stderr.split('\n')[0] }).toEqual({
      status: 0,
      stderr: '160 windows to train on, 35 to validate, 35 to test',
    })
  }, 60_000)

  it('leaves settings, history, checkpoints, result and a model that says what it reads', () => {
    expect(readdirSync(inFolder('runs/a')).sort()).toEqual([
      'checkpoints',
      'history.csv',
      'model.safetensors',
      'result.json',
      'run.json',
    ])
    const settings = JSON.parse(read('runs/a/run.json'))
    expect(settings).toMatchObject({
      data: '../../data.csv',
      target: ['temp'],
      hiddenSize: 4,
      model: 'gru',
      lr: 1e-3,
      seed: 0,
      about: {
        node: process.version,
        libtorch: expect.stringMatching(/^2\./),
        dataSha256: expect.stringMatching(/^\w{64}$/),
      },
    })
    expect(read('runs/a/history.csv').trim().split('\n')).toHaveLength(4)
    const { epochs, part, errors, naive } = JSON.parse(read('runs/a/result.json'))
    expect({ epochs, part }).toEqual({ epochs: 3, part: 'test' })
    expect(Object.keys(naive)).toEqual(['persistence', 'seasonalNaive', 'drift', 'movingAverage'])
    // A wave of a week is what the week before was, but for noise below 1.
    expect(naive.seasonalNaive.mae).toBeLessThan(1)
    expect(naive.persistence.mae).toBeGreaterThan(2)
    expect(errors.mase / errors.mae).toBeCloseTo(naive.drift.mase / naive.drift.mae, 5)
    const model = loadModelSync(inFolder('runs/a/model.safetensors'))
    expect(model.horizon).toBe(2)
    expect(model.metadata).toMatchObject({
      task: 'forecast',
      past: 7,
      horizon: 2,
      series: { time: 'date', targets: ['temp'] },
    })
    expect(model.metadata.calibration).toBeUndefined()
    expect(model.calibration).toMatchObject({ levels: [0.8, 0.95], steps: 2 })
    expect(model.scaler).not.toBeNull()
  })

  it('can be repeated to the digit from its settings, from any folder', () => {
    const { status, stdout, stderr } = command(inFolder('runs'), [
      ...['train', '--config', 'a/run.json', '--out', 'b', '--quiet'],
    ])
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
    expect(checksum('runs/b/model.safetensors')).toBe(checksum('runs/a/model.safetensors'))
  })

  it('prints a table, or JSON, and takes flags before the file of settings', () => {
    const { status, stdout } = train(
      '--config',
      'runs/a/run.json',
      '--epochs',
      '1',
      '--seed',
      '1',
      '--dtype',
      'float64',
      '--out',
      'runs/c',
      '--json',
    )
    expect(status).toBe(0)
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ epochs: 1, bestEpoch: 1, model: 'runs/c/model.safetensors', warnings: [] })
    expect(JSON.parse(read('runs/c/run.json'))).toMatchObject({ epochs: 1, seed: 1, hiddenSize: 4, dtype: 'float64' })
    expect(loadModelSync(inFolder('runs/c/model.safetensors')).config.dtype).toBe('float32')
    expect(checksum('runs/c/model.safetensors')).not.toBe(checksum('runs/a/model.safetensors'))
  })

  it('is not overwritten', () => {
    const { status, stderr } = train('data.csv', ...SMALL, '--out', 'runs/a')
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'error: runs/a has a run: go on with it (--resume), or name another folder (--out)\n',
    })
  })

  it('goes on, with more epochs, but not with other settings', () => {
    const other = train('--out', 'runs/a', '--resume', '--lr', '0.1')
    expect(other.status).toBe(2)
    expect(other.stderr).toMatch(/^error: the run in runs\/a has --lr 0\.001, not 0\.1: .* only change --epochs/)
    const { status, stdout, stderr } = train('--out', 'runs/a', '--resume', '--epochs', '4')
    expect(stderr).toMatch(/^epoch 4\/4 /m)
    expect(stderr).not.toMatch(/^epoch 3\/4 /m)
    expect(status).toBe(0)
    expect(stdout).toMatch(/^gru +\d/m)
    expect(stdout).toMatch(/^seasonal naive +\d/m)
    expect(stdout).toMatch(/^Saved runs\/a\/model\.safetensors$/m)
    expect(read('runs/a/history.csv').trim().split('\n')).toHaveLength(5)
  })
})

it('an interrupted run ends with a checkpoint, and resumed has the weights of one that was not interrupted', async () => {
  const args = ['data.csv', ...SMALL.slice(0, -1), '40', '--patience', '0', '--quiet']
  expect(train(...args, '--out', 'runs/whole').status).toBe(0)
  const child = spawn(process.execPath, [MAIN, 'train', ...args.slice(0, -1), '--out', 'runs/part', '--verbose'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  for await (const chunk of child.stderr.setEncoding('utf8')) {
    if (!/^epoch 3 /m.test(stderr) && /^epoch 3 /m.test(stderr + chunk)) child.kill('SIGINT')
    stderr += chunk
  }
  if (child.exitCode === null) await once(child, 'exit')
  expect({ code: child.exitCode, signal: child.signalCode }).toEqual({ code: 130, signal: null })
  expect(stderr).toMatch(/^Stopped by SIGINT; go on with: npx libtorch-rnn train --out runs\/part --resume$/m)
  expect(existsSync(inFolder('runs/part/model.safetensors'))).toBe(false)
  expect(train('--out', 'runs/part', '--resume', '--quiet')).toEqual({ status: 0, stdout: '', stderr: '' })
  expect(checksum('runs/part/model.safetensors')).toBe(checksum('runs/whole/model.safetensors'))
})

describe('a mistake is a sentence, without a trace', () => {
  const edited = (line: number, date: string): string =>
    weatherCsv(240, (at, cells) => (at === line ? [date, ...cells.slice(1)] : cells))
  const back = edited(9, '2024-01-04 12:00')
  const still = weatherCsv(240, (_, [date = '', , wind = '']) => [date, '3', wind])
  const years = weatherCsv(240, (line, cells) => [String(1700 + line), ...cells.slice(1)])
  const words = weatherCsv(240, (line, cells) => [`Day ${line}`, ...cells.slice(1)])
  const bad = weatherCsv(240, (line, cells) => (line === 7 ? [cells[0] as string, 'cold', '1'] : cells))
  const twice = weatherCsv(240, (line, cells) => (line === 7 ? ['2024-01-05', ...cells.slice(1)] : cells))

  it.each<[string, string[], number, string | RegExp, string?]>([
    ['no data', [], 2, 'name the file with the data'],
    ['no time', ['data.csv', '--target', 'temp'], 2, /^--time, the column of times.* is needed$/m],
    ['an unknown flag', ['data.csv', '--hiden-size', '3'], 2, '(Did you mean --hidden-size?)'],
    [
      'a wrong value',
      ['data.csv', '--past', '0'],
      2,
      "'--past <n>' argument '0' is invalid. It must be a positive integer.",
    ],
    [
      'a choice',
      ['data.csv', '--model', 'GRU'],
      2,
      'It must be rnn, lstm, gru, peepholeLstm, chungGru, minGru, linear or transformer.',
    ],
    [
      'a size of a network without one',
      [...SMALL, 'data.csv', '--model', 'linear'],
      2,
      '--hidden-size has no effect on a linear',
    ],
    [
      'a text by a network of windows',
      ['data.csv', '--task', 'text', '--model', 'transformer'],
      2,
      '--model transformer can only forecast: with --task text choose among rnn, lstm',
    ],
    ['a flag of another network', [...SMALL, 'data.csv', '--zoneout', '0.1'], 2, '--zoneout has no effect on a gru'],
    [
      'intervals of nothing',
      ['data.csv', ...SMALL, '--validation', 'none', '--intervals', '0.9'],
      2,
      '--intervals come from',
    ],
    ['no file', ['none.csv', ...SMALL], 1, 'none.csv cannot be read'],
    [
      'nothing to resume',
      ['data.csv', ...SMALL, '--resume'],
      2,
      'runs/bad has no run to go on with: leave --resume out',
    ],
    ['an empty file', ['bad.csv', ...SMALL], 1, 'bad.csv is empty', ''],
    ['one row', ['bad.csv', ...SMALL], 1, 'bad.csv has a single row: a model needs more', weatherCsv(1)],
    ['two rows', ['bad.csv', ...SMALL], 1, '2 rows are too few for three parts', weatherCsv(2)],
    [
      'a number that is too large',
      ['bad.csv', ...SMALL],
      1,
      "bad.csv, line 4, column 'temp' has infinite values: 1e+39",
      weatherCsv(9, (line, [date = '', temp = '', wind = '']) => [date, line === 4 ? '1e39' : temp, wind]),
    ],
    [
      'a column twice',
      ['bad.csv', ...SMALL],
      1,
      "bad.csv has several columns 'temp' in its first line",
      weatherCsv(240).replace('wind', 'temp'),
    ],
    [
      'a missing column',
      ['data.csv', ...SMALL, '--input', 'wnd'],
      1,
      "data.csv has no column 'wnd'; did you mean 'wind'?",
    ],
    ['a bad cell', ['bad.csv', ...SMALL], 1, `bad.csv, line 7, column 'temp': Could not convert string "cold"`, bad],
    [
      'a time that goes backwards',
      ['bad.csv', ...SMALL],
      1,
      "bad.csv, line 9, column 'date': 2024-01-04T12:00:00Z comes before 2024-01-07",
      back,
    ],
    [
      'a target that is constant',
      ['bad.csv', ...SMALL],
      1,
      "column 'temp' is 3 in all 240 rows: there is nothing",
      still,
    ],
    ['years as numbers', ['bad.csv', ...SMALL], 1, 'for years, --time-format %Y', years],
    ['times in words', ['bad.csv', ...SMALL], 1, "say in which format, as in --time-format '%b %d %Y'", words],
    ['a time twice', ['bad.csv', ...SMALL], 1, 'two rows have the time 2024-01-05', twice],
    ['a long horizon', ['data.csv', ...SMALL, '--horizon', '300'], 1, 'has no window of 7 past and 300 future steps'],
    ['a schedule', ['data.csv', ...SMALL, '--schedule', 'cosin'], 1, /schedule.*'cosin'/],
    ['no settings', ['--config', 'none.json'], 2, 'none.json cannot be read'],
    ['settings that are no JSON', ['--config', 'bad.csv'], 2, 'bad.csv is not valid JSON', '{'],
    ['an unknown setting', ['--config', 'bad.csv'], 2, "unknown option 'hidden'", '{"hidden": 4}'],
    [
      'a wrong setting',
      ['--config', 'bad.csv'],
      2,
      'hiddenSize must be a positive integer, in JSON, got "4"',
      '{"hiddenSize": "4"}',
    ],
  ])('%s', (_, args, wanted, message, content) => {
    if (content !== undefined) writeFiles(folder, { 'bad.csv': content })
    const { status, stdout, stderr } = train(...args, '--out', 'runs/bad')
    expect({ status, stdout }).toEqual({ status: wanted, stdout: '' })
    expect(stderr).toMatch(/^error: /)
    if (typeof message === 'string') expect(stderr).toContain(message)
    else expect(stderr.replace(/^error: /, '')).toMatch(message)
    expect(stderr).not.toMatch(/^ +at /m)
    expect(existsSync(inFolder('runs/bad'))).toBe(false)
  })

  it('an input that is the target of the next day is a warning', () => {
    const temps = weatherCsv(241)
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',')[1] as string)
    const leaking = weatherCsv(240, (line, [date = '', temp = '']) => [date, temp, temps[line - 1] as string])
    writeFiles(folder, { 'leak.csv': leaking })
    const { status, stdout, stderr } = train(
      'leak.csv',
      ...SMALL,
      '--input',
      'wind',
      '--epochs',
      '1',
      '--json',
      '--out',
      'runs/l',
    )
    expect(status).toBe(0)
    const warning = "leak.csv: column 'wind' is the target 'temp' of 1 step later"
    expect(stderr).toContain(`warning: ${warning}`)
    expect(JSON.parse(stdout).warnings).toEqual([expect.stringContaining(warning)])
  })

  it('a trend that leaves what is trained on is a warning, unless differences follow it', () => {
    const line = weatherCsv(240, (at, [date = '', , wind = '']) => [date, String(at + (at % 3)), wind])
    writeFiles(folder, { 'line.csv': line })
    const { status, stderr } = train('line.csv', ...SMALL, '--quiet', '--out', 'runs/line')
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr:
        "warning: most values of 'temp' in the test part are beyond all that is trained on: differences follow a trend, --difference 1, or the steps of a season\n",
    })
    const followed = train('line.csv', ...SMALL, '--difference', '3', '--json', '--out', 'runs/followed')
    const [plain, result] = [JSON.parse(read('runs/line/result.json')), JSON.parse(followed.stdout)]
    expect(result.warnings).toEqual([])
    // Each value is 3 above that of 3 days before.
    expect(result.errors.mae).toBeLessThan(1)
    expect(plain.errors.mae).toBeGreaterThan(20)
    const forecast = command(folder, ['forecast', 'runs/followed'])
    expect(forecast.status).toBe(0)
    expect(Number(forecast.stdout.split('\n')[1]?.split(',')[1])).toBeCloseTo(242, -1)
  })

  it.each([
    ['years as numbers, twice', (line: number) => String(1900 + (line >> 1)), 'for years, --time-format %Y'],
    [
      'dates as numbers',
      (line: number) => new Date(Date.UTC(2024, 0, line)).toISOString().slice(0, 10).replaceAll('-', ''),
      '--time-format %Y%m%d',
    ],
    ['days before months', (line: number) => `${(line % 28) + 1}.12.2024 10:00`, '--time-format %d.%m.%Y %H:%M'],
  ])('%s are told with their format', (_, time, message) => {
    writeFiles(folder, { 'times.csv': weatherCsv(240, (line, cells) => [time(line), ...cells.slice(1)]) })
    const { status, stderr } = train('times.csv', ...SMALL, '--out', 'runs/bad')
    expect(status).toBe(1)
    expect(stderr.replaceAll("'", '')).toContain(message)
  })

  it('as JSON, too', () => {
    const { status, stdout } = train('data.csv', '--target', 'temp', '--json', '--out', 'runs/bad')
    expect(status).toBe(2)
    expect(JSON.parse(stdout)).toEqual({ error: { code: 'ERR_USAGE', message: expect.stringContaining('--time') } })
  })
})
