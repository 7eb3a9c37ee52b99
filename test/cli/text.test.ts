// The command line with texts: train --task text, evaluate, generate.
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { generate, loadModel } from '../../lib/models/index.ts'
import { command, type Ended, succeed } from '../support/command.ts'
import { writeFiles } from '../support/folder.ts'

const TEXT = 'to be, or not to be. '.repeat(150)

let folder: string
const run = (args: string[], input = ''): Ended => command(folder, args, { input })
const ok = (args: string[], input?: string): string => succeed(folder, args, input)

beforeAll(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'libtorch-rnn-'))
  writeFiles(folder, { 'text.txt': TEXT, 'data.csv': 'date,temp\n2024-01-01,1\n', 'empty.txt': '' })
  const size = ['--hidden-size', '32', '--embedding-size', '8', '--batch-size', '8', '--sequence-length', '32']
  ok(['train', 'text.txt', '--task', 'text', ...size, '--epochs', '20', '--lr', '0.01', '--quiet'])
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('a run learns its text, and says how well it predicts the part that it has not seen', () => {
  const { errors, part, naive } = JSON.parse(readFileSync(join(folder, 'runs/text/result.json'), 'utf8'))
  expect({ part, naive }).toEqual({ part: 'test', naive: {} })
  // Nearly each character follows from those before.
  expect(errors.bpc).toBeLessThan(0.5)
  expect(errors.accuracy).toBeGreaterThan(0.9)
  const settings = JSON.parse(readFileSync(join(folder, 'runs/text/run.json'), 'utf8'))
  expect(settings).toMatchObject({ task: 'text', level: 'character', sequenceLength: 32 })
  expect(settings).not.toHaveProperty('past')
})

it('evaluate measures the test part of the run, or other texts', () => {
  const { errors } = JSON.parse(readFileSync(join(folder, 'runs/text/result.json'), 'utf8'))
  const own = JSON.parse(ok(['evaluate', 'runs/text', '--json']))
  expect(own.tokens).toBe(TEXT.length / 10)
  for (const name of ['bpc', 'accuracy']) expect(own.errors[name]).toBeCloseTo(errors[name], 5)
  const other = ok(['evaluate', 'runs/text', '-', '--metrics', 'perplexity'], 'eb ot ton ro ,eb ot')
  expect(other).toMatch(/^19 tokens of -$/m)
  expect(Number(/^model +(\S+)$/m.exec(other)?.[1])).toBeGreaterThan(5)
})

it('generate writes what the library generates, the same for the same seed', async () => {
  const model = await loadModel(join(folder, 'runs/text/model.safetensors'))
  const wanted = await generate(model, 'to be', { steps: 30, seed: 3 })
  expect(ok(['generate', 'runs/text', 'to be', '--steps', '30', '--seed', '3'])).toBe(`to be${wanted}\n`)
  const likeliest = JSON.parse(ok(['generate', 'runs/text', 'to be,', '--temperature', '0', '--stop', '.', '--json']))
  expect(likeliest).toMatchObject({ prompt: 'to be,', text: ' or not to be' })
})

it('inspect shows vocabulary and settings', () => {
  const text = ok(['inspect', 'runs/text'])
  expect(text).toMatch(/^ +\d+ tokens, by character$/m)
  expect(text).toMatch(/^ +--sequence-length +32$/m)
  expect(text).not.toContain('--level')
})

it.each<[string, string[], number, string]>([
  [
    'a setting of forecasts',
    ['train', 'text.txt', '--task', 'text', '--past', '3', '--out', 'x'],
    2,
    '--past has no effect with --task text',
  ],
  [
    'a metric of forecasts',
    ['train', 'text.txt', '--task', 'text', '--metrics', 'mae', '--out', 'x'],
    2,
    '--metrics mae cannot be measured',
  ],
  [
    'a setting of texts',
    ['train', 'data.csv', '--time', 'date', '--target', 'temp', '--level', 'word'],
    2,
    '--level has no effect',
  ],
  [
    'a time to cut at',
    ['train', 'text.txt', '--task', 'text', '--test', '2014', '--out', 'x'],
    2,
    'is a share such as 0.1, or none',
  ],
  ['an empty text', ['train', 'empty.txt', '--task', 'text', '--out', 'x'], 1, 'empty.txt is empty'],
  [
    'a short text',
    ['train', 'text.txt', '--task', 'text', '--batch-size', '900', '--out', 'x'],
    1,
    'too few for 900 rows',
  ],
  ['no file', ['train', 'none.txt', '--task', 'text'], 1, 'none.txt cannot be read'],
  ['a forecast of a text', ['forecast', 'runs/text'], 1, 'is not the model of a forecast'],
  ['a time of a text', ['evaluate', 'runs/text', '--from', '2014'], 2, '--from has no effect on the model of a text'],
  ['an empty prompt', ['generate', 'runs/text', ''], 1, 'prompt'],
])('%s is a mistake that is told', (_, args, wanted, message) => {
  const { status, stdout, stderr } = run(args)
  expect({ status, stdout }).toEqual({ status: wanted, stdout: '' })
  expect(stderr).toMatch(/^error: /m)
  expect(stderr).toContain(message)
  expect(stderr).not.toMatch(/^ +at /m)
})
