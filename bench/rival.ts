import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Case, Rival as Name } from './cases.ts'

/** What a rival reads from files: paths. */
export interface Files {
  x: string
  weights: readonly string[]
  model: string
}

/** A rival in a process of its own, which answers each line of JSON with one. */
export class Rival {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #interface: Interface
  readonly #lines: AsyncIterator<string>
  readonly #command: string
  readonly version: string

  private constructor(command: string, args: readonly string[]) {
    this.#command = [command, ...args].join(' ')
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#interface = createInterface({ input: this.#child.stdout })
    this.#lines = this.#interface[Symbol.asyncIterator]()
    this.version = ''
  }

  static async start(command: string, ...args: string[]): Promise<Rival> {
    const rival = new Rival(command, args)
    return Object.assign(rival, (await rival.#read()) as { version: string })
  }

  async #read(): Promise<unknown> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`a rival ended: ${this.#command}`)
    return JSON.parse(value as string)
  }

  /** Sends a request, and returns the answer. */
  async ask(request: object): Promise<unknown> {
    this.#child.kill('SIGCONT')
    this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    const answer = await this.#read()
    // Its threads would go on spinning for work, on the core that the next side needs.
    this.#child.kill('SIGSTOP')
    return answer
  }

  /** Prepares a case and returns what it computes, or why it is not comparable. */
  async prepare(
    rival: Name,
    one: Case & { samples: number },
    threads: number,
    files: Files | undefined,
    values: string,
  ): Promise<Float32Array | string> {
    const { skip } = (await this.ask({ rival, case: one, threads, files, values })) as { skip?: string }
    if (skip !== undefined) return skip
    const bytes = readFileSync(values)
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  }

  /** The seconds of each of `times` repetitions. */
  async run(rival: Name, times: number, threads: number): Promise<number[]> {
    return ((await this.ask({ rival, times, threads })) as { durations: number[] }).durations
  }

  stop(): void {
    this.#child.kill('SIGCONT')
    this.#child.stdin.end()
    this.#interface.close()
  }
}
