import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Finding } from './child.ts'
import { Random } from './random.ts'
import { findTargets } from './targets.ts'

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url))
/** A call that takes longer counts as endless. */
const PATIENCE = 60_000

/** Makes the calls `first` to `first + count` of a seed in child processes, and gives what went wrong. */
export async function fuzz(
  seed: number,
  first: number,
  count: number,
  onFinding = (_: Finding): void => {},
): Promise<Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), 'libtorch-rnn-fuzz-'))
  const progress = join(folder, 'progress')
  const findings: Finding[] = []
  const add = (finding: Finding): void => {
    findings.push(finding)
    onFinding(finding)
  }
  try {
    for (let next = first; next < first + count; ) {
      const ended = await child([seed, next, first + count - next].map(String), folder, progress, add)
      if (ended === undefined) break
      const call = Math.max(reached(progress), next)
      const { targets } = await findTargets()
      const target = new Random(seed, call).pick(targets).name
      add({ call, target, args: 'as the seed and the call say', what: ended })
      next = call + 1
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return findings
}

function reached(progress: string): number {
  const bytes = existsSync(progress) ? readFileSync(progress) : Buffer.alloc(0)
  return bytes.length < 8 ? -1 : bytes.readDoubleLE(0)
}

/** How a child ended, where it did not come to its end. */
async function child(
  args: string[],
  cwd: string,
  progress: string,
  add: (finding: Finding) => void,
): Promise<string | undefined> {
  const running = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), CHILD, ...args, progress], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  running.stderr.on('data', (data: Buffer) => {
    said = `${said}${data}`.slice(-2000)
  })
  createInterface(running.stdout).on('line', (line) => add(JSON.parse(line) as Finding))
  let endless = false
  let last = -1
  let still = 0
  const watch = setInterval(() => {
    const call = reached(progress)
    still = call === last ? still + 1 : 0
    last = call
    // On a busy machine, it may take minutes until the first call.
    endless = still >= (call < Number(args[1]) ? 10 : 1)
    if (endless) running.kill('SIGKILL')
  }, PATIENCE)
  const [code, signal] = (await once(running, 'close')) as [number | null, string | null]
  clearInterval(watch)
  if (endless) return `no end after ${PATIENCE / 1000} s`
  return code === 0 ? undefined : `the process ended with ${signal ?? code}: ${said}`
}
