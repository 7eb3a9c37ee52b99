// npx libtorch-rnn report, as a process, and its page in a real browser.
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Comparison } from '../../lib/cli/comparison.ts'
import { CHROMIUM, isWithoutBrowser } from '../support/browser.ts'
import { command, type Ended, weatherCsv } from '../support/command.ts'
import { comparison } from '../support/comparison.ts'
import { writeFiles } from '../support/folder.ts'
import { BEFORE_PRINT, CONTRASTS, GROUND, NAMES, WIDTHS } from '../support/page-checks.ts'

/** A column whose name would run in a page that takes it for HTML. */
const HOSTILE = '<img src=x onerror="document.title=1">'

/** What is said about the days that the data lack. */
const GAP = /^warning: .* steps are absent .*\n/gm

let folder: string
const run = (args: string[]): Ended => command(folder, args)
const inFolder = (path: string): string => join(folder, path)
const read = (path: string): string => readFileSync(inFolder(path), 'utf8')
/** A page without its programs and its pictures, so that failures can be read. */
const pageOf = (path: string): string => read(path).replaceAll(/<(script|svg|style)\b[\s\S]*?<\/\1>/g, '')
const ok = (args: string[]): string => {
  const { status, stdout, stderr } = run(args)
  expect({ status, stderr: stderr.replace(GAP, '') }).toEqual({ status: 0, stderr: '' })
  return stdout
}

/** The charts of a run that forecasts one column. */
const CHARTS = [
  'forecasts-0-0',
  'next-0-0',
  'data-0-0',
  'learning',
  'steps-0',
  'season-0-0',
  'residuals-0',
  'autocorrelation-0',
  'worst-0',
  'worst-1',
  'worst-2',
  'inputs',
  'lags',
  'gates',
  'states',
  'gradients',
]

beforeAll(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'libtorch-rnn-'))
  const lines = weatherCsv(320).trimEnd().split('\n')
  // Days that are absent.
  const days = [...lines.slice(0, 100), ...lines.slice(104)].join('\n')
  const hostile = days.replace('date,temp', `date,"${HOSTILE.replaceAll('"', '""')}"`)
  const text = 'The quick brown fox jumps over the lazy dog. A cat looks on.\n'.repeat(60)
  writeFiles(folder, { 'data.csv': days, 'hostile.csv': hostile, 'book.txt': text })
  const settings = [
    '--past',
    '14',
    '--horizon',
    '3',
    '--hidden-size',
    '8',
    '--epochs',
    '4',
    '--lr',
    '0.01',
    '--season',
    '7',
  ]
  const data = ['--time', 'date', '--input', 'wind', '--calendar', 'weekday', '--quiet']
  const train = (...args: string[]): void => expect(run(['train', ...args, ...settings, ...data]).status).toBe(0)
  train('data.csv', '--target', 'temp', '--out', 'runs/a', '--num-layers', '2', '--model', 'lstm')
  train('hostile.csv', '--target', HOSTILE, '--out', 'runs/hostile')
  train(
    'data.csv',
    '--target',
    'temp',
    '--out',
    'runs/unheld',
    '--validation',
    'none',
    '--test',
    'none',
    '--intervals',
    'none',
  )
  const book = ['--task', 'text', '--hidden-size', '8', '--epochs', '1', '--batch-size', '4', '--quiet']
  expect(run(['train', 'book.txt', '--out', 'runs/book', ...book]).status).toBe(0)
  const steps = Array.from({ length: 30 * 5 }, (_, i) => [Math.floor(i / 5), (i % 5) * (i % 10 < 5 ? 1 : -1)])
  const kinds = steps.map(([id = 0, x]) => `${id},${x},${id % 2 === 0 ? 'up' : '<b>down'}`)
  writeFiles(folder, { 'kinds.csv': ['id,x,kind', ...kinds].join('\n') })
  const classes = ['--task', 'classify', '--sequence', 'id', '--label', 'kind', '--input', 'x', '--hidden-size', '4']
  expect(run(['train', 'kinds.csv', '--out', 'runs/kinds', ...classes, '--epochs', '2', '--quiet']).status).toBe(0)
  const linear = ['--target', 'temp', '--out', 'runs/linear', '--model', 'linear', '--past', '14', '--horizon', '3']
  expect(run(['train', 'data.csv', ...linear, '--epochs', '2', ...data]).status).toBe(0)
  writeFiles(folder, { 'runs/compare/comparison.json': JSON.stringify(comparison(HOSTILE)) })
  ok(['report', 'runs/a'])
  ok(['report', 'runs/hostile'])
  ok(['report', 'runs/compare'])
  ok(['report', 'runs/book'])
}, 240_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the page of a forecast', () => {
  it('is one file that loads nothing', () => {
    const whole = read('runs/a/report.html')
    expect(whole.includes('Copyright')).toBe(true)
    const page = whole.replaceAll(/(<script[^>]*>)[\s\S]*?<\/script>/g, '$1')
    expect(page).toMatch(/^<!doctype html>/)
    expect(page).not.toMatch(/<(?:script|img|iframe)[^>]* src=|<link (?!rel="icon" href="data:,")|@import|url\((?!#)/)
  })

  it('has each section, and says what the run has measured', () => {
    const page = pageOf('runs/a/report.html')
    const titles = [...page.matchAll(/<h2 [^>]*>([^<]+)</g)].map(([, title]) => title)
    expect(titles).toEqual([
      'Forecasts and what came',
      'What comes next',
      'The data',
      'Learning',
      'Errors',
      'Residuals',
      'Worst cases',
      'What the forecasts rest on',
      'Inside the network',
      'Settings',
      'How to repeat it',
    ])
    const { errors, naive, bestEpoch } = JSON.parse(read('runs/a/result.json'))
    const shown = (value: number): string => value.toPrecision(4)
    for (const value of [errors.mae, errors.rmse, naive.seasonalNaive.mae, naive.drift.rmse]) {
      expect(page).toContain(`<td class="number">${shown(value)}</td>`)
    }
    expect(page).toContain(`The model has the weights of epoch ${bestEpoch}, the best on the validation part.`)
    // What is measured anew is what the training has measured: at all steps ahead together.
    const rows = /<caption>MAE of temp by steps ahead<\/caption>[\s\S]*?<\/table>/.exec(page)?.[0] ?? ''
    const steps = [...rows.matchAll(/<th scope="row"[^>]*>\d<\/th><td class="number">([\d.]+)</g)].map(([, mae]) =>
      Number(mae),
    )
    expect(steps).toHaveLength(3)
    expect(steps.reduce((sum, mae) => sum + mae, 0) / 3).toBeCloseTo(errors.mae, 2)
    // The gap.
    expect(page).toContain('<td class="token">2024-04-13</td><td class="number">4</td>')
    expect(page).toContain('2 layers')
    expect(page).toContain('train --config runs/a/run.json --out runs/a-again')
  })

  it('has its charts as SVG files, or not, and where it is asked to be', () => {
    expect(readdirSync(inFolder('runs/a/report')).sort()).toEqual(CHARTS.map((name) => `${name}.svg`).sort())
    const result = JSON.parse(ok(['report', 'runs/a', 'data.csv', '--out', 'pages/b.html', '--no-svg', '--json']))
    expect(result).toEqual({
      report: 'pages/b.html',
      pictures: null,
      charts: CHARTS,
      warnings: [expect.stringContaining('absent')],
    })
    expect(readdirSync(inFolder('pages'))).toEqual(['b.html'])
  })

  it('takes names of columns for text', () => {
    const page = pageOf('runs/hostile/report.html')
    expect(read('runs/hostile/report.html').includes(HOSTILE)).toBe(false)
    expect(page).toContain('&lt;img src=x onerror=&quot;document.title=1&quot;&gt;')
  })

  it('says that nothing was held out', () => {
    ok(['report', 'runs/unheld', '--no-svg'])
    const page = pageOf('runs/unheld/report.html')
    expect(page).toContain('No part of the data was held out, so nothing can be said about its errors')
    for (const name of ['next-0-0', 'learning', 'gates']) expect(page).toContain(`data-chart="${name}"`)
    // The help of --non-finite is about NaN.
    expect(page.replace('is NaN or infinite', '')).not.toMatch(/NaN|undefined|Infinity/)
  })

  it('warns of data that have changed', () => {
    writeFiles(folder, { 'changed.csv': `${read('data.csv')}\n2024-11-20,12,1` })
    const { status, stderr } = run(['report', 'runs/a', 'changed.csv', '--out', 'changed.html', '--no-svg'])
    expect(status).toBe(0)
    expect(stderr).toContain(
      'warning: changed.csv is not what the model was trained on: errors differ from those of the run',
    )
    expect(pageOf('changed.html')).toContain('The data have changed since the training')
  })
})

describe('the page of a model that is not recurrent', () => {
  it('has no gates', () => {
    expect(run(['report', 'runs/linear', '--no-svg']).status).toBe(0)
    const page = pageOf('runs/linear/report.html')
    expect(page).toContain('by a linear model.')
    expect(page).toContain('data-chart="inputs"')
    expect(page).not.toContain('data-chart="gates"')
  })
})

describe('the page of classes', () => {
  it('has the scores of the training, and which class was taken for which', () => {
    ok(['report', 'runs/kinds'])
    const page = pageOf('runs/kinds/report.html')
    const { errors, confusion } = JSON.parse(read('runs/kinds/result.json'))
    expect(page).toContain(`>${Number.isInteger(errors.accuracy) ? errors.accuracy : errors.accuracy.toPrecision(4)}<`)
    const right = confusion[0][0] + confusion[1][1]
    expect(page).toContain(
      `${right} of ${confusion.flat().reduce((a: number, b: number) => a + b)} are on the diagonal`,
    )
    expect(page).toContain('&lt;b&gt;down')
    expect(read('runs/kinds/report.html').includes('<b>down')).toBe(false)
  })
})

describe('the page of a text', () => {
  it('has its scores, what it writes, learning and settings', () => {
    const page = pageOf('runs/book/report.html')
    const { errors } = JSON.parse(read('runs/book/result.json'))
    expect(page).toContain(errors.bpc.toPrecision(4))
    expect(page).toContain('Temperature 0.5')
    expect(page).toContain('data-chart="learning"')
    expect(page).toContain('runs/book/run.json')
  })
})

describe('the page of a comparison', () => {
  it('has its recommendation, its networks and which differences are real', () => {
    const page = pageOf('runs/compare/report.html')
    const found: Comparison = comparison(HOSTILE)
    for (const sentence of found.recommendation.sentences) expect(page).toContain(sentence)
    expect(page).toContain('Are the differences real?')
    expect(page).toContain('2.430 ± 0.025')
    expect(page).not.toContain(HOSTILE)
    expect(readdirSync(inFolder('runs/compare/report'))).toHaveLength(6)
  })
})

describe('mistakes', () => {
  const refused = (args: string[], status: 1 | 2, message: string | RegExp): void => {
    const ended = run(args)
    expect(ended.stdout).toBe('')
    expect(ended.stderr).toMatch(message)
    expect(ended.status).toBe(status)
  }

  it('no such run, one that is not over, and a folder that is none', () => {
    refused(['report', 'runs/none'], 2, /^error: there is no run runs\/none$/m)
    writeFiles(folder, { 'runs/begun/run.json': read('runs/a/run.json') })
    refused(
      ['report', 'runs/begun'],
      2,
      /runs\/begun has no result\.json: its run is not over, train --out runs\/begun --resume/,
    )
    refused(['report', 'runs'], 2, /runs has no result\.json: name the folder of a run/)
  })

  it('data that are not there, or have no use', () => {
    refused(['report', 'runs/a', 'nowhere.csv'], 1, /nowhere\.csv/)
    refused(['report', 'runs/compare', 'data.csv'], 2, /a comparison has its data/)
    refused(['report', 'runs/book', 'book.txt'], 2, /reads no data/)
  })

  it('files that are not what they should be', () => {
    writeFiles(folder, {
      'broken/comparison.json': '{',
      'other/comparison.json': '{"kind": "comparison", "version": 9}',
    })
    refused(['report', 'broken'], 1, /broken\/comparison\.json is not valid JSON/)
    refused(['report', 'other'], 1, /is not a comparison of this version/)
    writeFiles(folder, {
      'spoilt/result.json': '[]',
      'spoilt/run.json': read('runs/a/run.json'),
      'spoilt/history.csv': '',
    })
    copyFileSync(inFolder('runs/a/model.safetensors'), inFolder('spoilt/model.safetensors'))
    refused(['report', 'spoilt'], 1, /spoilt\/result\.json is not the result of a training/)
  })

  it('a page that cannot be written, and a flag that is unknown', () => {
    writeFileSync(inFolder('file'), '')
    refused(['report', 'runs/compare', '--out', 'file/page.html'], 1, /file\/page\.html cannot be written/)
    refused(['report', 'runs/a', '--svgs'], 2, /unknown option '--svgs'/)
  })
})

describe.skipIf(isWithoutBrowser)('in Chromium, which is not installed here if this is skipped', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM as string, args: ['--no-sandbox'] })
  })
  afterAll(() => browser.close())

  /** Opens a page, scrolls through it, and returns what went wrong in it. */
  async function opened(
    path: string,
    width: number,
    colorScheme: 'light' | 'dark',
  ): Promise<{ page: Page; problems: string[] }> {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme })
    const problems: string[] = []
    page.on('pageerror', ({ message }) => problems.push(message))
    page.on('console', (message) => problems.push(message.text()))
    page.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) problems.push(request.url())
    })
    await page.goto(`file://${inFolder(path)}`)
    const figures = await page.locator('figure').all()
    for (const figure of figures) {
      await figure.scrollIntoViewIfNeeded()
      // Vega has drawn it in place of the picture.
      await figure.locator('.chart > div > svg, .chart > div > * > svg').first().waitFor()
    }
    return { page, problems }
  }

  it.each([
    ['runs/a', 390, 'dark', 16],
    ['runs/a', 1280, 'light', 16],
    ['runs/hostile', 1280, 'dark', 16],
    ['runs/compare', 390, 'light', 6],
    ['runs/book', 1280, 'light', 1],
  ] as const)(
    '%s at %i pixels, %s: all charts are there, nothing fails, nothing is cut off',
    async (path, width, scheme, count) => {
      const { page, problems } = await opened(`${path}/report.html`, width, scheme)
      expect(problems).toEqual([])
      expect(await page.locator('figure .chart svg').count()).toBe(count)
      expect(await page.title()).not.toBe('1')
      const sizes = (await page.evaluate(WIDTHS)) as { page: number; charts: number[] }
      expect(sizes.page).toBe(width)
      for (const chart of sizes.charts) expect(chart).toBeLessThanOrEqual(width)
      await page.close()
    },
  )

  it('colours are those of the page, with enough contrast', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      const { page } = await opened('runs/a/report.html', 1280, scheme)
      const ratios = (await page.evaluate(CONTRASTS)) as { texts: number; drawn: number; count: number }
      expect(ratios.texts).toBeGreaterThan(4.5)
      expect(ratios.drawn).toBeGreaterThan(4.5)
      expect(ratios.count).toBeGreaterThan(50)
      await page.close()
    }
  })

  it('is for those who do not see it: names of charts, an order of headings, tables with headings', async () => {
    const { page } = await opened('runs/a/report.html', 1280, 'light')
    const found = (await page.evaluate(NAMES)) as { levels: number[] }
    expect(found).toMatchObject({ lang: 'en', unnamed: 0, headless: 0, buttons: 0, links: 0 })
    expect(found.levels[0]).toBe(1)
    for (const [i, level] of found.levels.entries()) {
      if (i > 0) expect(level - (found.levels[i - 1] as number)).toBeLessThanOrEqual(1)
    }
    expect(found.levels.filter((level) => level === 1)).toHaveLength(1)
    await page.close()
  })

  it('shows values under the pointer, and is enlarged by keys', async () => {
    const { page, problems } = await opened('runs/a/report.html', 1280, 'light')
    const figure = page.locator('figure[data-chart="forecasts-0-0"]')
    await figure.scrollIntoViewIfNeeded()
    const box = await figure.locator('.chart svg').boundingBox()
    if (box === null) throw new Error('the chart has no place')
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
    await page.mouse.move(box.x + box.width / 2 + 3, box.y + box.height / 2)
    const tip = page.locator('#tip')
    await tip.waitFor({ state: 'visible' })
    expect(await tip.textContent()).toMatch(/time2024-\d\d-\d\dmeasured[\d.]+LSTM[\d.]+/)
    await page.keyboard.press('Escape')
    expect(await tip.isVisible()).toBe(false)
    const labels = async (): Promise<string> =>
      (await figure.locator('.role-axis-label').first().locator('text').allTextContents()).sort().join()
    const before = await labels()
    await figure.locator('button').first().focus()
    await page.keyboard.press('Enter')
    await expect.poll(labels).not.toBe(before)
    await figure.locator('button', { hasText: 'Reset' }).press('Enter')
    await expect.poll(labels).toBe(before)
    expect(problems).toEqual([])
    await page.close()
  })

  it('has the same charts without its program, and opens its tables for paper', async () => {
    const page = await browser.newPage({ javaScriptEnabled: false })
    await page.goto(`file://${inFolder('runs/a/report.html')}`)
    expect(await page.locator('figure .chart > svg').count()).toBe(CHARTS.length)
    await page.close()
    const { page: printed } = await opened('runs/a/report.html', 1280, 'dark')
    await printed.evaluate(BEFORE_PRINT)
    expect(await printed.locator('details:not([open])').count()).toBe(0)
    await printed.emulateMedia({ media: 'print', colorScheme: 'dark' })
    expect(await printed.evaluate(GROUND)).toBe('rgb(255, 255, 255)')
    expect(await printed.locator('nav').isVisible()).toBe(false)
    expect((await printed.pdf({ format: 'A4' })).length).toBeGreaterThan(10_000)
    await printed.close()
  })
})
