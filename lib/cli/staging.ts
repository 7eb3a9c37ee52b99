import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const SIGNALS: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Gives `work` a temporary folder inside `parent`, on the same file system, and removes it afterwards, on a signal too.
 * What a killed process left behind is removed by the next.
 */
export async function withStaging<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  mkdirSync(parent, { recursive: true })
  for (const name of readdirSync(parent)) {
    const pid = /^partial-(\d+)$/.exec(name)?.[1]
    if (pid && !isAlive(Number(pid))) rmSync(join(parent, name), { recursive: true, force: true })
  }
  const folder = join(parent, `partial-${process.pid}`)
  const clean = (): void => rmSync(folder, { recursive: true, force: true })
  const stop = (signal: NodeJS.Signals): void => {
    clean()
    process.exit(128 + (SIGNALS[signal] ?? 0))
  }
  clean()
  mkdirSync(folder)
  for (const signal of Object.keys(SIGNALS)) process.once(signal, stop)
  try {
    return await work(folder)
  } finally {
    for (const signal of Object.keys(SIGNALS)) process.off(signal, stop)
    clean()
  }
}
