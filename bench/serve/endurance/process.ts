import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { ServeOptions } from 'libtorch-rnn/serve'
import type { Seen } from './service.ts'

/** A service that runs as a process of its own. */
export class ServiceProcess {
  readonly origin: string
  readonly #child: ChildProcess

  private constructor(port: number, child: ChildProcess) {
    this.origin = `http://127.0.0.1:${port}`
    this.#child = child
  }

  static async start(file: string, options: ServeOptions): Promise<ServiceProcess> {
    const child = fork(join(import.meta.dirname, 'service.ts'), [file, JSON.stringify(options)], {
      execArgv: ['--import', 'tsx'],
    })
    const [port] = (await once(child, 'message')) as [number]
    return new ServiceProcess(port, child)
  }

  async seen(): Promise<Seen> {
    const answer = once(this.#child, 'message')
    this.#child.send('seen')
    return (await answer)[0] as Seen
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}
