import { Buffer } from 'node:buffer'
import { appendFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { messageOf, torchError } from '../errors.ts'
import { makeFolder } from '../io/folder.ts'
import { type Event, encodeEvent } from './event-file.ts'

/** Files of one process within one second have different names. */
let files = 0

/**
 * Appends events to a new event file in a folder, which is created if it does not exist. What earlier files have from the
 * step `purgeStep` on is taken back; by default nothing is.
 */
export class EventWriter {
  readonly #owner: string
  readonly #folder: string
  readonly #file: string
  /** What comes before the first event. */
  readonly #start: readonly Event[]
  #written: Promise<void> | undefined

  constructor(owner: string, folder: string, purgeStep?: number) {
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0')
    this.#owner = owner
    this.#folder = folder
    this.#file = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${files++}`)
    const session: Event[] = purgeStep === undefined ? [] : [{ step: purgeStep, isStart: true }]
    this.#start = [{ fileVersion: 'brain.Event:2' }, ...session]
  }

  /** Writes events after those before. @throws {TorchError} (rejects) `ERR_TORCH_FILE` if that is not possible. */
  async write(events: readonly Event[]): Promise<void> {
    const before = this.#written
    this.#written =
      before === undefined ? this.#append([...this.#start, ...events]) : before.then(() => this.#append(events))
    await this.#written
  }

  async #append(events: readonly Event[]): Promise<void> {
    const wallTime = Date.now() / 1000
    try {
      await makeFolder(this.#folder)
      await appendFile(this.#file, Buffer.concat(events.map((event) => encodeEvent({ wallTime, ...event }))))
    } catch (error) {
      const message = `${this.#owner}: cannot write to ${this.#folder}: ${messageOf(error)}`
      throw torchError('ERR_TORCH_FILE', message, { cause: error })
    }
  }
}
