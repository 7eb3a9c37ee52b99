// `npx libtorch-rnn attribute`, as a process.
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SeriesScaler } from '../../lib/data/index.ts'
import { Series } from '../../lib/data/index.ts'
import { attribute } from '../../lib/inspect/index.ts'
import { loadModel } from '../../lib/models/index.ts'
import type { Tensor } from '../../lib/tensor/tensor.ts'
import { command, type Ended, succeed, weatherCsv } from '../support/command.ts'
import { writeFiles } from '../support/folder.ts'

interface Result {
  windows: number
  from: string
  to: string
  method: string
  target: string
  step: number | null
  inputs: { input: string; share: number; importanceMean?: number; importanceStd?: number }[]
  lags: { lag: number; share: number }[]
  metric: string | null
  score: number | null
  completenessError: number | null
  warnings: string[]
}

let folder: string
const run = (args: string[], input?: string): Ended => command(folder, args, input === undefined ? {} : { input })
const ok = (args: string[], input?: string): string => succeed(folder, args, input)

beforeAll(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'libtorch-rnn-'))
  writeFiles(folder, { 'data.csv': weatherCsv(240), 'book.txt': 'to be, or not to be. '.repeat(40) })
  const settings = { time: 'date', target: ['temp'], input: ['wind'], calendar: ['weekday'] }
  const sizes = { past: 14, horizon: 2, hiddenSize: 8, epochs: 5, lr: 0.01, season: 7 }
  writeFiles(folder, { 'settings.json': JSON.stringify({ data: 'data.csv', ...settings, ...sizes }) })
  ok(['train', '--config', 'settings.json', '--out', 'runs/a', '--quiet'])
  ok(['train', 'book.txt', '--task', 'text', '--epochs', '1', '--batch-size', '4', '--out', 'runs/text', '--quiet'])
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const sum = (list: readonly { share: number }[]): number => list.reduce((total, { share }) => total + share, 0)

describe('attribute', () => {
  it('says the share of each input and lag, as the library has it', async () => {
    const result = JSON.parse(ok(['attribute', 'runs/a', '--step', '2', '--json'])) as Result
    expect(result).toMatchObject({ windows: 35, from: '2024-07-23', to: '2024-08-27', target: 'temp', step: 2 })
    expect(result.method).toBe('integratedGradients')
    expect(result.inputs.map(({ input }) => input)).toEqual(['temp', 'wind', 'weekday'])
    expect(result.lags.map(({ lag }) => lag)).toEqual(Array.from({ length: 14 }, (_, i) => i + 1))
    expect(sum(result.inputs)).toBeCloseTo(1, 9)
    expect(sum(result.lags)).toBeCloseTo(1, 9)
    expect(result.completenessError).toBeLessThan(0.01)

    const model = await loadModel(join(folder, 'runs/a/model.safetensors'))
    const series = await Series.from(join(folder, 'data.csv'), {
      time: 'date',
      targets: 'temp',
      inputs: 'wind',
      calendar: ['weekday'],
    })
    const { test } = await series.split({ past: 14, horizon: 2, test: 0.15, scaler: model.scaler as SeriesScaler })
    const { input } = test.batch(
      Array.from({ length: test.length }, (_, i) => i),
      true,
    )
    const found = await attribute(model, input, { target: (output: Tensor) => output.select(1, 1).squeeze(1) })
    const sizes = found.attributions.abs().mean(0).double()
    const total = sizes.sum().item<number>()
    const byFeature = sizes.sum(0).div(total).toArray() as number[]
    const [temp, wind, sin, cos] = byFeature as [number, number, number, number]
    const shares = [temp, wind, sin + cos]
    for (const [i, { share }] of result.inputs.entries()) expect(share).toBeCloseTo(shares[i] as number, 5)
    const byLag = (sizes.sum(1).div(total).toArray() as number[]).reverse()
    for (const [i, { share }] of result.lags.entries()) expect(share).toBeCloseTo(byLag[i] as number, 5)
  })

  it('says what permuting an input does to the first metric of the run', () => {
    const result = JSON.parse(ok(['attribute', 'runs/a', '--json'])) as Result
    const { errors } = JSON.parse(readFileSync(join(folder, 'runs/a/result.json'), 'utf8'))
    expect(result.metric).toBe('mae')
    expect(result.score).toBeCloseTo(errors.mae, 4)
    const [temp] = result.inputs
    expect(temp?.importanceMean).toBeGreaterThan(3 * (temp?.importanceStd as number))
    const without = JSON.parse(ok(['attribute', 'runs/a', '--repeats', '0', '--json'])) as Result
    expect([without.metric, without.score]).toEqual([null, null])
    expect(without.inputs).toEqual(result.inputs.map(({ input, share }) => ({ input, share })))
  })

  it('prints tables, the largest share first, and long pasts in ranges', () => {
    const text = ok(['attribute', 'runs/a', '--windows', '10'])
    expect(text).toMatch(/^10 forecasts of data\.csv, from 2024-07-23 to 2024-08-27: temp, the mean of all steps$/m)
    expect(text).toMatch(/^By input, integrated gradients; mae is \d/m)
    expect(text).toMatch(/^temp +\d+\.\d % +[+-]\d\S* ± \d/m)
    const shares = [...text.matchAll(/^(?:temp|wind|weekday) +(\d+\.\d) %/gm)].map(([, share]) => Number(share))
    expect(shares).toEqual(shares.toSorted((a, b) => b - a))
    expect([...text.matchAll(/^(\S+) +\d+\.\d %$/gm)].map(([, range]) => range)).toEqual([
      '1',
      '2',
      '3-4',
      '5-8',
      '9-14',
    ])
  })

  it('takes other data, from standard input, and other methods', () => {
    const csv = readFileSync(join(folder, 'data.csv'), 'utf8')
    for (const method of ['gradientTimesInput', 'smoothGrad', 'occlusion']) {
      const args = ['attribute', 'runs/a', '-', '--from', '2024-08', '--method', method, '--repeats', '0', '--json']
      const { status, stdout } = run(args, csv)
      const result = JSON.parse(stdout) as Result
      expect({ status, method: result.method, from: result.from }).toEqual({ status: 0, method, from: '2024-08-01' })
      expect(sum(result.inputs)).toBeCloseTo(1, 9)
      if (method !== 'gradientTimesInput') expect(result.completenessError).toBe(null)
    }
  })

  it.each([
    [['attribute', 'runs/a', '--step', '3'], 2, '--step 3: the model forecasts 2 steps'],
    [['attribute', 'runs/a', '--target', 'tempp'], 2, 'the model does not forecast it; did you mean temp?'],
    [['attribute', 'runs/a', '--method', 'saliency'], 2, 'Allowed choices are integratedGradients'],
    [['attribute', 'runs/a', '--windows', '0'], 2, 'It must be a positive integer.'],
    [['attribute', 'runs/a', '--repeats', '-1'], 2, 'It must be a non-negative integer.'],
    [['attribute', 'runs/b'], 2, 'there is no model or run runs/b'],
    [['attribute', 'runs/text'], 1, 'is not the model of a forecast'],
  ] as const)('%j fails with %i', (args, status, message) => {
    const ended = run([...args])
    expect(ended.status).toBe(status)
    expect(ended.stderr).toContain(message)
    expect(ended.stdout).toBe('')
  })
})
