// The program of a worker: it makes the dataset, and batches of it as they are asked for.

import { isNativeError } from 'node:util/types'
import { parentPort, workerData } from 'node:worker_threads'
import '../../native/here.cjs'
import '../../tensor/extensions.ts'
import { describe } from '../../describe.ts'
import { messageOf, torchError } from '../../errors.ts'
import { drawingFrom, retain } from '../../tensor/context.ts'
import { Generator, handleOf } from '../../tensor/generator.ts'
import { requireBatch } from '../batch.ts'
import { datasetOf } from '../collated.ts'
import type { Dataset } from '../dataset.ts'
import type { Answer, Order, ThreadData } from './pool.ts'
import { encodeBatch } from './transfer.ts'

const port = parentPort as NonNullable<typeof parentPort>
const { module: url, data } = workerData as ThreadData
/** What was given up before its turn. */
const cancelled = new Set<number>()
let latest = -1

function answer(message: Answer, memory: ArrayBuffer[] = []): void {
  port.postMessage(message, memory)
}

/** An error in a form that every thread can read. */
function sentError(thrown: unknown): { message: string; code: unknown; cause: Error } {
  const cause = new Error(messageOf(thrown))
  if (isNativeError(thrown)) {
    Object.defineProperty(cause, 'name', { value: thrown.name })
    if (thrown.stack !== undefined) cause.stack = thrown.stack
  }
  return { message: messageOf(thrown), code: (thrown as { code?: unknown } | null)?.code, cause }
}

async function open(load: (url: string) => Promise<unknown>): Promise<Dataset> {
  const loaded = (await load(url)) as { default?: unknown }
  // A CommonJS module that TypeScript made has its default export one level below.
  const make =
    typeof loaded.default === 'function' ? loaded.default : (loaded.default as typeof loaded | undefined)?.default
  if (typeof make !== 'function') {
    throw torchError(
      'ERR_TORCH_TYPE',
      `the module must export a function that makes the dataset by default, but its default export is ${describe(loaded.default)}`,
    )
  }
  return datasetOf('the default export of the module', (await make(data)) as unknown)
}

async function serve(
  dataset: Dataset,
  { id, indices, batchFirst, seed }: Extract<Order, { indices: unknown }>,
): Promise<void> {
  latest = id
  if (cancelled.delete(id)) return
  const generator = new Generator().manualSeed(seed)
  let release = (): void => {}
  try {
    const made = retain(() => drawingFrom(handleOf(generator), () => dataset.batch(indices, batchFirst)))
    release = made.release
    const batch: unknown = await made.result
    requireBatch(`the result of ${describe(dataset)}.batch`, batch)
    const { sent, memory } = encodeBatch(batch)
    answer({ id, batch: sent }, memory)
  } catch (error) {
    answer({ id, error: sentError(error) })
  } finally {
    release()
  }
}

/** Runs the worker. @param load imports a module: TypeScript would compile `import()` to `require` here */
export async function main(load: (url: string) => Promise<unknown>): Promise<void> {
  try {
    const dataset = await open(load)
    let last = Promise.resolve()
    port.on('message', (order: Order) => {
      if ('cancel' in order) {
        if (order.cancel > latest) cancelled.add(order.cancel)
      }
      // One after the other: what one batch draws must not depend on the others.
      else last = last.then(() => serve(dataset, order))
    })
    answer({ length: dataset.length })
  } catch (error) {
    answer({ error: sentError(error) })
  }
}
