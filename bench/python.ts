import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const VERSION = '2.13.0'
const ENVIRONMENT = fileURLToPath(new URL('rivals/python', import.meta.url))
const PROGRAM = fileURLToPath(new URL('rival.py', import.meta.url))

function pip(python: string, ...options: string[]): boolean {
  const args = ['-m', 'pip', 'install', '--quiet', ...options, `torch==${VERSION}`, 'numpy']
  return spawnSync(python, args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
}

/** A Python with PyTorch in a virtual environment of its own, which is made where it is missing. */
function ensurePython(): string {
  const python = join(ENVIRONMENT, 'bin', 'python')
  const works = () => existsSync(python) && spawnSync(python, ['-c', 'import torch']).status === 0
  if (works()) return python
  console.error(`Setting up PyTorch ${VERSION} in ${ENVIRONMENT}`)
  spawnSync('python3', ['-m', 'venv', ENVIRONMENT], { stdio: 'inherit' })
  const own = ['--index-url', 'https://download.pytorch.org/whl/cpu', '--retries', '0', '--timeout', '15']
  if (!pip(python, ...own) && !pip(python)) throw new Error(`pip could not install PyTorch ${VERSION}`)
  return python
}

/** Python PyTorch, doing the same work in a process of its own. */
export class Python {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: AsyncIterator<string>
  readonly #interface: Interface
  version = ''

  constructor() {
    this.#child = spawn(ensurePython(), [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#interface = createInterface({ input: this.#child.stdout })
    this.#lines = this.#interface[Symbol.asyncIterator]()
  }

  async start(): Promise<void> {
    this.version = ((await this.#read()) as { version: string }).version
  }

  async #read(): Promise<unknown> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('Python ended')
    return JSON.parse(value as string)
  }

  #ask(request: { case: string; times: number; threads: number }): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    return this.#read()
  }

  /** Prepares a case and returns what it computes. */
  async value(name: string, threads: number): Promise<number[]> {
    return ((await this.#ask({ case: name, times: 0, threads })) as { value: number[] }).value
  }

  /** The seconds that `times` repetitions take. */
  async run(name: string, times: number, threads: number): Promise<number> {
    return ((await this.#ask({ case: name, times, threads })) as { seconds: number }).seconds
  }

  stop(): void {
    this.#child.stdin.end()
    this.#interface.close()
  }
}
