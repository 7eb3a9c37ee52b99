import { createHash, webcrypto } from 'node:crypto'
import { constants } from 'node:fs'
import fs from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { messageOf } from '../errors.ts'
import { writeFile } from '../io/atomic.ts'
import { run } from '../io/coroutine.ts'
import { makeFolder } from '../io/folder.ts'
import type { RecurrentModel } from '../models/model.ts'
import { streamedModel } from '../models/stream.ts'
import type { ServedModelHandle } from '../native/addon.ts'
import { weightsFolder } from '../native/cache.ts'
import { nativeNetwork } from '../nn/recurrent.ts'
import { native } from '../tensor/binding.ts'

/** The order of `serve::Output`. */
const OUTPUTS = { sequence: 0, last: 1, mean: 2, max: 3 } as const

/** Smaller weights are not worth a file: 4 MB. */
const LEAST_BYTES = 4 << 20
/** The most that all files have: 4 GB. */
const MOST_BYTES = 4e9
/** How long a file is kept that nobody maps, and how long one waits for another process that writes it, in ms. */
const UNUSED = 30 * 24 * 3_600_000
const PATIENCE = 60_000
const SUFFIX = '.weights'
/** So that opening a pipe in place of a file does not wait for its other end. There is no such flag on Windows. */
const AT_ONCE = constants.O_NONBLOCK ?? 0

/** The packed weights of a model. */
export interface Weights {
  readonly handle: ServedModelHandle
  readonly bytes: number
  /** The file that they are mapped from, whose pages all processes of this user share, or `null`: private memory. */
  readonly file: string | null
  /** Why they are in private memory, or `null`. */
  readonly reason: string | null
}

/**
 * Packs the weights of a model, off the main thread. Those of 4 MB or more are written into a file of the user's cache
 * folder once, and mapped from there by every process and worker.
 *
 * @param whyNot why not to use such a file, if so. If it cannot be used, the weights are in private memory
 */
export async function weightsOf(
  model: RecurrentModel,
  dtype: 'float32' | 'bfloat16',
  whyNot: string | undefined,
): Promise<Weights> {
  const packing = new Packing(model, dtype)
  const reason = whyPrivate(model) ?? whyNot
  if (reason !== undefined) return packing.inMemory(reason)
  try {
    return await new WeightFile(packing, await packing.path()).weights()
  } catch (error) {
    return packing.inMemory(messageOf(error))
  }
}

function whyPrivate(model: RecurrentModel): string | undefined {
  if (!native.canMapFiles()) return `there are no shared mappings on ${process.platform}`
  const bytes = [...model.parameters()].reduce((sum, { numel }) => sum + 4 * numel, 0)
  return bytes < LEAST_BYTES ? 'they are small' : undefined
}

/** Ways to a model's packed weights. */
class Packing {
  readonly #model: RecurrentModel
  readonly #dtype: 'float32' | 'bfloat16'
  readonly #bfloat16: boolean

  constructor(model: RecurrentModel, dtype: 'float32' | 'bfloat16') {
    this.#model = model
    this.#dtype = dtype
    this.#bfloat16 = dtype === 'bfloat16'
  }

  /** Where their file is, which may not exist: other weights, or another layout, have another one. */
  async path(): Promise<string> {
    const { tieWeights, linear } = this.#model
    const hash = createHash('sha256').update(`${tieWeights} ${linear.bias !== null}`)
    for (const [name, parameter] of this.#model.namedParameters()) {
      const digest = await webcrypto.subtle.digest('SHA-256', parameter.toTypedArray() as Float32Array<ArrayBuffer>)
      hash.update(`${name} ${parameter.dtype} ${parameter.shape} `).update(new Uint8Array(digest))
    }
    return join(weightsFolder(), `${hash.digest('hex')}-${native.instructionSet()}-${this.#dtype}${SUFFIX}`)
  }

  async pack(): Promise<ServedModelHandle> {
    const { handle, weights } = nativeNetwork(this.#model.network)
    return native.packModel(handle, weights, this.#bfloat16, OUTPUTS[this.#model.output], streamedModel(this.#model))
  }

  async inMemory(reason: string): Promise<Weights> {
    const handle = await this.pack()
    return { handle, bytes: native.modelBytes(handle), file: null, reason }
  }

  /** The weights of an open file, or why it has not these. */
  async map(fd: number): Promise<ServedModelHandle | string> {
    const { network, embedding, linear, output } = this.#model
    const sizes = [embedding?.numEmbeddings ?? 0, linear.outFeatures, linear.bias === null ? 0 : 1] as const
    return native.mapModel(nativeNetwork(network).handle, this.#bfloat16, OUTPUTS[output], sizes, fd)
  }
}

/** The file of a model's weights, which may not be there yet. */
class WeightFile {
  readonly #packing: Packing
  readonly #path: string

  constructor(packing: Packing, path: string) {
    this.#packing = packing
    this.#path = path
  }

  async weights(): Promise<Weights> {
    const found = await this.#mapped()
    if (found !== undefined) return found
    const folder = weightsFolder()
    await makeFolder(folder, 0o700)
    const unlock = await lock(join(folder, 'lock'))
    try {
      return (await this.#mapped()) ?? (await this.#written(folder))
    } finally {
      await unlock()
    }
  }

  async #written(folder: string): Promise<Weights> {
    const packed = await this.#packing.pack()
    try {
      await makeRoom(folder, native.modelBytes(packed))
      // Others would get the wrong weights from this file.
      if ((await this.#packing.path()) !== this.#path) throw new Error('the weights changed while they were packed')
      // A damaged one gives its mode to that which replaces it, and this must be writable to be locked meanwhile.
      await fs.chmod(this.#path, 0o600).catch(() => undefined)
      await run(writeFile('serve', this.#path, (file) => file.append((fd) => native.writeModel(packed, fd))))
      // What truncates it ends all processes that map it (SIGBUS), and what writes into it changes their weights.
      await fs.chmod(this.#path, 0o444)
    } finally {
      native.closeModel(packed)
    }
    const written = await this.#mapped()
    if (written === undefined) throw new Error(`${this.#path} is damaged as soon as it has been written`)
    return written
  }

  /** The weights in the file; `undefined` if it is not there, no regular file, damaged or somebody else's. */
  async #mapped(): Promise<Weights | undefined> {
    let file: fs.FileHandle
    try {
      file = await fs.open(this.#path, constants.O_RDONLY | AT_ONCE)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    try {
      const stats = await file.stat()
      if (!stats.isFile() || stats.uid !== process.getuid?.()) return undefined
      const handle = await this.#packing.map(file.fd)
      if (typeof handle === 'string') return undefined
      const now = new Date()
      // Tells `makeRoom` that it is used. It can also be read where that is not allowed.
      await file.utimes(now, now).catch(() => undefined)
      return { handle, bytes: native.modelBytes(handle), file: this.#path, reason: null }
    } finally {
      await file.close()
    }
  }
}

/**
 * Waits for the lock on a file, which the kernel releases when its process ends; returns what releases it. Without a
 * lock, two processes may write the same weights, and do not share them.
 */
async function lock(path: string): Promise<() => Promise<void>> {
  const file = await fs.open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | AT_ONCE, 0o600)
  const end = Date.now() + PATIENCE
  while (native.lockFile(file.fd) === false && Date.now() < end) await setTimeout(20)
  return () => file.close()
}

/**
 * Removes weights that no process has mapped for a month, and of the others those that were mapped the longest ago, until
 * there is room for as many bytes. Those that are mapped remain where they are in memory.
 */
async function makeRoom(folder: string, bytes: number): Promise<void> {
  const found: { path: string; size: number; used: number }[] = []
  for (const name of await fs.readdir(folder)) {
    if (!name.endsWith(SUFFIX)) continue
    const path = join(folder, name)
    const stats = await fs.stat(path).catch(() => undefined)
    if (stats !== undefined) found.push({ path, size: stats.size, used: stats.mtimeMs })
  }
  let room = MOST_BYTES - bytes
  for (const { path, size, used } of found.sort((a, b) => b.used - a.used)) {
    room -= size
    if (room < 0 || Date.now() - used > UNUSED) await fs.rm(path, { force: true })
  }
}
