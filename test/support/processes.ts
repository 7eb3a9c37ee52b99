import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach } from 'vitest'
import { CHECKOUT } from './checkout.ts'

const MAIN = `${CHECKOUT}/dist/cli/main.js`
const running: ChildProcess[] = []

/** A line of the log. */
export interface LogLine {
  level: number
  msg: string
  pid: number
  [key: string]: unknown
}

/** `libtorch-rnn serve`, as a process. */
export class ServeProcess {
  readonly child: ChildProcess
  readonly lines: LogLine[] = []
  stderr = ''
  readonly #wake = new Set<() => void>()

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, [MAIN, 'serve', ...args], { env: { ...process.env, ...env } })
    running.push(this.child)
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as LogLine)
      for (const wake of this.#wake) wake()
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.child.on('exit', () => {
      for (const wake of this.#wake) wake()
    })
  }

  /** The first `count` lines of the log with a message. */
  async logged(message: RegExp, count = 1): Promise<LogLine[]> {
    for (;;) {
      const found = this.lines.filter(({ msg }) => message.test(msg))
      if (found.length >= count) return found
      if (this.child.exitCode !== null) throw new Error(`it ended with ${this.child.exitCode}: ${this.stderr}`)
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#wake.delete(wake)
          resolve()
        }
        this.#wake.add(wake)
      })
    }
  }

  /** Where it listens, when as many processes do as there are. */
  async url(processes = 1): Promise<string> {
    const [line] = await this.logged(/^Server listening at /, processes)
    return (line as LogLine).msg.replace('Server listening at ', '')
  }

  /** The exit code, or the signal that ended it. */
  async ended(): Promise<number | NodeJS.Signals> {
    const { child } = this
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    return child.exitCode ?? (child.signalCode as NodeJS.Signals)
  }
}

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
    await once(child, 'exit')
    clearTimeout(timer)
  }
})
