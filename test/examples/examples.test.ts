// Each example, small: it runs to its end, says what it found, and draws what it says it draws.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { torch } from '../../lib/torch.ts'
import { CHECKOUT } from '../support/checkout.ts'
import { temporaryFolder } from '../support/folder.ts'

function run(...args: string[]): { stdout: string; stderr: string; status: number | null; folder: string } {
  const folder = temporaryFolder()
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', 'examples/run.ts', ...args], {
    cwd: CHECKOUT,
    encoding: 'utf8',
    env: { ...process.env, EXAMPLES_OUTPUT: folder },
  })
  return { stdout, stderr, status, folder }
}

/** The numbers of the line that begins with `label`. */
function numbers(stdout: string, label: string): number[] {
  const line = stdout.split('\n').find((text) => text.trimStart().startsWith(label))
  expect(line, `${label} in ${stdout}`).toBeDefined()
  const rest = (line as string).trimStart().slice(label.length)
  return rest.trim().split(/\s+/).map(Number)
}

function expectPictures(folder: string, ...names: string[]): void {
  for (const name of names) {
    expect(existsSync(join(folder, `${name}.svg`)), name).toBe(true)
    const svg = readFileSync(join(folder, `${name}.svg`), 'utf8')
    expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\s*$/)
    // Lines and rectangles have paths; what is not finite would show.
    expect(svg.match(/<path /g)?.length).toBeGreaterThan(10)
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  }
}

describe('examples', { timeout: 120_000 }, () => {
  test('article', () => {
    const { stdout, stderr, status } = run('article')
    expect(status, stderr).toBe(0)
    expect(stdout.match(/output of shape \[10,1,5\]/g)).toHaveLength(3)
  })

  test('forecast: stops early, and its intervals hold most of the values', () => {
    const { stdout, stderr, status, folder } = run('forecast', '--series', 'co2', '--hidden', '8')
    expect(status, stderr).toBe(0)
    expect(stderr.match(/validationLoss has not improved for 12 epochs/g)).toHaveLength(3)
    const [naive] = numbers(stdout, 'seasonal naive with drift') as [number]
    for (const name of ['RNN ', 'LSTM ', 'GRU ']) {
      const row = stdout.split('\n').find((line) => line.startsWith(`  ${name}`) && line.includes('%'))
      const [, mae, , better, inside] = row?.match(/([\d.]+) +([\d.]+) +(\d+) % +(\d+) %/)?.map(Number) ?? []
      expect(mae).toBeLessThan(naive)
      // Both are rounded in the table.
      expect(Math.abs((better as number) - 100 * (1 - (mae as number) / naive))).toBeLessThan(2)
      expect(inside).toBeGreaterThan(60)
      expect(inside).toBeLessThan(95)
    }
    expectPictures(join(folder, 'co2'), 'networks', 'forecasts-0-0', 'steps', 'learning')
    const page = readFileSync(join(folder, 'co2.html'), 'utf8').replaceAll(/<(script|svg|style)\b[\s\S]*?<\/\1>/g, '')
    for (const name of ['RNN', 'LSTM', 'GRU', 'seasonal naive with drift']) expect(page).toContain(`>${name}</th>`)
    expect(page).toMatch(/class="verdict good">Take the \w+: .* % below that of the best naive forecast/)
  })

  test('gradients: gates and gains decide what is left', () => {
    const { stdout, stderr, status, folder } = run('gradients', '--steps', '60', '--hidden', '16', '--updates', '30')
    expect(status, stderr).toBe(0)
    expect(stderr).toBe('')
    const left = (label: string): number => numbers(stdout, label).at(-1) as number
    for (const name of ['RNN  ', 'LSTM  ', 'GRU  ']) expect(left(name)).toBeLessThan(1e-6)
    expect(left('gain 0.6')).toBeLessThan(1e-10)
    expect(left('gain 2')).toBeGreaterThan(10)
    expect(left('bias 4')).toBeGreaterThan(100 * left('bias 1'))
    expect(numbers(stdout, 'clipped to norm 1').at(-1)).toBeLessThan(0.5)
    expectPictures(folder, 'gradients', 'gradients-clipping')
  })

  test('adding: a GRU learns to add over ten steps', () => {
    const { stdout, stderr, status, folder } = run(
      ...['adding', '--lengths', '10', '--updates', '200', '--learning-rate', '0.02', '--hidden', '16', '--seeds', '2'],
    )
    expect(status, stderr).toBe(0)
    expect(stderr).toBe('')
    expect(stdout).toMatch(/10 {2}GRU +2 of 2 +\d+( to \d+)? +0\.00\d\d +\d/)
    expect(stdout).toMatch(/10 {2}RNN +[0-2] of 2 +(-|\d+( to \d+)?) +0\.\d+ +\d/)
    expectPictures(folder, 'adding')
  })

  test('gates: a forget gate closes at a mark', () => {
    const { stdout, stderr, status, folder } = run('gates', '--updates', '250')
    expect(status, stderr).toBe(0)
    expect(stderr).toBe('')
    for (const gate of ['f ', 'z ']) {
      const [marked, others] = numbers(stdout, gate) as [number, number]
      expect(marked).toBeLessThan(others - 0.1)
    }
    expectPictures(folder, 'gates-lstm', 'gates-gru')
  })

  test('holes: a forecast from a file with missing values', () => {
    const { stdout, stderr, status } = run('holes')
    expect(status, stderr).toBe(0)
    expect(stdout).toMatch(/^\d+ days, a gap of 31; .*temp_max observed/)
    expect(Number(/mean error in 2015: ([\d.]+) °C/.exec(stdout)?.[1])).toBeLessThan(3.4)
    // January in Seattle.
    const week = numbers(stdout, 'the week after 2015-12-31:')
    expect(week).toHaveLength(7)
    for (const degrees of week) expect(Math.abs(degrees - 7)).toBeLessThan(5)
  })

  test('lengths: names are told apart', () => {
    const { stdout, stderr, status } = run('lengths')
    expect(status, stderr).toBe(0)
    expect(Number(/(\d+) % of the names in the test part right/.exec(stdout)?.[1])).toBeGreaterThan(80)
    expect(stdout).toMatch(/ford blue whale: USA\nvolkswagen hamster: Europe\n/)
  })

  test('resume: the weights after a kill are those without', () => {
    const { stdout, stderr, status } = run('resume')
    expect(status, stderr).toBe(0)
    expect(stdout).toMatch(/^SIGKILL after 57 steps\nfrom step 50:\n {2}losses (.*)\nfrom step 0:\n {2}losses \1\n/)
    expect(stdout).toContain('the weights are equal, bit for bit')
  })

  test('sweep: mean and spread of each network', () => {
    const { stdout, stderr, status } = run('sweep')
    expect(status, stderr).toBe(0)
    for (const name of ['RNNModel', 'LSTMModel', 'GRUModel']) {
      const [mean, spread] = numbers(stdout.replaceAll('±', ''), name) as [number, number]
      expect(mean).toBeLessThan(0.2)
      expect(spread).toBeLessThan(0.1)
    }
  })

  test('text: the perplexity falls, and the network writes', () => {
    const { stdout, stderr, status } = run('text')
    expect(status, stderr).toBe(0)
    const perplexities = numbers(stdout, 'perplexity')
    expect(perplexities).toHaveLength(12)
    expect(perplexities.at(-1)).toBeLessThan((perplexities[0] as number) / 2)
    expect(stdout.slice(stdout.indexOf('\nThe ')).length).toBeGreaterThan(300)
  })

  test('anomaly: each fault of the sensor is found', () => {
    const { stdout, stderr, status, folder } = run('anomaly')
    expect(status, stderr).toBe(0)
    for (const [name, within] of [
      ['a spike', 1],
      ['stuck', 12],
      ['a drift', 24],
      ['a dropout', 2],
    ] as const) {
      const hours = Number(new RegExp(`^${name}: found after (\\d+) of`, 'm').exec(stdout)?.[1])
      expect(hours, stdout).toBeLessThanOrEqual(within)
    }
    expect(numbers(stdout, 'false alarms:')[0]).toBeLessThanOrEqual(10)
    expectPictures(folder, 'anomaly')
  })

  test('typescript: the network learns, and the compiler reads what it writes', () => {
    const { stdout, stderr, status } = run('typescript', '--epochs', '3', '--characters', '60000', '--hidden', '64')
    expect(status, stderr).toBe(0)
    const [first, , last] = numbers(stdout, '60000 characters; bits per character on the last tenth:')
    // 6 would be a guess among 64 characters.
    expect(first).toBeLessThan(6)
    expect(last).toBeLessThan(first as number)
    const [members, right] = /writes (\d+) members .* parse (\d+);/.exec(stdout)?.slice(1).map(Number) ?? []
    expect(members, stdout).toBeGreaterThan(0)
    expect(right).toBeLessThanOrEqual(members as number)
    expect(stdout).toMatch(/^interface Network /m)
  })

  test('questions: mean and spread of each value, and a picture', () => {
    const args = ['questions', '--seeds', '2', '--epochs', '2', '--only', 'learning-rate,epochs']
    const { stdout, stderr, status, folder } = run(...args)
    expect(status, stderr).toBe(0)
    const plain = stdout.replaceAll('±', '')
    const [slow] = numbers(plain, '0.0003 ') as [number]
    const [good, spread] = numbers(plain, '0.003 ') as [number, number]
    expect(good).toBeLessThan(slow)
    expect(spread).toBeLessThan(1)
    const [first, end] = [numbers(plain, '1 '), numbers(plain, '8 ')] as [[number, number], [number, number]]
    expect(end[0]).toBeLessThan(first[0])
    expectPictures(folder, 'questions-learning-rate', 'questions-epochs')
  })

  test('an unknown one is answered with a list', () => {
    const { stderr, status } = run('gradient')
    expect(status).toBe(1)
    expect(stderr).toContain("There is no 'gradient'")
    const names = [
      'adding',
      'anomaly',
      'article',
      'forecast',
      'gates',
      'gradients',
      'holes',
      'lengths',
      'questions',
      'resume',
      'service',
      'sweep',
      'text',
      'typescript',
    ]
    expect(stderr.match(/-- \w+$/gm)).toEqual(names.map((name) => `-- ${name}`))
    expect(stderr).not.toContain('support')
  })

  test('a device that is not there is refused with the reason', () => {
    const cpu = run('article', '--device', 'cpu')
    expect(cpu.status, cpu.stderr).toBe(0)
    for (const name of ['adding', 'article', 'forecast', 'gates', 'gradients']) {
      const { stderr, status } = run(name, '--device', 'gpu')
      expect(status).toBe(1)
      expect(stderr).toMatch(/^error: option '--device <name>' argument 'gpu' is invalid\. Expected one of cpu, cuda/)
    }
    if (torch.cuda.isAvailable()) return
    const { stderr, status } = run('forecast', '--device', 'cuda')
    expect(status).toBe(1)
    expect(stderr).toContain(torch.cuda.why())
  })

  test('an option that is wrong is refused', () => {
    for (const args of [
      ['adding', '--lengths', '2'],
      ['gates', '--updates', '0'],
      ['gradients', '--stepss', '3'],
      ['questions', '--only', 'luck'],
      ['typescript', '--epochs', '0'],
    ]) {
      const { stderr, status } = run(...args)
      expect(status).toBe(1)
      expect(stderr).toMatch(/^error: (option|unknown option)/)
    }
  })
})
