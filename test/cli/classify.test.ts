// The command line with labelled sequences: train --task classify, evaluate, predict, inspect.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadModel } from '../../lib/models/index.ts'
import { torch } from '../../lib/torch.ts'
import { cellsOf, command, type Ended, succeed } from '../support/command.ts'
import { writeFiles } from '../support/folder.ts'

/** Sequences of unequal lengths that rise, fall or stay, each around a level that says nothing. */
const KINDS = ['falls', 'rises', 'stays'] as const
const SLOPE = { falls: -1, rises: 1, stays: 0 }
const sequences = Array.from({ length: 60 }, (_, n) => {
  const kind = KINDS[n % 3] as (typeof KINDS)[number]
  const steps = Array.from({ length: 4 + (n % 5) }, (_, t) => ((n * 7) % 11) / 5 + SLOPE[kind] * t)
  return { name: `s${n}`, kind, steps }
})
const LONGEST = 8

/** A row for each step. `edit` gets the line, from 1, and the cells. */
function longCsv(edit: (line: number, cells: string[]) => string[] = (_, cells) => cells): string {
  const rows = sequences.flatMap(({ name, kind, steps }) => steps.map((x, t) => [name, String(t), String(x), kind]))
  return `${['id,t,x,kind', ...rows.map((cells, i) => edit(i + 2, cells).join(','))].join('\n')}\n`
}

/** A row for each sequence; one kind is rare. */
const wideCsv = (): string =>
  [
    ['kind', ...Array.from({ length: LONGEST }, (_, t) => `x${t}`)],
    ...sequences
      .filter(({ kind }, n) => kind !== 'stays' || n < 30)
      .map(({ kind, steps }) => [kind, ...steps, ...Array(LONGEST - steps.length).fill('')]),
  ]
    .map((cells) => `${cells.join(',')}\n`)
    .join('')

const LONG = ['--task', 'classify', '--sequence', 'id', '--label', 'kind', '--time', 't']
const NETWORK = ['--hidden-size', '8', '--lr', '0.03', '--epochs', '30', '--test', '0.2']

let folder: string
const run = (args: string[], input = ''): Ended => command(folder, args, { input })
const ok = (args: string[], input?: string): string => succeed(folder, args, input)
const read = (path: string): string => readFileSync(join(folder, path), 'utf8')
const checksum = (path: string): string =>
  createHash('sha256')
    .update(readFileSync(join(folder, path)))
    .digest('hex')

beforeAll(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'libtorch-rnn-'))
  writeFiles(folder, { 'long.csv': longCsv(), 'wide.csv': wideCsv() })
  ok(['train', 'long.csv', ...LONG, ...NETWORK, '--quiet'])
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a run', () => {
  it('tells classes apart that it has not seen, and says which it takes for which', () => {
    const { errors, naive, classes, confusion, part } = JSON.parse(read('runs/long/result.json'))
    expect(part).toBe('test')
    // Four of each class: dealt by class.
    expect(naive).toEqual({ mostFrequent: { accuracy: expect.closeTo(1 / 3, 6), f1: expect.closeTo(0.5 / 3, 6) } })
    expect(errors.accuracy).toBeGreaterThan(0.9)
    expect(classes.map(({ label, sequences }: Record<string, unknown>) => [label, sequences])).toEqual(
      KINDS.map((kind) => [kind, 4]),
    )
    const [rows, hits] = [
      confusion.map((row: number[]) => row.reduce((sum, count) => sum + count)),
      confusion.reduce((sum: number, row: number[], k: number) => sum + (row[k] as number), 0),
    ]
    expect(rows).toEqual([4, 4, 4])
    expect(hits / 12).toBeCloseTo(errors.accuracy, 6)
    const mean = classes.reduce((sum: number, { f1 }: { f1: number }) => sum + f1 / 3, 0)
    expect(mean).toBeCloseTo(errors.f1, 6)
  })

  it('can be repeated to the digit from its settings, and gone on with', () => {
    ok(['train', '--config', 'runs/long/run.json', '--epochs', '2', '--patience', '0', '--out', 'runs/b', '--quiet'])
    ok(['train', '--config', 'runs/b/run.json', '--epochs', '1', '--out', 'runs/c', '--quiet'])
    ok(['train', '--out', 'runs/c', '--resume', '--epochs', '2', '--quiet'])
    const weights = async (path: string) => (await loadModel(join(folder, path, 'model.safetensors'))).stateDict()
    expect(checksum('runs/c/model.safetensors')).toBe(checksum('runs/b/model.safetensors'))
    return Promise.all([weights('runs/b'), weights('runs/c')]).then(([b, c]) => {
      for (const [name, value] of Object.entries(b)) {
        expect(torch.equal(value as never, (c as Record<string, unknown>)[name] as never), name).toBe(true)
      }
    })
  }, 120_000)

  it('reads a row for each sequence as well, with weights for classes', () => {
    const args = ['--task', 'classify', '--label', 'kind', '--class-weights', 'balanced']
    const text = ok(['train', 'wide.csv', ...args, ...NETWORK, '--verbose', '--json', '--out', 'runs/wide', '--quiet'])
    const { errors } = JSON.parse(text)
    expect(errors.accuracy).toBeGreaterThan(0.9)
    const { metadata, scaler } = JSON.parse(ok(['inspect', 'runs/wide', '--json']))
    expect(metadata).toMatchObject({ labels: KINDS, counts: [13, 13, 6], weights: [32 / 39, 32 / 39, 32 / 18] })
    expect(scaler).toMatchObject({ targets: [], inputs: ['value'] })
  }, 60_000)
})

describe('evaluate', () => {
  it('measures the test part of the run, as the run did', () => {
    const { errors, confusion } = JSON.parse(read('runs/long/result.json'))
    const own = JSON.parse(ok(['evaluate', 'runs/long', '--json']))
    expect(own).toMatchObject({ sequences: 12, confusion, warnings: [] })
    for (const name of ['loss', 'accuracy', 'f1']) expect(own.errors[name]).toBeCloseTo(errors[name], 5)
  })

  it('measures other data, by other metrics', () => {
    const other = longCsv((_, [id, t, x, kind]) => [`n${id}`, `${t}`, `${Number(x) + 0.1}`, `${kind}`])
    const text = ok(['evaluate', 'runs/long', '-', '--metrics', 'recall'], other)
    expect(text).toMatch(/^60 sequences of -$/m)
    expect(text).toMatch(/^ +recall\nmodel +[01]\.?\d*\nmost frequent class +0\.3333$/m)
    expect(text).toMatch(/^Its recall is \d+\.\d %; always the most frequent class would have 33\.3 %\.$/m)
    expect(text).toMatch(/^class +precision +recall +f1 +sequences\nfalls +[01]\.\d{3} /m)
    expect(text).toMatch(/^is, taken for +falls +rises +stays\nfalls +\d+ +\d+ +\d+$/m)
  })

  it('warns of data that the model has seen', () => {
    const { status, stderr } = run(['evaluate', 'runs/long', 'long.csv', '--quiet'])
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'warning: long.csv has the data of the training: without it, the test part is measured\n',
    })
  })
})

it('predict writes the class and the probabilities of each sequence, also without labels', () => {
  const [header, ...rows] = cellsOf(ok(['predict', 'runs/long', 'long.csv']))
  const probabilities = KINDS.map((kind) => `probability_${kind}`)
  expect(header).toEqual(['id', 'kind', 'kind_actual', ...probabilities])
  expect(rows).toHaveLength(60)
  const right = rows.filter(([, kind, actual]) => kind === actual)
  expect(right.length).toBeGreaterThan(54)
  for (const [, kind, , ...values] of rows) {
    const numbers = values.map(Number)
    expect(numbers.reduce((sum, value) => sum + value)).toBeCloseTo(1, 5)
    expect(KINDS[numbers.indexOf(Math.max(...numbers))]).toBe(kind)
  }
  const unlabelled = longCsv((_, cells) => cells.slice(0, 3)).replace(',kind\n', '\n')
  const lines = ok(['predict', 'runs/long', '-', '--format', 'jsonl'], unlabelled).trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line).kind)).toEqual(rows.map(([, kind]) => kind))
  expect(Object.keys(JSON.parse(lines[0] as string))).toEqual(['id', 'kind', ...probabilities])
})

it('inspect shows columns, classes and settings', () => {
  const text = ok(['inspect', 'runs/long'])
  for (const line of ['sequence +id', 'label +kind', 'time +t', 'inputs +x', 'falls +13', '--lr +0\\.03']) {
    expect(text).toMatch(new RegExp(`^ +${line}$`, 'm'))
  }
})

describe('a mistake is a sentence, without a trace', () => {
  const cell = (at: number, column: number, value: string): string =>
    longCsv((line, cells) => (line === at ? cells.with(column, value) : cells))
  const train = ['train', 'bad.csv', ...LONG, '--out', 'x']
  it.each<[string, string[], number, string, string?]>([
    ['no label', ['train', 'long.csv', '--task', 'classify'], 2, '--label, the column of the class of a sequence, is'],
    ['a missing column', ['train', 'long.csv', ...LONG, '--input', 'y', '--out', 'x'], 1, "has no column 'y'"],
    ['a setting of forecasts', ['train', 'long.csv', ...LONG, '--past', '3'], 2, '--past has no effect with --task'],
    [
      'a setting of classes',
      ['train', 'long.csv', '--time', 't', '--target', 'x', '--label', 'kind'],
      2,
      '--label has',
    ],
    [
      'a time of rows',
      ['train', 'wide.csv', '--task', 'classify', '--label', 'kind', '--time', 't'],
      2,
      '--time has no effect without --sequence',
    ],
    ['a metric of forecasts', ['train', 'long.csv', ...LONG, '--metrics', 'mae'], 2, 'choose among accuracy, f1'],
    [
      'a time to cut at',
      ['train', 'long.csv', ...LONG, '--test', '2014', '--out', 'x'],
      2,
      'is their share such as 0.2',
    ],
    [
      'a label that changes',
      train,
      1,
      "bad.csv, line 4, column 'kind': 'rises' is another label than 'falls', that of sequence 's0' before",
      cell(4, 3, 'rises'),
    ],
    [
      'a bad cell',
      [...train, '--input', 'x'],
      1,
      `bad.csv, line 5, column 'x': Could not convert string "many"`,
      cell(5, 2, 'many'),
    ],
    [
      'an empty cell',
      train,
      1,
      "bad.csv, line 5, column 'x' has no value. Say what to do: --missing mask",
      cell(5, 2, ''),
    ],
    [
      'an empty label',
      train,
      1,
      "bad.csv, line 6, column 'kind' is empty: each row needs a value there",
      cell(6, 3, ''),
    ],
    [
      'a time twice',
      train,
      1,
      "bad.csv, line 4, column 't': sequence 's0' has another row at this time",
      cell(4, 1, '1'),
    ],
    [
      'one class',
      train,
      1,
      "is 'stays' in all 60 sequences: there is nothing",
      longCsv((_, cells) => cells.with(3, 'stays')),
    ],
    [
      'labels that are names',
      ['train', 'wide.csv', '--task', 'classify', '--label', 'x7', '--out', 'x'],
      1,
      "column 'x7' is empty",
    ],
    [
      'too small a part',
      ['train', 'long.csv', ...LONG, '--test', '0.001', '--out', 'x'],
      1,
      '0.001 of the 60 sequences is none',
    ],
    [
      'an unknown label',
      ['evaluate', 'runs/long', '-'],
      1,
      "standard input, line 2, column 'kind': 'fals' is none of the classes of the model, falls, rises, stays; did you mean 'falls'?",
      longCsv((_, cells) => cells.with(3, cells[3] === 'falls' ? 'fals' : (cells[3] as string))),
    ],
    ['no labels', ['evaluate', 'runs/long', '-'], 1, "has no column 'kind'", 'id,t,x\ns0,0,1\n'],
    ['a time of classes', ['evaluate', 'runs/long', '--from', '2014'], 2, '--from has no effect on a model of classes'],
    [
      'a metric of texts',
      ['evaluate', 'runs/long', '--metrics', 'bpc'],
      2,
      '--metrics bpc is not for a model of classes',
    ],
    ['a forecast of classes', ['forecast', 'runs/long'], 1, 'is not the model of a forecast'],
  ])('%s', (_, args, wanted, message, content = '') => {
    writeFiles(folder, { 'bad.csv': content })
    const out = args[0] === 'train' && !args.includes('--out') ? ['--out', 'x'] : []
    const { status, stdout, stderr } = run([...args, ...out], content)
    expect({ status, stdout }).toEqual({ status: wanted, stdout: '' })
    expect(stderr).toMatch(/^error: /m)
    expect(stderr).toContain(message)
    expect(stderr).not.toMatch(/^ +at /m)
  })

  it('a class with one sequence is a warning', () => {
    const rare = longCsv((_, cells) => (cells[0] === 's4' ? cells.with(3, 'rare') : cells))
    writeFiles(folder, { 'rare.csv': rare })
    const { status, stderr } = run(['train', 'rare.csv', ...LONG, '--epochs', '1', '--quiet'])
    expect(status).toBe(0)
    expect(stderr).toBe(
      "warning: rare.csv, line 24, class 'rare' has this sequence only, which is trained on: nothing tells how well it is found\n",
    )
  })
})
