import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface Ended {
  status: number | null
  stdout: string
  stderr: string
}

/** Runs `npx libtorch-rnn …` as a process in `folder`, on one thread. */
export function command(
  folder: string,
  args: readonly string[],
  { input = '', env = {} }: { input?: string; env?: NodeJS.ProcessEnv } = {},
): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: folder,
    encoding: 'utf8',
    input,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  })
  return { status, stdout, stderr }
}

/** The same, which must succeed without a word on standard error; what it prints. */
export function succeed(folder: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = command(folder, args, { input })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

/** The cells of a CSV file without quotes. */
export function cellsOf(csv: string): string[][] {
  return csv
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','))
}

/** Days of a wave with the length of a week, and what else there may be in a file. */
export function weatherCsv(days: number, row?: (line: number, cells: string[]) => string[]): string {
  const lines = Array.from({ length: days }, (_, i) => {
    const day = new Date(Date.UTC(2024, 0, 1 + i)).toISOString().slice(0, 10)
    const temp = (10 + 5 * Math.sin((2 * Math.PI * i) / 7) + ((i * 37) % 11) / 10).toFixed(2)
    const cells = [day, temp, String((i * 7) % 5)]
    return (row === undefined ? cells : row(i + 2, cells)).join(',')
  })
  return `${['date,temp,wind', ...lines].join('\n')}\n`
}
