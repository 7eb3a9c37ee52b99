import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ComparedModel, Comparison } from '../../lib/cli/comparison.ts'
import { command, MAIN, weatherCsv } from '../support/command.ts'
import { writeFiles } from '../support/folder.ts'

const COLUMNS = ['--time', 'date', '--target', 'temp']
const SMALL = [
  ...[...COLUMNS, '--past', '7', '--horizon', '2', '--season', '7', '--models', 'gru,linear', '--hidden-sizes', '4'],
  ...['--seeds', '2', '--lrs', '0.001,0.02', '--steps', '40'],
]

let folder: string
const inFolder = (path: string): string => join(folder, path)
const read = (path: string): Comparison => JSON.parse(readFileSync(inFolder(path), 'utf8'))
const compare = (...args: string[]): ReturnType<typeof command> => command(folder, ['compare', ...args])

beforeAll(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'libtorch-rnn-'))
  writeFiles(folder, { 'data.csv': weatherCsv(240) })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a comparison', () => {
  let comparison: Comparison
  let stdout: string
  const one = (name: string): ComparedModel => comparison.models.find((model) => model.name === name) as ComparedModel

  beforeAll(() => {
    const ended = compare('data.csv', ...SMALL, '--out', 'runs/a')
    expect({ status: ended.status, stderr: ended.stderr }).toEqual({ status: 0, stderr: '' })
    stdout = ended.stdout
    comparison = read('runs/a/comparison.json')
  }, 120_000)

  it('prints errors, differences and a recommendation', () => {
    expect(stdout).toMatch(/^Errors on the test part, 35 forecasts, mean and spread over 2 seeds:$/m)
    expect(stdout).toMatch(/^ +mae +rmse +lr +parameters +training +a forecast$/m)
    for (const name of ['gru-4', 'linear']) expect(stdout).toMatch(new RegExp(`^${name} +\\d.* ± .* ms$`, 'm'))
    expect(stdout).toMatch(/^seasonal naive +\d/m)
    expect(stdout).toMatch(/^Differences from (gru-4|linear), the network with the least validation error:$/m)
    // The wave is what it was a week before, and so few steps do not learn more.
    expect(stdout).toMatch(/^Take (seasonal naive|gru-4|linear)/m)
    expect(stdout).toMatch(
      /^Saved runs\/a\/model\.safetensors \((gru-4|linear), seed [01]\) and runs\/a\/comparison\.json$/m,
    )
  })

  it('has each run as train writes it, and the best one in its own folder', () => {
    const names = ['gru-4', 'linear'].flatMap((name) =>
      one(name).runs.map(({ seed, lr }) => `${name}-lr${lr}-seed${seed}`),
    )
    expect(readdirSync(inFolder('runs/a/runs')).sort()).toEqual([...names].sort())
    for (const name of names) {
      expect(readdirSync(inFolder(`runs/a/runs/${name}`)).sort()).toEqual([
        ...['history.csv', 'model.safetensors', 'result.json', 'run.json'],
      ])
    }
    const { run, bestModel } = comparison.recommendation
    expect(run.startsWith(`runs/${bestModel}-`)).toBe(true)
    expect(readFileSync(inFolder('runs/a/model.safetensors'))).toEqual(
      readFileSync(inFolder(`runs/a/${run}/model.safetensors`)),
    )
  })

  it('chooses a learning rate by the validation loss of the first seed, and counts the runs with it', () => {
    for (const { runs, lr, errors, validation } of comparison.models) {
      const trials = runs.filter(({ seed }) => seed === 0)
      expect(trials.map((run) => run.lr)).toEqual([0.001, 0.02])
      const least = Math.min(...trials.map(({ validationLoss }) => validationLoss as number))
      expect(trials.find((run) => run.lr === lr)?.validationLoss).toBe(least)
      const counted = runs.filter(({ isCounted }) => isCounted)
      expect(counted.map((run) => [run.lr, run.seed])).toEqual([
        [lr, 0],
        [lr, 1],
      ])
      const maes = counted.map((run) => run.errors?.mae as number)
      expect(errors.mae?.mean).toBeCloseTo(((maes[0] as number) + (maes[1] as number)) / 2, 4)
      expect(errors.mae?.spread).toBeCloseTo(Math.abs((maes[0] as number) - (maes[1] as number)) / Math.SQRT2, 4)
      expect(validation.mean).toBeGreaterThan(0)
      for (const { history, epochs, stopReason } of runs) {
        expect(history).toHaveLength(epochs)
        expect(history[0]).toMatchObject({
          epoch: 1,
          trainLoss: expect.any(Number),
          validationLoss: expect.any(Number),
        })
        expect(stopReason).toBe('maxSteps: 40 steps are done')
      }
    }
    expect(one('linear')).toMatchObject({ hiddenSize: null, parameters: 7 * 2 + 2 })
    expect(one('gru-4')).toMatchObject({ model: 'gru', hiddenSize: 4 })
  })

  it('measures naive forecasts on the same windows', () => {
    expect(comparison.naive.map(({ name }) => name).sort()).toEqual([
      ...['drift', 'movingAverage', 'persistence', 'seasonalNaive'],
    ])
    const result = JSON.parse(readFileSync(inFolder(`runs/a/${comparison.recommendation.run}/result.json`), 'utf8'))
    for (const { name, errors, byStep, validation } of comparison.naive) {
      expect(errors.mae).toBeCloseTo(result.naive[name].mae, 10)
      expect(((byStep.mae[0] as number) + (byStep.mae[1] as number)) / 2).toBeCloseTo(errors.mae as number, 10)
      expect(validation).toBeGreaterThan(0)
    }
  })

  it('has what a report draws', () => {
    const { data, test, models, naive, differences, compare: own, about } = comparison
    expect(data).toMatchObject({ path: '../../data.csv', rows: 240, targets: ['temp'], frequency: 'day', gaps: [] })
    expect(data.parts.map(({ name, windows }) => [name, windows])).toEqual([
      ['train', 160],
      ['validation', 35],
      ['test', 35],
    ])
    expect(test).toMatchObject({ windows: 35, origins: 35 })
    expect(test.shown.at(-1)?.times.at(-1)).toBe(data.to)
    for (const { forecasts } of [...models, ...naive]) {
      expect(forecasts).toHaveLength(test.shown.length)
      expect(forecasts[0]?.temp).toHaveLength(2)
    }
    for (const { forecasts, interval } of models) {
      expect(interval?.level).toBe(0.8)
      const [lower, value, upper] = [interval?.lower, forecasts, interval?.upper].map((all) => all?.[3]?.temp?.[1] ?? 0)
      expect((upper as number) - (value as number)).toBeCloseTo((value as number) - (lower as number), 4)
      expect(upper).toBeGreaterThan(value as number)
    }
    // A week before, as it is in the data.
    const weekly = naive.find(({ name }) => name === 'seasonalNaive')?.forecasts[4]?.temp?.[0] as number
    const at = test.shown[4]?.times[0] as string
    const before = new Date(Date.parse(at) - 7 * 86_400_000).toISOString().slice(0, 10)
    const line = readFileSync(inFolder('data.csv'), 'utf8')
      .split('\n')
      .find((row) => row.startsWith(before))
    expect(weekly).toBeCloseTo(Number(line?.split(',')[1]), 4)
    expect(differences.map(({ b }) => b)).toHaveLength(1 + 4)
    expect(own).toMatchObject({ models: ['gru', 'linear'], hiddenSizes: [4], seeds: 2, steps: 40, seconds: null })
    expect(about).toMatchObject({ node: process.version, dataSha256: expect.stringMatching(/^\w{64}$/) })
  })

  it('is a model for the other commands', () => {
    const { status, stdout: rows } = command(folder, ['forecast', 'runs/a'])
    expect({ status, lines: rows.trim().split('\n').length }).toEqual({ status: 0, lines: 3 })
    const linear = one('linear').runs[0]?.folder as string
    const evaluated = command(folder, ['evaluate', `runs/a/${linear}`, '--json'])
    expect(JSON.parse(evaluated.stdout).errors.mae).toBeCloseTo(one('linear').runs[0]?.errors?.mae as number, 5)
    expect(command(folder, ['inspect', `runs/a/${linear}`]).stdout).toMatch(/LinearModel/)
    expect(command(folder, ['predict', `runs/a/${linear}`]).stdout.split('\n').length).toBeGreaterThan(400)
  }, 120_000)

  it('each run can be repeated to the digit by train', () => {
    const { folder: run, errors } = one('linear').runs[1] as ComparedModel['runs'][number]
    const ended = command(folder, ['train', '--config', `runs/a/${run}/run.json`, '--out', 'runs/again', '--json'])
    expect(ended.stderr).not.toMatch(/error/)
    expect(JSON.parse(ended.stdout).errors).toEqual(errors)
  })

  it('is not overwritten; resumed it trains only what is missing, and may be extended', () => {
    expect(compare('data.csv', ...SMALL, '--out', 'runs/a')).toMatchObject({
      status: 2,
      stderr: 'error: runs/a has a comparison: go on with it (--resume), or name another folder (--out)\n',
    })
    const other = compare('--out', 'runs/a', '--resume', '--past', '5')
    expect(other).toMatchObject({ status: 2, stdout: '' })
    expect(other.stderr).toMatch(/^error: the comparison in runs\/a has --past 7, not 5: .* only change --models/)
    const kept = one('gru-4').runs.map((run) => statSync(inFolder(`runs/a/${run.folder}/model.safetensors`)).mtimeMs)
    const { status, stdout: text } = compare('--out', 'runs/a', '--resume', '--models', 'gru', '--seeds', '3', '--json')
    expect(status).toBe(0)
    const printed = JSON.parse(text)
    expect(printed.models).toHaveLength(1)
    expect(printed.models[0].runs).toHaveLength(4)
    expect(printed.models[0].runs[0]).not.toHaveProperty('history')
    expect(printed.models[0]).not.toHaveProperty('forecasts')
    const times = one('gru-4').runs.map((run) => statSync(inFolder(`runs/a/${run.folder}/model.safetensors`)).mtimeMs)
    expect(times).toEqual(kept)
  }, 120_000)
})

it('what was interrupted leaves whole files, and goes on', async () => {
  const args = ['compare', 'data.csv', ...SMALL, '--out', 'runs/part', '--verbose']
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  for await (const chunk of child.stderr.setEncoding('utf8')) {
    if (!/^2\/6 /m.test(stderr) && /^2\/6 /m.test(stderr + chunk)) child.kill('SIGINT')
    stderr += chunk
  }
  if (child.exitCode === null) await once(child, 'exit')
  expect({ code: child.exitCode, signal: child.signalCode }).toEqual({ code: 130, signal: null })
  expect(stderr).toMatch(/^Stopped by SIGINT; go on with: npx libtorch-rnn compare --out runs\/part --resume$/m)
  expect(existsSync(inFolder('runs/part/comparison.json'))).toBe(false)
  expect(compare('--out', 'runs/part', '--resume', '--quiet')).toEqual({ status: 0, stdout: '', stderr: '' })
  expect(read('runs/part/comparison.json').models.flatMap(({ runs }) => runs)).toHaveLength(6)
}, 120_000)

it('data that have changed are not mixed with those of before', () => {
  writeFiles(folder, { 'other.csv': weatherCsv(200) })
  const args = [...COLUMNS, '--models', 'linear', '--seeds', '1', '--lrs', '0.01', '--steps', '5']
  expect(compare('other.csv', ...args, '--out', 'runs/o', '--quiet')).toEqual({ status: 0, stdout: '', stderr: '' })
  writeFiles(folder, { 'other.csv': weatherCsv(210) })
  const { status, stderr } = compare('--out', 'runs/o', '--resume')
  expect(status).toBe(1)
  expect(stderr).toMatch(/^error: other\.csv is not what it was when the comparison in runs\/o began/)
})

it('a rate with which training diverges is passed over', () => {
  const args = [
    '--models',
    'linear',
    '--seeds',
    '1',
    '--optimizer',
    'sgd',
    '--steps',
    '200',
    '--clip-grad-norm',
    '1e30',
  ]
  const { status, stdout } = compare('data.csv', ...COLUMNS, ...args, '--lrs', '1e9,0.01', '--out', 'runs/d', '--json')
  expect(status).toBe(0)
  const [model] = JSON.parse(stdout).models as [ComparedModel]
  expect(model.lr).toBe(0.01)
  expect(model.runs[0]).toMatchObject({ hasDiverged: true, isCounted: false, errors: null, validationLoss: null })
  const none = compare('data.csv', ...COLUMNS, ...args, '--lrs', '1e9', '--out', 'runs/e')
  expect(none).toMatchObject({ status: 1, stdout: '' })
  expect(none.stderr).toMatch(/^error: linear diverges with each learning rate, 1000000000: try smaller --lrs/m)
})

describe('a mistake is a sentence, without a trace', () => {
  it.each<[string, string[], number, string]>([
    ['no data', [], 2, 'name the file with the data'],
    ['no target', ['data.csv', '--time', 'date'], 2, '--target, the columns to forecast, is needed'],
    ['an unknown network', ['data.csv', ...COLUMNS, '--models', 'gru,grru'], 2, 'It must be one or more of rnn, lstm'],
    ['no network', ['data.csv', ...COLUMNS, '--models', 'none'], 2, '--models none leaves nothing to compare'],
    ['a wrong size', ['data.csv', ...COLUMNS, '--hidden-sizes', '8,0'], 2, 'one or more positive integers'],
    ['no test part', ['data.csv', ...COLUMNS, '--test', 'none'], 2, '--test none leaves out the test part'],
    ['no validation', ['data.csv', ...COLUMNS, '--validation', 'none'], 2, '--validation none leaves out'],
    ['a metric', ['data.csv', ...COLUMNS, '--metrics', 'bpc'], 2, '--metrics bpc cannot be measured on forecasts'],
    [
      'an idle flag',
      ['data.csv', ...COLUMNS, '--models', 'gru,rnn', '--zoneout', '.1'],
      2,
      'no effect on a gru or a rnn',
    ],
    [
      'a size of none',
      ['data.csv', ...COLUMNS, '--models', 'linear', '--hidden-sizes', '8'],
      2,
      'no effect on a linear',
    ],
    ['a schedule without steps', ['data.csv', ...COLUMNS, '--seconds', '1', '--schedule', 'cosine'], 2, 'give --steps'],
    [
      'weights of none',
      ['data.csv', ...COLUMNS, '--models', 'gru,linear', '--init', 'recurrent=eye'],
      2,
      'on a linear',
    ],
    ['a flag of train', ['data.csv', ...COLUMNS, '--hidden-size', '8'], 2, '(Did you mean --hidden-sizes?)'],
    [
      'nothing to resume, of data',
      ['data.csv', ...COLUMNS, '--out', 'runs/bad', '--resume'],
      2,
      'runs/bad has no comparison to go on with: leave --resume out',
    ],
    ['nothing to resume', ['--out', 'runs/bad', '--resume'], 2, 'runs/bad has no comparison to go on with'],
    ['no file', ['none.csv', ...COLUMNS], 1, 'none.csv cannot be read'],
    ['a missing column', ['data.csv', '--time', 'date', '--target', 'tmp'], 1, "did you mean 'temp'?"],
  ])('%s', (_, args, wanted, message) => {
    const { status, stdout, stderr } = compare(...args, ...(args.includes('--out') ? [] : ['--out', 'runs/bad']))
    expect({ status, stdout }).toEqual({ status: wanted, stdout: '' })
    expect(stderr).toMatch(/^error: /)
    expect(stderr).toContain(message)
    expect(stderr).not.toMatch(/^ +at /m)
    expect(existsSync(inFolder('runs/bad'))).toBe(false)
  })
})
